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


if __name__ == "__main__":
    types()
