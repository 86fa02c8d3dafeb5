#!/usr/bin/env python3
"""Our kernels beside PyTorch on one card: bits, errors, seconds.  SPDX-License-Identifier: Apache-2.0

    compare.py --library FILE selftest              the same random weights here and in C
    compare.py --library FILE machine               what this is, and how fast it copies and multiplies at best
    compare.py --library FILE ops [NETWORK...]      single ops
    compare.py --library FILE network NAME...       whole networks out of our ops: sd15 sd15x8 sdxl vae512 vae1024
    compare.py program                              the program `velatura` with a model folder written for it
    compare.py summary FILE...                      tables of what the others printed

JSON lines go to standard output. README.md says what is done and why. Needs torch; network, ops and program need diffusers too."""
import argparse
import math
import os
import platform
import subprocess
import sys
import time
import traceback

import torch

import fill
from kernels import NAME_OF, NAMES, Kernels
from networks import NETWORKS, PARTS, TOKENS, Decoder, UNet, counts, make_module
from turns import alarm, emit, judge, our_timer, settle, take_turns, torch_graph, torch_timer

# Latents of odd shape besides the square that is timed: 520 by 776 pixels.
ODD = (65, 97)


# ------------------------------------------------------------------ selftest, machine

def selftest(options):
    """Every bit of every kind of tensor, across the border between two chunks."""
    kernels = options.kernels
    cases = [("unet.conv_in.weight", (320, 4, 3, 3)), ("unet.conv_norm_out.weight", (320,)), ("unet.conv_out.bias", (4,)),
             ("unet.mid_block.attentions.0.proj_out.weight", (1280, 1280, 1, 1)), ("chunks", (fill.CHUNK + 77,))]
    right = True
    for name, shape in cases:
        for dtype, number in ((torch.bfloat16, 2), (torch.float32, 0)):
            offset, spread = fill.rule(name, shape)
            ours = fill.fill_(torch.empty(shape, dtype=dtype, device=options.device), name, offset, spread).cpu()
            theirs = torch.empty(shape, dtype=dtype)
            kernels.library.vel_shim_fill(number, theirs.data_ptr(), name.encode(), theirs.numel(), offset, spread)
            same = torch.equal(ours, theirs)
            emit("selftest", name=name, type=NAME_OF[dtype], same=same)
            right = right and same
    return right


def output_of(*command):
    try:
        return subprocess.run(command, capture_output=True, text=True, check=True, timeout=20).stdout.strip()
    except (OSError, subprocess.SubprocessError):
        return ""


def machine(options):
    here = os.path.dirname(os.path.abspath(__file__))
    about = "name,driver_version,clocks.sm,clocks.mem,temperature.gpu,power.limit"
    emit("machine", torch=torch.__version__, python=platform.python_version(), kernels=options.kernels.description,
         commit=os.environ.get("VELATURA_COMMIT") or output_of("git", "-C", here, "describe", "--always", "--dirty"),
         date=time.strftime("%Y-%m-%d %H:%M", time.gmtime()), card=output_of("nvidia-smi", f"--query-gpu={about}", "--format=csv,noheader"))
    on_card = options.device.type == "cuda"
    source = torch.empty((1 << 30) if on_card else 1 << 22, dtype=torch.float32, device=options.device).normal_()
    target = torch.empty_like(source)
    copy = take_turns({"copy": torch_timer(lambda: target.copy_(source), options.device)}, options.seconds, options.rounds, options.device)
    emit("ceiling", what="copy", by="torch", gigabytes_per_second=2e-9 * source.numel() * 4 / copy["copy"]["seconds"])
    del source, target
    side = 8192 if on_card else 256
    a, b = (torch.randn(side, side, device=options.device).to(options.dtype) for _ in range(2))
    product = take_turns({"product": torch_timer(lambda: a @ b, options.device)}, options.seconds, options.rounds, options.device)
    emit("ceiling", what="product", by="torch", type=options.type, teraflops=2e-12 * side**3 / product["product"]["seconds"])
    return True


# ------------------------------------------------------------------ ops

def ops(options):
    from ops import compare_ops

    names = options.names or (["tiny", "tiny-xl", "tiny-vae"] if options.dry_run else list(PARTS))
    return compare_ops(options.kernels, {name: counts(name) for name in names}, options.dtype, options.device, options.seconds / 30,
                       options.rounds)


# ------------------------------------------------------------------ networks

