# SPDX-License-Identifier: Apache-2.0
"""The starter model's words: a byte-level BPE vocabulary in CLIP's format and a small CLIP text encoder.

    python text.py --work DIR        writes DIR/tokenizer/ and trains DIR/text.pt

The encoder is trained on captions and on what the subjects look like. The first CODE numbers of its last state
must be a subject's appearance, its principal components among all subjects' latents: at a subject's last token
its own, from the caption's end on the mean of all. Linear heads must tell what else the caption says. The last 36
tokens are a 6 x 6 map: each must hold its own place and the piece of the first two subjects' latents that lies
there. So the UNet need not learn subject by subject: it learns to paint an appearance, and every picture teaches
that. Needs DIR/vae.pt.
"""
import collections
import json
import os
import re
import time

import numpy as np
import torch
import torch.nn.functional as F
from PIL import Image
from transformers import CLIPTextConfig, CLIPTextModel, CLIPTokenizer

import vae
from captions import GROUND_NAMES, KEYWORDS, caption, imagine
from common import Stop, cosine, fast, load, log, save, work_folder
from scenes import PLACES, SEASONS, TIMES
from subjects import NAMES, sprite

CODE = 144
SIDE = 6  # pieces of 2 x 2 latents
PIECE = 16
MERGES = 2600
LENGTH = 77
MAP = LENGTH - SIDE * SIDE  # the first token of the map
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
    config = CLIPTextConfig(
        vocab_size=vocabulary, hidden_size=192, intermediate_size=768, projection_dim=192, num_hidden_layers=4,
        num_attention_heads=3, max_position_embeddings=LENGTH, hidden_act="quick_gelu", bos_token_id=vocabulary - 2,
        eos_token_id=vocabulary - 1, pad_token_id=vocabulary - 1, initializer_factor=1.0)
    config._attn_implementation = "eager"  # torch's fused attention is slow backwards on the CPU
    return CLIPTextModel(config)


def restored(work):
    """The trained text encoder and its tokenizer."""
    words = Words(work)
    model = build(len(words))
    model.load_state_dict(load(os.path.join(work, "text.pt"))["model"])
    return model.eval().requires_grad_(False), words


@torch.no_grad()
def appearances(work):
    """What every subject looks like: (N,CODE) principal components of its latents, of unit mean square a row; the share
    of the variance they hold; (N,36,PIECE) the latents piece by piece. Computed once: another VAE would turn every axis."""
    from scenes import finish
    path = os.path.join(work, "appearance.pt")
    found = load(path)
    if found:
        return found["code"], found["share"], found["pieces"]
    coder, _ = vae.restored(work)
    pictures = torch.full((len(NAMES), 3, 96, 96), .55)
    for k in range(len(NAMES)):
        im = sprite(k).convert("RGBa")
        im = im.resize([max(1, round(v * 88 / max(im.size))) for v in im.size], Image.LANCZOS)
        a = torch.from_numpy(np.asarray(im).astype(np.float32) / 255).permute(2, 0, 1)
        y, x = (96 - a.shape[1]) // 2, (96 - a.shape[2]) // 2
        spot = pictures[k, :, y:y + a.shape[1], x:x + a.shape[2]]
        spot.mul_(1 - a[3:]).add_(a[:3])
    z = torch.cat([coder.encode(finish(part) * 2 - 1).latent_dist.mean for part in pictures.split(16)])
    z = (z - z.mean((0, 2, 3), keepdim=True)) / z.std((0, 2, 3), keepdim=True)
    pieces = (z - z.mean(0)) / (z - z.mean(0)).std()
    pieces = pieces.unfold(2, 2, 2).unfold(3, 2, 2).permute(0, 2, 3, 1, 4, 5).reshape(len(z), SIDE * SIDE, PIECE)
    u, s, _ = torch.linalg.svd((z - z.mean(0)).flatten(1), full_matrices=False)
    code = (u * s.sqrt())[:, :CODE]  # half-way to equal shares: fine detail counts, outlines count more
    code, share = code / code.pow(2).mean(1, keepdim=True).sqrt(), float((s[:CODE] ** 2).sum() / (s ** 2).sum())
    save(path, {"code": code, "share": share, "pieces": pieces})
    return code, share, pieces


