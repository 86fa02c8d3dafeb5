#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Files by other programs for tests/engine/formats: python make.py, with torch, safetensors, diffusers and Pillow."""
import os
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


if __name__ == "__main__":
    types()
    names()
    pictures()
    texts()
