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
from lycoris.functional.diag_oft import diff_weight as oft_diff_weight
from lycoris.functional.general import weight_decompose
from lycoris.modules.boft import ButterflyOFTModule
from lycoris.modules.diag_oft import DiagOFTModule
from lycoris.modules.full import FullModule
from lycoris.modules.glora import GLoRAModule, _glora_weight
from lycoris.modules.ia3 import IA3Module
from lycoris.modules.locon import LoConModule
from lycoris.modules.loha import LohaModule
from lycoris.modules.lokr import LokrModule
from lycoris.modules.norms import NormModule
from safetensors.torch import save_file

torch.manual_seed(6)
OUT, IN = 16, 12
LAYERS = {
    "linear": lambda: torch.nn.Linear(IN, OUT),
    "wide": lambda: torch.nn.Linear(36, 64),
    "conv1": lambda: torch.nn.Conv2d(IN, OUT, 1),
    "conv3": lambda: torch.nn.Conv2d(6, 8, 3),
    "conv3-wide": lambda: torch.nn.Conv2d(10, 12, 3),
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
    for layer in ("linear", "conv1", "conv3"):
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
    for name in ("linear", "conv1", "conv3"):
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


def whole(case, name, kind, make, dtype=torch.float32, rank=4, alpha=3.0, **options):
    """LoHa and LoKr."""
    layer = layer_of(name)
    module = make("x", layer, lora_dim=rank, alpha=alpha, **options)
    fill(module, dtype)
    change = module.get_weight(layer.weight.shape)
    if module.wd:
        module.dora_scale.data = module.dora_scale.data.float().double()
        change = decomposed(module, layer, change)
        kind += ", DoRA"
    state = module.custom_state_dict()
    if not any(name.endswith(("_a", "_b")) for name in state):
        rank = 0
    save(case, name, kind, state, dtype, change, rank=rank)


def lohas():
    half = torch.float16
    for name in ("linear", "conv1", "conv3"):
        whole(f"loha-{name}", name, "LoHa", LohaModule, half)
        whole(f"loha-{name}-dora", name, "LoHa", LohaModule, weight_decompose=True)
    whole("loha-conv3-tucker", "conv3", "LoHa", LohaModule, rank=3, use_tucker=True)
    whole("loha-conv3-tucker-dora-in", "conv3", "LoHa", LohaModule, use_tucker=True, weight_decompose=True, wd_on_out=False)


def lokrs():
    brain = torch.bfloat16
    whole("lokr-linear", "linear", "LoKr", LokrModule, rank=3, factor=2)
    whole("lokr-linear-both", "wide", "LoKr", LokrModule, rank=3, decompose_both=True)
    whole("lokr-linear-whole", "linear", "LoKr", LokrModule, brain, full_matrix=True)
    whole("lokr-linear-unbalanced", "linear", "LoKr", LokrModule, rank=2, factor=3, unbalanced_factorization=True)
    whole("lokr-conv1", "conv1", "LoKr", LokrModule, brain, rank=2, factor=2)
    whole("lokr-conv1-whole", "conv1", "LoKr", LokrModule, full_matrix=True)
    whole("lokr-conv3", "conv3", "LoKr", LokrModule, rank=1, factor=2)
    whole("lokr-conv3-whole", "conv3", "LoKr", LokrModule, full_matrix=True)
    whole("lokr-conv3-wide", "conv3-wide", "LoKr", LokrModule, rank=2, factor=2)
    whole("lokr-conv3-tucker", "conv3-wide", "LoKr", LokrModule, rank=2, factor=2, use_tucker=True)
    whole("lokr-linear-dora", "linear", "LoKr", LokrModule, rank=3, factor=2, weight_decompose=True)
    whole("lokr-conv3-tucker-dora", "conv3", "LoKr", LokrModule, rank=1, factor=2, use_tucker=True, weight_decompose=True)
    whole("lokr-conv3-dora-in", "conv3", "LoKr", LokrModule, rank=1, factor=2, weight_decompose=True, wd_on_out=False)


def ia3s():
    for name in ("linear", "conv1", "conv3"):
        for on_input in (False, True):
            layer = layer_of(name)
            module = IA3Module("x", layer, train_on_input=on_input)
            fill(module, torch.float16)
            case = f"ia3-{name}" + ("-in" if on_input else "")
            save(case, name, "(IA)3", {"weight": module.weight}, torch.float16, module.get_diff_weight()[0])
            tensors[f"{case}.on_input"] = module.on_input


def gloras():
    for name in ("linear", "conv1", "conv3"):
        layer = layer_of(name)
        module = GLoRAModule("x", layer, lora_dim=4, alpha=3)
        fill(module, torch.float16)
        save(f"glora-{name}", name, "GLoRA", module.custom_state_dict(), torch.float16, module.get_diff_weight()[0], rank=4)
    w0, rank = W0["conv3"].double(), 2
    state = {
        name: torch.randn(shape).double() * 0.3
        for name, shape in (("a1", (6, rank, 1, 1)), ("a2", (rank, 6, 1, 1)), ("b1", (8, rank, 1, 1)), ("b2", (rank, 6, 1, 1)), ("bm", (rank, rank, 3, 3)))
    }
    state = {f"{name}.weight": value.float().double() for name, value in state.items()}
    change = _glora_weight(w0, *(state[f"{name}.weight"] for name in ("a1", "a2", "b1", "b2", "bm")), 1.0)
    save("glora-conv3-mid", "conv3", "GLoRA", state, torch.float32, change, rank=rank)
    # The order of LyCORIS before 2.0, as A1111 and ComfyUI still read it.
    w0 = W0["linear"].double()
    a1, a2, b1, b2 = (torch.randn(shape).double() * 0.3 for shape in ((3, IN), (IN, 3), (3, IN), (OUT, 3)))
    a1, a2, b1, b2 = (value.float().double() for value in (a1, a2, b1, b2))
    state = {"a1.weight": a1, "a2.weight": a2, "b1.weight": b1, "b2.weight": b2, "alpha": torch.tensor(2.0)}
    save("glora-linear-old", "linear", "GLoRA", state, torch.float32, (b2 @ b1 + w0 @ a2 @ a1) * 2 / 3, rank=3)


def turned(case, name, kind, make, dtype=torch.float32, **options):
    """OFT and BOFT; LyCORIS inverts in float32 only."""
    layer = layer_of(name).float()
    module = make("x", layer, **options)
    for parameter_name, parameter in module.named_parameters():
        parameter.data = (parameter.data + torch.randn_like(parameter) * 0.3).to(dtype).float()
    save(case, name, kind, dict(module.state_dict()), dtype, module.get_diff_weight()[0])


def ofts():
    half = torch.float16
    for name in ("linear", "conv1", "conv3"):
        for kind, make, dim in (("OFT", DiagOFTModule, 4), ("BOFT", ButterflyOFTModule, 4)):
            case = f"{kind.lower()}-{name}"
            turned(case, name, kind, make, half, lora_dim=dim)
            turned(case + "-bound", name, kind, make, lora_dim=dim, constraint=0.1)
            turned(case + "-rescale", name, kind, make, lora_dim=dim, rescaled=True)
    turned("oft-linear-loose", "linear", "OFT", DiagOFTModule, lora_dim=4, constraint=100.0)
    turned("boft-wide", "wide", "BOFT", ButterflyOFTModule, lora_dim=4)
    # LyCORIS 2.0's development wrote what it turns by, free to be no rotation.
    turns = torch.eye(4) + torch.randn(4, 4, 4) * 0.2
    change = torch.einsum("k n m, k n ... -> k m ...", turns.double(), W0["conv1"].double().view(4, 4, -1)).view(W0["conv1"].shape) - W0["conv1"]
    save("oft-diag", "conv1", "OFT", {"oft_diag": turns}, torch.float32, change)
    # sd-scripts has few large blocks and an alpha of a thousandth; so small a change is known to 1e-5 in doubles only.
    blocks, alpha = torch.randn(2, 8, 8) * 0.3, 1e-3
    q = (blocks - blocks.transpose(1, 2)).double()
    q = q * ((q.norm().clamp(max=float(torch.tensor(alpha)) * OUT) + 1e-8) / (q.norm() + 1e-8))
    r = (torch.eye(8) + q) @ (torch.eye(8) - q).inverse()
    w0 = W0["linear"].double()
    change = torch.einsum("k n m, k n ... -> k m ...", r, w0.view(2, 8, -1)).view(OUT, -1) - w0
    assert torch.allclose(oft_diff_weight(W0["linear"], blocks, None, constraint=alpha * OUT).double(), change, atol=1e-6)
    save("oft-kohya", "linear", "OFT", {"oft_blocks": blocks, "alpha": torch.tensor(alpha)}, torch.float32, change)


with torch.no_grad():
    loras()
    peft_dora()
    fulls()
    lohas()
    lokrs()
    ia3s()
    gloras()
    ofts()
path = pathlib.Path(__file__).resolve().parent / "delta.safetensors"
save_file(tensors, path, kinds)
print(len(kinds), "cases,", path.stat().st_size, "bytes")
