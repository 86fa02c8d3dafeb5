# SPDX-License-Identifier: Apache-2.0
"""The rest of the samplers for make.py: k-diffusion's own where it has them, diffusers' UniPC, else the formulas of the papers and programs,
written down plainly. Everything in float64."""
import math

import numpy as np
import torch
from diffusers import TCDScheduler, UniPCMultistepScheduler
import diffusers.schedulers.scheduling_tcd as scheduling_tcd
import k_diffusion.sampling as sampling

KD = {"dpm2": "dpm_2", "dpm2_a": "dpm_2_ancestral", "dpmpp_2s_a": "dpmpp_2s_ancestral", "dpmpp_2m_sde_heun": "dpmpp_2m_sde"}
AB = {1: [1], 2: [3 / 2, -1 / 2], 3: [23 / 12, -16 / 12, 5 / 12], 4: [55 / 24, -59 / 24, 37 / 24, -9 / 24]}


def noise(k, like):
    return torch.sin(torch.arange(like.numel(), dtype=torch.float64) * 1.7 + 3 * k + 1).reshape(like.shape)


def increment(a, b, like):
    """Stands for the unit noise of a Brownian path from sigma a to sigma b."""
    return torch.sin(torch.arange(like.numel(), dtype=torch.float64) * 1.3 + 5 * float(a) - 3 * float(b)).reshape(like.shape)


class Draws:
    """noise (0), noise (1), ... where it is asked for"""

    def __init__(self):
        self.k = -1

    def __call__(self, like):
        self.k += 1
        return noise(self.k, like)


def training():
    betas = torch.linspace(0.00085 ** 0.5, 0.012 ** 0.5, 1000, dtype=torch.float64) ** 2
    return torch.cumprod(1 - betas, 0).float()


def levels(kept):
    """sigma of each timestep, rounded as a table of float32 has it (numpy's root is the nearest, torch's is not on all processors)"""
    return torch.from_numpy(np.sqrt((1 - kept.numpy()) / kept.numpy()).astype(np.float64))


