#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Writes delta.safetensors: what LyCORIS (and peft, where it has the kind) make of a layer's weight.

    pip install torch safetensors lycoris-lora==4.1.3 peft
    python make.py
W0.LAYER are layers' weights. Of each case CASE.change is what is added to its layer's at strength 1, CASE.bias the same of its bias, and
the other CASE.* are the file's tensors under LyCORIS's names. Metadata have for each case "LAYER RANK KIND".
LyCORIS multiplies by alpha / rank once where it trains (get_weight of LoHa and LoKr, the forward pass) and again where it merges
(get_diff_weight of 4.1.3); what a person has trained is judge here."""
import pathlib

import torch
from lycoris.functional.general import weight_decompose
from lycoris.modules.full import FullModule
from lycoris.modules.locon import LoConModule
from lycoris.modules.norms import NormModule
from safetensors.torch import save_file

torch.manual_seed(6)
OUT, IN = 16, 12
LAYERS = {
    "linear": lambda: torch.nn.Linear(IN, OUT),
    "conv1": lambda: torch.nn.Conv2d(IN, OUT, 1),
    "conv3": lambda: torch.nn.Conv2d(6, 8, 3),
}
W0 = {name: torch.randn_like(layer().weight) * 0.5 for name, layer in LAYERS.items()}
W0["norm"] = torch.ones(OUT)
tensors, kinds = {f"W0.{name}": weight for name, weight in W0.items()}, {}


def fill(module, dtype, spread=0.3):
    """Random parameters that the file's type can hold, computed with as doubles."""
    for name, parameter in module.named_parameters():
        if "dora_scale" in name:
            parameter.data = parameter.data * (0.5 + torch.rand_like(parameter))
        else:
            parameter.data = torch.randn_like(parameter) * spread
        parameter.data = parameter.data.to(dtype).double()


def save(case, layer, kind, state, dtype, change=None, bias=None, rank=0):
    for name, value in state.items():
        value = value.detach().contiguous()
        tensors[f"{case}.{name}"] = value.float() if name in ("alpha", "dora_scale") else value.to(dtype)
    if change is not None:
        tensors[f"{case}.change"] = change.detach().float().reshape(W0[layer].shape).contiguous()
    if bias is not None:
        tensors[f"{case}.bias"] = bias.detach().float()
    kinds[case] = f"{layer} {rank} {kind}"


def layer_of(name):
    layer = LAYERS[name]()
    layer.weight.data = W0[name].clone()
    return layer.double()


def decomposed(module, layer, change):
    return weight_decompose(layer.weight + change, module.dora_scale, 1, module.wd_on_out) - layer.weight


def lora(case, name, kind, dtype=torch.float32, rank=4, alpha=3.0, edit=None, **options):
    layer = layer_of(name)
    module = LoConModule("x", layer, lora_dim=rank, alpha=alpha, **options)
    fill(module, dtype)
    change = module.get_diff_weight()[0]
    if module.wd:
        module.dora_scale.data = module.dora_scale.data.float().double()
        change = decomposed(module, layer, change)
        assert torch.allclose(change, module.get_merged_weight()[0] - layer.weight)
    state = module.custom_state_dict()
    if edit:
        edit(state)
    save(case, name, kind, state, dtype, change, rank=rank)


def flat(state):
    for name in ("lora_down.weight", "lora_up.weight"):
        state[name] = state[name].flatten(1)


def tall(state):
    for name in ("lora_down.weight", "lora_up.weight"):
        state[name] = state[name][:, :, None, None]


def loras():
    half, brain = torch.float16, torch.bfloat16
    lora("lora-linear", "linear", "LoRA")
    lora("lora-linear-f16", "linear", "LoRA", half)
    lora("lora-linear-bf16", "linear", "LoRA", brain)
    lora("lora-linear-f8", "linear", "LoRA", torch.float8_e4m3fn)
    lora("lora-linear-f64", "linear", "LoRA", torch.float64)
    lora("lora-linear-rank-stabilised", "linear", "LoRA", rs_lora=True)
    lora("lora-linear-wide", "linear", "LoRA", rank=33)
    lora("lora-linear-one", "linear", "LoRA", rank=1)
    lora("lora-linear-no-alpha", "linear", "LoRA", alpha=4, edit=lambda state: state.pop("alpha"))
    lora("lora-linear-alpha-0", "linear", "LoRA", alpha=4, edit=lambda state: state.update(alpha=torch.tensor(0)))
    lora("lora-linear-negative", "linear", "LoRA", alpha=-2)
    lora("lora-linear-four-axes", "linear", "LoRA", edit=tall)
    lora("lora-conv1", "conv1", "LoRA", half)
    lora("lora-conv1-two-axes", "conv1", "LoRA", edit=flat)
    lora("lora-conv3", "conv3", "LoCon", half)
    lora("lora-conv3-mid", "conv3", "LoCon", use_tucker=True)
    lora("lora-conv3-mid-f16", "conv3", "LoCon", half, use_tucker=True)
    for layer in LAYERS:
        kind = "LoCon, DoRA" if layer == "conv3" else "LoRA, DoRA"
        lora(f"dora-{layer}", layer, kind, half, weight_decompose=True)
        lora(f"dora-{layer}-in", layer, kind, weight_decompose=True, wd_on_out=False)
    lora("dora-conv3-mid", "conv3", "LoCon, DoRA", weight_decompose=True, use_tucker=True)


def peft_dora():
    """A convolution's magnitudes are [1, out, 1, 1] in peft; a linear layer's [out]."""
    from peft import LoraConfig, inject_adapter_in_model

    for name in ("linear", "conv3"):
        model = torch.nn.Sequential(layer_of(name))
        inject_adapter_in_model(LoraConfig(r=4, lora_alpha=6, target_modules=["0"], use_dora=True), model)
        fill(model[0].lora_A, torch.float32)
        fill(model[0].lora_B, torch.float32)
        magnitude = model[0].lora_magnitude_vector["default"].weight
        magnitude.data = (magnitude.data * (0.5 + torch.rand_like(magnitude))).float().double()
        state = {
            "alpha": torch.tensor(6.0),
            "dora_scale": magnitude.detach().clone(),
            "lora_down.weight": model[0].lora_A["default"].weight.detach().clone(),
            "lora_up.weight": model[0].lora_B["default"].weight.detach().clone(),
        }
        model[0].merge()
        kind = "LoRA, DoRA" if name == "linear" else "LoCon, DoRA"
        save(f"peft-dora-{name}", name, kind, state, torch.float32, model[0].base_layer.weight - W0[name].double(), rank=4)


def fulls():
    for name in LAYERS:
        layer = layer_of(name)
        module = FullModule("x", layer)
        fill(module, torch.float16)
        change, bias = module.get_diff_weight()
        save(f"full-{name}", name, "full", {"diff": change, "diff_b": bias}, torch.float16, change, bias)
    norm = torch.nn.GroupNorm(4, OUT).double()
    module = NormModule("x", norm)
    fill(module, torch.bfloat16)
    change, bias = module.get_diff_weight()
    save("full-norm", "norm", "full", {"diff": change, "diff_b": bias}, torch.bfloat16, change, bias)
    save("full-bias-alone", "norm", "full", {"diff_b": bias}, torch.bfloat16, bias=bias)


with torch.no_grad():
    loras()
    peft_dora()
    fulls()
path = pathlib.Path(__file__).resolve().parent / "delta.safetensors"
save_file(tensors, path, kinds)
print(len(kinds), "cases,", path.stat().st_size, "bytes")
