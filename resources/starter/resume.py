# SPDX-License-Identifier: Apache-2.0
"""Put the shipped model back into a work folder, so that training goes on where the work folder of its first training is lost.

    python resume.py --work DIR [--model model]

Afterwards latents.py, unet.py, vae.py --only decoder and export.py work as ever. What is not shipped starts anew: the optimizers' memory, the
text encoder's heads, the judge. The shipped VAE has the latents' normalisation folded in, so its latents need no other.
"""
import os
import shutil

import torch
from safetensors.torch import load_file

import export
import text
import unet
import vae
from common import Average, save, work_folder


def tensors(model, folder, file):
    return {k: v.float() for k, v in load_file(os.path.join(model, folder, file + ".safetensors")).items()}


def main():
    here = os.path.dirname(os.path.abspath(__file__))
    o = work_folder(__doc__, model=os.path.join(here, "model"))
    for name in ("vae.pt", "text.pt", "unet.pt"):
        if os.path.exists(os.path.join(o.work, name)):
            raise SystemExit(f"{o.work} has a {name} already; name an empty folder")
    shutil.copytree(os.path.join(o.model, "tokenizer"), os.path.join(o.work, "tokenizer"), dirs_exist_ok=True)

    coder = vae.build()
    coder.load_state_dict(tensors(o.model, "vae", "diffusion_pytorch_model"))
    save(os.path.join(o.work, "vae.pt"), {"model": coder.state_dict(), "average": Average(coder).state(), "optimizer": None, "step": 0,
                                          "only": "resumed", "factor": export.FACTOR})
    save(os.path.join(o.work, "scale.pt"), (torch.zeros(1, 4, 1, 1), torch.full((1, 4, 1, 1), 1 / export.FACTOR)))

    encoder = text.build(len(text.Words(o.work)))
    names = tensors(o.model, "text_encoder", "model")
    if not any(k.startswith("text_model.") for k in encoder.state_dict()):
        names = {k.removeprefix("text_model."): v for k, v in names.items()}
    encoder.load_state_dict(names, strict=False)
    save(os.path.join(o.work, "text.pt"), {"model": encoder.state_dict()})

    net = unet.build()
    net.load_state_dict(tensors(o.model, "unet", "diffusion_pytorch_model"))
    optimizer = torch.optim.AdamW(net.parameters())
    save(os.path.join(o.work, "unet.pt"), {"model": net.state_dict(), "optimizer": optimizer.state_dict(), "average": Average(net).state(),
                                           "step": 0, "seen": 0})


if __name__ == "__main__":
    main()
