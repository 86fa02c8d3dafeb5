#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Pictures whose edges meet, painted in two passes as hires.py paints them.

    pip install torch diffusers transformers k-diffusion torchsde safetensors pillow==9.5.0
    python tiling.py [case …]  writes cases/tiling*

Both axes as AUTOMATIC1111 1.10 has them, modules/sd_hijack.py apply_circular: every Conv2d of UNet and VAE has padding_mode "circular". One
axis alone pads each axis by itself, as the extension "Asymmetric tiling" does. The VAE's encoder pads by zeros before its convolutions of
stride 2, which have no padding of their own: those zeros stay."""
import json
import sys

import torch
from safetensors.torch import save_file
from torch.nn import functional as F

import families
import hires
import make
from make import HERE

COMMON = dict(hires.COMMON, tiling=True, tiling_axes="both", hires_steps=2, sampler="euler")
CASES = {
    "tiling": dict(hires=1.6, sampler="euler_a", steps=3),
    "tiling-x": dict(hires=1.45, hires_upscaler="lanczos", tiling_axes="x"),
    "tiling-y": dict(hires=1.3, hires_upscaler="latent-nearest", tiling_axes="y", steps=3),
    "tiling-sdxl": dict(model="sdxl", hires=1.4, hires_upscaler="lanczos", steps=3),
    "tiling-sdxl-x": dict(model="sdxl", seed=6, hires=1.3, hires_upscaler="latent-bicubic", tiling_axes="x", steps=3),
}


def join_edges(net, axes):
    for layer in [*net.unet.modules(), *net.vae.modules()]:
        if not isinstance(layer, torch.nn.Conv2d):
            continue
        if axes == "both":
            layer.padding_mode = "circular"
            continue
        h, w = layer.padding

        def forward(x, weight, bias, layer=layer, h=h, w=w):
            x = F.pad(x, (w, w, 0, 0), mode="circular" if axes == "x" and w else "constant")
            x = F.pad(x, (0, 0, h, h), mode="circular" if axes == "y" and h else "constant")
            return F.conv2d(x, weight, bias, layer.stride, 0, layer.dilation, layer.groups)
        layer._conv_forward = forward


def make_net(model, tokens):
    if model in families.MODELS:
        return families.prepare(model, families.MODELS[model], tokens)
    c = make.MODELS[model]
    c["tokens"] = tokens
    return make.Networks(c, make.values(make.recipe(model, c)))


def main():
    from transformers import CLIPTokenizer
    vocabulary = HERE / "vocabulary"
    tokenizer = CLIPTokenizer(str(vocabulary / "vocab.json"), str(vocabulary / "merges.txt"))
    tokens = len(json.loads((vocabulary / "vocab.json").read_text()))
    for name, options in CASES.items():
        if sys.argv[1:] and name not in sys.argv[1:]:
            continue
        o = {**COMMON, **options}
        net = make_net(o["model"], tokens)
        join_edges(net, o["tiling_axes"])
        trace = hires.run(net, tokenizer, o)
        save_file(trace, HERE / "cases" / (name + ".safetensors"))
        shown = {k: v for k, v in o.items() if k not in ("parts", "negative_parts", "prediction", "clip_skip")}
        bar = 2e-3 if o["hires_upscaler"] in hires.LATENT else 2e-2
        (HERE / "cases" / (name + ".json")).write_text(json.dumps({**shown, "bar": bar}, indent=1) + "\n")
        print(name, float(trace["image"].std()), tuple(trace["image"].shape))


if __name__ == "__main__":
    sys.exit(main())
