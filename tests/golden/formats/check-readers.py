#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Two other readers against ours: python check-readers.py VELATURA, with sd-parsers, sd-prompt-reader, piexif and Pillow installed.

First pictures painted by VELATURA, of which both must read the same prompts, seed, steps, guidance and size that were asked for. Then
the texts of settings.json in files of their own: what `velatura inspect` says and what the two say, compared where they say anything.
Fails if a picture of ours is read wrongly; says how many of the others agree, and which do not. Not part of the test suite: it needs
packages that tests must not."""
import json
import logging
import os
import re
import subprocess
import sys
import tempfile

from PIL import Image, PngImagePlugin
from sd_parsers import ParserManager
from sd_prompt_reader.image_data_reader import ImageDataReader

HERE = os.path.dirname(os.path.abspath(__file__))
logging.disable(logging.CRITICAL)

OURS = [
    {"prompt": "a white swan, (dusk:1.2)", "negative": "blurry, text", "seed": "77", "steps": "2", "cfg": "6.5", "sampler": "dpmpp_2m"},
    {"prompt": "水彩, a fox", "negative": "", "seed": "4294967295", "steps": "1", "cfg": "7", "sampler": "euler_a"},
    {"prompt": "two\nlines: of \"prompt\"", "negative": "one\ntwo", "seed": "5", "steps": "3", "cfg": "4", "sampler": "ddim", "clip_skip": "2"},
    {"prompt": "Ölbild", "negative": "x", "seed": "18446744073709551615", "steps": "2", "cfg": "7", "sampler": "dpmpp_sde", "s_noise": "1.003"},
]


def inspect(velatura, path):
    return json.loads(subprocess.run([velatura, "inspect", path, "--json"], check=True, capture_output=True, text=True).stdout)


def read_parsers(path):
    """sd-parsers: {key: text} of what it found, or {} where it found nothing."""
    found = ParserManager().parse(path)
    if not found or not found.samplers:
        return {}
    sampler = found.samplers[0]
    said = {"prompt": "\n".join(p.value for p in sampler.prompts), "negative": "\n".join(p.value for p in sampler.negative_prompts)}
    for key, name in ("seed", "seed"), ("steps", "steps"), ("cfg", "cfg_scale"):
        if name in sampler.parameters:
            said[key] = str(sampler.parameters[name])
    return said


def read_reader(path):
    """sd-prompt-reader, likewise."""
    found = ImageDataReader(path)
    if not found.tool:
        return {}
    said = {"prompt": found.positive, "negative": found.negative}
    said |= {k: str(found.parameter[k]) for k in ("seed", "steps", "cfg", "size") if found.parameter.get(k) not in (None, "", "None")}
    return said


READERS = {"sd-parsers": read_parsers, "sd-prompt-reader": read_reader}


def same(a, b):
    try:
        return float(a) == float(b) if len(a) < 16 else a == b
    except ValueError:
        return a.split() == b.split()


def check_ours(velatura, folder):
    wrong = 0
    for i, options in enumerate(OURS):
        path = os.path.join(folder, f"ours-{i}.png")
        flags = [f"--{k.replace('_', '-')}={v}" for k, v in options.items()]
        subprocess.run([velatura, "generate", *flags, "--width=64", "--height=64", "--output", path, "--no-history", "--quiet"], check=True)
        for name, read in READERS.items():
            said = read(path)
            for key in ("prompt", "negative", "seed", "steps", "cfg"):
                if not same(said.get(key, ""), options[key]):
                    print(f"{name} reads our {key} as {said.get(key)!r}, not {options[key]!r}")
                    wrong += 1
    print(f"{len(OURS)} pictures of ours, {len(READERS)} readers: {wrong} wrong")
    return wrong


def check_others(velatura, folder):
    counts = {}
    with open(os.path.join(HERE, "settings.json"), encoding="utf-8") as file:
        cases = json.load(file)
    for i, case in enumerate(cases):
        info, path = PngImagePlugin.PngInfo(), os.path.join(folder, f"case-{i}.png")
        for keyword, text in case["text"].items():
            info.add_itxt(keyword, text)
        size = case.get("size") or [int(n) for n in case["fields"].get("Size", "8x8").split("x")]
        Image.new("RGB", size).save(path, pnginfo=info)
        settings = inspect(velatura, path)["settings"]
        ours = {"prompt": re.sub(r" ?<lora:[^>]*>", "", settings["Prompt"]), "negative": settings["Negative prompt"], "seed": settings.get("Seed", ""),
                "steps": settings.get("Steps", ""), "cfg": settings.get("CFG scale", ""), "size": settings.get("Size", "")}
        for name, read in READERS.items():
            try:
                said = read(path)
            except Exception as error:  # they fail on some
                said = {}
                print(f"case {i} ({case['program']}): {name} fails: {type(error).__name__}")
            for key, text in said.items():
                text = re.sub(r" ?<lora:[^>]*>", "", text)
                if case["program"] == "NovelAI" and re.search(r"[{}\[\]()]|::", text):
                    continue  # a prompt that we translate
                count = counts.setdefault((case["program"], name), [0, 0])
                count[0] += 1
                if same(text, ours.get(key, "")):
                    count[1] += 1
                elif "-v" in sys.argv:
                    print(f"case {i} ({case['program']}): {key} is {ours.get(key)!r}, {name} says {text!r}")
    for (program, name), (said, agreed) in sorted(counts.items()):
        print(f"{program}: {name} and we agree in {agreed} of the {said} values it reads")


with tempfile.TemporaryDirectory() as scratch:
    failed = check_ours(sys.argv[1], scratch)
    check_others(sys.argv[1], scratch)
sys.exit(1 if failed else 0)
