#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""8-bit floats as PyTorch converts them, and a model's layer as ComfyUI stores it scaled: python make-float8.py, with torch, safetensors."""
import os

import torch
from safetensors.torch import save_file

HERE = os.path.dirname(os.path.abspath(__file__))


def main():
    torch.manual_seed(5)
    codes = torch.arange(256, dtype=torch.uint8)
    e4m3 = torch.arange(256, dtype=torch.uint8).view(torch.float8_e4m3fn)
    finite = e4m3[:127].float()  # 0 to 448
    middles = (finite[1:] + finite[:-1]) / 2
    edges = torch.cat([finite, middles, torch.nextafter(middles, torch.tensor(1e9)), torch.nextafter(middles, torch.tensor(-1e9))])
    inputs = torch.cat([edges, -edges, torch.randn(512), torch.randn(256) * 100 % 448, torch.tensor([2.0**-149, 1e-30, -1e-30])])
    save_file({"e4m3": codes.view(torch.float8_e4m3fn).float(), "e5m2": codes.view(torch.float8_e5m2).float(), "inputs": inputs,
               "outputs": inputs.to(torch.float8_e4m3fn).view(torch.uint8), "stored.e4m3": e4m3.clone(),
               "stored.e5m2": codes.view(torch.float8_e5m2).clone()}, os.path.join(HERE, "float8.safetensors"))

    weight, scale = torch.randn(3, 4), torch.tensor(0.0371)
    stored = (weight / scale).to(torch.float8_e4m3fn)
    other = torch.randn(4, 3).to(torch.float8_e5m2)
    save_file({"a.weight": stored, "a.scale_weight": scale, "a.scale_input": torch.tensor(1.0), "a.bias": torch.ones(3),
               "b.weight": other, "b.weight_scale": torch.tensor([0.5], dtype=torch.float16), "c.weight": other.clone(),
               "scaled_fp8": torch.zeros(2).to(torch.float8_e4m3fn),
               "expected.a": stored.float() * scale, "expected.b": other.float() * 0.5, "expected.c": other.float()},
              os.path.join(HERE, "scaled-float8.safetensors"))


main()