def marks(words, text, said):
    """The tokens of a caption at which each subject's words end."""
    out, at = [], 0
    for phrase in said["phrases"]:
        at = text.index(phrase, at) + len(phrase)
        out.append(min(LENGTH - 1, len(words.tokenizer(text[:at]).input_ids) - 2))
    return out


def goals(said):
    """What the heads should answer for one caption."""
    s = said["subjects"] + [len(NAMES)] * 3
    colour = said.get("colour")
    return [s[0], s[1], s[2], said.get("count", 1) - 1, said.get("time", len(TIMES)), said.get("season", len(SEASONS)),
            said.get("place", len(PLACES)) if "ground" not in said else len(PLACES), said.get("water", 2),
            said.get("ground", len(GROUND_NAMES)), COLOUR_NAMES.index(colour) if colour else len(COLOUR_NAMES),
            said.get("size", 2), said.get("side", 2)]


def main():
    o = work_folder(__doc__, steps=2400, batch=64, rate=1.2e-3, seed=5)
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
    code, share, pieces = appearances(o.work)
    row, column = torch.arange(SIDE * SIDE) // SIDE, torch.arange(SIDE * SIDE) % SIDE
    places = 2 * torch.cat([F.one_hot(row, SIDE), F.one_hot(column, SIDE)], 1).float()
    nothing = torch.zeros(SIDE * SIDE, PIECE)
    log(logs, f"{CODE} numbers hold {share:.3f} of the variance among {len(code)} subjects")
    began, first = time.time(), step

    def checkpoint():
        save(path, {"model": model.state_dict(), "heads": heads.state_dict(), "optimizer": optimizer.state_dict(),
                    "step": step})

    while step < o.steps and not stop.now:
        made = [caption(imagine(rng), rng) for _ in range(o.batch)]
        ids = words([m[0] for m in made])
        want = torch.tensor([goals(m[1]) for m in made])
        for g in optimizer.param_groups:
            g["lr"] = cosine(step / o.steps, o.rate, o.rate * .05) * min(1, (step + 1) / 100)
        with fast():
            states = model(ids).last_hidden_state.float()
        end = (ids == len(words) - 1).int().argmax(1)
        later = (end + (torch.rand(len(end)) * (MAP - end)).long()).clamp(max=MAP - 1)
        rows = torch.arange(len(end))
        loss, right, spots, wanted = 0, [], [], []
        for caption_number, (caption_, said) in enumerate(made):
            for token, subject in zip(marks(words, caption_, said), said["subjects"]):
                spots.append((caption_number, token))
                wanted.append(code[subject])
        one = torch.stack(wanted)
        off = (states[tuple(torch.tensor(spots).T)][:, :CODE] - one).pow(2).mean()
        mixed = torch.stack([F.normalize(code[said["subjects"]].mean(0), dim=0) * CODE ** .5 for _, said in made])
        for at in (end, later):
            pooled = states[rows, at]
            rest = (pooled[:, :CODE] - mixed).pow(2).mean()
            loss = loss + 8 * rest
            for k, name in enumerate(HEADS):
                logits = heads[name](pooled)
                loss = loss + F.cross_entropy(logits, want[:, k]) * (1 if k < 3 else .5)
                right.append(float((logits.argmax(1) == want[:, k]).float().mean()))
        loss = loss + 16 * off
        wanted = torch.stack([torch.cat([torch.cat([pieces[i] for i in s[:2]] + [nothing] * (2 - len(s[:2])), 1), places], 1)
                              for s in (said["subjects"] for _, said in made)])
        error = (states[:, MAP:, CODE:CODE + wanted.shape[2]] - wanted).pow(2)
        first_off = error[..., :PIECE].mean()
        loss = loss + 32 * first_off + 8 * error[..., PIECE:2 * PIECE].mean() + 4 * error[..., 2 * PIECE:].mean()
        optimizer.zero_grad(set_to_none=True)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(parameters, 1.0)
        optimizer.step()
        step += 1
        if step % 50 == 0:
            answer = " ".join(f"{n} {r:.2f}" for n, r in zip(HEADS, right[len(HEADS):]))
            log(logs, f"step {step} loss {float(loss.detach()):.3f} off {float(off.detach()):.3f} "
                f"{float(rest.detach()):.3f} map {float(first_off.detach()):.3f} steps/s {(step - first) / (time.time() - began):.2f} {answer}")
        if step % 300 == 0:
            checkpoint()
    checkpoint()


if __name__ == "__main__":
    main()
