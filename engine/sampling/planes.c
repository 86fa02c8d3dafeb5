/* Planes to pixels.  SPDX-License-Identifier: Apache-2.0 */
#include "engine/sampling/planes.h"

void
vel_planes_fill (VelContext *ctx, VelTensor *out, gboolean together, VelPlanesFunc func, gpointer data)
{
  gint64 batch = out->shape.size[0], pixels = out->shape.size[1] * out->shape.size[2], channels = out->shape.size[3];
  gsize count = (gsize) (pixels * channels);
  g_autofree float *all = g_new (float, count *(gsize) (together ? batch : 1));
  g_autofree float *host = g_new (float, count *(gsize) batch);

  if (!vel_context_ok (ctx))
    return;
  if (together)
    func (data, 0, all, count * (gsize) batch);
  for (gint64 b = 0; b < batch; b++) {
    float *picture = host + (gsize) b * count;
    const float *planes = together ? all + (gsize) b * count : all;

    if (!together)
      func (data, b, all, count);
    for (gint64 p = 0; p < pixels; p++)
      for (gint64 c = 0; c < channels; c++)
        picture[p * channels + c] = planes[c * pixels + p];
  }
  vel_tensor_upload (out, host);
}
