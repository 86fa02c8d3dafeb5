/* WebP: the chunks EXIF and XMP, and the size from whichever chunk has it (RFC 9649).  SPDX-License-Identifier: Apache-2.0 */
#include "engine/formats/metadata.h"

#include "engine/formats/exif.h"

#include <string.h>

#define MAX_CHUNKS 10000
#define HEAD 10 /* of a chunk, enough for the size of a picture */

static gboolean
matches (const guint8 *start)
{
  return memcmp (start, "RIFF", 4) == 0 && memcmp (start + 8, "WEBP", 4) == 0;
}

static guint
le24 (const guint8 *at)
{
  return at[0] | at[1] << 8 | at[2] << 16;
}

/* head: the first bytes of the chunk. The canvas of VP8X counts, else the picture's own size. */
static void
add_size (VelMetadata *self, const char *type, const guint8 *head)
{
  if (g_str_equal (type, "VP8X")) {
    self->width = 1 + le24 (head + 4);
    self->height = 1 + le24 (head + 7);
  } else if (self->width > 0)
    return;
  else if (g_str_equal (type, "VP8 ") && memcmp (head + 3, "\x9d\x01\x2a", 3) == 0) {
    self->width = (head[6] | head[7] << 8) & 0x3fff;
    self->height = (head[8] | head[9] << 8) & 0x3fff;
  } else if (g_str_equal (type, "VP8L") && head[0] == 0x2f) {
    guint32 bits = vel_le32 (head + 1);

    self->width = 1 + (bits & 0x3fff);
    self->height = 1 + (bits >> 14 & 0x3fff);
  }
}

static void
add_text (VelMetadata *self, const char *type, const VelByteSource *source, guint64 at, guint32 bytes)
{
  g_autofree guint8 *data = vel_byte_source_dup (source, at, bytes, VEL_METADATA_MAX_TEXT);

  if (data && g_str_equal (type, "EXIF"))
    vel_exif_add_texts (self->text, data, bytes);
  else if (data)
    vel_exif_take_text (self->text, "XML:com.adobe.xmp", vel_exif_guess_text (data, bytes));
}

static gboolean
read_file (VelMetadata *self, const VelByteSource *source, GError **error)
{
  guint8 start[12];
  guint64 at = 12, end;

  if (!vel_byte_source_read (source, 0, start, sizeof start))
    return FALSE;
  end = 8 + (guint64) vel_le32 (start + 4);
  if (end > source->size)
    return FALSE;
  for (guint n = 0; n < MAX_CHUNKS && end - at >= 8; n++) {
    guint8 head[8 + HEAD] = { 0 };
    char type[5] = { 0 };
    guint64 bytes;

    if (!vel_byte_source_read (source, at, head, 8))
      return FALSE;
    memcpy (type, head, 4);
    bytes = vel_le32 (head + 4);
    if (bytes > end - at - 8)
      return FALSE;
    vel_byte_source_read (source, at + 8, head + 8, MIN (bytes, HEAD));
    add_size (self, type, head + 8);
    if (g_str_equal (type, "EXIF") || g_str_equal (type, "XMP "))
      add_text (self, type, source, at + 8, bytes);
    at += 8 + bytes + (bytes & 1);
    if (at > end)
      break;
  }
  return TRUE;
}

const VelMetadataContainer vel_metadata_webp = { "webp", "WebP", matches, read_file };
