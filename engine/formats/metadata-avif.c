/* AVIF and HEIF: items of the "meta" box, of kind Exif or XMP (ISO/IEC 14496-12 section 8.11, 23008-12 annex A).
 * SPDX-License-Identifier: Apache-2.0 */
#include "engine/formats/metadata.h"

#include "engine/formats/exif.h"

#include <string.h>

#define MAX_META (4u << 20)
#define MAX_BOXES 1000
#define MAX_ITEMS 1000
#define MAX_EXTENTS 1000

static gboolean
is_avif (const guint8 *start)
{
  return memcmp (start + 8, "avif", 4) == 0 || memcmp (start + 8, "avis", 4) == 0;
}

static gboolean
matches (const guint8 *start)
{
  static const char *const brands[] = { "heic", "heix", "heim", "heis", "hevc", "mif1", "msf1" };

  if (memcmp (start + 4, "ftyp", 4) != 0)
    return FALSE;
  for (gsize i = 0; i < G_N_ELEMENTS (brands); i++)
    if (memcmp (start + 8, brands[i], 4) == 0)
      return TRUE;
  return is_avif (start);
}

/* A piece of the meta box. Reading beyond its end gives zeros and moves `at` to the end. */
typedef struct {
  const guint8 *at, *end;
  gboolean broken;
} Bytes;

static guint64
take (Bytes *self, guint bytes)
{
  guint64 value = 0;

  if ((gsize) (self->end - self->at) < bytes) {
    self->at = self->end;
    self->broken = TRUE;
    return 0;
  }
  for (guint i = 0; i < bytes; i++)
    value = value << 8 | *self->at++;
  return value;
}

/* The next box within `self`; type: 4 letters and a NUL. */
static gboolean
next_box (Bytes *self, char *type, Bytes *inside)
{
  guint64 bytes, head = 8;

  if (self->end - self->at < 8)
    return FALSE;
  bytes = vel_be32 (self->at);
  memcpy (type, self->at + 4, 4);
  type[4] = 0;
  if (bytes == 0)
    bytes = self->end - self->at;
  else if (bytes == 1) {
    Bytes large = { self->at + 8, self->end };

    bytes = take (&large, 8);
    head = 16;
  }
  if (bytes < head || bytes > (guint64) (self->end - self->at))
    return FALSE;
  *inside = (Bytes){ self->at + head, self->at + bytes };
  self->at += bytes;
  return TRUE;
}

/* The first box of a type. */
static gboolean
find_box (Bytes within, const char *wanted, Bytes *inside)
{
  char type[5];

  for (guint n = 0; n < MAX_BOXES && next_box (&within, type, inside); n++)
    if (g_str_equal (type, wanted))
      return TRUE;
  return FALSE;
}

/* iinf: whether an item is Exif or XMP, by its number. Returns: (transfer full): number to "Exif" or "mime" */
static GHashTable *
list_items (Bytes meta)
{
  GHashTable *items = g_hash_table_new (NULL, NULL);
  Bytes info, entry;
  char type[5];
  guint version;

  if (!find_box (meta, "iinf", &info))
    return items;
  version = take (&info, 1);
  take (&info, version == 0 ? 5 : 7); /* flags, count */
  for (guint n = 0; n < MAX_ITEMS && next_box (&info, type, &entry); n++) {
    guint32 number;

    version = take (&entry, 1);
    take (&entry, 3);
    number = take (&entry, version == 2 ? 2 : 4);
    take (&entry, 2); /* protection */
    if (!g_str_equal (type, "infe") || version < 2 || entry.end - entry.at < 4)
      continue;
    if (memcmp (entry.at, "Exif", 4) == 0)
      g_hash_table_insert (items, GUINT_TO_POINTER (number), "Exif");
    else if (memcmp (entry.at, "mime", 4) == 0)
      g_hash_table_insert (items, GUINT_TO_POINTER (number), "mime");
  }
  return items;
}

static void
add_item (VelMetadata *self, const char *kind, const guint8 *data, gsize bytes)
{
  if (g_str_equal (kind, "Exif") && bytes >= 4) {
    guint32 skip = vel_be32 (data); /* to the TIFF header */

    if (skip <= bytes - 4)
      vel_exif_add_texts (self->text, data + 4 + skip, bytes - 4 - skip);
  } else if (g_str_equal (kind, "mime") && g_strstr_len ((const char *) data, MIN (bytes, 1000), "xmpmeta"))
    vel_exif_take_text (self->text, "XML:com.adobe.xmp", vel_exif_guess_text (data, bytes));
}