class Inputs:
    """What a network is given, rounded to the type it will compute in."""

    def __init__(self, name, module, batch, height, width, dtype, device):
        self.kind = NETWORKS[name][0]
        self.sizes = (batch, height, width)
        self.timestep, self.time_ids, self.pooled = 500, None, None
        config = module.config

        def noise(what, *shape):
            return fill.noise(f"input.{what}", *shape, dtype=dtype, device=device)

        self.sample = noise("latent", batch, config.latent_channels if self.kind == "vae" else config.in_channels, height, width)
        if self.kind == "unet":
            self.text = noise("text", batch, TOKENS, config.cross_attention_dim)
        if self.kind == "unet" and config.addition_embed_type == "text_time":
            self.pooled = noise("pooled", batch, config.projection_class_embeddings_input_dim - 6 * config.addition_time_embed_dim)
            self.time_ids = [[8 * height, 8 * width, 0, 0, 8 * height, 8 * width]] * batch

    def torch_call(self, module, dtype, decode=None):
        """-> a function without arguments; decode: in place of the module's own"""
        sample = self.sample.to(dtype).contiguous(memory_format=torch.channels_last)
        if self.kind == "vae":
            decode = decode or module.decode
            return lambda: decode(sample, return_dict=False)[0]
        text, added = self.text.to(dtype), None
        timestep = torch.tensor(self.timestep, device=sample.device)
        if self.pooled is not None:
            added = {"text_embeds": self.pooled.to(dtype), "time_ids": torch.tensor(self.time_ids, dtype=dtype, device=sample.device)}
        return lambda: module(sample, timestep, text, added_cond_kwargs=added, return_dict=False)[0]

    def our_network(self, kernels, module, dtype, device):
        if self.kind == "vae":
            network = Decoder(kernels, module, *self.sizes, dtype, device)
            network.prepare()
        else:
            network = UNet(kernels, module, *self.sizes, TOKENS, dtype, device)
            network.prepare(self.timestep, self.text, self.pooled, self.time_ids)
        network.sample.tensor.copy_(self.sample.permute(0, 2, 3, 1))
        settle(device)
        return network


def run_ours(network, device):
    """Over a result and intermediates that hold NaN. -> the result, channels first"""
    network.out.tensor.fill_(math.nan)
    network.step.arena.fill_(0xFF)
    settle(device)
    network.step.run()
    network.step.kernels.wait()
    return network.out.tensor.permute(0, 3, 1, 2).clone()


def check_network(options, name, inputs, network, theirs, truth):
    first = run_ours(network, options.device)
    same = torch.equal(first, run_ours(network, options.device))
    verdict = judge(first, theirs, truth)
    verdict["right"] = verdict["right"] and same
    emit("network", network=name, sizes="x".join(map(str, inputs.sizes)), type=options.type, same_twice=same, **verdict,
         arena_megabytes=network.step.arena.numel() / 1e6, calls=len(network.step.calls))
    return verdict["right"]


def report_times(name, options, baseline, found, **more):
    """baseline: what else took turns"""
    ours = found["ours"]
    emit("time-network", network=name, type=options.type, against=baseline, **more,
         **{who.replace(" ", "_"): values for who, values in found.items()}, passes_per_second=1 / ours["seconds"])


def eager_turns(options, name, kernels_timer, call):
    """Eager PyTorch, and the same captured, so that Python does not count."""
    timers = {"ours": kernels_timer, "eager": torch_timer(call, options.device)}
    if options.device.type == "cuda":
        call()
        settle(options.device)
        try:
            timers["eager graph"] = torch_timer(torch_graph([call]), options.device)
        except RuntimeError as error:
            emit("failure", during=f"capturing {name}", why=str(error).split("\n")[0])
    report_times(name, options, "eager", take_turns(timers, options.seconds, options.rounds, options.device))


def compiled_turns(options, name, kernels_timer, module, inputs):
    """torch.compile as diffusers' own guide to speed has it."""
    import torch._inductor.config as config

    if options.device.type == "cuda":
        config.conv_1x1_as_mm, config.epilogue_fusion = True, False
        config.coordinate_descent_tuning = config.coordinate_descent_check_all_directions = not options.no_descent
        chosen = dict(mode="max-autotune", fullgraph=True)
    else:
        chosen = dict(backend="aot_eager", fullgraph=True)
    module.fuse_qkv_projections()
    if inputs.kind == "vae":
        call = inputs.torch_call(module, options.dtype, torch.compile(module.decode, **chosen))
    else:
        call = inputs.torch_call(torch.compile(module, **chosen), options.dtype)

    def step():
        torch.compiler.cudagraph_mark_step_begin()
        call()

    begun = time.perf_counter()
    with alarm(options.alarm, f"compiling {name}"):
        for _ in range(3):
            step()
        settle(options.device)
    spent = time.perf_counter() - begun
    emit("compiled", network=name, seconds=spent)
    timers = {"ours": kernels_timer, "compiled": torch_timer(step, options.device)}
    report_times(name, options, "compile", take_turns(timers, options.seconds, options.rounds, options.device), compile_seconds=spent)


