# SPDX-License-Identifier: Apache-2.0
"""The judge: a small network that names the subjects and the setting of a picture.

    python classifier.py --work DIR --minutes 40     trains on composed pictures only, resumes from DIR/classifier.pt

It never sees a generated picture. Blur, noise and changes of light make it indifferent to finish.
"""
import os
import time

import numpy as np
import torch
import torch.nn as nn
import torch.nn.functional as F

from common import Average, Clock, Stop, cosine, fast, load, log, save, work_folder
from scenes import GROUNDS, PLACES, SEASONS, TIMES, WATER, Painter
from subjects import NAMES

WET = torch.tensor([PLACES.index(p) for p in sorted(WATER)])
HEADS = {"kind": 2, "time": len(TIMES), "season": len(SEASONS), "place": len(PLACES), "ground": len(GROUNDS)}


class Block(nn.Module):
    def __init__(self, i, o, stride):
        super().__init__()
        self.one, self.two = nn.Conv2d(i, o, 3, stride, 1, bias=False), nn.Conv2d(o, o, 3, 1, 1, bias=False)
        self.norm1, self.norm2 = nn.BatchNorm2d(o), nn.BatchNorm2d(o)
        self.skip = nn.Conv2d(i, o, 1, stride, bias=False) if i != o or stride > 1 else nn.Identity()

    def forward(self, x):
        y = F.relu(self.norm1(self.one(x)))
        return F.relu(self.skip(x) + self.norm2(self.two(y)))


class Judge(nn.Module):
    """What is in each cell of an 8 x 8 grid (a subject, or none), and one set of logits per setting."""

    def __init__(self):
        super().__init__()
        self.body = nn.Sequential(nn.Conv2d(3, 32, 5, 2, 2), nn.ReLU(), Block(32, 48, 2), Block(48, 96, 2), Block(96, 192, 2),
                                  Block(192, 192, 1))
        self.cells = nn.Conv2d(192, len(NAMES) + 1, 1)
        self.settings = nn.ModuleDict({k: nn.Linear(192 * 5, n) for k, n in HEADS.items()})

    def forward(self, pictures):
        """Cells (B,N+1,8,8), subjects (B,N), settings {name: (B,n)}; a subject counts by how sure its cells are."""
        with fast(pictures.device.type):
            x = self.body(pictures * 4 - 2)
        x = x.float()
        cells = F.log_softmax(self.cells(x), 1)
        zones = torch.cat([x.mean((2, 3)), F.adaptive_avg_pool2d(x, (4, 1)).flatten(1)], 1)
        return cells, torch.logsumexp(cells[:, :-1].flatten(2), 2), {k: head(zones) for k, head in self.settings.items()}


def targets(what):
    """Subject shares (B,N) and setting numbers (-1: does not apply)."""
    subjects = torch.zeros(len(what), len(NAMES))
    marks = {k: [] for k in HEADS}
    for row, w in enumerate(what):
        for s in w["subjects"]:
            subjects[row, s[0]] = 1
        scenic = not w["plain"]
        marks["kind"].append(int(w["plain"]))
        marks["time"].append(w["time"] if scenic else -1)
        marks["season"].append(w["season"] if scenic and PLACES[w["place"]] != "sea" else -1)
        marks["place"].append(w["place"] if scenic else -1)
        marks["ground"].append(-1 if scenic else w["place"])
    return subjects, {k: torch.tensor(v) for k, v in marks.items()}


def cells(what):
    """The subject of every cell (B,8,8): N where there is none, -1 where it does not matter (edges, crowds)."""
    out = np.full((len(what), 8, 8), len(NAMES))
    centre = (np.arange(8) + .5) / 8
    for grid, w in zip(out, what):
        for _, count, x, y, size in w["subjects"]:
            near = (abs(centre - x) < size / 2 + .06)[None] & (abs(centre - y) < size / 2 + .06)[:, None]
            grid[near | (count > 1)] = -1
        for i, _, x, y, size in w["subjects"]:
            r = max(.065, size / 4)
            grid[(abs(centre - x) < r)[None] & (abs(centre - y) < r)[:, None]] = i
    return torch.from_numpy(out)


def vary(x):
    """Blur, noise, contrast and light, differently for every picture."""
    b = len(x)
    soft = F.avg_pool2d(F.pad(x, (1, 1, 1, 1), mode="replicate"), 3, 1)
    softer = F.avg_pool2d(F.pad(x, (2, 2, 2, 2), mode="replicate"), 5, 1)
    pick = torch.rand(b, 1, 1, 1, device=x.device)
    x = torch.where(pick < .4, x, torch.where(pick < .8, soft, softer))
    x = x * (1 + .12 * torch.randn(b, 3, 1, 1, device=x.device) * .6) + .03 * torch.randn(b, 1, 1, 1, device=x.device)
    x = x + torch.randn_like(x) * .05 * torch.rand(b, 1, 1, 1, device=x.device)
    return x.clamp(0, 1)


