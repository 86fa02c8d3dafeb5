# SPDX-License-Identifier: Apache-2.0
"""Measure an exported starter model and write a sheet of its pictures.

    python evaluate.py --work DIR [--model model] [--out starter.png] [--velatura PROGRAM]

200 prompts whose pairs of subject and setting no training picture had are painted from the exported folder, by Velatura if its
program is given (a picture a second on two cores), else by the diffusers pipeline (a card is wanted); the judge (classifier.py) says whether the subject is among its first three guesses
and whether the setting is right. The sheet holds 16 prompts that people may try and 48 of the 200.
"""
import os
import subprocess
import tempfile
import textwrap
import time

import numpy as np
import torch
from diffusers import DPMSolverMultistepScheduler, EulerAncestralDiscreteScheduler, StableDiffusionPipeline
from PIL import Image, ImageDraw, ImageFont

import classifier
import unet
from captions import caption, held_out, setting_key
from common import log, work_folder
from scenes import GROUNDS, PLACES, SIZE
from subjects import NAMES

SAMPLERS = {"dpmpp_2m": DPMSolverMultistepScheduler, "euler_a": EulerAncestralDiscreteScheduler}


def prompts(count=200, seed=2024):
    """`count` (prompt, description) pairs, every one of a held-out pair of subject and setting."""
    rng = np.random.default_rng(seed)
    order = rng.permutation(len(NAMES))
    out, tried = [], 0
    while len(out) < count:
        subject = int(order[tried // 1000 % len(order)])
        tried += 1
        plain = bool(rng.random() < .35)
        what = {"plain": plain, "time": int(rng.integers(4)), "season": int(rng.integers(4)),
                "place": int(rng.integers(len(GROUNDS) if plain else len(PLACES))), "subjects": [(subject, 1, .5, .5, .6)]}
        if held_out(subject, setting_key(what)):
            out.append((caption(what, rng, full=True)[0], what))
            tried += 1000 - tried % 1000  # the next subject; so does a thousand in vain, for one that is painted everywhere
    return out


@torch.no_grad()
def paint(pipe, texts, steps, guidance, seed, batch=20):
    """Pictures of prompts as a (B,3,H,W) tensor in 0..1, one seed each."""
    out = []
    for at in range(0, len(texts), batch):
        part = texts[at:at + batch]
        generators = [torch.Generator().manual_seed(seed + at + i) for i in range(len(part))]
        images = pipe(part, height=SIZE, width=SIZE, num_inference_steps=steps, guidance_scale=guidance,
                      generator=generators, output_type="np").images
        out.append(torch.from_numpy(images).permute(0, 3, 1, 2).float())
    return torch.cat(out)


def paint_with(program, model, texts, steps, guidance, seed, sampler):
    """The same by Velatura."""
    out = []
    with tempfile.TemporaryDirectory() as folder:
        for i, text in enumerate(texts):
            path = os.path.join(folder, f"{i}.png")
            subprocess.run([program, "generate", "--model", model, "--prompt", text, "--seed", str(seed + i), "--steps", str(steps),
                            "--cfg", str(guidance), "--sampler", sampler, "--emphasis", "none", "--no-history", "--quiet", "--output", path],
                           check=True)
            out.append(torch.from_numpy(np.array(Image.open(path).convert("RGB"))).permute(2, 0, 1).float() / 255)
    return torch.stack(out)


def captioned(batch, texts, columns=8, scale=1):
    """A sheet of pictures with their prompts below."""
    font = ImageFont.load_default(10)
    w, h, gap, foot = SIZE * scale, SIZE * scale, 6, 30
    rows = (len(texts) + columns - 1) // columns
    out = Image.new("RGB", (columns * (w + gap) + gap, rows * (h + foot + gap) + gap), (250, 248, 244))
    draw = ImageDraw.Draw(out)
    for i, (a, words) in enumerate(zip((batch * 255).round().byte().permute(0, 2, 3, 1).numpy(), texts)):
        x, y = gap + i % columns * (w + gap), gap + i // columns * (h + foot + gap)
        out.paste(Image.fromarray(a).resize((w, h)), (x, y))
        lines = textwrap.wrap(words, 25)[:2]
        for k, line in enumerate(lines):
            draw.text((x + w / 2, y + h + 2 + 12 * k), line, fill=(40, 40, 50), font=font, anchor="ma")
    return out


def main():
    here = os.path.dirname(os.path.abspath(__file__))
    o = work_folder(__doc__, model=os.path.join(here, "model"), out="starter.png", steps=20, guidance=5.0,
                    sampler="dpmpp_2m", seed=1, count=200, velatura="")
    if o.velatura:
        painted = lambda texts, seed: paint_with(o.velatura, o.model, texts, o.steps, o.guidance, seed, o.sampler)
    else:
        pipe = StableDiffusionPipeline.from_pretrained(o.model, torch_dtype=torch.float32, safety_checker=None)
        pipe.to("cuda" if torch.cuda.is_available() else "cpu").set_progress_bar_config(disable=True)
        pipe.scheduler = SAMPLERS[o.sampler].from_config(pipe.scheduler.config)
        painted = lambda texts, seed: paint(pipe, texts, o.steps, o.guidance, seed)
    judge, asked, began = classifier.restored(o.work), prompts(o.count), time.time()
    batch = painted([p for p, _ in asked], o.seed)
    what = [w for _, w in asked]
    with torch.no_grad():
        _, subjects, settings = judge(batch)
    found = classifier.subjects_right(subjects, what)
    first = classifier.subjects_right(subjects, what, 1)
    settled, details = classifier.setting_right(settings, what)
    parts = {k: np.mean([d[k] for d in details if k in d]) for k in ("kind", "ground", "time", "season", "water", "place")}
    log(os.path.join(o.work, "evaluate.log"),
        f"{o.sampler}, {o.steps} steps, guidance {o.guidance}: subject in first three {np.mean(found):.3f} "
        f"(first {np.mean(first):.3f}), setting {np.mean(settled):.3f} ("
        + ", ".join(f"{k} {v:.2f}" for k, v in parts.items()) + f"), {(time.time() - began) / len(asked):.2f} s a picture")
    shown = painted(unet.LOOK, o.seed + 1000)
    captioned(torch.cat([shown, batch[:48]]), unet.LOOK + [p for p, _ in asked[:48]]).save(o.out)


if __name__ == "__main__":
    main()
