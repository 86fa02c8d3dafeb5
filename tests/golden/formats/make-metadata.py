#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Pictures with texts for tests/engine/formats/metadata.c: python make-metadata.py, with Pillow (11.3 or later, for AVIF) and piexif.

Each is written by a library that the programs themselves use, but for the HEIF, whose boxes are put together here."""
import gzip
import io
import json
import os
import struct

import piexif
import piexif.helper
from PIL import Image, PngImagePlugin

HERE = os.path.join(os.path.dirname(os.path.abspath(__file__)), "metadata")
TEXT = "a fox, 水彩, Öl\nNegative prompt: blurry\nSteps: 20, Sampler: Euler a, CFG scale: 7, Seed: 5, Size: 24x16"
LATIN = "a fox, Öl\nSteps: 20, Sampler: Euler a, CFG scale: 7, Seed: 5, Size: 24x16"
GRAPH = '{"3": {"class_type": "KSampler", "inputs": {"seed": 5}}}'
PICTURE = Image.new("RGB", (24, 16), (200, 120, 40))


def user_comment(text=TEXT):
    return piexif.dump({"Exif": {piexif.ExifIFD.UserComment: piexif.helper.UserComment.dump(text, encoding="unicode")}})


def little(text=TEXT):
    """Intel's byte order throughout, as .NET's libraries write it."""
    value = b"UNICODE\0" + text.encode("utf-16-le")
    ifd0 = struct.pack("<H", 1) + struct.pack("<HHII", 0x8769, 4, 1, 26) + struct.pack("<I", 0)
    below = struct.pack("<H", 1) + struct.pack("<HHII", 0x9286, 7, len(value), 44) + struct.pack("<I", 0)
    return b"Exif\0\0II*\0" + struct.pack("<I", 8) + ifd0 + below + value


def box(kind, data):
    return struct.pack(">I", 8 + len(data)) + kind + data


def full(kind, version, data):
    return box(kind, struct.pack(">I", version << 24) + data)


def heif(exif, in_meta):
    """Two items, of which the second is Exif, in the box itself (construction 1) or in two extents behind it."""
    item = struct.pack(">I", 0) + exif
    infe = [full(b"infe", 2, struct.pack(">HH", 1, 0) + b"hvc1\0"), full(b"infe", 2, struct.pack(">HH", 2, 0) + b"Exif\0")]
    size = box(b"iprp", box(b"ipco", full(b"ispe", 0, struct.pack(">II", 24, 16)) + full(b"ispe", 0, struct.pack(">II", 8, 8))))
    start = full(b"iinf", 0, struct.pack(">H", 2) + b"".join(infe)) + size
    ftyp = box(b"ftyp", b"heic\0\0\0\0mif1heic")

    def meta(base):
        extents = [(0, len(item))] if in_meta else [(0, 100), (100, len(item) - 100)]
        where = b"".join(struct.pack(">II", a, n) for a, n in extents)
        places = struct.pack(">HH", 0x4440, 2) + struct.pack(">HHHIH", 1, 0, 0, 0, 0) + \
            struct.pack(">HHHIH", 2, 1 if in_meta else 0, 0, base, len(extents)) + where
        return full(b"meta", 0, start + full(b"iloc", 1, places) + (box(b"idat", item) if in_meta else b""))

    base = 0 if in_meta else len(ftyp) + len(meta(0)) + 8
    return ftyp + meta(base) + (b"" if in_meta else box(b"mdat", item))


def write(name, data):
    with open(os.path.join(HERE, name), "wb") as file:
        file.write(data)


def save(name, **options):
    data = io.BytesIO()
    PICTURE.save(data, name.rsplit(".", 1)[1].replace("jpg", "jpeg"), **options)
    write(name, data.getvalue())


os.makedirs(HERE, exist_ok=True)
save("unicode.jpg", exif=user_comment(), quality=50)
save("little.jpg", exif=little(), quality=50)
save("unicode.webp", exif=user_comment(), quality=50)
save("unicode.avif", exif=user_comment(), quality=50)
save("comment.jpg", comment=LATIN.encode(), quality=50)
save("comment.gif", comment=TEXT.encode())

plain = Image.Exif()  # no name of an encoding, as Fooocus saves
plain[0x9286], plain[0x0131], plain[0x927C] = '{"prompt": "a fox"}', "Fooocus v2.5.5", "fooocus"
save("plain.jpg", exif=plain, quality=50)

graph = Image.Exif()  # ComfyUI, nodes_images.py
graph[0x0110], graph[0x010F] = "prompt:" + GRAPH, "workflow:{}"
save("graph.webp", exif=graph, lossless=True)

save("ascii.webp", exif=piexif.dump({"Exif": {piexif.ExifIFD.UserComment: b"ASCII\0\0\0" + b"a fox"}}), quality=50)

texts = PngImagePlugin.PngInfo()
texts.add_itxt("parameters", TEXT, zip=True)
texts.add_text("Comment", "deflated " * 20, zip=True)
save("texts.png", pnginfo=texts)
save("exif.png", exif=user_comment())
save("lossy.webp", quality=50)
save("lossless.webp", lossless=True)


def hide(name, signature, data, bits):
    """In the alpha channel, column by column."""
    stream = signature + struct.pack(">I", bits) + data
    ones = "".join(f"{b:08b}" for b in stream)
    side = 1
    while side * side < len(ones):
        side += 1
    picture = Image.new("RGBA", (side, side), (200, 120, 40, 255))
    for i, bit in enumerate(ones):
        picture.putpixel((i // side, i % side), (200, 120, 40, 254 | int(bit)))
    buffer = io.BytesIO()
    picture.save(buffer, "png")
    write(name, buffer.getvalue())


secret = json.dumps({"Software": "NovelAI", "Source": "NovelAI Diffusion V4.5 4BB8B1D7", "Description": "a fox",
                     "Comment": json.dumps({"prompt": "a {fox}", "uc": "blurry", "steps": 28, "scale": 5, "seed": 5, "sampler": "k_euler"})})
packed = gzip.compress(secret.encode(), mtime=0)
hide("novelai.png", b"stealth_pngcomp", packed, 8 * len(packed))
hide("stealth.png", b"stealth_pnginfo", TEXT.encode(), 8 * len(TEXT.encode()))
write("extents.heic", heif(user_comment()[6:], False))
write("inside.heic", heif(user_comment()[6:], True))
