#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Writes variation.json: the noise pictures begin with where a variation or the noise of another size is asked for, in torch.

    python make-variation.py            (torch 2, numpy)
Rules of AUTOMATIC1111 1.10 modules/rng.py: both noises are vectors along the rows of each plane's column; angles come from torch.acos. Each
case has two pictures, and what their streams give next."""
import json
import pathlib

import numpy as np
import torch

from make import philox

HERE = pathlib.Path(__file__).resolve().parent


class Source:
    def __init__(self, kind, seed):
        self.kind, self.seed, self.calls = kind, seed, 0
        self.generator = torch.Generator().manual_seed(seed)

    def __call__(self, shape):
        self.calls += 1
        if self.kind == "nv":
            return torch.from_numpy(philox(self.seed, self.calls - 1, int(np.prod(shape)))).reshape(shape)
        return torch.randn(shape, generator=self.generator)


def spherical(share, a, b):
    cosine = (torch.nn.functional.normalize(a, dim=1, eps=0) * torch.nn.functional.normalize(b, dim=1, eps=0)).sum(1)
    if cosine.mean() > 0.9995:
        return torch.lerp(b, a, share)
    angle = cosine.acos()
    weights = [torch.sin(part * angle) / torch.sin(angle) for part in (1 - share, share)]
    return weights[0][:, None] * a + weights[1][:, None] * b


def overlap(length, small):
    """Where the middle of `small` begins in `length`, what of it begins there, and how much of it fits."""
    before = (length - small) // 2
    return (before, 0, small) if before >= 0 else (0, -before, small + 2 * before)


def begin(case, picture):
    kind, shape, share = case["kind"], case["shape"], case["strength"]
    seed = case["seed"] + (0 if share else picture)
    source, from_shape = Source(kind, seed), [shape[0], *(case["from"] or shape[1:])]
    out = source(shape)
    small = Source(kind, seed)(from_shape)
    if share:
        small = spherical(share, small, Source(kind, case["variation"] + picture)(from_shape))
    if from_shape == shape:
        out = small
    else:
        (y, from_y, h), (x, from_x, w) = (overlap(n, m) for n, m in zip(shape[1:], from_shape[1:]))
        out[:, y:y + h, x:x + w] = small[:, from_y:from_y + h, from_x:from_x + w]
    if case["offset"]:
        source = Source(kind, seed + case["offset"])
    return out, source(shape)


def record(values):
    values = values.flatten()
    return [float("%.9g" % v) for v in values[::1 if len(values) < 64 else 17]]


def main():
    base = dict(kind="cpu", seed=4711, variation=99, strength=0.0, shape=[4, 16, 24], offset=0)
    base["from"] = None
    cases = [
        dict(strength=0.3), dict(strength=1.0), dict(strength=0.02, kind="nv", seed=2**32 + 7, variation=2**40),
        dict(strength=0.5, seed=12, variation=12),  # the same noise twice: all but parallel
        dict(strength=0.4, offset=31337),
        {"from": [8, 40]}, {"from": [21, 11], "kind": "nv"}, {"from": [13, 27], "strength": 0.25}, {"from": [9, 9], "offset": 5},
        {"from": [16, 24]}, {"from": [1, 1]}, {"shape": [4, 1, 1], "from": [40, 40]}, {"shape": [4, 3, 3], "from": [6, 8]},
        {"strength": 0.7, "shape": [16, 8, 8]},
    ]
    rows = []
    for changes in cases:
        case = {**base, **changes}
        pictures = [begin(case, i) for i in range(2)]
        rows.append({**case, "seed": str(case["seed"]), "variation": str(case["variation"]),
                     "pictures": [{"first": record(first), "next": record(following)} for first, following in pictures]})
    (HERE / "variation.json").write_text('{"cases": [\n' + ",\n".join(json.dumps(r) for r in rows) + "\n]}\n")


if __name__ == "__main__":
    main()
