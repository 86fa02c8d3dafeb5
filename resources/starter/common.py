# SPDX-License-Identifier: Apache-2.0
"""What every training script shares: the work folder, atomic checkpoints, running averages, learning rates."""
import argparse
import datetime
import math
import os
import signal
import time

import torch
import torch.distributed as dist


def work_folder(description, **extra):
    """Parse `--work DIR` and the script's own options, create the folder, return the options."""
    cache = os.environ.get("XDG_CACHE_HOME") or os.path.expanduser("~/.cache")
    parser = argparse.ArgumentParser(description=description)
    parser.add_argument("--work", default=os.path.join(cache, "velatura-starter"), help="scratch folder")
    for name, value in extra.items():
        parser.add_argument("--" + name.replace("_", "-"), default=value,
                            type=type(value) if value is not None else str)
    options = parser.parse_args()
    os.makedirs(options.work, exist_ok=True)
    return options


def save(path, state):
    """Write a checkpoint so that a crash never leaves half a file."""
    temporary = f"{path}.{os.getpid()}.part"
    torch.save(state, temporary)
    os.replace(temporary, path)


def load(path):
    """The checkpoint at `path`, or None."""
    return torch.load(path, map_location="cpu", weights_only=False) if os.path.exists(path) else None


class Average:
    """An exponential moving average of parameters whose memory grows with the steps taken."""

    def __init__(self, module, limit=.9995):
        self.limit, self.steps = limit, 0
        self.source = [p for p in module.parameters()]
        self.values = [p.detach().clone() for p in self.source]

    @torch.no_grad()
    def update(self):
        self.steps += 1
        decay = min(self.limit, (1 + self.steps) / (10 + self.steps))
        torch._foreach_lerp_(self.values, [p.detach() for p in self.source], 1 - decay)

    @torch.no_grad()
    def swap(self):
        """Exchange the averaged and the trained values (call again to undo)."""
        for p, v in zip(self.source, self.values):
            t = p.detach().clone()
            p.copy_(v)
            v.copy_(t)

    def state(self):
        return {"steps": self.steps, "values": self.values}

    def restore(self, state):
        self.steps = state["steps"]
        for mine, saved in zip(self.values, state["values"]):
            mine.copy_(saved)


class Stop:
    """Turns the first SIGTERM or SIGINT into `stop.now`, so that a loop can save before it ends."""

    def __init__(self):
        self.now = False
        for s in (signal.SIGTERM, signal.SIGINT):
            signal.signal(s, self._set)

    def _set(self, *_):
        self.now = True


class Clock:
    """Seconds spent at work: a pause (the process was stopped and continued) does not count."""

    def __init__(self):
        self.spent, self.last = 0.0, time.time()

    def __call__(self):
        now = time.time()
        if now - self.last < 60:
            self.spent += now - self.last
        self.last = now
        return self.spent


def fast(device="cpu"):
    """Matrix products and convolutions in bfloat16 where the device multiplies it itself (tensor cores, AMX, AVX-512 BF16): twice
    as fast there. Weights, norms and losses stay float32."""
    good = device != "cpu" or torch.cpu._is_amx_tile_supported() or torch.cpu._is_avx512_bf16_supported()
    return torch.autocast(device, torch.bfloat16, enabled=good)


class Team:
    """Single-threaded workers that share every batch. On a busy machine that wastes less than threads which wait
    for each other at every layer."""

    def __init__(self, rank, options):
        self.rank, self.workers = rank, options.workers
        torch.set_num_threads(options.threads)
        if self.workers > 1:
            dist.init_process_group("gloo", init_method=f"file://{options.meet}", rank=rank, world_size=self.workers,
                                    timeout=datetime.timedelta(days=1))

    def average(self, parameters, loss, done):
        """Average the gradients; returns the mean loss and whether any worker is done."""
        loss = float(loss.detach())
        if self.workers == 1:
            return loss, done
        flat = torch.cat([p.grad.flatten() for p in parameters] + [torch.tensor([loss, float(done)])])
        dist.all_reduce(flat)
        flat /= self.workers
        for p, g in zip(parameters, flat[:-2].split([p.numel() for p in parameters])):
            p.grad = g.view_as(p)
        return float(flat[-2]), bool(flat[-1] > 0)


def run_team(train, options):
    """Run train(rank, options) in `options.workers` processes; SIGTERM is passed on, so that they save and end."""
    if options.workers == 1:
        return train(0, options)
    options.meet = os.path.join(options.work, f"meet-{os.getpid()}")
    stop, children, told = Stop(), torch.multiprocessing.spawn(train, (options,), nprocs=options.workers, join=False), False
    while not children.join(timeout=1):
        if stop.now and not told:
            told = True
            for process in children.processes:
                process.terminate()
    if os.path.exists(options.meet):
        os.remove(options.meet)


def cosine(progress, start, end):
    """From `start` to `end` as progress goes 0..1."""
    return end + (start - end) * .5 * (1 + math.cos(math.pi * min(1, max(0, progress))))


def log(path, text):
    """Print a line with the time and append it to a log file."""
    line = time.strftime("%H:%M:%S ") + text
    print(line, flush=True)
    with open(path, "a") as f:
        f.write(line + "\n")
