/* PNG: tEXt, zTXt, iTXt and eXIf; without any text, what the alpha channel may hide.  SPDX-License-Identifier: Apache-2.0 */
#include "engine/formats/metadata.h"

#include "engine/formats/metadata-stealth.h"
#include "engine/formats/png-chunks.h"

#include <string.h>

static gboolean
matches (const guint8 *start)
{
  return memcmp (start, "\x89PNG\r\n\x1a\n", 8) == 0;
}

static gboolean
read_file (VelMetadata *self, const VelByteSource *source, GError **error)
{
  VelPngChunks chunks;

  if (!vel_png_chunks_read (&chunks, source, error))
    return FALSE;
  g_hash_table_unref (self->text);
  self->text = chunks.text;
  self->width = chunks.width;
  self->height = chunks.height;
  if (g_hash_table_size (self->text) == 0)
    vel_metadata_add_stealth (self, source);
  return TRUE;
}

const VelMetadataContainer vel_metadata_png = { "png", "PNG", matches, read_file };
