/* Residual blocks.  SPDX-License-Identifier: Apache-2.0
 * ldm/modules/diffusionmodules/openaimodel.py ResBlock. */
#include "engine/models/res-block.h"

#define EPS 1e-5

void
vel_res_block_load (VelResBlock *self, VelLoader *loader, VelTimeEmbedding *times, const char *prefix)
{
  gint64 out = vel_loader_size (loader, 0, "%sin_layers.2.weight", prefix);
  gint64 in = vel_loader_size (loader, 1, "%sin_layers.2.weight", prefix);
  g_autofree char *shift = g_strconcat (prefix, "emb_layers.1", NULL);

  vel_norm_load (&self->in_norm, loader, in, EPS, "%sin_layers.0", prefix);
  vel_conv_load (&self->in_conv, loader, in, out, 3, "%sin_layers.2", prefix);
  self->shift = vel_time_embedding_add (times, loader, out, shift);
  vel_norm_load (&self->out_norm, loader, out, EPS, "%sout_layers.0", prefix);
  vel_conv_load (&self->out_conv, loader, out, out, 3, "%sout_layers.3", prefix);
  if (in != out)
    vel_conv_load (&self->skip, loader, in, out, 1, "%sskip_connection", prefix);
}

void
vel_res_block_clear (VelResBlock *self)
{
  vel_norm_clear (&self->in_norm);
  vel_conv_clear (&self->in_conv);
  vel_norm_clear (&self->out_norm);
  vel_conv_clear (&self->out_conv);
  vel_conv_clear (&self->skip);
}

VelTensor *
vel_res_block (VelContext *ctx, const VelResBlock *self, VelTensor *x, VelTensor *x2, VelTensor *shifts)
{
  VelTensor *h, *skip;

  vel_context_open (ctx);
  if (x2 && (!self->skip.weight || !vel_op_takes_two (ctx))) {
    x = vel_op_concat (ctx, x, x2);
    x2 = NULL;
  }
  h = vel_group_norm_two (ctx, &self->in_norm, x, x2, TRUE);
  h = vel_conv_shifted (ctx, &self->in_conv, h, shifts, self->shift);
  h = vel_group_norm (ctx, &self->out_norm, h, TRUE);
  skip = self->skip.weight ? vel_conv_with (ctx, &self->skip, x, (VelConvOptions){ .x2 = x2 }) : x;
  h = vel_conv (ctx, &self->out_conv, h, skip);
  return vel_context_close (ctx, h);
}
