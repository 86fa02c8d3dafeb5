/* Timesteps to shifts.  SPDX-License-Identifier: Apache-2.0 */
#include "engine/models/time-embedding.h"

#include <math.h>

void
vel_time_embedding_load (VelTimeEmbedding *self, VelLoader *loader, const char *prefix, gint64 channels)
{
  self->type = loader->compute;
  self->channels = channels;
  self->width = vel_loader_size (loader, 0, "%stime_embed.0.weight", prefix);
  self->names = g_ptr_array_new_with_free_func (g_free);
  vel_linear_load (&self->time_in, loader, channels, self->width, TRUE, "%stime_embed.0", prefix);
  vel_linear_load (&self->time_out, loader, self->width, self->width, TRUE, "%stime_embed.2", prefix);
  if (vel_loader_has (loader, "%stime_embed.cond_proj.weight", prefix))
    vel_linear_load (&self->guidance_in, loader, -1, channels, FALSE, "%stime_embed.cond_proj", prefix);
  self->vector_width = vel_loader_size (loader, 1, "%slabel_emb.0.0.weight", prefix);
  if (self->vector_width) {
    vel_linear_load (&self->vector_in, loader, self->vector_width, self->width, TRUE, "%slabel_emb.0.0", prefix);
    vel_linear_load (&self->vector_out, loader, self->width, self->width, TRUE, "%slabel_emb.0.2", prefix);
  }
}

gint64
vel_time_embedding_add (VelTimeEmbedding *self, VelLoader *loader, gint64 out, const char *name)
{
  gint64 first = self->shift_width;

  vel_loader_expect (loader, VEL_SHAPE (out, self->width), "%s.weight", name);
  g_ptr_array_add (self->names, g_strdup (name));
  self->shift_width += out;
  return first;
}

void
vel_time_embedding_load_shifts (VelTimeEmbedding *self, VelLoader *loader)
{
  if (vel_loader_ok (loader) && self->names->len)
    vel_linear_load_parts (&self->shifts, loader, (const char *const *) self->names->pdata, self->names->len, self->width);
  g_clear_pointer (&self->names, g_ptr_array_unref);
}

void
vel_time_embedding_clear (VelTimeEmbedding *self)
{
  vel_linear_clear (&self->time_in);
  vel_linear_clear (&self->time_out);
  vel_linear_clear (&self->guidance_in);
  vel_linear_clear (&self->vector_in);
  vel_linear_clear (&self->vector_out);
  vel_linear_clear (&self->shifts);
  g_clear_pointer (&self->names, g_ptr_array_unref);
}

/* times: [n, width], vectors: [m, vector width] -> [n * m, width], each time with each vector */
static VelTensor *
add_vectors (VelContext *ctx, const VelTimeEmbedding *self, VelTensor *times, VelTensor *vectors)
{
  gint64 n = times->shape.size[0], m = vectors->shape.size[0];
  VelTensor *all = vel_context_tensor (ctx, self->type, VEL_SHAPE (n * m, self->width)), *emb;

  emb = vel_linear (ctx, &self->vector_in, vel_op_convert (ctx, vectors, self->type), VEL_ACTIVATION_SILU, NULL);
  emb = vel_linear (ctx, &self->vector_out, emb, VEL_ACTIVATION_NONE, NULL);
  for (gint64 i = 0; i < n * m; i++)
    vel_op_combine_into (ctx, vel_context_slice (ctx, all, i, 1), 2, (double[]){ 1, 1 },
                         (VelTensor *[]){ vel_context_slice (ctx, times, i / m, 1), vel_context_slice (ctx, emb, i % m, 1) });
  return all;
}

/* waves: [n, channels]. The scale less 1, in thousandths, as a sinusoid with the sine first whose lowest frequency is 1/10000 itself
 * (latent_consistency_models guidance_scale_embedding). */
static VelTensor *
add_guidance (VelContext *ctx, const VelTimeEmbedding *self, VelTensor *waves, double guidance)
{
  gint64 n = waves->shape.size[0], width = self->guidance_in.in, half = width / 2;
  g_autofree float *host = g_new0 (float, n *width);
  VelTensor *told = vel_context_tensor (ctx, VEL_F32, VEL_SHAPE (n, width));

  for (gint64 i = 0; i < n; i++)
    for (gint64 k = 0; k < half; k++) {
      float angle = (float) ((guidance - 1) * 1000) * expf ((float) k * (float) (-log (10000) / (double) (half - 1)));

      host[i * width + k] = sinf (angle);
      host[i * width + half + k] = cosf (angle);
    }
  if (vel_context_ok (ctx))
    vel_tensor_upload (told, host);
  return vel_linear (ctx, &self->guidance_in, vel_op_convert (ctx, told, self->type), VEL_ACTIVATION_NONE, waves);
}

VelTensor *
vel_time_embedding_run (VelContext *ctx, const VelTimeEmbedding *self, const float *timesteps, gint64 n, double guidance,
                        VelTensor *vectors)
{
  VelTensor *emb;

  g_assert (!vectors || vectors->shape.size[1] == self->vector_width);
  vel_context_open (ctx);
  emb = vel_op_convert (ctx, vel_op_sinusoid (ctx, timesteps, n, self->channels), self->type);
  if (self->guidance_in.weight)
    emb = add_guidance (ctx, self, emb, guidance);
  emb = vel_linear (ctx, &self->time_in, emb, VEL_ACTIVATION_SILU, NULL);
  /* the SiLU after it is the one every residual block begins with */
  emb = vel_linear (ctx, &self->time_out, emb, vectors ? VEL_ACTIVATION_NONE : VEL_ACTIVATION_SILU, NULL);
  if (vectors)
    emb = vel_op_activate (ctx, add_vectors (ctx, self, emb, vectors), VEL_ACTIVATION_SILU);
  emb = vel_linear (ctx, &self->shifts, emb, VEL_ACTIVATION_NONE, NULL);
  return vel_context_close (ctx, emb);
}
