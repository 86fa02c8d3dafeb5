#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Writes pixels.safetensors: what Pillow and OpenCV make of small pictures.

    pip install numpy pillow==9.5.0 opencv-python-headless safetensors
    python make.py
Pillow is the version that A1111 asks for: newer ones (13 does) sometimes shrink heights before widths, which rounds otherwise.
Names say what was done: OPERATION/SOURCE/NUMBERS. Sources are in the file too."""
import pathlib

import cv2
import numpy as np
from PIL import Image, ImageFilter, ImageOps
from safetensors.numpy import save_file

FILTERS = {"nearest": Image.NEAREST, "bicubic": Image.BICUBIC, "lanczos": Image.LANCZOS}
out = {}


def scene(height, width, seed):
    y, x = np.mgrid[0:height, 0:width]
    rgb = np.stack([128 + 127 * np.sin(x / 3.0 + seed), 128 + 127 * np.cos(y / 4.0), (x * 7 + y * 11) % 256], -1)
    rgb[height // 4:height // 2, width // 3:width // 2] = (250, 20, 40)
    noise = np.random.default_rng(seed).integers(0, 256, rgb.shape)
    return np.where(noise > 200, noise, np.clip(np.rint(rgb), 0, 255)).astype(np.uint8)


def blot(height, width, seed):
    y, x = np.mgrid[0:height, 0:width]
    disc = (y - height * 0.4) ** 2 + (x - width * 0.6) ** 2 < (min(height, width) / 4) ** 2
    disc[height // 2:height * 3 // 4, 1:width // 4] = True
    grey = np.random.default_rng(seed).integers(0, 256, (height, width))
    return np.where(disc, 255, np.where(grey > 250, grey, 0)).astype(np.uint8)


def drawn_out(strip, size, box):
    return strip.resize(size, box=box)


def fitted(image, w, h, mode):
    """images.resize_image, modes 1 and 2, in other words"""
    ours, theirs = w / h, image.width / image.height
    by_width = ours > theirs if mode == "fill" else ours < theirs
    by_height = ours <= theirs if mode == "fill" else ours >= theirs
    iw = w if by_width else image.width * h // image.height
    ih = h if by_height else image.height * w // image.width
    inner = image.resize((iw, ih), Image.LANCZOS)
    canvas = Image.new(image.mode, (w, h))
    at = (w // 2 - iw // 2, h // 2 - ih // 2)
    canvas.paste(inner, at)
    if mode == "fit" and ours < theirs and at[1] > 0:
        canvas.paste(drawn_out(inner, (w, at[1]), (0, 0, w, 0)), (0, 0))
        canvas.paste(drawn_out(inner, (w, at[1]), (0, ih, w, ih)), (0, at[1] + ih))
    if mode == "fit" and ours > theirs and at[0] > 0:
        canvas.paste(drawn_out(inner, (at[0], h), (0, 0, 0, h)), (0, 0))
        canvas.paste(drawn_out(inner, (at[0], h), (iw, 0, iw, h)), (at[0] + iw, 0))
    return canvas


def cut_out(image, mask):
    layer = Image.new("RGBa", image.size)
    layer.paste(image.convert("RGBA").convert("RGBa"), mask=ImageOps.invert(mask))
    return layer


def filled(image, mask):
    under, around = Image.new("RGBA", image.size), cut_out(image, mask)
    for radius, times in ((256, 1), (64, 1), (16, 2), (4, 4), (2, 2), (0, 1)):
        layer = around.filter(ImageFilter.GaussianBlur(radius)).convert("RGBA")
        for _ in range(times):
            under.alpha_composite(layer)
    return under.convert("RGB")


def main():
    pictures = {"a": scene(23, 37, 1), "b": scene(48, 32, 2)}
    masks = {"a": blot(23, 37, 3), "b": blot(48, 32, 4)}
    for name in pictures:
        out["source/" + name] = pictures[name]
        out["mask/" + name] = masks[name][..., None]
    for name, pixels in pictures.items():
        image, mask = Image.fromarray(pixels), Image.fromarray(masks[name])
        out["grey/" + name] = np.asarray(image.convert("L"))[..., None]
        for w, h in ((37, 23), (20, 9), (64, 48), (1, 1), (37, 50), (5, 48), (111, 23)):
            for kind, code in FILTERS.items():
                out[f"{kind}/{name}/{w}x{h}"] = np.asarray(image.resize((w, h), code))
        out[f"lanczos-mask/{name}/16x8"] = np.asarray(mask.resize((16, 8), Image.LANCZOS))[..., None]
        for w, h in ((40, 40), (64, 16), (16, 64), (24, 16), (8, 24)):
            for mode in ("fill", "fit"):
                out[f"{mode}/{name}/{w}x{h}"] = np.asarray(fitted(image, w, h, mode))
        for sigma in (1, 2, 4, 9, 30):
            n = 2 * int(2.5 * sigma + 0.5) + 1
            rows = cv2.GaussianBlur(masks[name], (n, 1), sigma)
            out[f"blur/{name}/{sigma}"] = cv2.GaussianBlur(rows, (1, n), sigma)[..., None]
        for radius in (0, 1, 2, 4, 16, 64, 256):
            out[f"boxes/{name}/{radius}"] = np.asarray(image.filter(ImageFilter.GaussianBlur(radius)))
        out["cut/" + name] = np.frombuffer(cut_out(image, mask).tobytes(), np.uint8).reshape(*pixels.shape[:2], 4)
        soft = Image.fromarray(out[f"blur/{name}/4"][..., 0])
        overlay = cut_out(image, soft).convert("RGBA")
        out["overlay/" + name] = np.asarray(overlay)
        out["filled/" + name] = np.asarray(filled(image, mask))
        out["filled-soft/" + name] = np.asarray(filled(image, soft))
        other = Image.fromarray(pixels[::-1, ::-1].copy()).convert("RGBA")
        other.alpha_composite(overlay)
        out["laid/" + name] = np.asarray(other.convert("RGB"))
    save_file({k: np.ascontiguousarray(v) for k, v in out.items()}, pathlib.Path(__file__).resolve().parent / "pixels.safetensors")


if __name__ == "__main__":
    main()
