#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Writes brownian.json: noise of k-diffusion's BrownianTreeNoiseSampler over torchsde, and first words of numpy's seed sequences.

    python make-brownian.py            (torch 2 with AVX2, torchsde 0.2.6, k-diffusion 0.1, numpy)
Values are exact floats; of each draw a CRC-32 of the bytes and a sample. "nv" routes the nodes' normal values through Philox.
The last root is numpy's, which is rounded as IEEE 754 has it; torch's may be off by a bit, depending on its build."""
import json
import os
import sys
import types
import zlib

import numpy as np
import torch

for name in ("clip", "k_diffusion"):  # what k-diffusion imports beside its samplers is not needed
    sys.modules[name] = types.ModuleType(name)
sys.modules["k_diffusion"].__path__ = [os.path.join(p, "k_diffusion") for p in sys.path]
sys.modules["k_diffusion.utils"] = types.ModuleType("k_diffusion.utils")
import k_diffusion.sampling as sampling  # noqa: E402
import torchsde._brownian.brownian_interval as interval  # noqa: E402

from make import philox  # noqa: E402

HERE = os.path.dirname(os.path.abspath(__file__))
TORCH = interval._randn
EVERY = 97


def nv(size, dtype, device, seed):
    return torch.from_numpy(philox(int(seed), 0, int(np.prod(size)))).reshape(size).to(dtype)


def path(kind, seed, shape, sigmas, pairs):
    interval._randn = TORCH if kind == "cpu" else nv
    levels = torch.tensor(sigmas)
    sampler = sampling.BrownianTreeNoiseSampler(torch.zeros(1, *shape), levels[levels > 0].min(), levels.max(), seed=[seed])
    draws = []
    for i, j in pairs:
        values = sampler.tree(levels[i], levels[j])[0].flatten().numpy() / np.sqrt(np.abs(levels[j].numpy() - levels[i].numpy()))
        assert np.allclose(values, sampler(levels[i], levels[j])[0].flatten().numpy(), rtol=2e-7, atol=0)
        draws.append({"pair": [i, j], "crc": zlib.crc32(values.astype("<f4").tobytes()), "values": [float("%.9g" % v) for v in values[::EVERY]]})
    return {"kind": kind, "seed": str(seed), "shape": shape, "sigmas": [float("%.9g" % v) for v in levels.tolist()], "draws": draws}


def main():
    assert torch.backends.cpu.get_cpu_capability() in ("AVX2", "AVX512"), "other machines go through libm"
    karras = sampling.get_sigmas_karras(10, 0.0291675, 14.614642).tolist()
    steps = [[i, i + 1] for i in range(9)]
    odd = [14.614642, 14.614641, 7.3219047, 1.000002, 1.0, 0.0291675, 0.0]
    paths = [path("cpu", s, [4, 8, 8], karras, steps) for s in (0, 4711, 2**32 + 42, 2**63 - 1)]
    # halves, wholes, steps of a few roundings's size, upwards, long before short, too small for the vectorised draw
    paths += [path("cpu", 7, shape, odd, [[0, 1], [0, 5], [0, 2], [2, 5], [3, 4], [4, 3], [5, 0], [1, 3]]) for shape in ([4, 8, 8], [1, 3, 5], [4, 5, 5])]
    paths += [path("nv", s, [4, 8, 8], karras, steps) for s in (1, 4711)]
    words = []
    for entropy in (0, 1, 42, 2**32 - 1, 2**32, 2**64 - 1):
        words.append([str(entropy), None, None, int(np.random.SeedSequence(entropy, pool_size=24).generate_state(3)[0])])
        for key in ((0, 0), (5, 3), (2**33 + 1, 34)):
            words.append([str(entropy), *map(str, key), int(np.random.SeedSequence(entropy, spawn_key=key, pool_size=24).generate_state(4)[0])])
    with open(os.path.join(HERE, "brownian.json"), "w") as f:
        f.write('{"every": %d, "paths": [\n' % EVERY + ",\n".join(map(json.dumps, paths)) + '\n],\n"words": [\n' + ",\n".join(map(json.dumps, words)) + "\n]}\n")


main()
