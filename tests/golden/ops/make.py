#!/usr/bin/env python3
# What PyTorch computes for each op, for tests/kernels/golden.c.  SPDX-License-Identifier: Apache-2.0
#
# Writes ops.bin beside this file: tensors one after another, each a name of 32 bytes padded with zeros, the number of elements as a
# 32-bit little-endian integer, and the elements as fp32. Inputs are fp32 random numbers; expected results are computed in fp64
# where the op is defined by a formula, and in fp32 where programs depend on its rounding (timesteps).
import math
import pathlib
import struct

import torch
import torch.nn.functional as F

torch.manual_seed(3)
tensors = []


def save(name, tensor):
    data = tensor.detach().to(torch.float32).contiguous().numpy().astype('<f4').tobytes()
    tensors.append(name.encode().ljust(32, b'\0') + struct.pack('<I', len(data) // 4) + data)


def random(*shape, scale=1.0):
    return torch.randn(*shape, dtype=torch.float32) * scale


def nhwc(x):
    return x.permute(0, 2, 3, 1)


# linear: three stacked matrices, bias, each activation, residual
x, residual = random(7, 37), random(7, 21)
parts = [random(11, 37, scale=0.2), random(4, 37, scale=0.2), random(6, 37, scale=0.2)]
bias = random(21)
save('linear.x', x)
save('linear.residual', residual)
save('linear.bias', bias)
for i, part in enumerate(parts):
    save(f'linear.weight.{i}', part)
y = F.linear(x.double(), torch.cat(parts).double(), bias.double())
activations = {'none': lambda v: v, 'silu': F.silu, 'gelu': F.gelu, 'quick_gelu': lambda v: v * torch.sigmoid(1.702 * v)}
for name, activation in activations.items():
    save(f'linear.{name}', activation(y) + residual.double())

# GEGLU as diffusers' and LDM's: the first half is the value, the second its gate
weight, bias = random(26, 37, scale=0.2), random(26)
value, gate = F.linear(x.double(), weight.double(), bias.double()).chunk(2, dim=-1)
save('gated.weight', weight)
save('gated.bias', bias)
save('gated.out', value * F.gelu(gate))

# conv: NHWC, pads, strides, nearest
for name, batch, side, channels, out, kernel, stride, pad, up in [
        ('same', 2, (9, 7), 5, 6, 3, 1, (1, 1), None),
        ('down', 1, (8, 8), 6, 5, 3, 2, (1, 1), None),
        ('down_vae', 1, (8, 9), 6, 5, 3, 2, (0, 1), None),
        ('up', 1, (5, 6), 7, 4, 3, 1, (1, 1), (10, 12)),
        ('up_odd', 1, (5, 6), 7, 4, 3, 1, (1, 1), (9, 11)),
        ('wide', 1, (13, 17), 24, 18, 3, 1, (1, 1), None),
        ('point', 2, (4, 5), 6, 7, 1, 1, (0, 0), None)]:
    x, weight, bias = random(batch, channels, *side), random(out, channels, kernel, kernel, scale=0.2), random(out)
    embedding = random(batch, out)
    padded = F.pad((F.interpolate(x, size=up, mode='nearest') if up else x).double(), (pad[0], pad[1], pad[0], pad[1]))
    y = F.conv2d(padded, weight.double(), bias.double(), stride=stride) + embedding.double()[:, :, None, None]
    residual = random(*nhwc(y).shape)
    save(f'conv.{name}.x', nhwc(x))
    save(f'conv.{name}.weight', weight)
    save(f'conv.{name}.bias', bias)
    save(f'conv.{name}.embedding', embedding)
    save(f'conv.{name}.residual', residual)
    save(f'conv.{name}.out', nhwc(y) + residual.double())

# attention: [batch, tokens, heads * head_dim]
for name, rows, keys, causal in [('cross', 19, 23, False), ('causal', 21, 21, True)]:
    q, k, v = random(2, rows, 3 * 10), random(2, keys, 3 * 10), random(2, keys, 3 * 10)
    heads = [t.double().view(2, -1, 3, 10).transpose(1, 2) for t in (q, k, v)]
    y = F.scaled_dot_product_attention(*heads, is_causal=causal).transpose(1, 2).reshape(2, rows, 30)
    for key, tensor in {'q': q, 'k': k, 'v': v, 'out': y}.items():
        save(f'attention.{name}.{key}', tensor)

# norms
x, gamma, beta = random(2, 24, 5, 7) + 0.7, random(24), random(24)
y = F.group_norm(x.double(), 8, gamma.double(), beta.double(), eps=1e-6)
save('norm.x', nhwc(x))
save('norm.gamma', gamma)
save('norm.beta', beta)
save('norm.group', nhwc(y))
save('norm.group_silu', nhwc(F.silu(y)))
save('norm.layer', F.layer_norm(nhwc(x).double(), [24], gamma.double(), beta.double(), eps=1e-5))

# elementwise
x = torch.linspace(-9, 9, 301)
save('activate.x', x)
for name, activation in activations.items():
    save(f'activate.{name}', activation(x.double()))
a, b, c = random(50), random(50), random(50)
save('combine.a', a)
save('combine.b', b)
save('combine.c', c)
save('combine.out', torch.tensor(0.3) * a + torch.tensor(-1.7) * b + torch.tensor(0.125) * c)
save('blend.out', a * b + c)

# timestep_embedding of LDM, which diffusers follows with flip_sin_to_cos and no shift
timesteps = torch.tensor([0.0, 1.0, 37.0, 500.25, 999.0])
frequencies = torch.exp(-math.log(10000) * torch.arange(160, dtype=torch.float32) / 160)
angles = timesteps[:, None] * frequencies[None]
save('sinusoid.t', timesteps)
save('sinusoid.out', torch.cat([torch.cos(angles), torch.sin(angles)], dim=-1))

# conversion: ties, subnormals, the largest, and beyond it
x = torch.cat([random(200) * 10.0 ** torch.randint(-9, 6, (200,)),
               torch.tensor([0.0, -0.0, 65504.0, 65519.0, 65520.0, 1e9, -1e9, 2.0 ** -24, 2.0 ** -25, 1.5 * 2.0 ** -24, 1.0 + 2.0 ** -11,
                             1.0 + 3 * 2.0 ** -11, 1.0 + 2.0 ** -8, 1.0 + 3 * 2.0 ** -8, float('inf'), float('-inf')])])
save('convert.x', x)
save('convert.f16', x.half())
save('convert.bf16', x.bfloat16())

pathlib.Path(__file__).with_name('ops.bin').write_bytes(b''.join(tensors))
