/* The noise a picture begins with: its seed's, perhaps turned towards another seed's, perhaps that of another size.
 * SPDX-License-Identifier: Apache-2.0
 * AUTOMATIC1111 1.10 modules/rng.py: slerp, ImageRNG.first. */
#pragma once

#include "engine/sampling/planes.h"
#include "engine/tensor/random.h"

typedef struct {
  VelRandomKind kind;
  guint64 seed;      /* of the first picture; the next ones' count on from it, but all have the same one where there is a variation */
  double strength;   /* of the variation, 0..1; 0: none */
  guint64 variation; /* the other seed, of the first picture; the next ones' count on */
  gint64 from_height, from_width; /* of a latent whose noise is laid into the middle of this one; 0: none */
  guint64 seed_offset;            /* later noise comes from streams that begin anew with this added; 0: they go on */
  gboolean together;              /* all pictures' is one tensor of one stream; there is no variation and no other size then */
} VelFirstNoise;

guint64 vel_first_noise_seed (const VelFirstNoise *self, gint64 picture);
/* planes: [channels, height, width]. stream: (out) the picture's own, for later noise. */
void vel_first_noise_draw (const VelFirstNoise *self, gint64 picture, gint64 channels, gint64 height, gint64 width, VelRandom *stream,
                           float *planes);
/* All pictures of out [B, h, w, C]. streams: [B], (out); the first one alone where they are drawn together */
void vel_first_noise_fill (VelContext *ctx, const VelFirstNoise *self, VelRandom *streams, VelTensor *out);

/* "512x768". FALSE if the text is none, or a side is not from 8 to 4096. */
gboolean vel_seed_resize_parse (const char *text, guint *width, guint *height);
/* Returns: (transfer full); the text in its plain form, or NULL if it is none */
char *vel_seed_resize_check (const char *text);
