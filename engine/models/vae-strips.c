/* The autoencoder for pictures that are too large for the memory there is.  SPDX-License-Identifier: Apache-2.0 */
#include "config.h"

#include "engine/models/vae-layers.h"

#include "engine/models/strips.h"

/* x: (transfer full) (nullable) */
static VelStripped *
run_block (VelContext *ctx, const VelVaeBlock *self, VelStripped *x, const VelStripPlace *place)
{
  g_autoptr (VelStripped) input = x;
  g_autoptr (VelStripped) h = vel_stripped_conv (ctx, &self->conv1, input, (VelStripOptions){ .norm = &self->norm1 }, place);

  return vel_stripped_conv (ctx, &self->conv2, h,
                            (VelStripOptions){ .norm = &self->norm2, .residual = input, .skip = self->skip.weight ? &self->skip : NULL },
                            place);
}

/* x: (transfer full) (nullable) */
static VelStripped *
run_conv (VelContext *ctx, const VelConv *conv, VelStripped *x, VelStripOptions options, const VelStripPlace *place)
{
  g_autoptr (VelStripped) input = x;

  return vel_stripped_conv (ctx, conv, input, options, place);
}

/* x: (transfer full) (nullable) */
static VelStripped *
run_level (VelContext *ctx, const VelVaeLevel *self, VelStripped *x, VelStripOptions resample, const VelStripPlace *place)
{
  for (unsigned i = 0; i < self->n_blocks; i++)
    x = run_block (ctx, &self->blocks[i], x, place);
  return self->has_resample ? run_conv (ctx, &self->resample, x, resample, place) : x;
}

/* All of x, in `out`. x: (nullable) after an error */
static void
put (VelContext *ctx, const VelStripped *x, VelTensor *out)
{
  VelTensor *all;

  if (!x)
    return;
  vel_context_open (ctx);
  all = vel_context_tensor (ctx, x->type, out->shape);
  if (vel_context_ok (ctx))
    vel_tensor_upload (all, x->data);
  vel_op_combine_into (ctx, out, 1, (double[]){ 1 }, &all);
  vel_context_close (ctx, NULL);
}

VelTensor *
vel_vae_decode_in_strips (VelContext *ctx, const VelVae *self, VelTensor *latent, const VelStripPlace *place)
{
  const VelVaeCoder *decoder = &self->decoder;
  g_autoptr (VelStripped) x = NULL;
  VelTensor *first, *result;
  unsigned factor = vel_vae_get_factor (self);

  g_assert (latent->shape.size[0] == 1);
  result = vel_context_tensor (ctx, VEL_F32, VEL_SHAPE (1, latent->shape.size[1] * factor, latent->shape.size[2] * factor, 3));
  vel_context_open (ctx);
  first = vel_conv (ctx, &self->post_quant, vel_op_convert (ctx, latent, self->type), NULL);
  first = vel_conv (ctx, &decoder->conv_in, first, NULL);
  first = vel_vae_middle (ctx, &decoder->middle, first); /* as small as latents */
  x = vel_stripped_take (ctx, first, place);
  vel_context_close (ctx, NULL);
  for (unsigned l = decoder->n_levels; l-- > 0;)
    x = run_level (ctx, &decoder->levels[l], g_steal_pointer (&x), (VelStripOptions){ .doubled = TRUE }, place);
  x = run_conv (ctx, &decoder->conv_out, g_steal_pointer (&x), (VelStripOptions){ .norm = &decoder->norm_out }, place);
  put (ctx, x, result);
  return result;
}

VelTensor *
vel_vae_encode_in_strips (VelContext *ctx, const VelVae *self, VelTensor *image, const VelStripPlace *place)
{
  const VelVaeCoder *encoder = &self->encoder;
  unsigned factor = vel_vae_get_factor (self);
  g_autoptr (VelStripped) x = NULL;
  VelTensor *last;

  g_assert (self->has_encoder && image->shape.size[0] == 1);
  vel_context_open (ctx);
  vel_context_open (ctx);
  x = vel_stripped_take (ctx, vel_op_convert (ctx, image, self->type), place);
  vel_context_close (ctx, NULL);
  x = run_conv (ctx, &encoder->conv_in, g_steal_pointer (&x), (VelStripOptions){ 0 }, place);
  for (unsigned l = 0; l < encoder->n_levels; l++)
    x = run_level (ctx, &encoder->levels[l], g_steal_pointer (&x), (VelStripOptions){ .halved = TRUE }, place);
  last = vel_context_tensor (ctx, self->type,
                             VEL_SHAPE (1, image->shape.size[1] / factor, image->shape.size[2] / factor, encoder->middle.in.conv1.in));
  put (ctx, x, last);
  last = vel_vae_middle (ctx, &encoder->middle, last);
  last = vel_conv (ctx, &encoder->conv_out, vel_group_norm (ctx, &encoder->norm_out, last, TRUE), NULL);
  last = vel_conv (ctx, &self->quant, last, NULL);
  last = vel_vae_take_mean (ctx, vel_op_convert (ctx, last, VEL_F32));
  return vel_context_close (ctx, last);
}
