#!/usr/bin/env python3
"""Writes a checkpoint with Stable Diffusion 1.5's shapes and random fp16 weights, 2.1 GB: make_checkpoint.py FILE.safetensors

Needs numpy. The weights keep every layer's output near unit size, so that nothing overflows and no denormal slows a run.
SPDX-License-Identifier: Apache-2.0"""
import json
import math
import struct
import sys

import numpy as np


class Shapes:
    """Names and shapes in the order they are written; a spread of None is a norm's weight."""

    def __init__(self):
        self.tensors = []

    def add(self, name, shape, spread):
        self.tensors.append((name, shape, spread))

    def linear(self, name, out, in_, bias=True):
        self.add(name + ".weight", [out, in_], 1 / math.sqrt(in_))
        if bias:
            self.add(name + ".bias", [out], 0.02)

    def conv(self, name, out, in_, kernel=3):
        self.add(name + ".weight", [out, in_, kernel, kernel], 1 / (kernel * math.sqrt(in_)))
        self.add(name + ".bias", [out], 0.02)

    def norm(self, name, channels):
        self.add(name + ".weight", [channels], None)
        self.add(name + ".bias", [channels], 0.02)


def text_encoder(s, width=768, layers=12, prefix="cond_stage_model.transformer.text_model."):
    s.add(prefix + "embeddings.token_embedding.weight", [49408, width], 0.5)
    s.add(prefix + "embeddings.position_embedding.weight", [77, width], 0.2)
    for i in range(layers):
        layer = f"{prefix}encoder.layers.{i}."
        for name in ("q_proj", "k_proj", "v_proj", "out_proj"):
            s.linear(layer + "self_attn." + name, width, width)
        s.norm(layer + "layer_norm1", width)
        s.linear(layer + "mlp.fc1", 4 * width, width)
        s.linear(layer + "mlp.fc2", width, 4 * width)
        s.norm(layer + "layer_norm2", width)
    s.norm(prefix + "final_layer_norm", width)


def vae(s, channels=128, multipliers=(1, 2, 4, 4), prefix="first_stage_model."):
    def block(name, in_, out):
        s.norm(name + ".norm1", in_)
        s.conv(name + ".conv1", out, in_)
        s.norm(name + ".norm2", out)
        s.conv(name + ".conv2", out, out)
        if in_ != out:
            s.conv(name + ".nin_shortcut", out, in_, 1)

    def middle(name, width):
        block(name + ".block_1", width, width)
        s.norm(name + ".attn_1.norm", width)
        for part in ("q", "k", "v", "proj_out"):
            s.conv(f"{name}.attn_1.{part}", width, width, 1)
        block(name + ".block_2", width, width)

    top = len(multipliers) - 1
    encoder, decoder = prefix + "encoder.", prefix + "decoder."
    width = channels
    s.conv(encoder + "conv_in", width, 3)
    for level, multiplier in enumerate(multipliers):
        for k in range(2):
            block(f"{encoder}down.{level}.block.{k}", width, channels * multiplier)
            width = channels * multiplier
        if level < top:
            s.conv(f"{encoder}down.{level}.downsample.conv", width, width)
    middle(encoder + "mid", width)
    s.norm(encoder + "norm_out", width)
    s.conv(encoder + "conv_out", 8, width)
    s.conv(decoder + "conv_in", width, 4)
    middle(decoder + "mid", width)
    for level in range(top, -1, -1):
        for k in range(3):
            block(f"{decoder}up.{level}.block.{k}", width, channels * multipliers[level])
            width = channels * multipliers[level]
        if level:
            s.conv(f"{decoder}up.{level}.upsample.conv", width, width)
    s.norm(decoder + "norm_out", width)
    s.conv(decoder + "conv_out", 3, width)
    s.conv(prefix + "quant_conv", 8, 8, 1)
    s.conv(prefix + "post_quant_conv", 4, 4, 1)


