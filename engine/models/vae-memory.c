/* What the autoencoder takes, in bytes.  SPDX-License-Identifier: Apache-2.0
 *
 * The numbers of channels that are in memory at once follow vae.c and vae-strips.c line by line; tests compare them with what a context
 * held. */
#include "engine/models/vae-layers.h"

/* What kernels want beside tensors: tiles of convolutions, keys and values. Measured: 40 MB. */
#define SCRATCH ((guint64) 48 << 20)

/* The most channels a block has in memory at once, its input included. */
static guint64
block_channels (const VelVaeBlock *self, gboolean in_strips)
{
  guint64 in = (guint64) self->conv1.in, out = (guint64) self->conv1.out;

  if (in_strips) /* the input, what is between, the result */
    return in + 2 * out;
  return MAX (2 * in + out, in + (self->skip.weight ? 3 : 2) * out);
}

/* pixels: of the level's blocks. resampled: pixels behind its resampling */
static guint64
level_bytes (const VelVaeLevel *self, guint64 pixels, guint64 resampled, guint64 size, gboolean in_strips)
{
  guint64 most = 0;

  for (unsigned i = 0; i < self->n_blocks; i++)
    most = MAX (most, block_channels (&self->blocks[i], in_strips) * pixels);
  if (self->has_resample)
    most = MAX (most, (guint64) self->resample.in * pixels + (guint64) self->resample.out * resampled);
  return most * size;
}

/* Input, norm, queries with keys and values, what is attended to, result; and keys and values once more as kernels want them, in fp32. */
static guint64
attention_bytes (const VelVaeMiddle *self, guint64 pixels, guint64 size)
{
  guint64 channels = (guint64) self->attention.out.out;

  return pixels * channels * (7 * size + 2 * sizeof (float));
}

static guint64
coder_bytes (const VelVaeCoder *self, guint64 pixels, gboolean down, guint64 size, gboolean in_strips)
{
  guint64 most = 0, at = pixels; /* of the picture */

  for (unsigned l = 0; l < self->n_levels; l++) {
    const VelVaeLevel *level = &self->levels[l];
    gboolean halves = down ? level->has_resample : l + 1 < self->n_levels && self->levels[l + 1].has_resample;

    most = MAX (most, level_bytes (level, at, down ? at / 4 : at * 4, size, in_strips));
    if (halves)
      at /= 4;
  }
  most = MAX (most, attention_bytes (&self->middle, at, size));
  if (!down) /* norm, then three channels of it, which become fp32 */
    most = MAX (most, pixels * ((guint64) (in_strips ? 1 : 2) * (guint64) self->norm_out.channels * size + 3 * (size + sizeof (float))));
  return most + SCRATCH;
}

guint64
vel_vae_get_decode_bytes (const VelVae *self, guint width, guint height, gboolean in_strips)
{
  return coder_bytes (&self->decoder, (guint64) width * height, FALSE, vel_type_size (self->type), in_strips);
}

guint64
vel_vae_get_encode_bytes (const VelVae *self, guint width, guint height, gboolean in_strips)
{
  return coder_bytes (&self->encoder, (guint64) width * height, TRUE, vel_type_size (self->type), in_strips);
}
