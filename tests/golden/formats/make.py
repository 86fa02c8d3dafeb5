#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Files by other programs for tests/engine/formats: python make.py, with torch, safetensors, diffusers and Pillow."""
import json
import os
import re
import struct
import zlib

import numpy as np
import torch
from PIL import Image, PngImagePlugin
from safetensors.torch import save_file

HERE = os.path.dirname(os.path.abspath(__file__))


def types():
    dtypes = {"F32": torch.float32, "F16": torch.float16, "BF16": torch.bfloat16, "F64": torch.float64, "I32": torch.int32,
              "I64": torch.int64, "U8": torch.uint8, "BOOL": torch.bool, "I8": torch.int8, "I16": torch.int16,
              "F8_E4M3": torch.float8_e4m3fn, "F8_E5M2": torch.float8_e5m2}
    tensors = {name: torch.tensor([0, 1, 2]).to(dtype) for name, dtype in dtypes.items()}
    tensors["漆.weight"] = (torch.arange(6, dtype=torch.float32) / 2).reshape(2, 3)
    tensors["five.axes"] = torch.zeros(1, 1, 1, 1, 1)
    save_file(tensors, os.path.join(HERE, "types.safetensors"), metadata={"title": '漆 "quoted"\nsecond line'})


def ldm_unet(levels, blocks, attention):
    """Names of the original layout, counted as ldm/modules/diffusionmodules/openaimodel.py builds its blocks."""
    names, resnet = [], ["in_layers.0", "in_layers.2", "emb_layers.1", "out_layers.0", "out_layers.3", "skip_connection"]
    transformer = ["norm", "proj_in", "transformer_blocks.0.attn2.to_k", "transformer_blocks.0.ff.net.0.proj", "proj_out"]

    def put(prefix, inner):
        names.extend(f"{prefix}.{x}.weight" for x in inner)

    put("time_embed", ["0", "2"])
    put("input_blocks.0", ["0"])
    index = 1
    for level in range(levels):
        for _ in range(blocks):
            put(f"input_blocks.{index}.0", resnet)
            if attention[level]:
                put(f"input_blocks.{index}.1", transformer)
            index += 1
        if level != levels - 1:
            put(f"input_blocks.{index}.0", ["op"])
            index += 1
    put("middle_block.0", resnet[:-1])
    put("middle_block.1", transformer)
    put("middle_block.2", resnet[:-1])
    index = 0
    for level in reversed(range(levels)):
        for k in range(blocks + 1):
            put(f"output_blocks.{index}.0", resnet)
            if attention[level]:
                put(f"output_blocks.{index}.1", transformer)
            if level and k == blocks:
                put(f"output_blocks.{index}.{2 if attention[level] else 1}", ["conv"])
            index += 1
    put("out", ["0", "2"])
    return ["model.diffusion_model." + name for name in names]


def ldm_vae(levels, blocks):
    """Names as ldm/modules/diffusionmodules/model.py has them."""
    resnet, names = ["norm1", "conv1", "norm2", "conv2", "nin_shortcut"], []

    def put(prefix, inner):
        names.extend(f"{prefix}.{x}.weight" for x in inner)

    for side, path, sample, count in ("encoder", "down", "downsample", blocks), ("decoder", "up", "upsample", blocks + 1):
        put(side, ["conv_in", "norm_out", "conv_out"])
        put(f"{side}.mid.block_1", resnet[:-1])
        put(f"{side}.mid.attn_1", ["norm", "q", "k", "v", "proj_out"])
        put(f"{side}.mid.block_2", resnet[:-1])
        for level in range(levels):
            for k in range(count):
                put(f"{side}.{path}.{level}.block.{k}", resnet)
            if level != (levels - 1 if side == "encoder" else 0):
                put(f"{side}.{path}.{level}.{sample}", ["conv"])
    put("quant_conv", [""]), put("post_quant_conv", [""])
    return ["first_stage_model." + name.replace("..", ".") for name in names]


