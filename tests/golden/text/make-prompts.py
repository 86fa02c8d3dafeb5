#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Writes timelines.json: what prompts that change from step to step say in each step, how AND parts them, and what is left without remarks.

    python3 make-prompts.py      (lark 1.3.1)
The language is AUTOMATIC1111's (modules/prompt_parser.py, version 1.10). Its grammar is ambiguous, and what a prompt with stray brackets
means follows from how lark's Earley parser orders equal readings; so the rules here keep the shape and the order of the program's own, and
lark reads them. Everything behind the parse tree is written anew."""
import json
import os
import random
import re

import lark

HERE = os.path.dirname(os.path.abspath(__file__))

READER = lark.Lark(r"""
!start: (row | /[\[\]():]/+)*
row: (pair | edit | turns | text | SPACE)*
!pair: "(" row ")"
     | "(" row ":" row ")"
     | "[" row "]"
edit: "[" [row ":"] row ":" [SPACE] NUMBER [SPACE] "]"
turns: "[" row ("|" [row])+ "]"
SPACE: /\s+/
text: /([^\\\[\]():|]|\\.)+/
%import common.SIGNED_NUMBER -> NUMBER
""")


def last_step(number, steps, base, hires, old):
    value = float(number)
    if old:
        value = value * steps if value < 1 else value
    elif "." in number:
        value = (value - (1.0 if hires else 0)) * steps
    else:
        value -= base if hires else 0
    return min(steps, int(value))


def say(tree, step, when):
    """The text of a tree in a step; when: NUMBER's text to last step."""
    if tree is None:
        return ""
    if isinstance(tree, lark.Token):
        return str(tree)
    if tree.data == "edit":
        before, after, _, number, _ = tree.children
        return say(before if step <= when(number) else after, step, when)
    if tree.data == "turns":
        return say(tree.children[(step - 1) % len(tree.children)], step, when)
    return "".join(say(c, step, when) for c in tree.children)


def schedule(text, base, hires=None, old=False):
    steps = base if hires is None or old else hires
    try:
        tree = READER.parse(text)
    except lark.exceptions.LarkError:
        return [[steps, text]]
    when = lambda number: last_step(number, steps, base, hires is not None, old)
    stops = {steps} | {s for e in tree.find_data("edit") for s in [when(e.children[3])] if s >= 1}
    if any(tree.find_data("turns")):
        stops |= set(range(1, steps + 1))
    return [[s, say(tree, s, when)] for s in sorted(stops)]


WEIGHT = re.compile(r"((?:\s|.)*?)(?:\s*:\s*([-+]?(?:\d+\.?|\d*\.\d+)))?\s*\Z")


def parts(text, base, hires, old):
    out = []
    for sub in re.split(r"\bAND\b", text):
        words, weight = WEIGHT.match(sub).groups()
        out.append({"weight": 1.0 if weight is None else float(weight), "schedule": schedule(words, base, hires, old)})
    return out


def without_remarks(text):
    return re.sub(r"#[^\n]*(\n|$)", "\n", re.sub(r"(^|\n)#[^\n]*(\n|$)", "\n", text))


PIECES = ["a", "b ", "[", "[", "[", "]", "]", "(", ")", ":", ":", "|", "1", "3", ".5", " ", "2]", ":3]", "[a:b:2]", "[c|d]", "[", "(x:1.2)", "\\(", "\\]",
          "\\\\", ", ", ":2]", "|", "[x", "é", "日", "\n", " AND ", "AND", " BREAK ", ": 1.5", "\u3000", ":1e1]", ":-1]", ":+.25]", ":1.]", "[to:1.5]",
          "[x::25]", "x]", "[||e]", "_AND", "AND日", " : -٣.٥ ", "[cow|cow:2|horse]"]
RARE = ["\\", "\\\n", "#"]


def grown(chance, depth):
    """A prompt with every bracket closed."""
    def inner():
        return grown(chance, depth - 1)
    def time():
        return chance.choice(["3", " 2", ".5", "0.25 ", "1.2", "7", "1e0", "+.75", "0"])
    shapes = [lambda: chance.choice(["a cat", "red", "x, y", " ", "\\(1\\)", "é", "old map"])] * 2
    if depth:
        shapes += [lambda: "(%s)" % inner(), lambda: "(%s:%s)" % (inner(), time()), lambda: "[%s]" % inner(), lambda: "[%s:%s]" % (inner(), time()),
                   lambda: "[%s:%s:%s]" % (inner(), inner(), time()), lambda: "[%s::%s]" % (inner(), time()),
                   lambda: "[%s]" % "|".join(inner() for _ in range(chance.randint(2, 4)))]
    return "".join(chance.choice(shapes)() for _ in range(chance.randint(0, 3)))


def main():
    chance = random.Random(10)
    cases = []
    while len(cases) < 300:
        pool = PIECES + RARE if chance.random() < .1 else PIECES
        text = grown(chance, 3) if len(cases) % 2 else "".join(chance.choice(pool) for _ in range(chance.randint(1, 16)))
        base, hires, old = chance.choice([1, 4, 6, 10]), chance.choice([None, None, 5]), chance.random() < .2
        case = {"prompt": text, "steps": base}
        if hires:
            case["hires_steps"] = hires
        if old:
            case["old_timelines"] = True
        case["parts"] = parts(text, base, hires, old)
        cases.append(case)
    lines = ["a", "# b", "c # d", "", "#", " # e", "##"]
    remarks = ["", "#", "\n#", "#\n#\n", "a #b"] + ["\n".join(chance.choice(lines) for _ in range(chance.randint(1, 5))) for _ in range(60)]
    with open(os.path.join(HERE, "timelines.json"), "w") as f:
        f.write('{\n"cases": [\n' + ",\n".join(json.dumps(c) for c in cases) + '],\n"remarks": [\n'
                + ",\n".join(json.dumps([r, without_remarks(r)]) for r in remarks) + "]\n}\n")


if __name__ == "__main__":
    main()
