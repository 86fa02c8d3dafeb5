/* Pictures for the screen, read and decoded off the main thread.
 * SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <gtk/gtk.h>

#include "engine/history.h"

/* rgb: [height, width, 3]; not copied. Returns: (transfer full) */
GdkTexture *vel_picture_texture_new (GBytes *rgb, guint width, guint height);

/* A picture of the history with what is known of it. */
typedef struct {
  VelHistoryItem *item; /* (nullable) when the row is gone */
  GdkTexture *texture;  /* (nullable) when the file is, or can not be read */
  char *problem;        /* (nullable) why */
} VelEntryData;
void vel_entry_data_free (VelEntryData *self);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (VelEntryData, vel_entry_data_free)

/* The whole picture. The callback comes on the main thread. */
void vel_picture_load_async (VelHistory *history, gint64 id, GCancellable *cancellable, GAsyncReadyCallback callback, gpointer data);
/* The small one. At most two at a time, the newest request first: what has just been scrolled to matters most. */
void vel_thumbnail_load_async (VelHistory *history, gint64 id, GCancellable *cancellable, GAsyncReadyCallback callback, gpointer data);
/* Of both. Returns: (transfer full); NULL if cancelled */
VelEntryData *vel_picture_load_finish (GAsyncResult *result);