def restored(work):
    judge, state = Judge(), load(os.path.join(work, "classifier.pt"))
    judge.load_state_dict(state["model"])
    average = Average(judge)
    average.restore(state["average"])
    average.swap()
    return judge.eval().requires_grad_(False)


@torch.no_grad()
def setting_right(logits, what):
    """Per picture: is the kind right, and the colour, or the time, season and water or land?"""
    said = {k: v.argmax(1) for k, v in logits.items()}
    wet = torch.isin(said["place"], WET)
    out, details = [], []
    for i, w in enumerate(what):
        if w["plain"]:
            parts = {"kind": bool(said["kind"][i] == 1), "ground": bool(said["ground"][i] == w["place"])}
            out.append(all(parts.values()))
        else:
            place = PLACES[w["place"]]
            parts = {"kind": bool(said["kind"][i] == 0), "time": bool(said["time"][i] == w["time"]),
                     "water": bool(wet[i]) == (place in WATER)}
            if place != "sea":
                parts["season"] = bool(said["season"][i] == w["season"])
            out.append(all(parts.values()))
            parts["place"] = bool(said["place"][i] == w["place"])
        details.append(parts)
    return out, details


@torch.no_grad()
def subjects_right(logits, what, guesses=3):
    """Per picture: are all its subjects among the first guesses?"""
    top = logits.topk(guesses, 1).indices.tolist()
    return [all(s[0] in t for s in w["subjects"]) for t, w in zip(top, what)]


def loss(judge, x, want, marks, grid):
    """Of pictures (B,3,H,W), subject shares, setting numbers and cells, as targets() and cells() give them."""
    importance = torch.ones(len(NAMES) + 1, device=x.device)
    importance[-1] = .1
    said, subjects, settings = judge(vary(x))
    total = F.nll_loss(said, grid, importance, ignore_index=-1)
    total = total - .5 * (want * F.log_softmax(subjects, 1)).sum(1).div(want.sum(1)).mean()
    for k, logits in settings.items():
        total = total + .3 * F.cross_entropy(logits, marks[k], ignore_index=-1, reduction="sum") / (marks[k] >= 0).sum().clamp(min=1)
    return total


def report(work, logs):
    """How often the judge is right, on fresh compositions."""
    judge, painter = restored(work), Painter(work, seed=123456)
    good, settled, single = [], [], []
    for _ in range(16):
        x, what = painter.batch(32)
        with torch.no_grad():
            _, subjects, settings = judge(x)
        right = subjects_right(subjects, what)
        good += right
        single += [r for r, w in zip(right, what) if len(w["subjects"]) == 1]
        settled += setting_right(settings, what)[0]
    log(logs, f"fresh compositions: subjects in first three {np.mean(good):.3f} (single {np.mean(single):.3f}), "
        f"setting {np.mean(settled):.3f}")


def main():
    o = work_folder(__doc__, minutes=40.0, batch=32, rate=3e-3, seed=11)
    path, logs, stop = os.path.join(o.work, "classifier.pt"), os.path.join(o.work, "classifier.log"), Stop()
    torch.manual_seed(o.seed)
    judge, step = Judge(), 0
    optimizer = torch.optim.AdamW(judge.parameters(), lr=o.rate, weight_decay=.02, fused=True)
    average, state = Average(judge, .998), load(path)
    if state:
        judge.load_state_dict(state["model"])
        optimizer.load_state_dict(state["optimizer"])
        average.restore(state["average"])
        step = state["step"]
    painter = Painter(o.work, seed=o.seed + 7919 * (step + 1))
    saved = reported = time.time()
    first, losses, clock = step, [], Clock()

    def checkpoint():
        save(path, {"model": judge.state_dict(), "optimizer": optimizer.state_dict(), "average": average.state(),
                    "step": step})

    while not stop.now:
        progress = clock() / (o.minutes * 60)
        if progress >= 1:
            break
        x, what = painter.batch(o.batch)
        error = loss(judge, x, *targets(what), cells(what))
        for g in optimizer.param_groups:
            g["lr"] = cosine(progress, o.rate, o.rate * .02) * min(1, (step - first + 1) / 100)
        optimizer.zero_grad(set_to_none=True)
        error.backward()
        torch.nn.utils.clip_grad_norm_(judge.parameters(), 2.0)
        optimizer.step()
        average.update()
        step += 1
        losses.append(float(error.detach()))
        if time.time() - reported > 60:
            reported = time.time()
            log(logs, f"step {step} loss {np.mean(losses[-50:]):.3f} pictures/s {(step - first) * o.batch / clock():.1f}")
        if time.time() - saved > 240:
            saved = time.time()
            checkpoint()
    checkpoint()
    report(o.work, logs)


if __name__ == "__main__":
    main()
