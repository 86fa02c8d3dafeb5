/* Texts hidden in a PNG's alpha channel.  SPDX-License-Identifier: Apache-2.0 */
#include "engine/formats/metadata-stealth.h"

#include "engine/formats/exif.h"
#include "engine/formats/json-tree.h"
#include "engine/formats/png.h"

#include <string.h>
#include <zlib.h>

#define SIGNATURE 15 /* bytes */

/* Returns: (transfer full) (nullable): NULL if it is damaged, or larger than a text may be */
static GByteArray *
gunzip (const guint8 *data, gsize bytes)
{
  z_stream stream = { .next_in = (guint8 *) data, .avail_in = bytes };
  g_autoptr (GByteArray) out = g_byte_array_new ();
  guint8 piece[16384];
  int status = Z_OK;

  if (inflateInit2 (&stream, 16 + MAX_WBITS) != Z_OK)
    return NULL;
  while (status == Z_OK && out->len <= VEL_METADATA_MAX_TEXT) {
    stream.next_out = piece;
    stream.avail_out = sizeof piece;
    status = inflate (&stream, Z_NO_FLUSH);
    g_byte_array_append (out, piece, sizeof piece - stream.avail_out);
  }
  inflateEnd (&stream);
  return status == Z_STREAM_END && out->len <= VEL_METADATA_MAX_TEXT ? g_steal_pointer (&out) : NULL;
}

static void
add_texts (VelMetadata *self, const guint8 *data, gsize bytes)
{
  g_autofree char *text = vel_exif_guess_text (data, bytes);
  json_t *root = vel_json_tree (text), *value;
  const char *keyword;

  if (json_is_string (json_object_get (root, "Comment")) || json_is_string (json_object_get (root, "parameters"))) {
    json_object_foreach (root, keyword, value) {
      if (json_is_string (value))
        vel_exif_take_text (self->text, keyword, g_strdup (json_string_value (value)));
    }
  } else
    vel_exif_take_text (self->text, "parameters", g_steal_pointer (&text));
  json_decref (root);
}

void
vel_metadata_add_stealth (VelMetadata *self, const VelByteSource *source)
{
  g_autofree guint8 *bits = NULL;
  g_autoptr (GByteArray) inflated = NULL;
  gsize room = (gsize) self->width * self->height / 8, bytes;
  gboolean compressed;

  if (room < SIGNATURE + 4 || !(bits = vel_png_read_alpha_bits (source, self->width, self->height)))
    return;
  compressed = memcmp (bits, "stealth_pngcomp", SIGNATURE) == 0;
  if (!compressed && memcmp (bits, "stealth_pnginfo", SIGNATURE) != 0)
    return;
  bytes = vel_be32 (bits + SIGNATURE) / 8;
  if (bytes > room - SIGNATURE - 4 || bytes > VEL_METADATA_MAX_TEXT)
    return;
  if (compressed && !(inflated = gunzip (bits + SIGNATURE + 4, bytes)))
    return;
  add_texts (self, inflated ? inflated->data : bits + SIGNATURE + 4, inflated ? inflated->len : bytes);
}
