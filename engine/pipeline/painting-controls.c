/* ControlNets: what they are to follow, and their networks.  SPDX-License-Identifier: Apache-2.0 */
#include "config.h"

#include "engine/pipeline/painting.h"

#include <glib/gi18n-lib.h>

#include "engine/control/hint.h"
#include "engine/control/wish.h"
#include "engine/formats/png.h"

static gboolean
refuse (GError **error, const char *sentence)
{
  g_set_error_literal (error, VEL_ERROR, VEL_ERROR_REQUEST, sentence);
  return FALSE;
}

gboolean
vel_painting_choose_controls (VelPainting *self, GError **error)
{
  VelValues *request = self->request;

  g_clear_pointer (&self->controls, g_ptr_array_unref);
  self->controls = vel_control_wishes_parse (vel_values_get (request, "control"), error);
  if (!self->controls)
    return FALSE;
  if (self->controls->len > 0 && *vel_values_get (request, "device2"))
    return refuse (error, _ ("ControlNets are computed on one device; leave --device2 out"));
  if (self->controls->len > 0 && vel_values_is_set (request, "mask") && g_str_equal (vel_values_get (request, "inpaint_area"), "masked"))
    return refuse (
        error,
        _ ("A ControlNet's picture shows the whole, so it can not guide the masked part alone; set the mask area to the whole picture"));
  for (guint i = 0; i < self->controls->len; i++) {
    const VelControlWish *wish = self->controls->pdata[i];
    g_autoptr (VelPng) picture = vel_png_read (wish->picture, TRUE, error);

    if (!picture)
      return FALSE; /* said now, not when everything is loaded */
  }
  return vel_control_nets_set (self->engine->controls, self->controls, self->cancellable, error);
}

gboolean
vel_painting_load_controls (VelPainting *self, GError **error)
{
  return vel_control_nets_load (self->engine->controls, self->engine->device, self->model, self->key, self->cancellable, error);
}

/* What the network is to follow, as large as what is painted: so marks are as sharp in a second pass. Returns: (transfer full) RGB, or RGBA
 * as vel_hint_make gives it */
static VelBitmap *
make_hint (const VelPainting *self, const VelControlWish *wish, GError **error)
{
  g_autoptr (VelPng) png = vel_png_read (wish->picture, FALSE, error);
  g_autoptr (VelBitmap) picture = NULL, fitted = NULL, hint = NULL;
  const VelBitmap *mask = self->before ? self->before->mask : NULL;
  VelHintOptions options = { .params = wish->params };

  if (!png)
    return NULL;
  picture = vel_bitmap_new_take (png->width, png->height, 3, g_steal_pointer (&png->rgb));
  fitted = vel_bitmap_resize (picture, self->width, self->height, wish->resize);
  if (!wish->preprocessor)
    return g_steal_pointer (&fitted);
  if (mask && mask->width == fitted->width && mask->height == fitted->height)
    options.mask = mask;
  hint = vel_hint_make (wish->preprocessor, fitted, &options, self->cancellable, error);
  if (!hint || (hint->width == fitted->width && hint->height == fitted->height))
    return g_steal_pointer (&hint);
  return vel_bitmap_resize (hint, fitted->width, fitted->height, VEL_RESIZE_STRETCH);
}

/* 0 .. 1; -1 where nothing is told, as ControlNets for inpainting have it. Returns: of the context, [1, H, W, 3]; NULL with an error */
static VelTensor *
read_pixels (const VelPainting *self, VelContext *ctx, const VelControlWish *wish, GError **error)
{
  g_autoptr (VelBitmap) hint = make_hint (self, wish, error);
  g_autofree float *values = NULL;
  VelTensor *pixels;
  gsize count = (gsize) self->width * self->height;

  if (!hint)
    return NULL;
  values = g_new (float, 3 * count);
  for (gsize i = 0; i < 3 * count; i++) {
    const guint8 *pixel = hint->data + i / 3 * hint->channels;

    values[i] = hint->channels == 4 && pixel[3] > 127 ? -1 : (float) pixel[i % 3] / 255;
  }
  pixels = vel_context_tensor (ctx, VEL_F32, VEL_SHAPE (1, self->height, self->width, 3));
  if (vel_context_ok (ctx))
    vel_tensor_upload (pixels, values);
  return pixels;
}

static void
clear_control (gpointer data)
{
  g_clear_pointer (&((VelControl *) data)->hint, vel_tensor_unref);
}

GArray *
vel_painting_make_controls (VelPainting *self, VelContext *ctx, GError **error)
{
  g_autoptr (GArray) controls = g_array_new (FALSE, TRUE, sizeof (VelControl));

  g_array_set_clear_func (controls, clear_control);
  for (guint i = 0; i < self->controls->len && vel_context_ok (ctx); i++) {
    const VelControlWish *wish = self->controls->pdata[i];
    VelControl control = { .net = vel_control_nets_get (self->engine->controls, i), .use = wish->use };
    VelTensor *pixels, *hint;

    vel_context_open (ctx);
    pixels = read_pixels (self, ctx, wish, error);
    if (!pixels) {
      vel_context_close (ctx, NULL);
      return NULL;
    }
    hint = vel_controlnet_read_picture (ctx, control.net, pixels);
    control.hint = vel_network_tensor (ctx, hint->type, hint->shape);
    if (control.hint)
      vel_op_combine_into (ctx, control.hint, 1, (double[]){ 1 }, &hint);
    vel_context_close (ctx, NULL);
    if (control.hint)
      g_array_append_val (controls, control);
  }
  return vel_context_check (ctx, error) ? g_steal_pointer (&controls) : NULL;
}
