#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""What other programs make of the same settings: the judge of --render-as.

    pip install torch diffusers transformers k-diffusion torchsde scipy safetensors pillow
    python programs.py [CASE…]        writes cases/comfyui-*, cases/diffusers-*, or those named alone

diffusers is run as it is: StableDiffusionPipeline with the schedulers and the configuration that Stable Diffusion 1.5 ships with. ComfyUI
can not be installed beside it; its rules (comfy/sample.py, samplers.py, model_sampling.py, k_diffusion/sampling.py) are written down here
once more, over k-diffusion's samplers.
"""
import json
import math
import sys

import numpy as np
import scipy.stats
import torch
from safetensors.torch import save_file

import families
import make
from make import HERE, alphas, external, picture, sampling

BASE = dict(prompt="a lighthouse on a cliff, stormy sea", negative="photo", seed=4711, steps=4, sampler="euler", schedule="normal", cfg=6.5,
            width=64, height=48)
COMFYUI = {
    "euler-a": dict(sampler="euler_a"),
    "2m": dict(sampler="dpmpp_2m", schedule="karras"),
    "sde": dict(sampler="dpmpp_sde", schedule="karras", steps=3, seed=2**33 + 1),
    "dpm2": dict(sampler="dpm2", steps=3),
    "ddim": dict(sampler="ddim", schedule="ddim"),
    "beta": dict(schedule="beta", steps=6),
    "kl-optimal": dict(schedule="kl_optimal", steps=5),
    "init": dict(init="init.png", strength=0.6, schedule="simple"),
    "sde-init": dict(init="init.png", strength=0.5, sampler="dpmpp_2m_sde", schedule="exponential"),
    "empty": dict(model="sdxl", negative="", steps=2),
}
DIFFUSERS = {"euler": dict(), "euler-a": dict(sampler="euler_a"), "heun": dict(sampler="heun", steps=3),
             "rescale": dict(cfg_rescale=0.7, steps=3), "rescale-v": dict(cfg_rescale=0.5, steps=3, prediction="v", sampler="euler_a"), "tcd": dict(sampler="tcd", schedule="automatic", cfg=1.5)}
NAMES = {"euler_a": "euler_ancestral", "dpm2": "dpm_2", "ddim": "euler"}


class Table:
    """ComfyUI's ModelSamplingDiscrete over the same noise levels."""

    def __init__(self):
        betas = torch.linspace(0.00085**0.5, 0.012**0.5, 1000, dtype=torch.float64) ** 2
        kept = torch.cumprod(1 - betas, 0)
        sigmas = ((1 - kept) / kept) ** 0.5
        self.sigmas, self.logs = sigmas.float(), sigmas.log().float()

    def timestep(self, sigma):
        return (sigma.log() - self.logs[:, None]).abs().argmin(dim=0).view(sigma.shape)

    def sigma(self, t):
        t = torch.clamp(t.float(), 0, 999)
        low, high, w = t.floor().long(), t.ceil().long(), t.frac()
        return ((1 - w) * self.logs[low] + w * self.logs[high]).exp()


