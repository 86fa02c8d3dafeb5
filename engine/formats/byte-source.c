/* Where bytes come from.  SPDX-License-Identifier: Apache-2.0 */
#include "config.h"

#include "engine/formats/byte-source.h"

#include "engine/error.h"

#include <errno.h>
#include <fcntl.h>
#include <glib/gi18n-lib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

gboolean
vel_byte_source_open (VelByteSource *self, const char *path, GError **error)
{
  struct stat status;

  *self = (VelByteSource){ .fd = open (path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY), .name = path };
  if (self->fd < 0 || fstat (self->fd, &status) != 0 || !S_ISREG (status.st_mode)) {
    g_autofree char *shown = g_filename_display_name (path);

    g_set_error (error, VEL_ERROR, VEL_ERROR_FORMAT, _ ("“%s” can not be opened: %s"), shown,
                 self->fd < 0 ? g_strerror (errno) : _ ("it is no file"));
    vel_byte_source_close (self);
    return FALSE;
  }
  self->size = status.st_size;
  return TRUE;
}

VelByteSource
vel_byte_source_from_bytes (GBytes *bytes, const char *name)
{
  VelByteSource self = { .fd = -1, .name = name };
  gsize size;

  self.memory = g_bytes_get_data (bytes, &size);
  self.size = size;
  return self;
}

void
vel_byte_source_close (VelByteSource *self)
{
  if (self->fd >= 0)
    close (self->fd);
  self->fd = -1;
}

gboolean
vel_byte_source_read (const VelByteSource *self, guint64 offset, void *out, gsize bytes)
{
  if (offset > self->size || bytes > self->size - offset)
    return FALSE;
  if (self->fd < 0) {
    if (bytes > 0)
      memcpy (out, self->memory + offset, bytes);
    return TRUE;
  }
  for (gsize done = 0; done < bytes;) {
    gssize n = pread (self->fd, (char *) out + done, bytes - done, offset + done);

    if (n <= 0)
      return FALSE;
    done += n;
  }
  return TRUE;
}

guint8 *
vel_byte_source_dup (const VelByteSource *self, guint64 offset, guint64 bytes, gsize most)
{
  g_autofree guint8 *data = NULL;

  if (bytes > most || offset > self->size || bytes > self->size - offset)
    return NULL;
  data = g_malloc (MAX (bytes, 1));
  return vel_byte_source_read (self, offset, data, bytes) ? g_steal_pointer (&data) : NULL;
}
