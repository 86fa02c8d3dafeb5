"""What the comparisons share: JSON lines, errors, alarms, and timing in turns.  SPDX-License-Identifier: Apache-2.0"""
import contextlib
import json
import math
import signal
import statistics
import time

import torch


def emit(step, **values):
    """One JSON object a line on standard output, at once: who is stopped later has lost nothing."""
    print(json.dumps({"step": step, **{name: tidy(value) for name, value in values.items()}}), flush=True)


def tidy(value):
    """JSON knows no NaN, and nobody wants seventeen digits."""
    if isinstance(value, dict):
        return {name: tidy(one) for name, one in value.items()}
    if isinstance(value, float):
        return float(f"{value:.5g}") if math.isfinite(value) else str(value)
    return value


@contextlib.contextmanager
def alarm(seconds, what):
    """Raises TimeoutError in the body. Compilation in other processes goes on unwatched, so it is for whoever ends soon after."""
    def ring(*_):
        raise TimeoutError(f"{what} took longer than {seconds} s")

    before = signal.signal(signal.SIGALRM, ring)
    signal.alarm(int(seconds))
    try:
        yield
    finally:
        signal.alarm(0)
        signal.signal(signal.SIGALRM, before)


# ------------------------------------------------------------------ errors

def relative(found, truth):
    """Relative L2; infinite for what is no number"""
    error = ((found.double() - truth.double()).norm() / truth.double().norm()).item()
    return error if math.isfinite(error) else math.inf


FP32 = 5e-6  # where sums in another order may end


def judge(ours, theirs, truth):
    """Ours may be as far from the truth as PyTorch's at the same precision, and a fifth. Nobody can be nearer than the rounded truth."""
    errors = {"ours": relative(ours, truth), "theirs": relative(theirs, truth), "floor": relative(truth.to(ours.dtype), truth)}
    bound = max(1.2 * errors["theirs"], 1.2 * errors["floor"], FP32 if ours.dtype == torch.float32 else 0)
    return {**errors, "right": errors["ours"] <= bound}


# ------------------------------------------------------------------ time

def settle(device):
    """PyTorch's stream and ours know nothing of each other."""
    if torch.device(device).type == "cuda":
        torch.cuda.synchronize()


def torch_timer(call, device):
    """-> a function of n: seconds a call, n calls in a row on PyTorch's stream"""
    def on_card(n):
        start, end = torch.cuda.Event(enable_timing=True), torch.cuda.Event(enable_timing=True)
        start.record()
        for _ in range(n):
            call()
        end.record()
        end.synchronize()
        return start.elapsed_time(end) / 1e3 / n

    def on_wall(n):
        begun = time.perf_counter()
        for _ in range(n):
            call()
        return (time.perf_counter() - begun) / n

    return on_card if torch.device(device).type == "cuda" else on_wall


def our_timer(kernels, call):
    def timed(n):
        kernels.library.vel_shim_start(kernels.shim)
        for _ in range(n):
            call()
        seconds = kernels.library.vel_shim_stop(kernels.shim) / n
        kernels.check()
        return seconds

    return timed


def torch_graph(calls):
    """Captures the calls, which have run before. -> a function that replays them"""
    graph = torch.cuda.CUDAGraph()
    with torch.cuda.graph(graph):
        for call in calls:
            call()
    return graph.replay


def take_turns(timers, seconds, rounds, device):
    """timers: {name: function of n}, the first is ours. Each gets about `seconds` a round.
    -> {name: {seconds, least, most, ratio}}; ratio: its time over ours, the median of the rounds"""
    runs = {}
    for name, timer in timers.items():
        timer(1)
        runs[name] = max(1, min(200, round(seconds / max(timer(1), 1e-6))))
    found = {name: [] for name in timers}
    for _ in range(rounds):
        for name, timer in timers.items():
            settle(device)
            found[name].append(timer(runs[name]))
    first = next(iter(found.values()))
    return {name: {"seconds": statistics.median(values), "least": min(values), "most": max(values), "runs": runs[name],
                   "ratio": statistics.median(value / ours for value, ours in zip(values, first))} for name, values in found.items()}
