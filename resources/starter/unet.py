# SPDX-License-Identifier: Apache-2.0
"""The starter model's UNet: Stable Diffusion 1's plan in small, trained on cached latents.

    python unet.py --work DIR --hours 3      trains, resumes from DIR/unet.pt, stops cleanly on SIGTERM

v prediction, SD's noise schedule, most often noise as strong as the picture (there subjects are decided), most weight
where subjects are, a running average of the weights, one caption in ten empty. Attention is on the two coarser
levels only: a quarter of the time saved, and nothing is lost on a grid of 16 x 16.
New shards of latents are taken up while it runs.
"""
import os
import time

import numpy as np
import torch
from diffusers import DPMSolverMultistepScheduler, UNet2DConditionModel
from diffusers.models.attention_processor import AttnProcessor

import latents
import text
import vae
from captions import caption
from common import Average, Clock, Stop, Team, fast, load, log, run_team, save, work_folder

CONFIG = dict(sample_size=16, in_channels=4, out_channels=4, block_out_channels=(96, 160, 224), layers_per_block=1,
              down_block_types=("DownBlock2D", "CrossAttnDownBlock2D", "CrossAttnDownBlock2D"),
              up_block_types=("CrossAttnUpBlock2D", "CrossAttnUpBlock2D", "UpBlock2D"),
              cross_attention_dim=192, attention_head_dim=8, norm_num_groups=32)
SCHEDULE = dict(num_train_timesteps=1000, beta_start=.00085, beta_end=.012, beta_schedule="scaled_linear",
                prediction_type="v_prediction", clip_sample=False, set_alpha_to_one=False, steps_offset=1)
LOOK = ["a fox on a snowy hill", "a sunflower on a green field", "the moon on a dark night", "a white swan on a lake at dusk",
        "a red apple on a blue background", "a castle in the mountains at night", "a sailboat on the sea at sunset",
        "a penguin in the snow", "a teapot on a pink background", "an owl in a forest at night",
        "two balloons by day", "a butterfly on a meadow in spring", "a rocket, stars, night",
        "a rabbit and a carrot on a green background", "a pumpkin in an autumn field at dusk", "a house by a river in winter"]


def build():
    """A fresh UNet whose residual branches start silent."""
    net = UNet2DConditionModel(**CONFIG)
    net.set_attn_processor(AttnProcessor())  # torch's fused attention is slow backwards on the CPU
    for name, p in net.named_parameters():
        if any(part in name for part in (".conv2.", ".proj_out.", "conv_out.")):
            torch.nn.init.zeros_(p)
    return net


def restored(work):
    """The averaged UNet of a work folder and its step."""
    net, state = build(), load(os.path.join(work, "unet.pt"))
    average = Average(net)
    average.restore(state["average"])
    average.swap()
    return net.eval().requires_grad_(False), state["step"]


def signal_levels():
    """Square root of the signal's and of the noise's share at each of the 1000 times."""
    beta = torch.linspace(SCHEDULE["beta_start"] ** .5, SCHEDULE["beta_end"] ** .5, 1000, dtype=torch.float64) ** 2
    keep = torch.cumprod(1 - beta, 0)
    return keep.sqrt().float(), (1 - keep).sqrt().float()


@torch.no_grad()
def sample(net, encoder, words, prompts, steps=20, guidance=5.0, seed=0, batch=32):
    """Latents for prompts, by DPM-Solver++."""
    out = []
    for at in range(0, len(prompts), batch):
        part = prompts[at:at + batch]
        context = torch.cat([encoder(words(part)).last_hidden_state,
                             encoder(words([""])).last_hidden_state.expand(len(part), -1, -1)])
        scheduler = DPMSolverMultistepScheduler(**{k: SCHEDULE[k] for k in (
            "num_train_timesteps", "beta_start", "beta_end", "beta_schedule", "prediction_type", "steps_offset")})
        scheduler.set_timesteps(steps)
        x = torch.randn(len(part), 4, 16, 16, generator=torch.Generator().manual_seed(seed + at))
        for t in scheduler.timesteps:
            v, empty = net(torch.cat([x, x]), t, context).sample.chunk(2)
            x = scheduler.step(empty + guidance * (v - empty), t, x).prev_sample
        out.append(x)
    return torch.cat(out)


@torch.no_grad()
def develop(decoder, z, scale, batch=16):
    """Latents of unit deviation to pictures in 0..1."""
    mean, deviation = scale
    return torch.cat([decoder.decode(part * deviation + mean).sample for part in z.split(batch)]).div(2).add(.5).clamp(0, 1)


