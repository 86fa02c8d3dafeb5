# SPDX-License-Identifier: Apache-2.0
"""Train the judge and the UNet on a CUDA card: minutes instead of days.

    python compose.py --work DIR --shards 120
    python card.py --work DIR --judge 20 --unet 180        seconds for each; 0: leave it as it is

Pictures, latents, captions and goals stay in the card's memory. Everything else is as in classifier.py and unet.py, whose checkpoints these are.
"""
import os
import time

import numpy as np
import torch
from diffusers.models.attention_processor import AttnProcessor2_0

import classifier
import compose
import latents
import text
import unet
import vae
from common import Average, Stop, cosine, fast, load, log, save, work_folder
from scenes import finish


class Store:
    """All shards on the device: those of the UNet, then the judge's own."""

    def __init__(self, o, device):
        self.device = device
        numbers = sorted(int(n[:4]) for n in os.listdir(os.path.join(o.work, "pictures")) if n.endswith(".npz") and ".part" not in n)
        numbers.sort(key=compose.for_judge)
        self.seen = sum(not compose.for_judge(n) for n in numbers) * compose.SHARD
        coder = vae.restored(o.work)[0].to(device, memory_format=torch.channels_last)
        mean, deviation = (v.to(device) for v in latents.scale(o.work))
        parts = {}
        for number in numbers:
            with np.load(compose.path(o.work, number)) as z:
                shard = {k: torch.from_numpy(z[k]).to(device) for k in z.files}
            finished, coded = [], []
            for some in shard.pop("pictures").split(250):
                x = finish(some.permute(0, 3, 1, 2).float() / 255)
                finished.append((x * 255).round().byte())
                if not compose.for_judge(number):
                    with torch.no_grad(), fast(device):
                        z = coder.encode((x * 2 - 1).contiguous(memory_format=torch.channels_last)).latent_dist.mean
                    coded.append(((z.float() - mean) / deviation).half())
            shard["pictures"] = torch.cat(finished)
            if coded:
                shard["latents"] = torch.cat(coded)
            for k, v in shard.items():
                parts.setdefault(k, []).append(v)
        for k, v in parts.items():
            setattr(self, k, torch.cat(v))

    def rows(self, count, generator, limit=None):
        return torch.randint(limit or len(self.pictures), (count,), generator=generator, device=self.device)


def train_judge(o, device, store, stop):
    path, logs = os.path.join(o.work, "classifier.pt"), os.path.join(o.work, "classifier.log")
    torch.manual_seed(o.seed)
    judge = classifier.Judge().to(device, memory_format=torch.channels_last)
    optimizer = torch.optim.AdamW(judge.parameters(), lr=3e-3, weight_decay=.02, fused=True)
    average, step, began = Average(judge, .998), 0, time.time()
    generator = torch.Generator(device).manual_seed(o.seed)
    while not stop.now and (spent := time.time() - began) < o.judge:
        for g in optimizer.param_groups:
            g["lr"] = cosine(spent / o.judge, 3e-3, 6e-5) * min(1, (step + 1) / 100)
        rows = store.rows(o.judged, generator)
        x = (store.pictures[rows].float() / 255).contiguous(memory_format=torch.channels_last)
        marks = dict(zip(compose.KINDS, store.marks[rows].long().unbind(1)))
        error = classifier.loss(judge, x, store.subjects[rows].float(), marks, store.cells[rows].long())
        optimizer.zero_grad(set_to_none=True)
        error.backward()
        torch.nn.utils.clip_grad_norm_(judge.parameters(), 2.0)
        optimizer.step()
        average.update()
        step += 1
        if step % 50 == 0:
            torch.cuda.synchronize() if device == "cuda" else None
            if step % 500 == 0:
                log(logs, f"step {step} loss {float(error.detach()):.3f} pictures/s {step * o.judged / (time.time() - began):.0f}")
    state = average.state()
    save(path, {"model": {k: v.cpu() for k, v in judge.state_dict().items()}, "optimizer": None, "step": step,
                "average": {"steps": state["steps"], "values": [v.cpu() for v in state["values"]]}})
    log(logs, f"step {step}, {step * o.judged} pictures, {time.time() - began:.0f} s")
    classifier.report(o.work, logs)


