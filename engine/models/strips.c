/* Strips of rows.  SPDX-License-Identifier: Apache-2.0 */
#include "config.h"

#include "engine/models/strips.h"

#include <glib/gi18n-lib.h>
#include <math.h>
#include <string.h>

#include "kernels/half.h"

static gsize
row_bytes (const VelStripped *self)
{
  return (gsize) self->width * (gsize) self->channels * vel_type_size (self->type);
}

static VelStripped *
stripped_new (VelContext *ctx, VelType type, gint64 height, gint64 width, gint64 channels)
{
  VelStripped *self = g_new (VelStripped, 1);

  *self = (VelStripped){ type, height, width, channels, NULL };
  self->data = g_try_malloc (MAX (row_bytes (self) * (gsize) height, 1));
  if (self->data)
    return self;
  vel_context_fail (ctx, VEL_ERROR_MEMORY, _ ("There is not enough memory to decode the picture"));
  g_free (self);
  return NULL;
}

void
vel_stripped_free (VelStripped *self)
{
  if (!self)
    return;
  g_free (self->data);
  g_free (self);
}

VelStripped *
vel_stripped_take (VelContext *ctx, VelTensor *x)
{
  g_autoptr (VelStripped) self = NULL;

  g_assert (x->shape.n == 4 && x->shape.size[0] == 1);
  if (!vel_context_ok (ctx))
    return NULL;
  self = stripped_new (ctx, x->type, x->shape.size[1], x->shape.size[2], x->shape.size[3]);
  if (self)
    vel_tensor_download (x, self->data);
  return g_steal_pointer (&self);
}

static float
load (const void *data, VelType type, gsize i)
{
  return type == VEL_F32   ? ((const float *) data)[i]
         : type == VEL_F16 ? vel_half_to_float (((const guint16 *) data)[i])
                           : vel_bfloat_to_float (((const guint16 *) data)[i]);
}

static void
store (void *data, VelType type, gsize i, float value)
{
  if (type == VEL_F32)
    ((float *) data)[i] = value;
  else
    ((guint16 *) data)[i] = type == VEL_F16 ? vel_half_from_float (value) : vel_bfloat_from_float (value);
}

/* What a norm comes to for each channel: x factor + shift. */
typedef struct {
  float *factor, *shift;
} Affine;

static void
affine_clear (Affine *self)
{
  g_free (self->factor);
  g_free (self->shift);
}

/* Two passes over the picture: means, then squared distances from them. */
static void
affine_of (Affine *self, const VelNorm *norm, const VelStripped *x)
{
  gsize channels = (gsize) x->channels, pixels = (gsize) (x->height * x->width), each = channels / VEL_NORM_GROUPS;
  g_autofree float *gamma = g_new (float, channels), *beta = g_new (float, channels);
  g_autofree double *sums = g_new0 (double, channels);
  double means[VEL_NORM_GROUPS] = { 0 }, squares[VEL_NORM_GROUPS] = { 0 };

  norm->device->kernels->download (norm->device->backend, gamma, norm->gamma, channels * sizeof *gamma);
  norm->device->kernels->download (norm->device->backend, beta, norm->beta, channels * sizeof *beta);
  for (gsize p = 0; p < pixels; p++)
    for (gsize c = 0; c < channels; c++)
      sums[c] += load (x->data, x->type, p * channels + c);
  for (gsize c = 0; c < channels; c++)
    means[c / each] += sums[c] / (double) (pixels * each);
  memset (sums, 0, channels * sizeof *sums);
  for (gsize p = 0; p < pixels; p++)
    for (gsize c = 0; c < channels; c++) {
      double d = load (x->data, x->type, p * channels + c) - means[c / each];

      sums[c] += d * d;
    }
  for (gsize c = 0; c < channels; c++)
    squares[c / each] += sums[c];
  self->factor = g_new (float, channels);
  self->shift = g_new (float, channels);
  for (gsize c = 0; c < channels; c++) {
    double factor = gamma[c] / sqrt (squares[c / each] / (double) (pixels * each) + norm->eps);

    self->factor[c] = (float) factor;
    self->shift[c] = (float) (beta[c] - means[c / each] * factor);
  }
}

/* Rows first .. first + count - 1, one after the other; those before the first and behind the last are the other end's.
 * copy: (out) (transfer full) (nullable) where they are not together */
