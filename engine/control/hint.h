/* Runs a preprocessor: of a picture, the hint that a control network was trained on.
 * SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "engine/params.h"
#include "engine/pixels/bitmap.h"
#include "plugins/plugin.h"

/* done: 0 .. 1 */
typedef void (*VelHintProgress) (double done, gpointer data);

typedef struct {
  VelValues *params;        /* (nullable) what the person set, by the preprocessor's names; what is not there has its default */
  const VelBitmap *mask;    /* (nullable) grey, as large as the picture, light where it is to be painted anew */
  VelHintProgress progress; /* (nullable) */
  gpointer data;            /* for progress */
} VelHintOptions;

/* Options of one preprocessor, for vel_values_new. Returns: (transfer full) to be freed with g_free, after those values; texts are borrowed
 */
VelParam *vel_hint_dup_table (const VelPreprocessor *preprocessor);

/* picture: RGB. options: (nullable). Any thread.
 * Returns: (transfer full) RGB, mostly as large as the picture; RGBA where the preprocessor leaves something to the network: alpha is 255
 * there, the colour black, and the network is to be told -1. NULL with VEL_ERROR_REQUEST where the picture has no pixels or too many, or
 * the preprocessor says why it can not; VEL_ERROR_PLUGIN where it gives up without a word or asks for a size that can not be;
 * VEL_ERROR_MEMORY; or G_IO_ERROR_CANCELLED */
VelBitmap *vel_hint_make (const VelPreprocessor *preprocessor, const VelBitmap *picture, const VelHintOptions *options,
                          GCancellable *cancellable, GError **error);
