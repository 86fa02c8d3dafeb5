"""Single ops, ours beside PyTorch's, on the shapes of the networks.  SPDX-License-Identifier: Apache-2.0"""
import math

import torch
import torch.nn.functional as F

from kernels import NAME_OF, NONE, TWO_INPUTS
from turns import emit, judge, our_timer, settle, take_turns, torch_graph, torch_timer

ROTATED = 256 << 20  # bytes that take turns: more than a card's cache
MAX_SETS = 8


class Op:
    """One call with its own inputs. `theirs` works on inputs of any type, so it also tells the truth."""

    def __init__(self, numbers, dtype, device):
        self.n, self.dtype, self.device = numbers, dtype, device
        self.inputs = self.make()
        self.out = torch.empty(self.out_shape(), dtype=dtype, device=device)
        self.packed = None  # keeps the weight alive

    def noise(self, *shape, dtype=None, scale=1.0):
        """dtype: fp32 for a table, whose numbers are rounded all the same: PyTorch's has the type of everything else"""
        return (torch.randn(shape, dtype=torch.float32, device=self.device) * scale).to(self.dtype).to(dtype or self.dtype)

    def optional(self, name, *shape, dtype=None):
        return {name: self.noise(*shape, dtype=dtype)} if self.n[name] else {}

    def bytes(self):
        return sum(tensor.numel() * tensor.itemsize for tensor in [*self.inputs.values(), self.out])

    def truth(self):
        wide = torch.float64 if self.dtype == torch.float32 else torch.float32
        return self.theirs({name: tensor.to(wide) for name, tensor in self.inputs.items()})

    def their_call(self):
        inputs = {name: tensor.to(self.dtype) for name, tensor in self.inputs.items()}
        return lambda: self.theirs(inputs)

    def our_call(self, kernels):
        tables = {name: tensor for name, tensor in self.inputs.items() if name in self.arguments}
        if "weight" in self.inputs:
            self.packed = self.packed or self.pack(kernels)
            tables["weight"] = self.packed
        numbers = {name: number for name, number in self.n.items() if name in self.scalars}
        return kernels.bind(self.op, self.dtype, {**numbers, **tables, **self.more(), "out": self.out})

    def more(self):
        return {}


class Conv(Op):
    op = "conv"
    scalars = ("batch", "height", "width", "up_height", "up_width", "stride", "pad_before", "pad_after", "x2_channels")
    arguments = ("x", "x2", "bias", "embedding", "residual")

    def sides(self):
        n = self.n
        return [((n["up_" + side] or n[side]) + n["pad_before"] + n["pad_after"] - n["kernel"]) // n["stride"] + 1
                for side in ("height", "width")]

    def out_shape(self):
        return (self.n["batch"], *self.sides(), self.n["out"])

    def make(self):
        n = self.n
        inputs = {"x": self.noise(n["batch"], n["height"], n["width"], n["in"] - n["x2_channels"])}
        if n["x2_channels"]:
            inputs["x2"] = self.noise(n["batch"], n["height"], n["width"], n["x2_channels"])
        kernel = n["kernel"]
        inputs["weight"] = self.noise(n["out"], n["in"], kernel, kernel, scale=1 / math.sqrt(n["in"] * kernel**2))
        inputs["weight"] = inputs["weight"].contiguous(memory_format=torch.channels_last)
        return {**inputs, **self.optional("bias", n["out"], dtype=torch.float32), **self.optional("embedding", n["batch"], n["out"]),
                **self.optional("residual", *self.out_shape())}

    def pack(self, kernels):
        return kernels.pack_conv(self.inputs["weight"])

    def more(self):
        return {"embedding_stride": self.n["out"]}

    def theirs(self, inputs):
        n, x = self.n, inputs["x"]
        if "x2" in inputs:
            x = torch.cat([x, inputs["x2"]], -1)
        x = x.permute(0, 3, 1, 2)
        if n["up_height"]:
            x = F.interpolate(x, (n["up_height"], n["up_width"]), mode="nearest")
        pad = n["pad_before"]
        if pad != n["pad_after"]:
            x, pad = F.pad(x, (pad, n["pad_after"]) * 2), 0
        y = F.conv2d(x, inputs["weight"], inputs.get("bias"), n["stride"], pad)
        if "embedding" in inputs:
            y = y + inputs["embedding"][:, :, None, None]
        y = y.permute(0, 2, 3, 1)
        return y + inputs["residual"] if "residual" in inputs else y

    def flops(self):
        return 2 * math.prod(self.out_shape()) * self.n["in"] * self.n["kernel"]**2

    def words(self):
        n = self.n
        extra = {"1x1": n["kernel"] == 1, "stride 2": n["stride"] == 2, "doubled": n["up_height"], "two inputs": n["x2_channels"],
                 "embedding": n["embedding"], "residual": n["residual"]}
        return " ".join([f"{n['batch']}x{n['height']}x{n['width']} {n['in']}->{n['out']}", *(word for word in extra if extra[word])])


