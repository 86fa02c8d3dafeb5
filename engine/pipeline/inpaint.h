/* Pixels to start from: made to fit, and where there is a mask told apart into what stays and what is painted anew.
 * SPDX-License-Identifier: Apache-2.0
 * AUTOMATIC1111 1.10 modules/processing.py StableDiffusionProcessingImg2Img.init, modules/masking.py. */
#pragma once

#include "engine/params.h"
#include "engine/pixels/resample.h"

typedef enum {
  VEL_FILL_ORIGINAL, /* what is there */
  VEL_FILL_COLOURS,  /* colours from around */
  VEL_FILL_NOISE,    /* the latent of that becomes noise, */
  VEL_FILL_NOTHING,  /* or zeros */
} VelFill;

typedef struct {
  VelBitmap *image;              /* RGB, as large as what is painted */
  VelBitmap *own;                /* (nullable) RGB: the same in the start's own size, where its latent is what is stretched */
  VelBitmap *mask;               /* (nullable) grey, likewise; light where it is painted anew */
  float *repaint;                /* (nullable) [height / factor, width / factor]: the mask as latents have it: 1 or 0, or softly between */
  VelFill fill;                  /* of what is painted anew, before */
  VelBitmap *overlay;            /* (nullable) RGBA: what lies over the result, */
  VelBitmap *whole;              /* (nullable) RGB: or, softly, what it is cut out of once the result is there */
  int x, y;                      /* where in the overlay the result goes, */
  guint part_width, part_height; /* made as large as this; 0: it is as large as the overlay */
} VelInpaint;

/* width, height: of what is painted, multiples of factor.  request: its init, mask, mask_blur, mask_invert, fill, inpaint_area,
 * masked_padding, resize, soft_inpainting and outpaint_…: a canvas that grows is painted in its own size, or stretched to the one that is given.
 *
 * A mask that is not blurred is shrunk by the mean of every factor x factor pixels, and nothing is laid over the result; one that is is
 * shrunk as A1111 does it, by Pillow's bicubic filter. Where a file has transparency that is the mask, either white or black. Soft inpainting keeps a mask's greys. Returns: (transfer full); NULL with VEL_ERROR_REQUEST or VEL_ERROR_FORMAT */
VelInpaint *vel_inpaint_prepare (VelValues *request, guint width, guint height, guint factor, GError **error);
void vel_inpaint_free (VelInpaint *self);
/* What lies over the result: all that vel_inpaint_finish needs of this, with x, y and the part's size. changed: as there.
 * Returns: (transfer full) (nullable) RGBA */
VelBitmap *vel_inpaint_dup_overlay (const VelInpaint *self, const VelBitmap *changed);
/* The picture as it is kept. rgb: (transfer full) as large as what is painted. changed: (nullable) grey: softly, where it has moved.
 * Returns: (transfer full) RGB, as large as what lies over it if anything does */
VelBitmap *vel_inpaint_finish (const VelInpaint *self, VelBitmap *rgb, const VelBitmap *changed);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (VelInpaint, vel_inpaint_free)
