/* Canvases.  SPDX-License-Identifier: Apache-2.0 */
#include "config.h"

#include "engine/pipeline/outpaint.h"

#include <glib/gi18n-lib.h>
#include <string.h>

#include "engine/formats/photo.h"

#define LONGEST 4096 /* as a width that is asked for */

gboolean
vel_outpaint_is_asked (VelValues *request)
{
  static const char *const sides[] = { "outpaint_left", "outpaint_right", "outpaint_top", "outpaint_bottom" };

  for (gsize i = 0; i < G_N_ELEMENTS (sides) && vel_values_is_set (request, "init"); i++)
    if (vel_values_get_int (request, sides[i]) > 0)
      return TRUE;
  return FALSE;
}

gboolean
vel_outpaint_gives_size (VelValues *request)
{
  return vel_outpaint_is_asked (request) && !g_str_equal (vel_values_get (request, "inpaint_area"), "masked");
}

/* One axis. before, after: what is asked for, then what there is. Returns the canvas's side */
static guint
plan_axis (guint *before, guint *after, guint side, guint factor)
{
  guint whole = (side + *before + *after + factor - 1) / factor * factor, more = whole - side;

  if (*before > 0)
    *before = *before * more / (*before + *after);
  *after = more - *before;
  return whole;
}

void
vel_outpaint_plan (VelOutpaint *self, VelValues *request, guint width, guint height, guint factor)
{
  *self = (VelOutpaint){ .left = (guint) vel_values_get_int (request, "outpaint_left"),
                         .top = (guint) vel_values_get_int (request, "outpaint_top"),
                         .right = (guint) vel_values_get_int (request, "outpaint_right"),
                         .bottom = (guint) vel_values_get_int (request, "outpaint_bottom") };
  self->width = plan_axis (&self->left, &self->right, width, factor);
  self->height = plan_axis (&self->top, &self->bottom, height, factor);
}

gboolean
vel_outpaint_measure (VelOutpaint *self, VelValues *request, guint factor, GError **error)
{
  g_autoptr (VelPhoto) photo = vel_photo_read (vel_values_get (request, "init"), TRUE, error);

  if (!photo)
    return FALSE;
  vel_outpaint_plan (self, request, photo->width, photo->height, factor);
  if (!vel_outpaint_gives_size (request) || MAX (self->width, self->height) <= LONGEST)
    return TRUE;
  g_set_error (error, VEL_ERROR, VEL_ERROR_REQUEST,
               _ ("The start picture would grow to %u x %u, which is painted in one piece up to %d; choose a smaller one, or paint the new "
                  "part alone (--inpaint-area masked)"),
               self->width, self->height, LONGEST);
  return FALSE;
}

VelBitmap *
vel_outpaint_extend (const VelOutpaint *self, const VelBitmap *picture)
{
  VelBitmap *canvas = vel_bitmap_new (self->width, self->height, picture->channels);

  vel_bitmap_paste (canvas, picture, (int) self->left, (int) self->top);
  return canvas;
}

/* A1111 draws to the pixel behind the last one, which leaves a black line where nothing is blurred; here it ends before. */
VelBitmap *
vel_outpaint_mask (const VelOutpaint *self, guint inset)
{
  VelBitmap *mask = vel_bitmap_new (self->width, self->height, 1);
  guint x = self->left + (self->left > 0 ? inset : 0), right = self->width - self->right;
  guint y = self->top + (self->top > 0 ? inset : 0), bottom = self->height - self->bottom;

  right -= self->right > 0 ? MIN (inset, right) : 0;
  bottom -= self->bottom > 0 ? MIN (inset, bottom) : 0;
  memset (mask->data, 255, vel_bitmap_bytes (mask));
  for (; y < bottom && x < right; y++)
    memset (mask->data + (gsize) y * self->width + x, 0, right - x);
  return mask;
}
