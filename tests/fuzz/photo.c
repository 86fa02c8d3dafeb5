/* Any bytes as a picture: with pixels and without they have one size.  SPDX-License-Identifier: Apache-2.0 */
#include "tests/fuzz/fuzz.h"

#include "engine/formats/photo.h"

int
LLVMFuzzerTestOneInput (const uint8_t *data, size_t size)
{
  g_autoptr (GBytes) bytes = g_bytes_new_static (data, size);
  g_autoptr (GError) error = NULL;
  g_autoptr (VelPhoto) header = vel_photo_read_bytes (bytes, "fuzz", TRUE, NULL), photo = NULL;

  if (!header || (guint64) header->width * header->height > 1 << 20) /* large pictures are slow, not interesting */
    return 0;
  photo = vel_photo_read_bytes (bytes, "fuzz", FALSE, &error);
  g_assert (!photo == (error != NULL));
  g_assert (!photo || (photo->width == header->width && photo->height == header->height && photo->rgb));
  return 0;
}
