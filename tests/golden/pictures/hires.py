#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Pictures painted twice, the second time larger, as make.py has the first pass.

    pip install torch diffusers transformers k-diffusion torchsde safetensors pillow==9.5.0
    python hires.py [case …]  writes cases/hires-*

Rules of AUTOMATIC1111 1.10, modules/processing.py sample_hr_pass: latents by torch.nn.functional.interpolate, or pixels cut to eight bits and
enlarged by Pillow (a start picture, which A1111 can not have then, in the new size where it stands still); fresh noise of the same seed; as many steps as asked for, at the end of a descent that strength makes longer. Tensors of
the second pass are named hires.*; texts are judged elsewhere."""
import importlib.util
import json
import sys

import numpy as np
import torch
from PIL import Image
from safetensors.torch import save_file

import edits
import families
import make
from make import HERE, Noise, alphas, external, sampling, schedule

COMMON = dict(make.COMMON, model="two-levels", steps=4, width=48, height=40, hires_strength=0.6, hires_upscaler="latent", sampler="euler_a")
LATENT = {
    "latent": dict(mode="bilinear"), "latent-antialiased": dict(mode="bilinear", antialias=True), "latent-bicubic": dict(mode="bicubic"),
    "latent-bicubic-antialiased": dict(mode="bicubic", antialias=True), "latent-nearest": dict(mode="nearest"),
    "latent-nearest-exact": dict(mode="nearest-exact"),
}
PIXELS = {"lanczos": Image.LANCZOS, "nearest": Image.NEAREST}
START = dict(init="start.png", mask="mask.png", strength=0.75, inpaint_area="whole", resize="stretch", mask_blur=0, mask_invert=False,
             masked_padding=32)
CASES = {
    "hires": dict(hires=1.6, hires_steps=3),
    "hires-cut": dict(hires_resize="72x96", hires_upscaler="latent-bicubic", rng="nv"),
    "hires-pixels": dict(hires=1.45, hires_upscaler="lanczos", hires_steps=2, hires_sampler="dpmpp_2m", hires_schedule="karras"),
    "hires-ddim": dict(hires_resize="0x72", hires_upscaler="nearest", sampler="ddim", hires_steps=5, variation_seed=3, variation_strength=0.2),
    "hires-noisier": dict(hires=1.5, extra_noise=0.2, hires_steps=2),
    "hires-start": dict(START, mask="", hires=1.5, hires_steps=3, strength=0.65, resize="latent"),
    "hires-mask": dict(START, hires=1.4, mask_blur=2, fill="noise", inpaint_area="masked", masked_padding=6, width=56),
    "hires-grown": dict(START, mask="", hires=1.25, mask_blur=2, outpaint_right=24, soft_inpainting=True, soft_threshold=5, hires_steps=3,
                        hires_upscaler="latent-bicubic"),
    "hires-network": dict(hires=1.75, hires_upscaler="real-x4.pth", hires_steps=2, sampler="euler"),
    "hires-sizes": dict(model="sdxl", hires=1.3, hires_steps=2, sampler="euler", hires_upscaler="latent-nearest-exact"),
}


def target(o):
    """-> size to enlarge to, latents cut off altogether"""
    w, h = o["width"], o["height"]
    if "hires" in o:
        return int(w * o["hires"]), int(h * o["hires"]), 0, 0
    tw, th = map(int, o["hires_resize"].split("x"))
    if th == 0 or (tw and w / h < tw / th):
        ew, eh = tw, tw * h // w
    else:
        ew, eh = th * w // h, th
    return ew, eh, (ew - tw) // 8 if tw and th else 0, (eh - th) // 8 if tw and th else 0


def network(name):
    """One of those of ../upscalers, whose make.py has the architecture and A1111's tiles"""
    spec = importlib.util.spec_from_file_location("upscalers", HERE.parent / "upscalers" / "make.py")
    upscalers = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(upscalers)
    net = upscalers.RRDBNet(**upscalers.CASES[name][0])
    net.load_state_dict(torch.load(HERE.parent / "upscalers" / name)["params_ema"])
    return lambda image: upscalers.enlarge(net.eval(), image)


