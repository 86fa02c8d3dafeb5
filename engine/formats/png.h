/* PNG files with text: pixels together with the recipe that made them.
 * SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "engine/formats/byte-source.h"

typedef struct {
  guint width, height;
  guint8 *rgb;      /* [height, width, 3] */
  guint8 *alpha;    /* [height, width], or NULL where all of it is opaque */
  GHashTable *text; /* keyword to UTF-8 text: tEXt, zTXt and iTXt */
} VelPng;

#define VEL_PNG_MAX_SIDE 16384
#define VEL_PNG_MAX_PIXELS (64u << 20)

/* Reads everything (pixels and text), or with `text_only` leaves rgb NULL. Grey, palette, 16-bit and alpha become 8-bit RGB, alpha over
 * white, and what alpha there was is kept beside. Limits are checked before anything is allocated; text is at most 16 MB in all.
 * Returns: (transfer full); NULL with VEL_ERROR_FORMAT */
VelPng *vel_png_read (const char *path, gboolean text_only, GError **error);
VelPng *vel_png_read_bytes (GBytes *bytes, const char *name, gboolean text_only, GError **error);
/* The lowest bit of every alpha value, column by column, the first the highest of its byte. width, height: as the file has them.
 * Returns: (transfer full) (nullable): NULL if it has no alpha of 8 bits, is interlaced or damaged */
guint8 *vel_png_read_alpha_bits (const VelByteSource *source, guint width, guint height);
void vel_png_free (VelPng *self);
/* text: pairs in order, keyword then text, NULL-terminated; Latin-1 text as tEXt, else iTXt. Returns: (transfer full) */
GBytes *vel_png_encode (const guint8 *rgb, guint width, guint height, const char *const *text);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (VelPng, vel_png_free)
