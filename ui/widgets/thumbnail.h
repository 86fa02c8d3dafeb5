/* One picture of the history, small.
 * SPDX-License-Identifier: Apache-2.0
 *
 * Square, cut to fit, rounded by style. It starts empty and fills when its picture has been decoded elsewhere. */
#pragma once

#include <gtk/gtk.h>

#include "engine/history.h"

#define VEL_TYPE_THUMBNAIL (vel_thumbnail_get_type ())
G_DECLARE_FINAL_TYPE (VelThumbnail, vel_thumbnail, VEL, THUMBNAIL, GtkWidget)

GtkWidget *vel_thumbnail_new (void);
/* id: < 0 empties it. Signal "loaded" follows when the picture and its facts are there. */
void vel_thumbnail_set_picture (VelThumbnail *self, VelHistory *history, gint64 id);
/* A picture that is in no file yet. (nullable) */
void vel_thumbnail_set_texture (VelThumbnail *self, GdkTexture *texture);
/* (nullable) until loaded. (transfer none) */
const VelHistoryItem *vel_thumbnail_get_item (VelThumbnail *self);
/* (nullable) (transfer none) */
GdkTexture *vel_thumbnail_get_texture (VelThumbnail *self);
