"""Random weights from a name and an index: the same bits here, in fill.h and on any card. README.md has the formula.
SPDX-License-Identifier: Apache-2.0"""
import math

import torch

MASK = 0xFFFFFFFF
CHUNK = 1 << 24  # elements at once: intermediates take 8 bytes each

# What a residual branch ends with. Smaller, so that seventy blocks on top of one another stay finite.
RESIDUAL = ("conv2.weight", "to_out.0.weight", "ff.net.2.weight", "proj_out.weight")


def key(name):
    """FNV-1a, 64 bits."""
    value = 0xCBF29CE484222325
    for byte in name.encode():
        value = (value ^ byte) * 0x100000001B3 & 0xFFFFFFFFFFFFFFFF
    return value


def mix(x):
    """Every bit of 32 on every other; x: int64 that holds 32 bits. Products overflow 64 bits, but not in the 32 that count."""
    x = x ^ (x >> 16)
    x = x * 0x7FEB352D & MASK
    x = x ^ (x >> 15)
    x = x * 0x846CA68B & MASK
    return x ^ (x >> 16)


def fill_(tensor, name, offset, spread):
    """tensor[i] = offset + spread * u, u even in [-1, 1): in fp32, two roundings, then one to the tensor's type."""
    low, high = key(name) & MASK, key(name) >> 32
    flat = tensor.view(-1)
    spread, offset = (torch.tensor(number, dtype=torch.float32, device=tensor.device) for number in (spread, offset))
    for begin in range(0, flat.numel(), CHUNK):
        end = min(begin + CHUNK, flat.numel())
        bits = mix(mix(torch.arange(begin, end, device=tensor.device) + low & MASK) ^ high)
        unit = ((bits >> 8).to(torch.float32) - 8388608.0) * 2.0**-23  # both exact
        flat[begin:end] = offset + unit * spread
    return tensor


def rule(name, shape):
    """-> offset, spread of a weight. A weight's standard deviation is 1 / sqrt (fan in), a norm's factor 1 +- 0.1."""
    if name.endswith("bias"):
        return 0.0, 0.02
    if len(shape) == 1:
        return 1.0, 0.1
    return 0.0, math.sqrt(3 / math.prod(shape[1:])) * (0.3 if name.endswith(RESIDUAL) else 1.0)


@torch.no_grad()
def fill_module(module, prefix):
    """Every parameter, rounded to bf16 and kept in the type it has. Names are those of the state dict, after `prefix` and a dot."""
    for name, tensor in module.state_dict().items():
        if not tensor.is_floating_point():
            continue
        rounded = torch.empty(tensor.shape, dtype=torch.bfloat16, device=tensor.device)
        tensor.copy_(fill_(rounded, f"{prefix}.{name}", *rule(name, tensor.shape)))


def noise(name, *shape, dtype, device):
    """An input of variance 1."""
    return fill_(torch.empty(shape, dtype=torch.bfloat16, device=device), name, 0.0, math.sqrt(3)).to(dtype)


def checksum(tensor):
    """FNV-1a over the bytes of a small tensor: what `bench selftest` prints."""
    value = 0xCBF29CE484222325
    for byte in tensor.contiguous().view(torch.uint8).cpu().flatten().tolist():
        value = (value ^ byte) * 0x100000001B3 & 0xFFFFFFFFFFFFFFFF
    return value
