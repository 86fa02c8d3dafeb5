#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Writes interpolate.safetensors: latents in other sizes by torch.nn.functional.interpolate.

    pip install torch safetensors
    python make.py
`in` is [h, w, C]; results are named MODE[-antialias]/HEIGHTxWIDTH and laid out alike."""
import pathlib

import torch
from safetensors.torch import save_file

torch.manual_seed(5)
x = torch.randn(9, 13, 2)
out = {"in": x}
for mode in ("nearest", "nearest-exact", "bilinear", "bicubic"):
    for smooth in (False, True) if mode.startswith("bi") else (False,):
        for size in ((18, 26), (9, 13), (16, 17), (11, 39), (5, 6), (3, 20), (1, 1), (15, 22)):
            y = torch.nn.functional.interpolate(x.permute(2, 0, 1)[None], size=size, mode=mode, antialias=smooth)[0].permute(1, 2, 0)
            out[f"{mode}{'-antialias' if smooth else ''}/{size[0]}x{size[1]}"] = y.contiguous()
save_file(out, pathlib.Path(__file__).resolve().parent / "interpolate.safetensors")
