#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Writes docs/COMPATIBILITY.md from what the tests measure: feature, judge, largest difference seen.

    python3 tests/compatibility.py [build]      after `ninja -C build`

Runs the programs of the golden tests and reads the differences they report. Nothing is entered by hand but which case is a proof of what.
"""
import collections
import os
import pathlib
import re
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parent.parent
BUILD = pathlib.Path(sys.argv[1] if len(sys.argv) > 1 else ROOT / "build").resolve()

TORCH = "diffusers and transformers (networks), k-diffusion (samplers), A1111's rules"
COMFYUI = "ComfyUI's rules over k-diffusion"
DIFFUSERS = "diffusers' StableDiffusionPipeline, as it is"
LOADER = TORCH + ", peft by diffusers' load_lora_weights"
# feature, judge, cases of tests/golden/pictures
PICTURES = [
    ("SD 1, four, three and two levels", TORCH, "euler-normal two-levels-simple one-block-sgm"),
    ("SD 1, a diffusers folder in shards, v prediction", TORCH, "folder-v v"),
    ("SD 2, epsilon; v by its weights, long prompts; a folder", TORCH, "sd2-eps sd2-long-v sd2-folder"),
    ("SDXL: both text encoders, pooled text, sizes; long prompts, empty negative prompt", TORCH, "sdxl sdxl-long sdxl-folder"),
    ("SDXL with v prediction over zero terminal SNR", TORCH, "sdxl-zero"),
    ("SDXL refiner alone", TORCH, "refiner refiner-empty"),
    ("Base model, then refiner", TORCH + " (apply_refiner)", "handed-over"),
    ("Inpainting models (9 channels)", TORCH, "inpaint-all mask-channels"),
    ("Editing models (8 channels), with and without guidance by the picture", TORCH, "edit edit-two"),
    ("Consistency models that are told the scale of guidance", TORCH, "told"),
    ("Distilled networks without all of their middle", TORCH, "short-middle no-middle"),
    ("Clip skip; prompts of several chunks", TORCH, "clip-skip long"),
    ("Ancestral noise, torch's on the CPU and NV's", TORCH, "euler-a-karras nv"),
    ("SDE samplers over torchsde's tree", TORCH + ", torchsde", "sde sde-init-nv"),
    ("Heun, DPM++ 2M, DDIM in whole pictures", TORCH, "heun-exponential dpmpp-2m-karras ddim"),
    ("Image to image; exactly as many steps", TORCH, "init exact-steps"),
    ("UniPC as A1111 runs it", "diffusers and transformers (networks), UniPC's code written down once more, A1111's rules", "unipc-original"),
    ("Last but one noise level discarded, SGM's noise; rho, lowest and highest level", TORCH, "levels levels-all levels-init"),
    ("Prompts that change with the steps", TORCH, "timeline timeline-heun timeline-long timeline-sdxl"),
    ("AND with weights", TORCH, "compose compose-sdxl compose-even"),
    ("Textual inversion", TORCH, "embedding embedding-sdxl"),
    ("LoRAs as kohya's scripts name layers, with convolutions; OneTrainer's; SDXL's by block", LOADER, "lora-kohya lora-xl-onetrainer lora-xl-blocks"),
    ("LoRAs as diffusers and PEFT name layers, of now and of before 0.22; DoRA", LOADER, "lora-peft lora-xl-peft lora-processor lora-xl-dora"),
    ("LoCon, LoHa and LoKr of LyCORIS", TORCH + ", LyCORIS' layers", "lora-locon lora-loha lora-lokr"),
    ("Masks: original, noise, nothing; a part alone", TORCH, "mask mask-ddim mask-ddim-blurred mask-noise mask-nothing mask-part"),
    ("Soft inpainting: whole, a part alone, with an inpainting model and mask weight", "A1111's rules in torch and numpy, Pillow",
     "mask-soft mask-soft-part mask-soft-channels mask-soft-ddim"),
    ("Outpainting: whole, the new part alone, softly, with an inpainting model", "A1111's rules in torch, Pillow and OpenCV, in one piece",
     "outpaint outpaint-noise outpaint-part outpaint-channels"),
    ("More or less noise than belongs over a picture", TORCH, "noisier noisier-ddim hires-noisier"),
    ("Start pictures of another size; their latents", TORCH + ", Pillow", "resize-fit resize-fill resize-stretch resize-latent resize-latent-odd"),
    ("Second pass over a start picture: its latent stretched, a part alone, grown softly", TORCH + ", Pillow", "hires-start hires-mask hires-grown"),
    ("Second pass: latents, pixels, cut, DDIM", TORCH + ", Pillow", "hires hires-cut hires-pixels hires-ddim hires-sizes"),
    ("ControlNets: ranges, weights and modes, two at once, two passes; SD1, SD2, SDXL, inpainting", TORCH + ", Pillow",
     "control control-two control-odd control-hires control-sd2 control-sdxl control-inpaint"),
    ("Tiling, both axes and one, in two passes; SD1 and SDXL", TORCH + ", Pillow", "tiling tiling-x tiling-y tiling-sdxl tiling-sdxl-x"),
    ("Second pass over what a Real-ESRGAN network enlarged", TORCH + ", Pillow, spandrel", "hires-network"),
    ("`--render-as comfyui`: start, timesteps, noise of steps", COMFYUI, "comfyui-euler-a comfyui-2m comfyui-dpm2 comfyui-ddim"),
    ("`--render-as comfyui`: SDE samplers", COMFYUI + ", torchsde", "comfyui-sde comfyui-sde-init"),
    ("`--render-as comfyui`: beta and KL optimal", COMFYUI + ", scipy", "comfyui-beta comfyui-kl-optimal"),
    ("`--render-as comfyui`: image to image; empty negative prompt of SDXL", COMFYUI, "comfyui-init comfyui-empty"),
    ("`--render-as comfyui`: weights in prompts", COMFYUI, "comfyui-weights"),
    ("Guidance rescale, epsilon and v", DIFFUSERS, "diffusers-rescale diffusers-rescale-v"),
    ("`--render-as diffusers`: Euler, Euler a, Heun, TCD", DIFFUSERS, "diffusers-euler diffusers-euler-a diffusers-heun diffusers-tcd"),
]
# feature, judge, program, what its messages begin with
PARTS = [
    ("Schedules (all but those named below)", "k-diffusion, diffusers, scipy", "sampling/test-sigmas", r"largest relative difference"),
    ("torch's CPU generator", "torch.randn", "sampling/test-noise", r"cpu: largest relative difference"),
    ("NV's Philox", "A1111's rng_philox, in numpy", "sampling/test-noise", r"nv: largest relative difference"),
    ("A real card's Philox (`cuda:SMS`)", "PyTorch's and curand's rules, in numpy", "sampling/test-noise", r"cuda\.json: largest relative difference"),
    ("Brownian tree, torch's normals", "torchsde", "sampling/test-brownian", r"path [0-6]: largest relative difference"),
    ("Brownian tree, NV's normals", "torchsde over A1111's rng_philox", "sampling/test-brownian", r"path [78]: largest relative difference"),
    ("Upscalers: ESRGAN in every layout, ESRGAN+, Real-ESRGAN's compact networks", "PyTorch, spandrel", "models/test-upscalers", r"cpu: relative L2"),
    ("Variation seeds, noise of another size", "A1111's rng, in torch", "sampling/test-first-noise", r"case \d+: largest difference"),
]


def run(program):
    env = dict(os.environ, G_TEST_SRCDIR=str(ROOT / "tests"), G_TEST_BUILDDIR=str(BUILD / "tests"), VELATURA_PLUGIN_PATH=str(BUILD / "plugins"))
    done = subprocess.run([BUILD / "tests/engine" / program], env=env, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        sys.exit(f"{program} failed; `meson test -C {BUILD}` says why")
    return done.stdout.splitlines()


def measure_pictures():
    """case -> group of tensors -> largest relative L2. A case's messages stand before its result."""
    cases, now = {}, collections.defaultdict(float)
    for line in run("pipeline/test-golden"):
        if found := re.match(r"# (\S+)\s+relative L2 (\S+),", line):
            name = "latents" if found[1].startswith(("latent.", "hires.latent")) else found[1]
            now[name] = max(now[name], float(found[2]))
        elif found := re.match(r"ok \d+ /pipeline/golden/(\S+)", line):
            cases[found[1]], now = now, collections.defaultdict(float)
    return cases


