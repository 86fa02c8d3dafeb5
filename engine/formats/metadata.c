/* What a picture file says beside its pixels: the containers that are known.  SPDX-License-Identifier: Apache-2.0 */
#include "config.h"

#include "engine/formats/metadata.h"

#include "engine/error.h"

#include <glib/gi18n-lib.h>

#define START 12

static const VelMetadataContainer *const containers[] = { &vel_metadata_png, &vel_metadata_jpeg, &vel_metadata_webp, &vel_metadata_avif,
                                                          &vel_metadata_gif };

/* Returns: (nullable) */
static const VelMetadataContainer *
recognise (const VelByteSource *source)
{
  guint8 start[START];

  if (vel_byte_source_read (source, 0, start, START))
    for (gsize i = 0; i < G_N_ELEMENTS (containers); i++)
      if (containers[i]->matches (start))
        return containers[i];
  return NULL;
}

static gboolean
read_source (VelMetadata *self, const VelByteSource *source, GError **error)
{
  const VelMetadataContainer *container = recognise (source);
  g_autofree char *shown = g_filename_display_name (source->name);
  g_autoptr (GError) problem = NULL;

  *self = (VelMetadata){ 0 };
  if (!container) {
    g_set_error (error, VEL_ERROR, VEL_ERROR_FORMAT, _ ("“%s” is no picture: it does not begin like PNG, JPEG, WebP, AVIF or GIF"), shown);
    return FALSE;
  }
  self->container = container->name;
  self->text = g_hash_table_new_full (g_str_hash, g_str_equal, g_free, g_free);
  if (container->read (self, source, &problem))
    return TRUE;
  if (problem)
    g_propagate_error (error, g_steal_pointer (&problem));
  else
    /* Translators: a file; a kind of file, like JPEG */
    g_set_error (error, VEL_ERROR, VEL_ERROR_FORMAT, _ ("“%s” is no intact %s file: it ends too early"), shown, container->label);
  vel_metadata_clear (self);
  return FALSE;
}

gboolean
vel_metadata_read (VelMetadata *self, const char *path, GError **error)
{
  VelByteSource source;
  gboolean done;

  if (!vel_byte_source_open (&source, path, error))
    return FALSE;
  done = read_source (self, &source, error);
  vel_byte_source_close (&source);
  return done;
}

gboolean
vel_metadata_read_bytes (VelMetadata *self, GBytes *bytes, const char *name, GError **error)
{
  const VelByteSource source = vel_byte_source_from_bytes (bytes, name);

  return read_source (self, &source, error);
}

void
vel_metadata_clear (VelMetadata *self)
{
  g_clear_pointer (&self->text, g_hash_table_unref);
}

gboolean
vel_metadata_is_picture (const char *path)
{
  VelByteSource source;
  gboolean is;

  if (!vel_byte_source_open (&source, path, NULL))
    return FALSE;
  is = recognise (&source) != NULL;
  vel_byte_source_close (&source);
  return is;
}
