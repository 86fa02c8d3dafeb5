"""Our op table from Python: shim.c through ctypes, on the memory of PyTorch's tensors.  SPDX-License-Identifier: Apache-2.0"""
import ctypes
import gc

import torch

TYPES = {torch.float32: 0, torch.float16: 1, torch.bfloat16: 2}  # VelType
NAMES = {"fp32": torch.float32, "fp16": torch.float16, "bf16": torch.bfloat16}
NAME_OF = {dtype: name for name, dtype in NAMES.items()}
NONE, SILU, GELU, QUICK_GELU = range(4)  # VelActivation
TWO_INPUTS, GRAPHS = 1, 2  # VelFeatures

# The ops and their arguments, in the order of shim.c.
OPS = {
    "linear": "rows:z weight:p x:p bias:p activation:i residual:p out:p",
    "conv": "batch:z height:z width:z up_height:z up_width:z stride:i pad_before:i pad_after:i weight:p x:p x2:p x2_channels:z bias:p "
            "embedding:p embedding_stride:z residual:p out:p",
    "attention": "batch:z heads:z head_dim:z rows:z keys:z scale:d causal:i q:p k:p v:p q_stride:z k_stride:z v_stride:z out:p",
    "group_norm": "batch:z pixels:z channels:z groups:z eps:d gamma:p beta:p silu:i x:p x2:p x2_channels:z out:p",
    "layer_norm": "rows:z channels:z eps:d gamma:p beta:p x:p out:p",
    "activate": "count:z activation:i x:p out:p",
    "concat": "rows:z a_channels:z b_channels:z a:p b:p out:p",
    "sinusoid": "n:z channels:z timesteps:p out:p",
    "convert": "count:z to:i x:p out:p",
}
CTYPES = {"z": ctypes.c_size_t, "i": ctypes.c_int, "d": ctypes.c_double, "p": ctypes.c_void_p}


class Failure(Exception):
    """What the backend says of itself, a sentence."""


class Packed:
    """A weight as the kernels read it; `out` is the columns of the result."""

    def __init__(self, kernels, handle, out, in_, kernel=0, gated=False):
        self.kernels, self.handle, self.out, self.in_, self.kernel, self.gated = kernels, handle, out, in_, kernel, gated

    def __del__(self):
        if self.handle and self.kernels.shim:
            self.kernels.library.vel_shim_unpack(self.kernels.shim, self.handle)


class Kernels:
    def __init__(self, library, table, device=0):
        self.shim = None
        self.library = ctypes.CDLL(library)
        self.declare()
        why = ctypes.create_string_buffer(256)
        self.shim = self.library.vel_shim_open(table.encode(), device, why, len(why))
        if not self.shim:
            raise Failure(why.value.decode())
        self.table = table
        self.on_card = table == "cuda"
        self.features = self.library.vel_shim_features(self.shim)
        self.description = self.library.vel_shim_describe(self.shim).decode()

    def declare(self):
        def function(name, result, *arguments):
            found = getattr(self.library, "vel_shim_" + name)
            found.restype, found.argtypes = result, arguments
            return found

        p, z, i, s, u = ctypes.c_void_p, ctypes.c_size_t, ctypes.c_int, ctypes.c_char_p, ctypes.c_uint
        function("open", p, s, u, p, z)
        function("close", None, p)
        function("describe", s, p)
        function("features", u, p)
        function("takes", i, p, i)
        function("failure", s, p)
        function("wait", None, p)
        function("start", None, p)
        function("stop", ctypes.c_double, p)
        function("pack_linear", p, p, i, p, z, z, i)
        function("pack_conv", p, p, i, p, z, z, z)
        function("unpack", None, p, p)
        function("record", None, p)
        function("recorded", p, p)
        function("replay", None, p, p)
        function("graph_free", None, p, p)
        function("fill", None, i, p, s, z, ctypes.c_float, ctypes.c_float)
        self.ops = {}
        for op, words in OPS.items():
            pairs = [word.split(":") for word in words.split()]
            self.ops[op] = (function(op, None, p, i, *(CTYPES[kind] for _, kind in pairs)), [name for name, _ in pairs])

    def close(self):
        if self.shim:
            self.library.vel_shim_close(self.shim)
            self.shim = None

    def takes(self, dtype):
        return bool(self.library.vel_shim_takes(self.shim, TYPES[dtype]))

    def check(self):
        failure = self.library.vel_shim_failure(self.shim)
        if failure:
            raise Failure(failure.decode())

    def wait(self):
        self.library.vel_shim_wait(self.shim)
        self.check()

    def pack_linear(self, weight, gated=False):
        """weight: [out, in] in the type of the activations it will meet"""
        host = weight.detach().cpu().contiguous()
        out, in_ = host.shape
        handle = self.library.vel_shim_pack_linear(self.shim, TYPES[host.dtype], host.data_ptr(), out, in_, gated)
        return self.packed(handle, out // 2 if gated else out, in_, 0, gated)

    def pack_conv(self, weight):
        """weight: [out, in, kernel, kernel], likewise"""
        host = weight.detach().cpu().contiguous()
        out, in_, kernel, _ = host.shape
        handle = self.library.vel_shim_pack_conv(self.shim, TYPES[host.dtype], host.data_ptr(), out, in_, kernel)
        return self.packed(handle, out, in_, kernel)

    def packed(self, handle, out, in_, kernel=0, gated=False):
        if not handle:
            self.check()
            raise Failure(f"There is no memory for a weight of {out} times {in_}.")
        return Packed(self, handle, out, in_, kernel, gated)

    def bind(self, op, dtype, arguments):
        """-> a function without arguments that asks for the op. Whatever the addresses belong to must outlive it."""
        function, names = self.ops[op]
        unknown = set(arguments) - set(names)
        assert not unknown, f"{op} has no {unknown}"
        values = [address(arguments.get(name)) for name in names]
        for at, name in enumerate(names):
            if values[at] is None and CTYPES["p"] is not function.argtypes[at + 2]:
                values[at] = 0
        values = [self.shim, TYPES[dtype], *values]
        return lambda: function(*values)

    def graph(self, calls):
        """Records the calls, which must have run once before. -> a function that replays them; the calls themselves, one by one, where
        the table has no graphs"""
        def one_by_one():
            for call in calls:
                call()

        if not self.features & GRAPHS:
            return one_by_one
        gc.collect()
        gc.disable()  # a weight that is freed in between would spoil the recording
        self.library.vel_shim_record(self.shim)
        one_by_one()
        graph = self.library.vel_shim_recorded(self.shim)
        gc.enable()
        if not graph:
            self.check()
            raise Failure("The calls could not be recorded.")
        return Graph(self, graph)


class Graph:
    def __init__(self, kernels, handle):
        self.kernels, self.handle = kernels, handle

    def __call__(self):
        self.kernels.library.vel_shim_replay(self.kernels.shim, self.handle)

    def __del__(self):
        if self.kernels.shim:
            self.kernels.library.vel_shim_graph_free(self.kernels.shim, self.handle)


def address(value):
    """What C gets for a tensor, a packed weight, a number, an array of C or nothing."""
    if isinstance(value, torch.Tensor):
        return value.data_ptr()
    if isinstance(value, Packed):
        return value.handle
    if isinstance(value, ctypes.Array):
        return ctypes.addressof(value)
    return value