def comfy_sigmas(table, name, n):
    low, high = float(table.sigmas[0]), float(table.sigmas[-1])
    if name == "normal":
        first, last = table.timestep(table.sigmas[-1]), table.timestep(table.sigmas[0])
        return torch.tensor([float(table.sigma(t)) for t in torch.linspace(float(first), float(last), n)] + [0.0])
    if name == "simple":
        return torch.tensor([float(table.sigmas[-(1 + int(i * (1000 / n)))]) for i in range(n)] + [0.0])
    if name == "ddim":
        return torch.tensor([float(s) for s in table.sigmas[1::max(1000 // n, 1)].flip(0)] + [0.0])
    if name == "beta":
        t = np.rint(scipy.stats.beta.ppf(1 - np.linspace(0, 1, n, endpoint=False), 0.6, 0.6) * 999)
        t = [int(x) for i, x in enumerate(t) if i == 0 or x != t[i - 1]]
        return torch.tensor([float(table.sigmas[x]) for x in t] + [0.0])
    if name == "kl_optimal":
        share = torch.arange(n, dtype=torch.float) / (n - 1)
        return torch.cat([(share * math.atan(low) + (1 - share) * math.atan(high)).tan(), torch.zeros(1)])
    return {"karras": sampling.get_sigmas_karras, "exponential": sampling.get_sigmas_exponential}[name](n, low, high)


def comfyui(o, encode, network, decode, encode_picture, start):
    table, trace, latents, firsts = Table(), {}, [], []
    for name, negative in (("cond", False), ("uncond", True)):
        trace[name] = encode(o, negative, trace)
    shape = (1, 4, o["height"] // 8, o["width"] // 8)
    noise = torch.randn(shape, generator=torch.manual_seed(o["seed"]))
    n, sampler = o["steps"], NAMES.get(o["sampler"], o["sampler"])
    all_steps = int(n / o["strength"]) if o.get("init") else n
    discard = sampler in ("dpm_2", "dpm_2_ancestral", "uni_pc", "uni_pc_bh2")
    sigmas = comfy_sigmas(table, o["schedule"], all_steps + discard)
    if discard:
        sigmas = torch.cat([sigmas[:-2], sigmas[-1:]])
    sigmas = sigmas[-(n + 1):] if o.get("init") else sigmas
    top = math.isclose(float(table.sigmas[-1]), float(sigmas[0]), rel_tol=1e-05) or sigmas[0] > table.sigmas[-1]
    x = noise * (torch.sqrt(1.0 + sigmas[0] ** 2.0) if top else sigmas[0])
    trace["noise"], trace["sigmas"] = noise, sigmas
    if o.get("init"):
        trace["init"] = encode_picture(start)
        x = x + trace["init"]

    def denoise(x, sigma):
        s = sigma.view(-1, 1, 1, 1)
        outs = []
        for told in ("cond", "uncond"):
            firsts.append(network(x / (s**2 + 1) ** 0.5, table.timestep(sigma).float(), trace, told))
            outs.append(x - firsts[-1] * s)
        return outs[1] + (outs[0] - outs[1]) * o["cfg"]

    more = {}
    if "ancestral" in sampler:
        generator = torch.Generator().manual_seed(o["seed"] + 1)
        more["noise_sampler"] = lambda *_: torch.randn(shape, generator=generator)
    if "sde" in sampler:
        more["noise_sampler"] = sampling.BrownianTreeNoiseSampler(x, sigmas[sigmas > 0].min(), sigmas.max(), seed=o["seed"])
    x = getattr(sampling, "sample_" + sampler)(denoise, x, sigmas, callback=lambda d: latents.append(d["x"].clone()), disable=True, **more)
    for i, latent in enumerate(latents + [x]):
        trace[f"latent.{i:03}"] = latent
    trace["model.cond"], trace["model.uncond"] = firsts[:2]
    trace["image"] = decode(x)
    return {k: v.contiguous().clone() for k, v in trace.items() if torch.is_tensor(v) and not k.startswith("vector")}


def comfy_sd1(c, net, tokenizer):
    def encode(o, negative, trace):
        states, tokens = make.encode(net, tokenizer, [[o["negative" if negative else "prompt"], 1.0]], c["tokens"] - 1, 1)
        trace["tokens." + ("uncond" if negative else "cond")] = tokens
        return states

    return (encode, lambda x, t, trace, told: net.unet(x, t, encoder_hidden_states=trace[told]).sample,
            lambda x: ((net.vae.decode(x / 0.18215).sample + 1) / 2).clamp(0, 1),
            lambda rgb: net.vae.encode(rgb * 2 - 1).latent_dist.mean * 0.18215)


def comfy_sdxl(c, net, tokenizer):
    """An empty negative prompt is text like any other there."""
    more = {}

    def encode(o, negative, trace):
        name = "uncond" if negative else "cond"
        parts = [[o["negative" if negative else "prompt"], 1.0]]
        states, more[name] = families.condition(net, c, dict(o, parts=parts, negative_parts=parts, negative="text"), tokenizer, trace, negative)
        return states

    return (encode, lambda x, t, trace, told: net.unet(x, t, encoder_hidden_states=trace[told], **more[told]).sample,
            lambda x: ((net.vae.decode(x / 0.13025).sample + 1) / 2).clamp(0, 1), None)


def run_diffusers(o, c, net, tokenizer):
    from diffusers import EulerAncestralDiscreteScheduler, EulerDiscreteScheduler, HeunDiscreteScheduler, StableDiffusionPipeline, TCDScheduler
    kinds = {"euler": EulerDiscreteScheduler, "euler_a": EulerAncestralDiscreteScheduler, "heun": HeunDiscreteScheduler, "tcd": TCDScheduler}
    scheduler = kinds[o["sampler"]](beta_start=0.00085, beta_end=0.012, beta_schedule="scaled_linear", num_train_timesteps=1000,
                                    timestep_spacing="leading", steps_offset=1,
                                    prediction_type="v_prediction" if o.get("prediction") == "v" else "epsilon")
    pipe = StableDiffusionPipeline(vae=net.vae, text_encoder=net.text, tokenizer=tokenizer, unet=net.unet, scheduler=scheduler,
                                   safety_checker=None, feature_extractor=None, requires_safety_checker=False)
    pipe.set_progress_bar_config(disable=True)
    pipe.vae.register_to_config(scaling_factor=0.18215)
    latents = []
    shape = (1, 4, o["height"] // 8, o["width"] // 8)
    generator = torch.Generator().manual_seed(o["seed"])
    image = pipe(o["prompt"], negative_prompt=o["negative"], height=o["height"], width=o["width"], num_inference_steps=o["steps"],
                 guidance_scale=o["cfg"], guidance_rescale=o.get("cfg_rescale", 0.0), eta=0.3, generator=generator, output_type="pt", return_dict=False,
                 callback_on_step_end=lambda p, i, t, d: latents.append(d["latents"].clone()) or d)[0]
    scheduler.set_timesteps(o["steps"])
    if o["sampler"] == "tcd":  # counts in timesteps
        kept = scheduler.alphas_cumprod[scheduler.timesteps]
        sigmas = torch.cat([((1 - kept) / kept) ** 0.5, torch.zeros(1)])
    else:
        sigmas = scheduler.sigmas
    if o["sampler"] == "heun":  # every level stands twice there, and the first stage of a step is a step
        sigmas, latents = torch.cat([sigmas[:1], sigmas[1:-1:2], sigmas[-1:]]), latents[1::2] + latents[-1:]
        latents = latents[:len(sigmas) - 1]
    noise = torch.randn(shape, generator=torch.Generator().manual_seed(o["seed"]))
    trace = {"noise": noise, "sigmas": sigmas, "latent.000": noise * scheduler.init_noise_sigma, "image": image}
    for i, latent in enumerate(latents):
        trace[f"latent.{i + 1:03}"] = latent
    return {k: v.contiguous().clone() for k, v in trace.items()}


def main():
    from transformers import CLIPTokenizer
    vocabulary = HERE / "vocabulary"
    tokenizer = CLIPTokenizer(str(vocabulary / "vocab.json"), str(vocabulary / "merges.txt"), model_max_length=77)
    tokens = len(json.loads((vocabulary / "vocab.json").read_text()))
    c = dict(make.MODELS["two-levels"], tokens=tokens)
    net = make.Networks(c, make.values(make.recipe("two-levels", c)))
    xl = dict(families.MODELS["sdxl"])
    families.write_recipe = lambda *_: None
    xl_net = families.prepare("sdxl", xl, tokens)
    start = torch.from_numpy(picture(BASE["height"], BASE["width"]).astype(np.float32) / 255).permute(2, 0, 1)[None]
    for program, cases in (("comfyui", COMFYUI), ("diffusers", DIFFUSERS)):
        for name, options in cases.items():
            if sys.argv[1:] and f"{program}-{name}" not in sys.argv[1:]:
                continue
            o = {**BASE, "model": "two-levels", **options, "render_as": program}
            if program == "diffusers":
                trace = run_diffusers(o, c, net, tokenizer)
            else:
                trace = comfyui(o, *(comfy_sdxl(xl, xl_net, tokenizer) if o["model"] == "sdxl" else comfy_sd1(c, net, tokenizer)), start)
            save_file(trace, HERE / "cases" / f"{program}-{name}.safetensors")
            (HERE / "cases" / f"{program}-{name}.json").write_text(json.dumps(o, indent=1) + "\n")
            print(program, name, float(trace["image"].std()), [k for k in trace if k.startswith("latent")][-1], trace["sigmas"].tolist()[:3])


if __name__ == "__main__":
    main()
