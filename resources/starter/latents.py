# SPDX-License-Identifier: Apache-2.0
"""Compose the training pictures and keep their latents: shards of 1000 in DIR/latents/.

    python latents.py --work DIR --shards 60         adds shards until there are 60
                      --part 0 --parts 2             only every second one, to run two side by side

Needs DIR/vae.pt. Latents are stored with zero mean and unit deviation per channel. Pairs of subject and
setting that the test prompts use are left out.
"""
import json
import os

import numpy as np
import torch

import vae
from captions import held_out, setting_key
from common import Stop, fast, load, log, save, work_folder
from scenes import Painter

SHARD = 1000


def folder(work):
    return os.path.join(work, "latents")


def scale(work, net=None, painter=None):
    """(mean, deviation) of the latents' channels, measured once and kept."""
    path = os.path.join(work, "scale.pt")
    found = load(path)
    if found is None:
        with torch.no_grad():
            z = torch.cat([net.encode(painter.batch(32)[0] * 2 - 1).latent_dist.mean for _ in range(12)])
        found = (z.mean((0, 2, 3)).view(1, 4, 1, 1), z.std((0, 2, 3)).view(1, 4, 1, 1))
        save(path, found)
    return found


def read(work, known=None):
    """All shards as (latents float16 (N,4,16,16), descriptions), extending `known` if given."""
    names = sorted(n for n in os.listdir(folder(work)) if n.endswith(".npz"))
    arrays, about, count = known or ([], [], 0)
    for name in names[count:]:
        with np.load(os.path.join(folder(work), name)) as z:
            arrays.append(z["latents"])
            about.extend(json.loads(str(z["about"])))
    return arrays, about, len(names)


def main():
    o = work_folder(__doc__, shards=60, seed=1000, part=0, parts=1)
    os.makedirs(folder(o.work), exist_ok=True)
    stop, net = Stop(), vae.restored(o.work)[0].to(memory_format=torch.channels_last)
    mean, deviation = scale(o.work, net, Painter(o.work, seed=o.seed - 1))
    for number in range(o.shards):
        path = os.path.join(folder(o.work), f"{number:04d}.npz")
        if number % o.parts != o.part or os.path.exists(path):
            continue
        painter = Painter(o.work, seed=o.seed + number)
        kinds = (.7, .15, .15) if number < 24 else (.5, .22, .28)
        latents, about = [], []
        while len(about) < SHARD and not stop.now:
            batch, what = painter.batch(25, kinds=kinds, reject=lambda i, w: held_out(i, setting_key(w)))
            with torch.no_grad(), fast():
                z = torch.cat([net.encode((two * 2 - 1).contiguous(memory_format=torch.channels_last)).latent_dist.mean.float()
                               for two in batch.split(2)])  # small enough for the cache: twice as fast
                z = (z - mean) / deviation
            latents.append(z.half().numpy())
            about += what
        if stop.now:
            break
        np.savez(path + ".part.npz", latents=np.concatenate(latents), about=json.dumps(about))
        os.replace(path + ".part.npz", path)
        log(os.path.join(o.work, "latents.log"), f"shard {number}")


if __name__ == "__main__":
    main()
