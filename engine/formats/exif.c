/* Exif (CIPA DC-008), texts only.  SPDX-License-Identifier: Apache-2.0
 *
 * Offsets may point anywhere and directories at each other: every entry is checked against the block, and there are two levels, each
 * read once. */
#include "engine/formats/exif.h"

#include <string.h>

#define MAX_ENTRIES 1000
#define TAG_ORIENTATION 0x0112
#define TYPE_SHORT 3
#define TAG_EXIF 0x8769
#define TAG_USER_COMMENT 0x9286

typedef struct {
  const guint8 *data;
  gsize bytes;
  gboolean little;
} Tiff;

static guint
read16 (const Tiff *self, gsize at)
{
  return self->little ? self->data[at] | self->data[at + 1] << 8 : self->data[at] << 8 | self->data[at + 1];
}

static guint32
read32 (const Tiff *self, gsize at)
{
  guint low = read16 (self, at + (self->little ? 0 : 2)), high = read16 (self, at + (self->little ? 2 : 0));

  return (guint32) high << 16 | low;
}

void
vel_exif_take_text (GHashTable *text, const char *keyword, char *value)
{
  if (*value && !g_hash_table_contains (text, keyword))
    g_hash_table_insert (text, g_strdup (keyword), value);
  else
    g_free (value);
}

char *
vel_exif_guess_text (const guint8 *data, gsize bytes)
{
  gsize n = strnlen ((const char *) data, bytes);
  GString *out;

  if (g_utf8_validate ((const char *) data, n, NULL))
    return g_strndup ((const char *) data, n);
  out = g_string_sized_new (n);
  for (gsize i = 0; i < n; i++)
    g_string_append_unichar (out, data[i]);
  return g_string_free (out, FALSE);
}

/* Most writers ignore the block's byte order: the zeros of Latin letters say better which half comes first. */
static char *
from_utf16 (const guint8 *data, gsize bytes, gboolean little)
{
  gsize zeros[2] = { 0 }, n = bytes / 2;
  g_autofree gunichar2 *units = g_new (gunichar2, n + 1);
  GString *out = g_string_new (NULL);

  for (gsize i = 0; i < 2 * n; i++)
    zeros[i & 1] += data[i] == 0;
  if (zeros[0] != zeros[1])
    little = zeros[1] > zeros[0];
  if (n > 0 && ((data[0] == 0xff && data[1] == 0xfe) || (data[0] == 0xfe && data[1] == 0xff))) {
    little = data[0] == 0xff;
    data += 2;
    n--;
  }
  for (gsize i = 0; i < n; i++)
    units[i] = little ? data[2 * i] | data[2 * i + 1] << 8 : data[2 * i] << 8 | data[2 * i + 1];
  for (gsize i = 0; i < n && units[i]; i++) {
    gboolean high = units[i] >= 0xd800 && units[i] < 0xdc00, low = units[i] >= 0xdc00 && units[i] < 0xe000;

    if (high && i + 1 < n && units[i + 1] >= 0xdc00 && units[i + 1] < 0xe000) {
      g_string_append_unichar (out, 0x10000 + ((units[i] - 0xd800) << 10) + (units[i + 1] - 0xdc00));
      i++;
    } else
      g_string_append_unichar (out, high || low ? 0xfffd : units[i]);
  }
  return g_string_free (out, FALSE);
}

/* Eight bytes name the encoding; some writers leave them out. */
static char *
decode_comment (const Tiff *tiff, const guint8 *data, gsize bytes)
{
  if (bytes >= 8 && memcmp (data, "UNICODE\0", 8) == 0)
    return from_utf16 (data + 8, bytes - 8, tiff->little);
  if (bytes >= 8 && (memcmp (data, "ASCII\0\0\0", 8) == 0 || memcmp (data, "\0\0\0\0\0\0\0\0", 8) == 0))
    return vel_exif_guess_text (data + 8, bytes - 8);
  return vel_exif_guess_text (data, bytes);
}

/* ComfyUI's WebP: "prompt:{…}", "workflow:{…}", in whichever tags were free. */
static void
take_described (GHashTable *text, char *value)
{
  static const char *const keywords[] = { "prompt", "workflow" };

  for (gsize i = 0; i < G_N_ELEMENTS (keywords); i++) {
    gsize n = strlen (keywords[i]);

    if (g_ascii_strncasecmp (value, keywords[i], n) == 0 && value[n] == ':') {
      vel_exif_take_text (text, keywords[i], g_strdup (value + n + 1 + strspn (value + n + 1, " ")));
      g_free (value);
      return;
    }
  }
  vel_exif_take_text (text, *value == '{' ? "parameters" : "Description", value);
}

