"""The whole program beside PyTorch: a model folder written for it, its trace judged, its networks timed.
SPDX-License-Identifier: Apache-2.0"""
import json
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time

import torch

import fill
from networks import SD15, TOKENS, VAE, quiet_diffusers
from turns import alarm, emit, judge, settle, torch_timer

STARTER = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..", "resources", "starter", "model")
TEXT = dict(hidden_size=768, intermediate_size=3072, num_hidden_layers=12, num_attention_heads=12)
LATENT_SCALE = 0.18215

# As small as the program takes one, for a dry run.
SMALL = dict(sample_size=8, cross_attention_dim=64, attention_head_dim=8, block_out_channels=(32, 64), layers_per_block=1,
             down_block_types=("CrossAttnDownBlock2D", "DownBlock2D"), up_block_types=("UpBlock2D", "CrossAttnUpBlock2D"))
SMALL_VAE = dict(VAE, block_out_channels=(32, 32, 32, 64), layers_per_block=1)
SMALL_TEXT = dict(hidden_size=64, intermediate_size=128, num_hidden_layers=2, num_attention_heads=1)


class Model:
    """Stable Diffusion 1.5 with random weights, as modules and as a diffusers folder"""

    def __init__(self, small, device):
        from diffusers import AutoencoderKL, UNet2DConditionModel
        from transformers import CLIPTextConfig, CLIPTextModel

        quiet_diffusers()
        self.device = device
        with torch.device("meta"):
            unet = UNet2DConditionModel(**(SMALL if small else SD15))
            vae = AutoencoderKL(**(SMALL_VAE if small else VAE))
        self.unet, self.vae = (module.to_empty(device=device).eval() for module in (unet, vae))
        self.text = CLIPTextModel(CLIPTextConfig(**(SMALL_TEXT if small else TEXT))).to(device).eval()
        for name, module in (("unet", self.unet), ("vae", self.vae), ("text_encoder", self.text)):
            fill.fill_module(module, name)

    def write(self, folder):
        from safetensors.torch import save_file

        for name, module, file in (("unet", self.unet, "diffusion_pytorch_model"), ("vae", self.vae, "diffusion_pytorch_model"),
                                   ("text_encoder", self.text, "model")):
            os.makedirs(os.path.join(folder, name))
            tensors = {key: value.to(torch.bfloat16).contiguous() if value.is_floating_point() else value
                       for key, value in module.state_dict().items()}
            save_file(tensors, os.path.join(folder, name, file + ".safetensors"), metadata={"format": "pt"})
            with open(os.path.join(folder, name, "config.json"), "w") as out:
                out.write(module.config.to_json_string() if name == "text_encoder" else module.to_json_string())
        os.makedirs(os.path.join(folder, "scheduler"))
        with open(os.path.join(folder, "scheduler", "scheduler_config.json"), "w") as out:
            json.dump({"prediction_type": "epsilon"}, out)
        shutil.copytree(os.path.join(STARTER, "tokenizer"), os.path.join(folder, "tokenizer"))


def run(command):
    """-> what it printed; its own words go to standard error"""
    return subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True).stdout


def check_trace(options, model, command, folder):
    """The first evaluation, guided by nothing, and the decoded picture."""
    from safetensors.torch import load_file

    trace = os.path.join(folder, "trace.safetensors")
    run([*command("generate"), "--prompt", "a lighthouse in a storm", "--seed", "1", "--steps", "1", "--sampler", "euler", "--trace", trace,
         "--output", os.path.join(folder, "picture.png"), "--no-history", "--force", "--quiet"])
    found = {name: tensor.to(options.device) for name, tensor in load_file(trace).items()}
    sigma = found["sigmas"][0]
    sample = (found["latent.000"] / (sigma**2 + 1).sqrt()).to(options.dtype)
    timestep = torch.tensor(999, device=options.device)
    latent = (found["latent.001"] / LATENT_SCALE).to(options.dtype)
    right = True
    for which in ("cond", "uncond"):
        text = found[which].to(options.dtype)

        def evaluate(dtype):
            return model.unet.to(dtype)(sample.to(dtype), timestep, text.to(dtype), return_dict=False)[0]

        right = report(options, f"unet {which}", found[f"model.{which}"], evaluate) and right

    def decode(dtype):
        return (model.vae.to(dtype).decode(latent.to(dtype), return_dict=False)[0] / 2 + 0.5).clamp(0, 1)

    return report(options, "vae", found["image"], decode) and right


