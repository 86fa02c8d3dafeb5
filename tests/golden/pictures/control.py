#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Pictures that follow other pictures by ControlNets, painted as make.py, families.py and hires.py paint.

    pip install torch diffusers transformers k-diffusion torchsde safetensors pillow==9.5.0
    python control.py [case …]  writes models/control-*.json and cases/control*

The networks are diffusers' ControlNetModel, with weights by make.py's formula in the original layout's names. A unit acts in step k of n when
k/n >= start and (k+1)/n <= end. Modes as Mikubill/sd-webui-controlnet has them (scripts/hook.py): a result's weight is 0.825^(12-i), and with
"control" what is to be avoided gets none. Texts are judged elsewhere."""
import json
import sys

import numpy as np
import torch
from PIL import Image
from safetensors.torch import save_file

import edits
import families
import hires
import make
import tiling
from make import HERE, Recipe, write_recipe

NETS = {"control-sd1": "two-levels", "control-odd": "one-block", "control-sd2": "sd2", "control-sdxl": "sdxl", "control-inpaint": "inpaint"}
HINT = [(3, 16), (16, 16), (16, 32), (32, 32), (32, 96), (96, 96), (96, 256)]
SD1 = dict(make.COMMON, model="two-levels", steps=4, width=48, height=40)
CASES = {
    "control": dict(SD1, control=["control-sd1:start.png:weight=0.9"]),
    "control-two": dict(SD1, sampler="heun", control=["control-sd1:start.png:weight=0.8,start=0.25", "control-sd1:init.png:end=0.5,mode=prompt,resize=fill"]),
    "control-odd": dict(SD1, model="one-block", width=40, height=56, sampler="dpmpp_2m", control=["control-odd:start.png:weight=1.2,end=0.75,mode=control,resize=fit"]),
    "control-hires": dict(hires.COMMON, sampler="euler", hires=1.6, hires_steps=3, control=["control-sd1:start.png:weight=0.7,start=0.3"]),
    "control-sd2": dict(families.COMMON, model="sd2", control=["control-sd2:start.png:mode=prompt"]),
    "control-sdxl": dict(families.COMMON, model="sdxl", seed=6, width=56, control=["control-sdxl:start.png:weight=0.9,mode=control", "control-sdxl:init.png:weight=0.5,start=0.3"]),
    "control-inpaint": dict(families.COMMON, model="inpaint", control=["control-inpaint:start.png:weight=0.8,end=0.7"]),
}


def rows_of(model):
    """The recipe of a model's UNet: what a ControlNet copies"""
    r = Recipe()
    if model in families.MODELS:
        c = families.MODELS[model]
        pooled = sum(t["width"] for t in c["text"] if t.get("pooled"))
        c.update(context=sum(t["width"] for t in c["text"]), vector=pooled + 256 * c["sizes"] if "sizes" in c else 0)
        families.unet(r, c)
    else:
        c = make.MODELS[model]
        make.unet(r, c)
    return c, [row for row in r.tensors if not row[0].split(".")[2] in ("output_blocks", "out")]


def recipe(name):
    c, rows = rows_of(NETS[name])
    r, skips = Recipe(), []
    for old, shape, spread, mean in rows:
        part = old.replace("model.diffusion_model.", "")
        r.tensors.append(["control_model." + part, [shape[0], 4, *shape[2:]] if part == "input_blocks.0.0.weight" else shape, spread, mean])
        if part.startswith("input_blocks") and part.endswith((".0.0.weight", "out_layers.3.weight", ".op.weight")):
            skips.append(shape[0])
    for i, (inputs, out) in enumerate(HINT):
        r.conv(f"control_model.input_hint_block.{2 * i}", out, inputs, gain=1.5)
    r.conv("control_model.input_hint_block.14", c["channels"][0], 256, gain=1.5)
    for i, channels in enumerate(skips):
        r.conv(f"control_model.zero_convs.{i}.0", channels, channels, 1, gain=0.5)
    r.conv("control_model.middle_block_out.0", skips[-1], skips[-1], 1, gain=0.5)
    return c, {"seed": "velatura-" + name, "dtype": "F16", "tensors": r.tensors}


def to_diffusers(tensors, c):
    """diffusers' name to the original one"""
    out, rest = {}, {}
    for name in tensors:
        part = name.replace("control_model.", "")
        kind, *numbers = part.split(".")
        leaf = numbers[-1]
        if kind == "zero_convs":
            out[f"controlnet_down_blocks.{numbers[0]}.{leaf}"] = name
        elif kind == "middle_block_out":
            out[f"controlnet_mid_block.{leaf}"] = name
        elif kind == "input_hint_block":
            i = int(numbers[0]) // 2
            out["controlnet_cond_embedding." + ("conv_in." if i == 0 else "conv_out." if i == 7 else f"blocks.{i - 1}.") + leaf] = name
        elif kind == "label_emb":
            out["add_embedding." + {"0": "linear_1", "2": "linear_2"}[numbers[1]] + "." + leaf] = name
        else:
            rest["model.diffusion_model." + part] = name
    return out | make.unet_to_diffusers(rest, c)


