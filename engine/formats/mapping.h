/* A file as memory that stays readable when the file shrinks.
 * SPDX-License-Identifier: Apache-2.0
 *
 * Somebody may cut, replace or unmount a model while it is being loaded. Touching a page that is gone raises SIGBUS, which ends a
 * program; here such a page becomes zeros instead, and the mapping says that it was lost. */
#pragma once

#include <glib.h>

typedef struct VelMapping VelMapping;

/* Maps `size` bytes of a file for reading. The first mapping of the process takes over SIGBUS; faults elsewhere go on to whoever had it.
 * fd: may be closed afterwards.
 * Returns: (transfer full); NULL with errno set. */
VelMapping *vel_mapping_new (int fd, gsize size);
void vel_mapping_free (VelMapping *self);
const guint8 *vel_mapping_get_data (VelMapping *self);
/* Whether no page was lost so far. Ask after the bytes were used, before their meaning is. */
gboolean vel_mapping_is_intact (VelMapping *self);
/* Tells the kernel that pages are not needed for now (they come back from the file if touched again). */
void vel_mapping_release (VelMapping *self, gsize offset, gsize bytes);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (VelMapping, vel_mapping_free)