def enlarge_pixels(image, o, size):
    """Upscaler.upscale, then what is left to the size asked for"""
    scale = max(size[0] / image.width, size[1] / image.height)
    if o["hires_upscaler"] not in PIXELS:
        whole = tuple(int(side * scale // 8 * 8) for side in image.size)
        image = network(o["hires_upscaler"])(image).resize(whole, Image.LANCZOS)  # four times the size, which is enough
        return image.resize(size, Image.LANCZOS) if image.size != size else image
    for step in ((int(image.width * scale), int(image.height * scale), PIXELS[o["hires_upscaler"]]),
                 (int(image.width * scale // 8 * 8), int(image.height * scale // 8 * 8), Image.LANCZOS), (*size, Image.LANCZOS)):
        if image.size != step[:2]:
            image = image.resize(step[:2], step[2])
    return image


class Painter:
    """One network, its texts at one size, and what it leaves behind."""

    def __init__(self, net, tokenizer, o):
        self.net, self.tokenizer, self.o, self.scale = net, tokenizer, o, 0.18215
        self.firsts = []
        self.still = lambda denoised, sigma: denoised

    def read(self, width, height):
        o = dict(self.o, width=width, height=height)
        if o["model"] in families.MODELS:
            c = families.MODELS[o["model"]]
            self.scale = c.get("scale", 0.18215)
            self.told = [families.condition(self.net, c, o, self.tokenizer, {}, negative) for negative in (False, True)]
        else:
            end = make.MODELS[o["model"]]["tokens"] - 1
            self.told = [(make.encode(self.net, self.tokenizer, o[parts], end, 1)[0], {}) for parts in ("parts", "negative_parts")]

    def denoise(self, x, sigma):
        def network(x, t, told):
            self.firsts.append(self.net.unet(x, t, encoder_hidden_states=told[0], **told[1]).sample)
            return self.firsts[-1]
        model = external.DiscreteEpsDDPMDenoiser(network, alphas(), quantize=False)
        d, u = (model(x, sigma, told=told) for told in self.told)
        return self.still(u + (d - u) * self.o["cfg"], sigma)

    def hold(self, before, share):
        """What the mask does not show stands still."""
        if share is None:
            return
        if self.o.get("soft_inpainting"):
            self.still = lambda denoised, sigma: edits.blend_softly(self.o, before, denoised, share, sigma[0])
        else:
            self.still = lambda denoised, sigma: denoised * share + before * (1 - share)

    def levels(self, name, n):
        return schedule(name, external.DiscreteEpsDDPMDenoiser(lambda *_: None, alphas(), quantize=False), n)

    def descend(self, sampler, schedule_name, total, run, noise, before, shape):
        """run: None for the whole from noise, else so many steps beyond the first -> sigmas, latents"""
        latents, unit = [], noise.unit
        if sampler == "ddim":
            a = alphas().double()
            t = [min(i + 1, 999) for i in range(0, 1000, 1000 // total)]
            x = unit
            if run is not None:
                x = (before * a[t[run]].sqrt() + unit * (1 - a[t[run]]).sqrt()).float()
                t = t[:run]
            for k in range(len(t) - 1, 0, -1):
                latents.append(x)
                x = self.step_ddim(x, a[t[k]], a[t[k - 1]])
            return torch.stack([((1 - a[k]) / a[k]).sqrt() for k in t[::-1]]).float(), latents + [x]
        sigmas = self.levels(schedule_name, total)
        if run is not None:
            sigmas = sigmas[total - run - 1:]
        x = unit * sigmas[0] + (before + unit * self.o.get("extra_noise", 0) if before is not None else 0)
        more = {"noise_sampler": lambda *_: noise(shape)} if sampler == "euler_a" else {}
        name = {"euler_a": "euler_ancestral"}.get(sampler, sampler)
        x = getattr(sampling, "sample_" + name)(self.denoise, x, sigmas, callback=lambda d: latents.append(d["x"].clone()), disable=True, **more)
        return sigmas, latents + [x]

    def step_ddim(self, x, now, then):
        sigma = ((1 - now) / now).sqrt().float()
        scaled = x * (1 + sigma**2).sqrt()
        eps = (scaled - self.denoise(scaled, sigma.reshape(1))) / sigma
        clean = (x - (1 - now).sqrt() * eps) / now.sqrt()
        return (then.sqrt() * clean + (1 - then).sqrt() * eps).float()


def spherical(share, a, b):
    angle = (torch.nn.functional.normalize(a, dim=1) * torch.nn.functional.normalize(b, dim=1)).sum(1).acos()
    weights = [torch.sin(part * angle) / torch.sin(angle) for part in (1 - share, share)]
    return weights[0][:, None] * a + weights[1][:, None] * b


def begin(o, shape):
    noise = Noise(o["rng"], o["seed"])
    noise.unit = noise(shape)
    if o.get("variation_strength"):
        noise.unit = spherical(o["variation_strength"], noise.unit[0], Noise(o["rng"], o["variation_seed"])(shape)[0])[None]
    return noise


def record(trace, painter, noise, sigmas, latents, first, prefix):
    trace[prefix + "noise"], trace[prefix + "sigmas"] = noise.unit, sigmas
    for i, latent in enumerate(latents):
        trace[f"{prefix}latent.{i:03}"] = latent
    trace[prefix + "model.cond"], trace[prefix + "model.uncond"] = painter.firsts[first:first + 2]


def read_start(painter, o):
    """-> latent in this size, share of it that is painted anew, and what becomes of the result"""
    image, _, share, keep = edits.prepare(o)
    if o["resize"] != "latent":
        return edits.encode_exactly(painter.net.vae, edits.to_tensor(image)), share, keep
    own = edits.encode_exactly(painter.net.vae, edits.to_tensor(Image.open(HERE / o["init"]).convert("RGB")))
    return torch.nn.functional.interpolate(own, size=(o["height"] // 8, o["width"] // 8), mode="bilinear"), share, keep


def run(net, tokenizer, o):
    trace, painter, share, reach, before = {}, Painter(net, tokenizer, o), None, None, None
    if "init" in o:
        trace["init"], share, _ = read_start(painter, o)
        before, reach = trace["init"], int(o["strength"] * o["steps"])
    shape = (4, o["height"] // 8, o["width"] // 8)
    painter.read(o["width"], o["height"])
    noise = begin(o, shape)
    if o.get("fill") == "noise":
        before = before * (1 - share) + noise.unit * share
    painter.hold(before, share)
    sigmas, latents = painter.descend(o["sampler"], o["schedule"], o["steps"], reach, noise, before, shape)
    record(trace, painter, noise, sigmas, latents, 0, "")
    w, h, cut_x, cut_y = target(o)
    if o["hires_upscaler"] not in LATENT:
        small = ((net.vae.decode(latents[-1] / painter.scale).sample + 1) / 2).clamp(0, 1)
        small = Image.fromarray((small[0] * 255).permute(1, 2, 0).numpy().astype(np.uint8))
        large = torch.from_numpy(np.asarray(enlarge_pixels(small, o, (w, h))).astype(np.float32) / 255).permute(2, 0, 1)[None] * 2 - 1
        before = net.vae.encode(large).latent_dist.mean * painter.scale
    else:
        before = torch.nn.functional.interpolate(latents[-1], size=(h // 8, w // 8), **LATENT[o["hires_upscaler"]])
    before = before[:, :, cut_y // 2:before.shape[2] - (cut_y + 1) // 2, cut_x // 2:before.shape[3] - (cut_x + 1) // 2]
    trace["hires.init"] = before
    if "init" in o:
        o.update(width=w // 8 * 8, height=h // 8 * 8)
        still, share, keep = read_start(painter, o)
        painter.hold(still, share)
    painter.read(w, h)
    steps, first = o.get("hires_steps", o["steps"]), len(painter.firsts)
    noise = begin(o, tuple(before.shape[1:]))
    sigmas, latents = painter.descend(o.get("hires_sampler", o["sampler"]), o.get("hires_schedule", o["schedule"]),
                                      int(steps / min(o["hires_strength"], 0.999)), steps - 1, noise, before, tuple(before.shape[1:]))
    record(trace, painter, noise, sigmas, latents, first, "hires.")
    trace["image"] = ((net.vae.decode(latents[-1] / painter.scale).sample + 1) / 2).clamp(0, 1)
    if "init" in o:
        painted = Image.fromarray(torch.round(trace["image"][0] * 255).permute(1, 2, 0).numpy().astype(np.uint8))
        moved = [edits.moved_mask(o, still, latents[-1], share)] if o.get("soft_inpainting") else []
        trace["picture"] = torch.from_numpy(np.array(keep(painted, *moved)))
    return {k: v.contiguous().clone() for k, v in trace.items()}


def main():
    from transformers import CLIPTokenizer
    vocabulary = HERE / "vocabulary"
    tokenizer = CLIPTokenizer(str(vocabulary / "vocab.json"), str(vocabulary / "merges.txt"))
    tokens = len(json.loads((vocabulary / "vocab.json").read_text()))
    nets = {}
    for name, options in CASES.items():
        if sys.argv[1:] and name not in sys.argv[1:]:
            continue
        o = {**COMMON, **options}
        if o["model"] not in nets and o["model"] in families.MODELS:
            nets[o["model"]] = families.prepare(o["model"], families.MODELS[o["model"]], tokens)
        elif o["model"] not in nets:
            c = make.MODELS[o["model"]]
            c["tokens"] = tokens
            nets[o["model"]] = make.Networks(c, make.values(make.recipe(o["model"], c)))
        asked = dict(o)
        trace = run(nets[o["model"]], tokenizer, o)
        save_file(trace, HERE / "cases" / (name + ".safetensors"))
        shown = {k: v for k, v in asked.items() if v != "" and k not in ("parts", "negative_parts", "prediction", "clip_skip")}
        # a few values on a byte's edge fall to the other side, which moves latents by 7e-3; rounding, or one resize too few, moves them by 0.1;
        # a network makes 1e-2 of it, where colours in the other order or one resize too few make 0.3
        bar = 2e-3 if o["hires_upscaler"] in LATENT else 2e-2 if o["hires_upscaler"] in PIXELS else 4e-2
        (HERE / "cases" / (name + ".json")).write_text(json.dumps({**shown, "bar": bar}, indent=1) + "\n")
        print(name, float(trace["image"].std()), tuple(trace["image"].shape), len(trace["hires.sigmas"]))


if __name__ == "__main__":
    sys.exit(main())