class Linear(Op):
    op = "linear"
    scalars = ("rows", "activation")
    arguments = ("x", "bias", "residual")

    def out_shape(self):
        return (self.n["rows"], self.n["out"])

    def make(self):
        n = self.n
        rows = n["out"] * (2 if n["gated"] else 1)
        return {"x": self.noise(n["rows"], n["in"]), "weight": self.noise(rows, n["in"], scale=1 / math.sqrt(n["in"])),
                **self.optional("bias", rows, dtype=torch.float32), **self.optional("residual", *self.out_shape())}

    def pack(self, kernels):
        return kernels.pack_linear(self.inputs["weight"], bool(self.n["gated"]))

    def theirs(self, inputs):
        y = F.linear(inputs["x"], inputs["weight"], inputs.get("bias"))
        if self.n["gated"]:
            value, gate = y.chunk(2, -1)
            y = value * F.gelu(gate)
        elif self.n["activation"] != NONE:
            y = F.silu(y)
        return y + inputs["residual"] if "residual" in inputs else y

    def flops(self):
        return 2 * self.n["rows"] * self.inputs["weight"].numel()

    def words(self):
        n = self.n
        return (f"{n['rows']} rows {n['in']}->{n['out']}" + " gated" * n["gated"] + " no bias" * (1 - n["bias"])
                + " residual" * n["residual"])


class Attention(Op):
    op = "attention"
    scalars = ("batch", "heads", "head_dim", "rows", "keys", "causal", "q_stride", "k_stride", "v_stride")
    arguments = ()

    def width(self):
        return self.n["heads"] * self.n["head_dim"]

    def out_shape(self):
        return (self.n["batch"], self.n["rows"], self.width())

    def make(self):
        """q, k and v are columns of one matrix, or k and v are."""
        n = self.n
        inputs = {"q": self.noise(n["batch"], n["rows"], n["q_stride"])}
        if n["q_stride"] == self.width():
            inputs["kv"] = self.noise(n["batch"], n["keys"], n["k_stride"])
        return inputs

    def split(self, inputs):
        width, q = self.width(), inputs["q"]
        kv = inputs["kv"] if "kv" in inputs else q[..., width:]
        return q[..., :width], kv[..., :width], kv[..., width:2 * width]

    def more(self):
        return {**dict(zip("qkv", self.split(self.inputs))), "scale": self.n["head_dim"]**-0.5}

    def theirs(self, inputs):
        q, k, v = (part.unflatten(-1, (self.n["heads"], -1)).transpose(1, 2) for part in self.split(inputs))
        return F.scaled_dot_product_attention(q, k, v).transpose(1, 2).flatten(2)

    def flops(self):
        return 4 * math.prod(self.out_shape()) * self.n["keys"]

    def words(self):
        n = self.n
        return f"{n['batch']}x{n['rows']} rows {n['keys']} keys {n['heads']} heads of {n['head_dim']}"


class GroupNorm(Op):
    op = "group_norm"
    scalars = ("batch", "pixels", "channels", "groups", "eps", "silu", "x2_channels")
    arguments = ("x", "x2", "gamma", "beta")

    def out_shape(self):
        return (self.n["batch"], self.n["pixels"], self.n["channels"])

    def make(self):
        n = self.n
        inputs = {"x": self.noise(n["batch"], n["pixels"], n["channels"] - n["x2_channels"])}
        if n["x2_channels"]:
            inputs["x2"] = self.noise(n["batch"], n["pixels"], n["x2_channels"])
        return {**inputs, "gamma": self.noise(n["channels"], dtype=torch.float32), "beta": self.noise(n["channels"], dtype=torch.float32)}

    def theirs(self, inputs):
        x = torch.cat([inputs["x"], inputs["x2"]], -1) if "x2" in inputs else inputs["x"]
        x = x.transpose(1, 2).unsqueeze(-1)  # [B, C, pixels, 1], channels last
        y = F.group_norm(x, self.n["groups"], inputs["gamma"], inputs["beta"], self.n["eps"])
        y = F.silu(y) if self.n["silu"] else y
        return y.squeeze(-1).transpose(1, 2)

    def flops(self):
        return 0

    def words(self):
        n = self.n
        return f"{n['batch']}x{n['pixels']} pixels {n['channels']}" + " two inputs" * bool(n["x2_channels"]) + " silu" * n["silu"]