def compare_network(options, name):
    _, _, batch, side = NETWORKS[name]
    module = make_module(name, options.device)
    fill.fill_module(module, NETWORKS[name][0])
    module.to(memory_format=torch.channels_last)
    sizes = [(batch, side, side)]
    if options.check and not name.startswith(("sdxl", "vae1024", "sd15x8")):
        sizes.append((batch, *((side + 1, side + 3) if name.startswith("tiny") else ODD)))
    cases = [Inputs(name, module, *size, options.dtype, options.device) for size in sizes]
    wide = torch.float64 if options.dtype == torch.float32 else torch.float32
    module.to(wide)
    truths = [inputs.torch_call(module, wide)() for inputs in cases] if options.check else []
    module.to(options.dtype)
    right, network = True, None
    for index, inputs in reversed(list(enumerate(cases))):  # the square one last: it stays to be timed
        network = None
        network = inputs.our_network(options.kernels, module, options.dtype, options.device)
        if options.check:
            theirs = inputs.torch_call(module, options.dtype)()
            right = check_network(options, name, inputs, network, theirs, truths[index]) and right
    truths = None
    network.step.run()  # scratch has its size before anything is recorded
    options.kernels.wait()
    timer = our_timer(options.kernels, options.kernels.graph(network.step.bound))
    if "eager" in options.against:
        eager_turns(options, name, timer, cases[0].torch_call(module, options.dtype))
    if "compile" in options.against:
        compiled_turns(options, name, timer, module, cases[0])
    return right


def networks(options):
    right = True
    for name in options.names:
        try:
            right = compare_network(options, name) and right
        except Exception as error:  # the next network may be luckier
            traceback.print_exc()
            emit("failure", during=name, why=f"{type(error).__name__}: {error}".split("\n")[0])
            right = False
        if "compile" in options.against:
            torch._dynamo.reset()
        if options.device.type == "cuda":
            torch.cuda.empty_cache()
    return right


# ------------------------------------------------------------------ the command line

def program(options):
    from program import compare_program

    return compare_program(options)


def summary(options):
    from summary import write_summary

    return write_summary(options.names)


STEPS = {"selftest": selftest, "machine": machine, "ops": ops, "network": networks, "program": program, "summary": summary}


def main():
    parser = argparse.ArgumentParser(description="Our kernels beside PyTorch on one card.", epilog="See README.md beside this file.")
    parser.add_argument("step", choices=STEPS)
    parser.add_argument("names", nargs="*", help="networks, or files for summary")
    parser.add_argument("--library", help="libvelatura-kernels.so from build.sh")
    parser.add_argument("--table", default="cuda", help="cuda, emulated or reference (default: %(default)s)")
    parser.add_argument("--device", type=int, default=0, help="which card (default: %(default)s)")
    parser.add_argument("--type", default="bf16", choices=NAMES, help="precision (default: %(default)s)")
    parser.add_argument("--against", default="eager", help="eager, compile or both with a comma (default: %(default)s)")
    parser.add_argument("--no-check", dest="check", action="store_false", help="only time")
    parser.add_argument("--no-descent", action="store_true", help="compile without coordinate descent, which takes minutes")
    parser.add_argument("--alarm", type=int, default=400, help="seconds for compiling one network (default: %(default)s)")
    parser.add_argument("--seconds", type=float, default=0.3, help="for each side in each round (default: %(default)s)")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--dry-run", action="store_true", help="on the processor, with tiny networks and the table `reference`")
    parser.add_argument("--velatura", default="velatura", help="the program, for step program (default: from PATH)")
    parser.add_argument("--tokenizer", help="a CLIP vocabulary for the program, if none is installed")
    parser.add_argument("--folder", help="where step program may write a model (default: a temporary folder)")
    options = parser.parse_args()
    if options.dry_run:
        options.table = "reference" if options.table == "cuda" else options.table
        options.type = "fp32" if options.table == "reference" else options.type
    options.device = torch.device("cpu" if options.dry_run else f"cuda:{options.device}")
    options.dtype = NAMES[options.type]
    if options.step == "network":
        options.names = options.names or (["tiny", "tiny-xl", "tiny-vae"] if options.dry_run else ["sd15"])
        unknown = set(options.names) - set(NETWORKS)
        if unknown:
            parser.error(f"no such network: {', '.join(unknown)}")
    if options.step != "summary":
        if options.device.type == "cuda":
            torch.cuda.set_device(options.device)
        torch.backends.cuda.matmul.allow_tf32 = torch.backends.cudnn.allow_tf32 = False  # the truth is fp32
        torch.backends.cudnn.benchmark = True
    if options.step in ("selftest", "machine", "ops", "network"):
        if not options.library:
            parser.error("--library is needed")
        options.kernels = Kernels(options.library, options.table, options.device.index or 0)
        if not options.kernels.takes(options.dtype):
            sys.exit(f"compare.py: the table \"{options.table}\" does not take {options.type}")
    with torch.inference_mode():
        sys.exit(0 if STEPS[options.step](options) else 1)


if __name__ == "__main__":
    main()
