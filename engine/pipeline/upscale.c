/* Networks over tiles.  SPDX-License-Identifier: Apache-2.0 */
#include "config.h"

#include "engine/pipeline/upscale.h"

#include <glib/gi18n-lib.h>
#include <inttypes.h>
#include <math.h>

#include "engine/pixels/resample.h"
#include "engine/pixels/tiles.h"

#define LEAST_TILE 32
#define MOST_PIXELS ((guint64) 512 << 20) /* of a picture on its way: 1.5 GB */
#define MOST_PASSES 3

VelUpscaler *
vel_upscale_load (const char *path, VelDevice *device, VelType type, GCancellable *cancellable, GError **error)
{
  g_autoptr (VelWeights) weights = vel_weights_open (path, cancellable, error);
  VelLoader loader = { .weights = weights, .device = device, .compute = type, .cancellable = cancellable };
  VelUpscaler *network = weights ? vel_upscaler_load (&loader) : NULL;

  if (loader.error)
    g_propagate_error (error, loader.error);
  return network;
}

/* Row or column i of a side that is drawn out by its mirror image. */
static guint
mirrored (guint i, guint side)
{
  return i < side ? i : side > 1 ? 2 * (side - 1) - MIN (i, 2 * (side - 1)) : 0;
}

/* The tile's pixels in 0 … 1, sides drawn out to multiples. Returns: (transfer none), of the context */
static VelTensor *
send_tile (VelContext *ctx, const VelBitmap *tile, guint multiple, gboolean reversed)
{
  guint height = (tile->height + multiple - 1) / multiple * multiple, width = (tile->width + multiple - 1) / multiple * multiple;
  VelTensor *x = vel_context_tensor (ctx, VEL_F32, VEL_SHAPE (1, height, width, 3));
  g_autofree float *host = g_new (float, (gsize) height *width * 3);

  for (guint i = 0; i < height; i++)
    for (guint k = 0; k < width; k++) {
      const guint8 *pixel = tile->data + ((gsize) mirrored (i, tile->height) * tile->width + mirrored (k, tile->width)) * 3;

      for (guint c = 0; c < 3; c++)
        host[((gsize) i * width + k) * 3 + c] = (float) (pixel[reversed ? 2 - c : c] / 255.0);
    }
  if (vel_context_ok (ctx))
    vel_tensor_upload (x, host);
  return x;
}

/* Returns: (transfer full) without what was drawn out; NULL after an error of the context */
static VelBitmap *
take_tile (VelContext *ctx, VelTensor *made, guint width, guint height, gboolean reversed)
{
  g_autofree float *host = NULL;
  VelBitmap *tile;

  if (!vel_context_ok (ctx))
    return NULL;
  host = g_malloc (made->bytes);
  vel_tensor_download (made, host);
  if (!vel_context_ok (ctx))
    return NULL;
  tile = vel_bitmap_new (width, height, 3);
  for (guint i = 0; i < height; i++)
    for (guint k = 0; k < width * 3; k++) {
      float value = host[(gsize) i * (gsize) made->shape.size[2] * 3 + (reversed ? k - k % 3 + 2 - k % 3 : k)];

      if (!isfinite (value)) {
        vel_context_fail (ctx, VEL_ERROR_NUMBERS, _ ("The upscaler's numbers went out of bounds; its file is damaged"));
        vel_bitmap_free (tile);
        return NULL;
      }
      tile->data[(gsize) i * width * 3 + k] = (guint8) rintf (255 * CLAMP (value, 0, 1));
    }
  return tile;
}

static VelBitmap *
run_tile (VelContext *ctx, const VelUpscaler *network, const VelBitmap *tile, gboolean reversed)
{
  const VelUpscalerFacts *is = vel_upscaler_get_facts (network);
  VelTensor *made;
  VelBitmap *large;

  vel_context_open (ctx);
  made = vel_upscaler_forward (ctx, network, send_tile (ctx, tile, is->multiple, reversed));
  large = take_tile (ctx, made, tile->width * is->scale, tile->height * is->scale, reversed);
  vel_context_close (ctx, NULL);
  return large;
}

