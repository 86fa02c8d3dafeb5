#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""JPEG files of every kind that cameras and programs write, with the pixels that Pillow reads from them, turned upright.

    pip install pillow==9.5.0 safetensors numpy
    python make-photos.py     writes photos/*.jpg and photos.safetensors beside this script"""
import io
import pathlib

import numpy as np
from PIL import Image, ImageOps
from safetensors.numpy import save_file

HERE = pathlib.Path(__file__).resolve().parent


def scene(width, height):
    y, x = np.mgrid[0:height, 0:width]
    rgb = np.stack([128 + 100 * np.sin(x / 5.0), 128 + 100 * np.cos(y / 4.0), (x * 9 + y * 5) % 256], -1)
    rgb[:height // 3, :width // 4] = (250, 20, 30)
    return Image.fromarray(rgb.astype(np.uint8))


def turned(image, orientation):
    exif = Image.Exif()
    exif[0x0112] = orientation
    return dict(exif=exif.tobytes())


def main():
    out, image = {}, scene(37, 21)
    kinds = {"full": (image, dict(subsampling=0)), "half": (image, dict(subsampling=1)), "quarter": (image, dict(subsampling=2)),
             "progressive": (image, dict(subsampling=2, progressive=True)), "grey": (image.convert("L"), {}),
             "printed": (image.convert("CMYK"), {}), **{f"turned-{n}": (image, turned(image, n)) for n in range(1, 9)}}
    (HERE / "photos").mkdir(exist_ok=True)
    for name, (picture, options) in kinds.items():
        held = io.BytesIO()
        picture.save(held, "JPEG", quality=80, optimize=True, **options)
        (HERE / "photos" / (name + ".jpg")).write_bytes(held.getvalue())
        if name != "printed":
            out[name] = np.asarray(ImageOps.exif_transpose(Image.open(held)).convert("RGB"))
    save_file({k: np.ascontiguousarray(v) for k, v in out.items()}, HERE / "photos.safetensors")


if __name__ == "__main__":
    main()
