/* A picture as overlapping tiles and back, to the bit as A1111 does it.
 * SPDX-License-Identifier: Apache-2.0
 *
 * AUTOMATIC1111 1.10 modules/images.py split_grid, combine_grid. Tiles lie evenly, so that they overlap by at least what is asked for; a
 * tile comes in over those before it along its first `overlap` pixels. Where a side is shorter than a tile the tile is as long as the
 * side: A1111 makes up for it by black, which darkens edges. */
#pragma once

#include "engine/pixels/bitmap.h"

typedef struct {
  guint image_width, image_height, width, height; /* of the picture; of each tile */
  guint overlap, columns, rows;
} VelTiles;

/* tile: 0: the picture whole. overlap: less than the tile */
VelTiles vel_tiles_plan (guint width, guint height, guint tile, guint overlap);
guint vel_tiles_count (const VelTiles *self);
/* Where tile i begins; row by row. */
void vel_tiles_place (const VelTiles *self, guint i, guint *x, guint *y);
/* Puts tile i, `scale` times as large as it was cut, into the picture that is so much larger, over those that came before. Tiles come in
 * order. row: of the picture's width and the tile's height, which this keeps between calls. */
void vel_tiles_put (const VelTiles *self, guint i, guint scale, const VelBitmap *tile, VelBitmap *row, VelBitmap *picture);
