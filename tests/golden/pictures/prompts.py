#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Pictures of prompts that change with the steps, that are several at once, and with vectors of their own: cases/*.safetensors, from the
same libraries as families.py; models/loud*.json, models that listen to their prompt more than others.  ./prompts.py (torch, diffusers, transformers, k-diffusion, lark)

What a prompt says in which step is read by lark: tests/golden/text/make-prompts.py."""
import importlib.util
import json
import pathlib

import torch
from safetensors.torch import load_file, save_file

import make
import families
import programs
from make import external, sampling

HERE = pathlib.Path(__file__).resolve().parent


def load(name):
    spec = importlib.util.spec_from_file_location(name, HERE.parent / "text" / (name + ".py"))
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


language, brackets = load("make-prompts"), load("make-chunks")

# What cross-attention says is as loud as all else, so that a prompt too early or too late is seen in the picture.
MODELS = {
    "loud": dict(families.MODELS["no-middle"], folder=False, loud=12),
    "loud-sdxl": {k: v for k, v in families.MODELS["sdxl-zero"].items() if k != "flags"} | dict(loud=12),
}
LONG = "old map, " * 40 + "ink"
COMMON = dict(model="loud", prompt="a lighthouse", negative="photo", seed=4711, steps=4, sampler="euler", schedule="normal", cfg=6.5,
              width=64, height=48)
CASES = {
    "timeline": dict(prompt="[a lighthouse:old map:0.5] on a [cliff|stormy] sea", negative="[photo:text:1]"),
    "timeline-heun": dict(prompt="a [lighthouse:old map:3] on a [cliff:sea:0.5]", sampler="heun"),
    "timeline-long": dict(prompt="[a lighthouse:%s:2]" % LONG, negative="[%s::1]" % LONG),
    "timeline-sdxl": dict(model="loud-sdxl", prompt="[a lighthouse|old map] on a cliff", negative="[:photo:1]", steps=5),
    "compose": dict(prompt="a lighthouse AND stormy sea :0.5 AND %s : -0.25 AND [old:map:1]" % LONG),
    "compose-sdxl": dict(model="loud-sdxl", prompt="a lighthouse:0.75 AND stormy sea :0.5 AND old map :0.25", steps=2),
    "embedding": dict(prompt="a cliff, (ink:1.3), sea", parts=[["a cliff, ", 1.0], ["ink", 1.3], [", sea", 1.0]], negative="ink photo",
                      embedding="ink.safetensors", steps=2),
    "embedding-sdxl": dict(model="loud-sdxl", prompt="[photo|ink-xl] on a cliff", embedding="ink-xl.safetensors", steps=3),
    "comfyui-weights": dict(prompt="a (lighthouse:1.5) on a ((cliff)), [stormy] (sea (old:0.5) map)", negative="(photo:0.5)",
                            render_as="comfyui"),
    "compose-even": dict(prompt="a lighthouse :0.75 AND sea :0.25", cfg=1, steps=2),
}


class Words:
    """A tokenizer in which the name of an embedding's file stands for tokens of its own, behind the vocabulary's."""

    def __init__(self, tokenizer, net, c, file):
        self.tokenizer, self.tokens = tokenizer, c["tokens"]
        self.name = tokenizer(file.stem, add_special_tokens=False)["input_ids"]
        self.whole = [text.model.text_model.embeddings.token_embedding.weight for text in net.text]
        self.net, vectors = net, load_file(file)
        for text, key, weight in zip(net.text, ["clip_l", "clip_g"] if len(net.text) > 1 else ["emb_params"], self.whole):
            text.model.text_model.embeddings.token_embedding.weight = torch.nn.Parameter(torch.cat([weight, vectors[key]]))
            self.count = len(vectors[key])

    def __call__(self, text, **more):
        ids, out = self.tokenizer(text, **more)["input_ids"], []
        while ids:
            found = ids[:len(self.name)] == self.name
            out += range(self.tokens, self.tokens + self.count) if found else ids[:1]
            ids = ids[len(self.name) if found else 1:]
        return {"input_ids": out}

    def convert_tokens_to_ids(self, token):
        return self.tokenizer.convert_tokens_to_ids(token)

    def restore(self):
        for text, weight in zip(self.net.text, self.whole):
            text.model.text_model.embeddings.token_embedding.weight = weight


def write_embeddings(net):
    """For a model with one text encoder and for one with two."""
    random = torch.Generator().manual_seed(7)
    widths = [text.t["width"] for text in net.text]
    vectors = [torch.randn(3 if len(widths) == 1 else 2, w, generator=random) for w in widths]
    names = ["emb_params"] if len(widths) == 1 else ["clip_l", "clip_g"]
    save_file(dict(zip(names, vectors)), HERE / ("ink.safetensors" if len(widths) == 1 else "ink-xl.safetensors"))


def comfyui(net, tokenizer, o):
    """Weights lead away from the states of the empty prompt; the rest is programs.py's."""
    start, end = tokenizer.bos_token_id, tokenizer.eos_token_id
    clip = net.text[0].model

    def states(ids):
        return clip.text_model.final_layer_norm(clip(input_ids=torch.tensor([ids]), output_hidden_states=True).hidden_states[-1])

    def encode(o, negative, trace):
        slots = [(t, w) for text, w in brackets.emphasis(o["negative" if negative else "prompt"])
                 for t in tokenizer(text, add_special_tokens=False)["input_ids"]]
        slots = [(start, 1.0)] + slots + [(end, 1.0)] * (76 - len(slots))
        ids, weights = [t for t, _ in slots], torch.tensor([w for _, w in slots])[None, :, None]
        trace["tokens." + ("uncond" if negative else "cond")] = torch.tensor([ids], dtype=torch.int32)
        full, empty = states(ids), states([start] + [end] * 76)
        return torch.where(weights != 1, (full - empty) * weights + empty, full)

    return programs.comfyui(o, encode, lambda x, t, trace, told: net.unet(x, t, encoder_hidden_states=trace[told]).sample,
                            lambda x: ((net.vae.decode(x / 0.18215).sample + 1) / 2).clamp(0, 1), None, None)


