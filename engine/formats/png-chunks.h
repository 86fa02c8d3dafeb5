/* The chunks of a PNG file: size and texts, read without its pixels.  SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "engine/formats/byte-source.h"

typedef struct {
  guint width, height;
  GHashTable *text; /* keyword to UTF-8 text, of several the last */
} VelPngChunks;

/* Checks signature, sizes and limits. Returns FALSE with VEL_ERROR_FORMAT; then there is nothing to clear. */
gboolean vel_png_chunks_read (VelPngChunks *self, const VelByteSource *source, GError **error);
gboolean vel_png_damaged (const VelByteSource *source, GError **error, const char *format, ...) G_GNUC_PRINTF (3, 4); /* FALSE */
