#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The families beside Stable Diffusion 1, as make.py does for that: the judge of tests/engine/pipeline/families.c.

    pip install torch diffusers transformers k-diffusion torchsde safetensors pillow
    python families.py        writes models/*.json and cases/*

Stable Diffusion 2 (OpenCLIP's text encoder), XL, its refiner, and the UNets that read more than the latent: to fill a mask (9 channels)
and to change a picture (8). Text encoders are transformers', with the weights of OpenCLIP's layout taken apart.
"""
import json

import numpy as np
import torch
from PIL import Image
from safetensors.torch import save_file

import make
from make import HERE, Recipe, alphas, chunks, external, picture, res_block, sampling, schedule, vae, values, write_recipe

VAE = dict(vae=[32, 32, 64, 64], vae_blocks=1)
OPEN = dict(layout="openclip", width=64, layers=3, act="gelu", zero=True)
MODELS = {
    "sd2": dict(dtype="F16", channels=[64, 64, 128], blocks=1, depth=[1, 1, 0], mid=1, text=[dict(OPEN, p="cond_stage_model.", norm=True, state=-2)]),
    "sd2-folder": dict(dtype="F16", channels=[64, 64], blocks=1, depth=[1, 1], mid=1, folder=True, scheduler="v_prediction",
                       text=[dict(layout="transformers", width=64, layers=2, act="gelu", zero=True, p="cond_stage_model.", norm=True, state=-1,
                                  folder="text_encoder")]),
    "sdxl": dict(dtype="F16", channels=[64, 64, 128], blocks=1, depth=[0, 2, 3], mid=3, sizes=6, scale=0.13025,
                 text=[dict(layout="transformers", width=128, layers=2, act="quick_gelu", p="conditioner.embedders.0.", state=-2),
                       dict(OPEN, p="conditioner.embedders.1.", state=-2, pooled=True)]),
    "sdxl-folder": dict(dtype="BF16", channels=[64, 128], blocks=2, depth=[0, 2], mid=2, sizes=6, scale=0.13025, folder=True,
                        text=[dict(layout="transformers", width=64, layers=2, act="quick_gelu", p="conditioner.embedders.0.", state=-2,
                                   folder="text_encoder"),
                              dict(layout="transformers", width=64, layers=3, act="gelu", zero=True, p="conditioner.embedders.1.", state=-2,
                                   pooled=True, folder="text_encoder_2")]),
    # what finetunes to v over zero terminal SNR say of themselves, in empty tensors
    "sdxl-zero": dict(dtype="F16", channels=[64, 64], blocks=1, depth=[0, 1], mid=1, sizes=6, scale=0.13025, flags=["v_pred", "ztsnr"],
                      text=[dict(layout="transformers", width=64, layers=2, act="quick_gelu", p="conditioner.embedders.0.", state=-2),
                            dict(OPEN, p="conditioner.embedders.1.", state=-2, pooled=True)]),
    # distilled: less of the middle or none (SSD-1B, BK-SDM)
    "short-middle": dict(dtype="F16", channels=[64, 64], blocks=2, depth=[0, 2], mid=0, sizes=6, scale=0.13025,
                         text=[dict(layout="transformers", width=64, layers=2, act="quick_gelu", p="conditioner.embedders.0.", state=-2),
                               dict(OPEN, p="conditioner.embedders.1.", state=-2, pooled=True)]),
    "no-middle": dict(dtype="F16", channels=[32, 64], blocks=1, depth=[1, 1], mid=None, heads=8, linear=False, folder=True,
                      text=[dict(layout="transformers", width=64, layers=2, act="quick_gelu", p="cond_stage_model.", norm=True, state=-1,
                                 folder="text_encoder")]),
    # told the scale of guidance instead of being guided (latent consistency)
    "told": dict(dtype="F16", channels=[32, 64], blocks=1, depth=[1, 1], mid=1, heads=8, linear=False, folder=True, told=256,
                 text=[dict(layout="transformers", width=64, layers=2, act="quick_gelu", p="cond_stage_model.", norm=True, state=-1,
                            folder="text_encoder")]),
    "refiner": dict(dtype="F16", channels=[64, 64, 128], blocks=1, depth=[0, 1, 1], mid=1, sizes=5, scale=0.13025,
                    text=[dict(OPEN, p="conditioner.embedders.0.", state=-2, pooled=True)]),
    "inpaint": dict(dtype="F16", channels=[32, 64], blocks=1, depth=[1, 1], mid=1, heads=8, linear=False, extra=5,
                    text=[dict(layout="transformers", width=64, layers=2, act="quick_gelu", p="cond_stage_model.", norm=True, state=-1)]),
    "edit": dict(dtype="F16", channels=[32, 64], blocks=1, depth=[1, 1], mid=1, heads=8, linear=False, extra=4,
                 text=[dict(layout="transformers", width=64, layers=2, act="quick_gelu", p="cond_stage_model.", norm=True, state=-1)]),
}
COMMON = dict(parts=[["a lighthouse on a cliff, ", 1.0], ["stormy sea", 1.2], [", dramatic sky", 1.0]],
              prompt="a lighthouse on a cliff, (stormy sea:1.2), dramatic sky", negative_parts=[["photo, ", 1.0], ["text", 1 / 1.1]],
              negative="photo, [text]", seed=4711, steps=3, sampler="euler", schedule="normal", cfg=6.5, width=64, height=48)
LONG = "old map, " * 40 + "ink"
CASES = {
    "sd2-eps": dict(model="sd2"),
    "sd2-long-v": dict(model="sd2", prompt=LONG, parts=[[LONG, 1.0]], prediction="v"),
    "sd2-folder": dict(model="sd2-folder", v=True, bar=2e-3),
    "sdxl": dict(model="sdxl", width=72),
    "sdxl-long": dict(model="sdxl", prompt=LONG, parts=[[LONG, 1.0]], negative="", negative_parts=[]),
    "sdxl-folder": dict(model="sdxl-folder"),
    "sdxl-zero": dict(model="sdxl-zero", v=True, bar=2e-3),
    "short-middle": dict(model="short-middle"),
    "no-middle": dict(model="no-middle"),
    "told": dict(model="told", cfg=8.0),
    "refiner": dict(model="refiner"),
    "refiner-empty": dict(model="refiner", negative="", negative_parts=[]),
    "handed-over": dict(model="sdxl", refiner="refiner", refiner_at=0.4, steps=4, width=72),
    "inpaint-all": dict(model="inpaint"),
    "edit": dict(model="edit", init="init.png", strength=0.6, image_cfg=1.5),
    "edit-two": dict(model="edit", init="init.png", strength=0.6, image_cfg=1.0),
}


# ---------------------------------------------------------------- the architecture, in the original file's names


def transformer(r, p, channels, context, depth, linear):
    r.norm(p + ".norm", channels)
    project = (lambda q, gain: r.linear(q, channels, channels, gain)) if linear else (lambda q, gain: r.conv(q, channels, channels, 1, gain))
    project(p + ".proj_in", 1.0)
    for k in range(depth):
        b = f"{p}.transformer_blocks.{k}"
        for attention, width in (("attn1", channels), ("attn2", context)):
            r.linear(f"{b}.{attention}.to_q", channels, channels, 1.6, bias=False)
            r.linear(f"{b}.{attention}.to_k", channels, width, 1.6, bias=False)
            r.linear(f"{b}.{attention}.to_v", channels, width, bias=False)
            r.linear(f"{b}.{attention}.to_out.0", channels, channels, 1.5)
        r.linear(b + ".ff.net.0.proj", 8 * channels, channels, 1.2)
        r.linear(b + ".ff.net.2", channels, 4 * channels, 1.2)
        for i in (1, 2, 3):
            r.norm(f"{b}.norm{i}", channels)
    project(p + ".proj_out", 0.8)


def unet(r, c, p="model.diffusion_model."):
    base, n, linear = c["channels"][0], c["blocks"], c.get("linear", True)
    time_width = 4 * base
    r.linear(p + "time_embed.0", time_width, base, 1.4)
    r.linear(p + "time_embed.2", time_width, time_width, 1.4)
    if c.get("told"):
        r.linear(p + "time_embed.cond_proj", base, c["told"], 1.4, bias=False)
    if c["vector"]:
        r.linear(p + "label_emb.0.0", time_width, c["vector"], 1.4)
        r.linear(p + "label_emb.0.2", time_width, time_width, 1.4)
    r.conv(p + "input_blocks.0.0", base, 4 + c.get("extra", 0))
    skips, now, index = [base], base, 1
    for level, channels in enumerate(c["channels"]):
        for _ in range(n):
            res_block(r, f"{p}input_blocks.{index}.0", now, channels, time_width)
            now = channels
            if c["depth"][level]:
                transformer(r, f"{p}input_blocks.{index}.1", now, c["context"], c["depth"][level], linear)
            skips.append(now)
            index += 1
        if level < len(c["channels"]) - 1:
            r.conv(f"{p}input_blocks.{index}.0.op", now, now)
            skips.append(now)
            index += 1
    if c["mid"] is not None:
        res_block(r, p + "middle_block.0", now, now, time_width)
    if c["mid"]:
        transformer(r, p + "middle_block.1", now, c["context"], c["mid"], linear)
        res_block(r, p + "middle_block.2", now, now, time_width)
    index = 0
    for level, channels in reversed(list(enumerate(c["channels"]))):
        for k in range(n + 1):
            res_block(r, f"{p}output_blocks.{index}.0", now + skips.pop(), channels, time_width)
            now, part = channels, 1
            if c["depth"][level]:
                transformer(r, f"{p}output_blocks.{index}.1", now, c["context"], c["depth"][level], linear)
                part = 2
            if level and k == n:
                r.conv(f"{p}output_blocks.{index}.{part}.conv", now, now)
            index += 1
    r.norm(p + "out.0", base)
    r.conv(p + "out.2", 4, base)


def openclip(r, t, tokens):
    p, width = t["p"] + "model.", t["width"]
    r.add(p + "positional_embedding", [77, width], 0.4)
    r.add(p + "text_projection", [width, width], 1 / width**0.5)
    r.add(p + "token_embedding.weight", [tokens, width], 0.6)
    for i in range(t["layers"]):
        q = f"{p}transformer.resblocks.{i}."
        r.norm(q + "ln_1", width)
        r.add(q + "attn.in_proj_weight", [3 * width, width], 1.3 / width**0.5)
        r.add(q + "attn.in_proj_bias", [3 * width], 0.1)
        r.linear(q + "attn.out_proj", width, width, 1.2)
        r.norm(q + "ln_2", width)
        r.linear(q + "mlp.c_fc", 4 * width, width, 1.3)
        r.linear(q + "mlp.c_proj", width, 4 * width, 1.5)
    r.norm(p + "ln_final", width)


def text(r, t, tokens):
    if t["layout"] == "openclip":
        openclip(r, t, tokens)
        return
    make.text(r, dict(context=t["width"], tokens=tokens, text_layers=t["layers"]), t["p"] + "transformer.text_model.")
    if t.get("pooled"):
        r.linear(t["p"] + "transformer.text_projection", t["width"], t["width"], bias=False)


def to_transformers(tensors, t):
    """-> names under text_model. and text_projection.weight"""
    p = t["p"] + ("model." if t["layout"] == "openclip" else "transformer.")
    own = {k[len(p):]: v for k, v in tensors.items() if k.startswith(p)}
    if t["layout"] != "openclip":
        return own
    out = {"text_model.embeddings.token_embedding.weight": own["token_embedding.weight"],
           "text_model.embeddings.position_embedding.weight": own["positional_embedding"], "text_projection.weight": own["text_projection"].T}
    for name in ("weight", "bias"):
        out["text_model.final_layer_norm." + name] = own["ln_final." + name]
    for i in range(t["layers"]):
        a, b = f"transformer.resblocks.{i}.", f"text_model.encoder.layers.{i}."
        for name in ("weight", "bias"):
            for part, rows in zip("qkv", own[a + "attn.in_proj_" + name].chunk(3)):
                out[f"{b}self_attn.{part}_proj.{name}"] = rows
            for old, new in (("attn.out_proj", "self_attn.out_proj"), ("ln_1", "layer_norm1"), ("ln_2", "layer_norm2"),
                             ("mlp.c_fc", "mlp.fc1"), ("mlp.c_proj", "mlp.fc2")):
                out[f"{b}{new}.{name}"] = own[f"{a}{old}.{name}"]
    return out


# ---------------------------------------------------------------- networks


class Text:
    def __init__(self, t, tensors, tokens):
        from transformers import CLIPTextConfig, CLIPTextModelWithProjection
        config = CLIPTextConfig(vocab_size=tokens, hidden_size=t["width"], intermediate_size=4 * t["width"], num_hidden_layers=t["layers"],
                                num_attention_heads=t["width"] // 64, hidden_act=t["act"], projection_dim=t["width"],
                                bos_token_id=tokens - 2, eos_token_id=tokens - 1)
        config._attn_implementation = "eager"
        self.t, self.model = t, CLIPTextModelWithProjection(config).eval()
        named = to_transformers(tensors, t)
        named.setdefault("text_projection.weight", torch.zeros(t["width"], t["width"]))
        missing, unexpected = self.model.load_state_dict(named, strict=False)
        assert not unexpected and all("position_ids" in m for m in missing), (missing, unexpected)

    def __call__(self, parts, tokenizer, end):
        states, tokens, pooled = [], [], None
        for i, (ids, weights) in enumerate(chunks(tokenizer, parts, end)):
            if self.t.get("zero"):
                first = ids.index(end)
                ids = ids[:first + 1] + [0] * (76 - first)
            out = self.model(input_ids=torch.tensor([ids]), output_hidden_states=True)
            z = out.hidden_states[self.t["state"]]
            z = self.model.text_model.final_layer_norm(z) if self.t.get("norm") else z
            before = z.double().mean()
            z = z * torch.tensor(weights)[None, :, None]
            states.append((z * (before / z.double().mean())).float())
            tokens.append(ids)
            pooled = out.text_embeds if self.t.get("pooled") and i == 0 else pooled
        return torch.cat(states, 1), torch.tensor(tokens, dtype=torch.int32), pooled


class Networks:
    def __init__(self, c, tensors):
        from diffusers import AutoencoderKL, UNet2DConditionModel
        heads = c["heads"] if "heads" in c else tuple(n // 64 for n in c["channels"])
        more = {}
        if c["vector"]:
            more = dict(addition_embed_type="text_time", addition_time_embed_dim=256, projection_class_embeddings_input_dim=c["vector"])
        more["mid_block_type"] = None if c["mid"] is None else "UNetMidBlock2DCrossAttn" if c["mid"] else "UNetMidBlock2D"
        self.unet = UNet2DConditionModel(
            in_channels=4 + c.get("extra", 0), out_channels=4, sample_size=16, block_out_channels=tuple(c["channels"]),
            layers_per_block=c["blocks"], down_block_types=tuple("CrossAttnDownBlock2D" if a else "DownBlock2D" for a in c["depth"]),
            up_block_types=tuple("CrossAttnUpBlock2D" if a else "UpBlock2D" for a in reversed(c["depth"])),
            transformer_layers_per_block=tuple(d or 1 for d in c["depth"]), cross_attention_dim=c["context"], attention_head_dim=heads,
            time_cond_proj_dim=c.get("told"), use_linear_projection=c.get("linear", True), norm_num_groups=32, **more).eval()
        named = make.unet_to_diffusers({k: v for k, v in tensors.items() if "label_emb" not in k and "cond_proj" not in k}, c)
        if c.get("told"):
            named["time_embedding.cond_proj.weight"] = tensors["model.diffusion_model.time_embed.cond_proj.weight"]
        for old, new in (("0.0", "linear_1"), ("0.2", "linear_2")):
            for name in ("weight", "bias"):
                if c["vector"]:
                    named[f"add_embedding.{new}.{name}"] = tensors[f"model.diffusion_model.label_emb.{old}.{name}"]
        self.unet_names = named
        self.unet.load_state_dict(named, strict=True)
        n = len(c["vae"])
        self.vae = AutoencoderKL(down_block_types=("DownEncoderBlock2D",) * n, up_block_types=("UpDecoderBlock2D",) * n,
                                 block_out_channels=tuple(c["vae"]), layers_per_block=c["vae_blocks"], latent_channels=4).eval()
        self.vae.load_state_dict(make.vae_to_diffusers(tensors, c), strict=True)
        self.text = [Text(t, tensors, c["tokens"]) for t in c["text"]]


def condition(net, c, o, tokenizer, trace, negative):
    name, parts = ("uncond", o["negative_parts"]) if negative else ("cond", o["parts"])
    made = [text(parts, tokenizer, c["tokens"] - 1) for text in net.text]
    for i, (_, tokens, _) in enumerate(made):
        trace["tokens." + (f"{i + 1}." if i else "") + name] = tokens
    states, pooled = torch.cat([m[0] for m in made], -1), made[-1][2]
    if negative and o["negative"] == "" and c["vector"]:
        states, pooled = states * 0, pooled * 0
    trace[name] = states
    more = {}
    if c["vector"]:
        trace["pooled." + name] = pooled
        ids = [o["height"], o["width"], 0, 0] + ([o["height"], o["width"]] if c["sizes"] == 6 else [2.5 if negative else 6.0])
        more = {"added_cond_kwargs": {"text_embeds": pooled, "time_ids": torch.tensor([ids], dtype=torch.float32)}}
    return states, more


def scale_embedding(scale, width):
    """diffusers' LatentConsistencyModelPipeline.get_guidance_scale_embedding"""
    w = torch.tensor([scale - 1]) * 1000.0
    steps = torch.exp(torch.arange(width // 2) * -(np.log(10000.0) / (width // 2 - 1)))
    return torch.cat([torch.sin(w[:, None] * steps[None]), torch.cos(w[:, None] * steps[None])], 1).float()


def zero_terminal(kept):
    """Lin et al. 2023, algorithm 1; the last level as A1111 and ComfyUI have it."""
    root = kept.sqrt()
    root = (root - root[-1]) * (root[0] / (root[0] - root[-1]))
    kept = root**2
    kept[-1] = 4.8973451890853435e-08
    return kept


def run(net, tokenizer, c, o, start, second=None):
    """second: (networks, shape) of a refiner"""
    trace, firsts, latents, scale = {}, [], [], c.get("scale", 0.18215)
    cond, uncond = (condition(net, c, o, tokenizer, trace, negative) for negative in (False, True))
    kind = external.DiscreteVDDPMDenoiser if o.get("prediction") == "v" or o.get("v") else external.DiscreteEpsDDPMDenoiser

    def network(x, t, told, extra):
        x = torch.cat([x, extra], 1) if extra is not None else x
        more = {"timestep_cond": scale_embedding(o["cfg"], c["told"])} if c.get("told") else {}
        firsts.append(net.unet(x, t, encoder_hidden_states=told[0], **told[1], **more).sample)
        return firsts[-1]

    model = kind(network, zero_terminal(alphas()) if "ztsnr" in c.get("flags", []) else alphas(), quantize=False)
    shape = (4, o["height"] // 8, o["width"] // 8)
    unit = torch.randn(shape, generator=torch.Generator().manual_seed(o["seed"]))[None]
    trace["noise"] = unit
    init, extra, none = None, None, None
    if o.get("init"):
        init = net.vae.encode(start * 2 - 1).latent_dist.mean * scale
        trace["init"] = init
    if c.get("extra") == 5:
        grey = torch.zeros(1, 3, o["height"], o["width"])
        # groups that hardly vary are divided by what they vary: in fp32 PyTorch is 6e-5 away from itself in fp64 here
        behind = net.vae.double().encode(grey.double()).latent_dist.mean.float() * scale
        net.vae.float()
        extra = none = torch.cat([torch.ones(1, 1, *shape[1:]), behind], 1)
    if c.get("extra") == 4:
        extra, none = init / scale, torch.zeros_like(init)

    if second:
        refined = kind(lambda x, t, told: second[0].unet(x, t, encoder_hidden_states=told[0], **told[1]).sample, alphas(), quantize=False)
        told = [condition(*second, o, tokenizer, {}, negative) for negative in (False, True)]

    def denoise(x, sigma):
        # AUTOMATIC1111's apply_refiner: behind lies what the nearest timestep says
        if second and (999 - int(torch.argmin(torch.abs(model.sigmas - sigma.max())))) / 1000 >= o["refiner_at"]:
            d, u = (refined(x, sigma, told=t) for t in told)
            return u + (d - u) * o["cfg"]
        d = model(x, sigma, told=cond, extra=extra)
        if c.get("extra") == 4 and o["image_cfg"] != 1:
            with_picture = model(x, sigma, told=uncond, extra=extra)
            u = model(x, sigma, told=uncond, extra=none)
            return u + (d - with_picture) * o["cfg"] + (with_picture - u) * o["image_cfg"]
        u = model(x, sigma, told=uncond, extra=extra)
        return d if c.get("told") else u + (d - u) * o["cfg"]

    n = o["steps"]
    sigmas = schedule(o["schedule"], model, n)
    if init is not None:
        sigmas = sigmas[n - int(min(o["strength"], 0.999) * n) - 1:]
    trace["sigmas"] = sigmas
    x = unit * sigmas[0] + (init if init is not None else 0)
    x = getattr(sampling, "sample_" + o["sampler"])(denoise, x, sigmas, callback=lambda d: latents.append(d["x"].clone()), disable=True)
    for i, latent in enumerate(latents + [x]):
        trace[f"latent.{i:03}"] = latent
    trace["model.cond"], trace["model.uncond"] = firsts[0], firsts[2 if c.get("extra") == 4 and o["image_cfg"] != 1 else 1]
    trace["image"] = ((net.vae.decode(x / scale).sample + 1) / 2).clamp(0, 1)
    return {k: v.contiguous().clone() for k, v in trace.items()}


# ---------------------------------------------------------------- files


def layout(net, c, made, tensors):
    """Where each tensor goes: one file, or a diffusers folder."""
    rows = {row[0]: row for row in made["tensors"]}
    if not c.get("folder"):
        return {"model.safetensors": [[n, n, *row[1:]] for n, row in rows.items()]}
    by_id = {id(t): n for n, t in tensors.items()}
    files = {"unet/diffusion_pytorch_model.safetensors": [[new, by_id[id(t)], *rows[by_id[id(t)]][1:]] for new, t in net.unet_names.items()]}
    files["vae/diffusion_pytorch_model.safetensors"] = [
        [new, old, list(t.shape), *rows[old][2:]] for old in tensors for new, t in make.vae_to_diffusers({old: tensors[old]}, c).items()]
    for t in c["text"]:
        p = t["p"] + "transformer."
        files[t["folder"] + "/model.safetensors"] = [[old[len(p):], old, *row[1:]] for old, row in rows.items() if old.startswith(p)]
    return files


def prepare(name, c, tokens):
    pooled = sum(t["width"] for t in c["text"] if t.get("pooled"))
    c.update(VAE, tokens=tokens, context=sum(t["width"] for t in c["text"]), vector=pooled + 256 * c["sizes"] if "sizes" in c else 0)
    r = Recipe()
    for t in c["text"]:
        text(r, t, tokens)
    vae(r, c)
    unet(r, c)
    for flag in c.get("flags", []):
        r.add(flag, [1], 1.0)
    made = {"seed": "velatura-" + name, "dtype": c["dtype"], "tensors": r.tensors}
    tensors = values(made)
    net = Networks(c, tensors)
    configs = {}
    if c.get("folder"):
        configs = {t["folder"] + "/config.json": {"hidden_act": t["act"]} for t in c["text"]}
        configs["scheduler/scheduler_config.json"] = {"prediction_type": c.get("scheduler", "epsilon")}
    write_recipe(HERE / "models" / (name + ".json"), made, layout(net, c, made, tensors), configs)
    return net


def main():
    from transformers import CLIPTokenizer
    vocabulary = HERE / "vocabulary"
    tokenizer = CLIPTokenizer(str(vocabulary / "vocab.json"), str(vocabulary / "merges.txt"))
    tokens = len(json.loads((vocabulary / "vocab.json").read_text()))
    nets = {name: prepare(name, c, tokens) for name, c in MODELS.items()}
    rgb = picture(COMMON["height"], COMMON["width"])
    assert np.array_equal(rgb, np.asarray(Image.open(HERE / "init.png")))
    start = torch.from_numpy(rgb.astype(np.float32) / 255).permute(2, 0, 1)[None]
    for name, options in CASES.items():
        o = {**COMMON, **options}
        second = (nets[o["refiner"]], MODELS[o["refiner"]]) if "refiner" in o else None
        trace = run(nets[o["model"]], tokenizer, MODELS[o["model"]], o, start, second)
        save_file(trace, HERE / "cases" / (name + ".safetensors"))
        shown = {k: v for k, v in o.items() if k not in ("parts", "negative_parts", "v")}
        (HERE / "cases" / (name + ".json")).write_text(json.dumps(shown, indent=1) + "\n")
        print(name, float(trace["image"].std()))


if __name__ == "__main__":
    main()
