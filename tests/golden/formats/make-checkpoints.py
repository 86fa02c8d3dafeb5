#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Checkpoints for tests/engine/formats/torch.c, by every way in which torch.save writes: python make-checkpoints.py, with torch and numpy."""
import collections
import json
import os
import struct
import sys
import types

import numpy as np
import torch

HERE = os.path.join(os.path.dirname(os.path.abspath(__file__)), "checkpoints")
NAMES = {torch.float64: "F64", torch.float32: "F32", torch.float16: "F16", torch.bfloat16: "BF16", torch.int64: "I64", torch.int32: "I32",
         torch.int16: "I16", torch.int8: "I8", torch.uint8: "U8", torch.uint16: "U16", torch.uint32: "U32", torch.uint64: "U64",
         torch.bool: "BOOL", torch.complex64: "C64", torch.complex128: "C128", torch.float8_e4m3fn: "F8_E4M3",
         torch.float8_e5m2: "F8_E5M2", torch.float8_e4m3fnuz: "F8_E4M3FNUZ", torch.float8_e5m2fnuz: "F8_E5M2FNUZ"}


def tensors():
    torch.manual_seed(5)
    out = collections.OrderedDict()
    for dtype, name in NAMES.items():
        bits = torch.randint(0, 2 if dtype is torch.bool else 256, (6 * dtype.itemsize,), dtype=torch.uint8)
        out["type." + name] = bits.view(dtype).reshape(2, 3)
    base = torch.randn(4, 6, 3)
    out["view.whole"] = base
    out["view.transposed"] = base.permute(2, 0, 1)
    out["view.sliced"] = base[1:3, ::2, 1]
    out["view.row"] = base[2]
    out["view.expanded"] = torch.randn(3, 1).expand(3, 5)
    out["view.half"] = torch.randn(5, 7).half().t()
    out["view.float8"] = torch.randn(5, 7).to(torch.float8_e4m3fn).t()
    out["view.five"] = torch.arange(32, dtype=torch.int16).reshape(2, 2, 2, 2, 2).permute(4, 3, 2, 1, 0)
    out["view.channels_last"] = torch.randn(2, 3, 2, 2).to(memory_format=torch.channels_last)
    out["size.none"] = torch.zeros(0, 5)
    out["size.scalar"] = torch.tensor(2.5)
    out["size.one"] = torch.randn(4, 4)[:1, 1:2]
    out["parameter.plain"] = torch.nn.Parameter(torch.randn(3))
    out["parameter.marked"] = torch.nn.Parameter(torch.randn(3))
    out["parameter.marked"].mark = "kept"
    out["marked"] = torch.randn(3)
    out["marked"].mark = ["kept"]
    return out


def write_expected(tensors):
    header, data = {}, b""
    for name, tensor in tensors.items():
        tensor = tensor.detach().clone(memory_format=torch.contiguous_format)
        shape, flat = list(tensor.shape), tensor.reshape(-1)
        raw = flat.view(torch.uint8).numpy().tobytes() if flat.numel() else b""
        dtype = NAMES[tensor.dtype]
        if dtype == "C128":  # which safetensors does not have
            dtype, shape = "F64", shape + [2]
        header[name] = {"dtype": dtype, "shape": shape, "data_offsets": [len(data), len(data) + len(raw)]}
        data += raw
    text = json.dumps(header).encode()
    with open(os.path.join(HERE, "expected.safetensors"), "wb") as file:
        file.write(struct.pack("<Q", len(text)) + text + data)


def save(name, what, **options):
    torch.save(what, os.path.join(HERE, name), **options)


def lightning():
    """What a trainer saves, with a callback's class and numpy scalars beside the model. The class is only named, so a stand-in does."""
    parent, module = types.ModuleType("pytorch_lightning.callbacks"), types.ModuleType("pytorch_lightning.callbacks.model_checkpoint")
    sys.modules.update({"pytorch_lightning": types.ModuleType("pytorch_lightning"), parent.__name__: parent, module.__name__: module})
    module.ModelCheckpoint = type("ModelCheckpoint", (), {"__module__": module.__name__})
    parent.model_checkpoint = module
    state = {"monitor": "val/loss", "best_model_score": torch.tensor(0.25), "best_model_path": "/somewhere/epoch=1.ckpt"}
    model = collections.OrderedDict([("model.diffusion_model.out.2.weight", torch.arange(8.).reshape(2, 4).half()), ("betas", torch.ones(3))])
    instance = module.ModelCheckpoint()
    instance.seen = {1, 2}
    save("lightning.ckpt", {"epoch": 7, "global_step": 470000, "pytorch-lightning_version": "1.4.2", "lr": 0.5, "done": True, 5: "five",
                            "state_dict": model, "callbacks": {module.ModelCheckpoint: state}, "callback": instance,
                            "optimizer_states": [{"state": {0: {"exp_avg": torch.zeros(2)}}}], "loss": np.float64(0.5),
                            "array": np.arange(3), "sizes": torch.Size([1, 2]), "device": torch.device("cpu"), "none": None})


def inversions():
    vector = torch.arange(16.).reshape(2, 8)
    save("inversion-a1111.pt", {"string_to_token": {"*": 265}, "string_to_param": {"*": vector}, "name": "漆", "step": 500,
                                "sd_checkpoint": "abcdef12", "sd_checkpoint_name": None})
    save("inversion-original.pt", {"string_to_token": {"*": torch.tensor(265)},
                                   "string_to_param": torch.nn.ParameterDict({"*": torch.nn.Parameter(vector)})})
    save("inversion-diffusers.bin", {"<cat>": vector[0].clone()})


def main():
    os.makedirs(HERE, exist_ok=True)
    every = tensors()
    write_expected(every)
    for protocol in range(2, 6):
        save(f"zip-{protocol}.pt", every, pickle_protocol=protocol)
        save(f"legacy-{protocol}.pt", every, pickle_protocol=protocol, _use_new_zipfile_serialization=False)
    save("views.pt", {name: tensor for name, tensor in every.items() if name.startswith("view.")})
    save("nested.pt", {"list": [torch.ones(1), {"in": torch.zeros(2)}], "tuple": (torch.ones(3),), "text": "漆", 3: torch.ones(4)})
    save("alone.pt", torch.arange(3))
    save("conjugated.pt", {"x": torch.ones(2, dtype=torch.complex64).conj()})
    lightning()
    inversions()


main()
