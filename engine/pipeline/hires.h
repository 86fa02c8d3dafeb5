/* The second pass: the picture enlarged and painted on in its new size.
 * SPDX-License-Identifier: Apache-2.0
 * AUTOMATIC1111 1.10 modules/processing.py calculate_target_resolution, sample_hr_pass; modules/upscaler.py. */
#pragma once

#include "engine/params.h"
#include "engine/pixels/bitmap.h"
#include "engine/tensor/context.h"

typedef struct {
  const char *upscaler;                        /* NULL: there is no second pass */
  guint width, height;                         /* what the first pass's picture is enlarged to; need not be multiples of anything */
  guint factor;                                /* pixels of a latent's side */
  gint64 before_x, before_y, after_x, after_y; /* latents cut off on each side then */
  unsigned steps;
  double strength;
} VelHires;

/* width, height: of the first pass. Returns: FALSE with VEL_ERROR_REQUEST */
gboolean vel_hires_plan (VelHires *self, VelValues *request, guint width, guint height, guint factor, GError **error);
/* Whether pixels are enlarged, and not latents. */
gboolean vel_hires_is_of_pixels (const VelHires *self);
/* Whether they are by a network, whose name or file `upscaler` is then. */
gboolean vel_hires_is_by_network (const VelHires *self);
/* The picture's size in the end. */
guint vel_hires_get_width (const VelHires *self);
guint vel_hires_get_height (const VelHires *self);

/* rgb: of the first pass. By one of the program's own ways. Returns: (transfer full) */
VelBitmap *vel_hires_enlarge_picture (const VelHires *self, const VelBitmap *rgb);
/* What a network has to make of it before vel_hires_finish_picture. Returns: FALSE if there is nothing to enlarge */
gboolean vel_hires_get_network_size (const VelHires *self, const VelBitmap *rgb, guint *width, guint *height);
/* Returns: (transfer full) in the size of the second pass */
VelBitmap *vel_hires_finish_picture (const VelHires *self, const VelBitmap *large);
/* latents: [B, h, w, C], in the first pass's size; none where pixels were enlarged, which are cut alone.
 * Returns: (transfer full) of their own memory; NULL if that is short (ask vel_context_check) */
VelTensor *vel_hires_enlarge_latents (VelContext *ctx, const VelHires *self, VelTensor *latents);

/* "1024x1536"; one of the sides may be 0. Returns: (transfer full); the text in its plain form, or NULL if it is none */
char *vel_hires_check_size (const char *text);
