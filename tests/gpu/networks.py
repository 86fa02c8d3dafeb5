#!/usr/bin/env python3
"""diffusers' UNet and the VAE's decoder out of our ops, in the order of engine/models/.  SPDX-License-Identifier: Apache-2.0

A Tape writes a network's calls down once; then buffers get their places in one arena, and the calls can run, be recorded and be counted.

    networks.py --shapes     prints shapes.h, what `bench time` times (needs torch and diffusers, no card)"""
import argparse
import ctypes
import math

import torch

from kernels import NONE, SILU, TWO_INPUTS, TYPES, Packed
from turns import settle

ALIGNMENT = 256

SD15 = dict(sample_size=64, cross_attention_dim=768, attention_head_dim=8, block_out_channels=(320, 640, 1280, 1280))
SDXL = dict(sample_size=128, cross_attention_dim=2048, attention_head_dim=(5, 10, 20), block_out_channels=(320, 640, 1280),
            down_block_types=("DownBlock2D", "CrossAttnDownBlock2D", "CrossAttnDownBlock2D"),
            up_block_types=("CrossAttnUpBlock2D", "CrossAttnUpBlock2D", "UpBlock2D"), transformer_layers_per_block=(1, 2, 10),
            use_linear_projection=True, addition_embed_type="text_time", addition_time_embed_dim=256,
            projection_class_embeddings_input_dim=2816)
VAE = dict(down_block_types=("DownEncoderBlock2D",) * 4, up_block_types=("UpDecoderBlock2D",) * 4, block_out_channels=(128, 256, 512, 512),
           layers_per_block=2, latent_channels=4)
TINY = dict(sample_size=8, cross_attention_dim=24, attention_head_dim=2, block_out_channels=(16, 32), norm_num_groups=8, layers_per_block=1,
            down_block_types=("CrossAttnDownBlock2D", "DownBlock2D"), up_block_types=("UpBlock2D", "CrossAttnUpBlock2D"))
TINY_XL = dict(TINY, attention_head_dim=(2, 4), down_block_types=("DownBlock2D", "CrossAttnDownBlock2D"),
               up_block_types=("CrossAttnUpBlock2D", "UpBlock2D"), transformer_layers_per_block=(1, 2), use_linear_projection=True,
               addition_embed_type="text_time", addition_time_embed_dim=8, projection_class_embeddings_input_dim=20 + 6 * 8)
TINY_VAE = dict(VAE, down_block_types=("DownEncoderBlock2D",) * 2, up_block_types=("UpDecoderBlock2D",) * 2, block_out_channels=(16, 32),
                layers_per_block=1, norm_num_groups=8)

# name: kind, configuration, pictures (a UNet takes two for one with guidance), side of the latents. The tiny ones try the scripts.
NETWORKS = {
    "sd15": ("unet", SD15, 2, 64),
    "sd15x8": ("unet", SD15, 16, 64),
    "sdxl": ("unet", SDXL, 2, 128),
    "vae512": ("vae", VAE, 1, 64),
    "vae1024": ("vae", VAE, 1, 128),
    "tiny": ("unet", TINY, 2, 8),
    "tiny-xl": ("unet", TINY_XL, 2, 8),
    "tiny-vae": ("vae", TINY_VAE, 1, 8),
}
TOKENS = 77


def quiet_diffusers():
    """It warns of every change of type."""
    from diffusers.utils import logging

    logging.set_verbosity_error()


def make_module(name, device):
    """diffusers' network with parameters that nobody has set, in fp32"""
    from diffusers import AutoencoderKL, UNet2DConditionModel

    quiet_diffusers()
    kind, config, *_ = NETWORKS[name]
    with torch.device("meta"):
        module = (UNet2DConditionModel if kind == "unet" else AutoencoderKL)(**config)
    return module.eval() if device == "meta" else module.to_empty(device=device).eval()


class Buffer:
    """A result that has no place yet. shape: the last axis is the channels'."""

    def __init__(self, *shape):
        self.shape = shape
        self.base, self.start = self, 0
        self.dies = None  # the last call that reads or writes it
        self.offset = self.bytes = None  # in the arena

    def numel(self):
        return math.prod(self.shape)

    def seen_as(self, *shape, start=0):
        """The same memory from element `start` on, in another shape."""
        view = Buffer(*shape)
        view.base, view.start = self.base, self.start + start
        return view

    def at(self, start):
        return self.seen_as(*self.shape, start=start)


