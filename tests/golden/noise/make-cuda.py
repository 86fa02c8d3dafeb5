#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Writes cuda.json: torch.randn of a CUDA generator as a card with a given number of multiprocessors draws it, by numpy alone.

    python make-cuda.py            (numpy)
Written from the rules of PyTorch's ATen/native/cuda/DistributionTemplates.h (calc_execution_policy, the grid-stride kernel) and curand's
curand_philox4x32_x.h and curand_normal.h: the launch is played through thread by thread, each with a generator state of its own. On a card
the sine is coarser, which numpy does not copy. Long draws are sampled; values are exact floats of double arithmetic rounded once."""
import json
import pathlib

import numpy as np

BLOCK = 256
UNROLL = 4  # curand_normal4
# name, multiprocessors, threads a multiprocessor runs at once, seed, sizes drawn in turn
STREAMS = [
    ("cuda:1x256", 1, 256, 7, [100, 256, 257, 512, 1024, 1025, 3000, 16]),
    ("cuda:2x1100", 2, 1100, 2**63 + 12345, [4 * 24 * 24, 5, 4 * 64 * 64, 4 * 64 * 64]),
    ("cuda:3", 3, 1536, 2**64 - 1, [4 * 48 * 40, 4608, 4609]),
    ("cuda:30", 30, 1024, 42, [4 * 64 * 64, 4 * 96 * 96, 4 * 96 * 96]),
    ("cuda:28", 28, 1536, 42, [4 * 128 * 96, 100]),
    ("CUDA:132", 132, 2048, 0, [1000, 4 * 64 * 64]),
]


def philox(counter, key):
    """counter: four arrays of 32-bit words; ten rounds of Salmon et al. 2011"""
    c, k = [w.astype(np.uint64) for w in counter], list(key)
    low = np.uint64(0xFFFFFFFF)
    for _ in range(10):
        a, b = c[0] * np.uint64(0xD2511F53), c[2] * np.uint64(0xCD9E8D57)
        c = [(b >> np.uint64(32)) ^ c[1] ^ np.uint64(k[0]), b & low, (a >> np.uint64(32)) ^ c[3] ^ np.uint64(k[1]), a & low]
        k = [(k[0] + 0x9E3779B9) & 0xFFFFFFFF, (k[1] + 0xBB67AE85) & 0xFFFFFFFF]
    return c


class States:
    """curandStatePhilox4_32_10_t of every thread: curand_init (seed, thread, offset)."""

    def __init__(self, seed, threads, offset):
        self.key = (seed & 0xFFFFFFFF, seed >> 32)
        self.thread = np.arange(threads, dtype=np.uint64)
        assert offset % 4 == 0
        self.skipped = offset // 4

    def normal4(self):
        zero = np.zeros_like(self.thread)
        x, y, z, w = philox([zero + np.uint64(self.skipped), zero, self.thread, zero], self.key)
        self.skipped += 1
        return [*self.box_muller(x, y), *self.box_muller(z, w)]

    @staticmethod
    def box_muller(x, y):
        u = (x.astype(np.float32) * np.float32(2.3283064e-10) + np.float32(2.3283064e-10 / 2)).astype(np.float64)
        turn = np.float32(2.3283064e-10 * 6.2831855)
        v = (y.astype(np.float32) * turn + turn / np.float32(2)).astype(np.float64)
        radius = np.sqrt(-2 * np.log(u))
        return radius * np.sin(v), radius * np.cos(v)


class Generator:
    def __init__(self, seed, multiprocessors, threads):
        self.seed, self.multiprocessors, self.threads, self.offset = seed, multiprocessors, threads, 0

    def randn(self, n):
        grid = min(self.multiprocessors * (self.threads // BLOCK), -(-n // BLOCK))
        size = BLOCK * grid
        states = States(self.seed, size, self.offset)
        self.offset += ((n - 1) // (size * UNROLL) + 1) * 4
        out = np.full(n, np.nan)
        index = np.arange(size)
        rounded = ((n - 1) // (size * UNROLL) + 1) * size * UNROLL
        for start in range(0, rounded, size * UNROLL):
            for k, values in enumerate(states.normal4()):
                at = start + index + size * k
                out[at[at < n]] = values[at < n]
        assert not np.isnan(out).any()
        return out.astype(np.float32)


def record(values):
    out = {"count": len(values), "every": 1 if len(values) <= 40 else 331 if len(values) > 3000 else 29}
    out["values"] = [float("%.9g" % v) for v in values[::out["every"]]]
    return out


def main():
    streams = []
    for name, multiprocessors, threads, seed, sizes in STREAMS:
        g = Generator(seed, multiprocessors, threads)
        streams.append({"kind": name, "seed": str(seed), "draws": [record(g.randn(n)) for n in sizes]})
    path = pathlib.Path(__file__).resolve().parent / "cuda.json"
    path.write_text('{"streams": [\n' + ",\n".join(json.dumps(s) for s in streams) + "\n]}\n")


if __name__ == "__main__":
    main()
