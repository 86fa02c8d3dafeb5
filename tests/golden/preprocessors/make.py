#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Writes preprocessors.safetensors: what OpenCV and numpy make of small scenes, as sd-webui-controlnet calls them.

    pip install numpy opencv-python-headless==4.8.1.78 safetensors
    python make.py
OpenCV is of the time of sd-webui-controlnet. 5.0 gives the same but for remap, which has no 32nds of a pixel any more.
Names are PREPROCESSOR/SCENE/NAME=VALUE,NAME=VALUE. The scenes are drawn by the same whole numbers in tests/engine/control/scene.h. Results in
black and white are kept as bits, row after row, the first the highest of its byte."""
import pathlib

import cv2
import numpy as np
from safetensors.numpy import save_file

out = {}


def mixed(*numbers):
    h = np.uint64(0)
    for factor, n in zip((2654435761, 2246822519, 3266489917, 668265263), numbers):
        h = h + (np.uint64(factor) * np.asarray(n, np.uint64) & np.uint64(0xFFFFFFFF)) & np.uint64(0xFFFFFFFF)
    h = (h ^ (h >> np.uint64(15))) * np.uint64(2246822519) & np.uint64(0xFFFFFFFF)
    return ((h ^ (h >> np.uint64(13))) >> np.uint64(24)).astype(np.int64)


def scene(seed):
    """Slopes, five discs and stripes, under noise of a strength that depends on the scene."""
    width, height = 40 + seed * 7 % 61, 33 + seed * 11 % 47
    y, x, c = np.mgrid[0:height, 0:width, 0:3]
    v = (x * (1 + seed % 3) + y * (c + 1) + 60 * c) % 256
    for k in range(5):
        cx, cy, r = mixed(seed, k, 1, 0) % width, mixed(seed, k, 2, 0) % height, 3 + mixed(seed, k, 3, 0) % 14
        v = np.where((x - cx) ** 2 + (y - cy) ** 2 < r * r, mixed(seed, k, 4, c), v)
    v = np.where((x + y) // 6 % 5 == seed % 5, v * 3 // 4, v)
    return np.clip(v + (mixed(seed, x, y, c) - 128) * (seed % 4) // 8, 0, 255).astype(np.uint8)


def mask(seed):
    height, width, _ = scene(seed).shape
    y, x = np.mgrid[0:height, 0:width]
    return mixed(seed, x // 9, y // 9, 7).astype(np.uint8)


def add(name, number, params, result):
    assert result.dtype == np.uint8
    grey = result if result.ndim == 2 or result.shape[2] != 3 or (result != result[:, :, :1]).any() else result[:, :, 0]
    key = f"{name}/{number}/" + ",".join(f"{k}={v}" for k, v in params.items())
    out[key] = np.packbits(grey != 0) if grey.ndim == 2 and set(np.unique(grey)) <= {0, 255} else np.ascontiguousarray(grey)


def xdog(rgb, threshold):
    narrow, wide = (cv2.GaussianBlur(rgb.astype(np.float32), (0, 0), sigma) for sigma in (0.5, 5.0))
    dog = (255 - np.min(wide - narrow, axis=2)).clip(0, 255).astype(np.uint8)
    return ((2 * (255 - dog) > threshold) * 255).astype(np.uint8)


def lineart(rgb):
    depth = np.min(cv2.GaussianBlur(rgb.astype(np.float32), (0, 0), 6.0) - rgb.astype(np.float32), axis=2).clip(0, 255)
    seen = depth[depth > 8]
    depth /= max(16, np.median(seen)) if len(seen) else 16
    depth *= 127
    return depth.clip(0, 255).astype(np.uint8)


def softedge(rgb, sigma, strength):
    narrow, wide = (cv2.GaussianBlur(rgb.astype(np.float32), (0, 0), s) for s in (sigma, sigma * 1.6))
    return np.rint(np.minimum(np.abs(narrow - wide).max(axis=2) * np.float32(strength), 255)).astype(np.uint8)


def recolored(grey, gamma):
    return ((grey.astype(np.float32) / 255.0) ** gamma * 255.0).clip(0, 255).astype(np.uint8)


def inpainted(rgb, marked):
    marks = np.where(marked > 127, 255, 0).astype(np.uint8)
    return np.dstack([np.where(marks[:, :, None] > 0, 0, rgb).astype(np.uint8), marks])


def disk(height, width, far=256):
    noise = np.random.uniform(0, 1, (height // far + 2, width // far + 2, 1))
    noise = cv2.resize(noise, (width + 2 * far, height + 2 * far), interpolation=cv2.INTER_CUBIC)[far:far + height, far:far + width]
    noise -= noise.min()
    return (noise / noise.max())[:, :, None]


def shuffled(rgb, seed):
    height, width, _ = rgb.shape
    np.random.seed(seed)
    x = disk(height, width) * float(width - 1)
    flow = np.concatenate([x, disk(height, width) * float(height - 1)], 2).astype(np.float32)
    return cv2.remap(rgb, flow, None, cv2.INTER_LINEAR)


def shrunk(rgb, rate):
    if rate < 1.1:
        return rgb
    height, width, _ = rgb.shape
    return cv2.resize(rgb, (int(width / rate), int(height / rate)), interpolation=cv2.INTER_AREA)


for n in range(50):
    low, high = [(100, 200), (100, 200), (40, 90), (180, 60), (256, 256)][n % 5]
    add("canny", n, {"low": low, "high": high}, cv2.Canny(scene(n), low, high))
for n, sigma in ((1, 0.01), (2, 0.5), (3, 1), (5, 2.5), (8, 9), (11, 30), (12, 64)):
    add("blur_gaussian", n, {"sigma": sigma}, cv2.GaussianBlur(scene(n), (0, 0), sigma))
for n in range(10):
    add("scribble_xdog", n, {"threshold": [32, 16, 48][n % 3]}, xdog(scene(n), [32, 16, 48][n % 3]))
for n in (5, 9, 16, 20):
    add("lineart_standard", n, {}, lineart(scene(n)))
for n, sigma, strength in ((4, 1.5, 6), (13, 0.3, 2), (14, 4, 10)):
    add("softedge_dog", n, {"sigma": sigma, "strength": strength}, softedge(scene(n), sigma, strength))
for n, gamma in ((1, 1), (3, 0.7), (7, 1.8)):
    add("recolor_luminance", n, {"gamma": gamma}, recolored(cv2.cvtColor(scene(n), cv2.COLOR_BGR2LAB)[:, :, 0], gamma))
    add("recolor_intensity", n, {"gamma": gamma}, recolored(cv2.cvtColor(scene(n), cv2.COLOR_BGR2HSV)[:, :, 2], gamma))
for n, level in ((2, 127), (6, 60)):
    add("threshold", n, {"threshold": level}, ((scene(n).min(axis=2) > level) * 255).astype(np.uint8))
for n, rate in ((1, 1), (3, 1.5), (7, 2), (8, 3.3), (6, 2), (46, 3), (17, 3), (22, 8)):
    add("tile_resample", n, {"rate": rate}, shrunk(scene(n), rate))
for n, seed in ((1, 0), (6, 7), (9, 4294967295)):
    add("shuffle", n, {"seed": seed}, shuffled(scene(n), seed))
add("invert", 9, {}, 255 - scene(9))
add("inpaint", 10, {}, inpainted(scene(10), mask(10)))

save_file(out, pathlib.Path(__file__).with_name("preprocessors.safetensors"))
