/* Enlarging between two passes.  SPDX-License-Identifier: Apache-2.0 */
#include "config.h"

#include "engine/pipeline/hires.h"

#include <glib/gi18n-lib.h>
#include <string.h>

#include "engine/pipeline/outpaint.h"
#include "engine/pixels/resample.h"
#include "engine/tensor/interpolate.h"
#include "engine/upscalers.h"

#define LONGEST 8192

/* How the program's own ways enlarge. */
static const struct {
  const char *word;
  VelInterpolation kind; /* of latents */
  gboolean smooth;
  VelFilter filter; /* of pixels */
} ways[] = {
  { "latent", VEL_INTERPOLATE_BILINEAR },
  { "latent-antialiased", VEL_INTERPOLATE_BILINEAR, TRUE },
  { "latent-bicubic", VEL_INTERPOLATE_BICUBIC },
  { "latent-bicubic-antialiased", VEL_INTERPOLATE_BICUBIC, TRUE },
  { "latent-nearest", VEL_INTERPOLATE_NEAREST },
  { "latent-nearest-exact", VEL_INTERPOLATE_NEAREST_EXACT },
  { "lanczos", .filter = VEL_FILTER_LANCZOS },
  { "nearest", .filter = VEL_FILTER_NEAREST },
};

static gsize
find_way (const char *word)
{
  for (gsize i = 0; i < G_N_ELEMENTS (ways); i++)
    if (g_str_equal (ways[i].word, word))
      return i;
  g_assert_not_reached ();
}

/* sides: [2], 0 or from 8 on, not both 0 */
static gboolean
parse_size (const char *text, guint64 *sides)
{
  const char *x = text + strcspn (text, "xX");
  g_autofree char *first = g_strndup (text, (gsize) (x - text));

  return *x && g_ascii_string_to_unsigned (first, 10, 0, LONGEST, &sides[0], NULL) &&
         g_ascii_string_to_unsigned (x + 1, 10, 0, LONGEST, &sides[1], NULL) && (sides[0] >= 8 || sides[0] == 0) &&
         (sides[1] >= 8 || sides[1] == 0) && sides[0] + sides[1] > 0;
}

char *
vel_hires_check_size (const char *text)
{
  guint64 sides[2];

  return parse_size (text, sides) ? g_strdup_printf ("%ux%u", (guint) sides[0], (guint) sides[1]) : NULL;
}

/* Where both sides are asked for, the picture covers them and is cut around its middle. Cutting rounds down as Python does, and never adds.
 */
static void
cut (gint64 more, gint64 factor, gint64 *before, gint64 *after)
{
  gint64 latents = more > 0 ? more / factor : 0;

  *before = latents / 2;
  *after = (latents + 1) / 2;
}

static void
plan_size (VelHires *self, VelValues *request, guint width, guint height)
{
  guint64 sides[2];

  if (!parse_size (vel_values_get (request, "hires_resize"), sides)) {
    self->width = (guint) (width * vel_values_get_real (request, "hires"));
    self->height = (guint) (height * vel_values_get_real (request, "hires"));
    return;
  }
  if (sides[1] == 0 || (sides[0] > 0 && (double) width / height < (double) sides[0] / (double) sides[1])) {
    self->width = (guint) sides[0];
    self->height = (guint) (sides[0] * height / width);
  } else {
    self->width = (guint) (sides[1] * width / height);
    self->height = (guint) sides[1];
  }
  if (sides[0] > 0 && sides[1] > 0) {
    cut ((gint64) self->width - (gint64) sides[0], self->factor, &self->before_x, &self->after_x);
    cut ((gint64) self->height - (gint64) sides[1], self->factor, &self->before_y, &self->after_y);
  }
}

/* Also a part of a picture that is painted alone, or beside it. */
static gboolean
has_mask (VelValues *request)
{
  return vel_values_is_set (request, "init") && (vel_values_is_set (request, "mask") || vel_outpaint_is_asked (request));
}

static gboolean
cuts (const VelHires *self)
{
  return self->before_x + self->after_x + self->before_y + self->after_y > 0;
}

gboolean
vel_hires_plan (VelHires *self, VelValues *request, guint width, guint height, guint factor, GError **error)
{
  *self = (VelHires){ .factor = factor };
  if (!vel_values_is_set (request, "hires") && !vel_values_is_set (request, "hires_resize"))
    return TRUE;
  plan_size (self, request, width, height);
  if (MIN (self->width, self->height) < factor || MAX (self->width, self->height) > LONGEST) {
    g_set_error (error, VEL_ERROR, VEL_ERROR_REQUEST, _ ("The second pass would be %u x %u: each side has to be from %u to %d"),
                 self->width, self->height, factor, LONGEST);
    return FALSE;
  }
  if (cuts (self) && has_mask (request)) {
    g_set_error (error, VEL_ERROR, VEL_ERROR_REQUEST,
                 _ ("A second pass of %s would cut the picture of %u x %u, but with a mask all of it is needed; choose a size of the same "
                    "proportions, or a factor (--hires)"),
                 vel_values_get (request, "hires_resize"), width, height);
    return FALSE;
  }
  self->upscaler = vel_values_get (request, "hires_upscaler");
  self->steps = (unsigned) vel_values_get_int (request, vel_values_is_set (request, "hires_steps") ? "hires_steps" : "steps");
  self->strength = vel_values_get_real (request, "hires_strength");
  return TRUE;
}