static const void *
find_rows (const VelStripped *x, gint64 first, gint64 count, char **copy)
{
  gsize bytes = row_bytes (x);

  *copy = NULL;
  if (first >= 0 && first + count <= x->height)
    return (const char *) x->data + bytes * (gsize) first;
  *copy = g_malloc (bytes * (gsize) count);
  for (gint64 i = 0; i < count; i++)
    memcpy (*copy + bytes * (gsize) i, (const char *) x->data + bytes * (gsize) ((first + i + x->height) % x->height), bytes);
  return *copy;
}

/* The same on the device, normalised on the way if `affine` is there. */
static VelTensor *
send (VelContext *ctx, const VelStripped *x, const Affine *affine, gint64 first, gint64 count)
{
  VelTensor *strip = vel_context_tensor (ctx, x->type, VEL_SHAPE (1, count, x->width, x->channels));
  gsize n = (gsize) (count * x->width * x->channels), channels = (gsize) x->channels;
  g_autofree char *copy = NULL;
  g_autofree void *changed = NULL;
  const void *from;

  if (!vel_context_ok (ctx))
    return strip;
  from = find_rows (x, first, count, &copy);
  if (affine) {
    changed = g_malloc (n * vel_type_size (x->type));
    for (gsize i = 0; i < n; i++) {
      float value = load (from, x->type, i) * affine->factor[i % channels] + affine->shift[i % channels];

      store (changed, x->type, i, value / (1 + expf (-value)));
    }
  }
  vel_tensor_upload (strip, changed ? changed : from);
  return strip;
}

VelStripped *
vel_stripped_conv (VelContext *ctx, const VelConv *conv, const VelStripped *x, VelStripOptions options, guint64 room)
{
  gint64 scale = options.doubled ? 2 : 1, around = conv->kernel == 3 ? 1 : 0, at_once;
  gboolean wrap_y = vel_context_get_wrap_y (ctx);
  g_autoptr (VelStripped) out = NULL;
  Affine affine = { NULL, NULL };

  if (!x || !vel_context_ok (ctx))
    return NULL;
  out = stripped_new (ctx, x->type, x->height * scale, x->width * scale, conv->out);
  if (!out)
    return NULL;
  if (options.norm)
    affine_of (&affine, options.norm, x);
  /* Rows of x: with what comes of them, and a residual as large. */
  at_once = (gint64) (room / (row_bytes (x) + 2 * (guint64) scale * row_bytes (out) + 1)) - 2 * around;
  at_once = CLAMP (at_once, 2, x->height);
  for (gint64 y = 0; y < x->height && vel_context_ok (ctx); y += at_once) {
    gint64 end = MIN (y + at_once, x->height), first = wrap_y ? y - around : MAX (y - around, 0);
    gint64 last = wrap_y ? end + around : MIN (end + around, x->height);
    gint64 skipped = (y - first) * scale, rows = (end - y) * scale;
    VelTensor *strip, *residual = NULL, *made;

    vel_context_open (ctx);
    strip = send (ctx, x, options.norm ? &affine : NULL, first, last - first);
    if (options.residual)
      residual = send (ctx, options.residual, NULL, first * scale, (last - first) * scale);
    made = vel_op_conv (ctx, strip, conv->weight, conv->bias, conv->out, conv->kernel,
                        (VelConvOptions){ .pad_before = (unsigned) around,
                                          .pad_after = (unsigned) around,
                                          .wrap_x = vel_context_get_wrap_x (ctx),
                                          .up_height = options.doubled ? 2 * (last - first) : 0,
                                          .up_width = options.doubled ? 2 * x->width : 0 },
                        NULL, residual);
    vel_context_look (ctx, made, conv->name);
    if (vel_context_ok (ctx)) {
      VelTensor *lines = vel_context_reshape (ctx, made, VEL_SHAPE ((last - first) * scale, out->width, out->channels));

      vel_tensor_download (vel_context_slice (ctx, lines, skipped, rows), (char *) out->data + row_bytes (out) * (gsize) (y * scale));
    }
    vel_context_close (ctx, NULL);
  }
  affine_clear (&affine);
  return vel_context_ok (ctx) ? g_steal_pointer (&out) : NULL;
}
