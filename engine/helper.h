/* A thread that does one thing after the other for another one, which owns it. For a device whose calls must all come from one thread.
 * SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <glib.h>

typedef struct VelHelper VelHelper;
typedef void (*VelHelperFunc) (gpointer data);

VelHelper *vel_helper_new (void);
/* Waits for what is under way. */
void vel_helper_free (VelHelper *self);
/* Begins, and returns at once. What it began before must have been waited for. */
void vel_helper_start (VelHelper *self, VelHelperFunc func, gpointer data);
void vel_helper_wait (VelHelper *self);
/* Both. */
void vel_helper_run (VelHelper *self, VelHelperFunc func, gpointer data);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (VelHelper, vel_helper_free)
