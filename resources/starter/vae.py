# SPDX-License-Identifier: Apache-2.0
"""The starter model's VAE: 8 x smaller latents of 4 channels, trained on crops of composed pictures.

    python vae.py --work DIR --minutes 35            trains, resumes from DIR/vae.pt
    python vae.py --work DIR --minutes 60 --only decoder   sharpens the decoder; latents stay as they are
"""
import os
import time

import numpy as np
import torch
import torch.nn.functional as F
from diffusers import AutoencoderKL
from diffusers.models.autoencoders.vae import DiagonalGaussianDistribution
from diffusers.models.attention_processor import Attention, AttnProcessor
from diffusers.models.downsampling import Downsample2D
from diffusers.models.resnet import ResnetBlock2D
from diffusers.models.upsampling import Upsample2D

from common import Average, Clock, Stop, Team, cosine, fast, load, log, run_team, save, work_folder

CONFIG = dict(in_channels=3, out_channels=3, latent_channels=4, sample_size=128, norm_num_groups=32,
              block_out_channels=(64, 64, 64, 128), layers_per_block=1, act_fn="silu", scaling_factor=.18215,
              down_block_types=("DownEncoderBlock2D",) * 4, up_block_types=("UpDecoderBlock2D",) * 4)
KL = 1e-3


def build():
    net = AutoencoderKL(**CONFIG)
    net.set_attn_processor(AttnProcessor())  # torch's fused attention is slow backwards on the CPU
    return net