def report(options, what, ours, function):
    wide = torch.float64 if options.dtype == torch.float32 else torch.float32
    verdict = judge(ours.to(options.dtype), function(options.dtype), function(wide))
    emit("program", what=what, type=options.type, **verdict)
    return verdict["right"]


def time_networks(options, model, command, width, height):
    """A process for ours in each round, which times some runs itself."""
    latent = fill.noise("input.latent", 2, 4, height // 8, width // 8, dtype=options.dtype, device=options.device)
    text = fill.noise("input.text", 2, TOKENS, model.unet.config.cross_attention_dim, dtype=options.dtype, device=options.device)
    latent = latent.contiguous(memory_format=torch.channels_last)
    timestep = torch.tensor(500, device=options.device)
    unet, vae = (module.to(options.dtype).to(memory_format=torch.channels_last) for module in (model.unet, model.vae))
    calls = {"unet": lambda: unet(latent, timestep, text, return_dict=False), "vae": lambda: vae.decode(latent[:1], return_dict=False)}
    for name, call in calls.items():
        timer, turns = torch_timer(call, options.device), []
        timer(2)
        for _ in range(2 if options.dry_run else 3):
            line = run([*command("bench", name), "--json", "--runs", "2" if options.dry_run else "30"]).strip().splitlines()[-1]
            settle(options.device)
            turns.append((json.loads(line)["seconds"], timer(1 if options.dry_run else 10)))
        ours, theirs = (statistics.median(side) for side in zip(*turns))
        emit("time-program", what=name, type=options.type, size=f"{width}x{height}", seconds=ours, torch_seconds=theirs,
             ratio=statistics.median(turn[1] / turn[0] for turn in turns))


def time_picture(options, command, folder):
    """All of it, from the start of the process to the file."""
    steps = 2 if options.dry_run else 20
    begun = time.perf_counter()
    run([*command("generate"), "--prompt", "a lighthouse in a storm", "--seed", "1", "--steps", str(steps), "--output",
         os.path.join(folder, "picture.png"), "--no-history", "--force", "--quiet"])
    emit("time-program", what=f"process, picture of {steps} steps", type=options.type, seconds=time.perf_counter() - begun)


def compare_program(options):
    path = shutil.which(options.velatura)
    if not path:
        emit("program", skipped=f"there is no program {options.velatura}")
        return True
    side = 64 if options.dry_run else 512
    folder = tempfile.mkdtemp(dir=options.folder)
    try:
        with alarm(options.alarm, "the program's part"):
            model = Model(options.dry_run, options.device)
            model.write(os.path.join(folder, "model"))
            where = "cpu" if options.device.type == "cpu" else f"cuda:{options.device.index}"

            def command(*words):
                return [path, *words, "--model", os.path.join(folder, "model"), "--device", where, "--precision", options.type, "--width",
                        str(side), "--height", str(side), *(["--tokenizer", options.tokenizer] if options.tokenizer else [])]

            right = check_trace(options, model, command, folder)
            time_networks(options, model, command, side, side)
            time_picture(options, command, folder)
            return right
    except (subprocess.CalledProcessError, TimeoutError) as error:
        print(f"compare.py: {error}", file=sys.stderr)
        emit("failure", during="program", why=str(error).replace(folder, ""))
        return False
    finally:
        shutil.rmtree(folder)