class LayerNorm(Op):
    op = "layer_norm"
    scalars = ("rows", "channels", "eps")
    arguments = ("x", "gamma", "beta")

    def out_shape(self):
        return (self.n["rows"], self.n["channels"])

    def make(self):
        n = self.n
        return {"x": self.noise(n["rows"], n["channels"]), "gamma": self.noise(n["channels"], dtype=torch.float32),
                "beta": self.noise(n["channels"], dtype=torch.float32)}

    def theirs(self, inputs):
        return F.layer_norm(inputs["x"], (self.n["channels"],), inputs["gamma"], inputs["beta"], self.n["eps"])

    def flops(self):
        return 0

    def words(self):
        return f"{self.n['rows']} rows of {self.n['channels']}"


KINDS = {kind.op: kind for kind in (Conv, Linear, Attention, GroupNorm, LayerNorm)}


def check(op, kernels):
    """Errors of both, and whether ours is the same twice; the result holds NaN before each."""
    theirs, call, results = op.their_call()(), op.our_call(kernels), []
    for _ in range(2):
        op.out.fill_(math.nan)
        settle(op.device)
        call()
        kernels.wait()
        results.append(op.out.clone())
    verdict = judge(results[0], theirs, op.truth())
    same = torch.equal(results[0], results[1])
    return {**verdict, "same_twice": same, "right": verdict["right"] and same}


def time_op(first, kernels, seconds, rounds):
    """In graphs of some calls over inputs that take turns."""
    n_sets = max(1, min(MAX_SETS, math.ceil(ROTATED / first.bytes()))) if kernels.on_card else 1
    ops = [first, *(type(first)(first.n, first.dtype, first.device) for _ in range(n_sets - 1))]
    ours, theirs = [op.our_call(kernels) for op in ops], [op.their_call() for op in ops]
    for call in [*ours, *theirs]:
        call()
    kernels.wait()
    settle(first.device)
    once = torch_timer(theirs[0], first.device)(1)
    repeat = n_sets * max(1, min(128 // n_sets, math.ceil(1e-3 / once / n_sets))) if kernels.on_card else 1
    ours = kernels.graph([ours[i % n_sets] for i in range(repeat)])
    calls = [theirs[i % n_sets] for i in range(repeat)]
    theirs = torch_graph(calls) if kernels.on_card else calls[0]
    found = take_turns({"ours": our_timer(kernels, ours), "theirs": torch_timer(theirs, first.device)}, seconds, rounds, first.device)
    return {name: values["seconds"] / repeat for name, values in found.items()}, found["theirs"]["ratio"]


def compare_ops(kernels, parts, dtype, device, seconds, rounds):
    """parts: {network: {signature: how often}}. The heaviest first, each shape once. -> whether all were right"""
    wanted = {}
    for part, found in parts.items():
        for key, count in found.items():
            wanted.setdefault(key, {})[part] = count
    wanted = {key: where for key, where in wanted.items() if key[0] in KINDS}
    all_right = True
    for (name, numbers), where in sorted(wanted.items(), key=lambda item: -weight(item[0]) * sum(item[1].values())):
        numbers = dict(numbers)
        if numbers.get("x2_channels") and not kernels.features & TWO_INPUTS:
            continue
        op = KINDS[name](numbers, dtype, device)
        verdict = check(op, kernels)
        times, ratio = time_op(op, kernels, seconds, rounds)
        emit("op", op=name, shape=op.words(), type=NAME_OF[dtype], counts=where, **verdict, gflop=op.flops() / 1e9,
             megabytes=op.bytes() / 1e6, seconds=times["ours"], torch_seconds=times["theirs"], ratio=ratio)
        all_right = all_right and verdict["right"]
    return all_right


def weight(key):
    """How much there is to do: operations, or bytes as if each were worth two hundred."""
    name, n = key[0], dict(key[1])
    if name == "conv":
        return 2 * n["batch"] * n["height"] * n["width"] * n["in"] * n["out"] * n["kernel"]**2
    if name == "linear":
        return 2 * n["rows"] * n["in"] * n["out"] * (1 + n["gated"])
    if name == "attention":
        return 4 * n["batch"] * n["heads"] * n["head_dim"] * n["rows"] * n["keys"]
    return 800 * n["channels"] * n.get("rows", n.get("batch", 1) * n.get("pixels", 1))
