/* GIF: the comment extension, where A1111 puts its settings (CompuServe, GIF89a).  SPDX-License-Identifier: Apache-2.0 */
#include "engine/formats/metadata.h"

#include "engine/formats/exif.h"

#include <string.h>

#define MAX_BLOCKS 100000 /* a comment comes before the pictures */

static gboolean
matches (const guint8 *start)
{
  return memcmp (start, "GIF87a", 6) == 0 || memcmp (start, "GIF89a", 6) == 0;
}

/* A chain of blocks of up to 255 bytes that ends with an empty one. out: (nullable) what they hold. */
static gboolean
read_chain (const VelByteSource *source, guint64 *at, GByteArray *out, guint *left)
{
  guint8 block[256];

  while (*left > 0) {
    --*left;
    if (!vel_byte_source_read (source, *at, block, 1) || !vel_byte_source_read (source, *at + 1, block + 1, block[0]))
      return FALSE;
    *at += 1 + block[0];
    if (block[0] == 0)
      return TRUE;
    if (out && out->len < VEL_METADATA_MAX_TEXT)
      g_byte_array_append (out, block + 1, block[0]);
  }
  return TRUE;
}

static guint
table_bytes (guint8 flags)
{
  return flags & 0x80 ? 3u << ((flags & 7) + 1) : 0;
}

static gboolean
read_extension (VelMetadata *self, const VelByteSource *source, guint64 *at, guint *left)
{
  g_autoptr (GByteArray) comment = g_byte_array_new ();
  guint8 label;

  if (!vel_byte_source_read (source, *at, &label, 1))
    return FALSE;
  ++*at;
  if (!read_chain (source, at, label == 0xfe ? comment : NULL, left))
    return FALSE;
  if (comment->len > 0) {
    vel_exif_take_text (self->text, "parameters", vel_exif_guess_text (comment->data, comment->len));
    vel_exif_take_text (self->text, "Comment", vel_exif_guess_text (comment->data, comment->len));
  }
  return TRUE;
}

static gboolean
read_file (VelMetadata *self, const VelByteSource *source, GError **error)
{
  guint8 head[13], kind, picture[9];
  guint64 at = sizeof head;
  guint left = MAX_BLOCKS;

  if (!vel_byte_source_read (source, 0, head, sizeof head))
    return FALSE;
  self->width = head[6] | head[7] << 8;
  self->height = head[8] | head[9] << 8;
  at += table_bytes (head[10]);
  for (; left > 0; left--) {
    if (!vel_byte_source_read (source, at++, &kind, 1))
      return FALSE;
    if (kind == 0x3b)
      break;
    if (kind == 0x21) {
      if (!read_extension (self, source, &at, &left))
        return FALSE;
    } else if (kind == 0x2c && vel_byte_source_read (source, at, picture, sizeof picture)) {
      at += sizeof picture + table_bytes (picture[8]) + 1;
      if (!read_chain (source, &at, NULL, &left))
        return FALSE;
    } else
      return FALSE;
    if (left == 0)
      break;
  }
  return TRUE;
}

const VelMetadataContainer vel_metadata_gif = { "gif", "GIF", matches, read_file };
