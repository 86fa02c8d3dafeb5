#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Tiny networks that enlarge pictures, in every layout of names and container, with what PyTorch makes of a picture.

    pip install torch safetensors numpy pillow==9.5.0 spandrel
    python make.py            writes *.pth, *.safetensors and golden/*.safetensors beside this script

The networks are written down here after basicsr/archs/rrdbnet_arch.py and realesrgan/archs/srvgg_arch.py; spandrel, which AUTOMATIC1111 and
ComfyUI load such files with, has to agree where it can (it takes a growth of 32 only). Tiles are those of AUTOMATIC1111 1.10,
modules/images.py split_grid and combine_grid, with Pillow's own paste."""
import math
import pathlib
import sys

import numpy as np
import torch
from PIL import Image
from safetensors.torch import save_file
from torch import nn
from torch.nn import functional as F

HERE = pathlib.Path(__file__).resolve().parent
torch.set_num_threads(1)
torch.set_grad_enabled(False)


class Dense(nn.Module):
    def __init__(self, features, growth, plus):
        super().__init__()
        for k in range(5):
            setattr(self, f"conv{k + 1}", nn.Conv2d(features + k * growth, growth if k < 4 else features, 3, padding=1))
        self.conv1x1 = nn.Conv2d(features, growth, 1, bias=False) if plus else None

    def forward(self, x):
        x1 = F.leaky_relu(self.conv1(x), 0.2)
        x2 = F.leaky_relu(self.conv2(torch.cat((x, x1), 1)), 0.2)
        if self.conv1x1:
            x2 = x2 + self.conv1x1(x)
        x3 = F.leaky_relu(self.conv3(torch.cat((x, x1, x2), 1)), 0.2)
        x4 = F.leaky_relu(self.conv4(torch.cat((x, x1, x2, x3), 1)), 0.2)
        if self.conv1x1:
            x4 = x4 + x2
        return x + 0.2 * self.conv5(torch.cat((x, x1, x2, x3, x4), 1))


class Block(nn.Module):
    def __init__(self, *sizes):
        super().__init__()
        self.rdb1, self.rdb2, self.rdb3 = Dense(*sizes), Dense(*sizes), Dense(*sizes)

    def forward(self, x):
        return x + 0.2 * self.rdb3(self.rdb2(self.rdb1(x)))


class RRDBNet(nn.Module):
    def __init__(self, features=6, growth=3, blocks=2, doublings=2, shuffle=1, plus=False):
        super().__init__()
        self.shuffle, self.doublings = shuffle, doublings
        self.conv_first = nn.Conv2d(3 * shuffle**2, features, 3, padding=1)
        self.body = nn.Sequential(*(Block(features, growth, plus) for _ in range(blocks)))
        self.conv_body = nn.Conv2d(features, features, 3, padding=1)
        for k in range(doublings):
            setattr(self, f"conv_up{k + 1}", nn.Conv2d(features, features, 3, padding=1))
        self.conv_hr = nn.Conv2d(features, features, 3, padding=1)
        self.conv_last = nn.Conv2d(features, 3, 3, padding=1)

    def forward(self, x):
        h, w = x.shape[2:]
        if self.shuffle > 1:
            x = F.pad(x, (0, -w % self.shuffle, 0, -h % self.shuffle), "reflect")
            x = F.pixel_unshuffle(x, self.shuffle)
        x = self.conv_first(x)
        x = x + self.conv_body(self.body(x))
        for k in range(self.doublings):
            x = F.leaky_relu(getattr(self, f"conv_up{k + 1}")(F.interpolate(x, scale_factor=2, mode="nearest")), 0.2)
        x = self.conv_last(F.leaky_relu(self.conv_hr(x), 0.2))
        scale = 2**self.doublings // self.shuffle
        return x[:, :, :h * scale, :w * scale]


class Compact(nn.Module):
    def __init__(self, features=8, layers=3, scale=4):
        super().__init__()
        self.scale = scale
        body = [nn.Conv2d(3, features, 3, padding=1), nn.PReLU(features)]
        for _ in range(layers):
            body += [nn.Conv2d(features, features, 3, padding=1), nn.PReLU(features)]
        self.body = nn.Sequential(*body, nn.Conv2d(features, 3 * scale**2, 3, padding=1))

    def forward(self, x):
        return F.pixel_shuffle(self.body(x), self.scale) + F.interpolate(x, scale_factor=self.scale, mode="nearest")


def grow(net, seed):
    """Weights that keep the size of what goes through, and slopes of both signs."""
    g = torch.Generator().manual_seed(seed)
    for name, p in net.named_parameters():
        slope = isinstance(net.get_submodule(name.rsplit(".", 1)[0]), nn.PReLU)
        fan = p[0].numel() if p.dim() == 4 else 1
        p.copy_(torch.randn(p.shape, generator=g) * (0.3 if slope else 0.1 if p.dim() == 1 else 1.2 / math.sqrt(fan)))
    return net.eval()


def renamed(net, layout):
    """The state dict as the first and the second release of ESRGAN name it."""
    state, out, n, d = net.state_dict(), {}, len(net.body), net.doublings
    for name, tensor in state.items():
        if layout == "second":
            for a, b in (("conv_body", "trunk_conv"), ("body.", "RRDB_trunk."), (".rdb", ".RDB"), ("conv_up", "upconv"), ("conv_hr", "HRconv")):
                name = name.replace(a, b)
        else:
            whole, leaf = name.rsplit(".", 1)
            part = {"conv_first": "model.0", "conv_body": f"model.1.sub.{n}", "conv_hr": f"model.{3 * d + 2}", "conv_last": f"model.{3 * d + 4}"}
            part |= {f"conv_up{k}": f"model.{3 * k}" for k in range(1, d + 1)}
            tail = "" if whole.endswith("conv1x1") else ".0"
            name = (part.get(whole) or whole.replace("body.", "model.1.sub.").replace(".rdb", ".RDB") + tail) + "." + leaf
        out[name] = tensor
    return out


CASES = {  # network, layout, wrapper, container, type
    "first-x4.pth": (dict(), "first", None, "zip", torch.float32),
    "first-x1.pth": (dict(doublings=0), "first", None, "zip", torch.float32),
    "first-x2.pth": (dict(doublings=1, blocks=1), "first", None, "zip", torch.bfloat16),
    "first-x8.safetensors": (dict(doublings=3, blocks=1), "first", None, "safetensors", torch.float16),
    "second-x4.pth": (dict(blocks=3), "second", None, "legacy", torch.float16),
    "plus-x4.pth": (dict(plus=True), "first", None, "zip", torch.float32),
    "real-x4.pth": (dict(blocks=1, growth=4), "real", "params_ema", "zip", torch.float32),
    "real-x2.pth": (dict(blocks=1, shuffle=2), "real", "params_ema", "legacy", torch.float32),
    "real-x1.safetensors": (dict(blocks=1, shuffle=4), "real", None, "safetensors", torch.float32),
    "compact-x4.pth": (dict(scale=4), "compact", "params", "zip", torch.float16),
    "compact-x2.safetensors": (dict(scale=2, layers=1), "compact", None, "safetensors", torch.bfloat16),
    "compact-x1.pth": (dict(scale=1, layers=2, features=5), "compact", None, "zip", torch.float32),
}


def store(state, wrapper, container, path):
    if container == "safetensors":
        save_file(state, path)
        return
    if wrapper:  # beside them, as trainers leave it, weights that are not meant to be used
        state = {wrapper: state} if wrapper == "params" else {"params": {n: t * 0 for n, t in state.items()}, wrapper: state}
    torch.save(state, path, _use_new_zipfile_serialization=container == "zip")


def split(image, tile, overlap):
    """-> [(y, [(x, tile)])]"""
    w, h = image.size
    cols, rows = (max(1, math.ceil((side - overlap) / (tile - overlap))) for side in (w, h))
    dx, dy = ((side - tile) / (n - 1) if n > 1 else 0 for side, n in ((w, cols), (h, rows)))
    places = lambda n, d, side: [side - tile if int(i * d) + tile >= side else int(i * d) for i in range(n)]  # noqa: E731
    return [(y, [(x, image.crop((x, y, x + tile, y + tile))) for x in places(cols, dx, w)]) for y in places(rows, dy, h)]


def combine(rows, size, tile, overlap):
    ramp = (np.arange(overlap, dtype=np.float32) * 255 / overlap).astype(np.uint8)
    mask_w = Image.fromarray(ramp.reshape(1, overlap).repeat(tile, axis=0), "L")
    mask_h = Image.fromarray(ramp.reshape(overlap, 1).repeat(size[0], axis=1), "L")
    whole = Image.new("RGB", size)
    for y, row in rows:
        line = Image.new("RGB", (size[0], tile))
        for x, part in row:
            if x == 0:
                line.paste(part, (0, 0))
                continue
            line.paste(part.crop((0, 0, overlap, tile)), (x, 0), mask=mask_w)
            line.paste(part.crop((overlap, 0, tile, tile)), (x + overlap, 0))
        if y == 0:
            whole.paste(line, (0, 0))
            continue
        whole.paste(line.crop((0, 0, size[0], overlap)), (0, y), mask=mask_h)
        whole.paste(line.crop((0, overlap, size[0], tile)), (0, y + overlap))
    return whole


def enlarge(net, image):
    """upscale_pil_patch: colours go in the other way round"""
    x = torch.from_numpy(np.ascontiguousarray(np.asarray(image)[:, :, ::-1].transpose(2, 0, 1)) / 255).float()[None]
    y = 255.0 * np.moveaxis(net(x)[0].clamp(0, 1).numpy(), 0, 2)
    return Image.fromarray(np.ascontiguousarray(y.round().astype(np.uint8)[:, :, ::-1]), "RGB")


def tiled(net, image, scale, tile, overlap):
    rows = [(y * scale, [(x * scale, enlarge(net, part)) for x, part in row]) for y, row in split(image, tile, overlap)]
    return combine(rows, (image.width * scale, image.height * scale), tile * scale, overlap * scale)


def agree_with_spandrel():
    import spandrel
    x = torch.rand(1, 3, 13, 11, generator=torch.Generator().manual_seed(9))
    for options, layout in ((dict(), "first"), (dict(), "second"), (dict(), "real"), (dict(plus=True), "first"), (dict(shuffle=2), "real"),
                            (dict(shuffle=4), "real"), (dict(doublings=3), "first")):
        net = grow(RRDBNet(features=12, growth=32, blocks=2, **options), 5)
        theirs = spandrel.ModelLoader().load_from_state_dict(net.state_dict() if layout == "real" else renamed(net, layout)).model.eval()
        assert torch.allclose(theirs(x), net(x), atol=1e-5), options
    net = grow(Compact(scale=3), 5)
    assert torch.allclose(spandrel.ModelLoader().load_from_state_dict(net.state_dict()).model.eval()(x), net(x), atol=1e-5)


def picture(width, height, seed):
    """Smooth, with some edges."""
    g = np.random.default_rng(seed)
    small = Image.fromarray(g.integers(0, 256, (height // 4 + 2, width // 4 + 2, 3), dtype=np.uint8), "RGB")
    return small.resize((width, height), Image.BICUBIC)


def main():
    agree_with_spandrel()
    (HERE / "golden").mkdir(exist_ok=True)
    for number, (name, (options, layout, wrapper, container, dtype)) in enumerate(CASES.items()):
        net = grow((Compact if layout == "compact" else RRDBNet)(**options), number)
        net.load_state_dict({n: t.to(dtype).float() for n, t in net.state_dict().items()})
        state = net.state_dict() if layout in ("real", "compact") else renamed(net, layout)
        store({n: t.to(dtype).contiguous() for n, t in state.items()}, wrapper, container, HERE / name)
        shuffle = options.get("shuffle", 1)
        x = torch.rand(1, 3, 2 * shuffle + 5 // shuffle * shuffle, 8 + shuffle % 2, generator=torch.Generator().manual_seed(number))
        save_file({"x": x, "y": net(x).contiguous()}, HERE / "golden" / (name.split(".")[0] + ".safetensors"))
        print(name, tuple(x.shape), float(net(x).std()))
        if name in ("real-x2.pth", "first-x1.pth", "compact-x4.pth"):
            image = picture(45, 34, number) if name != "first-x1.pth" else picture(50, 16, number)
            scale = {"real-x2.pth": 2, "first-x1.pth": 1, "compact-x4.pth": 4}[name]
            result = tiled(net, image, scale, 16, 4)
            pictures = {"picture": image, "tiled": result} | ({"whole": enlarge(net, image)} if scale == 2 else {})
            save_file({n: torch.from_numpy(np.asarray(p).copy()) for n, p in pictures.items()},
                      HERE / "golden" / ("tiles-" + name.split(".")[0] + ".safetensors"))


if __name__ == "__main__":
    sys.exit(main())
