/* Any bytes as a picture of any container: its texts.  SPDX-License-Identifier: Apache-2.0 */
#include "tests/fuzz/fuzz.h"

#include "engine/formats/metadata.h"

#include <string.h>

int
LLVMFuzzerTestOneInput (const uint8_t *data, size_t size)
{
  g_autoptr (GBytes) bytes = g_bytes_new_static (data, size);
  g_autoptr (GError) error = NULL;
  VelMetadata metadata;
  GHashTableIter iter;
  gpointer key, value;

  if (!vel_metadata_read_bytes (&metadata, bytes, "fuzz", &error)) {
    g_assert (error && g_utf8_validate (error->message, -1, NULL) && !strchr (error->message, '\n'));
    return 0;
  }
  g_hash_table_iter_init (&iter, metadata.text);
  while (g_hash_table_iter_next (&iter, &key, &value))
    g_assert (g_utf8_validate (key, -1, NULL) && g_utf8_validate (value, -1, NULL));
  vel_metadata_clear (&metadata);
  return 0;
}
