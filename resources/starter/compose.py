# SPDX-License-Identifier: Apache-2.0
"""Compose training pictures ahead, for card.py: shards of 1000 in DIR/pictures/.

    python compose.py --work DIR --shards 120 --workers 16      adds shards until there are 120

A shard holds the pictures before the painter's finish, which a card applies faster, four captions of each, and the judge's goals. Pairs of
subject and setting that the test prompts use are left out of all but every twentieth shard, which no UNet sees: the judge has to know them.
"""
import multiprocessing
import os

import numpy as np
import torch

import classifier
import text
import unet
from captions import caption, held_out, setting_key
from common import work_folder
from scenes import Painter

SHARD = 1000
CAPTIONS = 4
KINDS = list(classifier.HEADS)


def path(work, number):
    return os.path.join(work, "pictures", f"{number:04d}.npz")


def for_judge(number):
    """Whether shard `number` is the judge's alone."""
    return number % 20 == 19


def start(o):
    """In each worker, once."""
    global options, painter, words
    torch.set_num_threads(1)
    options, painter, words = o, Painter(o.work), text.Words(o.work)


def compose(number):
    rng = painter.rng = np.random.default_rng((options.seed, number))
    everything = for_judge(number)
    pictures, about = [], []
    for _ in range(SHARD):
        canvas, what = painter.compose(kinds=(.55, .2, .25), reject=None if everything else
                                       lambda i, w: held_out(i, setting_key(w)))
        pictures.append((canvas.clip(0, 1) * 255 + .5).astype(np.uint8))
        about.append(what)
    tokens = words([caption(w, rng)[0] for w in about for _ in range(CAPTIONS)]).numpy().reshape(SHARD, CAPTIONS, -1)
    subjects, marks = classifier.targets(about)
    state = dict(pictures=np.stack(pictures), tokens=tokens.astype(np.int16), subjects=subjects.numpy().astype(np.uint8),
                 marks=np.stack([marks[k].numpy() for k in KINDS], 1).astype(np.int8), cells=classifier.cells(about).numpy().astype(np.int16),
                 weight=unet.attention_map(about).numpy().astype(np.float16))
    part = path(options.work, number) + ".part.npz"
    np.savez(part, **state)
    os.replace(part, path(options.work, number))
    return number


def main():
    o = work_folder(__doc__, shards=120, workers=os.cpu_count(), seed=77)
    os.makedirs(os.path.join(o.work, "pictures"), exist_ok=True)
    Painter(o.work)  # paints the backgrounds if there are none
    todo = [n for n in range(o.shards) if not os.path.exists(path(o.work, n))]
    with multiprocessing.get_context("fork").Pool(o.workers, start, (o,)) as pool:
        for number in pool.imap_unordered(compose, todo):
            print("shard", number, flush=True)


if __name__ == "__main__":
    main()
