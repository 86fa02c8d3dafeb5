#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Writes chunks.json: emphasis and chunks as ComfyUI makes them of a prompt (comfy/sd1_clip.py), and chunks as A1111 makes them where
embeddings stand in it (modules/sd_hijack_clip.py tokenize_line), both with the small vocabulary of make.py.

    python3 make-chunks.py      (transformers)"""
import json
import os
import random
import re

from transformers import CLIPTokenizer

HERE = os.path.dirname(os.path.abspath(__file__))
TOKENIZER = CLIPTokenizer.from_pretrained(os.path.join(HERE, "small"))
COMMA = TOKENIZER.convert_tokens_to_ids(",</w>")
EMBEDDINGS = {"swan": 2, "old-map": 9, "x": 1, "white swan": 3}  # vectors of each


def groups(text):
    """Texts and whole groups, as long as brackets balance; () are written ⟦⟧ here so that those with a backslash are letters."""
    out, now, level = [], "", 0
    for c in text:
        if c == "⟦":
            if level == 0 and now:
                out.append(now)
                now = ""
            level += 1
        elif c == "⟧":
            level -= 1
        now += c
        if c == "⟧" and level == 0:
            out.append(now)
            now = ""
    return out + [now] * (now != "")


def weigh(text, weight):
    for item in groups(text):
        if len(item) < 2 or (item[0], item[-1]) != ("⟦", "⟧"):
            yield item.replace("⟦", "(").replace("⟧", ")"), weight
            continue
        inside, own = item[1:-1], weight * 1.1
        head, colon, number = inside.rpartition(":")
        if colon and head:
            try:
                own, inside = float(number), head
            except ValueError:
                pass
        yield from weigh(inside, own)


def emphasis(text):
    marked = re.sub(r"(?<!\\)\(", "⟦", re.sub(r"(?<!\\)\)", "⟧", text))
    return [[re.sub(r"\\([()])", r"\1", t), w] for t, w in weigh(marked, 1.0)]


def words(text):
    """Lists of tokens that belong together; a vector of an embedding is [name, index]."""
    for piece in re.split(r"(?<=\s)(?=embedding:)", text):
        if not piece.startswith("embedding:"):
            yield TOKENIZER(piece, add_special_tokens=False).input_ids
            continue
        name, rest = re.match(r"\s*([^\s<\[]*)(.*)", piece[len("embedding:"):], re.S).groups()
        bare = name.strip(",")
        if name not in EMBEDDINGS and bare != name:
            rest, name = name[len(bare):] + " " + rest, bare
        yield [[name, i] for i in range(EMBEDDINGS.get(name, 0))]
        yield TOKENIZER(rest, add_special_tokens=False).input_ids


def chunks(text):
    """Tokens and weights of each chunk, without start, end and padding."""
    done, now = [], []

    def flush():
        done.append([[t for t, _ in now], [w for _, w in now]])
        now.clear()

    for part, weight in emphasis(text):
        for group in words(part):
            if len(group) < 8 and len(now) + len(group) > 75:
                flush()
            for token in group:
                if len(now) == 75:
                    flush()
                now.append((token, weight))
    if now or not done:
        flush()
    return done


def tokens_of(text):
    return TOKENIZER(text, add_special_tokens=False).input_ids


def a1111(parts):
    """parts: texts with weights. Chunks as above, and from what place on of all 77 an embedding's vectors stand: [place, name]. A vector does not move with
    its token when a comma sends that to the next chunk."""
    names = sorted(((tokens_of(n), n) for n in EMBEDDINGS), key=lambda x: -len(x[0]))
    done, now, vectors, comma = [], [], [], None

    def flush(keep):
        nonlocal now, vectors, comma
        done.append([[t for t, _ in now[:keep]], [w for _, w in now[:keep]], vectors])
        now, vectors, comma = now[keep:], [], None

    for text, weight in parts:
        ids = tokens_of(text)
        while ids:
            if ids[0] == COMMA:
                comma = len(now)
            elif len(now) == 75 and comma is not None and 75 - comma <= 20:
                flush(comma + 1)
            if len(now) == 75:
                flush(75)
            key, name = next((k for k in names if ids[:len(k[0])] == k[0]), (ids[:1], None))
            n = EMBEDDINGS.get(name, 0)
            if len(now) + n > 75:
                flush(len(now))
            vectors += [[len(now) + 1, name]] if name else []
            now += [(0, weight)] * n if name else [(ids[0], weight)]
            ids = ids[len(key):]
    if now or not done:
        flush(len(now))
    return done


DOCUMENTED = ["(foo)", "(foo)(bar)", "(foo:2.0)", "((foo))", "((foo):1.1)", "((foo:1.1))", "(foo:0.0)", "((foo:1.0):0.0)",
              "foo ((((lol (cat:666) attack:100)))) baz", "foo ((((lol (cat:666) attack):100))) baz"]
MARKS = ["(", ")", "(", ")", ":", "\\", "[", "]", ":1.2)", ":0.8 )", ": -1)", ":1e1)", ":x)", "\\(", "\\)", "\\\\", "a cat", "dog, ", "é", " ", "BREAK", "\n"]
WORDS = ["a,", "white ", "swan ", "lake, ", "(red:1.2) ", "[old] ", "house ", "(", ")", "zq ", "1 ", " embedding:swan ", "(embedding:old-map:0.5) ",
         " embedding:x, ", "embedding:none ", "embedding:swan[a ", " embedding:,swan, "]


def main():
    chance = random.Random(5)
    texts = DOCUMENTED + ["", "()", "(:2)", ")(a)", ")a(b)(c)", "(a (b)", "(a (b:2) c", "a))((b)"]
    texts += ["".join(chance.choice(MARKS) for _ in range(chance.randint(1, 14))) for _ in range(150)]
    long = ["".join(chance.choice(WORDS) for _ in range(chance.randint(0, 120))) for _ in range(12)]
    plain = [w for w in WORDS if not set("()[]:") & set(w)] + ["x ", "old-map, ", "old-map ", "white swan "]
    parted = [[["".join(chance.choice(plain) for _ in range(chance.randint(1, 50))), w] for w in [1.0, 1.25, 1.0][:chance.randint(1, 3)]]
              for _ in range(16)]

    def lines(rows):
        return ",\n".join(json.dumps(r, separators=(",", ":")) for r in rows)
    with open(os.path.join(HERE, "chunks.json"), "w") as f:
        f.write('{\n"embeddings": %s,\n"emphasis": [\n%s],\n"comfyui": [\n%s],\n"a1111": [\n%s]\n}\n'
                % (json.dumps(EMBEDDINGS), lines([t, emphasis(t)] for t in texts), lines([t, chunks(t)] for t in long),
                   lines(["".join(t if w == 1 else "(%s:%s)" % (t, w) for t, w in p), a1111(p)] for p in parted)))


if __name__ == "__main__":
    main()
