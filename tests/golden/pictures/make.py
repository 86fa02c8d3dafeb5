#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Dumps what PyTorch computes with tiny Stable Diffusion 1 models: the judge of tests/engine/pipeline/golden.c.

    pip install torch diffusers transformers k-diffusion torchsde safetensors pillow
    python make.py [CASE…]    writes models/*.json, vocabulary/, pictures and traces beside this script; or the named traces alone

A model is a recipe: name, shape, spread and mean of every tensor. Its values are a formula of a seed, the name and the element's index
(`values` below), so the C test makes the same file without storing it. Networks are those of diffusers and transformers, samplers and
schedules those of k-diffusion, all in fp32 on one thread; text chunks and weights follow AUTOMATIC1111.
"""
import json
import math
import pathlib
import re
import sys
import types
import zlib

import numpy as np
import torch
from PIL import Image
from safetensors.torch import save_file

sys.modules.setdefault("clip", types.ModuleType("clip"))  # k_diffusion imports it and needs it only elsewhere
from k_diffusion import external, sampling  # noqa: E402
from torchsde._brownian import brownian_interval  # noqa: E402

HERE = pathlib.Path(__file__).resolve().parent
sys.path.append(str(HERE.parent / "sigmas"))
import samplers as unipc  # noqa: E402
torch.set_num_threads(1)
torch.set_grad_enabled(False)

# ---------------------------------------------------------------- weights by formula


def mix32(x):
    x = x ^ (x >> np.uint32(16))
    x = x * np.uint32(0x21F0AAAD)
    x = x ^ (x >> np.uint32(15))
    x = x * np.uint32(0x735A2D97)
    return x ^ (x >> np.uint32(15))


def value(seed, name, shape, spread, mean):
    count = math.prod(shape)
    key = np.uint32(zlib.crc32(f"{seed}/{name}".encode()))
    with np.errstate(over="ignore"):
        bits = mix32(np.arange(count, dtype=np.uint32) * np.uint32(0x9E3779B1) + key) >> np.uint32(8)
    uniform = bits.astype(np.float64) * (2.0 / 16777216.0) - 1.0
    return torch.from_numpy((mean + spread * math.sqrt(3.0) * uniform).astype(np.float32).reshape(shape))


def values(recipe):
    """Name to tensor, as it is after storing."""
    kind = {"F16": torch.float16, "BF16": torch.bfloat16, "F32": torch.float32}[recipe["dtype"]]
    return {n: value(recipe["seed"], n, s, spread, mean).to(kind).float() for n, s, spread, mean in recipe["tensors"]}


class Recipe:
    """Collects tensors; spreads are chosen so that activations keep their size through the depth."""

    def __init__(self):
        self.tensors = []

    def add(self, name, shape, spread, mean=0.0):
        self.tensors.append([name, list(shape), float(f"{spread:.6g}"), float(f"{mean:.6g}")])

    def linear(self, name, out, inputs, gain=1.0, bias=True):
        self.add(name + ".weight", [out, inputs], gain / math.sqrt(inputs))
        if bias:
            self.add(name + ".bias", [out], 0.1)

    def conv(self, name, out, inputs, kernel=3, gain=1.0):
        self.add(name + ".weight", [out, inputs, kernel, kernel], gain / math.sqrt(inputs * kernel * kernel))
        self.add(name + ".bias", [out], 0.1)

    def norm(self, name, channels):
        self.add(name + ".weight", [channels], 0.2, 1.0)
        self.add(name + ".bias", [channels], 0.2)


# ---------------------------------------------------------------- the architecture, in the original file's names


def res_block(r, p, inputs, out, time_width):
    r.norm(p + ".in_layers.0", inputs)
    r.conv(p + ".in_layers.2", out, inputs)
    r.linear(p + ".emb_layers.1", out, time_width)
    r.norm(p + ".out_layers.0", out)
    r.conv(p + ".out_layers.3", out, out, gain=0.8)
    if inputs != out:
        r.conv(p + ".skip_connection", out, inputs, 1)


def transformer(r, p, channels, context):
    r.norm(p + ".norm", channels)
    r.conv(p + ".proj_in", channels, channels, 1)
    b = p + ".transformer_blocks.0"
    for attention, width in (("attn1", channels), ("attn2", context)):
        r.linear(f"{b}.{attention}.to_q", channels, channels, 1.6, bias=False)
        r.linear(f"{b}.{attention}.to_k", channels, width, 1.6, bias=False)
        r.linear(f"{b}.{attention}.to_v", channels, width, bias=False)
        r.linear(f"{b}.{attention}.to_out.0", channels, channels, 1.5)
    r.linear(b + ".ff.net.0.proj", 8 * channels, channels, 1.2)
    r.linear(b + ".ff.net.2", channels, 4 * channels, 1.2)
    for i in (1, 2, 3):
        r.norm(f"{b}.norm{i}", channels)
    r.conv(p + ".proj_out", channels, channels, 1, 0.8)


def unet(r, c, p="model.diffusion_model."):
    base, time_width, n = c["channels"][0], 4 * c["channels"][0], c["blocks"]
    r.linear(p + "time_embed.0", time_width, base, 1.4)
    r.linear(p + "time_embed.2", time_width, time_width, 1.4)
    r.conv(p + "input_blocks.0.0", base, 4)
    skips, now, index = [base], base, 1
    for level, channels in enumerate(c["channels"]):
        for _ in range(n):
            res_block(r, f"{p}input_blocks.{index}.0", now, channels, time_width)
            now = channels
            if c["attention"][level]:
                transformer(r, f"{p}input_blocks.{index}.1", now, c["context"])
            skips.append(now)
            index += 1
        if level < len(c["channels"]) - 1:
            r.conv(f"{p}input_blocks.{index}.0.op", now, now)
            skips.append(now)
            index += 1
    res_block(r, p + "middle_block.0", now, now, time_width)
    transformer(r, p + "middle_block.1", now, c["context"])
    res_block(r, p + "middle_block.2", now, now, time_width)
    index = 0
    for level, channels in reversed(list(enumerate(c["channels"]))):
        for k in range(n + 1):
            res_block(r, f"{p}output_blocks.{index}.0", now + skips.pop(), channels, time_width)
            now, part = channels, 1
            if c["attention"][level]:
                transformer(r, f"{p}output_blocks.{index}.1", now, c["context"])
                part = 2
            if level and k == n:
                r.conv(f"{p}output_blocks.{index}.{part}.conv", now, now)
            index += 1
    r.norm(p + "out.0", base)
    r.conv(p + "out.2", 4, base)


def vae(r, c, p="first_stage_model."):
    levels = list(enumerate(c["vae"]))

    def res(q, inputs, out):
        r.norm(q + ".norm1", inputs)
        r.conv(q + ".conv1", out, inputs)
        r.norm(q + ".norm2", out)
        r.conv(q + ".conv2", out, out, gain=0.8)
        if inputs != out:
            r.conv(q + ".nin_shortcut", out, inputs, 1)

    def middle(q, channels):
        res(q + ".mid.block_1", channels, channels)
        r.norm(q + ".mid.attn_1.norm", channels)
        for part, gain in (("q", 1.6), ("k", 1.6), ("v", 1.0), ("proj_out", 1.5)):
            r.conv(f"{q}.mid.attn_1.{part}", channels, channels, 1, gain)
        res(q + ".mid.block_2", channels, channels)

    e, now = p + "encoder", c["vae"][0]
    r.conv(e + ".conv_in", now, 3)
    for level, channels in levels:
        for k in range(c["vae_blocks"]):
            res(f"{e}.down.{level}.block.{k}", now, channels)
            now = channels
        if level < len(levels) - 1:
            r.conv(f"{e}.down.{level}.downsample.conv", now, now)
    middle(e, now)
    r.norm(e + ".norm_out", now)
    r.conv(e + ".conv_out", 8, now, gain=2.0)
    d = p + "decoder"
    r.conv(d + ".conv_in", now, 4)
    middle(d, now)
    for level, channels in reversed(levels):
        for k in range(c["vae_blocks"] + 1):
            res(f"{d}.up.{level}.block.{k}", now, channels)
            now = channels
        if level:
            r.conv(f"{d}.up.{level}.upsample.conv", now, now)
    r.norm(d + ".norm_out", now)
    r.conv(d + ".conv_out", 3, now, gain=0.45)
    r.conv(p + "quant_conv", 8, 8, 1)
    r.conv(p + "post_quant_conv", 4, 4, 1)


def text(r, c, p="cond_stage_model.transformer.text_model."):
    width = c["context"]
    r.add(p + "embeddings.token_embedding.weight", [c["tokens"], width], 0.6)
    r.add(p + "embeddings.position_embedding.weight", [77, width], 0.4)
    for i in range(c["text_layers"]):
        q = f"{p}encoder.layers.{i}."
        for name, gain in (("k_proj", 1.5), ("v_proj", 1.0), ("q_proj", 1.5), ("out_proj", 1.2)):
            r.linear(q + "self_attn." + name, width, width, gain)
        r.norm(q + "layer_norm1", width)
        r.linear(q + "mlp.fc1", 4 * width, width, 1.3)
        r.linear(q + "mlp.fc2", width, 4 * width, 1.5)
        r.norm(q + "layer_norm2", width)
    r.norm(p + "final_layer_norm", width)


# ---------------------------------------------------------------- names: original to diffusers


def unet_names(c):
    """(original prefix, diffusers prefix), longest first."""
    n = c["blocks"]
    pairs = [("input_blocks.0.0", "conv_in"), ("time_embed.0", "time_embedding.linear_1"), ("time_embed.2", "time_embedding.linear_2"),
             ("out.0", "conv_norm_out"), ("out.2", "conv_out"), ("middle_block.0", "mid_block.resnets.0"),
             ("middle_block.1", "mid_block.attentions.0"), ("middle_block.2", "mid_block.resnets.1")]
    for level in range(len(c["channels"])):
        for k in range(n):
            index = 1 + (n + 1) * level + k
            pairs += [(f"input_blocks.{index}.0", f"down_blocks.{level}.resnets.{k}"),
                      (f"input_blocks.{index}.1", f"down_blocks.{level}.attentions.{k}")]
        pairs.append((f"input_blocks.{(n + 1) * (level + 1)}.0.op", f"down_blocks.{level}.downsamplers.0.conv"))
        for k in range(n + 1):
            index = (n + 1) * level + k
            pairs += [(f"output_blocks.{index}.0", f"up_blocks.{level}.resnets.{k}"),
                      (f"output_blocks.{index}.1", f"up_blocks.{level}.attentions.{k}")]
        pairs += [(f"output_blocks.{(n + 1) * level + n}.{part}.conv", f"up_blocks.{level}.upsamplers.0.conv") for part in (1, 2)]
    return sorted(pairs, key=lambda pair: -len(pair[0]))


RES_NAMES = [("in_layers.0", "norm1"), ("in_layers.2", "conv1"), ("emb_layers.1", "time_emb_proj"), ("out_layers.0", "norm2"),
             ("out_layers.3", "conv2"), ("skip_connection", "conv_shortcut")]


def unet_to_diffusers(tensors, c, p="model.diffusion_model."):
    out = {}
    for name, tensor in tensors.items():
        if not name.startswith(p):
            continue
        old, new = next(pair for pair in unet_names(c) if name[len(p):].startswith(pair[0] + "."))
        rest = name[len(p) + len(old):]
        for a, b in RES_NAMES:
            rest = rest.replace("." + a + ".", "." + b + ".") if "resnets" in new else rest
        out[new + rest] = tensor
    return out


def vae_to_diffusers(tensors, c, p="first_stage_model."):
    out, top = {}, len(c["vae"]) - 1
    for name, tensor in tensors.items():
        if not name.startswith(p):
            continue
        new = name[len(p):]
        new = re.sub(r"decoder\.up\.(\d)\.block", lambda m: f"decoder.up_blocks.{top - int(m[1])}.resnets", new)
        new = re.sub(r"decoder\.up\.(\d)\.upsample", lambda m: f"decoder.up_blocks.{top - int(m[1])}.upsamplers.0", new)
        new = re.sub(r"encoder\.down\.(\d)\.block", r"encoder.down_blocks.\1.resnets", new)
        new = re.sub(r"encoder\.down\.(\d)\.downsample", r"encoder.down_blocks.\1.downsamplers.0", new)
        new = re.sub(r"mid\.block_(\d)", lambda m: f"mid_block.resnets.{int(m[1]) - 1}", new)
        if "mid.attn_1" in new:
            for a, b in (("norm", "group_norm"), ("q", "to_q"), ("k", "to_k"), ("v", "to_v"), ("proj_out", "to_out.0")):
                new = new.replace(f"mid.attn_1.{a}.", f"mid_block.attentions.0.{b}.")
            if tensor.dim() == 4:
                tensor = tensor[:, :, 0, 0]
        new = new.replace("nin_shortcut", "conv_shortcut").replace(".norm_out.", ".conv_norm_out.")
        out[new] = tensor
    return out


# ---------------------------------------------------------------- networks


class Networks:
    def __init__(self, c, tensors):
        from diffusers import AutoencoderKL, UNet2DConditionModel
        from transformers import CLIPTextConfig, CLIPTextModel
        n = len(c["channels"])
        self.unet = UNet2DConditionModel(
            in_channels=4, out_channels=4, sample_size=16, block_out_channels=tuple(c["channels"]), layers_per_block=c["blocks"],
            down_block_types=tuple("CrossAttnDownBlock2D" if a else "DownBlock2D" for a in c["attention"]),
            up_block_types=tuple("CrossAttnUpBlock2D" if a else "UpBlock2D" for a in reversed(c["attention"])),
            cross_attention_dim=c["context"], attention_head_dim=8, norm_num_groups=32).eval()
        self.unet.load_state_dict(unet_to_diffusers(tensors, c), strict=True)
        n = len(c["vae"])
        self.vae = AutoencoderKL(down_block_types=("DownEncoderBlock2D",) * n, up_block_types=("UpDecoderBlock2D",) * n,
                                 block_out_channels=tuple(c["vae"]), layers_per_block=c["vae_blocks"], latent_channels=4).eval()
        self.vae.load_state_dict(vae_to_diffusers(tensors, c), strict=True)
        config = CLIPTextConfig(vocab_size=c["tokens"], hidden_size=c["context"], intermediate_size=4 * c["context"],
                                num_hidden_layers=c["text_layers"], num_attention_heads=c["context"] // 64, hidden_act="quick_gelu",
                                bos_token_id=c["tokens"] - 2, eos_token_id=c["tokens"] - 1)
        config._attn_implementation = "eager"
        self.text = CLIPTextModel(config).eval()
        p = "cond_stage_model.transformer."
        named = {k[len(p):]: v for k, v in tensors.items() if k.startswith(p)}
        have = set(self.text.state_dict())
        named = {k if k in have else k.replace("text_model.", ""): v for k, v in named.items()}
        missing, unexpected = self.text.load_state_dict(named, strict=False)
        assert not unexpected and all("position_ids" in m for m in missing), (missing, unexpected)
        self.final_norm = (self.text.text_model if hasattr(self.text, "text_model") else self.text).final_layer_norm


# ---------------------------------------------------------------- a small vocabulary, and prompts of a few fixed forms

WORDS = "lighthouse stormy sea cliff dramatic sky old map ink photo text castle in the mist white swan on lake at dusk a an of".split()


def byte_alphabet():
    keep = list(range(33, 127)) + list(range(161, 173)) + list(range(174, 256))
    rest = [b for b in range(256) if b not in keep]
    return {b: chr(b) for b in keep} | {b: chr(256 + i) for i, b in enumerate(rest)}


def write_vocabulary(folder):
    """CLIP's file format: bytes, bytes that end a word, merges, start and end."""
    alphabet = list(byte_alphabet().values())
    merges = []
    for word in WORDS:
        parts = list(word[:-1]) + [word[-1] + "</w>"]
        while len(parts) > 1:
            if (parts[0], parts[1]) not in merges:
                merges.append((parts[0], parts[1]))
            parts = [parts[0] + parts[1]] + parts[2:]
    names = list(dict.fromkeys(alphabet + [s + "</w>" for s in alphabet] + ["".join(m) for m in merges]))
    names += ["<|startoftext|>", "<|endoftext|>"]
    folder.mkdir(exist_ok=True)
    (folder / "vocab.json").write_text(json.dumps({name: i for i, name in enumerate(names)}, ensure_ascii=False), encoding="utf-8")
    (folder / "merges.txt").write_text("#version: 0.2\n" + "".join(f"{a} {b}\n" for a, b in merges), encoding="utf-8")
    return len(names)


def chunks(tokenizer, parts, end):
    """parts: (text, weight). Chunks of 75; a comma at most 20 tokens before a full chunk's end moves what follows it on."""
    comma = tokenizer.convert_tokens_to_ids(",</w>")
    out, ids, weights, last = [], [], [], -1

    def flush():
        nonlocal ids, weights, last
        pad = 75 - len(ids)
        out.append(([end - 1] + ids + [end] * (pad + 1), [1.0] + weights + [1.0] * (pad + 1)))
        ids, weights, last = [], [], -1

    for fragment, weight in parts:
        for token in tokenizer(fragment, add_special_tokens=False)["input_ids"]:
            if token == comma:
                last = len(ids)
            elif len(ids) == 75 and last != -1 and len(ids) - last <= 20:
                tail, tail_weights = ids[last + 1:], weights[last + 1:]
                ids, weights = ids[:last + 1], weights[:last + 1]
                flush()
                ids, weights = tail, tail_weights
            if len(ids) == 75:
                flush()
            ids.append(token)
            weights.append(weight)
    if ids or not out:
        flush()
    return out


def encode(net, tokenizer, parts, end, clip_skip):
    states, tokens = [], []
    for ids, weights in chunks(tokenizer, parts, end):
        hidden = net.text(input_ids=torch.tensor([ids]), output_hidden_states=True).hidden_states
        z = net.final_norm(hidden[-clip_skip])
        before = z.double().mean()
        z = z * torch.tensor(weights)[None, :, None]
        states.append((z * (before / z.double().mean())).float())
        tokens.append(ids)
    return torch.cat(states, 1), torch.tensor(tokens, dtype=torch.int32)


# ---------------------------------------------------------------- sampling


def alphas():
    betas = torch.linspace(0.00085**0.5, 0.012**0.5, 1000, dtype=torch.float64) ** 2
    return torch.cumprod(1 - betas, 0).float()


def philox(seed, call, count):
    u32, f = np.uint32, np.float32
    c = [np.full(count, call, u32), np.zeros(count, u32), np.arange(count, dtype=u32), np.zeros(count, u32)]
    k0, k1 = u32(seed & 0xFFFFFFFF), u32(seed >> 32)
    with np.errstate(over="ignore"):
        for _ in range(10):
            p0, p1 = c[0].astype(np.uint64) * np.uint64(0xD2511F53), c[2].astype(np.uint64) * np.uint64(0xCD9E8D57)
            c = [(p1 >> np.uint64(32)).astype(u32) ^ c[1] ^ k0, p1.astype(u32), (p0 >> np.uint64(32)).astype(u32) ^ c[3] ^ k1,
                 p0.astype(u32)]
            k0, k1 = u32(k0 + u32(0x9E3779B9)), u32(k1 + u32(0xBB67AE85))
    scale = f(2.3283064e-10)
    turn = f(scale * f(6.2831855))
    u, v = c[0].astype(f) * scale + scale / f(2), c[1].astype(f) * turn + turn / f(2)
    return torch.from_numpy((np.sqrt(f(-2) * np.log(u)) * np.sin(v)).astype(f))


class Noise:
    def __init__(self, kind, seed):
        self.kind, self.seed, self.calls = kind, seed, 0
        self.generator = torch.Generator().manual_seed(seed)

    def __call__(self, shape):
        self.calls += 1
        if self.kind == "nv":
            return philox(self.seed, self.calls - 1, math.prod(shape)).reshape(1, *shape)
        return torch.randn(shape, generator=self.generator)[None]


TORCH_NODES = brownian_interval._randn


def philox_nodes(size, dtype, device, seed):
    return philox(int(seed), 0, math.prod(size)).reshape(size)


def brownian(kind, seed, x, sigmas):
    """k-diffusion's noise over the full run's levels; with "nv" the normal values of the tree's nodes are Philox's"""
    brownian_interval._randn = philox_nodes if kind == "nv" else TORCH_NODES
    return sampling.BrownianTreeNoiseSampler(x, sigmas[sigmas > 0].min(), sigmas.max(), seed=[seed])


def schedule(name, model, n, low=None, high=None, **more):
    """more: rho"""
    low, high = low or model.sigmas[0].item(), high or model.sigmas[-1].item()
    if name == "normal":
        return model.get_sigmas(n)
    if name == "karras":
        return sampling.get_sigmas_karras(n, low, high, **more)
    if name == "exponential":
        return sampling.get_sigmas_exponential(n, low, high)
    if name == "simple":
        step = len(model.sigmas) / n
        return torch.tensor([model.sigmas[-(1 + int(i * step))].item() for i in range(n)] + [0.0])
    if name == "sgm_uniform":
        t = torch.linspace(model.sigma_to_t(torch.tensor(high)).item(), model.sigma_to_t(torch.tensor(low)).item(), n + 1)[:-1]
        return torch.cat([model.t_to_sigma(t), torch.zeros(1)])
    raise KeyError(name)


def run(net, tokenizer, c, o, picture):
    """o: the case's options -> named tensors"""
    trace, firsts, latents = {}, [], []
    cond, trace["tokens.cond"] = encode(net, tokenizer, o["parts"], c["tokens"] - 1, o["clip_skip"])
    uncond, trace["tokens.uncond"] = encode(net, tokenizer, o["negative_parts"], c["tokens"] - 1, o["clip_skip"])
    trace["cond"], trace["uncond"] = cond, uncond
    kind = external.DiscreteVDDPMDenoiser if o["prediction"] == "v" else external.DiscreteEpsDDPMDenoiser
    model = kind(lambda x, t, cond: firsts.append(net.unet(x, t, encoder_hidden_states=cond).sample) or firsts[-1], alphas(), quantize=False)

    def denoise(x, sigma):
        d, u = model(x, sigma, cond=cond), model(x, sigma, cond=uncond)
        return u + (d - u) * o["cfg"]

    shape = (4, o["height"] // 8, o["width"] // 8)
    noise = Noise(o["rng"], o["seed"])
    unit = noise(shape)
    trace["noise"] = unit
    init = None
    if o.get("init"):
        init = net.vae.encode(picture * 2 - 1).latent_dist.mean * 0.18215
        trace["init"] = init
    n = o["steps"]
    if o["sampler"] == "ddim":
        a = alphas().double()
        t = [min(i + 1, 999) for i in range(0, 1000, 1000 // n)]
        x = unit
        trace["sigmas"] = torch.stack([((1 - a[k]) / a[k]).sqrt() for k in t[::-1]]).float()
        for k in range(len(t) - 1, 0, -1):
            latents.append(x)
            now, then = a[t[k]], a[t[k - 1]]
            sigma = ((1 - now) / now).sqrt().float()
            scaled = x * (1 + sigma**2).sqrt()
            clean = denoise(scaled, sigma.reshape(1))
            eps = (scaled - clean) / sigma
            clean = (x - (1 - now).sqrt() * eps) / now.sqrt()
            x = (then.sqrt() * clean + (1 - then).sqrt() * eps).float()
    elif o["sampler"] == "unipc_original":
        # AUTOMATIC1111's UniPC: as many steps as DDIM's timesteps, from 999 to 0, between which log alpha is linear; it starts at unit noise
        count = len(range(0, 1000, 1000 // n))
        times = np.linspace(1, 1e-3, count + 1) * 1000 - 1
        logs = 0.5 * np.log(alphas().double().numpy())
        sigmas = np.sqrt(np.expm1(-2 * np.interp(times, np.arange(1000), logs))).tolist()

        def guess(x, sigma):
            told = torch.tensor([times[sigmas.index(sigma)]], dtype=torch.float32)
            small = (x / math.hypot(1, sigma)).float()
            for c in (cond, uncond):
                firsts.append(net.unet(small, told, encoder_hidden_states=c).sample)
            return x - sigma * (firsts[-1] + (firsts[-2] - firsts[-1]) * o["cfg"])

        trace["sigmas"], latents = torch.tensor(sigmas), [unit]
        x = unipc.run_unipc_original(guess, unit.double(), sigmas, None).float()
    else:
        levels = dict(low=o.get("sigma_min"), high=o.get("sigma_max"), **({"rho": o["rho"]} if "rho" in o else {}))
        sigmas = schedule(o["schedule"], model, n + 1 if o.get("discard_penultimate") else n, **levels)
        if o.get("discard_penultimate"):  # AUTOMATIC1111's get_sigmas
            sigmas = torch.cat([sigmas[:-2], sigmas[-1:]])
        whole = sigmas
        if init is not None:
            sigmas = sigmas[n - int(min(o["strength"], 0.999) * n) - 1:]
        trace["sigmas"] = sigmas
        x = unit * (torch.sqrt(1.0 + sigmas[0] ** 2.0) if o.get("sgm_noise") and init is None else sigmas[0])
        x = x + (init if init is not None else 0)
        more = {"noise_sampler": lambda *_: noise(shape)} if o["sampler"] == "euler_a" else {}
        if "sde" in o["sampler"]:
            more["noise_sampler"] = brownian(o["rng"], o["seed"], x, whole)
        name = {"euler_a": "euler_ancestral"}.get(o["sampler"], o["sampler"])
        x = getattr(sampling, "sample_" + name)(denoise, x, sigmas, callback=lambda d: latents.append(d["x"].clone()), disable=True, **more)
    for i, latent in enumerate(latents + [x]):
        trace[f"latent.{i if latent is not x else len(trace['sigmas']) - 1:03}"] = latent
    trace["model.cond"], trace["model.uncond"] = firsts[:2]
    trace["image"] = ((net.vae.decode(x / 0.18215).sample + 1) / 2).clamp(0, 1)
    return {k: v.clone() for k, v in trace.items()}


# ---------------------------------------------------------------- models and cases

MODELS = {
    "four-levels": dict(dtype="F16", channels=[32, 64, 96, 128], blocks=2, attention=[1, 1, 1, 0], context=64, text_layers=3,
                        vae=[32, 32, 64, 96], vae_blocks=2),
    "two-levels": dict(dtype="BF16", channels=[64, 96], blocks=2, attention=[1, 1], context=128, text_layers=2, vae=[32, 32, 32, 64],
                       vae_blocks=2),
    "one-block": dict(dtype="F32", channels=[32, 64, 64], blocks=1, attention=[0, 1, 1], context=64, text_layers=1, vae=[32, 64, 64, 32],
                      vae_blocks=1),
    "folder": dict(dtype="F16", channels=[32, 64, 64], blocks=2, attention=[1, 1, 0], context=64, text_layers=2, vae=[32, 32, 64, 64],
                   vae_blocks=1, layout="diffusers"),
}
COMMON = dict(model="four-levels", parts=[["a lighthouse on a cliff, ", 1.0], ["stormy sea", 1.2], [", dramatic sky", 1.0]],
              prompt="a lighthouse on a cliff, (stormy sea:1.2), dramatic sky", negative_parts=[["photo, ", 1.0], ["text", 1 / 1.1]],
              negative="photo, [text]", seed=4711, steps=5, sampler="euler", schedule="normal", cfg=6.5, width=64, height=48, clip_skip=1,
              rng="cpu", prediction="eps")
LONG = "old map, " * 40 + "ink"
CASES = {
    "euler-normal": {},
    "euler-a-karras": dict(sampler="euler_a", schedule="karras", seed=2**32 + 5),
    "heun-exponential": dict(sampler="heun", schedule="exponential", steps=4),
    "dpmpp-2m-karras": dict(sampler="dpmpp_2m", schedule="karras", steps=6, width=48, height=72),
    "ddim": dict(sampler="ddim"),
    "nv": dict(sampler="euler_a", rng="nv", seed=99, steps=4),
    "clip-skip": dict(clip_skip=2, steps=3),
    "long": dict(prompt=LONG, parts=[[LONG, 1.0]], steps=3),
    "v": dict(prediction="v", steps=4),
    "init": dict(init="init.png", strength=0.6),
    "two-levels-simple": dict(model="two-levels", schedule="simple", steps=4, width=64, height=64),
    "one-block-sgm": dict(model="one-block", schedule="sgm_uniform", sampler="dpmpp_2m", steps=4, width=40, height=56),
    "sde": dict(sampler="dpmpp_2m_sde", schedule="exponential", seed=2**40 + 3),
    "sde-init-nv": dict(sampler="dpmpp_sde", schedule="karras", rng="nv", init="init.png", strength=0.6),
    "folder-v": dict(model="folder", prediction="v", sampler="euler_a", schedule="simple", steps=3),
    "levels": dict(model="two-levels", schedule="karras", steps=4, discard_penultimate=True, sgm_noise=True),
    "levels-all": dict(model="two-levels", schedule="karras", sampler="euler_a", steps=4, discard_penultimate=True, sgm_noise=True, rho=4.5,
                       sigma_min=0.06, sigma_max=11.5),
    "unipc-original": dict(sampler="unipc_original", schedule="automatic", steps=7),
    "levels-init": dict(init="init.png", strength=0.6, schedule="exponential", discard_penultimate=True, sgm_noise=True),
}


def picture(height, width):
    y, x = np.mgrid[0:height, 0:width]
    rgb = np.stack([128 + 100 * np.sin(x / 7.0), 128 + 100 * np.cos(y / 9.0), (x * 3 + y * 2) % 256], -1)
    rgb[height // 4:height // 2, width // 4:width // 2] = (250, 20, 40)
    return np.rint(rgb).astype(np.uint8)


def recipe(name, c):
    r = Recipe()
    text(r, c)
    vae(r, c)
    unet(r, c)
    return {"seed": "velatura-" + name, "dtype": c["dtype"], "tensors": r.tensors}


def write_recipe(path, made, files, configs=None):
    """files: file name to the tensors in it, under the names they have there; the formula goes by the original name. configs: file name
    to what else lies in the folder."""
    lines = []
    for file, rows in files.items():
        lines += [json.dumps([file, new, old, shape, spread, mean]) for new, old, shape, spread, mean in rows]
    head = {k: made[k] for k in ("seed", "dtype")} | ({"configs": configs} if configs else {})
    path.write_text(json.dumps(head)[:-1] + ', "tensors": [\n' + ",\n".join(lines) + "\n]}\n")


def layout(c, made, tensors):
    """Where each tensor goes: one file, or a diffusers folder whose UNet is in two shards."""
    rows = {row[0]: row for row in made["tensors"]}
    if c.get("layout") != "diffusers":
        return {"model.safetensors": [[n, n, *row[1:]] for n, row in rows.items()]}
    by_id = {id(t): n for n, t in tensors.items()}
    new_unet = {new: by_id[id(t)] for new, t in unet_to_diffusers(tensors, c).items()}
    new_vae = {}
    for old, tensor in tensors.items():
        new_vae.update({new: (old, t.shape) for new, t in vae_to_diffusers({old: tensor}, c).items()})
    files = {f"unet/diffusion_pytorch_model-0000{i + 1}-of-00002.safetensors": [] for i in range(2)}
    files.update({"vae/diffusion_pytorch_model.safetensors": [], "text_encoder/model.safetensors": []})
    shards = list(files)[:2]
    for i, (new, old) in enumerate(new_unet.items()):
        files[shards[i * 2 // len(new_unet)]].append([new, old, *rows[old][1:]])
    for new, (old, shape) in new_vae.items():
        files["vae/diffusion_pytorch_model.safetensors"].append([new, old, list(shape), *rows[old][2:]])
    p = "cond_stage_model.transformer."
    files["text_encoder/model.safetensors"] = [[old[len(p):], old, *row[1:]] for old, row in rows.items() if old.startswith(p)]
    return files


def main():
    from transformers import CLIPTokenizer
    n_tokens = write_vocabulary(HERE / "vocabulary")
    tokenizer = CLIPTokenizer(str(HERE / "vocabulary" / "vocab.json"), str(HERE / "vocabulary" / "merges.txt"))
    (HERE / "models").mkdir(exist_ok=True)
    (HERE / "cases").mkdir(exist_ok=True)
    loaded = {}
    for name, c in MODELS.items():
        c["tokens"] = n_tokens
        made = recipe(name, c)
        tensors = values(made)
        if not sys.argv[1:]:
            write_recipe(HERE / "models" / (name + ".json"), made, layout(c, made, tensors))
        loaded[name] = Networks(c, tensors)
    rgb = picture(COMMON["height"], COMMON["width"])
    Image.fromarray(rgb).save(HERE / "init.png")
    start = torch.from_numpy(rgb.astype(np.float32) / 255).permute(2, 0, 1)[None]
    for name, options in CASES.items():
        if sys.argv[1:] and name not in sys.argv[1:]:
            continue
        o = {**COMMON, **options}
        trace = run(loaded[o["model"]], tokenizer, MODELS[o["model"]], o, start)
        save_file(trace, HERE / "cases" / (name + ".safetensors"))
        shown = {k: v for k, v in o.items() if k not in ("parts", "negative_parts")}
        (HERE / "cases" / (name + ".json")).write_text(json.dumps(shown, indent=1) + "\n")
        print(name, float(trace["image"].std()))


if __name__ == "__main__":
    main()
