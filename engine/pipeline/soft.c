/* Options to numbers, latents to masks.  SPDX-License-Identifier: Apache-2.0 */
#include "engine/pipeline/soft.h"

#include "engine/pipeline/outpaint.h"

#include <math.h>

gboolean
vel_soft_is_asked (VelValues *request)
{
  return vel_values_get_bool (request, "soft_inpainting") && vel_values_is_set (request, "init") &&
         (vel_values_is_set (request, "mask") || vel_outpaint_is_asked (request));
}

VelSoft
vel_soft_read (VelValues *request)
{
  double preservation = vel_values_get_real (request, "soft_preservation");

  return (VelSoft){ .painting = { .bias = vel_values_get_real (request, "soft_bias"),
                                  .preservation = preservation,
                                  .boost = vel_values_get_real (request, "soft_boost") },
                    .result = { .influence = vel_values_get_real (request, "soft_influence"),
                                .threshold = vel_values_get_real (request, "soft_threshold"),
                                .contrast = vel_values_get_real (request, "soft_contrast"),
                                .preservation = preservation } };
}

static float *
fetch (VelTensor *tensor)
{
  float *host = g_malloc (tensor->bytes);

  vel_tensor_download (tensor, host);
  return host;
}

static void
measure (const float *a, const float *b, gsize pixels, gsize channels, float *distances)
{
  for (gsize i = 0; i < pixels; i++) {
    float square = 0;

    for (gsize c = i * channels; c < (i + 1) * channels; c++)
      square += (a[c] - b[c]) * (a[c] - b[c]);
    distances[i] = sqrtf (square);
  }
}

GPtrArray *
vel_soft_compare (VelContext *ctx, const VelSoft *self, const float *repaint, VelTensor *before, VelTensor *after)
{
  guint height = (guint) after->shape.size[1], width = (guint) after->shape.size[2];
  gsize pixels = (gsize) width * height, channels = (gsize) after->shape.size[3], step = before->shape.size[0] > 1 ? pixels * channels : 0;
  g_autofree float *a = NULL, *b = NULL, *distances = g_new (float, pixels);
  GPtrArray *masks;

  if (!vel_context_ok (ctx))
    return NULL;
  a = fetch (before);
  b = fetch (after);
  masks = g_ptr_array_new_with_free_func ((GDestroyNotify) vel_bitmap_free);
  for (gsize i = 0; i < (gsize) after->shape.size[0]; i++) {
    measure (a + i * step, b + i * pixels * channels, pixels, channels, distances);
    g_ptr_array_add (masks, vel_difference_mask (&self->result, distances, repaint, width, height));
  }
  return masks;
}
