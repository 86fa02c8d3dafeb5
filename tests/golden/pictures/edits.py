#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Pictures made from pictures, as make.py and families.py do it: masks in every way, start pictures of another size.

    pip install torch diffusers transformers k-diffusion torchsde safetensors pillow==9.5.0 opencv-python-headless
    python edits.py [case …]  writes the start pictures, the masks and cases/* beside this script

Pixels go through Pillow and OpenCV, as in AUTOMATIC1111 1.10 (modules/processing.py, masking.py); what is painted anew is told apart after
guidance, for DDIM before. A mask that is not blurred acts after guidance whatever the sampler, is shrunk by the mean of 8x8 pixels, and nothing is
laid over the result. `picture` is what is kept."""
import functools
import importlib.util
import json
import sys

import cv2
import numpy as np
import torch
from PIL import Image, ImageChops, ImageDraw, ImageFilter
from safetensors.torch import save_file

import families
import make
from make import HERE, Noise, alphas, external, sampling, schedule

spec = importlib.util.spec_from_file_location("pixels", HERE.parent / "pixels" / "make.py")
pixels = importlib.util.module_from_spec(spec)
spec.loader.exec_module(pixels)

COMMON = dict(make.COMMON, model="two-levels", steps=5, width=64, height=64, strength=0.7, init="start.png", mask="mask.png", mask_blur=0,
              fill="original", inpaint_area="whole", masked_padding=32, mask_invert=False, resize="stretch")
CASES = {
    "mask": dict(sampler="euler_a"),
    "mask-ddim": dict(sampler="ddim", mask_invert=True, steps=6, strength=0.9),  # seven timesteps, of which int (0.9 6)
    "mask-ddim-blurred": dict(sampler="ddim", mask_blur=3, steps=6, strength=0.9),
    "mask-noise": dict(mask_blur=2, fill="noise", rng="nv", resize="fill", sampler="euler_a"),
    "mask-nothing": dict(mask_blur=4, fill="nothing", resize="fit"),
    "mask-part": dict(mask_blur=3, fill="fill", inpaint_area="masked", masked_padding=6, sampler="dpmpp_2m", schedule="karras"),
    "mask-channels": dict(model="inpaint", mask_blur=2, fill="fill"),
    "mask-soft": dict(mask_blur=7, soft_inpainting=True, sampler="euler_a", soft_threshold=6),
    "mask-soft-part": dict(mask_blur=5, soft_inpainting=True, fill="noise", inpaint_area="masked", masked_padding=9, soft_bias=1.5,
                           soft_preservation=0.8, soft_boost=2.5, soft_influence=0.6, soft_threshold=3, soft_contrast=1.25),
    "mask-soft-ddim": dict(mask_blur=5, soft_inpainting=True, sampler="ddim", steps=6, soft_bias=0.3, soft_threshold=4),
    "mask-soft-channels": dict(model="inpaint", mask_blur=6, soft_inpainting=True, mask_weight=0.4, soft_threshold=2),
    "outpaint": dict(mask="", mask_blur=1, outpaint_left=24, outpaint_bottom=16, sampler="euler_a"),
    "outpaint-noise": dict(mask_blur=2, fill="noise", outpaint_right=32, mask_invert=True, soft_inpainting=True, soft_threshold=4),
    "outpaint-part": dict(mask="", mask_blur=2, outpaint_top=24, fill="nothing", inpaint_area="masked", masked_padding=0, width=72, height=32),
    "outpaint-channels": dict(model="inpaint", mask="", mask_blur=2, outpaint_left=16, outpaint_right=8),
    "exact-steps": dict(mask="", exact_steps=True, steps=3, strength=0.55),
    "noisier": dict(mask="", noise_multiplier=0.9, extra_noise=0.15),
    "noisier-ddim": dict(mask_blur=2, noise_multiplier=1.2, extra_noise=0.1, sampler="ddim", steps=6, strength=0.9),
    "resize-fit": dict(mask="", resize="fit", height=40, steps=3),
    "resize-fill": dict(mask="", resize="fill", height=40, steps=3),
    "resize-stretch": dict(mask="", height=40, steps=3),
    "resize-latent": dict(mask="", resize="latent", height=40, steps=3),
    "resize-latent-odd": dict(init="start-odd.png", mask="mask.png", mask_blur=2, fill="fill", resize="latent", steps=3),
}


def scene(width, height):
    y, x = np.mgrid[0:height, 0:width]
    rgb = np.stack([128 + 90 * np.sin(x / 11.0), 128 + 90 * np.cos(y / 7.0), (x * 2 + y * 3) % 256], -1)
    rgb[height // 3:height // 2, width // 4:width // 2] = (20, 200, 90)
    return Image.fromarray(np.rint(rgb).astype(np.uint8))


def blot(width, height):
    y, x = np.mgrid[0:height, 0:width]
    inside = ((x - width * 0.62) / (width * 0.2)) ** 2 + ((y - height * 0.45) / (height * 0.25)) ** 2 < 1
    inside[height * 2 // 3:height * 2 // 3 + 9, width // 8:width // 4] = True
    return Image.fromarray(np.where(inside, 255, 0).astype(np.uint8))


def blurred(mask, sigma):
    n = 2 * int(2.5 * sigma + 0.5) + 1
    return Image.fromarray(cv2.GaussianBlur(cv2.GaussianBlur(np.asarray(mask), (n, 1), sigma), (1, n), sigma))


def resized(image, o, mode):
    size = (o["width"], o["height"])
    return image.resize(size, Image.LANCZOS) if mode == "stretch" else pixels.fitted(image, *size, mode)


def region_of(mask, o):
    """Where the mask is, padded, then grown to the proportions of what is painted and moved back inside."""
    pad, size = o["masked_padding"], mask.size
    low, high = np.array(mask.getbbox()[:2]), np.array(mask.getbbox()[2:])
    low, high = np.maximum(low - pad, 0), np.minimum(high + pad, size)
    own, wanted = (high[0] - low[0]) / (high[1] - low[1]), o["width"] / o["height"]
    axis = 1 if own > wanted else 0
    length = (high[0] - low[0]) / wanted if axis else (high[1] - low[1]) * wanted
    more = int(length - (high[axis] - low[axis]))
    low[axis] -= more // 2
    high[axis] += more - more // 2
    over = max(high[axis] - size[axis], 0)
    low[axis], high[axis] = low[axis] - over, high[axis] - over
    under = max(-low[axis], 0)
    low[axis], high[axis] = low[axis] + under, min(high[axis] + under, size[axis])
    return tuple(int(v) for v in (*low, *high))


def softness(o):
    """soft_inpainting.py's own names for its numbers, with its defaults"""
    return {name: o.get("soft_" + ours, standard) for name, ours, standard in (
        ("power", "bias", 1), ("scale", "preservation", 0.5), ("detail", "boost", 4), ("influence", "influence", 0),
        ("threshold", "threshold", 0.5), ("contrast", "contrast", 2))}


def blend_softly(o, before, current, share, sigma):
    """Vectors over channels are mixed, then stretched to the mix of their powered lengths."""
    s = softness(o)
    t = share ** (sigma ** s["power"] * s["scale"])
    mixed = before * (1 - t) + current * t
    a, b = (torch.linalg.vector_norm(v, dim=1, keepdim=True).double() ** s["detail"] for v in (before, current))
    wanted = (a * (1 - t) + b * t) ** (1 / s["detail"])
    return mixed * (wanted / (torch.linalg.vector_norm(mixed, dim=1, keepdim=True).double() + 1e-5)).float()


def percentile_mean(field, low, high):
    """At every place the mean of what lies between two shares of the weight around it: a bell of 5x5, the window never narrower than 1."""
    y, x = np.mgrid[-2:3, -2:3]
    end = np.exp(-9 / 2.25)
    bell = np.maximum((np.exp(-(x * x + y * y) / 2.25) - end) / (1 - end), 0)
    out = np.empty_like(field)
    padded, weights = np.pad(field, 2), np.pad(np.ones_like(field), 2)
    for j, i in np.ndindex(field.shape):
        w = (bell * weights[j:j + 5, i:i + 5]).ravel()
        v = padded[j:j + 5, i:i + 5].ravel().astype(np.float64)
        order = np.argsort(v, kind="stable")
        edges = np.concatenate([[0], np.cumsum(w[order])])
        a, b = edges[-1] * low, edges[-1] * high
        if b - a < 1:
            a, b = (a + b) / 2 - 0.5, (a + b) / 2 + 0.5
            if b > edges[-1]:
                a, b = edges[-1] - 1, edges[-1]
            if a < 0:
                a, b = 0, 1
        overlap = np.clip(np.minimum(b, edges[1:]) - np.maximum(a, edges[:-1]), 0, None)
        out[j, i] = (overlap * v[order]).sum() / overlap.sum()
    return out


def moved_mask(o, before, after, share):
    """light where the latent has gone far, in the latent's size"""
    s, f = softness(o), np.float32
    mask = share[0, 0].numpy()
    distance = torch.linalg.vector_norm(after - before, dim=1)[0].numpy()
    usual = percentile_mean(percentile_mean(distance, 0.9, 1), 0.25, 0.75)
    bias = f(0.5 * (1 - s["influence"])) + (1 - mask ** f(s["scale"] / 2)) * f(s["influence"])
    kept = 1 / (1 + (usual / (f(s["threshold"]) * (bias / (f(1.00001) - bias)))) ** f(s["contrast"]))
    smooth = kept**3 * (kept * (6 * kept - 15) + 10)
    return Image.fromarray((255 * (1 - smooth)).astype(np.uint8))


def lay_softly(o, whole, region, painted, moved):
    """what is kept in the end: the start where little has changed"""
    mask = pixels.fitted(moved, o["width"], o["height"], "fit").convert("L").filter(ImageFilter.GaussianBlur(4))
    base = painted.convert("RGBA")
    if region:
        w, h = region[2] - region[0], region[3] - region[1]
        part, mask_part, mask = pixels.fitted(painted, w, h, "fill"), pixels.fitted(mask, w, h, "fill").convert("L"), Image.new("L", whole.size)
        base = Image.new("RGBA", whole.size)
        base.paste(part, region[:2])
        mask.paste(mask_part, region[:2])
    base.alpha_composite(pixels.cut_out(whole, mask).convert("RGBA"))
    return base.convert("RGB")


def grown(o, image, mask):
    """poor_mans_outpainting.py: a black canvas; the seam's mask lies two blurs within the picture, that of latents half a blur"""
    left, top, right, bottom = (o.get("outpaint_" + side, 0) for side in ("left", "top", "right", "bottom"))
    size, blur = (image.width + left + right, image.height + top + bottom), o["mask_blur"]

    def edge(inset):
        white = Image.new("L", size, 255)
        ImageDraw.Draw(white).rectangle((left + inset * (left > 0), top + inset * (top > 0), size[0] - right - inset * (right > 0) - 1,
                                         size[1] - bottom - inset * (bottom > 0) - 1), fill=0)
        return white

    def moved(picture):
        canvas = Image.new(picture.mode, size)
        canvas.paste(picture, (left, top))
        return canvas
    seam, latent = blurred(edge(2 * blur), 2 * blur), edge(blur // 2)
    latent = seam if o.get("soft_inpainting") else latent
    if mask:
        seam, latent = (ImageChops.lighter(m, moved(mask)) for m in (seam, latent))
    canvas = moved(image)
    return canvas if o.get("fill") == "original" else pixels.filled(canvas, latent), seam, latent


def prepare(o):
    """-> start pixels, mask pixels, share of latents painted anew, and what becomes of the result"""
    image, keep = Image.open(HERE / o["init"]).convert("RGB"), lambda picture: picture
    soft, grows = o.get("soft_inpainting"), any(o.get("outpaint_" + side) for side in ("left", "top", "right", "bottom"))
    mask = Image.open(HERE / o["mask"]).convert("L") if o["mask"] else None
    if not mask and not grows:
        return resized(image, o, o["resize"].replace("latent", "stretch")), None, None, keep
    if mask and o["mask_invert"]:
        mask = Image.fromarray(255 - np.asarray(mask))
    if mask and o["mask_blur"]:
        mask = blurred(mask, o["mask_blur"])
    latent = mask
    if grows:
        image, mask, latent = grown(o, image, mask)
        if o["inpaint_area"] == "whole" and "canvas" not in o:  # a second pass has the size that follows from the canvas's
            o.update(width=image.width, height=image.height, canvas=True)
    if o["inpaint_area"] == "masked":
        region, overlay = region_of(mask, o), pixels.cut_out(image, mask).convert("RGBA")
        keep_softly = functools.partial(lay_softly, o, image, region)
        image, mask, latent = (resized(part.crop(region), o, "fit") for part in (image, mask, latent))

        def keep(picture):
            w, h = region[2] - region[0], region[3] - region[1]
            base = Image.new("RGBA", overlay.size)
            base.paste(pixels.fitted(picture, w, h, "fill"), region[:2])
            base.alpha_composite(overlay)
            return base.convert("RGB")
    else:
        image, mask, latent = (resized(part, o, o["resize"].replace("latent", "stretch")) for part in (image, mask, latent))
        keep_softly = functools.partial(lay_softly, o, image, None)
        if o["mask_blur"]:
            doubled = Image.fromarray(np.clip(np.asarray(mask).astype(np.float32) * 2, 0, 255).astype(np.uint8))
            overlay = pixels.cut_out(image, doubled).convert("RGBA")

            def keep(picture):
                base = picture.convert("RGBA")
                base.alpha_composite(overlay)
                return base.convert("RGB")
    h, w = o["height"] // 8, o["width"] // 8
    if o["mask_blur"]:
        share = np.asarray(latent.convert("RGB").resize((w, h)))[..., 0].astype(np.float32) / 255
        share = share if soft else np.around(share)
    else:
        share = (np.asarray(latent).astype(np.float64).reshape(h, 8, w, 8).mean((1, 3)) / 255 >= 0.5).astype(np.float32)
    if o.get("fill") != "original" and not grows:
        image = pixels.filled(image, latent)
    return image, mask, torch.from_numpy(share)[None, None], keep_softly if soft else keep


def to_tensor(image):
    return torch.from_numpy(np.asarray(image).astype(np.float32) / 255).permute(2, 0, 1)[None] * 2 - 1


def encode_exactly(vae, x):
    """groups that hardly vary are divided by what they vary: in double, as families.py"""
    mean = vae.double().encode(x.double()).latent_dist.mean.float() * 0.18215
    vae.float()
    return mean


def stretched(net, o, mask):
    """the latent of the start in its own size, made as large as the picture's"""
    own = Image.open(HERE / o["init"]).convert("RGB")
    if mask and o["fill"] != "original":
        own = pixels.filled(own, mask.resize(own.size, Image.LANCZOS))
    return torch.nn.functional.interpolate(net.vae.encode(to_tensor(own)).latent_dist.mean * 0.18215, size=(o["height"] // 8, o["width"] // 8),
                                           mode="bilinear")


def begin(net, tokenizer, o, trace):
    """-> texts for the network, as families.py and make.py have them"""
    if o["model"] in families.MODELS:
        c = families.MODELS[o["model"]]
        return [families.condition(net, c, o, tokenizer, trace, negative)[0] for negative in (False, True)]
    end = make.MODELS[o["model"]]["tokens"] - 1
    made = [make.encode(net, tokenizer, o[parts], end, o["clip_skip"]) for parts in ("parts", "negative_parts")]
    for name, (states, tokens) in zip(("cond", "uncond"), made):
        trace[name], trace["tokens." + name] = states, tokens
    return [states for states, _ in made]


def ddim_step(denoise, x, seen, now, then):
    """seen: x with what stands still in it, as if it had no noise: sd_samplers_timesteps.py, mask_before_denoising"""
    sigma = ((1 - now) / now).sqrt().float()
    scaled = seen * (1 + sigma**2).sqrt()
    eps = (scaled - denoise(scaled, sigma.reshape(1))) / sigma
    clean = (x - (1 - now).sqrt() * eps) / now.sqrt()
    return (then.sqrt() * clean + (1 - then).sqrt() * eps).float()


def run(net, tokenizer, o):
    trace, firsts, latents = {}, [], []
    cond, uncond = begin(net, tokenizer, o, trace)
    image, mask, share, keep = prepare(o)
    soft = o.get("soft_inpainting")
    init = net.vae.encode(to_tensor(image)).latent_dist.mean * 0.18215
    if o["resize"] == "latent":
        init = stretched(net, o, mask)
    trace["init"] = before = init
    shape = (4, o["height"] // 8, o["width"] // 8)
    noise = Noise(o["rng"], o["seed"])
    unit = noise(shape)
    trace["noise"] = unit
    if o.get("fill") in ("noise", "nothing"):
        before = init * (1 - share) + (unit * share if o["fill"] == "noise" else 0)
    extra = None
    if o["model"] == "inpaint":
        anew = torch.from_numpy(np.asarray(mask.convert("L")).astype(np.float32) / 255)[None, None]
        anew = anew if soft else anew.round()
        seen = torch.lerp(to_tensor(image), to_tensor(image) * (1 - anew), o.get("mask_weight", 1))
        extra = torch.cat([anew[:, :, ::8, ::8], encode_exactly(net.vae, seen)], 1)

    def network(x, t, cond):
        x = torch.cat([x, extra], 1) if extra is not None else x
        firsts.append(net.unet(x, t, encoder_hidden_states=cond).sample)
        return firsts[-1]

    model = external.DiscreteEpsDDPMDenoiser(network, alphas(), quantize=False)

    def denoise(x, sigma):
        d, u = model(x, sigma, cond=cond), model(x, sigma, cond=uncond)
        d = u + (d - u) * o["cfg"]
        return d if before_network else held(d, sigma[0])

    def held(x, sigma):
        if soft:
            return blend_softly(o, before, x, share, sigma)
        return x if share is None else x * share + before * (1 - share)

    n, noisy, extra_noise = o["steps"], unit * o.get("noise_multiplier", 1), o.get("extra_noise", 0)
    before_network = o["sampler"] == "ddim" and o["mask_blur"] > 0
    if o["sampler"] == "ddim":
        a = alphas().double()
        t = [min(i + 1, 999) for i in range(0, 1000, 1000 // n)]
        te = int(min(o["strength"], 0.999) * n)
        trace["sigmas"] = torch.stack([((1 - a[k]) / a[k]).sqrt() for k in t[:te][::-1]]).float()
        x = (before * a[t[te]].sqrt() + noisy * ((1 - a[t[te]]).sqrt() + extra_noise * a[t[te]].sqrt())).float()
        for k in range(te - 1, 0, -1):
            latents.append(x)
            x = ddim_step(denoise, x, held(x, torch.tensor(float(t[k]))) if before_network else x, a[t[k]], a[t[k - 1]])
    else:
        run = int(min(o["strength"], 0.999) * n)
        if o.get("exact_steps"):
            n, run = int(n / min(o["strength"], 0.999)), n - 1
        sigmas = schedule(o["schedule"], model, n)[n - run - 1:]
        trace["sigmas"] = sigmas
        x = before + noisy * sigmas[0] + noisy * extra_noise
        more = {"noise_sampler": lambda *_: noise(shape)} if o["sampler"] == "euler_a" else {}
        name = {"euler_a": "euler_ancestral"}.get(o["sampler"], o["sampler"])
        x = getattr(sampling, "sample_" + name)(denoise, x, sigmas, callback=lambda d: latents.append(d["x"].clone()), disable=True, **more)
    for i, latent in enumerate(latents + [x]):
        trace[f"latent.{i:03}"] = latent
    x = x if soft or not o["mask_blur"] else held(x, 0)
    trace["model.cond"], trace["model.uncond"] = firsts[:2]
    trace["image"] = ((net.vae.decode(x / 0.18215).sample + 1) / 2).clamp(0, 1)
    painted = Image.fromarray(torch.round(trace["image"][0] * 255).permute(1, 2, 0).numpy().astype(np.uint8))
    moved = [moved_mask(o, before, x, share)] if soft else []
    trace["picture"] = torch.from_numpy(np.array(keep(painted, *moved)))
    return {k: v.contiguous().clone() for k, v in trace.items()}


def main():
    from transformers import CLIPTokenizer
    vocabulary = HERE / "vocabulary"
    tokenizer = CLIPTokenizer(str(vocabulary / "vocab.json"), str(vocabulary / "merges.txt"))
    tokens = len(json.loads((vocabulary / "vocab.json").read_text()))
    scene(88, 72).save(HERE / "start.png")
    blot(88, 72).save(HERE / "mask.png")
    scene(77, 61).save(HERE / "start-odd.png")
    scene(64, 64).save(HERE / "start-64.png")
    blot(64, 64).save(HERE / "mask-64.png")
    nets = {}
    for name, options in CASES.items():
        if sys.argv[1:] and name not in sys.argv[1:]:
            continue
        o = {**COMMON, **options}
        if "fill" not in options and any(k.startswith("outpaint") for k in options):
            del o["fill"]
        if o["inpaint_area"] == "whole" and o["mask"] and not o["mask_blur"]:
            o.update(init="start-64.png", mask="mask-64.png")
        if o["model"] not in nets and o["model"] in families.MODELS:
            nets[o["model"]] = families.prepare(o["model"], families.MODELS[o["model"]], tokens)
        elif o["model"] not in nets:
            c = make.MODELS[o["model"]]
            c["tokens"] = tokens
            nets[o["model"]] = make.Networks(c, make.values(make.recipe(o["model"], c)))
        asked = dict(o)
        trace = run(nets[o["model"]], tokenizer, o)
        kept = ("init", "image", "picture") if name.startswith("resize") else [k for k in trace if "tokens" not in k and k not in ("cond", "uncond")]
        trace = {k: trace[k] for k in kept}  # texts are judged elsewhere
        save_file(trace, HERE / "cases" / (name + ".safetensors"))
        shown = {k: v for k, v in asked.items() if k not in ("parts", "negative_parts") and v != "" and (k != "prediction" or o["model"] != "inpaint")}
        (HERE / "cases" / (name + ".json")).write_text(json.dumps(shown, indent=1) + "\n")
        print(name, float(trace["image"].std()), trace["picture"].shape)


if __name__ == "__main__":
    sys.exit(main())
