/* Any bytes as a safetensors file.  SPDX-License-Identifier: Apache-2.0 */
#define _GNU_SOURCE /* memfd_create */
#include "tests/fuzz/fuzz.h"

#include "engine/formats/safetensors.h"

#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

int
LLVMFuzzerTestOneInput (const uint8_t *data, size_t size)
{
  int fd = memfd_create ("fuzz", MFD_CLOEXEC);
  g_autofree char *path = g_strdup_printf ("/proc/self/fd/%d", fd);
  g_autoptr (GError) error = NULL;
  g_autoptr (VelTensorFile) file = NULL;

  g_assert (write (fd, data, size) == (gssize) size);
  file = vel_safetensors_open (path, NULL, &error);
  g_assert (!file == (error != NULL));
  if (error)
    g_assert (g_utf8_validate (error->message, -1, NULL) && !strchr (error->message, '\n'));
  for (gsize i = 0; file && i < vel_tensor_file_get_count (file); i++) {
    const VelTensorEntry *entry = vel_tensor_file_get (file, i);

    g_assert (vel_tensor_file_find (file, entry->name) == entry);
    if (entry->known)
      g_assert ((guint64) vel_shape_count (entry->shape) * vel_type_size (entry->type) == entry->bytes);
    for (gsize b = 0; b < entry->bytes; b += 4096)
      g_assert (((const volatile guint8 *) entry->data)[b] <= 255);
  }
  close (fd);
  return 0;
}
