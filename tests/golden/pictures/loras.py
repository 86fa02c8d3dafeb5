#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Pictures with LoRAs, as their own loaders apply them: loras/*.safetensors and cases/lora-*.  ./loras.py [CASE…]
(torch, diffusers, transformers, k-diffusion, peft, lycoris-lora==4.1.3)

Files are written in the names of each trainer; diffusers' load_lora_weights, with its converters, and LyCORIS' own layers say what they mean. The
models are those of make.py and families.py, by their recipes."""
import json
import re
import sys

import torch
from diffusers import DDIMScheduler, StableDiffusionPipeline, StableDiffusionXLPipeline
from safetensors.torch import load_file, save_file
from transformers import CLIPTokenizer

import families
import make

HERE = make.HERE
TEXT = dict(layout="transformers", width=64, layers=1, act="quick_gelu", p="cond_stage_model.", norm=True, state=-1)
MODELS = {
    "one-block": dict(channels=[32, 64, 64], blocks=1, depth=[0, 1, 1], mid=1, heads=8, linear=False, vae=[32, 64, 64, 32], vae_blocks=1,
                      text=[TEXT], context=64, vector=0),
    "sd2": dict(families.MODELS["sd2"], **families.VAE, context=64, vector=0),
    "sdxl": dict(families.MODELS["sdxl"], **families.VAE, context=192, vector=64 + 256 * 6),
}
# Layers that are changed: some of each sort and depth.
ATTENTION = [r"down_blocks\.1\..*blocks\.0\.attn1\.to_q", r"down_blocks\.1\..*blocks\.0\.attn2\.to_k", r"mid_block\..*blocks\.0\.attn1\.to_v",
             r"mid_block\..*blocks\.0\.attn2\.to_out\.0", r"up_blocks\.1\.attentions\.0\..*blocks\.0\.attn2\.to_v"]
LINEAR = ATTENTION + [r"mid_block\..*blocks\.0\.ff\.net\.0\.proj", r"up_blocks\.1\.attentions\.1\..*blocks\.0\.ff\.net\.2",
                      r"down_blocks\.1\.attentions\.0\.proj_in", r"up_blocks\.1\.attentions\.1\.proj_out"]
CONVOLUTIONS = [r"down_blocks\.0\.resnets\.0\.conv1", r"up_blocks\.1\.upsamplers\.0\.conv", r"down_blocks\.0\.downsamplers\.0\.conv",
                r"up_blocks\.2\.resnets\.0\.conv_shortcut"]
TEXT_ATTENTION = [r"layers\.0\.self_attn\.(q|k|v|out)_proj"]
TEXT_ALL = TEXT_ATTENTION + [r"layers\.0\.mlp\.fc[12]"]

COMMON = dict(model="one-block", prompt="a lighthouse on a cliff", negative="photo", seed=4711, steps=2, sampler="euler", schedule="normal",
              cfg=6.5, width=48, height=40)
CASES = {
    "lora-kohya": dict(write="kohya", unet=LINEAR + CONVOLUTIONS, text=TEXT_ALL, strengths=[0.8]),
    "lora-processor": dict(write="processor", unet=ATTENTION, text=TEXT_ATTENTION, strengths=[0.7]),
    "lora-peft": dict(model="sd2", write="peft", unet=LINEAR, text=TEXT_ALL, strengths=[1],
                      config={"unet": dict(lora_alpha=3, use_rslora=True, own=r"attn1\.to_v"), "text_encoder": dict(lora_alpha=1)}),
    "lora-xl-blocks": dict(model="sdxl", write="blocks", unet=LINEAR + CONVOLUTIONS[:1], text=TEXT_ATTENTION, strengths=[0.5], type="F16"),
    "lora-xl-peft": dict(model="sdxl", write="peft", unet=LINEAR, text=TEXT_ATTENTION, strengths=[0.9], type="BF16",
                         config={"unet": dict(lora_alpha=2), "text_encoder": dict(lora_alpha=5, own=r"q_proj"),
                                 "text_encoder_2": dict(lora_alpha=0.5)}),
    "lora-xl-onetrainer": dict(model="sdxl", write="kohya", unet=LINEAR, text=TEXT_ALL, strengths=[0.7, -0.5]),
    "lora-xl-dora": dict(model="sdxl", write="peft", unet=LINEAR, text=[], strengths=[1], dora=True),
    "lora-locon": dict(lycoris="locon", unet=LINEAR + CONVOLUTIONS[:2], text=TEXT_ALL, strengths=[0.6]),
    "lora-loha": dict(lycoris="loha", unet=LINEAR + CONVOLUTIONS[:1], text=TEXT_ATTENTION, strengths=[0.75]),
    "lora-lokr": dict(lycoris="lokr", unet=LINEAR + CONVOLUTIONS[:1], text=TEXT_ALL, strengths=[1.5]),
}
TYPES = {"F32": torch.float32, "F16": torch.float16, "BF16": torch.bfloat16}
RANK = 2


def networks(name, tokens):
    c = MODELS[name] | dict(tokens=tokens)
    stored = json.loads((HERE / "models" / (name + ".json")).read_text())
    made = {"seed": stored["seed"], "dtype": stored["dtype"], "tensors": [row[2:] for row in stored["tensors"]]}
    return families.Networks(c, make.values(made)), c


def pipeline(net, tokenizer):
    common = dict(vae=net.vae, unet=net.unet, scheduler=DDIMScheduler(clip_sample=False), text_encoder=net.text[0].model, tokenizer=tokenizer)
    if len(net.text) > 1:
        return StableDiffusionXLPipeline(text_encoder_2=net.text[1].model, tokenizer_2=tokenizer, **common)
    return StableDiffusionPipeline(safety_checker=None, feature_extractor=None, requires_safety_checker=False, **common)


def layers_of(net, o):
    """(component, name, module) of all that is changed; every pattern has to be of use where the model has such layers at all."""
    parts = [("unet", net.unet, o["unet"])] + [("text_encoder" + ("_2" if i else ""), t.model, o["text"]) for i, t in enumerate(net.text)]
    for component, module, patterns in parts:
        for pattern in patterns:
            found = [(n, m) for n, m in module.named_modules() if re.search(pattern + "$", n) and hasattr(m, "weight")]
            assert found or "shortcut" in pattern or "downsamplers" in pattern, pattern
            yield from ((component, n, m) for n, m in found)


def named(o, c, component, name):
    """A layer's name in the words of the file's writer, without what follows it."""
    name = name if component == "unet" or name.startswith("text_model.") else "text_model." + name
    if o["write"] == "peft":
        return f"{component}.{name}"
    if o["write"] == "processor":
        return f"{component}." + (re.sub(r"\.to_(q|k|v|out)(\.0)?$", r".processor.to_\1_lora", name) if component == "unet" else
                                  name + ".lora_linear_layer")
    if component != "unet":
        prefix = "lora_te" if len(c["text"]) == 1 else {"text_encoder": "lora_te1", "text_encoder_2": "lora_te2"}[component]
        return prefix + "_" + name.replace(".", "_")
    if o["write"] == "blocks":
        original, theirs = next(p for p in sorted(make.unet_names(c), key=lambda p: -len(p[1])) if name.startswith(p[1] + "."))
        rest = name[len(theirs):]
        for a, b in make.RES_NAMES:
            rest = rest.replace("." + b, "." + a) if "resnets" in theirs else rest
        name = original + rest
    return "lora_unet_" + name.replace(".", "_")


def thin(module, random, rank):
    """down and up"""
    w = module.weight
    down = torch.randn([rank, *w.shape[1:]], generator=random) * (w[0].numel() ** -0.5)
    up = torch.randn([w.shape[0], rank] + [1] * (w.dim() - 2), generator=random) * 0.3
    return down, up


def rank_of(o, component, name):
    """Layers that have an alpha of their own have another rank too."""
    own = o.get("config", {}).get(component, {}).get("own")
    return RANK + 1 if own and re.search(own + "$", name) else RANK


def told(net, o):
    """What diffusers writes into a file: LoraConfig of each network."""
    out = {}
    for component, config in o.get("config", {}).items():
        names = [n for c, n, _ in layers_of(net, o) if c == component]
        own = [n for n in names if rank_of(o, component, n) != RANK]
        config = {k: v for k, v in config.items() if k != "own"} | dict(r=RANK, target_modules=names, rank_pattern={n: RANK + 1 for n in own},
                                                                       alpha_pattern={n: 7 for n in own})
        out |= {f"{component}.{k}": v for k, v in config.items()}
    return {"lora_adapter_metadata": json.dumps(out, indent=2, sort_keys=True)} if out else {}


def write_by_hand(net, c, o, file):
    random, state = torch.Generator().manual_seed(8), {}
    ends = {"kohya": ("lora_down", "lora_up"), "blocks": ("lora_down", "lora_up"), "processor": ("down", "up"), "peft": ("lora_A", "lora_B")}
    for component, name, module in layers_of(net, o):
        layer, (down, up) = named(o, c, component, name), thin(module, random, rank_of(o, component, name))
        state[f"{layer}.{ends[o['write']][0]}.weight"], state[f"{layer}.{ends[o['write']][1]}.weight"] = down, up
        if o["write"] in ("kohya", "blocks"):
            state[layer + ".alpha"] = torch.tensor(1.0 if component == "unet" else 3.0)
        if o.get("dora"):
            state[layer + ".lora_magnitude_vector"] = module.weight.flatten(1).norm(dim=1) * torch.rand(len(module.weight), generator=random).add(0.5)
    kind = TYPES[o.get("type", "F32")]
    save_file({k: v.to(kind).contiguous() for k, v in state.items()}, file, metadata={"format": "pt"} | told(net, o))


def write_containers(file):
    """The same file as other programs may store it."""
    import gguf
    state = load_file(file)
    torch.save(state, file.with_suffix(".pt"))
    torch.save({"state_dict": state}, file.with_suffix(".ckpt"), _use_new_zipfile_serialization=False)
    writer = gguf.GGUFWriter(str(file.with_suffix(".gguf")), "lora")
    for name, tensor in state.items():
        writer.add_tensor(name, tensor.numpy())
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()


def apply(net, tokenizer, o, file):
    pipe = pipeline(net, tokenizer)
    untouched = {f"{i}.{k}": v.clone() for i, t in enumerate(net.text) for k, v in t.model.state_dict().items()}
    pipe.load_lora_weights(str(file), adapter_name="it")
    told = {"unet": o["strengths"][0], "text_encoder": o["strengths"][-1]} | ({"text_encoder_2": o["strengths"][-1]} if len(net.text) > 1 else {})
    pipe.set_adapters("it", adapter_weights=told)
    for i, t in enumerate(net.text):  # transformers gives what an adapter does not have new values
        for k, v in t.model.state_dict().items():
            old = untouched.get(f"{i}.{k.replace('.base_layer', '')}")
            assert old is None or torch.equal(old, v) or "position_embedding" in k, k
            if old is not None:
                v.copy_(old)
    changed = [n for _, m in pipe.components.items() if isinstance(m, torch.nn.Module) for n, _ in m.named_modules() if n.endswith(".lora_A.it")]
    pipe.fuse_lora(components=[n for n in ("unet", "text_encoder", "text_encoder_2") if n in pipe.components])  # as small nets round most
    assert len(changed) == len(list(layers_of_base(net, o))), (len(changed), o)


def layers_of_base(net, o):
    """Once peft has wrapped them."""
    for component, module, patterns in [("unet", net.unet, o["unet"])] + [("text", t.model, o["text"]) for t in net.text]:
        for name, _ in module.named_modules():
            if name.endswith(".base_layer") and any(re.search(p + "$", name[:-len(".base_layer")]) for p in patterns):
                yield component, name


def apply_lycoris(net, o, file):
    """As its layers run, which is what was trained; merge_to of 4.1.3 takes alpha / rank twice for LoHa and LoKr."""
    from lycoris import LycorisNetwork, create_lycoris
    state = {}
    for component, module, patterns in [("lora_unet", net.unet, o["unet"])] + [("lora_te", net.text[0].model, o["text"])]:
        LycorisNetwork.apply_preset({"enable_conv": True, "target_module": [], "target_name": [".*" + p for p in patterns], "use_fnmatch": False,
                                     "lora_prefix": component})
        made = create_lycoris(module, o["strengths"][0], linear_dim=RANK, linear_alpha=1, algo=o["lycoris"], conv_dim=RANK, conv_alpha=1, factor=4)
        torch.manual_seed(11)
        for p in [p for lora in made.loras for p in lora.parameters()]:
            p.data = torch.randn(p.shape) * {"locon": 0.15, "loha": 0.5, "lokr": 0.25}[o["lycoris"]]
        wanted = len(list(x for x in layers_of(net, o) if (x[0] == "unet") == (component == "lora_unet")))
        assert len(made.loras) == wanted, (component, [l.lora_name for l in made.loras], wanted)
        for lora in made.loras:
            state.update({f"{lora.lora_name}.{k}": v.clone().contiguous() for k, v in lora.state_dict().items()})
        made.apply_to()
    save_file(state, file)


def main():
    vocabulary = HERE / "vocabulary"
    tokenizer = CLIPTokenizer(str(vocabulary / "vocab.json"), str(vocabulary / "merges.txt"))
    tokens = len(json.loads((vocabulary / "vocab.json").read_text()))
    (HERE / "loras").mkdir(exist_ok=True)
    for name, options in CASES.items():
        if sys.argv[1:] and name not in sys.argv[1:]:
            continue
        o = {**COMMON, **options}
        net, c = networks(o["model"], tokens)
        o |= dict(parts=[[o["prompt"], 1.0]], negative_parts=[[o["negative"], 1.0]])
        plain = families.run(net, tokenizer, c, o, None)
        file = HERE / "loras" / (name + ".safetensors")
        if "lycoris" in o:
            apply_lycoris(net, o, file)
        else:
            write_by_hand(net, c, o, file)
            apply(net, tokenizer, o, file)
        if name == "lora-processor":
            write_containers(file)
        trace = families.run(net, tokenizer, c, o, None)
        for part in ("cond", "model.cond") if o["text"] else ("model.cond",):  # transformers' encoders take no DoRA
            moved = float((trace[part] - plain[part]).norm() / plain[part].norm())
            assert 0.03 < moved < 1.5, (name, part, moved)
        keep = {k: v.contiguous() for k, v in trace.items() if k not in ("uncond", "pooled.uncond", "noise") and not k.startswith("tokens.")}
        save_file(keep, HERE / "cases" / (name + ".safetensors"))
        shown = {k: o[k] for k in COMMON} | {"lora": ":".join(["loras/" + file.name] + [f"{s:g}" for s in o["strengths"]])}
        (HERE / "cases" / (name + ".json")).write_text(json.dumps(shown, indent=1) + "\n")
        print(name, file.stat().st_size, float(trace["image"].std()), moved)


if __name__ == "__main__":
    main()