def measure_samplers():
    """id -> largest difference of a path in float64."""
    samplers = collections.defaultdict(float)
    for line in run("sampling/test-samplers"):
        if found := re.match(r"# (\w+), \d+ steps: largest difference (\S+)", line):
            samplers[found[1]] = max(samplers[found[1]], float(found[2]))
    return samplers


def number(x):
    return "to the bit" if x == 0 else f"{x:.1e}"


def table(head, rows):
    return ["| " + " | ".join(head) + " |", "|" + "---|" * len(head)] + ["| " + " | ".join(row) + " |" for row in rows]


def main():
    pictures, samplers = measure_pictures(), measure_samplers()
    known = {case for row in PICTURES for case in row[2].split()}
    if missing := known ^ set(pictures):
        sys.exit("no row, or no test, for: " + " ".join(sorted(missing)))
    out = ["# Compatibility", "",
           "Made by `tests/compatibility.py` from the results of the tests; every figure is measured, none is entered by hand. Models are tiny, with "
           "random weights, of the real architectures in the real file layouts; arithmetic is fp32 on the processor. A difference is relative L2, "
           "the largest over the cases: two correct programs in fp32 differ by some 1e-6 to 1e-5; v prediction, image to image and SDE samplers ask "
           "for times between the table's, which fp32 knows to 1e-4.", "",
           "## Whole pictures", ""]
    rows = []
    for feature, judge, cases in PICTURES:
        of = [pictures[case] for case in cases.split()]
        text = [m[k] for m in of for k in ("cond", "uncond", "pooled.cond", "pooled.uncond") if k in m]
        model = [m[k] for m in of for k in ("model.cond", "model.uncond") if k in m]
        rows.append([feature, judge, number(max(text)) if text else "–", number(max(model)) if model else "–",
                     number(max(m["latents"] for m in of)), number(max(m["image"] for m in of if "image" in m))])
    out += table(["feature", "against", "text states", "network", "latents of all steps", "picture"], rows)
    out += ["", "Token ids are equal in every case; first noise is equal to the bit with torch's CPU generator.", "", "## Samplers", "",
            "Paths over a made-up model in float64, three schedules each: only the formulas can differ. Against k-diffusion, diffusers (UniPC, TCD), and "
            "the published algorithms of A1111 and ComfyUI written down once more.", ""]
    out += table(["sampler", "largest difference"], [[name, number(samplers[name])] for name in sorted(samplers)])
    out += ["", "## Parts", ""]
    rows, seen = [], {}
    for feature, judge, program, pattern in PARTS:
        lines = seen.setdefault(program, run(program))
        values = [float(m[1]) for line in lines if (m := re.match("# " + pattern + r" (\S+)", line))]
        rows.append([feature, judge, number(max(values))])
    out += table(["part", "against", "largest relative difference"], rows)
    out += ["", "Equal without exception: emphasis, prompt editing, alternation, AND and network tags with A1111's own grammar run by lark (documented "
            "examples and generated cases, `meson test prompt timeline`); token ids with CLIP's tokenizer (`meson test tokenizer`); settings of the "
            "programs that `meson test settings` names; the tensors of checkpoints, GGUF and 8-bit files with those PyTorch and gguf read "
            "(`meson test torch gguf float8`).", ""]
    out += (ROOT / "tests/compatibility.md").read_text(encoding="utf-8").splitlines()
    (ROOT / "docs/COMPATIBILITY.md").write_text("\n".join(out) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
