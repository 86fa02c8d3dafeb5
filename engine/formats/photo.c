/* Whoever knows the file's beginning reads it.  SPDX-License-Identifier: Apache-2.0 */
#include "engine/formats/photo.h"

#include "engine/formats/jpeg.h"
#include "engine/formats/png.h"

static VelPhoto *
take_png (VelPng *png)
{
  VelPhoto *self = png ? g_new0 (VelPhoto, 1) : NULL;

  if (!png)
    return NULL;
  *self = (VelPhoto){ png->width, png->height, g_steal_pointer (&png->rgb), g_steal_pointer (&png->alpha) };
  vel_png_free (png);
  return self;
}

static VelPhoto *
read_jpeg (const VelByteSource *source, gboolean size_only, GError **error)
{
  g_autoptr (VelPhoto) self = g_new0 (VelPhoto, 1);

  if (!vel_jpeg_read (source, &self->width, &self->height, size_only ? NULL : &self->rgb, error))
    return NULL;
  return g_steal_pointer (&self);
}

VelPhoto *
vel_photo_read (const char *path, gboolean size_only, GError **error)
{
  VelByteSource source;
  VelPhoto *self;

  if (!vel_byte_source_open (&source, path, error))
    return NULL;
  self = vel_jpeg_is (&source) ? read_jpeg (&source, size_only, error) : take_png (vel_png_read (path, size_only, error));
  vel_byte_source_close (&source);
  return self;
}

VelPhoto *
vel_photo_read_bytes (GBytes *bytes, const char *name, gboolean size_only, GError **error)
{
  const VelByteSource source = vel_byte_source_from_bytes (bytes, name);

  return vel_jpeg_is (&source) ? read_jpeg (&source, size_only, error) : take_png (vel_png_read_bytes (bytes, name, size_only, error));
}

void
vel_photo_free (VelPhoto *self)
{
  if (!self)
    return;
  g_free (self->rgb);
  g_free (self->alpha);
  g_free (self);
}
