/* Enlarging a picture by a network, tile by tile, as A1111's upscalers do it.
 * SPDX-License-Identifier: Apache-2.0
 *
 * AUTOMATIC1111 1.10 modules/upscaler.py, upscaler_utils.py upscale_with_model. */
#pragma once

#include "engine/models/upscaler.h"
#include "engine/pipeline/generate.h"
#include "engine/pixels/bitmap.h"

/* As A1111 has them unless its settings say otherwise. */
#define VEL_UPSCALE_TILE 192
#define VEL_UPSCALE_OVERLAP 8

typedef struct {
  guint tile, overlap; /* tile 0: the picture whole */
  gboolean reversed;   /* the network is given blue, green, red, as A1111 gives them whatever it was trained on */
  void (*progress) (double fraction, gpointer data); /* (nullable) */
  gpointer data;
} VelUpscaleOptions;

/* The file's network on a device. cancellable: (nullable). Returns: (transfer full); NULL with any error of loading */
VelUpscaler *vel_upscale_load (const char *path, VelDevice *device, VelType type, GCancellable *cancellable, GError **error);
/* Once through the network, which makes it vel_upscaler_get_facts ()->scale times as large. Where memory is short tiles are halved, down to
 * 32; options->tile then says what they came to. Returns: (transfer full); NULL with VEL_ERROR_MEMORY, _NUMBERS, _REQUEST or cancelled */
VelBitmap *vel_upscale_once (const VelUpscaler *network, VelDevice *device, const VelBitmap *rgb, VelUpscaleOptions *options,
                             GCancellable *cancellable, GError **error);
/* Until both sides are long enough, three times at most; then by Lanczos to the size that is wanted.
 * Returns: (transfer full); as above */
VelBitmap *vel_upscale_to (const VelUpscaler *network, VelDevice *device, const VelBitmap *rgb, guint width, guint height,
                           VelUpscaleOptions *options, GCancellable *cancellable, GError **error);
/* Enlarges RGB pixels by the network in a file, which is kept for the next time, until both sides are long enough, then by Lanczos to this size.
 * precision: see vel_precision_choose. Where memory is short the model's other networks make room, then tiles become smaller, then the
 * processor does it, and a note is added. options: see vel_upscale_once. notes: (element-type utf8).
 * Returns: (transfer full); NULL with any error of loading, VEL_ERROR_MEMORY, _NUMBERS or cancelled */
VelBitmap *vel_engine_upscale (VelEngine *self, const char *path, const char *precision, const VelBitmap *rgb, guint width, guint height,
                               const VelUpscaleOptions *options, GPtrArray *notes, GCancellable *cancellable, GError **error);
