#!/usr/bin/env python3
"""Times Velatura beside PyTorch on the networks of Stable Diffusion 1.5, and prints a table in Markdown. See README.md beside this file.

Both take turns, one pass each, so that whatever else the machine does hits both; the ratio is the median of the turns' ratios.
SPDX-License-Identifier: Apache-2.0"""
import argparse
import json
import os
import platform
import statistics
import subprocess
import sys
import tempfile
import time

# What is timed: name on the command line of both, and in words.
COMPONENTS = (
    ("unet", "UNet step, batch 2"),
    ("vae", "VAE decode, one picture"),
    ("text", "text encoder, 77 tokens"),
)


# ------------------------------------------------------------------ PyTorch, in a process of its own

def worker(threads, width, height):
    """Reads a component's name per line, runs it once and answers with the seconds."""
    import resource

    import torch
    from diffusers import AutoencoderKL, UNet2DConditionModel
    from transformers import CLIPTextConfig, CLIPTextModel

    torch.set_num_threads(threads)
    torch.set_grad_enabled(False)
    torch.manual_seed(0)
    unet = UNet2DConditionModel(cross_attention_dim=768).eval()  # the defaults are 1.5's sizes
    vae = AutoencoderKL(down_block_types=("DownEncoderBlock2D",) * 4, up_block_types=("UpDecoderBlock2D",) * 4,
                        block_out_channels=(128, 256, 512, 512), layers_per_block=2).eval()
    text = CLIPTextModel(CLIPTextConfig(hidden_size=768, intermediate_size=3072, num_hidden_layers=12, num_attention_heads=12)).eval()
    latent = torch.randn(1, 4, height // 8, width // 8)
    state = torch.randn(2, 77, 768)
    tokens = torch.randint(0, 49408, (1, 77))
    runs = {
        "unet": lambda: unet(torch.cat([latent, latent]), 500, state),
        "vae": lambda: vae.decode(latent),
        "text": lambda: text(tokens),
    }
    print(json.dumps({"version": torch.__version__}), flush=True)
    for line in sys.stdin:
        if line.strip() not in runs:
            print(json.dumps({"peak": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024}), flush=True)
            continue
        begin = time.perf_counter()
        runs[line.strip()]()
        print(json.dumps({"seconds": time.perf_counter() - begin}), flush=True)


class PyTorch:
    def __init__(self, python, threads, width, height):
        command = [python, os.path.abspath(__file__), "--worker", "--threads", str(threads), "--width", str(width), "--height", str(height)]
        self.process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        self.version = self.read()["version"]

    def read(self):
        line = self.process.stdout.readline()
        if not line:
            sys.exit("compare.py: the PyTorch process ended; does --python have torch, diffusers and transformers?")
        return json.loads(line)

    def ask(self, word):
        self.process.stdin.write(word + "\n")
        self.process.stdin.flush()
        return self.read()

    def run(self, component):
        return self.ask(component)["seconds"]

    def peak(self):
        return self.ask("peak")["peak"]


# ------------------------------------------------------------------ Velatura

def run_with_peak(command):
    """-> (standard output, largest resident set in bytes)"""
    with tempfile.TemporaryFile() as out:
        process = subprocess.Popen(command, stdout=out)
        _, status, usage = os.wait4(process.pid, 0)
        if status:
            sys.exit(f"compare.py: {' '.join(command)} failed")
        out.seek(0)
        return out.read().decode(), usage.ru_maxrss * 1024


class Velatura:
    def __init__(self, program, model, tokenizer, size):
        self.program = program
        self.arguments = ["--model", model] + size + (["--tokenizer", tokenizer] if tokenizer else [])
        self.version = subprocess.run([program, "--version"], capture_output=True, text=True, check=True).stdout.strip()

    def run(self, component):
        """-> the last object `velatura bench --json` prints"""
        out, _ = run_with_peak([self.program, "bench", component, "--runs", "1", "--json"] + self.arguments)
        return json.loads(out.strip().splitlines()[-1])

    def picture_peak(self):
        with tempfile.TemporaryDirectory() as folder:
            command = [self.program, "generate", "--prompt", "a cat", "--steps", "2", "--quiet", "--output", os.path.join(folder, "x.png")]
            return run_with_peak(command + self.arguments)[1]


# ------------------------------------------------------------------ the table

def processor():
    with open("/proc/cpuinfo") as info:
        names = [line.split(":", 1)[1].strip() for line in info if line.startswith("model name")]
    return names[0] if names else platform.machine()


def main():
    parser = argparse.ArgumentParser(description="Times Velatura beside PyTorch.")
    parser.add_argument("--model", help="a checkpoint from make_checkpoint.py")
    parser.add_argument("--velatura", default="build/app/velatura", help="the program (default: %(default)s)")
    parser.add_argument("--python", default=sys.executable, help="a Python that has torch, diffusers and transformers (default: this one)")
    parser.add_argument("--tokenizer", help="a CLIP vocabulary, if none is installed")
    parser.add_argument("--threads", type=int, default=len(os.sched_getaffinity(0)))
    parser.add_argument("--width", type=int, default=512)
    parser.add_argument("--height", type=int, default=512)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--only", choices=[name for name, _ in COMPONENTS], action="append", help="time only this; repeatable")
    parser.add_argument("--no-peak", action="store_true", help="do not make a whole picture to find the peak memory")
    parser.add_argument("--worker", action="store_true", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.worker:
        return worker(options.threads, options.width, options.height)
    if not options.model:
        parser.error("--model is needed")

    size = ["--width", str(options.width), "--height", str(options.height), "--threads", str(options.threads)]
    velatura = Velatura(options.velatura, options.model, options.tokenizer, size)
    pytorch = PyTorch(options.python, options.threads, options.width, options.height)
    print(f"{velatura.version} and PyTorch {pytorch.version}, {options.width}x{options.height}, fp32 arithmetic, {options.threads} threads of "
          f"{processor()}; median of {options.rounds} turns.\n")
    print("| component | PyTorch eager | Velatura | ratio | GFLOP/s | share of the peak |")
    print("| --- | --- | --- | --- | --- | --- |", flush=True)
    for component, words in COMPONENTS:
        if options.only and component not in options.only:
            continue
        pytorch.run(component)  # warm
        turns = [(pytorch.run(component), velatura.run(component)) for _ in range(options.rounds)]
        theirs = statistics.median(turn[0] for turn in turns)
        ours = statistics.median(turn[1]["seconds"] for turn in turns)
        ratio = statistics.median(turn[1]["seconds"] / turn[0] for turn in turns)
        rate, share = (statistics.median(turn[1].get(key) or 0 for turn in turns) for key in ("gflops", "share"))
        print(f"| {words} | {theirs:.2f} s | {ours:.2f} s | **{ratio:.2f}** | {rate:.0f} | {share:.0%} |", flush=True)
    if not options.no_peak:
        theirs, ours = pytorch.peak(), velatura.picture_peak()
        print(f"| peak memory, all of it resident | {theirs / 1e9:.2f} GB | {ours / 1e9:.2f} GB | **{ours / theirs:.2f}** | | |")


if __name__ == "__main__":
    main()