@torch.no_grad()
def prepare(vae, pictures):
    """Start as a blurry but right picture: every path carries colour, residual branches are silent, and the two
    convolutions after a norm are solved for by least squares over some pictures."""
    def plain(conv, weight, blur, noise=.3):
        conv.weight.mul_(noise)
        conv.weight.add_(weight[:, :, None, None] * blur)
        if conv.bias is not None:
            conv.bias.zero_()

    def pairs(out, inputs):  # rows 2k and 2k+1 opposite: a group norm of such pairs keeps the sign and the mean
        w = torch.randn(out // 2, inputs) / inputs ** .5
        return torch.stack([w, -w], 1).reshape(out, inputs)

    dot = torch.zeros(3, 3)
    dot[1, 1] = 1
    box = torch.zeros(3, 3)
    box[:2, :2] = .25
    line = torch.tensor([.25, .5, .25])
    soft = line[:, None] * line
    for module in vae.modules():
        if isinstance(module, ResnetBlock2D):
            torch.nn.init.zeros_(module.conv2.weight)
            torch.nn.init.zeros_(module.conv2.bias)
            if module.conv_shortcut is not None:
                o, i = module.conv_shortcut.weight.shape[:2]
                module.conv_shortcut.bias.zero_()
                w = torch.eye(max(o, i))[:o, :i] if o <= i else torch.cat([torch.eye(i), pairs(o - i, i)])
                module.conv_shortcut.weight.copy_(w[:, :, None, None])
        elif isinstance(module, Downsample2D):
            plain(module.conv, torch.eye(module.conv.weight.shape[0]), box)
        elif isinstance(module, Upsample2D):
            plain(module.conv, torch.eye(module.conv.weight.shape[0]), soft, .0)
        elif isinstance(module, Attention):
            torch.nn.init.zeros_(module.to_out[0].weight)
            torch.nn.init.zeros_(module.to_out[0].bias)
    plain(vae.encoder.conv_in, pairs(64, 3), dot)
    plain(vae.decoder.conv_in, pairs(128, 4), dot, .0)
    spread = torch.linspace(-1.5, 1.5, 64)[torch.randperm(64)]
    vae.decoder.conv_in.bias.copy_(torch.stack([spread, -spread], 1).flatten())
    for conv in (vae.quant_conv, vae.post_quant_conv):
        torch.nn.init.zeros_(conv.bias)
        conv.weight.copy_(torch.eye(conv.weight.shape[0])[:, :, None, None])

    def solve(conv, features, goal):
        a = features.permute(0, 2, 3, 1).reshape(-1, features.shape[1])
        b = goal.permute(0, 2, 3, 1).reshape(-1, goal.shape[1])
        a = torch.cat([a, torch.ones(len(a), 1)], 1)
        w = torch.linalg.solve(a.T @ a + 1e-4 * len(a) * torch.eye(a.shape[1]), a.T @ b).T
        conv.weight.zero_()
        conv.bias.zero_()
        conv.weight[:len(w), :, 1, 1] = w[:, :-1]
        conv.bias[:len(w)] = w[:, -1]

    seen = {}
    hooks = [net.conv_act.register_forward_hook(lambda m, i, o, k=k: seen.__setitem__(k, o))
             for k, net in (("encoder", vae.encoder), ("decoder", vae.decoder))]
    vae.encoder(pictures)
    colours = F.avg_pool2d(pictures, 8) * 2
    grey = pictures.mean(1, keepdim=True)
    detail = F.avg_pool2d(grey ** 2, 8) - F.avg_pool2d(grey, 8) ** 2
    solve(vae.encoder.conv_out, seen["encoder"], torch.cat([colours, detail.clamp(min=0).sqrt() * 4], 1))
    vae.encoder.conv_out.bias[4:] = -4
    vae.decode(vae.encode(pictures).latent_dist.mean)
    solve(vae.decoder.conv_out, seen["decoder"], pictures)
    for hook in hooks:
        hook.remove()


def restored(work, averaged=True):
    """The trained VAE of a work folder and the factor that gives its latents unit deviation."""
    vae, state = build(), load(os.path.join(work, "vae.pt"))
    vae.load_state_dict(state["model"])
    if averaged:
        average = Average(vae)
        average.restore(state["average"])
        average.swap()
    return vae.eval().requires_grad_(False), state.get("factor")


def difference(a, b):
    """How far two batches are apart: values, edges, and both again at coarser scales."""
    loss = 0
    for scale, weight in ((1, 1), (2, .5), (4, .5)):
        x, y = (a, b) if scale == 1 else (F.avg_pool2d(a, scale), F.avg_pool2d(b, scale))
        d = x - y
        edges = (d[..., 1:] - d[..., :-1]).abs().mean() + (d[..., 1:, :] - d[..., :-1, :]).abs().mean()
        loss = loss + weight * (d.abs().mean() + .6 * edges)
    return loss


def crops(painter, count, size, rng):
    """Crops around subjects, as a (B,3,size,size) batch in -1..1."""
    batch, what = painter.batch(count)
    if size < batch.shape[-1]:
        out = []
        for a, w in zip(batch, what):
            _, _, x, y, _ = w["subjects"][rng.integers(len(w["subjects"]))]
            top = a.shape[-1] - size
            x, y = (int(np.clip(v * a.shape[-1] - size / 2 + rng.integers(-28, 29), 0, top)) for v in (x, y))
            out.append(a[:, y:y + size, x:x + size])
        batch = torch.stack(out)
    return batch * 2 - 1


@torch.no_grad()
def measure_factor(vae, painter, count=256):
    """1 / deviation of the latents of whole pictures."""
    z = [vae.encode(painter.batch(32)[0] * 2 - 1).latent_dist.mean for _ in range(count // 32)]
    return 1 / float(torch.cat(z).std())


def report(vae, painter, factor, o, step):
    """Reconstruct some pictures, write them beside the originals and log how close they are."""
    from scenes import sheet
    with torch.no_grad():
        x = painter.batch(16)[0]
        posterior = vae.encode(x * 2 - 1).latent_dist
        y = vae.decode(posterior.mean).sample / 2 + .5
    error = float(((x - y.clamp(0, 1)) ** 2).mean())
    log(os.path.join(o.work, "vae.log"), f"done: step {step} PSNR {-10 * np.log10(error):.2f} dB, "
        f"posterior deviation {float(posterior.std.mean()) * factor:.3f} of the latents'")
    sheet(torch.cat([x, y]), 16).save(os.path.join(o.work, "vae.png"))


def train(rank, o):
    """One of `o.workers` processes that share every batch; the first one reports and saves."""
    from scenes import Painter
    first, path, stop, team = rank == 0, os.path.join(o.work, "vae.pt"), Stop(), Team(rank, o)
    torch.manual_seed(o.seed)
    vae, state = build(), load(path)
    step = start = state["step"] if state else 0
    painter = Painter(o.work, seed=o.seed + start)
    if state:
        vae.load_state_dict(state["model"])
    else:
        prepare(vae, crops(painter, 24, 128, None))
    trained = vae
    if o.only == "decoder":
        vae.requires_grad_(False)
        trained = torch.nn.ModuleList([vae.post_quant_conv, vae.decoder]).requires_grad_(True)
    parameters = list(trained.parameters())
    optimizer = torch.optim.AdamW(parameters, lr=o.rate, betas=(.9, .99), weight_decay=1e-4, fused=True)
    average, factor = Average(vae, .998), state.get("factor") if state else None
    if state:
        average.restore(state["average"])
        if state.get("only", "") == o.only:
            optimizer.load_state_dict(state["optimizer"])
    torch.manual_seed(o.seed + 1009 * step + rank)
    rng, share = np.random.default_rng((step, rank)), o.batch // o.workers
    painter.rng = np.random.default_rng((o.seed, step, rank))
    saved = shown = time.time()
    losses, clock = [], Clock()

    def checkpoint():
        save(path, {"model": vae.state_dict(), "average": average.state(), "optimizer": optimizer.state_dict(),
                    "step": step, "only": o.only, "factor": factor})

    done = False
    while not done:
        progress = clock() / (o.minutes * 60)
        for g in optimizer.param_groups:
            g["lr"] = cosine(progress, o.rate, o.rate * .05) * min(1, (step - start + 1) / 100)
        x = crops(painter, share, 64, rng) if step % 8 else crops(painter, max(1, share // 4), 128, rng)
        with torch.set_grad_enabled(o.only != "decoder"), fast():
            moments = vae.quant_conv(vae.encoder(x))
        posterior = DiagonalGaussianDistribution(moments.float())
        with fast():
            y = vae.decode(posterior.sample()).sample
        loss = difference(y.float(), x)
        if o.only != "decoder":
            loss = loss + KL * .5 * (posterior.mean ** 2 + posterior.var - 1 - posterior.logvar).mean()
        optimizer.zero_grad(set_to_none=True)
        loss.backward()
        loss, done = team.average(parameters, loss, stop.now or progress >= 1)
        torch.nn.utils.clip_grad_norm_(parameters, 1.0)
        optimizer.step()
        average.update()
        step += 1
        losses.append(loss)
        if first and time.time() - shown > 60:
            shown = time.time()
            log(os.path.join(o.work, "vae.log"), f"step {step} loss {np.mean(losses[-100:]):.4f} "
                f"rate {optimizer.param_groups[0]['lr']:.2e} steps/s {(step - start) / clock():.2f}")
        if first and time.time() - saved > 240:
            saved = time.time()
            checkpoint()
    if first:
        average.swap()
        vae.eval()
        painter = Painter(o.work, seed=99)
        if o.only != "decoder" or factor is None:
            factor = measure_factor(vae, painter)
        report(vae, painter, factor, o, step)
        average.swap()
        checkpoint()


def main():
    o = work_folder(__doc__, minutes=35.0, batch=8, rate=8e-4, only="", seed=1, workers=2, threads=1)
    run_team(train, o)


if __name__ == "__main__":
    main()