def make_louder(unet):
    def made(recipe, c):
        unet(recipe, c)
        for tensor in recipe.tensors:
            if "attn2.to_out.0.weight" in tensor[0]:
                tensor[2] = float(f"{tensor[2] * c['loud']:.6g}")
    return made


def encode_all(net, c, o, tokenizer, timeline, trace, negative):
    """[[last step, condition]]; those that are shorter than the longest are filled up with empty chunks."""
    whole = "".join(text for _, text in timeline)  # zeros only if nothing is ever said
    out = []
    for i, (last, text) in enumerate(timeline):
        told = {**o, "parts": o.get("parts", [[text, 1.0]]), "negative_parts": [[text, 1.0]], "negative": whole}
        out.append([last, families.condition(net, c, told, tokenizer, trace if i == 0 else {}, negative)])
    blank = {}
    empty = families.condition(net, c, {**o, "parts": [["", 1.0]], "negative_parts": [["", 1.0]], "negative": "x"}, tokenizer, blank, negative)[0]
    most = max(told[0].shape[1] for _, told in out)
    for entry in out:
        states, more = entry[1]
        entry[1] = (torch.cat([states] + [empty] * ((most - states.shape[1]) // 77), 1), more)
    trace["uncond" if negative else "cond"] = out[0][1][0]
    for name in [n for n in trace if n.startswith("tokens.") and n in blank]:
        trace[name] = torch.cat([trace[name]] + [blank[name]] * (most // 77 - len(trace[name])))
    return out


def at(timeline, step):
    return next((told for last, told in timeline if step <= last), timeline[0][1])


def run(net, tokenizer, c, o):
    trace, firsts, latents, scale = {}, [], [], c.get("scale", 0.18215)
    calls = 2 if o["sampler"] == "heun" else 1
    parts = language.parts(o["prompt"], calls * o["steps"], None, False)
    prompts = [encode_all(net, c, o, tokenizer, p["schedule"], trace if i == 0 else {}, False) for i, p in enumerate(parts)]
    negative = encode_all(net, c, o, tokenizer, language.schedule(o["negative"], calls * o["steps"]), trace, True)
    most = max(told[0].shape[1] for timeline in prompts for _, told in timeline)

    def network(x, t, told):
        firsts.append(net.unet(x, t, encoder_hidden_states=told[0], **told[1]).sample)
        return firsts[-1]

    model = external.DiscreteEpsDDPMDenoiser(network, make.alphas(), quantize=False)
    step = 0

    def denoise(x, sigma):
        nonlocal step
        told = [at(timeline, step) for timeline in prompts]
        told = [(torch.cat([s] + [s[:, -1:]] * (most - s.shape[1]), 1), more) for s, more in told]
        guesses = [model(x, sigma, told=t) for t in told]
        u = model(x, sigma, told=at(negative, step))
        step += 1
        return u + sum((d - u) * (o["cfg"] * p["weight"]) for d, p in zip(guesses, parts))

    shape = (4, o["height"] // 8, o["width"] // 8)
    unit = torch.randn(shape, generator=torch.Generator().manual_seed(o["seed"]))[None]
    sigmas = make.schedule(o["schedule"], model, o["steps"])
    trace["noise"], trace["sigmas"] = unit, sigmas
    x = getattr(sampling, "sample_" + o["sampler"])(denoise, unit * sigmas[0], sigmas, callback=lambda d: latents.append(d["x"].clone()),
                                                    disable=True)
    for i, latent in enumerate(latents + [x]):
        trace[f"latent.{i:03}"] = latent
    trace["model.cond"], trace["model.uncond"] = firsts[0], firsts[len(parts)]
    trace["image"] = ((net.vae.decode(x / scale).sample + 1) / 2).clamp(0, 1)
    return {k: v.contiguous().clone() for k, v in trace.items()}


def main():
    from transformers import CLIPTokenizer
    vocabulary = HERE / "vocabulary"
    tokenizer = CLIPTokenizer(str(vocabulary / "vocab.json"), str(vocabulary / "merges.txt"))
    tokens = len(json.loads((vocabulary / "vocab.json").read_text()))
    families.unet = make_louder(families.unet)
    nets = {name: families.prepare(name, c, tokens) for name, c in MODELS.items()}
    for net in nets.values():
        write_embeddings(net)
    for name, options in CASES.items():
        o = {**COMMON, **options}
        net, c = nets[o["model"]], MODELS[o["model"]]
        words = Words(tokenizer, net, c, HERE / o["embedding"]) if "embedding" in o else tokenizer
        trace = comfyui(net, tokenizer, o) if o.get("render_as") == "comfyui" else run(net, words, c, o)
        if "embedding" in o:
            words.restore()
            trace |= {k: torch.where(v < tokens, v, 0) for k, v in trace.items() if k.startswith("tokens.")}
            o.pop("parts", None)
        save_file(trace, HERE / "cases" / (name + ".safetensors"))
        (HERE / "cases" / (name + ".json")).write_text(json.dumps(o, indent=1) + "\n")
        print(name, float(trace["image"].std()))


if __name__ == "__main__":
    main()
