#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Train the starter model from nothing: train.sh WORK_FOLDER.  Every step resumes where it stopped.
set -e
cd "$(dirname "$0")"
work=${1:?usage: train.sh WORK_FOLDER}
python=${PYTHON:-python3}

"$python" vae.py --work "$work" --minutes 120
"$python" text.py --work "$work"
"$python" latents.py --work "$work" --shards 60
"$python" unet.py --work "$work" --hours 16
"$python" vae.py --work "$work" --minutes 90 --only decoder
"$python" classifier.py --work "$work" --minutes 60
"$python" export.py --work "$work"
"$python" evaluate.py --work "$work" --out starter.png
