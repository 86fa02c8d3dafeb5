#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Writes noise.json: torch.randn of a CPU generator (AVX2), and Philox normal values by numpy.

    python make.py            (torch 2, numpy)
Each stream is one generator drawn from several times. Values are exact floats; of long draws a CRC-32 of the bytes and a sample."""
import json
import os
import zlib

import numpy as np
import torch

SEEDS = [0, 1, 42, 4711, 2**32 - 1, 2**32 + 42, 2**63 + 12345, 2**64 - 1]
# ragged ends; short draws, whose odd value is kept for the next short one, also past a long one
STREAMS = [[1, 2, 15, 16, 17, 1, 100, 3], [4 * 64 * 64, 33, 5, 16], [7], [31, 1, 1]]


def philox(seed, call, n):
    """Salmon et al. 2011, Philox 4x32-10: element i has counter (call, 0, i, 0)."""
    u32, u64, f = np.uint32, np.uint64, np.float32
    c = [np.full(n, call, u32), np.zeros(n, u32), np.arange(n, dtype=u32), np.zeros(n, u32)]
    k = [seed & 0xFFFFFFFF, seed >> 32]
    for _ in range(10):
        a, b = c[0].astype(u64) * u64(0xD2511F53), c[2].astype(u64) * u64(0xCD9E8D57)
        c = [(b >> u64(32)).astype(u32) ^ c[1] ^ u32(k[0]), b.astype(u32), (a >> u64(32)).astype(u32) ^ c[3] ^ u32(k[1]), a.astype(u32)]
        k = [(k[0] + 0x9E3779B9) & 0xFFFFFFFF, (k[1] + 0xBB67AE85) & 0xFFFFFFFF]
    unit = f(2.3283064e-10)
    turn = f(unit * 6.2831855)
    u = c[0].astype(f) * unit + unit / f(2)
    v = c[1].astype(f) * turn + turn / f(2)
    return np.sqrt(f(-2) * np.log(u)) * np.sin(v)


def record(values):
    values = np.ascontiguousarray(values, np.float32)
    out = {"count": len(values)}
    if len(values) > 200:
        out["crc"] = zlib.crc32(values.astype("<f4").tobytes())
        out["every"] = 331
        values = values[::331]
    out["values"] = [float("%.9g" % v) for v in values]
    return out


def main():
    assert torch.backends.cpu.get_cpu_capability() in ("AVX2", "AVX512"), "other machines go through libm"
    streams = []
    for seed in SEEDS:
        for counts in STREAMS:
            signed = seed if seed < 2**63 else seed - 2**64
            g = torch.Generator().manual_seed(signed)
            streams.append({"kind": "cpu", "seed": str(seed), "draws": [record(torch.randn(n, generator=g).numpy()) for n in counts]})
        streams.append({"kind": "nv", "seed": str(seed), "draws": [record(philox(seed, k, n)) for k, n in enumerate([1, 16, 100, 4 * 64 * 64])]})
    with open(os.path.join(os.path.dirname(os.path.abspath(__file__)), "noise.json"), "w") as f:
        f.write('{"streams": [\n' + ",\n".join(json.dumps(s) for s in streams) + "\n]}\n")


if __name__ == "__main__":
    main()
