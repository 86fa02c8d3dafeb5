# SPDX-License-Identifier: Apache-2.0
"""The starter model's words: a byte-level BPE vocabulary in CLIP's format and a small CLIP text encoder.

    python text.py --work DIR        writes DIR/tokenizer/ and trains DIR/text.pt

The encoder is trained on captions alone: from its last states, linear heads must tell what the caption
says. The UNet then meets conditioning in which subjects and settings are already easy to separate.
"""
import collections
import json
import os
import re
import time

import numpy as np
import torch
import torch.nn.functional as F
from transformers import CLIPTextConfig, CLIPTextModel, CLIPTokenizer

from captions import GROUND_NAMES, KEYWORDS, caption, imagine
from common import Stop, cosine, load, log, save, work_folder
from scenes import PLACES, SEASONS, TIMES
from subjects import NAMES

MERGES = 2600
LENGTH = 77
START, END = "<|startoftext|>", "<|endoftext|>"
COLOUR_NAMES = ["white", "red", "green", "blue", "yellow", "purple", "pink", "black"]
HEADS = {"first": len(NAMES) + 1, "second": len(NAMES) + 1, "third": len(NAMES) + 1, "count": 3, "time": len(TIMES) + 1,
         "season": len(SEASONS) + 1, "place": len(PLACES) + 1, "water": 3, "ground": len(GROUND_NAMES) + 1,
         "colour": len(COLOUR_NAMES) + 1, "size": 3, "side": 3}


def byte_symbols():
    """CLIP's alphabet: a printable character for each of the 256 bytes."""
    kept = [*range(33, 127), *range(161, 173), *range(174, 256)]
    table, extra = dict.fromkeys(range(256)), 0
    for b in kept:
        table[b] = chr(b)
    for b in range(256):
        if table[b] is None:
            table[b] = chr(256 + extra)
            extra += 1
    return kept + [b for b in range(256) if b not in kept], table


def learn_merges(words, count):
    """Byte pair encoding: the `count` most useful merges for a {word: frequency} table."""
    _, table = byte_symbols()
    split = {}
    for word, n in words.items():
        s = [table[b] for b in word.encode()]
        s[-1] += "</w>"
        split[tuple(s)] = split.get(tuple(s), 0) + n
    merges = []
    while len(merges) < count:
        pairs = collections.Counter()
        for s, n in split.items():
            for pair in zip(s, s[1:]):
                pairs[pair] += n
        if not pairs:
            break
        best = max(pairs, key=lambda p: (pairs[p], p))
        merges.append(best)
        joined = {}
        for s, n in split.items():
            out, i = [], 0
            while i < len(s):
                if i + 1 < len(s) and (s[i], s[i + 1]) == best:
                    out.append(s[i] + s[i + 1])
                    i += 2
                else:
                    out.append(s[i])
                    i += 1
            joined[tuple(out)] = joined.get(tuple(out), 0) + n
        split = joined
    return merges


def write_tokenizer(folder, captions):
    """vocab.json, merges.txt and their configuration, learnt from many captions."""
    words = collections.Counter()
    for text in captions:
        words.update(re.findall(r"[a-z]+|[0-9]|[^\sa-z0-9]+", text.lower()))
    order, table = byte_symbols()
    merges = learn_merges({w: n + 50 for w, n in words.items()}, MERGES)
    vocabulary = [table[b] for b in order] + [table[b] + "</w>" for b in order]
    vocabulary += ["".join(m) for m in merges] + [START, END]
    os.makedirs(folder, exist_ok=True)
    with open(os.path.join(folder, "vocab.json"), "w", encoding="utf-8") as f:
        json.dump({v: i for i, v in enumerate(vocabulary)}, f, ensure_ascii=False)
    with open(os.path.join(folder, "merges.txt"), "w", encoding="utf-8") as f:
        f.write("#version: 0.2\n" + "".join(" ".join(m) + "\n" for m in merges))
    special = {"bos_token": START, "eos_token": END, "unk_token": END, "pad_token": END}
    with open(os.path.join(folder, "special_tokens_map.json"), "w") as f:
        json.dump(special, f, indent=2)
    with open(os.path.join(folder, "tokenizer_config.json"), "w") as f:
        json.dump({"add_prefix_space": False, "do_lower_case": True, "errors": "replace", "model_max_length": LENGTH,
                   "tokenizer_class": "CLIPTokenizer", **special}, f, indent=2)
    return len(vocabulary), len(words)


class Words:
    """Captions to batches of token numbers."""

    def __init__(self, work):
        self.tokenizer = CLIPTokenizer.from_pretrained(os.path.join(work, "tokenizer"))

    def __call__(self, captions, length=LENGTH):
        return self.tokenizer(captions, padding="max_length", max_length=length, truncation=True,
                              return_tensors="pt").input_ids

    def __len__(self):
        return len(self.tokenizer)


