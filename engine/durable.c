/* Files that appear whole or not at all.  SPDX-License-Identifier: Apache-2.0 */
#define _GNU_SOURCE /* renameat2 */
#include "config.h"

#include "engine/durable.h"

#include "engine/error.h"

#include <errno.h>
#include <fcntl.h>
#include <glib/gi18n-lib.h>
#include <stdio.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#define PREFIX ".velatura-"
#define SUFFIX ".tmp"

struct VelDurable {
  int fd;
  char *folder;
  char *temporary; /* NULL once it has its name */
};

static gboolean
fail (GError **error, const char *path, int code)
{
  g_autofree char *shown = g_filename_display_name (path);

  g_set_error (error, VEL_ERROR, VEL_ERROR_STORAGE, _ ("“%s” can not be written: %s"), shown, g_strerror (code));
  return FALSE;
}

/* A sweeper may have taken the file between its creation and its lock; then it has no name any more, or is locked by the sweeper. */
static gboolean
is_ours (int fd)
{
  struct stat status;

  return flock (fd, LOCK_EX | LOCK_NB) == 0 && fstat (fd, &status) == 0 && status.st_nlink > 0;
}

VelDurable *
vel_durable_new (const char *folder, GError **error)
{
  for (int attempt = 0; attempt < 100; attempt++) {
    g_autofree char *name = g_strdup_printf (PREFIX "%08x%08x" SUFFIX, g_random_int (), g_random_int ());
    g_autofree char *path = g_build_filename (folder, name, NULL);
    int fd = open (path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0666);

    if (fd < 0 && errno == EEXIST)
      continue;
    if (fd < 0) {
      fail (error, folder, errno);
      return NULL;
    }
    if (is_ours (fd)) {
      VelDurable *self = g_new0 (VelDurable, 1);

      self->fd = fd;
      self->folder = g_strdup (folder);
      self->temporary = g_steal_pointer (&path);
      return self;
    }
    unlink (path);
    close (fd);
  }
  fail (error, folder, EEXIST);
  return NULL;
}

gboolean
vel_durable_write (VelDurable *self, const void *data, gsize bytes, GError **error)
{
  const char *at = data;

  while (bytes > 0) {
    gssize n = write (self->fd, at, MIN (bytes, (gsize) 1 << 30));

    if (n < 0 && errno == EINTR)
      continue;
    if (n <= 0)
      return fail (error, self->folder, n < 0 ? errno : ENOSPC);
    at += n;
    bytes -= n;
  }
  return TRUE;
}

/* renameat2 does not know every file system; link does the same in two steps, and where there are no links (FAT) nothing is atomic. */
static int
rename_to_new (const char *from, const char *to)
{
  if (renameat2 (AT_FDCWD, from, AT_FDCWD, to, RENAME_NOREPLACE) == 0)
    return 0;
  if (errno != EINVAL && errno != ENOSYS)
    return -1;
  if (link (from, to) == 0)
    return unlink (from);
  if (errno != EPERM && errno != EOPNOTSUPP)
    return -1;
  if (access (to, F_OK) == 0) {
    errno = EEXIST;
    return -1;
  }
  return rename (from, to);
}

gboolean
vel_durable_sync_folder (const char *folder, GError **error)
{
  int fd = open (folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC), code;
  gboolean done = fd >= 0 && (fsync (fd) == 0 || errno == EINVAL || errno == EROFS); /* some can not, and need not */

  code = errno;
  if (fd >= 0)
    close (fd);
  return done || fail (error, folder, code);
}

gboolean
vel_durable_finish (VelDurable *self, const char *path, gboolean replace, GError **error)
{
  if (fsync (self->fd) != 0)
    return fail (error, path, errno);
  if ((replace ? rename (self->temporary, path) : rename_to_new (self->temporary, path)) != 0) {
    if (errno == EEXIST && !replace) {
      g_autofree char *shown = g_filename_display_name (path);

      g_set_error (error, G_IO_ERROR, G_IO_ERROR_EXISTS, _ ("“%s” exists already"), shown);
      return FALSE;
    }
    return fail (error, path, errno);
  }
  g_clear_pointer (&self->temporary, g_free);
  if (vel_durable_sync_folder (self->folder, error))
    return TRUE;
  unlink (path);
  return FALSE;
}

void
vel_durable_free (VelDurable *self)
{
  if (self->temporary)
    unlink (self->temporary);
  close (self->fd); /* and with it the lock */
  g_free (self->temporary);
  g_free (self->folder);
  g_free (self);
}

void
vel_durable_sweep (const char *folder)
{
  g_autoptr (GDir) dir = g_dir_open (folder, 0, NULL);
  const char *name;

  while (dir && (name = g_dir_read_name (dir))) {
    if (!g_str_has_prefix (name, PREFIX) || !g_str_has_suffix (name, SUFFIX))
      continue;

    g_autofree char *path = g_build_filename (folder, name, NULL);
    int fd = open (path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);

    if (fd < 0)
      continue;
    if (flock (fd, LOCK_EX | LOCK_NB) == 0)
      unlink (path);
    close (fd);
  }
}