def train_unet(o, device, store, stop):
    path, logs = os.path.join(o.work, "unet.pt"), os.path.join(o.work, "unet.log")
    encoder, words = text.restored(o.work)
    encoder.to(device)
    torch.manual_seed(o.seed)
    net = unet.build()
    net.set_attn_processor(AttnProcessor2_0())
    state = load(path)
    step, seen = 0, 0
    if state:
        net.load_state_dict(state["model"])
        step, seen = state["step"], state["seen"]
    net.to(device, memory_format=torch.channels_last)
    optimizer = torch.optim.AdamW(net.parameters(), lr=o.rate, betas=(.9, .99), weight_decay=.01, fused=True)
    average = Average(net, o.average)
    keep, lose = (v.to(device) for v in unet.signal_levels())
    often = torch.cumsum(.1 + torch.exp(-.5 * ((lose / keep).log() / 1.3) ** 2), 0)
    empty = words([""]).to(device)
    generator = torch.Generator(device).manual_seed(o.seed + step)
    parameters, began, first, losses, reported = list(net.parameters()), time.time(), step, [], time.time()
    while not stop.now and (spent := time.time() - began) < o.unet:
        for g in optimizer.param_groups:
            g["lr"] = o.rate * min(1, (step - first + 1) / 100, 2 * (1 - spent / o.unet) + .01)
        rows = store.rows(o.batch, generator, store.seen)
        z = store.latents[rows].float()
        tokens = store.tokens[rows, torch.randint(compose.CAPTIONS, (o.batch,), generator=generator, device=device)].int()
        silent = torch.rand(o.batch, 1, generator=generator, device=device) < .1
        with torch.no_grad(), fast(device):
            context = encoder(torch.where(silent, empty, tokens)).last_hidden_state
        place = (torch.arange(o.batch, device=device) + torch.rand(o.batch, generator=generator, device=device)) / o.batch
        t = torch.searchsorted(often, place * often[-1]).clamp(max=999)
        noise = torch.randn(z.shape, generator=generator, device=device)
        a, s = keep[t].view(-1, 1, 1, 1), lose[t].view(-1, 1, 1, 1)
        with fast(device):
            v = net((a * z + s * noise).contiguous(memory_format=torch.channels_last), t, context).sample
        loss = ((v.float() - (a * noise - s * z)) ** 2 * store.weight[rows].float()).mean()
        optimizer.zero_grad(set_to_none=True)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(parameters, 1.0)
        optimizer.step()
        average.update()
        step, seen = step + 1, seen + o.batch
        if step % 10 == 0:
            losses.append(float(loss.detach()))  # waits, so that the clock is the card's
            if time.time() - reported > 10:
                reported = time.time()
                log(logs, f"step {step} seen {seen} of {store.seen} loss {np.mean(losses[-20:]):.4f} "
                    f"samples/s {(step - first) * o.batch / (time.time() - began):.0f}")
    state = average.state()
    cpu = lambda v: v.cpu().contiguous()
    save(path, {"model": {k: cpu(v) for k, v in net.state_dict().items()}, "step": step, "seen": seen,
                "optimizer": torch.optim.AdamW(unet.build().parameters()).state_dict(),
                "average": {"steps": state["steps"], "values": [cpu(v) for v in state["values"]]}})
    log(logs, f"stopped at step {step}, seen {seen}, loss {np.mean(losses[-50:]):.4f}, {time.time() - began:.0f} s")


def main():
    o = work_folder(__doc__, judge=20.0, unet=180.0, batch=512, judged=256, rate=1e-3, average=.998, seed=5)
    device = "cuda" if torch.cuda.is_available() else "cpu"
    began, stop = time.time(), Stop()
    torch.backends.cudnn.benchmark = True
    torch.backends.cuda.matmul.allow_tf32 = True
    store = Store(o, device)
    log(os.path.join(o.work, "unet.log"), f"{len(store.pictures)} pictures ready after {time.time() - began:.0f} s")
    if o.judge > 0:
        train_judge(o, device, store, stop)
    if o.unet > 0:
        train_unet(o, device, store, stop)


if __name__ == "__main__":
    main()
