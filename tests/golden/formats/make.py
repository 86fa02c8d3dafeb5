#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Files by other programs for tests/engine/formats: python make.py, with torch, safetensors, diffusers and Pillow."""
import os

import torch
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


if __name__ == "__main__":
    types()
    names()
