/* A picture's pixels from a file of any kind that is read: PNG, JPEG.  SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "engine/formats/byte-source.h"

typedef struct {
  guint width, height;
  guint8 *rgb;   /* (nullable) [height, width, 3]; alpha over white */
  guint8 *alpha; /* (nullable) [height, width], where not all of it is opaque */
} VelPhoto;

/* By content, never by the name. size_only: leaves rgb and alpha NULL. Returns: (transfer full); NULL with VEL_ERROR_FORMAT */
VelPhoto *vel_photo_read (const char *path, gboolean size_only, GError **error);
VelPhoto *vel_photo_read_bytes (GBytes *bytes, const char *name, gboolean size_only, GError **error);
void vel_photo_free (VelPhoto *self);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (VelPhoto, vel_photo_free)
