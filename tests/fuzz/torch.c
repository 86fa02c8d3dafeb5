/* Any bytes as a checkpoint, and as the pickle in one.  SPDX-License-Identifier: Apache-2.0 */
#define _GNU_SOURCE /* memfd_create */
#include "tests/fuzz/fuzz.h"

#include "engine/formats/tensor-file.h"
#include "tests/engine/formats/checkpoints.h"

#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

static void
open_bytes (const guint8 *data, gsize size)
{
  int fd = memfd_create ("fuzz", MFD_CLOEXEC);
  g_autofree char *path = g_strdup_printf ("/proc/self/fd/%d", fd);
  g_autoptr (GError) error = NULL;
  g_autoptr (VelTensorFile) file = NULL;

  g_assert (write (fd, data, size) == (gssize) size);
  file = vel_tensor_file_open (path, NULL, &error);
  g_assert (!file == (error != NULL));
  if (error)
    g_assert (g_utf8_validate (error->message, -1, NULL) && !strchr (error->message, '\n'));
  for (gsize i = 0; file && i < vel_tensor_file_get_count (file); i++) {
    const VelTensorEntry *entry = vel_tensor_file_get (file, i);
    g_autofree guint8 *out = g_malloc (entry->bytes + 1);

    g_assert (vel_tensor_file_find (file, entry->name) == entry);
    if (entry->known)
      g_assert ((guint64) vel_shape_count (entry->shape) * vel_type_size (entry->type) == entry->bytes);
    vel_tensor_entry_read (entry, out);
  }
  close (fd);
}

int
LLVMFuzzerTestOneInput (const uint8_t *data, size_t size)
{
  const GByteArray pickle = { (guint8 *) data, size };
  g_autoptr (GByteArray) zip = zip_around (&pickle);

  open_bytes (data, size);
  open_bytes (zip->data, zip->len);
  return 0;
}
