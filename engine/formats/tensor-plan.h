/* What is to be written, before any of it is in memory.
 * SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <gio/gio.h>

typedef struct {
  const char *name;
  const char *dtype; /* as the container calls it: "F16", "Q8_0" */
  guint n_axes;
  const gint64 *axes;
  guint64 bytes;
} VelTensorPlan;

/* The bytes of one tensor; asked for once each, in the order of the file.
 * Returns: (transfer none), valid until the next call; NULL with an error */
typedef const void *(*VelTensorSource) (gpointer data, gsize index, GError **error);

/* Both write a file that appears whole or not at all. metadata: (nullable) string to string. replace: an existing file may be.
 * Returns: FALSE with the source's error, VEL_ERROR_STORAGE, or G_IO_ERROR_EXISTS */
gboolean vel_safetensors_write_plan (const char *path, gboolean replace, const VelTensorPlan *plan, gsize count, GHashTable *metadata,
                                     VelTensorSource source, gpointer data, GError **error);
gboolean vel_gguf_write_plan (const char *path, gboolean replace, const VelTensorPlan *plan, gsize count, GHashTable *metadata,
                              VelTensorSource source, gpointer data, GError **error);
/* Whether a GGUF file has a type of this name. */
gboolean vel_gguf_has_type (const char *dtype);