/* One extent of an item, from the file or, with construction 1, from the meta box's own data. */
static gboolean
append_extent (GByteArray *out, const VelByteSource *source, Bytes data, guint construction, guint64 offset, guint64 bytes)
{
  g_autofree guint8 *piece = NULL;

  if (construction == 1) {
    gsize room = data.end - data.at;

    if (offset > room || bytes > room - offset || bytes > VEL_METADATA_MAX_TEXT - out->len)
      return FALSE;
    g_byte_array_append (out, data.at + offset, bytes);
    return TRUE;
  }
  piece = construction == 0 ? vel_byte_source_dup (source, offset, bytes, VEL_METADATA_MAX_TEXT - out->len) : NULL;
  if (piece)
    g_byte_array_append (out, piece, bytes);
  return piece != NULL;
}

/* iloc: where the items are. */
static void
read_items (VelMetadata *self, const VelByteSource *source, Bytes meta)
{
  g_autoptr (GHashTable) items = list_items (meta);
  Bytes places, data = { 0 };
  guint version, sizes, count;

  if (!find_box (meta, "iloc", &places))
    return;
  find_box (meta, "idat", &data);
  version = take (&places, 1);
  take (&places, 3);
  sizes = take (&places, 2); /* four bits each: offset, length, base offset, index */
  count = take (&places, version < 2 ? 2 : 4);
  for (guint i = 0; i < MIN (count, MAX_ITEMS) && !places.broken; i++) {
    g_autoptr (GByteArray) out = g_byte_array_new ();
    const char *kind = g_hash_table_lookup (items, GUINT_TO_POINTER ((guint32) take (&places, version < 2 ? 2 : 4)));
    guint construction = version > 0 ? take (&places, 2) & 15 : 0, extents;
    guint64 base;
    gboolean whole = TRUE;

    take (&places, 2); /* which file: only this one is read */
    base = take (&places, sizes >> 4 & 15);
    extents = take (&places, 2);
    for (guint n = 0; n < MIN (extents, MAX_EXTENTS) && !places.broken; n++) {
      guint64 offset, bytes;

      take (&places, version > 0 ? sizes & 15 : 0);
      offset = take (&places, sizes >> 12);
      bytes = take (&places, sizes >> 8 & 15);
      if (kind && whole)
        whole = !__builtin_add_overflow (base, offset, &offset) && append_extent (out, source, data, construction, offset, bytes);
    }
    if (kind && whole && !places.broken)
      add_item (self, kind, out->data, out->len);
  }
}

/* The largest ispe: a thumbnail and the tiles of a grid have smaller ones. */
static void
read_size (VelMetadata *self, Bytes meta)
{
  Bytes properties, container, size;
  char type[5];

  if (!find_box (meta, "iprp", &properties) || !find_box (properties, "ipco", &container))
    return;
  for (guint n = 0; n < MAX_BOXES && next_box (&container, type, &size); n++)
    if (g_str_equal (type, "ispe") && size.end - size.at >= 12) {
      guint width = vel_be32 (size.at + 4), height = vel_be32 (size.at + 8);

      if ((guint64) width * height > (guint64) self->width * self->height) {
        self->width = width;
        self->height = height;
      }
    }
}

/* Top-level boxes up to "meta". */
static gboolean
read_file (VelMetadata *self, const VelByteSource *source, GError **error)
{
  guint64 at = 0;
  guint8 head[16];

  if (vel_byte_source_read (source, 0, head, 12) && !is_avif (head))
    self->container = "heif";
  for (guint n = 0; n < MAX_BOXES; n++) {
    guint64 bytes, start = 8;

    if (!vel_byte_source_read (source, at, head, 8))
      return FALSE;
    bytes = vel_be32 (head);
    if (bytes == 1 && vel_byte_source_read (source, at, head, 16)) {
      bytes = (guint64) vel_be32 (head + 8) << 32 | vel_be32 (head + 12);
      start = 16;
    } else if (bytes == 0)
      bytes = source->size - at;
    if (bytes < start || bytes > source->size - at)
      return FALSE;
    if (memcmp (head + 4, "meta", 4) == 0 && bytes >= start + 4) {
      g_autofree guint8 *meta = vel_byte_source_dup (source, at + start + 4, bytes - start - 4, MAX_META);

      if (!meta)
        return FALSE;
      read_items (self, source, (Bytes){ meta, meta + (bytes - start - 4) });
      read_size (self, (Bytes){ meta, meta + (bytes - start - 4) });
      return TRUE;
    }
    at += bytes;
  }
  return FALSE;
}

const VelMetadataContainer vel_metadata_avif = { "avif", "AVIF", matches, read_file };