def names():
    """Pairs of names, the original one and that of diffusers, by diffusers' own conversion."""
    from diffusers.loaders import single_file_utils as convert

    for name, blocks, attention in ("unet-sd1", 2, [1, 1, 1, 0]), ("unet-one-block", 1, [0, 1]), ("unet-three-blocks", 3, [1, 0, 1]):
        original = ldm_unet(len(attention), blocks, attention)
        write_pairs(name, original, convert.convert_ldm_unet_checkpoint(numbered(original), {"layers_per_block": blocks}))
    for name, levels, blocks in ("vae-sd1", 4, 2), ("vae-one-block", 2, 1):
        original = ldm_vae(levels, blocks)
        config = {"down_block_types": [0] * levels, "up_block_types": [0] * levels}
        write_pairs(name, original, convert.convert_ldm_vae_checkpoint(numbered(original), config))


def numbered(original):
    """Tensors that say which name they had; the conversion wants biases too."""
    tensors = {key: torch.full((1, 1, 1, 1), float(i)) for i, key in enumerate(original)}
    return tensors | {key.replace(".weight", ".bias"): value for key, value in tensors.items()}


def write_pairs(name, original, converted):
    pairs = sorted((original[int(v.flatten()[0])], key) for key, v in converted.items() if key.endswith(".weight"))
    assert len(pairs) == len(original)
    with open(os.path.join(HERE, name + ".names"), "w") as file:
        file.writelines(f"{a} {b}\n" for a, b in pairs)


ADAM7 = [(0, 0, 8, 8), (4, 0, 8, 8), (0, 4, 4, 8), (2, 0, 4, 4), (0, 2, 2, 4), (1, 0, 2, 2), (0, 1, 1, 2)]


def raw_png(name, samples, depth, colour, interlaced, *chunks):
    """samples: [height, width, channels] of integers below 2^depth. Every row has filter 0."""
    def rows(block):
        height, width, channels = block.shape
        out = b""
        for row in block.reshape(height, width * channels) if width and height else []:
            bits = "".join(format(int(v), f"0{depth}b") for v in row)
            bits += "0" * (-len(bits) % 8)
            out += b"\0" + bytes(int(bits[i:i + 8], 2) for i in range(0, len(bits), 8))
        return out

    def chunk(kind, data):
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    height, width, _ = samples.shape
    data = b"".join(rows(samples[y::dy, x::dx]) for x, y, dx, dy in ADAM7) if interlaced else rows(samples)
    header = struct.pack(">IIBBBBB", width, height, depth, colour, 0, 0, interlaced)
    with open(os.path.join(HERE, name + ".png"), "wb") as file:
        file.write(b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + b"".join(chunk(*c) for c in chunks) +
                   chunk(b"IDAT", zlib.compress(data)) + chunk(b"IEND", b""))


def pictures():
    """PNG files of every kind, their pixels as 8-bit RGB over white by plain arithmetic, agreed to by Pillow where it can read them."""
    random, expected = np.random.default_rng(1), {}
    height, width = 7, 9
    kinds = [("grey1", 1, 0), ("grey2", 2, 0), ("grey4", 4, 0), ("grey8", 8, 0), ("grey16", 16, 0), ("rgb8", 8, 2), ("rgb16", 16, 2),
             ("palette2", 2, 3), ("palette8", 8, 3), ("grey-alpha8", 8, 4), ("grey-alpha16", 16, 4), ("rgba8", 8, 6), ("rgba16", 16, 6)]
    for i, (name, depth, colour) in enumerate(kinds):
        channels = {0: 1, 2: 3, 3: 1, 4: 2, 6: 4}[colour]
        top = min(1 << depth, 20) if colour == 3 else 1 << depth
        samples, chunks = random.integers(0, top, (height, width, channels)), []
        full = np.round(samples * 255.0 / ((1 << depth) - 1))
        alpha = np.full((height, width, 1), 255.0)
        if colour == 3:
            palette, clear = random.integers(0, 256, (top, 3)), random.integers(0, 256, 3)
            chunks = [(b"PLTE", palette.astype(np.uint8).tobytes()), (b"tRNS", clear.astype(np.uint8).tobytes())]
            full = palette[samples[..., 0]].astype(float)
            alpha = np.concatenate([clear, np.full(256, 255)])[samples].astype(float)
        elif colour in (4, 6):
            full, alpha = full[..., :-1], full[..., -1:]
        raw_png(name, samples, depth, colour, i % 2, *chunks)
        rgb = np.broadcast_to(np.floor((full * alpha + 255 * (255 - alpha)) / 255 + 0.5), (height, width, 3))
        expected[name] = torch.from_numpy(rgb.astype(np.uint8).copy())
        if depth < 16:
            image = Image.open(os.path.join(HERE, name + ".png")).convert("RGBA")
            over = np.asarray(Image.alpha_composite(Image.new("RGBA", image.size, "white"), image))[..., :3]
            assert np.abs(over.astype(int) - rgb).max() <= 1, name
    save_file(expected, os.path.join(HERE, "pictures.safetensors"))