def attention_map(about):
    """Where the subjects are, on the 16 x 16 grid: they weigh five times what the background does."""
    out = np.ones((len(about), 1, 16, 16), np.float32)
    for m, w in zip(out, about):
        for _, count, x, y, size in w["subjects"]:
            r = size / 2 + .03
            x0, x1 = (0, 16) if count > 1 else (max(0, int((x - r) * 16)), int((x + r) * 16) + 1)
            m[0, max(0, int((y - r) * 16)):int((y + r) * 16) + 1, x0:x1] = 5
    return torch.from_numpy(out / out.mean((2, 3), keepdims=True))


def train(rank, o):
    """One of `o.workers` processes that share every batch; the first one reports and saves."""
    from scenes import sheet
    first = rank == 0
    path, logs = os.path.join(o.work, "unet.pt"), os.path.join(o.work, "unet.log")
    team = Team(rank, o)
    encoder, words = text.restored(o.work)
    scale = latents.scale(o.work)
    torch.manual_seed(o.seed)
    net = build()
    optimizer = torch.optim.AdamW(net.parameters(), lr=o.rate, betas=(.9, .99), weight_decay=.01, fused=True)
    average, step, seen = Average(net, o.average) if first else None, 0, 0
    state = load(path)
    if state:
        net.load_state_dict(state["model"])
        optimizer.load_state_dict(state["optimizer"])
        step, seen = state["step"], state["seen"]
        if first:
            average.restore(state["average"])
    torch.manual_seed(o.seed + 1009 * step + rank)
    rng = np.random.default_rng((o.seed, step, rank))
    del state
    keep, lose = signal_levels()
    often = torch.cumsum(.1 + torch.exp(-.5 * ((lose / keep).log() / 1.3) ** 2), 0)
    forward = torch.compile(net) if o.compile else net
    stop, store = Stop(), latents.read(o.work)
    reported = saved = looked = time.time()
    first_seen, losses, share, clock = seen, [], o.batch // o.workers, Clock()
    parameters = list(net.parameters())

    def checkpoint():
        save(path, {"model": net.state_dict(), "optimizer": optimizer.state_dict(), "average": average.state(),
                    "step": step, "seen": seen})

    while True:
        optimizer.zero_grad(set_to_none=True)
        total = 0
        for _ in range(o.accumulate):
            rows = rng.integers(0, len(store[1]), share)
            z = torch.from_numpy(np.stack([store[0][i // latents.SHARD][i % latents.SHARD] for i in rows])).float()
            prompts = ["" if rng.random() < .1 else caption(store[1][i], rng)[0] for i in rows]
            with torch.no_grad(), fast():
                context = encoder(words(prompts)).last_hidden_state
            t = torch.searchsorted(often, (torch.arange(share) + torch.rand(share)) / share * often[-1]).clamp(max=999)
            noise = torch.randn_like(z)
            a, s = keep[t].view(-1, 1, 1, 1), lose[t].view(-1, 1, 1, 1)
            with fast():
                v = forward(a * z + s * noise, t, context).sample
            error = (v.float() - (a * noise - s * z)) ** 2 * attention_map([store[1][i] for i in rows])
            loss = error.mean()
            (loss / o.accumulate).backward()
            total = total + loss.detach() / o.accumulate
        loss, done = team.average(parameters, total, stop.now or clock() > o.hours * 3600)
        for g in optimizer.param_groups:
            g["lr"] = o.rate * min(1, (step + 1) / 300, 3 * (1 - clock() / (o.hours * 3600)) + .02)
        torch.nn.utils.clip_grad_norm_(parameters, 1.0)
        optimizer.step()
        step, seen = step + 1, seen + share * o.workers * o.accumulate
        if step % 100 == 0:
            store = latents.read(o.work, store)
        if first:
            average.update()
            losses.append(loss)
            now = time.time()
            if now - reported > 60:
                reported = now
                log(logs, f"step {step} seen {seen} of {len(store[1])} loss {np.mean(losses[-200:]):.4f} "
                    f"samples/s {(seen - first_seen) / clock():.1f}")
            if now - saved > 240:
                saved = now
                checkpoint()
            if now - looked > o.look * 60:
                looked = now
                average.swap()
                net.eval()
                z = sample(net, encoder, words, LOOK)
                sheet(develop(vae.restored(o.work)[0], z, scale), 8).save(os.path.join(o.work, "look.png"))
                net.train()
                average.swap()
        if done:
            break
    if first:
        checkpoint()
        log(logs, f"stopped at step {step}, seen {seen}")


def main():
    o = work_folder(__doc__, hours=8.0, batch=24, rate=8e-4, average=.996, look=20.0, seed=3, workers=2,
                    threads=1, compile=0, accumulate=1)
    run_team(train, o)


if __name__ == "__main__":
    main()
