/* Files that appear whole or not at all: temporary name, fsync, rename, fsync of the folder.
 * SPDX-License-Identifier: Apache-2.0
 *
 * A killed process leaves ".velatura-*.tmp" behind, locked while its writer lives; vel_durable_sweep removes the others.
 * Every error is VEL_ERROR_STORAGE and leaves nothing behind. */
#pragma once

#include <gio/gio.h>

typedef struct VelDurable VelDurable;

/* folder: where the file will be; it has to exist. Returns: (transfer full) */
VelDurable *vel_durable_new (const char *folder, GError **error);
gboolean vel_durable_write (VelDurable *self, const void *data, gsize bytes, GError **error);
/* Gives the file its name, in the same folder. replace: FALSE and the name is taken: G_IO_ERROR_EXISTS, and another name may be tried.
 * When it returns TRUE the file survives a power cut. */
gboolean vel_durable_finish (VelDurable *self, const char *path, gboolean replace, GError **error);
/* Removes the file if it was not finished. */
void vel_durable_free (VelDurable *self);
/* Makes durable which names a folder has. */
gboolean vel_durable_sync_folder (const char *folder, GError **error);
/* Removes what killed processes left in a folder. */
void vel_durable_sweep (const char *folder);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (VelDurable, vel_durable_free)
