/* What a picture file says beside its pixels: size and texts, whatever the container.
 * SPDX-License-Identifier: Apache-2.0
 *
 * A container is one file metadata-NAME.c and one row of the table in metadata.c. No pixel is decoded. */
#pragma once

#include "engine/formats/byte-source.h"

#define VEL_METADATA_MAX_TEXT (16u << 20) /* bytes of one text as it is stored */

typedef struct {
  const char *container; /* "png", "jpeg", "webp", "avif", "heif", "gif"; static */
  guint width, height;   /* 0 where the file does not say */
  GHashTable *text;      /* PNG keyword to UTF-8 text; from the other containers the keyword that PNG has for the same: see exif.h */
} VelMetadata;

/* Recognised by content. Returns FALSE with VEL_ERROR_FORMAT if it is no picture of a known container, or a damaged one; then there is
 * nothing to clear. A text that is damaged is left out. */
gboolean vel_metadata_read (VelMetadata *self, const char *path, GError **error);
gboolean vel_metadata_read_bytes (VelMetadata *self, GBytes *bytes, const char *name, GError **error);
void vel_metadata_clear (VelMetadata *self);
/* Whether the file begins like a picture of a known container; FALSE if it can not be read. */
gboolean vel_metadata_is_picture (const char *path);

/* For the containers. */
typedef struct {
  const char *name, *label; /* "jpeg", "JPEG" */
  /* start: the file's first bytes, at least 12. */
  gboolean (*matches) (const guint8 *start);
  /* text is there and empty. Returns FALSE with the error set, or without one where the file simply ends too early. */
  gboolean (*read) (VelMetadata *self, const VelByteSource *source, GError **error);
} VelMetadataContainer;

extern const VelMetadataContainer vel_metadata_png, vel_metadata_jpeg, vel_metadata_webp, vel_metadata_avif, vel_metadata_gif;