def build(vocabulary):
    """The text encoder for a vocabulary of so many tokens."""
    return CLIPTextModel(CLIPTextConfig(
        vocab_size=vocabulary, hidden_size=192, intermediate_size=768, projection_dim=192, num_hidden_layers=4,
        num_attention_heads=3, max_position_embeddings=LENGTH, hidden_act="quick_gelu", bos_token_id=vocabulary - 2,
        eos_token_id=vocabulary - 1, pad_token_id=vocabulary - 1, initializer_factor=1.0))


def restored(work):
    """The trained text encoder and its tokenizer."""
    words = Words(work)
    model = build(len(words))
    model.load_state_dict(load(os.path.join(work, "text.pt"))["model"])
    return model.eval().requires_grad_(False), words


def goals(said):
    """What the heads should answer for one caption."""
    s = said["subjects"] + [len(NAMES)] * 3
    colour = said.get("colour")
    return [s[0], s[1], s[2], said.get("count", 1) - 1, said.get("time", len(TIMES)), said.get("season", len(SEASONS)),
            said.get("place", len(PLACES)) if "ground" not in said else len(PLACES), said.get("water", 2),
            said.get("ground", len(GROUND_NAMES)), COLOUR_NAMES.index(colour) if colour else len(COLOUR_NAMES),
            said.get("size", 2), said.get("side", 2)]


def main():
    o = work_folder(__doc__, steps=1300, batch=64, rate=1.2e-3, seed=5)
    rng, stop = np.random.default_rng(o.seed), Stop()
    folder = os.path.join(o.work, "tokenizer")
    logs = os.path.join(o.work, "text.log")
    if not os.path.exists(os.path.join(folder, "merges.txt")):
        texts = [caption(imagine(rng), rng)[0] for _ in range(40000)]
        texts += [" ".join(n) for n in NAMES] * 5 + [" ".join(k) for k in KEYWORDS]
        log(logs, "vocabulary of %d tokens from %d words" % write_tokenizer(folder, texts))
    words = Words(o.work)
    torch.manual_seed(o.seed)
    model = build(len(words))
    heads = torch.nn.ModuleDict({k: torch.nn.Linear(192, n) for k, n in HEADS.items()})
    parameters = [*model.parameters(), *heads.parameters()]
    optimizer = torch.optim.AdamW(parameters, lr=o.rate, betas=(.9, .98), weight_decay=.01, fused=True)
    path, step = os.path.join(o.work, "text.pt"), 0
    state = load(path)
    if state:
        model.load_state_dict(state["model"])
        heads.load_state_dict(state["heads"])
        optimizer.load_state_dict(state["optimizer"])
        step = state["step"]
    began, first = time.time(), step

    def checkpoint():
        save(path, {"model": model.state_dict(), "heads": heads.state_dict(), "optimizer": optimizer.state_dict(),
                    "step": step})

    while step < o.steps and not stop.now:
        made = [caption(imagine(rng), rng) for _ in range(o.batch)]
        length = LENGTH if step % 8 == 0 else 32
        ids = words([m[0] for m in made], length)
        want = torch.tensor([goals(m[1]) for m in made])
        for g in optimizer.param_groups:
            g["lr"] = cosine(step / o.steps, o.rate, o.rate * .05) * min(1, (step + 1) / 100)
        states = model(ids).last_hidden_state
        end = (ids == len(words) - 1).int().argmax(1)
        later = (end + (torch.rand(len(end)) * (length - end)).long()).clamp(max=length - 1)
        rows = torch.arange(len(end))
        loss, right = 0, []
        for at in (end, later):
            pooled = states[rows, at]
            for k, name in enumerate(HEADS):
                logits = heads[name](pooled)
                loss = loss + F.cross_entropy(logits, want[:, k]) * (1 if k < 3 else .5)
                right.append(float((logits.argmax(1) == want[:, k]).float().mean()))
        loss = loss + 1e-3 * states.pow(2).mean()
        optimizer.zero_grad(set_to_none=True)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(parameters, 1.0)
        optimizer.step()
        step += 1
        if step % 50 == 0:
            answer = " ".join(f"{n} {r:.2f}" for n, r in zip(HEADS, right[len(HEADS):]))
            log(logs, f"step {step} loss {float(loss.detach()):.3f} steps/s {(step - first) / (time.time() - began):.2f} {answer}")
        if step % 300 == 0:
            checkpoint()
    checkpoint()


if __name__ == "__main__":
    main()