static VelBitmap *
run_tiles (VelContext *ctx, const VelUpscaler *network, const VelBitmap *rgb, const VelUpscaleOptions *options)
{
  VelTiles tiles = vel_tiles_plan (rgb->width, rgb->height, options->tile, options->overlap);
  guint scale = vel_upscaler_get_facts (network)->scale, n = vel_tiles_count (&tiles);
  g_autoptr (VelBitmap) picture = vel_bitmap_new (rgb->width * scale, rgb->height * scale, 3);
  g_autoptr (VelBitmap) row = vel_bitmap_new (picture->width, tiles.height * scale, 3);

  for (guint i = 0; i < n; i++) {
    g_autoptr (VelBitmap) tile = NULL, large = NULL;
    guint x, y;

    if (options->progress)
      options->progress ((double) i / n, options->data);
    vel_tiles_place (&tiles, i, &x, &y);
    tile = vel_bitmap_crop (rgb, x, y, tiles.width, tiles.height);
    large = run_tile (ctx, network, tile, options->reversed);
    if (!large)
      return NULL;
    vel_tiles_put (&tiles, i, scale, large, row, picture);
  }
  return g_steal_pointer (&picture);
}

VelBitmap *
vel_upscale_once (const VelUpscaler *network, VelDevice *device, const VelBitmap *rgb, VelUpscaleOptions *options,
                  GCancellable *cancellable, GError **error)
{
  guint64 scale = vel_upscaler_get_facts (network)->scale;

  if ((guint64) rgb->width * rgb->height * scale * scale > MOST_PIXELS) {
    g_set_error (error, VEL_ERROR, VEL_ERROR_REQUEST,
                 _ ("The upscaler would make %" PRIu64 " x %" PRIu64 " pixels of a picture of %u x %u, which is more than %" PRIu64
                    " million; take a smaller one"),
                 rgb->width * scale, rgb->height * scale, rgb->width, rgb->height, MOST_PIXELS / 1000000);
    return NULL;
  }
  for (;;) {
    g_autoptr (VelContext) ctx = vel_context_new (device, cancellable);
    g_autoptr (GError) failure = NULL;
    VelBitmap *large;
    guint tile = options->tile ? options->tile : MAX (rgb->width, rgb->height);

    vel_context_set_lean (ctx, TRUE);
    large = run_tiles (ctx, network, rgb, options);
    if (vel_context_check (ctx, &failure) && large)
      return large;
    vel_bitmap_free (large);
    if (!g_error_matches (failure, VEL_ERROR, VEL_ERROR_MEMORY) || tile / 2 < LEAST_TILE || !vel_device_check (device, NULL)) {
      g_propagate_error (error, g_steal_pointer (&failure));
      return NULL;
    }
    options->tile = MIN (tile, MAX (rgb->width, rgb->height)) / 2;
  }
}

VelBitmap *
vel_upscale_to (const VelUpscaler *network, VelDevice *device, const VelBitmap *rgb, guint width, guint height, VelUpscaleOptions *options,
                GCancellable *cancellable, GError **error)
{
  g_autoptr (VelBitmap) large = vel_bitmap_dup (rgb);

  for (guint pass = 0; pass < MOST_PASSES && (pass == 0 || large->width < width || large->height < height); pass++) {
    VelBitmap *larger = vel_upscale_once (network, device, large, options, cancellable, error);
    gboolean same = larger && larger->width == large->width;

    if (!larger)
      return NULL;
    vel_bitmap_free (large);
    large = larger;
    if (same)
      break;
  }
  if (large->width == width && large->height == height)
    return g_steal_pointer (&large);
  return vel_bitmap_resample (large, width, height, VEL_FILTER_LANCZOS);
}
