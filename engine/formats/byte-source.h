/* Where bytes come from: a file that is read in pieces, or memory.  SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <gio/gio.h>

typedef struct {
  int fd; /* -1: memory */
  const guint8 *memory;
  guint64 size;
  const char *name; /* for messages; borrowed */
} VelByteSource;

/* path must live as long as the source. Returns FALSE with VEL_ERROR_FORMAT; then there is nothing to close. */
gboolean vel_byte_source_open (VelByteSource *self, const char *path, GError **error);
/* The bytes must live as long as the source, which need not be closed. */
VelByteSource vel_byte_source_from_bytes (GBytes *bytes, const char *name);
void vel_byte_source_close (VelByteSource *self);
/* Exactly these bytes. FALSE if the source ends before. */
gboolean vel_byte_source_read (const VelByteSource *self, guint64 offset, void *out, gsize bytes);
/* The same into new memory. Returns: (transfer full) (nullable): NULL also if there are more than `most` */
guint8 *vel_byte_source_dup (const VelByteSource *self, guint64 offset, guint64 bytes, gsize most);

static inline guint
vel_be16 (const guint8 *at)
{
  return at[0] << 8 | at[1];
}

static inline guint32
vel_be32 (const guint8 *at)
{
  return (guint32) at[0] << 24 | at[1] << 16 | at[2] << 8 | at[3];
}

static inline guint32
vel_le32 (const guint8 *at)
{
  return (guint32) at[3] << 24 | at[2] << 16 | at[1] << 8 | at[0];
}
