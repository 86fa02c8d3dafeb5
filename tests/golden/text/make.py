#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Writes small/ (a vocabulary of a few hundred tokens), tokens.json, prompts.json: what the tokenizer and the prompt language give.

    python3.11 make.py .../bpe_simple_vocab_16e6.txt.gz      (regex, transformers; the file is part of open_clip_torch)
Python 3.11 matters for its Unicode 14. Strings too many to store are built by both sides from fragments and a linear congruential
generator (Mix); of their tokens only a CRC-32 is kept."""
import collections
import gzip
import json
import os
import struct
import sys
import unicodedata
import zlib

import regex

HERE = os.path.dirname(os.path.abspath(__file__))
START, END = "<|startoftext|>", "<|endoftext|>"
TRAINING = """a white swan on a lake at dusk, an old lighthouse on a cliff above the stormy sea, dramatic sky, the red house by the river in
winter, two foxes and a small apple tree in the morning light, portrait of a woman in a garden, painted in oil, mountains beyond the
village, a sailing ship at night under the moon and stars, the cat's blue cushion, they've seen it, we'll go there, summer rain over the
forest, an island with palms, watercolour of a market street in autumn, reflections on the water, the king of the hill, naïve café 日本語"""


# ------------------------------------------------------------------ tokenizer

def byte_alphabet():
    own = [b for b in range(256) if 33 <= b <= 126 or (b >= 161 and b != 173)]
    other = [b for b in range(256) if b not in own]
    return {**{b: chr(b) for b in own}, **{b: chr(256 + i) for i, b in enumerate(other)}}, own + other


ALPHABET, ORDER = byte_alphabet()
PIECES = regex.compile(r"<\|startoftext\|>|<\|endoftext\|>|'s|'t|'re|'ve|'m|'ll|'d|\p{L}+|\p{N}|[^\s\p{L}\p{N}]+")


def pieces(text):
    return PIECES.findall(regex.sub(r"\s+", " ", unicodedata.normalize("NFC", text)).lower())


def symbols(piece):
    s = [ALPHABET[b] for b in piece.encode()]
    return s[:-1] + [s[-1] + "</w>"]


def join(parts, pair):
    out = []
    for p in parts:
        if out and out[-1] is not None and (out[-1], p) == pair:
            out[-1] = out[-1] + p
            out.append(None)  # keeps what was just joined from joining again
        else:
            out.append(p)
    return [p for p in out if p is not None]


class Tokenizer:
    def __init__(self, merges):
        self.merges = merges
        names = [ALPHABET[b] for b in ORDER]
        names += [n + "</w>" for n in names] + ["".join(m) for m in merges] + [START, END]
        self.ids = {n: i for i, n in enumerate(names)}
        assert len(self.ids) == len(names)
        self.rank = {m: i for i, m in enumerate(merges)}
        self.known = {}

    def piece(self, piece):
        if piece in (START, END):
            return [self.ids[piece]]
        if piece not in self.known:
            parts = symbols(piece)
            while True:
                pairs = [(self.rank[p], p) for p in zip(parts, parts[1:]) if p in self.rank]
                if not pairs:
                    break
                parts = join(parts, min(pairs)[1])
            self.known[piece] = [self.ids[p] for p in parts]
        return self.known[piece]

    def encode(self, text):
        return [i for p in pieces(text) for i in self.piece(p)]


def train(text, count):
    words = collections.Counter(tuple(symbols(p)) for p in pieces(text))
    merges = []
    while len(merges) < count:
        pairs = collections.Counter()
        for w, n in words.items():
            for p in zip(w, w[1:]):
                pairs[p] += n
        best = max(pairs, key=lambda p: (pairs[p], p))
        merges.append(best)
        new = collections.Counter()
        for w, n in words.items():
            new[tuple(join(w, best))] += n
        words = new
    return merges


# ------------------------------------------------------------------ prompt language

TOKENS = regex.compile(r"\\[()\[\]\\]|\\|[(\[\])]|:\s*[+-]?[.\d]+\s*\)|[^\\()\[\]:]+|:")
NUMBER = regex.compile(r":\s*([+-]?[.\d]+)\s*\)")
BREAK = regex.compile(r"\s*\bBREAK\b\s*")


def emphasis(text):
    parts, stacks = [], {"(": [], "[": []}

    def close(kind, factor):
        for p in parts[stacks[kind].pop():]:
            p[1] *= factor

    def literal(s):
        for k, piece in enumerate(BREAK.split(s)):
            if k:
                parts.append(["BREAK", -1])
            parts.append([piece, 1.0])

    for t in TOKENS.findall(text):
        number = NUMBER.fullmatch(t)
        if t[0] == "\\":
            parts.append([t[1:], 1.0])
        elif t in stacks:
            stacks[t].append(len(parts))
        elif number and stacks["("]:
            close("(", float(number.group(1)))
        elif t == ")" and stacks["("]:
            close("(", 1.1)
        elif t == "]" and stacks["["]:
            close("[", 1 / 1.1)
        else:
            literal(t)
    while stacks["("]:
        close("(", 1.1)
    while stacks["["]:
        close("[", 1 / 1.1)
    out = []
    for t, w in parts or [["", 1.0]]:
        if out and out[-1][1] == w:
            out[-1][0] += t
        else:
            out.append([t, w])
    return out


def chunks(text, tok):
    comma, done, now = tok.ids[",</w>"], [], []
    last = None

    def flush(keep):
        nonlocal now, last
        pad = 75 - len(keep)
        done.append(([tok.ids[START]] + [i for i, _ in keep] + [tok.ids[END]] * (pad + 1), [1.0] + [w for _, w in keep] + [1.0] * (pad + 1)))
        now, last = now[len(keep):], None

    for part, weight in emphasis(text):
        if (part, weight) == ("BREAK", -1):
            flush(now)
            continue
        for i in tok.encode(part):
            if i == comma:
                last = len(now)
            elif len(now) == 75 and last is not None and 75 - last <= 20:
                flush(now[:last + 1])
            if len(now) == 75:
                flush(now)
            now.append((i, weight))
    if now or not done:
        flush(now)
    return done


# ------------------------------------------------------------------ strings

class Mix:
    """Strings of `fewest` to `most` fragments; the C side has the same few lines."""

    def __init__(self, fragments, seed):
        self.fragments, self.state = fragments, seed

    def number(self, n):
        self.state = (self.state * 1664525 + 1013904223) & 0xFFFFFFFF
        return (self.state >> 16) % n

    def string(self, fewest, most):
        return "".join(self.fragments[self.number(len(self.fragments))] for _ in range(fewest + self.number(most - fewest + 1)))


TEXTS = ["", " ", "a white swan", "A White  SWAN", "it's they've we'll I'm you're he'd can't 'sx", "don''t", "12345 1.5 ½ ٣ 四", "hello,world!?",
         "<|startoftext|>a<|endoftext|>", "!<|endoftext|>", "<|ENDOFTEXT|>", "\t\n\r\u00a0\u3000x\u2003y\u200bz", "é e\u0301 E\u0301", "ﬁ ﬀ Å Å",
         "ΟΔΟΣ ΟΔΟΣ. ΑΣΑ Σ ΑΣ\u0301 A\u00adΣ", "İstanbul I ı", "日本語の絵 한국어 \u1112\u1161\u11ab", "😀👩‍👩‍👧🏽 ♥️", "\u0301start", "a\u0323\u0307 a\u0307\u0323",
         "ᾳ ᾼ Ǆ ǅ", "\U0001F9FF \U0001FAE8", "\x1c\x1f\x7f\x80\x85", "ÀÉÎÕÜ straße STRASSE", "...---...", "a_b-c", "ⅷ Ⅷ ② 𝟘"]
WORDS = ["a", " ", "  ", "the", "Swan", "lake", "'s", "'", "\u2019", ",", ".", "Σ", "ς", "İ", "\u0301", "\u0323", "\u0345", "é", "e", "日", "本", "가", "\u1100", "\u1161",
         "\u11a8", "ß", "ẞ", "Ω", "\u2126", "1", "٣", "½", "😀", "\u200d", "\ufe0f", "\u00a0", "\n", "<|", "endoftext", "|>", START, "'ll", "'RE", "_", "\u0c71",
         "\U00010400", "\u1e9b\u0323", "\uac00\u11a8", "\u0dd9\u0dcf", "\U0001D15E", "\u0f71\u0f72\u0f74", "\ua7cb", "\u1c89", "\U00010D50"]
PROMPTS = ["", "normal text", "An (important) word", "(unbalanced", "\\(literal\\]", "(unnecessary)(parens)", "a (((house:1.3)) [on] a (hill:0.5), sun, (((sky))).",
           "BREAK", "a BREAK b", "(a BREAK b:1.2)", "a BREAK BREAK b", "xBREAK BREAKé _BREAK BREAK_", "(a:٣.٢)", "a:1.2)", "(a: 1.2 )", "(a:-1)", "[a:1.2]", "(a:.5)",
           "(a:5.)", "((a:2):3)", "[[a]", "(a))", "\\", "\\\\", "a\\b", "((\u00a0BREAK\u2003))", "(BREAK:-1)", ":", "(:1.5)", "(a:+1.5)"]
MARKS = ["(", ")", "[", "]", ":", "\\", "(", "[", ")", ":1.2)", ":1.3)", ":0.8 )", ": -1)", ":+.5)", ":1.)", "BREAK", " BREAK ", "\nBREAK", "BREAKé", "xBREAK", " ", "\u00a0",
         "a cat", "dog, ", "é", "日", ",", ": ", "\\(", "\\)", "\\[", "\\\\", "1.5"]
LONG = ["a,", "white ", "swan ", "lake, ", "(red:1.2) ", "[old] ", "house ", "x ", ", ", "zq ", "1 "]


def crc_tokens(ids):
    return zlib.crc32(struct.pack("<%dI" % len(ids), *ids))


def crc_chunks(cs):
    return zlib.crc32(b"".join(struct.pack("<77I77f", *t, *w) for t, w in cs))


def block_sums(tok):
    """Every character between two letters, 4096 to a sum."""
    out = []
    for first in range(0, 0x110000, 4096):
        crc = 0
        for c in range(max(first, 1), first + 4096):
            if not 0xD800 <= c < 0xE000:
                ids = tok.encode("a" + chr(c) + "B")
                crc = zlib.crc32(struct.pack("<%dI" % len(ids), *ids), crc)
        out.append(crc)
        tok.known.clear()
    return out


def compare_with_transformers(folder, tok):
    from transformers import CLIPTokenizer
    other = CLIPTokenizer.from_pretrained(folder)
    for t in TEXTS:
        theirs = other(t, add_special_tokens=False).input_ids
        if theirs != tok.encode(t):
            print("transformers differs:", ascii(t), theirs, tok.encode(t))


def dump(name, value):
    """One record a line."""
    def text(v):
        return "[\n" + ",\n".join(json.dumps(r) for r in v) + "]" if isinstance(v[0], dict) else json.dumps(v)
    with open(os.path.join(HERE, name), "w") as f:
        f.write("{\n" + ",\n".join("%s: %s" % (json.dumps(k), text(v)) for k, v in value.items()) + "\n}\n")


def main():
    small = Tokenizer(train(TRAINING, 160))
    folder = os.path.join(HERE, "small")
    os.makedirs(folder, exist_ok=True)
    with open(os.path.join(folder, "vocab.json"), "w", encoding="utf-8") as f:
        json.dump(small.ids, f, ensure_ascii=False)
    with open(os.path.join(folder, "merges.txt"), "w", encoding="utf-8") as f:
        f.write("#version: 0.2\n" + "".join("%s %s\n" % m for m in small.merges))
    lines = gzip.open(sys.argv[1]).read().decode().split("\n")
    standard = Tokenizer([tuple(x.split()) for x in lines[1:48895]])

    mix = Mix(WORDS, 1)
    mixed = [mix.string(1, 14) for _ in range(2500)]
    dump("tokens.json", {"texts": [{"text": t, "small": small.encode(t), "standard": standard.encode(t)} for t in TEXTS],
                         "fragments": WORDS, "small": [crc_tokens(small.encode(t)) for t in mixed],
                         "standard": [crc_tokens(standard.encode(t)) for t in mixed], "characters": block_sums(small)})
    mix = Mix(MARKS, 2)
    texts = PROMPTS + [mix.string(0, 18) for _ in range(300)]
    mix = Mix(LONG, 3)
    long = ["old map, " * 40 + "ink", "a," * 74 + " b c d", "word " * 90] + [mix.string(30, 160) for _ in range(200)]
    dump("prompts.json", {"emphasis": [{"text": t, "parts": emphasis(t)} for t in texts],
                          "chunks": [{"text": t, "tokens": [c[0] for c in chunks(t, small)], "weights": [c[1] for c in chunks(t, small)]}
                                     for t in long[:3] + ["", "a BREAK (white swan:1.3), lake", "BREAK", "(red:0) house"]],
                          "fragments": LONG, "sums": [crc_chunks(chunks(t, small)) for t in long[3:]]})
    compare_with_transformers(folder, small)


main()
