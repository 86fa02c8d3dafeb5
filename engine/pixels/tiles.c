/* Tiles that overlap.  SPDX-License-Identifier: Apache-2.0 */
#include "engine/pixels/tiles.h"

#include <string.h>

static guint
count (guint side, guint tile, guint overlap)
{
  return side <= tile ? 1 : (side - overlap + tile - overlap - 1) / (tile - overlap);
}

VelTiles
vel_tiles_plan (guint width, guint height, guint tile, guint overlap)
{
  VelTiles self = { width, height, tile && tile < width ? tile : width, tile && tile < height ? tile : height, overlap, 1, 1 };

  self.columns = count (width, self.width, overlap);
  self.rows = count (height, self.height, overlap);
  return self;
}

guint
vel_tiles_count (const VelTiles *self)
{
  return self->columns * self->rows;
}

/* Cut to whole numbers as Python does. */
static guint
place (guint side, guint tile, guint n, guint i)
{
  guint at = n > 1 ? (guint) (i * ((double) (side - tile) / (n - 1))) : 0;

  return at + tile >= side ? side - tile : at;
}

void
vel_tiles_place (const VelTiles *self, guint i, guint *x, guint *y)
{
  *x = place (self->image_width, self->width, self->columns, i % self->columns);
  *y = place (self->image_height, self->height, self->rows, i / self->columns);
}

/* Pillow's paste with a mask, src/libImaging/Paste.c: products divided by 255 and rounded. share: of 255 */
static guint8
blend (guint8 below, guint8 above, guint share)
{
  guint sum = below * (255 - share) + above * share + 128;

  return (guint8) (((sum >> 8) + sum) >> 8);
}

static guint
share_at (guint i, guint overlap)
{
  return (guint) ((float) i * 255 / (float) overlap);
}

/* One line, of which the first `overlap` pixels come in softly. */
static void
put_line (guint8 *below, const guint8 *above, gsize pixels, guint overlap)
{
  gsize soft = MIN (overlap, pixels);

  for (gsize i = 0; i < soft * 3; i++)
    below[i] = blend (below[i], above[i], share_at ((guint) (i / 3), overlap));
  memcpy (below + soft * 3, above + soft * 3, (pixels - soft) * 3);
}

void
vel_tiles_put (const VelTiles *self, guint i, guint scale, const VelBitmap *tile, VelBitmap *row, VelBitmap *picture)
{
  guint x, y, overlap = self->overlap * scale;
  gsize line = (gsize) picture->width * 3;

  vel_tiles_place (self, i, &x, &y);
  for (guint k = 0; k < tile->height; k++)
    put_line (row->data + k * line + (gsize) x * scale * 3, tile->data + (gsize) k * tile->width * 3, tile->width, x ? overlap : 0);
  if ((i + 1) % self->columns != 0)
    return;
  for (guint k = 0; k < row->height; k++) {
    guint8 *below = picture->data + ((gsize) y * scale + k) * line;
    const guint8 *above = row->data + k * line;

    if (y == 0 || k >= overlap)
      memcpy (below, above, line);
    else
      for (gsize p = 0; p < line; p++)
        below[p] = blend (below[p], above[p], share_at (k, overlap));
  }
}