def unet(s, channels=320, multipliers=(1, 2, 4, 4), context=768, prefix="model.diffusion_model."):
    embedding = 4 * channels

    def residual(name, in_, out):
        s.norm(name + ".in_layers.0", in_)
        s.conv(name + ".in_layers.2", out, in_)
        s.linear(name + ".emb_layers.1", out, embedding)
        s.norm(name + ".out_layers.0", out)
        s.conv(name + ".out_layers.3", out, out)
        if in_ != out:
            s.conv(name + ".skip_connection", out, in_, 1)

    def transformer(name, width):
        s.norm(name + ".norm", width)
        s.conv(name + ".proj_in", width, width, 1)
        block = name + ".transformer_blocks.0."
        for attention, keys in (("attn1", width), ("attn2", context)):
            s.linear(f"{block}{attention}.to_q", width, width, bias=False)
            s.linear(f"{block}{attention}.to_k", width, keys, bias=False)
            s.linear(f"{block}{attention}.to_v", width, keys, bias=False)
            s.linear(f"{block}{attention}.to_out.0", width, width)
        s.linear(block + "ff.net.0.proj", 8 * width, width)
        s.linear(block + "ff.net.2", width, 4 * width)
        for k in (1, 2, 3):
            s.norm(f"{block}norm{k}", width)
        s.conv(name + ".proj_out", width, width, 1)

    top = len(multipliers) - 1
    s.linear(prefix + "time_embed.0", embedding, channels)
    s.linear(prefix + "time_embed.2", embedding, embedding)
    s.conv(prefix + "input_blocks.0.0", channels, 4)
    width, skips, index = channels, [channels], 1
    for level, multiplier in enumerate(multipliers):
        for _ in range(2):
            residual(f"{prefix}input_blocks.{index}.0", width, channels * multiplier)
            width = channels * multiplier
            if level < top:  # the lowest level has no attention
                transformer(f"{prefix}input_blocks.{index}.1", width)
            skips.append(width)
            index += 1
        if level < top:
            s.conv(f"{prefix}input_blocks.{index}.0.op", width, width)
            skips.append(width)
            index += 1
    residual(prefix + "middle_block.0", width, width)
    transformer(prefix + "middle_block.1", width)
    residual(prefix + "middle_block.2", width, width)
    index = 0
    for level in range(top, -1, -1):
        for k in range(3):
            residual(f"{prefix}output_blocks.{index}.0", width + skips.pop(), channels * multipliers[level])
            width = channels * multipliers[level]
            if level < top:
                transformer(f"{prefix}output_blocks.{index}.1", width)
            if level and k == 2:
                s.conv(f"{prefix}output_blocks.{index}.{2 if level < top else 1}.conv", width, width)
            index += 1
    s.norm(prefix + "out.0", width)
    s.conv(prefix + "out.2", 4, width)


def write(path, tensors):
    header, offset = {}, 0
    for name, shape, _ in tensors:
        size = 2 * math.prod(shape)
        header[name] = {"dtype": "F16", "shape": shape, "data_offsets": [offset, offset + size]}
        offset += size
    text = json.dumps(header, separators=(",", ":")).encode()
    text += b" " * (-len(text) % 8)
    random = np.random.default_rng(0)
    with open(path, "wb") as file:
        file.write(struct.pack("<Q", len(text)) + text)
        for _, shape, spread in tensors:
            count = math.prod(shape)
            values = random.standard_normal(count, np.float32)
            values = values * 0.02 + 1 if spread is None else values * spread
            file.write(values.astype("<f2").tobytes())


def main():
    shapes = Shapes()
    unet(shapes)
    vae(shapes)
    text_encoder(shapes)
    write(sys.argv[1], shapes.tensors)
    print(f"{len(shapes.tensors)} tensors, {sum(math.prod(t[1]) for t in shapes.tensors) / 1e6:.1f} million parameters")


if __name__ == "__main__":
    main()
