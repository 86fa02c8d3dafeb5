#!/usr/bin/env python3
"""Times ESRGAN's network in Velatura beside PyTorch, and prints a table in Markdown. See README.md beside this file.

The network has the shapes of RealESRGAN_x4plus (23 blocks of 64 features) and random weights. Both take turns, one pass each.
SPDX-License-Identifier: Apache-2.0"""
import argparse
import importlib.util
import json
import os
import pathlib
import statistics
import subprocess
import tempfile
import time

import torch
from safetensors.torch import save_file

from compare import processor

HERE = pathlib.Path(__file__).resolve().parent


def architecture():
    """The networks are written down where their goldens are made."""
    spec = importlib.util.spec_from_file_location("upscalers", HERE.parent / "golden" / "upscalers" / "make.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def main():
    parser = argparse.ArgumentParser(description="Times an ESRGAN network in Velatura beside PyTorch.")
    parser.add_argument("--velatura", default="build/app/velatura", help="the program (default: %(default)s)")
    parser.add_argument("--threads", type=int, default=len(os.sched_getaffinity(0)))
    parser.add_argument("--sizes", type=int, nargs="*", default=[64, 128])
    parser.add_argument("--rounds", type=int, default=3)
    options = parser.parse_args()
    upscalers = architecture()
    torch.set_num_threads(options.threads)
    torch.set_grad_enabled(False)
    print(f"PyTorch {torch.__version__}, fp32 arithmetic, {options.threads} threads of {processor()}; median of {options.rounds} turns.\n")
    print("| network | PyTorch eager | Velatura | ratio | GFLOP/s |")
    print("| --- | --- | --- | --- | --- |", flush=True)
    nets = [("ESRGAN, 23 blocks, 4x", upscalers.RRDBNet(features=64, growth=32, blocks=23)),
            ("compact, 32 layers, 4x", upscalers.Compact(features=64, layers=32))]
    with tempfile.TemporaryDirectory() as folder:
        for words, net in nets:
            path = os.path.join(folder, "net.safetensors")
            save_file(upscalers.grow(net, 0).state_dict(), path)
            for side in options.sizes:
                x = torch.rand(1, 3, side, side)
                turns = []
                net(x)
                for _ in range(options.rounds):
                    begin = time.perf_counter()
                    net(x)
                    theirs = time.perf_counter() - begin
                    command = [options.velatura, "bench", "upscaler", "--upscaler", path, "--width", str(side), "--height", str(side), "--runs", "1",
                               "--threads", str(options.threads), "--json"]
                    turns.append((theirs, json.loads(subprocess.run(command, capture_output=True, text=True, check=True).stdout.splitlines()[-1])))
                ours = statistics.median(turn[1]["seconds"] for turn in turns)
                ratio = statistics.median(turn[1]["seconds"] / turn[0] for turn in turns)
                rate = statistics.median(turn[1]["gflops"] for turn in turns)
                print(f"| {words}, {side}x{side} | {statistics.median(turn[0] for turn in turns):.2f} s | {ours:.2f} s | **{ratio:.2f}** | {rate:.0f} |",
                      flush=True)


if __name__ == "__main__":
    main()
