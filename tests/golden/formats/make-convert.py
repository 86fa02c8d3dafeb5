#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""A model's file, and what PyTorch, numpy and gguf make of its tensors in other types: python make-convert.py, with these and safetensors."""
import os

import gguf
import numpy as np
import torch
from safetensors.torch import save_file

HERE = os.path.dirname(os.path.abspath(__file__))


def main():
    torch.manual_seed(5)
    wide = torch.randn(4, 64, dtype=torch.float64)
    wide[0, 0] = 1 + 2.0**-11 + 2.0**-40  # above the middle between two halves; rounded to fp32 first it would lie on it
    wide[0, 1] = 1 + 2.0**-11
    tensors = {"model.diffusion_model.f32.weight": torch.randn(3, 64), "model.diffusion_model.f16.weight": torch.randn(3, 32).half(),
               "model.diffusion_model.bf16.weight": torch.randn(2, 32).bfloat16(), "model.diffusion_model.f64.weight": wide,
               "model.diffusion_model.conv.weight": torch.randn(2, 2, 3, 3), "model.diffusion_model.conv.bias": torch.randn(32),
               "first_stage_model.mid.weight": torch.randn(2, 32), "model.diffusion_model.small": torch.tensor([[1e-8, -3e-6] * 16]),
               "text.position_ids": torch.arange(4), "none": torch.zeros(0, 32), "one": torch.tensor(0.1)}
    save_file(tensors, os.path.join(HERE, "convert.safetensors"), metadata={"title": "漆", "modelspec.prediction_type": "v"})
    out = {}
    for name, tensor in tensors.items():
        for kind, dtype in ("fp32", torch.float32), ("fp16", torch.float16), ("bf16", torch.bfloat16), ("fp8", torch.float8_e4m3fn):
            keep = not tensor.is_floating_point() or (kind == "fp8" and (tensor.dim() < 2 or name.startswith("first_stage")))
            exact = kind == "fp16" and tensor.dtype is torch.float64  # PyTorch rounds twice
            out[f"{kind}/{name}"] = (tensor.clone() if keep else
                                     torch.from_numpy(tensor.numpy().astype(np.float16)) if exact else tensor.to(dtype))
        rows = tensor.dim() >= 2 and tensor.shape[-1] % 32 == 0 and tensor.is_floating_point() and not name.startswith("first_stage")
        if rows and tensor.numel():
            out[f"q8_0/{name}"] = torch.from_numpy(gguf.quantize(tensor.float().numpy(), gguf.GGMLQuantizationType.Q8_0))
        elif not rows:
            out[f"q8_0/{name}"] = tensor.clone()
    save_file({name: tensor.contiguous() for name, tensor in out.items()}, os.path.join(HERE, "converted.safetensors"))


main()