def texts():
    """What A1111 writes (Pillow's PngInfo), and the other two kinds of text."""
    info = PngImagePlugin.PngInfo()
    info.add_text("parameters", "café\nSteps: 20, Sampler: Euler a, CFG scale: 7")
    info.add_text("Chinese", "水彩画，一只天鹅")
    info.add_text("compressed", "x" * 5000, zip=True)
    info.add_itxt("both", "漆" * 1000, "zh", "两者", zip=True)
    Image.new("RGB", (3, 2), (10, 20, 30)).save(os.path.join(HERE, "texts.png"), pnginfo=info)


# The expression A1111 takes its last line apart with.
PAIR = re.compile(r'\s*(\w[\w \-/]+):\s*("(?:\\.|[^\\"])+"|[^,]*)(?:,|$)')

RECIPES = [
    "a white swan on a lake at dusk\nNegative prompt: blurry, low quality\nSteps: 20, Sampler: Euler a, Schedule type: Automatic, "
    "CFG scale: 7, Seed: 1234567890, Size: 512x512, Model hash: 6ce0161689, Model: v1-5-pruned-emaonly, Version: v1.10.1",
    "masterpiece, best quality, 1girl, (long hair:1.2), <lora:style_v2:0.8>\nNegative prompt: (worst quality:1.4), bad hands\n"
    "Steps: 28, Sampler: DPM++ 2M Karras, CFG scale: 6.5, Seed: 42, Size: 512x768, Model hash: abcdef0123, Model: dreamshaper_8, "
    "VAE hash: c6a580b13a, VAE: vae-ft-mse-840000-ema-pruned.ckpt, Denoising strength: 0.45, Clip skip: 2, Hires upscale: 2, "
    "Hires steps: 15, Hires upscaler: 4x-UltraSharp, Lora hashes: \"style_v2: 0f1e2d3c4b5a, other: 112233445566\", Version: v1.6.0",
    "photo of a cat\nsecond line\n\nfourth line, after an empty one\nNegative prompt: dog\nwolf\nSteps: 5, Sampler: DDIM, CFG scale: 7.5, "
    "Seed: 1, Size: 256x256",
    "no settings at all",
    "Steps: 20, but this is a prompt",
    "",
    "   \n  \n",
    "Steps: 20, Sampler: Heun, CFG scale: 7, Seed: 3, Size: 64x64",
    "Negative prompt: only negative\nSteps: 20, Sampler: Heun, CFG scale: 7, Seed: 3, Size: 64x64",
    "a \"quoted\" word, a: colon, back\\slash\nSteps: 20, Sampler: Euler, CFG scale: 7, Seed: 3, Model: \"name, with: all\\nof it\"",
    "x\nSteps: 20, Sampler: Euler, Seed: 3, Broken: \"not closed, Next: 5",
    "x\nSteps: 20, Sampler: Euler, Seed: 3, Odd: \"closed\" but more, Next: 5",
    "x\nSteps: 20, Sampler: Euler, Seed: 3, Bad: \"\\q\", Empty quotes: \"\", Nothing: , Last: end",
    "水彩画，一只天鹅，黄昏的湖\nNegative prompt: 模糊\nSteps: 30, Sampler: DPM++ 2M, Schedule type: Karras, CFG scale: 5, Seed: 99, "
    "Size: 768x512, Model: 国风3_v3.3, RNG: CPU, Version: v1.9.4",
    "[a:b:0.5] AND c :1.2 BREAK d\nNegative prompt: embedding:bad, EasyNegative\nSteps: 25, Sampler: DPM++ SDE, Schedule type: "
    "Karras, CFG scale: 7, Seed: 18446744073709551615, Size: 1024x1024, Model hash: 31e35c80fc, Model: sd_xl_base_1.0, RNG: NV",
    "x\r\nNegative prompt: y\r\nSteps: 20, Sampler: Euler a, CFG scale: 7, Seed: 5, Size: 512x512\r\n",
    "x\nsteps: 20, sampler: Euler a, cfg: 7, seed: 5",
    "x\nSteps: 20, Sampler: Euler a, CFG scale: 7, Seed: 5, Size: 512x512, Face restoration: CodeFormer, ENSD: 31337, Eta: 0.67",
    "x\nSteps: 20, Sampler: Euler a, CFG scale: 7, Seed: 5, Size: 512x512, ControlNet 0: \"Module: canny, Model: control_v11p_sd15_canny "
    "[d14c016b], Weight: 1, Resize Mode: Crop and Resize, Low Vram: False\", Version: v1.7.0",
    "x\nSteps: 20, Sampler: Euler a, CFG scale: 7, Seed: 5, Size: 512x512, Template: \"a, b\", Negative Template: \"c\"",
    "x\nSteps: 20, Steps: 30, Sampler: Euler a, CFG scale: 7, Seed: 5",
    "x\nSteps: 20 , Sampler:Euler a,CFG scale:  7,  Seed :5, Size: 12x, A: 1, AB: 2x3",
    "Negative prompt: a\nNegative prompt: b\nSteps: 20, Sampler: Euler, Seed: 5",
    "x\nSteps: 150, Sampler: LMS, CFG scale: 30, Seed: 0, Size: 64x2048, Variation seed: 77, Variation seed strength: 0.2, "
    "Seed resize from: 512x512, Refiner: sd_xl_refiner_1.0 [7440042bbd], Refiner switch at: 0.8, TI hashes: \"bad: 1a2b\"",
    "\u00a0x\u3000\nSteps: 20, Sampler: Euler, Seed: 5, Größe: 7, 键: 值",
]


def fields(text):
    """What A1111 makes of a text: its rules, in other words."""
    lines = text.strip().split("\n")
    settings = lines.pop() if len(PAIR.findall(lines[-1])) >= 3 else ""
    prompts, which = {"Prompt": "", "Negative prompt": ""}, "Prompt"
    for line in map(str.strip, lines):
        if line.startswith("Negative prompt:"):
            which, line = "Negative prompt", line.removeprefix("Negative prompt:").strip()
        prompts[which] += ("\n" if prompts[which] else "") + line
    found = dict(prompts)
    for key, value in PAIR.findall(settings):
        if not value:
            continue
        if value[0] == value[-1] == '"':
            try:
                value = json.loads(value)
            except ValueError:
                pass
        found[key] = value
        size = re.match(r"(\d+)x(\d+)$", value)
        if size:
            found[key + "-1"], found[key + "-2"] = size.groups()
    return found


def recipes():
    with open(os.path.join(HERE, "recipes.json"), "w") as file:
        json.dump([{"text": text, "fields": fields(text)} for text in RECIPES], file, ensure_ascii=False, indent=1)


if __name__ == "__main__":
    types()
    names()
    pictures()
    texts()
    recipes()