def build(name, unet):
    from diffusers import ControlNetModel
    c, made = recipe(name)
    tensors = make.values(made)
    names = to_diffusers(tensors, c)
    net = ControlNetModel.from_unet(unet, load_weights_from_unet=False)
    net.conv_in = torch.nn.Conv2d(4, c["channels"][0], 3, padding=1)
    net.load_state_dict({new: tensors[old] for new, old in names.items()}, strict=True)
    rows = {row[0]: row for row in made["tensors"]}
    write_recipe(HERE / "models" / (name + ".json"), made, {"model.safetensors": [[n, n, *row[1:]] for n, row in rows.items()]})
    if name == "control-sd1":
        write_recipe(HERE / "models" / (name + "-folder.json"), made,
                     {"model.safetensors": [[new, old, *rows[old][1:]] for new, old in names.items()]})
    return net.eval()


class Controlled:
    """A UNet that is called once for what is wanted and once for what is not, in each evaluation."""

    def __init__(self, unet, o, nets):
        self.unet, self.o, self.calls, self.size, self.passes = unet, o, 0, None, [o["steps"], o.get("hires_steps", o["steps"])]
        self.evaluations = 2 if o["sampler"] == "heun" else 1
        self.units = []
        for text in o["control"]:
            name, picture, *keys = text.split(":")
            keys = dict(pair.split("=") for pair in ",".join(keys).split(",") if pair)
            self.units.append((nets(name, unet), Image.open(HERE / picture).convert("RGB"), keys))

    def __call__(self, x, t, **told):
        if self.size != x.shape[2:]:
            self.size, self.calls, self.n = x.shape[2:], 0, self.passes.pop(0)
        step, negative = self.calls // 2 // self.evaluations, self.calls % 2
        self.calls += 1
        total = None
        for net, picture, keys in self.units:
            if step / self.n < float(keys.get("start", 0)) or (step + 1) / self.n > float(keys.get("end", 1)):
                continue
            fitted = edits.resized(picture, dict(width=8 * x.shape[3], height=8 * x.shape[2]), keys.get("resize", "stretch"))
            hint = torch.from_numpy(np.asarray(fitted).astype(np.float32) / 255).permute(2, 0, 1)[None]
            down, middle = net(x[:, :4], t, controlnet_cond=hint, return_dict=False, **told)
            mode = keys.get("mode", "balanced")
            weights = [float(keys.get("weight", 1)) * (1 if mode == "balanced" else 0.825 ** (12 - i)) for i in range(len(down) + 1)]
            results = [r * (0 if mode == "control" and negative else w) for r, w in zip([*down, middle], weights)]
            total = results if total is None else [a + b for a, b in zip(total, results)]
        more = {} if total is None else dict(down_block_additional_residuals=total[:-1], mid_block_additional_residual=total[-1])
        return self.unet(x, t, **told, **more)


def main():
    from transformers import CLIPTokenizer
    vocabulary = HERE / "vocabulary"
    tokenizer = CLIPTokenizer(str(vocabulary / "vocab.json"), str(vocabulary / "merges.txt"))
    tokens = len(json.loads((vocabulary / "vocab.json").read_text()))
    built = {}

    def nets(name, unet):
        if name not in built:
            built[name] = build(name, unet)
        return built[name]

    for name, o in CASES.items():
        if sys.argv[1:] and name not in sys.argv[1:]:
            continue
        net = tiling.make_net(o["model"], tokens)
        net.unet = Controlled(net.unet, o, nets)
        if "hires" in o:
            trace = hires.run(net, tokenizer, o)
        elif o["model"] in families.MODELS:
            trace = families.run(net, tokenizer, families.MODELS[o["model"]], o, None)
        else:
            trace = make.run(net, tokenizer, make.MODELS[o["model"]], o, None)
        trace = {k: v for k, v in trace.items() if not k.endswith("cond") or k.startswith(("model.", "hires.model."))}
        save_file(trace, HERE / "cases" / (name + ".safetensors"))
        shown = {k: v for k, v in o.items() if k not in ("parts", "negative_parts", "prediction", "clip_skip")}
        (HERE / "cases" / (name + ".json")).write_text(json.dumps(shown | ({"bar": 2e-3} if "hires" in o else {}), indent=1) + "\n")
        print(name, float(trace["image"].std()), tuple(trace["image"].shape))


if __name__ == "__main__":
    sys.exit(main())
