#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""A GGUF file of every type that is read, and what its author's package makes of it: python make-gguf.py, with gguf and safetensors."""
import os

import gguf
import numpy as np
from gguf import GGMLQuantizationType as Type
from safetensors.numpy import save_file

HERE = os.path.dirname(os.path.abspath(__file__))


def main():
    random = np.random.default_rng(5)
    values = (random.standard_normal((2, 3, 64)) * np.array([1e-3, 1, 100]).reshape(1, 3, 1)).astype(np.float32)
    values[0, 0, :32] = 0  # a block of nothing
    values[1, 2, 0] = 0.1  # and halves between two integers
    values[1, 1, :4] = [127, 0.5, 1.5, -2.5]
    values[1, 1, 4:32] = 1
    writer = gguf.GGUFWriter(os.path.join(HERE, "types.gguf"), "sd1")
    writer.add_name("漆")
    for add, value in (("uint8", 200), ("int8", -3), ("uint16", 60000), ("int16", -300), ("uint32", 4000000000), ("int32", -70000),
                       ("float32", 0.1), ("bool", True), ("uint64", 2**63), ("int64", -2**40), ("float64", 0.1)):
        getattr(writer, "add_" + add)("kind." + add, value)
    writer.add_array("list.numbers", [1, 2, 3])
    writer.add_array("list.texts", ["a", "漆", ""])
    expected = {"values": values}
    writer.add_tensor("F32", values)
    writer.add_tensor("F16", values.astype(np.float16))
    writer.add_tensor("F64", values.astype(np.float64))
    writer.add_tensor("I32", np.arange(6, dtype=np.int32).reshape(3, 2))
    for kind in (Type.BF16, Type.Q8_0, Type.Q4_0, Type.Q4_1, Type.Q5_0, Type.Q5_1):
        raw = gguf.quantize(values, kind)
        writer.add_tensor(kind.name, raw, raw_dtype=kind)
        expected[kind.name] = gguf.dequantize(raw, kind)
    for kind, halves in (Type.Q2_K, (80, 82)), (Type.Q3_K, (108,)), (Type.Q4_K, (0, 2)), (Type.Q5_K, (0, 2)), (Type.Q6_K, (208,)):
        raw = random.integers(0, 256, (3, gguf.GGML_QUANT_SIZES[kind][1]), dtype=np.uint8)  # any bits are numbers, but for the halves
        for at in halves:
            raw[:, at:at + 2] = (random.standard_normal(3) * 0.01).astype(np.float16).reshape(3, 1).view(np.uint8)
        writer.add_tensor(kind.name, raw, raw_dtype=kind)
        expected[kind.name] = gguf.dequantize(raw, kind)
    writer.add_tensor("IQ4_XS", random.integers(0, 256, (2, 136), dtype=np.uint8), raw_dtype=Type.IQ4_XS)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    save_file({"stored.Q8_0": gguf.quantize(values, Type.Q8_0)} | expected, os.path.join(HERE, "types-gguf.safetensors"))


main()