def cases(kept):
    """-> (sampler, sigmas, options): every sampler over three schedules, and its options over one"""
    sd = ((1 - kept.double()) / kept.double()) ** 0.5
    low, high = float(sd[0]), float(sd[-1])
    logs = np.log(sd.numpy())

    def normal(n):
        return np.exp(np.interp(np.linspace(999, 0, n), np.arange(1000), logs)).tolist() + [0.0]

    def karras(n):
        return (np.linspace(high ** (1 / 7), low ** (1 / 7), n) ** 7).tolist() + [0.0]

    def exponential(n):
        return np.exp(np.linspace(math.log(high), math.log(low), n)).tolist() + [0.0]
    rows = []
    plain = ["lms", "dpm2", "dpm2_a", "dpmpp_2s_a", "dpmpp_sde", "dpmpp_2m_sde", "dpmpp_2m_sde_heun", "dpmpp_3m_sde", "dpm_fast", "dpm_adaptive", "ddpm", "unipc",
             "lcm", "ipndm", "ipndm_v", "deis", "restart", "heunpp2", "res_multistep"]
    for name in plain:
        rows += [(name, f(n), {}) for f, n in ((normal, 8), (karras, 11), (exponential, 9))]
    rows += [("restart", f(n), {}) for f, n in ((normal, 20), (karras, 40), (exponential, 23))]
    rows += [("restart", karras(40), dict(s_noise=1.01)), ("dpm_fast", karras(9), {}), ("dpm_fast", karras(2), {})]
    for name in ("dpm2_a", "dpmpp_2s_a", "dpmpp_sde", "dpmpp_2m_sde", "dpmpp_2m_sde_heun", "dpmpp_3m_sde", "dpm_fast", "dpm_adaptive", "res_multistep"):
        rows += [(name, karras(10), dict(eta=e, s_noise=s)) for e, s in ((0.0, 1.0), (0.6, 0.97), (1.0, 1.0))]
    rows += [(name, karras(10), dict(s_churn=4.0, s_tmin=0.2, s_tmax=6.0, s_noise=1.003)) for name in ("dpm2", "heunpp2")]
    for name in plain:  # one that leaves a rest of noise
        if name not in ("dpm_fast", "dpm_adaptive"):
            rows.append((name, karras(9)[:-1], {}))
    for n in (10, 7, 50):
        times = [min(i + 1, 999) for i in range(0, 1000, 1000 // n)][::-1]
        rows.append(("plms", sd[times].tolist(), {}))
    table = levels(kept)
    for variant, order, lower in ((0, 3, 1), (1, 3, 1), (0, 2, 1), (1, 1, 1), (2, 1, 1), (2, 2, 1), (2, 3, 1), (0, 3, 0), (1, 2, 0), (2, 3, 0)):
        options = dict(unipc_variant=variant, unipc_order=order, unipc_lower_order_final=lower)
        rows.append(("unipc", karras(10) if lower and variant else karras(10)[:-1], options))  # diffusers' bh1 of a step to 0 is not a number
        rows.append(("unipc_original", karras(10)[:-1], options))
    rows += [("unipc_original", f(9)[:-1], {}) for f in (normal, karras, exponential)] + [("unipc_original", normal(3)[:-1], {})]
    for n, options in ((4, {}), (1, {}), (7, dict(eta=0.0)), (8, dict(eta=1.0)), (23, dict(eta=0.65)), (50, {})):
        s = TCDScheduler()
        s.set_timesteps(n)
        rows.append(("tcd", table[s.timesteps].tolist() + [0.0], options))
    return rows


def run(name, model, sigmas, x, opts):
    torch.set_default_dtype(torch.float64)
    try:
        own = globals().get("run_" + name)
        if own:
            return own(lambda x, s: model(x, torch.as_tensor(s)), x, sigmas, Draws(), **opts)
        return kd(name, model, torch.tensor(sigmas), x, dict(opts))
    finally:
        torch.set_default_dtype(torch.float32)


def kd(name, model, sigmas, x, opts):
    draws = Draws()
    function = getattr(sampling, "sample_" + KD.get(name, name))
    if name in ("dpm_fast", "dpm_adaptive"):
        opts.setdefault("eta", 1.0)
        low, high = float(sigmas[sigmas > 0].min()), float(sigmas.max())
        count = (len(sigmas) - 1,) if name == "dpm_fast" else ()
        return function(model, x, low, high, *count, disable=True, noise_sampler=lambda a, b: draws(x), **opts)
    if "sde" in name:
        opts["noise_sampler"] = lambda a, b: increment(a, b, x)
    elif name in ("dpm2_a", "dpmpp_2s_a"):
        opts["noise_sampler"] = lambda a, b: draws(x)
    if name == "dpmpp_2m_sde_heun":
        opts["solver_type"] = "heun"
    calls = []

    def like(x):  # draws that add nothing are not counted
        used = sum(1 for s in sigmas[:len(calls)].tolist() if opts.get("s_tmin", 0) <= s <= opts.get("s_tmax", math.inf))
        calls.append(1)
        return noise(used, x)
    real, torch.randn_like = torch.randn_like, like
    try:
        return function(model, x, sigmas, disable=True, **opts)
    finally:
        torch.randn_like = real


def run_unipc(model, x, sigmas, draws, unipc_variant=1, unipc_order=2, unipc_lower_order_final=1):
    """diffusers' UniPC over given sigmas, in variance-preserving scale; what it lacks by the authors' code"""
    if unipc_variant == 2:
        y = run_unipc_original(model, x / math.hypot(1, sigmas[0]), sigmas, draws, unipc_variant, unipc_order, unipc_lower_order_final)
        return y * math.hypot(1, sigmas[-1])
    n = len(sigmas) - 1
    s = UniPCMultistepScheduler(beta_start=0.00085, beta_end=0.012, beta_schedule="scaled_linear", solver_order=unipc_order,
                                solver_type=("bh1", "bh2")[unipc_variant], lower_order_final=bool(unipc_lower_order_final))
    s.set_timesteps(n)
    s.sigmas, s.timesteps, s._begin_index = torch.tensor(sigmas), torch.arange(n, 0, -1), 0
    y = x[None, None] / math.hypot(1, sigmas[0])
    for i in range(n):
        full = y * math.hypot(1, sigmas[i])
        y = s.step((full - model(full, sigmas[i])) / sigmas[i], s.timesteps[i], y, return_dict=False)[0]
    return y[0, 0] * math.hypot(1, sigmas[-1])


def run_unipc_original(model, x, sigmas, draws, unipc_variant=0, unipc_order=3, unipc_lower_order_final=1):
    """The authors' multistep code, predicting the clean picture, as AUTOMATIC1111 has it: x is variance preserving"""
    n = len(sigmas) - 1
    alphas = [1 / math.hypot(1, s) for s in sigmas]
    lam = [-math.log(s) if s > 0 else math.inf for s in sigmas]
    known = [(0, model(x / alphas[0], sigmas[0]))]
    for i in range(1, n + 1):
        order = min(unipc_order, i)
        if unipc_lower_order_final:
            order = min(order, n + 1 - i)
        h = lam[i] - lam[i - 1]
        base = alphas[i] * (sigmas[i] / sigmas[i - 1] * x / alphas[i - 1] - math.expm1(-h) * known[-1][1])
        r = [(lam[known[-1 - k][0]] - lam[i - 1]) / h for k in range(1, order)] + [1.0]
        d = [(known[-1 - k][1] - known[-1][1]) / r[k - 1] for k in range(1, order)]
        phi = [math.expm1(-h)]
        for k in range(1, order + 2):
            phi.append(phi[-1] / -h - 1 / math.factorial(k))
        if unipc_variant == 2:
            c = np.array([[q ** k / math.factorial(k + 1) for k in range(order)] for q in r])
            early = np.linalg.inv(c[:-1, :-1]) if order > 1 else None
            move = sum(phi[k + 1] * sum(early[k][j] * d[j] for j in range(order - 1)) for k in range(order - 1))
        else:
            b_of_h = -h if unipc_variant == 0 else math.expm1(-h)
            m = np.array([[q ** k for q in r] for k in range(order)])
            b = np.array([phi[k] * math.factorial(k) / b_of_h for k in range(1, order + 1)])
            rho = [] if order == 1 else [0.5] if order == 2 else np.linalg.solve(m[:-1, :-1], b[:-1])
            move = b_of_h * sum(q * v for q, v in zip(rho, d))
        guess = base - alphas[i] * move
        if i == n:
            return guess
        clean = model(guess / alphas[i], sigmas[i])
        last = clean - known[-1][1]
        if unipc_variant == 2:
            late = np.linalg.inv(c)
            move, k = 0, 0
            for k in range(order - 1):
                move = move + phi[k + 1] * sum(late[k][j] * d[j] for j in range(order - 1))
            move = move + phi[order] * last * late[k][-1]  # the loop's last row, as it is there
        else:
            rho = [0.5] if order == 1 else np.linalg.solve(m, b)
            move = b_of_h * (sum(q * v for q, v in zip(rho, d)) + rho[-1] * last)
        x = base - alphas[i] * move
        known.append((i, clean))


def run_lcm(model, x, sigmas, draws):
    for s, t in zip(sigmas, sigmas[1:]):
        x = model(x, s)
        x = x + t * draws(x) if t > 0 else x
    return x


def run_tcd(model, x, sigmas, draws, eta=0.3):
    """diffusers' TCD from timestep to timestep; the model is asked at the exploding scale"""
    s = TCDScheduler()
    s.set_timesteps(len(sigmas) - 1)
    s.alphas_cumprod = 1 / (1 + levels(training()) ** 2)
    scheduling_tcd.randn_tensor = lambda shape, **_: draws(x)
    for sigma, t in zip(sigmas, s.timesteps):
        full = x * math.hypot(1, sigma)
        x = s.step((full - model(full, sigma)) / sigma, t, x, eta=eta, return_dict=False)[0]
    return x


def run_ddpm(model, x, sigmas, draws):
    """Ho et al. 2020, algorithm 2 between any two levels, in variance-preserving scale with variance beta~"""
    y = x / math.hypot(1, sigmas[0])
    for s, t in zip(sigmas, sigmas[1:]):
        abar, abar_next = 1 / (1 + s * s), 1 / (1 + t * t)
        alpha = abar / abar_next
        full = y * math.hypot(1, s)
        eps = (full - model(full, s)) / s
        y = (y - (1 - alpha) / math.sqrt(1 - abar) * eps) / math.sqrt(alpha)
        if t > 0:
            y = y + math.sqrt((1 - abar_next) / (1 - abar) * (1 - alpha)) * draws(y)
    return y * math.hypot(1, sigmas[-1])


def run_plms(model, x, sigmas, draws):
    def eps(y, s):
        full = y * math.hypot(1, s)
        return (full - model(full, s)) / s

    def move(y, e, s, t):
        clean = y * math.hypot(1, s) - s * e
        return (clean + t * e) / math.hypot(1, t)
    known = []
    for i, (s, t) in enumerate(zip(sigmas, sigmas[1:])):
        known = [eps(x, s)] + known[:3]
        e = sum(w * k for w, k in zip(AB[len(known)], known))
        if i == 0:
            e = (known[0] + eps(move(x, known[0], s, t), t)) / 2
        x = move(x, e, s, t)
    return x


def multistep(model, x, sigmas, order, weigh):
    """x + the sum of weights times slopes, the newest first; a step to 0 is one of Euler's"""
    slopes = []
    for i, (s, t) in enumerate(zip(sigmas, sigmas[1:])):
        slopes = [(x - model(x, s)) / s] + slopes[:order - 1]
        weights = weigh(i, len(slopes)) if t > 0 else [t - s]
        x = x + sum(w * d for w, d in zip(weights, slopes))
    return x


def run_ipndm(model, x, sigmas, draws):
    return multistep(model, x, sigmas, 4, lambda i, n: [w * (sigmas[i + 1] - sigmas[i]) for w in AB[n]])


def run_ipndm_v(model, x, sigmas, draws):
    """Newton's form of the weights as the published code has them, slips included: u's bracket, and q * b at the end for q * h[2] / h[3]"""

    def weigh(i, n):
        h = [sigmas[i + 1 - k] - sigmas[i - k] for k in range(n)]
        if n == 1:
            return [h[0]]
        a = h[0] / h[1]
        if n == 2:
            return [h[0] * (1 + a / 2), -h[0] * a / 2]
        b = h[1] / h[2]
        u = (1 - h[0] / (3 * (h[0] + h[1])) * (h[0] * (h[0] + h[1])) / (h[1] * (h[1] + h[2]))) / 2
        if n == 3:
            return [h[0] * (1 + a / 2 + u), -h[0] * (a / 2 + (1 + b) * u), h[0] * u * b]
        v = (1 - h[0] / (3 * (h[0] + h[1]))) / 2 + (1 - h[0] / (2 * (h[0] + h[1]))) * h[0] / (6 * (h[0] + h[1] + h[2]))
        v *= h[0] * (h[0] + h[1]) * (h[0] + h[1] + h[2]) / (h[1] * (h[1] + h[2]) * (h[1] + h[2] + h[3]))
        q = h[1] * (h[1] + h[2]) / (h[2] * (h[2] + h[3]))
        return [h[0] * (1 + a / 2 + u + v), -h[0] * (a / 2 + (1 + b) * u + (1 + b + q) * v), h[0] * (u * b + (b + q * (1 + h[2] / h[3])) * v), -h[0] * v * q * b]
    return multistep(model, x, sigmas, 4, weigh)


def run_deis(model, x, sigmas, draws):
    """Zhang and Chen 2022, tAB: slopes as a polynomial in the time of a variance-preserving process, integrals as sums of 10000 points"""
    top, first = math.log(80.0 ** 2 + 1), math.log(0.002 ** 2 + 1) / 1e-3
    beta_d = 2 * (first - top) / (1e-3 - 1)
    beta_min = top - beta_d / 2
    times = (np.sqrt(beta_min ** 2 + 2 * beta_d * np.log(np.array(sigmas) ** 2 + 1)) - beta_min) / beta_d

    def weigh(i, n):
        if n == 1:
            return [sigmas[i + 1] - sigmas[i]]
        t = np.linspace(times[i], times[i + 1], 10000)
        alpha = np.exp(-t * t * beta_d / 2 - t * beta_min)
        rate = (t * beta_d + beta_min) / 2 / np.sqrt(alpha * (1 - alpha))
        past = times[[i - k for k in range(n)]]
        each = [np.prod([(t - past[k]) / (past[j] - past[k]) for k in range(n) if k != j], axis=0) for j in range(n)]
        return [float((rate * p).sum() * (times[i + 1] - times[i]) / 10000) for p in each]
    return multistep(model, x, sigmas, 3, weigh)


def heun(model, x, s, t):
    d = (x - model(x, s)) / s
    if t == 0:
        return x - s * d
    y = x + (t - s) * d
    return x + (t - s) * (d + (y - model(y, t)) / t) / 2


def run_restart(model, x, sigmas, draws, s_noise=1.0):
    """Xu et al. 2023: levels as a list with repetitions, noise where it rises; the numbers are A1111's"""
    n = len(sigmas) - 1
    path = list(sigmas)
    if n >= 20:
        again, times = (9, 1) if n < 36 else (n // 4, 2)
        base = (np.linspace(sigmas[0] ** (1 / 7), sigmas[-2] ** (1 / 7), n - again * times) ** 7).tolist() + [0.0]
        low, high = (int(np.argmin(np.abs(np.array(base) - v))) for v in (0.1, 2))
        climb = (np.linspace(base[high] ** (1 / 7), base[low] ** (1 / 7), again + 1) ** 7).tolist()
        path = base[:low + 1] + climb * times + base[low + 1:]
    for s, t in zip(path, path[1:]):
        if t > s * 1.001:
            x = x + math.sqrt(t * t - s * s) * s_noise * draws(x)
        else:
            x = heun(model, x, s, t) if t < s * 0.999 else x
    return x


def run_heunpp2(model, x, sigmas, draws, s_churn=0.0, s_tmin=0.0, s_tmax=math.inf, s_noise=1.0):
    n = len(sigmas) - 1
    for i in range(n):
        s = sigmas[i]
        gamma = min(s_churn / n, math.sqrt(2) - 1) if s_tmin <= s <= s_tmax else 0
        if gamma > 0:
            x = x + draws(x) * s_noise * s * math.sqrt((1 + gamma) ** 2 - 1)
        s *= 1 + gamma
        ahead = min(2, n - 1 - i)
        levels, slopes, y = [s] + sigmas[i + 1:i + 1 + ahead], [], x
        for k, level in enumerate(levels):
            slopes.append((y - model(y, level)) / level)
            y = y + ((levels + [0])[k + 1] - level) * slopes[-1]
        weights = [level / ((ahead + 1) * sigmas[0]) for level in levels[1:]]
        weights = [1 - sum(weights)] + weights
        x = x + (sigmas[i + 1] - s) * sum(w * d for w, d in zip(weights, slopes))
    return x


def run_res_multistep(model, x, sigmas, draws, eta=0.0, s_noise=1.0):
    """Zhang et al. 2023, the second-order multistep solver: phi functions and c2 as in the paper"""
    before = down_before = None
    for i, (s, t) in enumerate(zip(sigmas, sigmas[1:])):
        clean = model(x, s)
        up = min(t, eta * math.sqrt(t * t * (s * s - t * t)) / s)
        down = math.sqrt(t * t - up * up)
        if down == 0 or before is None:
            x = clean + down / s * (x - clean)
        else:
            h = math.log(s) - math.log(down)
            c2 = (math.log(down_before) - math.log(sigmas[i - 1])) / h
            phi1 = (1 - math.exp(-h)) / h
            phi2 = (1 - phi1) / h
            x = math.exp(-h) * x + h * ((phi1 - phi2 / c2) * clean + phi2 / c2 * before)
        if up > 0:
            x = x + draws(x) * s_noise * up
        before, down_before = clean, down
    return x
