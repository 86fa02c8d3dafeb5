/* Any bytes as a PNG file: with pixels and without they agree.  SPDX-License-Identifier: Apache-2.0 */
#include "tests/fuzz/fuzz.h"

#include "engine/formats/png.h"

#include <string.h>

int
LLVMFuzzerTestOneInput (const uint8_t *data, size_t size)
{
  g_autoptr (GBytes) bytes = g_bytes_new_static (data, size);
  g_autoptr (GError) error = NULL;
  g_autoptr (VelPng) text = vel_png_read_bytes (bytes, "fuzz", TRUE, NULL), png = NULL;
  GHashTableIter iter;
  gpointer key, value;

  if (!text || (guint64) text->width * text->height > 1 << 20) /* large pictures are slow, not interesting */
    return 0;
  png = vel_png_read_bytes (bytes, "fuzz", FALSE, &error);
  g_assert (!png == (error != NULL));
  g_hash_table_iter_init (&iter, text->text);
  while (g_hash_table_iter_next (&iter, &key, &value))
    g_assert (g_utf8_validate (key, -1, NULL) && g_utf8_validate (value, -1, NULL));
  if (png) {
    g_autoptr (GBytes) again = vel_png_encode (png->rgb, png->width, png->height, NULL);
    g_autoptr (VelPng) same = vel_png_read_bytes (again, "again", FALSE, NULL);

    g_assert (same && memcmp (same->rgb, png->rgb, (gsize) png->width * png->height * 3) == 0);
  }
  return 0;
}
