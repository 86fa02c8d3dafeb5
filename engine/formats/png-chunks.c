/* The chunks of a PNG file (PNG specification, third edition), texts above all.
 * SPDX-License-Identifier: Apache-2.0
 *
 * libpng bounds each text, not their sum: a thousand compressed ones of 16 MB each would fit. Here all count together. */
#include "config.h"

#include "engine/formats/png-chunks.h"

#include "engine/error.h"
#include "engine/formats/exif.h"
#include "engine/formats/png.h"

#include <glib/gi18n-lib.h>
#include <inttypes.h>
#include <string.h>
#include <zlib.h>

#define MAX_TEXT (16u << 20) /* bytes of all texts together, as stored and as decoded */
#define MAX_CHUNKS 200000

gboolean
vel_png_damaged (const VelByteSource *source, GError **error, const char *format, ...)
{
  g_autofree char *shown = g_filename_display_name (source->name), *what = NULL;
  va_list arguments;

  va_start (arguments, format);
  what = g_strdup_vprintf (format, arguments);
  va_end (arguments);
  /* Translators: a file; a phrase such as “it ends too early” */
  g_set_error (error, VEL_ERROR, VEL_ERROR_FORMAT, _ ("“%s” is no intact PNG file: %s"), shown, what);
  return FALSE;
}

/* Returns: (transfer full) (nullable): NULL if the stream is damaged or longer than `most` */
static char *
inflate_text (const guint8 *data, gsize bytes, gsize most, gsize *length)
{
  z_stream stream = { .next_in = (guint8 *) data, .avail_in = bytes };
  g_autoptr (GByteArray) out = g_byte_array_new ();
  guint8 piece[16384];
  int status = Z_OK;

  if (inflateInit (&stream) != Z_OK)
    return NULL;
  while (status == Z_OK && out->len <= most) {
    stream.next_out = piece;
    stream.avail_out = sizeof piece;
    status = inflate (&stream, Z_NO_FLUSH);
    g_byte_array_append (out, piece, sizeof piece - stream.avail_out);
  }
  inflateEnd (&stream);
  if (status != Z_STREAM_END || out->len > most)
    return NULL;
  *length = out->len;
  g_byte_array_append (out, (const guint8 *) "", 1);
  return (char *) g_byte_array_free (g_steal_pointer (&out), FALSE);
}

/* Latin-1 up to a NUL. Returns: (transfer full) */
static char *
from_latin1 (const char *text, gsize bytes)
{
  GString *out = g_string_sized_new (bytes);

  for (gsize i = 0; i < bytes && text[i]; i++)
    g_string_append_unichar (out, (guchar) text[i]);
  return g_string_free (out, FALSE);
}

/* The part of iTXt between keyword and text: compression flag and method, language, translated keyword. */
static gboolean
skip_international (const guint8 **at, const guint8 *end, gboolean *compressed)
{
  if (end - *at < 2 || (*at)[0] > 1 || ((*at)[0] == 1 && (*at)[1] != 0))
    return FALSE;
  *compressed = (*at)[0];
  *at += 2;
  for (int i = 0; i < 2; i++) {
    const guint8 *nul = memchr (*at, 0, end - *at);

    if (!nul)
      return FALSE;
    *at = nul + 1;
  }
  return TRUE;
}

/* Broken texts are left out: the picture may be fine. left: what may still be decoded. */
static void
add_text (GHashTable *texts, const char *type, const guint8 *data, gsize bytes, gsize *left)
{
  const guint8 *end = data + bytes, *at = memchr (data, 0, MIN (bytes, 80));
  gboolean international = g_str_equal (type, "iTXt"), compressed = g_str_equal (type, "zTXt");
  g_autofree char *inflated = NULL, *text = NULL;
  gsize length;

  if (!at || at == data)
    return;
  at++;
  if (international ? !skip_international (&at, end, &compressed) : compressed && (at == end || *at++ != 0))
    return;
  length = end - at;
  if (compressed && !(inflated = inflate_text (at, length, *left, &length)))
    return;
  if (length > *left)
    return;
  *left -= length;
  text = international
             ? g_utf8_make_valid (inflated ? inflated : (const char *) at, strnlen (inflated ? inflated : (const char *) at, length))
             : from_latin1 (inflated ? inflated : (const char *) at, length);
  g_hash_table_replace (texts, from_latin1 ((const char *) data, 79), g_steal_pointer (&text));
}