gboolean
vel_hires_is_by_network (const VelHires *self)
{
  return !vel_upscalers_find_way (self->upscaler);
}

gboolean
vel_hires_is_of_pixels (const VelHires *self)
{
  return vel_hires_is_by_network (self) || vel_upscalers_find_way (self->upscaler)->pixels;
}

guint
vel_hires_get_width (const VelHires *self)
{
  return (guint) (self->width / self->factor - self->before_x - self->after_x) * self->factor;
}

guint
vel_hires_get_height (const VelHires *self)
{
  return (guint) (self->height / self->factor - self->before_y - self->after_y) * self->factor;
}

/* By the filter to whole pixels, or by a network straight to multiples of eight as every upscaler of the reference ends with, then to the size
 * asked for. */
gboolean
vel_hires_get_network_size (const VelHires *self, const VelBitmap *rgb, guint *width, guint *height)
{
  double scale = MAX ((double) self->width / rgb->width, (double) self->height / rgb->height);

  *width = MAX ((guint) (rgb->width * scale / 8) * 8, 1);
  *height = MAX ((guint) (rgb->height * scale / 8) * 8, 1);
  return scale > 1;
}

VelBitmap *
vel_hires_enlarge_picture (const VelHires *self, const VelBitmap *rgb)
{
  double scale = MAX ((double) self->width / rgb->width, (double) self->height / rgb->height);
  guint whole_w, whole_h;
  g_autoptr (VelBitmap) large = NULL, whole = NULL;

  if (!vel_hires_get_network_size (self, rgb, &whole_w, &whole_h))
    return vel_bitmap_resample (rgb, self->width, self->height, VEL_FILTER_LANCZOS);
  large = vel_bitmap_resample (rgb, (guint) (rgb->width * scale), (guint) (rgb->height * scale), ways[find_way (self->upscaler)].filter);
  whole = vel_bitmap_resample (large, whole_w, whole_h, VEL_FILTER_LANCZOS);
  return vel_hires_finish_picture (self, whole);
}

VelBitmap *
vel_hires_finish_picture (const VelHires *self, const VelBitmap *large)
{
  return vel_bitmap_resample (large, self->width, self->height, VEL_FILTER_LANCZOS);
}

/* One picture's [from_h, from_w, c] without what is cut off. */
static void
cut_out (const VelHires *self, const float *from, gint64 from_w, gint64 channels, gint64 h, gint64 w, float *out)
{
  for (gint64 y = 0; y < h; y++)
    memcpy (out + y * w * channels, from + ((y + self->before_y) * from_w + self->before_x) * channels,
            (gsize) (w * channels) * sizeof *out);
}

VelTensor *
vel_hires_enlarge_latents (VelContext *ctx, const VelHires *self, VelTensor *latents)
{
  gboolean of_pixels = vel_hires_is_of_pixels (self);
  gsize i = of_pixels ? 0 : find_way (self->upscaler);
  gint64 batch = latents->shape.size[0], from_h = latents->shape.size[1], from_w = latents->shape.size[2], c = latents->shape.size[3];
  gint64 full_h = self->height / self->factor, full_w = self->width / self->factor;
  gint64 h = vel_hires_get_height (self) / self->factor, w = vel_hires_get_width (self) / self->factor;
  g_autoptr (VelTensor) out = vel_tensor_new (vel_context_get_device (ctx), VEL_F32, VEL_SHAPE (batch, h, w, c));
  g_autofree float *host = g_malloc (latents->bytes), *all = g_new (float, (gsize) (batch * h * w * c));

  if (!out)
    vel_context_fail (ctx, VEL_ERROR_MEMORY, _ ("There is not enough memory to paint at this size; choose a smaller one"));
  if (!vel_context_ok (ctx))
    return NULL;
  vel_tensor_download (latents, host);
  for (gint64 b = 0; b < batch; b++) {
    const float *own = host + b * from_h * from_w * c;
    g_autofree float *large =
        of_pixels ? NULL : vel_interpolate (own, from_h, from_w, c, full_h, full_w, ways[i].kind, ways[i].smooth);

    g_assert (large || (from_h == full_h && from_w == full_w));
    cut_out (self, large ? large : own, full_w, c, h, w, all + b * h * w * c);
  }
  vel_tensor_upload (out, all);
  return g_steal_pointer (&out);
}
