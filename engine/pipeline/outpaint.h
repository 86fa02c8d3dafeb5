/* A start picture that grows: room beside it, and the mask by which that is painted.
 * SPDX-License-Identifier: Apache-2.0
 * AUTOMATIC1111 1.10 scripts/poor_mans_outpainting.py, in one piece where that paints tiles. */
#pragma once

#include "engine/params.h"
#include "engine/pixels/bitmap.h"

typedef struct {
  guint left, top, right, bottom; /* of the canvas, beside the picture */
  guint width, height;            /* of the canvas: multiples of the factor */
} VelOutpaint;

/* Whether any side is to grow, and there is a picture that could. */
gboolean vel_outpaint_is_asked (VelValues *request);
/* Whether the canvas says how large the picture becomes: unless a part alone is painted. */
gboolean vel_outpaint_gives_size (VelValues *request);
/* width, height: of the start picture, up to VEL_PNG_MAX_SIDE. What is missing to a multiple of factor is shared among the sides that grow;
 * where none of an axis does, it comes to the right or below. */
void vel_outpaint_plan (VelOutpaint *self, VelValues *request, guint width, guint height, guint factor);
/* The same of the picture that the request names. Returns: FALSE with VEL_ERROR_FORMAT, or VEL_ERROR_REQUEST where it gives the size and
 * that is too large to be painted */
gboolean vel_outpaint_measure (VelOutpaint *self, VelValues *request, guint factor, GError **error);

/* The canvas with a picture on it, black beside it. Returns: (transfer full) */
VelBitmap *vel_outpaint_extend (const VelOutpaint *self, const VelBitmap *picture);
/* White beside the picture, and so many pixels of it along the sides that grow; black within. Returns: (transfer full) grey */
VelBitmap *vel_outpaint_mask (const VelOutpaint *self, guint inset);