class Fixed(Buffer):
    """A tensor: what goes into a network, comes out of it or is kept between its runs."""

    def __init__(self, *shape, dtype, device):
        super().__init__(*shape)
        self.tensor = torch.empty(shape, dtype=dtype, device=device)


class Tape:
    def __init__(self, kernels, dtype, device):
        """kernels: None to count calls only"""
        self.kernels, self.dtype, self.device = kernels, dtype, device
        self.calls = []  # (op, type, arguments)
        self.bound = []
        self.two_inputs = kernels is None or bool(kernels.features & TWO_INPUTS)

    def fixed(self, *shape, dtype=None):
        return Fixed(*shape, dtype=dtype or self.dtype, device=self.device)

    # ------------------------------------------------------------ ops

    def add(self, op, out, dtype=None, **arguments):
        self.calls.append((op, dtype or self.dtype, {**arguments, "out": out}))
        return out

    def linear(self, x, weight, bias=None, activation=NONE, residual=None, out=None):
        out = out or Buffer(*x.shape[:-1], weight.out)
        return self.add("linear", out, rows=x.numel() // x.shape[-1], weight=weight, x=x, bias=bias, activation=activation,
                        residual=residual)

    def conv(self, x, weight, bias, stride=1, pad=None, up=None, x2=None, embedding=None, embedding_stride=0, residual=None, out=None):
        """x: [B, h, w, C].  pad: before and after; None keeps the size.  up: (height, width) after nearest"""
        batch, height, width, _ = x.shape
        before, after = pad or (weight.kernel // 2,) * 2
        sides = [(side + before + after - weight.kernel) // stride + 1 for side in up or (height, width)]
        up_height, up_width = up or (0, 0)
        return self.add("conv", out or Buffer(batch, *sides, weight.out), batch=batch, height=height, width=width, up_height=up_height,
                        up_width=up_width, stride=stride, pad_before=before, pad_after=after, weight=weight, x=x, x2=x2,
                        x2_channels=x2.shape[-1] if x2 else 0, bias=bias, embedding=embedding, embedding_stride=embedding_stride,
                        residual=residual)

    def group_norm(self, x, norm, silu, x2=None):
        batch, *sides, channels = x.shape
        more = x2.shape[-1] if x2 else 0
        channels += more
        return self.add("group_norm", Buffer(batch, *sides, channels), batch=batch, pixels=math.prod(sides), channels=channels,
                        groups=norm.num_groups, eps=norm.eps, gamma=table(norm.weight), beta=table(norm.bias), silu=int(silu), x=x, x2=x2,
                        x2_channels=more)

    def layer_norm(self, x, norm):
        return self.add("layer_norm", Buffer(*x.shape), rows=x.numel() // x.shape[-1], channels=x.shape[-1], eps=norm.eps,
                        gamma=table(norm.weight), beta=table(norm.bias), x=x)

    def attention(self, q, k, v, heads, head_dim):
        """q, k, v: [B, tokens, columns], of which the first heads * head_dim count"""
        batch, rows, _ = q.shape
        return self.add("attention", Buffer(batch, rows, heads * head_dim), batch=batch, heads=heads, head_dim=head_dim, rows=rows,
                        keys=k.shape[1], scale=head_dim**-0.5, causal=0, q=q, k=k, v=v, q_stride=q.shape[-1], k_stride=k.shape[-1],
                        v_stride=v.shape[-1])

    def concat(self, a, b):
        return self.add("concat", Buffer(*a.shape[:-1], a.shape[-1] + b.shape[-1]), rows=a.numel() // a.shape[-1], a_channels=a.shape[-1],
                        b_channels=b.shape[-1], a=a, b=b)

    def silu(self, x):
        return self.add("activate", Buffer(*x.shape), count=x.numel(), activation=SILU, x=x)

    def sinusoid(self, values, channels):
        """values: a list, one row of the result each"""
        host = (ctypes.c_float * len(values))(*values)
        waves = self.add("sinusoid", Buffer(len(values), channels), torch.float32, n=len(values), channels=channels, timesteps=host)
        return self.convert(waves, torch.float32, self.dtype)

    def convert(self, x, dtype, to, out=None):
        """dtype: of x, which has no say in it"""
        if dtype == to and not out:
            return x
        return self.add("convert", out or Buffer(*x.shape), dtype, count=x.numel(), to=TYPES[to], x=x)

    # ------------------------------------------------------------ weights

    def pack_linear(self, *modules, gated=False):
        """Layers over the same input become one product. -> weight, bias"""
        weight = torch.cat([module.weight.detach().flatten(1) for module in modules])
        biases = [table(module.bias) for module in modules if module.bias is not None]
        rows, in_ = weight.shape
        if self.kernels:
            packed = self.kernels.pack_linear(weight.to(self.dtype), gated)
        else:
            packed = Packed(None, None, rows // 2 if gated else rows, in_, 0, gated)
        return packed, torch.cat(biases) if biases else None

    def pack_conv(self, module):
        out, in_, kernel, _ = module.weight.shape
        if self.kernels:
            return self.kernels.pack_conv(module.weight.detach().to(self.dtype)), table(module.bias)
        return Packed(None, None, out, in_, kernel), table(module.bias)

    # ------------------------------------------------------------ running

    def place(self):
        """Gives every buffer its place, where nothing lies that is still to be read. -> bytes of the arena"""
        for index, (_, _, arguments) in enumerate(self.calls):
            for value in arguments.values():
                if isinstance(value, Buffer):
                    value.base.dies = index
        alive, top = [], 0
        for index, (_, dtype, arguments) in enumerate(self.calls):
            out = arguments["out"].base
            alive = [buffer for buffer in alive if buffer.dies >= index]
            if isinstance(out, Fixed) or out.offset is not None:
                continue
            size = item_size(arguments.get("to"), dtype)
            out.bytes = -(-out.numel() * size // ALIGNMENT) * ALIGNMENT
            out.offset = find_gap(alive, out.bytes)
            top = max(top, out.offset + out.bytes)
            alive = sorted([*alive, out], key=lambda buffer: buffer.offset)
        return top

    def ready(self):
        """To be called once, after the last op. -> self"""
        self.arena = torch.empty(max(self.place(), 1), dtype=torch.uint8, device=self.device)
        self.bound = [self.kernels.bind(op, dtype, {name: self.where(value, dtype) for name, value in arguments.items()})
                      for op, dtype, arguments in self.calls]
        return self

    def where(self, value, dtype):
        """The address of a buffer; everything else as it is."""
        if not isinstance(value, Buffer):
            return value
        start = value.base.tensor.data_ptr() if isinstance(value.base, Fixed) else self.arena.data_ptr() + value.base.offset
        return start + value.start * dtype.itemsize

    def run(self):
        for call in self.bound:
            call()

    def count(self):
        """-> {signature: how often}"""
        found = {}
        for op, _, arguments in self.calls:
            key = signature(op, arguments)
            found[key] = found.get(key, 0) + 1
        return found


def table(parameter):
    """Biases and norm parameters are fp32 for the kernels."""
    return None if parameter is None else parameter.detach().to(torch.float32)


def item_size(to, dtype):
    """to: a VelType, or None"""
    return next((known.itemsize for known, number in TYPES.items() if number == to), dtype.itemsize)


def find_gap(alive, size):
    """alive: by offset"""
    offset = 0
    for buffer in alive:
        if buffer.offset - offset >= size:
            break
        offset = max(offset, buffer.offset + buffer.bytes)
    return offset


def signature(op, arguments):
    """What makes two calls do the same work: (op, ((name, number), ...)). An optional input is 1 or 0; a weight tells its sizes."""
    found = []
    for name, value in arguments.items():
        if name in ("bias", "residual", "embedding"):
            found.append((name, int(value is not None)))
        elif name == "weight":
            found += [("in", value.in_), ("out", value.out), ("kernel", value.kernel), ("gated", int(value.gated))]
        elif isinstance(value, (int, float)) and name not in ("scale", "embedding_stride"):
            found.append((name, value))
    return op, tuple(found)


# ------------------------------------------------------------------ layers

class ResBlock:
    """diffusers' ResnetBlock2D. shift: where its channels begin in a row of the projected time embeddings; None in a VAE"""

    def __init__(self, tape, module, shift=None):
        self.module, self.shift = module, shift
        self.conv1, self.conv2 = tape.pack_conv(module.conv1), tape.pack_conv(module.conv2)
        self.skip = tape.pack_conv(module.conv_shortcut) if module.conv_shortcut is not None else None

    def __call__(self, tape, x, x2=None, shifts=None):
        """shifts: [pictures or 1, all channels]"""
        if x2 and not (self.skip and tape.two_inputs):
            x, x2 = tape.concat(x, x2), None
        h = tape.group_norm(x, self.module.norm1, True, x2)
        embedding = {}
        if shifts:
            embedding = dict(embedding=shifts.at(self.shift), embedding_stride=shifts.shape[1] if shifts.shape[0] > 1 else 0)
        h = tape.conv(h, *self.conv1, **embedding)
        h = tape.group_norm(h, self.module.norm2, True)
        return tape.conv(h, *self.conv2, residual=tape.conv(x, *self.skip, x2=x2) if self.skip else x)


class TransformerBlock:
    """diffusers' BasicTransformerBlock. keys_values: [B, text tokens, 2 C], made once for a prompt"""

    def __init__(self, tape, module, batch, tokens):
        self.module = module
        self.heads = module.attn1.heads
        self.head_dim = module.attn1.to_q.weight.shape[0] // self.heads
        self.qkv, _ = tape.pack_linear(module.attn1.to_q, module.attn1.to_k, module.attn1.to_v)
        self.self_out = tape.pack_linear(module.attn1.to_out[0])
        self.cross_q, _ = tape.pack_linear(module.attn2.to_q)
        self.cross_kv, _ = tape.pack_linear(module.attn2.to_k, module.attn2.to_v)
        self.cross_out = tape.pack_linear(module.attn2.to_out[0])
        self.ff_in = tape.pack_linear(module.ff.net[0].proj, gated=True)
        self.ff_out = tape.pack_linear(module.ff.net[2])
        self.keys_values = tape.fixed(batch, tokens, self.cross_kv.out)

    def prepare(self, tape, text):
        tape.linear(text, self.cross_kv, out=self.keys_values)

    def __call__(self, tape, x):
        width = self.heads * self.head_dim
        h = tape.linear(tape.layer_norm(x, self.module.norm1), self.qkv)
        h = tape.attention(h, h.at(width), h.at(2 * width), self.heads, self.head_dim)
        x = tape.linear(h, *self.self_out, residual=x)
        h = tape.linear(tape.layer_norm(x, self.module.norm2), self.cross_q)
        h = tape.attention(h, self.keys_values, self.keys_values.at(width), self.heads, self.head_dim)
        x = tape.linear(h, *self.cross_out, residual=x)
        h = tape.linear(tape.layer_norm(x, self.module.norm3), *self.ff_in)
        return tape.linear(h, *self.ff_out, residual=x)


class Transformer:
    """diffusers' Transformer2DModel"""

    def __init__(self, tape, module, batch, tokens):
        self.module = module
        self.proj_in, self.proj_out = tape.pack_linear(module.proj_in), tape.pack_linear(module.proj_out)
        self.blocks = [TransformerBlock(tape, block, batch, tokens) for block in module.transformer_blocks]

    def __call__(self, tape, x):
        batch, height, width, channels = x.shape
        h = tape.group_norm(x, self.module.norm, False).seen_as(batch, height * width, channels)
        h = tape.linear(h, *self.proj_in)
        for block in self.blocks:
            h = block(tape, h)
        return tape.linear(h.seen_as(*x.shape), *self.proj_out, residual=x)


# ------------------------------------------------------------------ networks

class UNet:
    """prepare() makes what stays the same during a picture; step() is one evaluation, of `sample` into `out`."""

    def __init__(self, kernels, module, batch, height, width, tokens, dtype, device):
        """height, width: of the latents"""
        self.module = module
        self.step, self.before = Tape(kernels, dtype, device), Tape(kernels, dtype, device)
        self.sample = self.step.fixed(batch, height, width, module.config.in_channels)
        self.out = self.step.fixed(batch, height, width, module.config.out_channels)
        self.text = self.step.fixed(batch, tokens, module.config.cross_attention_dim)
        self.has_addition = module.config.addition_embed_type == "text_time"
        if self.has_addition:
            time_ids = 6 * module.config.addition_time_embed_dim
            self.pooled = self.step.fixed(batch, module.config.projection_class_embeddings_input_dim - time_ids)
        self.transformers, self.projections, self.n_shifts = [], [], 0
        self.load(batch, tokens)
        self.shifts = self.step.fixed(batch if self.has_addition else 1, self.n_shifts)
        self.write_step()

    def res_block(self, module):
        block = ResBlock(self.step, module, self.n_shifts)
        self.projections.append(module.time_emb_proj)
        self.n_shifts += module.time_emb_proj.weight.shape[0]
        return block

    def transformer(self, module, batch, tokens):
        self.transformers.append(Transformer(self.step, module, batch, tokens))
        return self.transformers[-1]

    def blocks(self, modules, batch, tokens):
        """-> pairs of a residual block and a transformer or nothing"""
        attentions = getattr(modules, "attentions", None) or [None] * len(modules.resnets)
        return [(self.res_block(resnet), self.transformer(attention, batch, tokens) if attention is not None else None)
                for resnet, attention in zip(modules.resnets, attentions)]

    def load(self, batch, tokens):
        tape, module = self.step, self.module
        self.conv_in, self.conv_out = tape.pack_conv(module.conv_in), tape.pack_conv(module.conv_out)
        self.down = [(self.blocks(level, batch, tokens), tape.pack_conv(level.downsamplers[0].conv) if level.downsamplers else None)
                     for level in module.down_blocks]
        self.mid = (self.res_block(module.mid_block.resnets[0]), self.transformer(module.mid_block.attentions[0], batch, tokens),
                    self.res_block(module.mid_block.resnets[1]))
        self.up = [(self.blocks(level, batch, tokens), tape.pack_conv(level.upsamplers[0].conv) if level.upsamplers else None)
                   for level in module.up_blocks]

    def write_step(self):
        tape = self.step
        x = tape.conv(self.sample, *self.conv_in)
        skips = [x]
        for blocks, sampler in self.down:
            for res, transformer in blocks:
                x = res(tape, x, shifts=self.shifts)
                x = transformer(tape, x) if transformer else x
                skips.append(x)
            if sampler:
                x = tape.conv(x, *sampler, stride=2)
                skips.append(x)
        x = self.mid[0](tape, x, shifts=self.shifts)
        x = self.mid[2](tape, self.mid[1](tape, x), shifts=self.shifts)
        for blocks, sampler in self.up:
            for res, transformer in blocks:
                x = res(tape, x, skips.pop(), self.shifts)
                x = transformer(tape, x) if transformer else x
            if sampler:
                x = tape.conv(x, *sampler, up=skips[-1].shape[1:3])
        tape.conv(tape.group_norm(x, self.module.conv_norm_out, True), *self.conv_out, out=self.out)

    def write_before(self, timestep, time_ids):
        """time_ids: six numbers a picture, or None"""
        tape, module = self.before, self.module
        channels = module.config.block_out_channels[0]
        h = tape.sinusoid([timestep] * self.shifts.shape[0], channels)
        h = tape.linear(h, *tape.pack_linear(module.time_embedding.linear_1), activation=SILU)
        time_out = tape.pack_linear(module.time_embedding.linear_2)
        if self.has_addition:
            rows = self.pooled.shape[0]
            h = tape.linear(h, *time_out)
            sizes = tape.sinusoid([number for row in time_ids for number in row], module.config.addition_time_embed_dim)
            added = tape.concat(self.pooled, sizes.seen_as(rows, sizes.numel() // rows))
            added = tape.linear(added, *tape.pack_linear(module.add_embedding.linear_1), activation=SILU)
            h = tape.silu(tape.linear(added, *tape.pack_linear(module.add_embedding.linear_2), residual=h))
        else:
            h = tape.linear(h, *time_out, activation=SILU)  # the SiLU that every residual block begins with
        tape.linear(h, *tape.pack_linear(*self.projections), out=self.shifts)
        for transformer in self.transformers:
            for block in transformer.blocks:
                block.prepare(tape, self.text)

    def prepare(self, timestep, text, pooled=None, time_ids=None):
        self.write_before(timestep, time_ids)
        self.text.tensor.copy_(text)
        if self.has_addition:
            self.pooled.tensor.copy_(pooled)
        settle(self.step.device)
        self.before.ready().run()
        self.before.kernels.wait()
        self.step.ready()


class Decoder:
    """The VAE from latents, already divided by their scale, to a picture."""

    def __init__(self, kernels, module, batch, height, width, dtype, device):
        self.step = Tape(kernels, dtype, device)
        factor = 2 ** (len(module.config.block_out_channels) - 1)
        self.sample = self.step.fixed(batch, height, width, module.config.latent_channels)
        self.out = self.step.fixed(batch, factor * height, factor * width, module.config.out_channels)
        self.write(module, module.decoder)

    def attention(self, x, module):
        tape = self.step
        batch, height, width, channels = x.shape
        h = tape.group_norm(x, module.group_norm, False).seen_as(batch, height * width, channels)
        h = tape.linear(h, *tape.pack_linear(module.to_q, module.to_k, module.to_v))
        h = tape.attention(h, h.at(channels), h.at(2 * channels), module.heads, channels // module.heads)
        return tape.linear(h.seen_as(*x.shape), *tape.pack_linear(module.to_out[0]), residual=x)

    def write(self, module, decoder):
        tape = self.step
        x = tape.conv(self.sample, *tape.pack_conv(module.post_quant_conv))
        x = tape.conv(x, *tape.pack_conv(decoder.conv_in))
        x = ResBlock(tape, decoder.mid_block.resnets[0])(tape, x)
        x = self.attention(x, decoder.mid_block.attentions[0])
        x = ResBlock(tape, decoder.mid_block.resnets[1])(tape, x)
        for level in decoder.up_blocks:
            for resnet in level.resnets:
                x = ResBlock(tape, resnet)(tape, x)
            if level.upsamplers:
                x = tape.conv(x, *tape.pack_conv(level.upsamplers[0].conv), up=(2 * x.shape[1], 2 * x.shape[2]))
        tape.conv(tape.group_norm(x, decoder.conv_norm_out, True), *tape.pack_conv(decoder.conv_out), out=self.out)

    def prepare(self):
        self.step.ready()


# ------------------------------------------------------------------ shapes.h

PARTS = ("sd15", "sdxl", "vae512", "vae1024")


def counts(name):
    """-> {signature: how often} of one evaluation"""
    kind, _, batch, side = NETWORKS[name]
    module = make_module(name, "meta")
    if kind == "vae":
        return Decoder(None, module, batch, side, side, torch.bfloat16, "meta").step.count()
    return UNet(None, module, batch, side, side, TOKENS, torch.bfloat16, "meta").step.count()


FIELDS = {
    "conv": "batch height width in x2_channels out kernel stride pad_before pad_after up_height up_width bias embedding residual",
    "linear": "rows in out gated bias residual",
    "attention": "batch heads head_dim rows keys q_stride k_stride",
    "group_norm": "batch pixels channels x2_channels silu",
    "layer_norm": "rows channels",
}


def write_shapes():
    parts = {part: counts(part) for part in PARTS}
    print("/* Made by networks.py --shapes: what one evaluation of each network asks for, and how often.\n"
          " * SPDX-License-Identifier: Apache-2.0\n"
          " * UNets with guidance, one picture from the VAE. Each row begins with the network and how often. */\n#pragma once")
    for op, fields in FIELDS.items():
        print(f"\n/* {', '.join(fields.split())} */\nstatic const {op.title().replace('_', '')}Shape {op}_shapes[] = {{")
        for part, found in parts.items():
            for (name, numbers), count in found.items():
                if name == op:
                    print(f'  {{ "{part}", {count}, {", ".join(str(dict(numbers)[field]) for field in fields.split())} }},')
        print("};")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description="diffusers' networks out of our ops.")
    parser.add_argument("--shapes", action="store_true", required=True, help="print shapes.h")
    parser.parse_args()
    write_shapes()