static gboolean
read_size (VelPngChunks *self, const VelByteSource *source, GError **error)
{
  static const guint8 start[16] = { 0x89, 'P', 'N', 'G', '\r', '\n', 0x1a, '\n', 0, 0, 0, 13, 'I', 'H', 'D', 'R' };
  guint8 bytes[24];

  if (!vel_byte_source_read (source, 0, bytes, sizeof bytes) || memcmp (bytes, start, sizeof start) != 0)
    /* Translators: like a PNG file */
    return vel_png_damaged (source, error, _ ("it does not begin like one"));
  self->width = vel_be32 (bytes + 16);
  self->height = vel_be32 (bytes + 20);
  if (self->width < 1 || self->height < 1 || self->width > VEL_PNG_MAX_SIDE || self->height > VEL_PNG_MAX_SIDE ||
      (guint64) self->width * self->height > VEL_PNG_MAX_PIXELS)
    return vel_png_damaged (source, error, _ ("it is said to have %u × %u pixels; at most %d a side and %u million in all are read"),
                            self->width, self->height, VEL_PNG_MAX_SIDE, VEL_PNG_MAX_PIXELS >> 20);
  return TRUE;
}

/* One chunk of text, or of Exif, with its checksum. */
static gboolean
read_text (VelPngChunks *self, const VelByteSource *source, const char *type, guint64 offset, guint32 length, gsize *left, GError **error)
{
  g_autofree guint8 *data = g_malloc (length + 4);

  if (!vel_byte_source_read (source, offset, data, length + 4))
    return vel_png_damaged (source, error, _ ("it can not be read at byte %" PRIu64), offset);
  if (crc32 (crc32 (0, (const guint8 *) type, 4), data, length) != vel_be32 (data + length))
    return g_str_equal (type, "eXIf") || vel_png_damaged (source, error, _ ("the checksum of a text at byte %" PRIu64 " is wrong"), offset);
  if (g_str_equal (type, "eXIf"))
    vel_exif_add_texts (self->text, data, length);
  else
    add_text (self->text, type, data, length, left);
  return TRUE;
}

static gboolean
read_chunks (VelPngChunks *self, const VelByteSource *source, GError **error)
{
  guint64 offset = 8;
  gsize stored = MAX_TEXT, decoded = MAX_TEXT;

  for (guint n = 0; n < MAX_CHUNKS; n++) {
    guint8 head[8];
    char type[5] = { 0 };
    guint32 length;

    if (!vel_byte_source_read (source, offset, head, 8))
      return vel_png_damaged (source, error, _ ("it ends after %" PRIu64 " bytes, in the middle"), source->size);
    length = vel_be32 (head);
    memcpy (type, head + 4, 4);
    if (source->size - offset < 12 || length > source->size - offset - 12)
      return vel_png_damaged (source, error, _ ("it ends after %" PRIu64 " bytes, in the middle"), source->size);
    if (g_str_equal (type, "IEND"))
      return TRUE;
    if (g_str_equal (type, "tEXt") || g_str_equal (type, "zTXt") || g_str_equal (type, "iTXt") ||
        (g_str_equal (type, "eXIf") && length <= stored)) {
      if (length > stored)
        return vel_png_damaged (source, error, _ ("it has more than %u MB of text"), MAX_TEXT >> 20);
      stored -= length;
      if (!read_text (self, source, type, offset + 8, length, &decoded, error))
        return FALSE;
    }
    offset += 12 + (guint64) length;
  }
  return vel_png_damaged (source, error, _ ("it has more than %d chunks"), MAX_CHUNKS);
}

gboolean
vel_png_chunks_read (VelPngChunks *self, const VelByteSource *source, GError **error)
{
  *self = (VelPngChunks){ 0 };
  if (!read_size (self, source, error))
    return FALSE;
  self->text = g_hash_table_new_full (g_str_hash, g_str_equal, g_free, g_free);
  if (read_chunks (self, source, error))
    return TRUE;
  g_clear_pointer (&self->text, g_hash_table_unref);
  return FALSE;
}
