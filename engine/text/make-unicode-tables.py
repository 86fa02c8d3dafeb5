#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Writes unicode-tables.h: what the reference tokenizer knows of each character.

    python3.11 make-unicode-tables.py        (Python 3.11 for its Unicode 14, and the regex package)
The reference splits text by the regex module's classes and takes normalisation and lower case from Python, whose Unicode is older.
Asking them keeps our tokens theirs, whatever Unicode the C library or GLib has."""
import os
import unicodedata

import regex

LETTER, NUMBER, SPACE, CASED, IGNORABLE, UNASSIGNED, WORD = (1 << i for i in range(7))
SURROGATES = range(0xD800, 0xE000)
ALL = [c for c in range(0x110000) if c not in SURROGATES]
PATTERNS = [(regex.compile(p), f) for p, f in ((r"\p{L}", LETTER), (r"\p{N}", NUMBER), (r"\s", SPACE), (r"\w", WORD))]


def classes(c):
    s = chr(c)
    f = sum(bit for pattern, bit in PATTERNS if pattern.match(s))
    # A capital sigma becomes a final one after a cased character and any number of ignorable ones.
    if (s + "\u03a3").lower().endswith("\u03c2"):
        f |= CASED
    elif ("A" + s + "\u03a3").lower().endswith("\u03c2"):
        f |= IGNORABLE
    if unicodedata.category(s) == "Cn":
        f |= UNASSIGNED
    return f


def class_ranges():
    out, last = [], None
    for c in ALL:
        f = classes(c)
        if f != last:
            out.append(c << 8 | f)
        last = f
    return out


def lower_ranges():
    """[first, last, distance between, what is added]"""
    out = []
    for c in ALL:
        low = chr(c).lower()
        if low == chr(c) or len(low) > 1 or c == 0x3A3:
            assert len(low) == 1 or c == 0x130, "a rule of its own is missing"
            continue
        delta = ord(low) - c
        if out and out[-1][3] == delta and c - out[-1][1] in (1, 2) and out[-1][2] in (0, c - out[-1][1]):
            out[-1][2] = c - out[-1][1]
            out[-1][1] = c
        else:
            out.append([c, c, 0, delta])
    return [[a, b, s or 1, d] for a, b, s, d in out]


def rows(items):
    line, out = " ", []
    for item in items:
        if len(line) + len(item) + 2 > 138:
            out.append(line)
            line = " "
        line += " " + item + ","
    return "\n".join(out + [line])


def main():
    path = os.path.join(os.path.dirname(os.path.abspath(__file__)), "unicode-tables.h")
    with open(path, "w") as f:
        f.write("/* Made by make-unicode-tables.py from regex %s and Unicode %s; not edited by hand.  SPDX-License-Identifier: Apache-2.0 */\n"
                "#pragma once\n\n#include <glib.h>\n\n" % (regex.__version__, unicodedata.unidata_version))
        f.write("/* First character of a range << 8 | its classes, rising. */\nstatic const guint32 class_ranges[] = {\n%s\n};\n\n"
                % rows("0x%x" % r for r in class_ranges()))
        f.write("/* Every step-th character from first to last has a lower case `add` further on. */\n"
                "static const struct {\n  guint32 first, last, step;\n  gint32 add;\n} lower_ranges[] = {\n%s\n};\n"
                % rows("{ 0x%x, 0x%x, %d, %d }" % tuple(r) for r in lower_ranges()))


main()
