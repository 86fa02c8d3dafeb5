/* The chunks of a PNG file: size and texts, read without its pixels.  SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <gio/gio.h>

/* Where bytes come from: a file that is read in pieces, or memory. */
typedef struct {
  int fd; /* -1: memory */
  const guint8 *memory;
  guint64 size;
  const char *name; /* for messages */
} VelPngSource;

/* Exactly these bytes. FALSE if the source ends before. */
gboolean vel_png_source_read (const VelPngSource *self, guint64 offset, void *out, gsize bytes);

typedef struct {
  guint width, height;
  GHashTable *text; /* keyword to UTF-8 text, of several the last */
} VelPngChunks;

/* Checks signature, sizes and limits. Returns FALSE with VEL_ERROR_FORMAT; then there is nothing to clear. */
gboolean vel_png_chunks_read (VelPngChunks *self, const VelPngSource *source, GError **error);
gboolean vel_png_damaged (const VelPngSource *source, GError **error, const char *format, ...) G_GNUC_PRINTF (3, 4); /* FALSE */
