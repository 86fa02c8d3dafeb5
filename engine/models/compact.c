/* SRVGGNetCompact.  SPDX-License-Identifier: Apache-2.0 */
#include "config.h"

#include "engine/models/compact.h"

#include <glib/gi18n-lib.h>
#include <inttypes.h>

#define MOST_SCALE 8

/* body.0, body.2 … are convolutions; those between are PReLUs with a slope a channel: [features] */
struct VelCompact {
  VelCompactFacts is;
  VelDevice *device;
  VelConv *convs; /* [layers + 2]: [features, 3, 3, 3], [features, features, 3, 3] …, [3 scale², features, 3, 3] */
  float **slopes; /* [layers + 1], [features] each */
};

gboolean
vel_compact_is_in (VelLoader *loader, const char *prefix)
{
  return vel_loader_has (loader, "%sbody.0.weight", prefix) && vel_loader_has (loader, "%sbody.1.weight", prefix) &&
         vel_loader_size (loader, 1, "%sbody.0.weight", prefix) == 3;
}

gboolean
vel_compact_look (VelLoader *loader, const char *prefix, VelCompactFacts *facts)
{
  g_autofree char *body = g_strconcat (prefix, "body.", NULL);
  unsigned n = vel_loader_count (loader, body);
  gint64 out = n ? vel_loader_size (loader, 0, "%s%u.weight", body, n - 1) : 0;

  *facts = (VelCompactFacts){ .layers = n >= 3 ? (n - 3) / 2 : 0, .features = vel_loader_size (loader, 0, "%s0.weight", body), .scale = 1 };
  while (facts->scale < MOST_SCALE && 3 * (gint64) facts->scale * facts->scale < out)
    facts->scale++;
  if (!vel_loader_ok (loader))
    return FALSE;
  if (n >= 3 && n % 2 == 1 && facts->features > 0 && out == 3 * (gint64) facts->scale * facts->scale)
    return TRUE;
  g_set_error (&loader->error, VEL_ERROR, VEL_ERROR_FAMILY,
               _ ("The upscaler in \"%s\" has %u layers and gives %" PRId64
                  " channels; an odd number of layers and three channels for each pixel of "
                  "the enlarged picture, up to %d times the size, are known"),
               vel_weights_get_path (loader->weights), n, out, MOST_SCALE);
  return FALSE;
}

VelCompact *
vel_compact_load (VelLoader *loader, const char *prefix)
{
  g_autoptr (VelCompact) self = g_new0 (VelCompact, 1);
  gint64 pixels;

  self->device = vel_device_ref (loader->device);
  if (!vel_compact_look (loader, prefix, &self->is))
    return NULL;
  pixels = (gint64) self->is.scale * self->is.scale;
  self->convs = g_new0 (VelConv, self->is.layers + 2);
  self->slopes = g_new0 (float *, self->is.layers + 1);
  for (unsigned i = 0; i < self->is.layers + 2 && vel_loader_ok (loader); i++) {
    gint64 in = i > 0 ? self->is.features : 3, out = i < self->is.layers + 1 ? self->is.features : 3 * pixels;

    vel_conv_load (&self->convs[i], loader, in, out, 3, "%sbody.%u", prefix, 2 * i);
    if (i < self->is.layers + 1)
      self->slopes[i] = vel_loader_table (loader, out, "%sbody.%u.weight", prefix, 2 * i + 1);
  }
  return vel_loader_ok (loader) ? g_steal_pointer (&self) : NULL;
}

void
vel_compact_free (VelCompact *self)
{
  if (!self)
    return;
  for (unsigned i = 0; self->convs && i < self->is.layers + 2; i++)
    vel_conv_clear (&self->convs[i]);
  for (unsigned i = 0; self->slopes && i < self->is.layers + 1; i++)
    if (self->slopes[i])
      self->device->kernels->free (self->device->backend, self->slopes[i]);
  g_free (self->convs);
  g_free (self->slopes);
  vel_device_unref (self->device);
  g_free (self);
}

VelTensor *
vel_compact_forward (VelContext *ctx, const VelCompact *self, VelTensor *x)
{
  VelTensor *made = x, *base;

  vel_context_open (ctx);
  for (unsigned i = 0; i < self->is.layers + 2; i++) {
    VelTensor *before = made;

    made = vel_conv (ctx, &self->convs[i], before, NULL);
    if (i < self->is.layers + 1)
      vel_op_leaky (ctx, made, self->slopes[i]);
    if (before != x)
      vel_context_drop (ctx, before);
  }
  made = vel_op_channels_to_pixels (ctx, made, self->is.scale);
  base = vel_op_repeat_pixels (ctx, x, self->is.scale); /* the network learned what is missing in it */
  vel_op_combine_into (ctx, made, 2, (double[]){ 1, 1 }, (VelTensor *[]){ made, base });
  return vel_context_close (ctx, made);
}
