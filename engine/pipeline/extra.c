/* Masks and pictures as channels.  SPDX-License-Identifier: Apache-2.0 */
#include "config.h"

#include "engine/pipeline/extra.h"

#include <glib/gi18n-lib.h>

#include "engine/pipeline/room.h"

/* Host values of one kind to a tensor of the context. */
static VelTensor *
fill (VelContext *ctx, VelShape shape, float value)
{
  VelTensor *tensor = vel_context_tensor (ctx, VEL_F32, shape);
  gsize count = (gsize) vel_shape_count (shape);
  g_autofree float *host = g_new (float, count);

  for (gsize i = 0; i < count; i++)
    host[i] = value;
  if (vel_context_ok (ctx))
    vel_tensor_upload (tensor, host);
  return tensor;
}

/* Of memory of its own. Returns: (transfer full); NULL after an error of the context */
static VelTensor *
keep (VelContext *ctx, VelTensor *tensor, double scale)
{
  VelTensor *kept = vel_tensor_new (vel_context_get_device (ctx), VEL_F32, tensor->shape);

  if (kept)
    vel_op_combine_into (ctx, kept, 1, &scale, &tensor);
  else
    vel_context_fail (ctx, VEL_ERROR_MEMORY, _ ("There is not enough memory to paint at this size; choose a smaller one"));
  return kept;
}

/* How much of a pixel is painted anew: all or nothing, but for soft masks. */
static float
share_at (const VelInpaint *before, gint64 i)
{
  return before->whole ? (float) before->mask->data[i] / 255 : before->mask->data[i] >= 128;
}

/* The mask at the first pixel of every latent's, and behind it the picture with mid-grey where it is painted anew: the more so, the greater
 * the weight. */
static VelTensor *
make_mask (VelContext *ctx, const VelModel *model, const VelInpaint *before, double weight)
{
  double scale = model->architecture.family->latent_scale;
  gint64 width = before->image->width, height = before->image->height, factor = vel_vae_get_factor (model->vae);
  VelTensor *image = vel_context_tensor (ctx, VEL_F32, VEL_SHAPE (1, height, width, 3));
  VelTensor *mask = vel_context_tensor (ctx, VEL_F32, VEL_SHAPE (1, height / factor, width / factor, 1)), *latent;
  g_autofree float *pixels = g_new (float, vel_bitmap_bytes (before->image)), *shares = g_new (float, vel_shape_count (mask->shape));

  for (gint64 i = 0; i < width * height; i++)
    for (gint64 c = 0; c < 3; c++)
      pixels[3 * i + c] = ((float) before->image->data[3 * i + c] / 255 * 2 - 1) * (1 - (float) weight * share_at (before, i));
  for (gint64 y = 0; y < height / factor; y++)
    for (gint64 x = 0; x < width / factor; x++)
      shares[y * (width / factor) + x] = share_at (before, (y * width + x) * factor);
  if (vel_context_ok (ctx)) {
    vel_tensor_upload (image, pixels);
    vel_tensor_upload (mask, shares);
  }
  latent = vel_room_encode (ctx, model->vae, image);
  latent = vel_op_combine (ctx, 1, &scale, &latent);
  return vel_op_concat (ctx, mask, latent);
}

/* Nothing stays: the mask is all of the picture, and behind it is mid-grey. */
static VelTensor *
make_whole_mask (VelContext *ctx, const VelModel *model, guint width, guint height)
{
  double scale = model->architecture.family->latent_scale;
  VelTensor *latent = vel_room_encode (ctx, model->vae, fill (ctx, VEL_SHAPE (1, height, width, 3), 0)), *mask;

  latent = vel_op_combine (ctx, 1, &scale, &latent);
  mask = fill (ctx, VEL_SHAPE (1, latent->shape.size[1], latent->shape.size[2], 1), 1);
  return vel_op_concat (ctx, mask, latent);
}

gboolean
vel_extra_make (VelContext *ctx, const VelModel *model, const VelInpaint *before, double mask_weight, VelTensor *latent, guint width,
                guint height, VelTensor **extra, GError **error)
{
  *extra = NULL;
  if (model->architecture.extra == VEL_EXTRA_NONE)
    return TRUE;
  if (model->architecture.extra == VEL_EXTRA_EDIT && !latent) {
    g_set_error (error, VEL_ERROR, VEL_ERROR_REQUEST, _ ("\"%s\" changes pictures: it needs a start picture (--init)"), model->name);
    return FALSE;
  }
  if (model->architecture.extra == VEL_EXTRA_MASK && !vel_vae_has_encoder (model->vae)) {
    g_set_error (error, VEL_ERROR, VEL_ERROR_REQUEST, _ ("The VAE of \"%s\" has no encoder, which a model that fills masks needs; replace it with --vae"),
                 model->name);
    return FALSE;
  }
  vel_context_open (ctx);
  if (model->architecture.extra == VEL_EXTRA_EDIT)
    *extra = keep (ctx, latent, 1 / model->architecture.family->latent_scale);
  else if (before && before->mask)
    *extra = keep (ctx, make_mask (ctx, model, before, mask_weight), 1);
  else
    *extra = keep (ctx, make_whole_mask (ctx, model, width, height), 1);
  vel_context_close (ctx, NULL);
  return vel_context_check (ctx, error);
}

VelTensor *
vel_extra_make_none (VelContext *ctx, const VelTensor *extra)
{
  VelTensor *none;

  vel_context_open (ctx);
  none = keep (ctx, fill (ctx, extra->shape, 0), 1);
  vel_context_close (ctx, NULL);
  return none;
}
