# SPDX-License-Identifier: Apache-2.0
"""Write the trained networks as a diffusers folder, in fp16, and prove it by loading it anew.

    python export.py --work DIR [--out model]
"""
import json
import os
import shutil

import torch
from diffusers import StableDiffusionPipeline
from safetensors.torch import save_file

import latents
import text
import unet
import vae
from common import work_folder

FACTOR = .18215


@torch.no_grad()
def fold(net, scale):
    """Put the latents' normalisation into the VAE, so that SD's usual scaling factor is exact."""
    mean, deviation = (v.flatten() for v in scale)
    size = deviation * FACTOR
    quant, post = net.quant_conv, net.post_quant_conv
    quant.weight[:4] /= size.view(4, 1, 1, 1)
    quant.bias[:4] = (quant.bias[:4] - mean) / size
    quant.bias[4:] -= 2 * size.log()
    post.bias += post.weight[:, :, 0, 0] @ mean
    post.weight *= size.view(1, 4, 1, 1)


def write(path, value):
    os.makedirs(os.path.dirname(path), exist_ok=True)
    with open(path, "w") as f:
        json.dump(value, f, indent=2)
        f.write("\n")


def half(net, prefix=""):
    """Its tensors in fp16, by name."""
    return {prefix + k: v.half().contiguous() for k, v in net.state_dict().items() if not k.endswith("position_ids")}


def plain(config):
    """A configuration without what only its writer cares about."""
    return {k: list(v) if isinstance(v, tuple) else v for k, v in dict(config).items()
            if v is not None and k not in ("_name_or_path", "_use_default_values")}


def main():
    o = work_folder(__doc__, out=os.path.join(os.path.dirname(os.path.abspath(__file__)), "model"))
    encoder, _ = text.restored(o.work)
    coder, _ = vae.restored(o.work)
    net, step = unet.restored(o.work)
    fold(coder, latents.scale(o.work))
    part = o.out + ".part"
    shutil.rmtree(part, ignore_errors=True)
    shutil.copytree(os.path.join(o.work, "tokenizer"), os.path.join(part, "tokenizer"))
    names = encoder.state_dict()
    prefix = "" if any(k.startswith("text_model.") for k in names) else "text_model."
    for folder, file, tensors, config in (
            ("text_encoder", "model", half(encoder, prefix), encoder.config.to_dict()),
            ("vae", "diffusion_pytorch_model", half(coder), {"_class_name": "AutoencoderKL", **coder.config}),
            ("unet", "diffusion_pytorch_model", half(net), {"_class_name": "UNet2DConditionModel", **net.config})):
        config = plain(config)
        if folder == "text_encoder":
            config.update(architectures=["CLIPTextModel"], torch_dtype="float16")
        write(os.path.join(part, folder, "config.json"), config)
        save_file(tensors, os.path.join(part, folder, file + ".safetensors"), metadata={"format": "pt"})
    write(os.path.join(part, "scheduler", "scheduler_config.json"),
          {"_class_name": "DPMSolverMultistepScheduler", "solver_order": 2, **unet.SCHEDULE})
    write(os.path.join(part, "model_index.json"), {
        "_class_name": "StableDiffusionPipeline", "requires_safety_checker": False, "safety_checker": [None, None],
        "feature_extractor": [None, None],
        "scheduler": ["diffusers", "DPMSolverMultistepScheduler"], "text_encoder": ["transformers", "CLIPTextModel"],
        "tokenizer": ["transformers", "CLIPTokenizer"], "unet": ["diffusers", "UNet2DConditionModel"],
        "vae": ["diffusers", "AutoencoderKL"]})
    for folder, _, files in os.walk(part):
        os.chmod(folder, 0o755)
        for f in files:
            os.chmod(os.path.join(folder, f), 0o644)
    size = sum(os.path.getsize(os.path.join(d, f)) for d, _, fs in os.walk(part) for f in fs)
    if size > 48e6:
        raise SystemExit(f"{size / 1e6:.1f} MB is more than 48 MB")
    pipe = StableDiffusionPipeline.from_pretrained(part, torch_dtype=torch.float32, safety_checker=None)
    pipe.set_progress_bar_config(disable=True)
    prompt, seed = "a fox on a snowy hill", 7
    shown = pipe(prompt, height=128, width=128, num_inference_steps=20, guidance_scale=5.0,
                 generator=torch.Generator().manual_seed(seed)).images[0]
    shown.save(os.path.join(o.work, "export.png"))
    old = o.out + ".old"
    shutil.rmtree(old, ignore_errors=True)
    if os.path.exists(o.out):
        os.rename(o.out, old)
    os.rename(part, o.out)
    shutil.rmtree(old, ignore_errors=True)
    print(f"{o.out}: step {step}, {size / 1e6:.1f} MB, loads and paints")


if __name__ == "__main__":
    main()
