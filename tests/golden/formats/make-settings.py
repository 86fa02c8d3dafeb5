#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""settings.json for tests/engine/formats/settings.c: python make-settings.py, with nothing but Python.

Thirty pictures' texts of each program, written here the way the program writes them, from settings that are known beforehand; what has
to be read out of them is stated beside. A case: {"program", "text": {keyword: text}, "fields": {key: value} (some of what is read; null: not there),
"request": {option: value} (what becomes of it here), "notes": [part of a sentence], "size": [width, height] of the file, if it matters}.
"""
import json
import os

HERE = os.path.dirname(os.path.abspath(__file__))
CASES = []

PROMPTS = [
    "a white swan on a lake at dusk, (golden light:1.2), film grain",
    "masterpiece, best quality, 1girl, (long hair:1.1), red scarf, snow, looking at viewer",
    "portrait of an old fisherman, weathered face, dramatic light, 85mm",
    "isometric cottage, tiny garden, soft shadows, cozy",
    "cinematic still of a train in the rain, neon reflections, 4k",
    "水彩画, 山水, 雾, 一叶孤舟",
    "a bowl of ramen, steam, top view, food photography, \"fresh\"",
    "cat: sleeping, on a windowsill",
    "knight in ornate armor, engraved, by Alphonse Mucha",
    "abandoned greenhouse\novergrown with ivy\nvolumetric light",
    "ein Bär im Wald, Ölgemälde",
    "astronaut riding a horse, studio light, octane render",
    "(best quality), ((masterpiece)), [lowres:sharp:0.5] city street",
    "logo of a fox, flat, vector, minimal",
    "woman in a red dress, \\(fashion\\), runway, motion blur",
]
NEGATIVES = ["", "blurry, low quality", "lowres, bad anatomy, bad hands, (worst quality:1.4)", "text, watermark\nsignature",
             "easynegative, nsfw", "深い影, ぼやけた", "deformed, extra limbs, jpeg artifacts"]
SEEDS = [1, 42, 965400086, 1234567890, 3357757885, 4294967295, 235284042, 777, 0]
LARGE = [280823642470253, 18446744073709551615, 1125899906842624, 890421140397575, 6952411511246973023, 156680208700286, 5]
SIZES = [(512, 512), (512, 768), (768, 512), (640, 448), (1024, 1024), (832, 1216), (1152, 896)]


def at(items, i):
    return items[i % len(items)]


def number(value):
    return f"{value:.10g}" if isinstance(value, float) else str(value)


def case(program, text, fields, request=None, notes=(), size=None):
    entry = {"program": program, "text": text, "fields": {k: v if v is None else str(v) for k, v in fields.items()}}
    if request:
        entry["request"] = {k: str(v) for k, v in request.items()}
    if notes:
        entry["notes"] = list(notes)
    if size:
        entry["size"] = size
    CASES.append(entry)


# ---- A1111 and those who write like it: processing.py, create_infotext; infotext_utils.py, quote

def quote(value):
    text = str(value)
    return json.dumps(text, ensure_ascii=False) if any(c in text for c in ",\n:") else text


def infotext(prompt, negative, pairs):
    line = ", ".join(f"{k}: {quote(v)}" for k, v in pairs if v is not None)
    return (prompt + (f"\nNegative prompt: {negative}" if negative else "") + "\n" + line).strip()


# label of 1.9 and later, its schedule there; label before 1.9; our ids
A1111_SAMPLERS = [
    ("Euler a", "Automatic", "Euler a", "euler_a", "automatic"), ("DPM++ 2M", "Karras", "DPM++ 2M Karras", "dpmpp_2m", "karras"),
    ("DPM++ SDE", "Karras", "DPM++ SDE Karras", "dpmpp_sde", "karras"), ("DDIM", "Automatic", "DDIM", "ddim", "automatic"),
    ("DPM++ 2M SDE", "Exponential", "DPM++ 2M SDE Exponential", "dpmpp_2m_sde", "exponential"), ("Heun", "Automatic", "Heun", "heun", "automatic"),
    ("UniPC", "Automatic", "UniPC", "unipc_original", "automatic"), ("DPM2 a", "Karras", "DPM2 a Karras", "dpm2_a", "karras"),
    ("DPM++ 3M SDE", "Karras", "DPM++ 3M SDE Karras", "dpmpp_3m_sde", "karras"), ("LMS", "Karras", "LMS Karras", "lms", "karras"),
    ("Euler", "SGM Uniform", "Euler SGMUniform", "euler", "sgm_uniform"), ("DPM++ 2S a", "Karras", "DPM++ 2S a Karras", "dpmpp_2s_a", "karras"),
    ("Restart", "Karras", "Restart", "restart", "automatic"), ("PLMS", "Automatic", "PLMS", "plms", "automatic"),
    ("DPM++ 2M SDE Heun", "Karras", "DPM++ 2M SDE Heun Karras", "dpmpp_2m_sde_heun", "karras"), ("LCM", "Automatic", "LCM", "lcm", "automatic"),
]


def a1111():
    for i in range(30):
        prompt, negative, seed, (w, h) = at(PROMPTS, i), at(NEGATIVES, i), at(SEEDS, i), at(SIZES, i)
        label, schedule, old, sampler_id, schedule_id = at(A1111_SAMPLERS, i)
        steps, cfg, new = 15 + i, at([7, 6.5, 4, 11], i), i % 3 != 1
        if not new and old == "Restart":
            schedule_id = "automatic"
        if new and label == "Restart":
            schedule_id = "karras"
        extra, request, notes, fields = [], {}, [], {}
        if i % 5 == 0:
            prompt += " <lora:ink_v2:0.8>"
            extra.append(("Lora hashes", "ink_v2: 0f1e2d3c4b5a, gold: 112233445566"))
            fields["Lora hashes"] = "ink_v2: 0f1e2d3c4b5a, gold: 112233445566"
        if i % 4 == 2:
            extra += [("Hires upscale", 2), ("Hires steps", 15), ("Hires upscaler", "4x-UltraSharp")]
            fields["Hires upscaler"] = "4x-UltraSharp"
            notes.append("4x-UltraSharp")
        if i % 7 == 3:
            extra += [("ADetailer model", "face_yolov8n.pt"), ("ADetailer prompt", "face, detailed"), ("ADetailer version", "24.4.2")]
            fields["ADetailer prompt"] = "face, detailed"
            notes.append("ADetailer model: face_yolov8n.pt")
        if i % 6 == 1:
            extra.append(("ControlNet 0", "Module: canny, Model: control_v11p_sd15_canny [d14c016b], Weight: 1, Resize Mode: Crop and Resize"))
            fields["ControlNet 0"] = extra[-1][1]
            notes.append("ControlNet 0")
        rng = at([None, "CPU", "NV"], i)
        pairs = [("Steps", steps), ("Sampler", label if new else old), ("Schedule type", schedule if new else None), ("CFG scale", cfg),
                 ("Seed", seed), ("Size", f"{w}x{h}"), ("Model hash", "6ce0161689"), ("Model", at(["v1-5-pruned-emaonly", "dreamshaper_8"], i)),
                 ("VAE hash", "c6a580b13a" if i % 8 == 4 else None), ("VAE", "vae-ft-mse-840000-ema-pruned.ckpt" if i % 8 == 4 else None),
                 ("Denoising strength", 0.45 if i % 4 == 2 else None), ("Clip skip", 2 if i % 3 == 0 else None),
                 ("ENSD", 31337 if i % 9 == 0 else None), ("RNG", rng), *extra, ("Version", f"v1.{10 if new else 5 + i % 3}.{i % 2}")]
        program = "A1111"
        if i in (8, 17, 26):  # Forge
            pairs[-1] = ("Version", "f2.0.1v1.10.1-previous-636-gb835f24a")
            program = "Forge"
        if i == 26:
            pairs[-1] = ("Version", "f1.7.0-v1.10.1RC-latest-2132-g08bd1a9a")
            program = "reForge"
        if i in (11, 20):  # SD.Next
            pairs[-1] = ("App", "SD.Next")
            pairs += [("Version", "0a5c2e1"), ("Pipeline", "StableDiffusionPipeline"), ("Operations", "txt2img; hires")]
            pairs += [("Batch", "2x1"), ("Index", "1x2"), ("Variation seed", 99), ("Variation strength", 0.25)]
            request |= {"variation_seed": 99, "variation_strength": 0.25}
            program = "SD.Next"
        if i == 23:  # stable-diffusion.cpp, examples/cli: its own words for the noise source
            pairs = [("Steps", steps), ("CFG scale", "7.000000"), ("Seed", seed), ("Size", f"{w}x{h}"), ("Model", "sd-v1-4.ckpt"),
                     ("RNG", "cuda"), ("Sampler", "euler_a"), ("Version", "stable-diffusion.cpp")]
            program, sampler_id, schedule_id, cfg, rng, notes, fields = "stable-diffusion.cpp", "euler_a", "automatic", 7, "NV", [], {}
            negative = ""
        text = infotext(prompt, negative, pairs)
        if i == 14:  # the extension of wildcards
            text += "\nTemplate: {a|the} __animal__\nNegative Template: __bad__"
            fields |= {"Template": "{a|the} __animal__", "Negative Template": "__bad__"}
        if i == 29:  # Civitai
            resources = [{"type": "checkpoint", "modelVersionId": 128713, "modelName": "DreamShaper", "modelVersionName": "8"},
                         {"type": "lora", "weight": 0.6, "modelVersionId": 87153, "modelName": "More Details", "modelVersionName": "v1"}]
            text = infotext(prompt, negative, pairs[:6]) + ", Clip skip: 2, Created Date: 2024-05-18T1023:47.9Z, Civitai resources: " + \
                json.dumps(resources, separators=(",", ":")) + ", Civitai metadata: {}"
            program, notes = "Civitai", []
            fields = {"Model": "DreamShaper", "Clip skip": "2"}
            request["clip_skip"], rng = 2, None
            prompt += " <lora:More Details:0.6>"
        if i % 3 == 0:
            request["clip_skip"] = 2
        case(program, {"parameters": text},
             {"Prompt": prompt, "Negative prompt": negative, "Steps": steps, "Seed": seed, "Size": f"{w}x{h}", "Size-1": w, **fields},
             {"steps": steps, "cfg": number(cfg), "seed": seed, "sampler": sampler_id, "schedule": schedule_id, "width": w, "height": h,
              "rng": "cpu" if rng == "CPU" else "nv", "prompt": prompt, "negative": negative, **request}, notes)


# ---- ComfyUI: nodes.py; the page's own file for the workflow

COMFY_SAMPLERS = [("euler", "euler"), ("euler_ancestral", "euler_a"), ("dpmpp_2m", "dpmpp_2m"), ("dpmpp_sde", "dpmpp_sde"), ("ddim", "ddim"),
                  ("uni_pc", "unipc"), ("dpmpp_2m_sde_gpu", "dpmpp_2m_sde"), ("heun", "heun"), ("lcm", "lcm"), ("dpm_2_ancestral", "dpm2_a"),
                  ("lms", "lms"), ("res_multistep", "res_multistep"), ("ipndm", "ipndm"), ("deis", "deis")]
COMFY_SCHEDULES = [("normal", "normal"), ("karras", "karras"), ("sgm_uniform", "sgm_uniform"), ("simple", "simple"), ("ddim_uniform", "ddim"),
                   ("exponential", "exponential"), ("beta", "beta"), ("kl_optimal", "kl_optimal")]
WIDGETS = {"KSampler": ["seed", "+", "steps", "cfg", "sampler_name", "scheduler", "denoise"], "CLIPTextEncode": ["text"],
           "KSamplerAdvanced": ["add_noise", "noise_seed", "+", "steps", "cfg", "sampler_name", "scheduler", "start_at_step", "end_at_step",
                                "return_with_leftover_noise"],
           "CheckpointLoaderSimple": ["ckpt_name"], "EmptyLatentImage": ["width", "height", "batch_size"], "VAEDecode": [],
           "SaveImage": ["filename_prefix"], "LoraLoader": ["lora_name", "strength_model", "strength_clip"], "VAELoader": ["vae_name"],
           "CLIPSetLastLayer": ["stop_at_clip_layer"], "UNETLoader": ["unet_name", "weight_dtype"], "CLIPLoader": ["clip_name", "type"],
           "DualCLIPLoader": ["clip_name1", "clip_name2", "type"]}


class Graph:
    def __init__(self):
        self.nodes = {}

    def add(self, kind, **inputs):
        key = str(3 + len(self.nodes))
        self.nodes[key] = {"inputs": inputs, "class_type": kind, "_meta": {"title": kind}}
        return key

    def workflow(self):
        nodes, links = [], []
        for key, node in self.nodes.items():
            kind, inputs = node["class_type"], []
            for name, value in node["inputs"].items():
                if isinstance(value, list):
                    links.append([len(links) + 1, int(value[0]), value[1], int(key), len(inputs), "*"])
                    inputs.append({"name": name, "type": "*", "link": len(links)})
            values = ["randomize" if w == "+" else node["inputs"][w] for w in WIDGETS[kind]]
            nodes.append({"id": int(key), "type": kind, "pos": [0, 0], "mode": 0, "inputs": inputs, "outputs": [], "widgets_values": values})
        return {"last_node_id": 99, "nodes": nodes, "links": links, "groups": [], "version": 0.4}


def comfyui():
    for i in range(30):
        g, fields, request, notes, size = Graph(), {"VAE": None, "Refiner": None, "Hires steps": None, "Denoising strength": None}, {}, [], None
        prompt, negative, seed, (w, h) = at(PROMPTS, i + 3), at(NEGATIVES, i + 1), at(LARGE, i), at(SIZES, i)
        (sampler, sampler_id), (schedule, schedule_id) = at(COMFY_SAMPLERS, i), at(COMFY_SCHEDULES, i)
        steps, cfg, denoise = 10 + i, at([8.0, 7.5, 1.8, 4.5], i), 1.0
        loader = g.add("CheckpointLoaderSimple", ckpt_name=at(["SD1.5/dreamshaper_8.safetensors", "v1-5-pruned-emaonly.ckpt"], i))
        fields["Model"] = at(["dreamshaper_8", "v1-5-pruned-emaonly"], i)
        model, clip, vae, tags = [loader, 0], [loader, 1], [loader, 2], ""
        if i in (8, 20):  # a model in parts
            del g.nodes[loader]
            model = [g.add("UNETLoader", unet_name="sdxl/painter_unet.safetensors", weight_dtype="default"), 0]
            if i == 8:
                clip = [g.add("DualCLIPLoader", clip_name1="clip_l.safetensors", clip_name2="sdxl\\clip_g.gguf", type="sdxl"), 0]
                fields["Module 2"] = "clip_g"
                notes.append("clip_g")
            else:
                clip = [g.add("CLIPLoader", clip_name="clip_l.safetensors", type="stable_diffusion"), 0]
            vae = [g.add("VAELoader", vae_name="painter_vae.pt"), 0]
            fields.update({"Model": "painter_unet", "VAE": "painter_vae", "Module 1": "clip_l"})
            notes += ["painter_vae", "clip_l"]
        if i % 5 == 1:
            lora = g.add("LoraLoader", lora_name="styles\\ink_v2.safetensors", strength_model=0.8, strength_clip=0.5, model=model, clip=clip)
            model, clip, tags = [lora, 0], [lora, 1], " <lora:ink_v2:0.5:0.8>"
        if i % 10 == 6:
            lora = g.add("LoraLoader", lora_name="gold.safetensors", strength_model=1.0, strength_clip=1.0, model=model, clip=clip)
            model, clip, tags = [lora, 0], [lora, 1], tags + " <lora:gold:1>"
        if i % 4 == 3:
            clip = [g.add("CLIPSetLastLayer", stop_at_clip_layer=-2, clip=clip), 0]
            request["clip_skip"] = 2
        if i % 6 == 2 and i not in (8, 20):
            vae = [g.add("VAELoader", vae_name="vae-ft-mse-840000-ema-pruned.safetensors"), 0]
            fields["VAE"] = "vae-ft-mse-840000-ema-pruned"
        latent = [g.add("EmptyLatentImage", width=w, height=h, batch_size=1), 0]
        text = prompt
        if i == 21:
            text, prompt = "embedding:styles\\easy-ink.pt, (embedding:gold:1.2) " + prompt, "embedding:easy-ink, (embedding:gold:1.2) " + prompt
        if i == 9:  # the text from another node
            text = [g.add("PrimitiveStringMultiline", value=text), 0]
        positive = [g.add("CLIPTextEncode", text=text, clip=clip), 0]
        if i == 13:
            positive = [g.add("CLIPTextEncodeSDXL", width=1024, height=1024, crop_w=0, crop_h=0, target_width=1024, target_height=1024,
                              text_g=prompt, text_l="film grain", clip=clip), 0]
            notes.append("film grain")
        if i == 10:  # two texts side by side
            other = [g.add("CLIPTextEncode", text="misty forest", clip=clip), 0]
            positive = [g.add("ConditioningCombine", conditioning_1=positive, conditioning_2=other), 0]
            prompt += " :0.5\nAND misty forest :0.5"
        if i == 22:
            other = [g.add("CLIPTextEncode", text="misty forest", clip=clip), 0]
            positive = [g.add("ConditioningConcat", conditioning_to=positive, conditioning_from=other), 0]
            prompt += "\nBREAK\nmisty forest"
        below = [g.add("CLIPTextEncode", text=negative, clip=clip), 0]
        if i in (7, 19):
            net = g.add("ControlNetLoader", control_net_name="control_v11p_sd15_canny.pth")
            image = g.add("LoadImage", image="edges.png")
            if i == 7:
                both = g.add("ControlNetApplyAdvanced", positive=positive, negative=below, control_net=[net, 0], image=[image, 0], strength=0.9,
                             start_percent=0.0, end_percent=1.0)
                positive, below = [both, 0], [both, 1]
            else:
                positive = [g.add("ControlNetApply", conditioning=positive, control_net=[net, 0], image=[image, 0], strength=0.9), 0]
            notes.append("ControlNetApply")
        if i in (4, 16):  # from a picture
            image = g.add("LoadImage", image="example.png", upload="image")
            latent, denoise = [g.add("VAEEncode", pixels=[image, 0], vae=vae), 0], 0.87 - 1e-16
            fields["Denoising strength"], request["strength"] = "0.87", "0.87"
            notes.append("example.png")
        if i == 11:
            model = [g.add("ModelSamplingDiscrete", sampling="v_prediction", zsnr=True, model=model), 0]
            request["prediction"] = "v"
            notes.append("zsnr")
        if i == 21:
            model = [g.add("FreeU_V2", model=model, b1=1.3, b2=1.4, s1=0.9, s2=0.2), 0]
            notes.append("FreeU_V2")
        common = dict(model=model, positive=positive, negative=below, latent_image=latent)
        if i in (5, 15, 25):  # the sampler in parts
            noise = g.add("RandomNoise", noise_seed=seed)
            guider = g.add("CFGGuider", model=model, positive=positive, negative=below, cfg=cfg)
            kind = g.add("KSamplerSelect", sampler_name=sampler)
            if i == 15:
                sigmas, schedule_id = g.add("KarrasScheduler", steps=steps, sigma_max=14.6, sigma_min=0.03, rho=7.0), "karras"
            else:
                sigmas = g.add("BasicScheduler", model=model, scheduler=schedule, steps=steps, denoise=1.0)
            base = g.add("SamplerCustomAdvanced", noise=[noise, 0], guider=[guider, 0], sampler=[kind, 0], sigmas=[sigmas, 0], latent_image=latent)
        elif i in (8, 18):
            base = g.add("KSamplerAdvanced", add_noise="enable", noise_seed=seed, steps=steps, cfg=cfg, sampler_name=sampler,
                         scheduler=schedule, start_at_step=0, end_at_step=int(steps * 0.75) if i == 8 else 10000,
                         return_with_leftover_noise="enable" if i == 8 else "disable", **common)
        elif i == 28:  # a custom node that does the same
            base = g.add("KSampler (Efficient)", seed=seed, steps=steps, cfg=cfg, sampler_name=sampler, scheduler=schedule, denoise=1.0,
                         preview_method="auto", vae_decode="true", **common)
        else:
            value = [g.add("Seed (rgthree)", seed=seed), 0] if i == 12 else seed
            base = g.add("KSampler", seed=value, steps=steps, cfg=cfg, sampler_name=sampler, scheduler=schedule, denoise=denoise, **common)
        last = base
        if i == 8:  # handed over to the refiner
            refiner = g.add("CheckpointLoaderSimple", ckpt_name="sd_xl_refiner_1.0.safetensors")
            last = g.add("KSamplerAdvanced", add_noise="disable", noise_seed=0, steps=steps, cfg=cfg, sampler_name=sampler, scheduler=schedule,
                         start_at_step=int(steps * 0.75), end_at_step=10000, return_with_leftover_noise="disable",
                         **(common | {"model": [refiner, 0], "latent_image": [base, 0]}))
            fields |= {"Refiner": "sd_xl_refiner_1.0", "Refiner switch at": f"{int(int(steps * 0.75) / steps * 1e4) / 1e4:.4g}",
                       "Refiner switch by sampling steps": "True"}
            request |= {"refiner": "sd_xl_refiner_1.0", "refiner_step": str(int(steps * 0.75))}
        if i in (2, 20, 24):  # a second pass
            if i == 2:
                up = g.add("LatentUpscale", upscale_method="nearest-exact", width=2 * w, height=2 * h, crop="disabled", samples=[base, 0])
                fields |= {"Hires upscaler": "Latent (nearest-exact)", "Hires resize": f"{2 * w}x{2 * h}"}
            else:
                up = g.add("LatentUpscaleBy", upscale_method="bislerp", scale_by=1.5, samples=[base, 0])
                fields["Hires upscale"] = "1.5"
            last = g.add("KSampler", seed=seed if i == 2 else 7, steps=9, cfg=cfg if i == 2 else 5.0, sampler_name="dpmpp_2m",
                         scheduler="simple", denoise=0.5, model=model, positive=positive, negative=below, latent_image=[up, 0])
            fields |= {"Hires steps": "9", "Denoising strength": "0.5", "Hires sampler": None if sampler == "dpmpp_2m" else "dpmpp_2m",
                       "Hires seed": None if i == 2 else "7", "Hires CFG Scale": None if i == 2 or cfg == 5.0 else "5"}
            if i != 2:
                notes.append("Hires CFG Scale: 5, Hires seed: 7")
            if i == 24:  # both were saved; this is the first, as its size says
                size = [w, h]
                for key in ("Hires upscale", "Hires steps", "Denoising strength", "Hires sampler", "Hires seed", "Hires CFG Scale"):
                    fields[key] = None
                notes.pop()
        if last != base and i == 24:
            first = g.add("VAEDecode", samples=[base, 0], vae=vae)
            g.add("SaveImage", filename_prefix="first", images=[first, 0])
        picture = [g.add("VAEDecode", samples=[last, 0], vae=vae), 0]
        if i == 26:
            net = g.add("UpscaleModelLoader", model_name="4x-UltraSharp.pth")
            picture = [g.add("ImageUpscaleWithModel", upscale_model=[net, 0], image=picture), 0]
            notes.append("ImageUpscaleWithModel")
        g.add("PreviewImage" if i == 17 else "SaveImage", **({} if i == 17 else {"filename_prefix": "ComfyUI"}), images=picture)
        dumped = json.dumps(g.nodes)
        if i == 14:  # it happens: https://github.com/comfyanonymous/ComfyUI/issues, "NaN in metadata"
            dumped = dumped.replace('"class_type": "CheckpointLoaderSimple"', '"is_changed": [NaN], "class_type": "CheckpointLoaderSimple"')
        texts = {"prompt": dumped}
        if i in (0, 1, 3, 6, 18, 27, 29):
            page = g.workflow()
            texts = {"workflow": json.dumps(page)} if i not in (0,) else {"prompt": dumped, "workflow": json.dumps(page)}
        if i not in (4, 16):
            fields["Size"] = f"{w}x{h}"
            request |= {"width": w, "height": h}
        case("ComfyUI", texts, {"Prompt": prompt.strip() + tags, "Negative prompt": negative, "Seed": seed, "RNG": "CPU", **fields},
             {"steps": steps, "cfg": number(cfg), "seed": seed, "sampler": sampler_id, "schedule": schedule_id, "rng": "cpu",
              "render_as": "comfyui", "prompt": prompt.strip() + tags, **request}, notes, size)


# ---- SwarmUI: docs/Image Metadata Format.md

def swarmui():
    for i in range(30):
        prompt, negative, seed, (w, h) = at(PROMPTS, i + 5), at(NEGATIVES, i + 2), at(LARGE, i + 1), at(SIZES, i)
        (sampler, sampler_id), (schedule, schedule_id) = at(COMFY_SAMPLERS, i + 4), at(COMFY_SCHEDULES, i + 1)
        steps, cfg, tags, fields, request, notes = 18 + i, at([7.0, 5.5, 2], i), "", {}, {}, []
        params = {"prompt": prompt, "negativeprompt": negative, "model": at(["OfficialStableDiffusion/sd_xl_base_1.0", "dreamshaper_8"], i),
                  "images": 1, "seed": seed, "steps": steps, "cfgscale": cfg, "aspectratio": "1:1", "width": w, "height": h}
        fields["Model"] = at(["sd_xl_base_1.0", "dreamshaper_8"], i)
        if i % 4 == 0:  # before 0.9.3
            params |= {"comfyuisampler": sampler, "comfyuischeduler": schedule, "swarm_version": "0.6.1.2"}
        elif i % 4 == 3:  # nothing chosen
            params |= {"automaticvae": True, "swarm_version": "0.9.3.1"}
            sampler_id, schedule_id = "euler", "normal"
        else:
            params |= {"sampler": sampler, "scheduler": schedule, "automaticvae": True, "swarm_version": "0.9.6.3"}
        if i % 5 == 2:
            params |= {"loras": ["styles/ink_v2", "gold"], "loraweights": ["0.7", "1"]}
            tags = " <lora:ink_v2:0.7> <lora:gold:1>"
        if i == 12:  # in the prompt, too
            prompt = params["prompt"] = prompt + " <lora:gold:1>"
            tags = " <lora:ink_v2:0.7>"
        if i % 10 == 4:
            params |= {"loras": "ink_v2,gold", "loraweights": "0.7,0.5", "loratencweights": "0.2,0.5"}
            tags = " <lora:ink_v2:0.2:0.7> <lora:gold:0.5>"
        if i % 6 == 1:
            params["clipstopatlayer"] = "-2" if i == 1 else -2
            request["clip_skip"] = 2
        if i % 7 == 5:
            params |= {"refinercontrolpercentage": 0.2, "refinermethod": "PostApply"}
            notes.append("refinermethod: PostApply")
        if i % 9 == 8:
            params |= {"initimage": "(image)", "initimagecreativity": 0.6}
            fields["Denoising strength"] = "0.6"
            notes.append("started from")
        if i == 3:
            params |= {k: str(params[k]) for k in ("seed", "steps", "cfgscale", "width", "height")}
        root = {"sui_image_params": params, "sui_extra_data": {"date": "2024-11-13", "generation_time": "6.11 (prep) and 4.84 (gen) seconds"}}
        if i % 2:
            root["sui_models"] = [{"name": "m.safetensors", "param": "model", "hash": "0x" + "84fc41ea0821fa0a" * 4}]
            fields["Model hash"] = "84fc41ea0821"
        case("SwarmUI", {"parameters": json.dumps(root, indent=2 if i % 3 else None, ensure_ascii=i % 2 == 0)},
             {"Prompt": prompt + tags, "Negative prompt": negative, "Steps": steps, "Seed": seed, "Size": f"{w}x{h}", "RNG": "CPU", **fields},
             {"steps": steps, "cfg": number(cfg), "seed": seed, "sampler": sampler_id, "schedule": schedule_id, "width": w, "height": h,
              "rng": "cpu", "render_as": "comfyui", **request}, notes)


# ---- Fooocus: modules/meta_parser.py, both schemes; before 2.2 the labels of its page

def fooocus():
    labels = {"euler": "Euler", "euler_ancestral": "Euler a", "dpmpp_2m": "DPM++ 2M", "dpmpp_sde": "DPM++ SDE", "ddim": "DDIM",
              "uni_pc": "UniPC", "dpmpp_2m_sde_gpu": "DPM++ 2M SDE", "heun": "Heun", "lcm": "LCM", "dpm_2_ancestral": "DPM2 a", "lms": "LMS"}
    for i in range(30):
        prompt, negative, seed, (w, h) = at(PROMPTS, i + 7), at(NEGATIVES, i + 3), at(LARGE, i + 2), at(SIZES, i)
        (sampler, sampler_id), (schedule, schedule_id) = at(COMFY_SAMPLERS[:11], i + 6), at(COMFY_SCHEDULES[:4], i + 1)
        steps, cfg, loras, scheme = at([30, 60, 8, 4], i), at([4, 7.0, 1.0], i), [], at(["fooocus", "fooocus", "a1111", "old"], i)
        full, below = [prompt + ", cinematic still", prompt + ", intricate"], [negative] if negative else []
        if i % 3 == 0:
            loras = [("sd_xl_offset_example-lora_1.0", 0.1), ("ink_v2", 0.75)][:1 + i % 2]
        tags = "".join(f" <lora:{n}:{number(x)}>" for n, x in loras)
        version = f"Fooocus v2.{2 + i % 4}.{i % 5}"
        if scheme == "fooocus":
            data = {"adm_guidance": "(1.5, 0.8, 0.3)", "base_model": "juggernautXL_v8Rundiffusion", "base_model_hash": "aeb7e9e689",
                    "clip_skip": 2, "full_negative_prompt": below, "full_prompt": full, "guidance_scale": cfg,
                    "loras": [[n, x, "4852686128"] for n, x in loras], "metadata_scheme": "fooocus", "negative_prompt": negative,
                    "performance": "Speed", "prompt": prompt, "prompt_expansion": "", "refiner_model": "None", "refiner_switch": 0.5,
                    "resolution": f"({w}, {h})", "sampler": sampler, "scheduler": schedule, "seed": str(seed), "sharpness": 2, "steps": steps,
                    "styles": "['Fooocus V2', 'Fooocus Enhance']", "vae": "Default (model)", "version": version}
            texts = {"parameters": json.dumps(data), "fooocus_scheme": "fooocus"}
            want, notes = ", ".join(full), ["2 parts", "Sharpness: 2", "ADM Guidance"]
        elif scheme == "a1111":
            label = labels[sampler]
            karras = schedule == "karras" and sampler not in ("euler", "euler_ancestral", "heun", "ddim", "uni_pc")
            pairs = [("Steps", steps), ("Sampler", label + " Karras" if karras else label), ("Seed", seed), ("Size", f"{w}x{h}"),
                     ("CFG scale", cfg), ("Sharpness", 2), ("ADM Guidance", "(1.5, 0.8, 0.3)"), ("Model", "juggernautXL_v8Rundiffusion"),
                     ("Model hash", "aeb7e9e689"), ("Performance", "Speed"), ("Scheduler", schedule), ("VAE", "Default (model)"),
                     ("Raw prompt", prompt), ("Raw negative prompt", negative), ("Clip skip", 2)]
            if loras:
                pairs += [("Lora hashes", ", ".join(f"{n}: 4852686128" for n, _ in loras)),
                          ("Lora weights", ", ".join(f"{n}: {x}" for n, x in loras))]
            pairs.append(("Version", version))
            texts = {"parameters": infotext(", ".join(full), ", ".join(below), pairs), "fooocus_scheme": "a1111"}
            want, notes = ", ".join(full), ["Sharpness: 2", "ADM Guidance"]
        else:
            performance = at([("Speed", 30), ("Quality", 60), ("Extreme Speed", 8)], i)
            steps = performance[1]
            data = {"Prompt": prompt, "Negative Prompt": negative, "Fooocus V2 Expansion": "", "Styles": "['Fooocus V2']",
                    "Performance": performance[0], "Resolution": f"({w}, {h})", "Sharpness": 2.0, "Guidance Scale": cfg,
                    "ADM Guidance": "(1.5, 0.8, 0.3)", "Base Model": "juggernautXL_v8Rundiffusion.safetensors", "Refiner Model": "None",
                    "Refiner Switch": 0.5, "Sampler": sampler, "Scheduler": schedule, "Seed": seed}
            data |= {f"LoRA {k + 1}": f"{n}.safetensors : {x}" for k, (n, x) in enumerate(loras)} | {"Version": "v2.1.865"}
            texts, want, notes = {"Comment": json.dumps(data)}, prompt, ["Sharpness: 2"]
        case("Fooocus", texts, {"Prompt": want + tags, "Negative prompt": negative if scheme == "old" else ", ".join(below),
                                "Steps": steps, "Seed": seed, "Size": f"{w}x{h}", "Model": "juggernautXL_v8Rundiffusion", "RNG": "CPU"},
             {"steps": steps, "cfg": number(cfg), "seed": seed, "sampler": sampler_id, "schedule": schedule_id, "width": w, "height": h,
              "rng": "cpu", "render_as": "comfyui", **({} if scheme == "old" else {"clip_skip": 2})}, notes)


# ---- InvokeAI: app/invocations/metadata.py; ldm/invoke/args.py

INVOKE = [("euler", "euler", 0), ("euler_k", "euler", 1), ("euler_a", "euler_a", 0), ("dpmpp_2m_k", "dpmpp_2m", 1), ("ddim", "ddim", 0),
          ("dpmpp_2m_sde_k", "dpmpp_2m_sde", 1), ("heun", "heun", 0), ("lms_k", "lms", 1), ("pndm", "plms", 0), ("unipc", "unipc", 0),
          ("kdpm_2_a", "dpm2_a", 0), ("dpmpp_sde", "dpmpp_sde", 0), ("deis", "deis", 0), ("lcm", "lcm", 0), ("kdpm_2", "dpm2", 0)]
OLD = [("k_lms", "lms"), ("k_euler_a", "euler_a"), ("k_euler", "euler"), ("ddim", "ddim"), ("k_dpm_2_a", "dpm2_a"), ("plms", "plms"),
       ("k_heun", "heun"), ("k_dpmpp_2", "dpmpp_2m")]


def invokeai():
    for i in range(30):
        prompt, negative, seed, (w, h) = at(PROMPTS, i + 9), at(NEGATIVES, i + 4), at(SEEDS, i + 2), at(SIZES, i)
        steps, cfg, tags, fields, request, notes = 20 + i, at([7.5, 5.0, 8], i), "", {}, {}, []
        form = at(["new", "new", "sd-metadata", "new", "dream"], i)
        if form == "new":
            scheduler, sampler_id, karras = at(INVOKE, i - i // 5 * 2)
            schedule_id = "karras" if karras else "normal"
            model = {"model_name": "stable-diffusion-v1-5", "base_model": "sd-1", "model_type": "main"} if i % 2 else \
                {"key": "0c5c7f0c", "hash": "blake3:1a2b", "name": "stable-diffusion-v1-5", "base": "sd-1", "type": "main"}
            data = {"generation_mode": "txt2img", "positive_prompt": prompt, "negative_prompt": negative, "width": w, "height": h, "seed": seed,
                    "rand_device": "cuda" if i == 6 else "cpu", "cfg_scale": cfg, "cfg_rescale_multiplier": 0.0, "steps": steps,
                    "scheduler": scheduler, "clip_skip": 1 if i % 4 == 1 else 0, "model": model, "controlnets": [], "ipAdapters": [],
                    "t2iAdapters": [], "loras": [], "app_version": "5.4.2"}
            fields["Model"] = "stable-diffusion-v1-5"
            request["rng"] = "nv" if i == 6 else "cpu"
            if i % 4 == 1:
                request["clip_skip"] = 2
            if i % 4 == 3:
                data["loras"] = [{"model": {"key": "x", "name": "ink_v2", "base": "sd-1", "type": "lora"}, "weight": 0.75}] if i % 3 else \
                    [{"lora": {"model_name": "ink_v2", "base_model": "sd-1"}, "weight": 0.75}]
                tags = " <lora:ink_v2:0.75>"
            if i == 10:
                data["controlnets"] = [{"image": {"image_name": "a.png"}, "control_model": {"model_name": "canny"}, "control_weight": 1}]
                notes.append("ControlNet “canny”")
            if i == 15:
                data |= {"strength": 0.6, "init_image": "b.png", "generation_mode": "img2img"}
                fields["Denoising strength"], request["strength"] = "0.6", "0.6"
                notes.append("started from")
            if i == 16:
                prompt = data["positive_prompt"] = "a fox++, (snow)1.3"
                notes.append("word++")
            if i == 25:
                data |= {"canvas_v2_metadata": {"referenceImages": [], "controlLayers": [{"id": "control_layer:x"}]}, "app_version": "5.9.1"}
                notes.append("guided by")
            if i == 21:
                data["vae"] = {"model_name": "VAEFix", "base_model": "sd-1"}
                notes.append("VAEFix")
            texts = {"invokeai_metadata": json.dumps(data, separators=(",", ":"))}
            if i % 6 == 0:
                texts["invokeai_workflow"] = json.dumps({"nodes": [], "edges": []})
        else:
            sampler, sampler_id = at(OLD, i // 2)
            schedule_id, prompt, request["rng"] = "normal", prompt.replace("[", "").replace("]", "").replace("\n", " ").replace('"', ""), "nv"
            negative = negative.replace("\n", " ")
            whole = prompt + (f" [{negative}]" if negative else "")
            dream = f'"{whole}" -s {steps} -S {seed} -W {w} -H {h} -C {cfg} -A {sampler}'
            if i == 4:
                dream += " -G 0.9 -U 4 0.95"
                notes.append("worked on further")
            texts = {"Dream": dream}
            if form == "sd-metadata":
                image = {"prompt": [{"prompt": whole, "weight": 1.0}] if i % 2 else whole, "steps": steps, "cfg_scale": cfg, "threshold": 0,
                         "perlin": 0, "height": h, "width": w, "seed": seed, "seamless": False, "hires_fix": False, "type": "txt2img",
                         "postprocessing": None, "sampler": sampler, "variations": []}
                if i == 12:
                    image["perlin"] = 0.1
                    notes.append("perlin: 0.1")
                texts["sd-metadata"] = json.dumps({"model": "stable diffusion", "model_weights": "deliberate_v08", "model_hash": "56d1442a" * 8,
                                                   "app_id": "invoke-ai/InvokeAI", "app_version": "2.3.0", "image": image})
                fields |= {"Model": "deliberate_v08", "Model hash": "56d1442a56"}
        case("InvokeAI", texts, {"Prompt": prompt + tags, "Negative prompt": negative, "Steps": steps, "Seed": seed, "Size": f"{w}x{h}", **fields},
             {"steps": steps, "cfg": number(cfg), "seed": seed, "sampler": sampler_id, "schedule": schedule_id, "width": w, "height": h,
              "render_as": "diffusers", **request}, notes + (["another seed"] if sampler_id in ("euler_a", "dpm2_a", "dpmpp_sde") else []))


# ---- NovelAI: docs.novelai.net, "Image Generation"

NAI = [("k_euler_ancestral", "euler_a"), ("k_dpmpp_2m", "dpmpp_2m"), ("k_euler", "euler"), ("k_dpmpp_2s_ancestral", "dpmpp_2s_a"),
       ("k_dpmpp_sde", "dpmpp_sde"), ("ddim_v3", "ddim"), ("k_dpmpp_2m_sde", "dpmpp_2m_sde"), ("k_lms", "lms"), ("plms", "plms")]
NAI_PROMPTS = [
    ("masterpiece, best quality, cat, space, icon", "masterpiece, best quality, cat, space, icon"),
    ("1girl, {{red hair}}, rain", "1girl, (red hair:1.1025), rain"),
    ("[background], ruins", "(background:0.95238095), ruins"),
    ("saber (fate), {smile}", "saber \\(fate\\), (smile:1.05)"),
    ("1.3::golden light::, lake", "(golden light:1.3), lake"),
    ("forest, 0.5::fog::, {deer, [grass]}", "forest, (fog:0.5), (deer, :1.05)grass"),
    ("2girls, -1::hat::", "2girls, (hat:-1)"),
]


def novelai():
    for i in range(30):
        (prompt, want), negative, seed, (w, h) = at(NAI_PROMPTS, i), at(NEGATIVES[:2] + ["lowres, bad anatomy, worst quality"], i), at(SEEDS, i), \
            at(SIZES, i)
        (sampler, sampler_id), steps, scale, notes = at(NAI, i), at([28, 23, 50], i), at([5.0, 6.2, 11.0], i), []
        source = at(["NovelAI Diffusion V4.5 4BB8B1D7", "NovelAI Diffusion V3 C1E1DE52", "Stable Diffusion 1D44365E"], i)
        texts = {"Title": "NovelAI generated image", "Software": "NovelAI", "Source": source, "Description": prompt}
        request, size, schedule = {}, None, at(["karras", "native", "exponential"], i)
        notes.append(source)
        if i % 3 == 2:  # of 2022
            data = {"steps": steps, "sampler": sampler, "seed": seed, "strength": 0.7, "noise": 0.2, "scale": scale, "uc": negative}
            size, schedule = [w, h], "native"
        else:
            data = {"prompt": prompt, "steps": steps, "height": h, "width": w, "scale": scale, "uncond_scale": 0.0, "cfg_rescale": 0.0,
                    "seed": seed, "n_samples": 1, "hide_debug_overlay": False, "noise_schedule": schedule, "legacy_v3_extend": False,
                    "reference_information_extracted_multiple": [], "reference_strength_multiple": [], "sampler": sampler,
                    "controlnet_strength": 1.0, "controlnet_model": None, "dynamic_thresholding": i == 7, "sm": i == 4, "sm_dyn": False,
                    "uncond_per_vibe": True, "request_type": "PromptGenerateRequest", "signed_hash": "abc=", "uc": negative}
            if i == 7:
                notes.append("dynamic_thresholding: true")
            if i == 4:
                notes.append("sm: true")
            if i == 9:
                data["cfg_rescale"] = 0.4
                notes.append("cfg_rescale: 0.4")
            if i == 12:
                data |= {"request_type": "Image2ImageRequest", "strength": 0.6}
                notes.append("started from")
                request["strength"] = "0.6"
            if i % 3 == 0:
                data["v4_prompt"] = {"caption": {"base_caption": prompt, "char_captions": []}, "use_coords": False, "use_order": True}
                if i == 15:
                    data["v4_prompt"]["caption"]["char_captions"] = [{"char_caption": "girl, umbrella", "centers": [{"x": 0.5, "y": 0.5}]}]
                    want += ", girl, umbrella"
                    notes.append("1 characters")
        texts["Comment"] = json.dumps(data)
        case("NovelAI", texts, {"Prompt": want, "Negative prompt": negative, "Steps": steps, "Seed": seed, "Size": f"{w}x{h}", "RNG": "NV"},
             {"steps": steps, "cfg": number(scale), "seed": seed, "sampler": sampler_id,
              "schedule": "normal" if schedule == "native" else schedule, "width": w, "height": h, "rng": "nv", **request}, notes, size)


# ---- Draw Things: JSON within XMP; and Easy Diffusion: a keyword each, or JSON. Eight of each

def drawthings():
    for i in range(8):
        prompt, negative, seed, (w, h) = at(PROMPTS, i + 2), at(NEGATIVES, i), at(SEEDS, i), at(SIZES, i)
        (sampler, schedule, old, sampler_id, schedule_id), steps, notes, tags, request = at(A1111_SAMPLERS, i), 12 + i, [], "", {}
        mode = at(["Torch CPU Compatible", "NVIDIA GPU Compatible", "Scale Alike"], i)
        data = {"c": prompt, "model": "sd_v1.5_f16.ckpt", "sampler": old, "scale": 7.5, "seed": seed, "seed_mode": mode, "size": f"{w}x{h}",
                "steps": steps, "strength": 1, "uc": negative, "lora": [], "mask_blur": 1.5}
        if mode == "Scale Alike":
            notes.append("Scale Alike")
        if i % 4 == 1:
            data["lora"], tags = [{"mode": "all", "model": "ink_v2_lora_f16.ckpt", "weight": 0.6}], " <lora:ink_v2_lora_f16:0.6>"
        if i == 5:
            data["strength"], request["strength"] = 0.7, 0.7
            notes.append("started from")
        dumped = json.dumps(data, ensure_ascii=False).replace("&", "&amp;").replace("<", "&lt;").replace('"', "&quot;")
        xmp = ('<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF><rdf:Description><exif:UserComment><rdf:Alt><rdf:li xml:lang="x-default">' +
               dumped + "</rdf:li></rdf:Alt></exif:UserComment></rdf:Description></rdf:RDF></x:xmpmeta>")
        case("Draw Things", {"XML:com.adobe.xmp": xmp},
             {"Prompt": prompt + tags, "Negative prompt": negative, "Steps": steps, "Seed": seed, "Size": f"{w}x{h}", "Model": "sd_v1.5_f16"},
             {"steps": steps, "cfg": "7.5", "seed": seed, "sampler": sampler_id, "schedule": schedule_id if old != sampler else "automatic",
              "width": w, "height": h, "rng": "cpu" if "CPU" in mode else "nv", **request}, notes)


def easydiffusion():
    page = {"prompt": "Prompt", "negative_prompt": "Negative Prompt", "seed": "Seed", "use_stable_diffusion_model": "Stable Diffusion model",
            "clip_skip": "Clip Skip", "use_vae_model": "VAE model", "sampler_name": "Sampler", "width": "Width", "height": "Height",
            "num_inference_steps": "Steps", "guidance_scale": "Guidance Scale", "use_lora_model": "LoRA model", "lora_alpha": "LoRA Strength"}
    for i in range(8):
        prompt, negative, seed, (w, h) = at(PROMPTS, i + 4), at(NEGATIVES, i + 1), at(SEEDS, i + 1), at(SIZES, i + 2)
        (sampler, sampler_id), steps, tags, request = at([("euler_a", "euler_a"), ("dpmpp_2m", "dpmpp_2m"), ("ddim", "ddim")], i), 25 + i, "", {}
        data = {"prompt": prompt, "seed": seed, "negative_prompt": negative, "num_inference_steps": steps, "guidance_scale": 7.5, "width": w,
                "height": h, "use_stable_diffusion_model": "models/sd-v1-4.ckpt", "clip_skip": i % 2 == 1, "use_vae_model": "",
                "sampler_name": sampler}
        if i % 2 == 1:
            request["clip_skip"] = 2
        if i % 4 == 2:
            data |= {"use_lora_model": ["ink_v2", "gold"], "lora_alpha": [0.5, 1.0]}
            tags = " <lora:ink_v2:0.5> <lora:gold:1>"
        if i % 4 == 3:
            data |= {"use_lora_model": "ink_v2", "lora_alpha": 0.25}
            tags = " <lora:ink_v2:0.25>"
        if i >= 4:
            data = {page[k]: v for k, v in data.items()}
        texts = {"parameters": json.dumps(data)} if i % 3 == 0 else {k: str(v) for k, v in data.items()}
        case("Easy Diffusion", texts, {"Prompt": prompt + tags, "Negative prompt": negative, "Steps": steps, "Seed": seed, "Size": f"{w}x{h}",
                                       "Model": "sd-v1-4", "VAE": None},
             {"steps": steps, "cfg": "7.5", "seed": seed, "sampler": sampler_id, "width": w, "height": h, "rng": "cpu", **request})


for make in (a1111, comfyui, swarmui, fooocus, invokeai, novelai, drawthings, easydiffusion):
    make()
with open(os.path.join(HERE, "settings.json"), "w", encoding="utf-8") as file:
    file.write("[\n" + ",\n".join(json.dumps(c, ensure_ascii=False, separators=(",", ":")) for c in CASES) + "\n]\n")
