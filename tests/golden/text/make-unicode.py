#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Writes unicode.json: what transformers' CLIPTokenizerFast makes of 2000 strings of many scripts, with the small vocabulary of make.py.

    python3 make-unicode.py      (transformers)
The strings are built by both sides from fragments and a linear congruential generator, as in make.py; of their tokens only a CRC-32 is kept.
Left out is where tokenizers of different kinds and ages disagree: characters younger than Python 3.11's Unicode 14, capital sigma (Python
knows the final one, Rust does not), and a special token behind other marks."""
import json
import os
import random
import struct
import unicodedata
import zlib

from transformers import CLIPTokenizerFast

HERE = os.path.dirname(os.path.abspath(__file__))
TOKENIZER = CLIPTokenizerFast.from_pretrained(os.path.join(HERE, "small"))
SCRIPTS = [(0x20, 0x7E), (0xA0, 0x24F), (0x300, 0x36F), (0x370, 0x58F), (0x590, 0x6FF), (0x900, 0xDFF), (0xE00, 0xEFF), (0x10A0, 0x11FF),
           (0x1E00, 0x1FFF), (0x2000, 0x206F), (0x2070, 0x218F), (0x2190, 0x2BFF), (0x2C00, 0x2DFF), (0x3000, 0x30FF), (0x4E00, 0x9FFF),
           (0xAC00, 0xD7A3), (0xFB00, 0xFB4F), (0xFE00, 0xFE0F), (0xFF01, 0xFFEE), (0x10400, 0x1044F), (0x1D400, 0x1D7FF), (0x1F300, 0x1F6FF)]
WORDS = ["a", "the", "Swan", "lake ", "'s", "'LL", ", ", ". ", " ", "  ", "\n", "\u200d", "\ufe0f", "é", "e\u0301", "İ", "1.5"]
STRINGS = 2000


def strings(fragments):
    state = 9

    def number(n):
        nonlocal state
        state = (state * 1664525 + 1013904223) & 0xFFFFFFFF
        return (state >> 16) % n
    for _ in range(STRINGS):
        yield "".join([fragments[number(len(fragments))] for _ in range(1 + number(24))])


def main():
    chance = random.Random(4)
    fragments = WORDS * 6
    for low, high in SCRIPTS:
        known = [chr(c) for c in range(low, high + 1) if unicodedata.category(chr(c)) not in ("Cn", "Cs") and c != 0x3A3]
        fragments += chance.sample(known, min(16, len(known)))
    sums = [zlib.crc32(struct.pack("<%dI" % len(ids), *ids)) for ids in
            (TOKENIZER(text, add_special_tokens=False).input_ids for text in strings(fragments))]
    with open(os.path.join(HERE, "unicode.json"), "w") as f:
        f.write('{\n"fragments": %s,\n"sums": %s\n}\n' % (json.dumps(fragments), json.dumps(sums)))


main()
