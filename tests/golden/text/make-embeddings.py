#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Writes embeddings/: the same vectors as the programs that train embeddings save them with torch.save.

    python3 make-embeddings.py      (torch)
Row r, column c is r + c / 4."""
import pathlib

import torch

HERE = pathlib.Path(__file__).resolve().parent / "embeddings"
VECTORS = torch.arange(2)[:, None] + torch.arange(4)[None, :] / 4


def main():
    HERE.mkdir(exist_ok=True)
    a1111 = {"string_to_token": {"*": torch.tensor(265)}, "string_to_param": {"*": VECTORS}, "name": "ink", "step": 500,
             "sd_checkpoint": "4bdfc29c", "sd_checkpoint_name": "x"}
    torch.save(a1111, HERE / "a1111.pt")
    torch.save(a1111, HERE / "legacy.pt", _use_new_zipfile_serialization=False)
    torch.save(a1111 | {"string_to_param": torch.nn.ParameterDict({"*": torch.nn.Parameter(VECTORS)})}, HERE / "parameters.pt")
    torch.save({"<ink>": VECTORS}, HERE / "concept.bin")
    torch.save({"<ink>": VECTORS[0].clone()}, HERE / "single.bin")
    torch.save({"clip_l": VECTORS, "clip_g": VECTORS[:, :3].clone()}, HERE / "pair.pt")


main()