static void
add_entry (GHashTable *text, const Tiff *tiff, guint tag, const guint8 *data, gsize bytes)
{
  switch (tag) {
  case TAG_USER_COMMENT:
    vel_exif_take_text (text, "parameters", decode_comment (tiff, data, bytes));
    break;
  case 0x010e: /* ImageDescription */
  case 0x010f: /* Make */
  case 0x0110: /* Model */
    take_described (text, vel_exif_guess_text (data, bytes));
    break;
  case 0x0131:
    vel_exif_take_text (text, "Software", vel_exif_guess_text (data, bytes));
    break;
  case 0x927c: /* MakerNote: a camera's are kilobytes */
    if (bytes <= 32)
      vel_exif_take_text (text, "fooocus_scheme", vel_exif_guess_text (data, bytes));
    break;
  case 0x9c9c: /* XPComment */
    vel_exif_take_text (text, "Comment", from_utf16 (data, bytes, TRUE));
    break;
  }
}

/* One directory. Returns: the offset of the Exif directory it names, or 0 */
static guint32
read_directory (GHashTable *text, const Tiff *tiff, guint32 offset)
{
  static const guint8 sizes[] = { 0, 1, 1, 2, 4, 8, 1, 1, 2, 4, 8, 4, 8 };
  guint32 below = 0;
  guint count;

  if (offset < 8 || offset > tiff->bytes || tiff->bytes - offset < 2)
    return 0;
  count = MIN (read16 (tiff, offset), MAX_ENTRIES);
  for (guint i = 0; i < count; i++) {
    gsize entry = (gsize) offset + 2 + 12 * (gsize) i, at = entry + 8;
    guint tag, type;
    guint64 bytes;

    if (entry + 12 > tiff->bytes)
      break;
    tag = read16 (tiff, entry);
    type = read16 (tiff, entry + 2);
    bytes = type < G_N_ELEMENTS (sizes) ? (guint64) sizes[type] * read32 (tiff, entry + 4) : 0;
    if (tag == TAG_EXIF && bytes == 4)
      below = read32 (tiff, entry + 8);
    if (bytes > 4)
      at = read32 (tiff, entry + 8);
    if (bytes > 0 && at <= tiff->bytes && bytes <= tiff->bytes - at)
      add_entry (text, tiff, tag, tiff->data + at, bytes);
  }
  return below;
}

static gboolean
open_tiff (Tiff *self, const guint8 *data, gsize bytes)
{
  if (bytes >= 6 && memcmp (data, "Exif\0\0", 6) == 0) {
    data += 6;
    bytes -= 6;
  }
  if (bytes < 8 || (memcmp (data, "II*\0", 4) != 0 && memcmp (data, "MM\0*", 4) != 0))
    return FALSE;
  *self = (Tiff){ data, bytes, data[0] == 'I' };
  return TRUE;
}

guint
vel_exif_get_orientation (const guint8 *data, gsize bytes)
{
  Tiff tiff;
  guint32 offset;
  guint count;

  if (!open_tiff (&tiff, data, bytes))
    return 0;
  offset = read32 (&tiff, 4);
  if (offset > tiff.bytes || tiff.bytes - offset < 2)
    return 0;
  count = MIN (read16 (&tiff, offset), MAX_ENTRIES);
  for (guint i = 0; i < count; i++) {
    gsize entry = (gsize) offset + 2 + 12 * (gsize) i;

    if (entry + 12 > tiff.bytes)
      break;
    if (read16 (&tiff, entry) == TAG_ORIENTATION && read16 (&tiff, entry + 2) == TYPE_SHORT) {
      guint found = read16 (&tiff, entry + 8);

      return found <= 8 ? found : 0;
    }
  }
  return 0;
}

void
vel_exif_add_texts (GHashTable *text, const guint8 *data, gsize bytes)
{
  Tiff tiff;
  guint32 below;

  if (!open_tiff (&tiff, data, bytes))
    return;
  below = read_directory (text, &tiff, read32 (&tiff, 4));
  if (below)
    read_directory (text, &tiff, below);
}
