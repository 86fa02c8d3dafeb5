/* Shares of latents.  SPDX-License-Identifier: Apache-2.0 */
#include "config.h"

#include "engine/sampling/mask.h"

#include <glib/gi18n-lib.h>

#include "engine/tensor/ops.h"

struct VelMask {
  VelTensor *share, *rest; /* [B, h, w, C]: of what is denoised; what stands still */

  /* of a soft one, which is worked out in host memory: powers of vectors' lengths that are in no backend */
  VelSoftness softness;
  float *repaint; /* (nullable) [h, w] */
  float *before;  /* [h, w, C] of one picture, or of each */
  gint64 before_batch;
};

/* out[b] = repaint * other[b] + (1 - repaint) * before[b]; other: (nullable) nothing */
static void
mix_in_host (float *out, const float *repaint, const float *before, gint64 before_batch, const float *other, VelShape shape)
{
  gint64 pixels = shape.size[1] * shape.size[2], channels = shape.size[3], count = pixels * channels;

  for (gint64 b = 0; b < shape.size[0]; b++)
    for (gint64 i = 0; i < count; i++) {
      float share = repaint[i / channels], sum = before[(before_batch > 1 ? b * count : 0) + i] * (1 - share);

      if (other)
        sum += other[b * count + i] * share;
      out[b * count + i] = sum;
    }
}

static float *
fetch (VelContext *ctx, VelTensor *tensor)
{
  float *host = g_malloc0 (tensor->bytes);

  if (vel_context_ok (ctx))
    vel_tensor_download (tensor, host);
  return host;
}

VelMask *
vel_mask_new (VelContext *ctx, const float *repaint, VelTensor *before, gint64 batch)
{
  g_autoptr (VelMask) self = g_new0 (VelMask, 1);
  g_autofree float *host = fetch (ctx, before), *out = NULL;
  VelShape shape = before->shape;

  shape.size[0] = batch;
  self->share = vel_tensor_new (vel_context_get_device (ctx), VEL_F32, shape);
  self->rest = vel_tensor_new (vel_context_get_device (ctx), VEL_F32, shape);
  if (!self->share || !self->rest) {
    vel_context_fail (ctx, VEL_ERROR_MEMORY, _ ("There is not enough memory to paint at this size; choose a smaller one"));
    return NULL;
  }
  out = g_new (float, (gsize) vel_shape_count (shape));
  for (gint64 i = 0; i < vel_shape_count (shape); i++)
    out[i] = repaint[i / shape.size[3] % (shape.size[1] * shape.size[2])];
  vel_tensor_upload (self->share, out);
  mix_in_host (out, repaint, host, before->shape.size[0], NULL, shape);
  vel_tensor_upload (self->rest, out);
  return vel_context_ok (ctx) ? g_steal_pointer (&self) : NULL;
}

VelMask *
vel_mask_new_soft (VelContext *ctx, VelSoftness softness, const float *repaint, VelTensor *before, gint64 batch)
{
  VelShape shape = before->shape;
  VelMask *self;

  g_assert (shape.size[0] == 1 || shape.size[0] == batch);
  if (!vel_context_ok (ctx))
    return NULL;
  self = g_new0 (VelMask, 1);
  self->softness = softness;
  self->repaint = g_memdup2 (repaint, (gsize) (shape.size[1] * shape.size[2]) * sizeof *repaint);
  self->before = fetch (ctx, before);
  self->before_batch = shape.size[0];
  return self;
}

void
vel_mask_free (VelMask *self)
{
  if (!self)
    return;
  g_free (self->repaint);
  g_free (self->before);
  g_clear_pointer (&self->share, vel_tensor_unref);
  g_clear_pointer (&self->rest, vel_tensor_unref);
  g_free (self);
}

static void
apply_softly (VelContext *ctx, const VelMask *self, VelTensor *denoised, double sigma)
{
  gint64 pixels = denoised->shape.size[1] * denoised->shape.size[2], channels = denoised->shape.size[3];
  g_autofree float *host = fetch (ctx, denoised);

  if (!vel_context_ok (ctx))
    return;
  for (gint64 b = 0; b < denoised->shape.size[0]; b++)
    vel_soft_blend (&self->softness, sigma, self->repaint, self->before + (self->before_batch > 1 ? b * pixels * channels : 0),
                    host + b * pixels * channels, pixels, channels);
  vel_tensor_upload (denoised, host);
}

void
vel_mask_apply (VelContext *ctx, const VelMask *self, VelTensor *denoised, double sigma)
{
  if (self->repaint)
    apply_softly (ctx, self, denoised, sigma);
  else
    vel_op_blend_into (ctx, denoised, denoised, self->share, self->rest);
}

void
vel_mask_finish (VelContext *ctx, const VelMask *self, VelTensor *x)
{
  if (!self->repaint && vel_context_ok (ctx))
    vel_op_blend_into (ctx, x, x, self->share, self->rest);
}

VelTensor *
vel_mask_mix (VelContext *ctx, const float *repaint, VelTensor *before, VelTensor *other)
{
  VelTensor *out = vel_context_tensor (ctx, VEL_F32, other ? other->shape : before->shape);
  g_autofree float *kept = fetch (ctx, before), *new = other ? fetch (ctx, other) : NULL;
  g_autofree float *host = g_new (float, (gsize) vel_shape_count (out->shape));

  mix_in_host (host, repaint, kept, before->shape.size[0], new, out->shape);
  if (vel_context_ok (ctx))
    vel_tensor_upload (out, host);
  return out;
}
