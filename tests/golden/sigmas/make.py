#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Writes sigmas.json (schedules and the table of noise levels) and samplers.json (paths of the samplers over a made-up model).

    python make.py            (torch 2, k-diffusion 0.1, diffusers, scipy)
Schedules are in float32, as k-diffusion computes them; sampler paths in float64, so that only the formulas can differ."""
import json
import math
import os
import sys
import types

import numpy as np
import torch
from scipy import stats

from diffusers import DDIMScheduler, TCDScheduler

# k-diffusion's training code imports much that is not needed here
for name in ("k_diffusion", "torchvision", "torchvision.transforms", "torchvision.transforms.functional"):
    sys.modules[name] = types.ModuleType(name)
sys.modules["k_diffusion"].__path__ = [os.path.join(p, "k_diffusion") for p in sys.path]
sys.modules["torchvision.transforms"].functional = None
import k_diffusion.external as external  # noqa: E402
import k_diffusion.sampling as sampling  # noqa: E402
import samplers as paths  # noqa: E402
from samplers import training  # noqa: E402

HERE = os.path.dirname(os.path.abspath(__file__))
STEPS = [1, 2, 3, 4, 5, 6, 7, 8, 10, 15, 20, 23, 30, 50, 77, 100, 150]


NEWER = ("polyexponential", "ddim_uniform", "beta", "kl_optimal", "align_your_steps", "align_your_steps.sdxl", "linear_quadratic", "lcm", "time_uniform", "time_quadratic", "log_snr")
AYS = {"align_your_steps": [14.615, 6.475, 3.861, 2.697, 1.886, 1.396, 0.963, 0.652, 0.399, 0.152, 0.029],
       "align_your_steps.sdxl": [14.615, 6.315, 3.771, 2.181, 1.342, 0.862, 0.555, 0.380, 0.234, 0.113, 0.029]}


def schedule(wrap, name, n, sigma_min=None, sigma_max=None, **more):
    low, high = sigma_min or wrap.sigmas[0].item(), sigma_max or wrap.sigmas[-1].item()
    if name == "normal" and not sigma_min:
        return wrap.get_sigmas(n)
    if name == "normal":  # AUTOMATIC1111's normal_scheduler
        first, last = (float(wrap.sigma_to_t(torch.tensor(s))) for s in (high, low))
        return sampling.append_zero(wrap.t_to_sigma(torch.linspace(first, last, n)))
    if name == "karras":
        return sampling.get_sigmas_karras(n, low, high, **more)
    if name == "exponential":
        return sampling.get_sigmas_exponential(n, low, high)
    if name == "sgm_uniform":
        first, last = (float(wrap.sigma_to_t(torch.tensor(s))) for s in (high, low))
        return sampling.append_zero(wrap.t_to_sigma(torch.linspace(first, last, n + 1)[:-1]))
    if name == "simple":
        return torch.tensor([wrap.sigmas[-(1 + int(i * (1000 / n)))].item() for i in range(n)] + [0.0])
    if name == "polyexponential":
        return sampling.get_sigmas_polyexponential(n, low, high, **more)
    if name == "ddim_uniform":
        return sampling.append_zero(wrap.sigmas[1::max(1000 // n, 1)].flip(0))
    if name == "beta":
        share = torch.tensor(stats.beta.ppf(1 - np.linspace(0, 1, n), more.get("beta_alpha", 0.6), more.get("beta_beta", 0.6)))
        return sampling.append_zero(low + (high - low) * share)
    if name == "kl_optimal":
        share = torch.arange(n + 1, dtype=torch.float64) / n
        return torch.tan(share * math.atan(low) + (1 - share) * math.atan(high))
    if name.startswith("align_your_steps"):
        table = AYS[name]
        places = np.linspace(0, 1, n) if n > 1 else np.ones(1)
        return sampling.append_zero(torch.tensor(np.exp(np.interp(places, np.linspace(0, 1, 11), np.log(table)))))
    if name == "linear_quadratic":
        half = n // 2
        done = [0.025 * i / half for i in range(half)]
        bend = (half - 0.025 * n) / (half * (n - half) ** 2) if half else 0  # the coefficients as Mochi's paper code multiplies them out
        slope = 0.025 / half - 2 * (half - 0.025 * n) / (n - half) ** 2 if half else 0
        done += [bend * i * i + slope * i + bend * half * half for i in range(half, n)]
        return high * (1 - torch.tensor((done if n > 1 else [0.0]) + [1.0], dtype=torch.float64))
    if name in ("time_uniform", "time_quadratic", "log_snr"):  # UniPC's code, in float64: alpha is what it interpolates
        n = len(range(0, 1000, 1000 // n))
        logs = -0.5 * np.log1p(paths.levels(training()).numpy() ** 2)
        if name == "log_snr":
            first, last = (float(logs[k] - 0.5 * np.log(-np.expm1(2 * logs[k]))) for k in (-1, 0))
            return torch.tensor(np.exp(-np.linspace(first, last, n + 1)))
        times = np.linspace(1, 1e-3, n + 1) if name == "time_uniform" else np.linspace(1, 1e-3 ** 0.5, n + 1) ** 2
        return torch.tensor(np.sqrt(np.expm1(-2 * np.interp(times * 1000 - 1, np.arange(1000), logs))))
    if name == "lcm":
        scheduler = TCDScheduler()
        scheduler.set_timesteps(min(n, 50))
        return sampling.append_zero(wrap.sigmas[scheduler.timesteps])
    if name == "ddim":  # the timesteps of that sampler
        return wrap.sigmas[[min(i + 1, 999) for i in range(0, 1000, 1000 // n)]].flip(0)
    raise KeyError(name)


def floats(t):
    return [float("%.9g" % v) for v in t.tolist()]


def schedules():
    wrap = external.DiscreteEpsDDPMDenoiser(None, training(), quantize=False)
    rows = []
    for name in ("normal", "karras", "exponential", "simple", "sgm_uniform", "ddim", *NEWER):
        for n in STEPS if name not in NEWER else STEPS[:6] + [11, 20, 23, 50, 77, 150]:
            if name != "ddim" or n > 1:
                rows.append({"schedule": name, "steps": n, "sigmas": floats(schedule(wrap, name, n))})
    shaped = dict(sigma_min=0.1, sigma_max=10.0)
    for name in ("normal", "karras", "exponential", "polyexponential", "sgm_uniform", "kl_optimal", "beta"):
        options = dict(shaped, rho=3.5) if name in ("karras", "polyexponential") else shaped
        rows += [{"schedule": name, "steps": n, "options": options, "sigmas": floats(schedule(wrap, name, n, **options))} for n in (1, 9)]
    for a, b in ((0.4, 0.9), (2.5, 0.3), (0.05, 7.0)):
        options = dict(beta_alpha=a, beta_beta=b)
        rows += [{"schedule": "beta", "steps": n, "options": options, "sigmas": floats(schedule(wrap, "beta", n, **options))} for n in (3, 6)]
    sigmas = torch.tensor([0.001, 0.0292, 0.03, 0.1, 0.5, 1.0, 1.2345, 3.0, 7.7, 14.0, 14.6146, 20.0])
    points = [[float("%.9g" % s), float("%.9g" % t)] for s, t in zip(sigmas.tolist(), wrap.sigma_to_t(sigmas).tolist())]
    with open(os.path.join(HERE, "sigmas.json"), "w") as f:
        f.write('{"table": %s,\n"times": %s,\n"schedules": [\n' % (json.dumps(floats(wrap.sigmas[::37])), json.dumps(points)))
        f.write(",\n".join(json.dumps(r) for r in rows) + "\n]}\n")


def model(x, sigma, **_):
    """Stands for the network: smooth, not linear in x, different at each sigma."""
    s = float(sigma.reshape(-1)[0])
    return 0.8 * torch.tanh(x / (1 + s)) + 0.1 * torch.cos(x + s)


def noise(k, like):
    return torch.sin(torch.arange(like.numel(), dtype=torch.float64) * 1.7 + 3 * k + 1).reshape(like.shape)


def run(name, sigmas, x, opts):
    """-> end of the path, having drawn noise(0), noise(1), ... where any is added"""
    sigmas = torch.tensor(sigmas, dtype=torch.float64)
    low, high = opts.get("s_tmin", 0.0), opts.get("s_tmax", math.inf)
    drawn = []

    def like(x):  # k-diffusion draws in every step, also where it adds nothing: those draws are not counted
        used = sum(1 for s in sigmas[:len(drawn)].tolist() if low <= s <= high)
        drawn.append(1)
        return noise(used, x)

    kw = dict(opts)
    if name == "euler_a":
        calls = iter(range(len(sigmas)))
        kw["noise_sampler"] = lambda s, t: noise(next(calls), x)
    real, torch.randn_like = torch.randn_like, like
    try:
        f = {"euler_a": sampling.sample_euler_ancestral}.get(name) or getattr(sampling, "sample_" + name)
        return f(model, x, sigmas, disable=True, **kw)
    finally:
        torch.randn_like = real


def ddim(n, x, eta):
    """diffusers' DDIM from timestep to timestep; the model is asked at the exploding scale"""
    s = DDIMScheduler(beta_start=0.00085, beta_end=0.012, beta_schedule="scaled_linear", clip_sample=False, set_alpha_to_one=False)
    s.set_timesteps(n)
    s.alphas_cumprod = training().double()
    times = [i + 1 for i in range(0, 1000, 1000 // n)][::-1]
    for k, t in enumerate(times[:-1]):
        a = s.alphas_cumprod[t]
        sigma = ((1 - a) / a).sqrt()
        full = x * (1 + sigma ** 2).sqrt()
        eps = (full - model(full, sigma)) / sigma
        x = s.step(eps, t, x, eta=eta, variance_noise=noise(k, x)).prev_sample
    return [float(((1 - a) / a).sqrt()) for a in s.alphas_cumprod[times]], x


def samplers():
    falling = [14.6, 9.1, 5.2, 3.3, 1.9, 0.9, 0.31, 0.05, 0.0]
    cut = falling[:-1]  # a path that does not end at 0
    churn = dict(s_churn=4.0, s_tmin=0.2, s_tmax=6.0, s_noise=1.003)
    cases = [("euler", falling, {}), ("euler", falling, churn), ("euler", cut, {}), ("heun", falling, {}), ("heun", falling, churn), ("heun", cut, {}),
             ("euler_a", falling, {}), ("euler_a", falling, dict(eta=0.5, s_noise=0.97)), ("euler_a", falling, dict(eta=0.0)), ("euler_a", cut, {}),
             ("dpmpp_2m", falling, {}), ("dpmpp_2m", cut, {}), ("dpmpp_2m", falling[-2:], {})]
    x = torch.tensor([-2.3, -1.0, -0.2, 0.0, 0.4, 1.1, 2.7], dtype=torch.float64)
    rows = []
    for name, sigmas, opts in cases:
        start = x * sigmas[0]
        rows.append(dict(sampler=name, sigmas=sigmas, params=opts, start=start.tolist(), end=run(name, sigmas, start, opts).tolist()))
    for n, eta in ((10, 0.0), (8, 0.7), (50, 1.0)):
        sigmas, end = ddim(n, x, eta)
        rows.append(dict(sampler="ddim", sigmas=sigmas, params=dict(eta=eta), start=x.tolist(), end=end.tolist()))
    for name, sigmas, opts in paths.cases(training()):
        start = x if name in ("plms", "tcd", "unipc_original") else x * sigmas[0]
        rows.append(dict(sampler=name, sigmas=sigmas, params=opts, start=start.tolist(), end=paths.run(name, model, sigmas, start, opts).tolist()))
    with open(os.path.join(HERE, "samplers.json"), "w") as f:
        f.write('{"paths": [\n' + ",\n".join(json.dumps(r) for r in rows) + "\n]}\n")


schedules()
samplers()
