/* Latents to colours by one matrix.  SPDX-License-Identifier: Apache-2.0 */
#include "engine/pipeline/preview.h"

#include <math.h>
#include <string.h>

#include "engine/tensor/random.h"

#define PATCHES 8 /* a side of the square the fit decodes, in patches */
#define PATCH 3   /* latent pixels a side: the middle one is what its colour is compared with */
#define TERMS 5   /* four channels and a constant */

/* Solves the normal equations a x = b by Gauss-Jordan elimination; a is symmetric and positive after the ridge was added. */
static void
solve (double a[TERMS][TERMS], double b[TERMS][3])
{
  for (int i = 0; i < TERMS; i++) {
    double pivot = a[i][i];

    for (int k = 0; k < TERMS; k++)
      a[i][k] /= pivot;
    for (int c = 0; c < 3; c++)
      b[i][c] /= pivot;
    for (int j = 0; j < TERMS; j++) {
      double factor = j == i ? 0 : a[j][i];

      for (int k = 0; k < TERMS; k++)
        a[j][k] -= factor * a[i][k];
      for (int c = 0; c < 3; c++)
        b[j][c] -= factor * b[i][c];
    }
  }
}

/* values: [PATCHES^2, 4], one latent colour a patch. -> [1, side, side, 4], unscaled as the VAE reads it */
static VelTensor *
patches (VelContext *ctx, const float *values, double scale)
{
  gint64 side = PATCHES * PATCH;
  VelTensor *latent = vel_context_tensor (ctx, VEL_F32, VEL_SHAPE (1, side, side, 4));
  g_autofree float *host = g_new (float, side * side * 4);

  for (gint64 y = 0; y < side; y++)
    for (gint64 x = 0; x < side; x++)
      for (gint64 c = 0; c < 4; c++)
        host[(y * side + x) * 4 + c] = (float) (values[((y / PATCH) * PATCHES + x / PATCH) * 4 + c] / scale);
  if (vel_context_ok (ctx))
    vel_tensor_upload (latent, host);
  return latent;
}

/* The mean colour of the picture behind the middle latent pixel of a patch, 0..1. */
static void
colour_of (const float *image, gint64 stride, gint64 factor, gint64 patch_y, gint64 patch_x, double colour[3])
{
  memset (colour, 0, 3 * sizeof *colour);
  for (gint64 y = 0; y < factor; y++)
    for (gint64 x = 0; x < factor; x++)
      for (int c = 0; c < 3; c++)
        colour[c] += image[(((patch_y * PATCH + 1) * factor + y) * stride + (patch_x * PATCH + 1) * factor + x) * 3 + c];
  for (int c = 0; c < 3; c++)
    colour[c] = CLAMP (colour[c] / (double) (factor * factor) / 2 + 0.5, 0, 1);
}

static void
fit (VelModel *model, const float *values, const float *image)
{
  gint64 factor = vel_vae_get_factor (model->vae), stride = PATCHES * PATCH * factor;
  double a[TERMS][TERMS] = { 0 }, b[TERMS][3] = { 0 };

  for (int p = 0; p < PATCHES * PATCHES; p++) {
    double terms[TERMS] = { values[4 * p], values[4 * p + 1], values[4 * p + 2], values[4 * p + 3], 1 }, colour[3];

    colour_of (image, stride, factor, p / PATCHES, p % PATCHES, colour);
    for (int i = 0; i < TERMS; i++) {
      for (int k = 0; k < TERMS; k++)
        a[i][k] += terms[i] * terms[k];
      for (int c = 0; c < 3; c++)
        b[i][c] += terms[i] * colour[c];
    }
  }
  for (int i = 0; i < TERMS; i++)
    a[i][i] += 1e-3;
  solve (a, b);
  memcpy (model->latent_to_rgb, b, sizeof b);
}

gboolean
vel_preview_fit (VelModel *model, VelDevice *device, GCancellable *cancellable, GError **error)
{
  const VelArchitecture *architecture = &model->architecture;
  g_autoptr (VelContext) ctx = NULL;
  g_autofree float *values = NULL, *image = NULL;
  VelTensor *decoded;
  VelRandom random;

  memcpy (model->latent_to_rgb, architecture->family->latent_to_rgb, sizeof model->latent_to_rgb);
  if (architecture->vae_channels == architecture->family->vae_channels)
    return TRUE;

  ctx = vel_context_new (device, cancellable);
  values = g_new (float, PATCHES * PATCHES * 4);
  vel_random_init (&random, VEL_RANDOM_NV, 0);
  vel_random_normal (&random, values, PATCHES * PATCHES * 4);
  decoded = vel_vae_decode (ctx, model->vae, patches (ctx, values, architecture->family->latent_scale));
  if (!vel_context_check (ctx, error))
    return FALSE;
  image = g_malloc (decoded->bytes);
  vel_tensor_download (decoded, image);
  fit (model, values, image);
  return TRUE;
}

guint8 *
vel_preview_make (const VelModel *model, VelTensor *latent)
{
  gsize pixels = (gsize) (latent->shape.size[1] * latent->shape.size[2]);
  g_autofree float *host = g_malloc (latent->bytes);
  guint8 *rgb = g_malloc (pixels * 3);

  vel_tensor_download (latent, host);
  for (gsize p = 0; p < pixels; p++)
    for (int c = 0; c < 3; c++) {
      double value = model->latent_to_rgb[4][c];

      for (int k = 0; k < 4; k++)
        value += host[4 * p + k] * model->latent_to_rgb[k][c];
      rgb[3 * p + c] = isfinite (value) ? (guint8) (CLAMP (value, 0, 1) * 255 + 0.5) : 0;
    }
  return rgb;
}

guint8 *
vel_preview_enlarge (const guint8 *rgb, guint width, guint height, guint factor)
{
  guint8 *out = g_malloc ((gsize) width * factor * height * factor * 3);

  for (guint y = 0; y < height * factor; y++) {
    double v = CLAMP ((y + 0.5) / factor - 0.5, 0, height - 1.0);
    guint y0 = (guint) v, y1 = MIN (y0 + 1, height - 1);

    for (guint x = 0; x < width * factor; x++) {
      double u = CLAMP ((x + 0.5) / factor - 0.5, 0, width - 1.0);
      guint x0 = (guint) u, x1 = MIN (x0 + 1, width - 1);

      for (guint c = 0; c < 3; c++) {
        double top = rgb[(y0 * width + x0) * 3 + c] * (1 - (u - x0)) + rgb[(y0 * width + x1) * 3 + c] * (u - x0);
        double bottom = rgb[(y1 * width + x0) * 3 + c] * (1 - (u - x0)) + rgb[(y1 * width + x1) * 3 + c] * (u - x0);

        out[((gsize) y * width * factor + x) * 3 + c] = (guint8) (top * (1 - (v - y0)) + bottom * (v - y0) + 0.5);
      }
    }
  }
  return out;
}
