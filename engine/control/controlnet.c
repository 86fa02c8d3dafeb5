/* ControlNet, in the order of its file names.  SPDX-License-Identifier: Apache-2.0
 * lllyasviel/ControlNet cldm/cldm.py ControlNet. */
#include "config.h"

#include "engine/control/controlnet.h"

#include <glib/gi18n-lib.h>
#include <inttypes.h>

#define PREFIX "control_model."
#define N_HINT 8 /* convolutions that make a picture as small as its latent */

struct VelControlNet {
  VelTimeEmbedding times;
  VelConv hint[N_HINT]; /* input_hint_block.0, .2 … .14; SiLU between them */
  VelEncoder encoder;
  VelConv *zero;  /* [n_skips], 1x1: zero_convs.K.0 */
  VelConv middle; /* 1x1: middle_block_out.0 */
};

const char *
vel_controlnet_guess_family (VelWeights *weights)
{
  gint64 width = vel_unet_find_context_dim (weights, PREFIX);
  gboolean vector = vel_weights_has (weights, PREFIX "label_emb.0.0.weight");

  for (const VelFamily *const *family = vel_family_get_all (); *family; family++)
    if ((*family)->context_dim == width && ((*family)->sizes[0] != VEL_SIZE_END) == vector)
      return (*family)->id;
  return NULL;
}

static char *
show (VelWeights *weights)
{
  return g_filename_display_basename (vel_weights_get_path (weights));
}

gboolean
vel_controlnet_check (VelWeights *weights, const char *name, const VelArchitecture *model, GError **error)
{
  g_autofree char *shown = show (weights);
  gint64 own = vel_unet_find_context_dim (weights, PREFIX), wanted = model->context_dim;
  gint64 vector = vel_weights_get_size (weights, PREFIX "label_emb.0.0.weight", 1);

  if (own > 0 && own != wanted) {
    g_set_error (error, VEL_ERROR, VEL_ERROR_FAMILY,
                 _ ("The ControlNet “%s” reads texts %" PRId64 " numbers wide and the model “%s” has %" PRId64
                    " (768: Stable Diffusion 1, 1024: 2, 2048: XL); take a ControlNet that was made for this model's family"),
                 shown, own, name, wanted);
    return FALSE;
  }
  if (vector > 0 && vector != model->vector_width) {
    g_set_error (error, VEL_ERROR, VEL_ERROR_FAMILY,
                 _ ("The ControlNet “%s” reads sizes and texts as %" PRId64 " numbers and the model “%s” has %" PRId64
                    "; take a ControlNet that was made for this model's family"),
                 shown, vector, name, model->vector_width);
    return FALSE;
  }
  return TRUE;
}

/* Of the middle, as the decoder finds it. */
static gint64
middle_channels (const VelEncoder *encoder)
{
  return encoder->has_mid_out ? encoder->mid_out.in_conv.out
         : encoder->has_mid   ? encoder->mid_in.in_conv.out
                              : vel_encoder_get_channels (encoder, encoder->n_blocks);
}

static void
load_hint (VelControlNet *self, VelLoader *loader)
{
  gint64 in = 3;

  for (unsigned i = 0; i < N_HINT; i++) {
    gint64 out = i + 1 < N_HINT ? vel_loader_size (loader, 0, PREFIX "input_hint_block.%u.weight", 2 * i) : self->encoder.conv_in.out;

    vel_conv_load (&self->hint[i], loader, in, out, 3, PREFIX "input_hint_block.%u", 2 * i);
    in = out;
  }
}

static void
load_results (VelControlNet *self, VelLoader *loader)
{
  unsigned n = vel_encoder_get_n_skips (&self->encoder);
  gint64 channels;

  self->zero = g_new0 (VelConv, n);
  for (unsigned i = 0; i < n && vel_loader_ok (loader); i++) {
    channels = vel_encoder_get_channels (&self->encoder, i);
    vel_conv_load (&self->zero[i], loader, channels, channels, 1, PREFIX "zero_convs.%u.0", i);
  }
  if (!vel_loader_ok (loader))
    return;
  channels = middle_channels (&self->encoder);
  vel_conv_load (&self->middle, loader, channels, channels, 1, PREFIX "middle_block_out.0");
}

VelControlNet *
vel_controlnet_load (VelLoader *loader, gint64 heads, gint64 head_dim)
{
  g_autoptr (VelControlNet) self = g_new0 (VelControlNet, 1);
  VelAttentionKind kind = { vel_unet_find_context_dim (loader->weights, PREFIX), heads, head_dim };

  vel_time_embedding_load (&self->times, loader, PREFIX, vel_loader_size (loader, 0, PREFIX "input_blocks.0.0.weight"));
  vel_encoder_load (&self->encoder, loader, &self->times, kind, PREFIX);
  vel_time_embedding_load_shifts (&self->times, loader);
  load_hint (self, loader);
  load_results (self, loader);
  if (vel_loader_ok (loader) && (!vel_encoder_is_whole (&self->encoder) || self->encoder.conv_in.in != 4))
    g_set_error (&loader->error, VEL_ERROR, VEL_ERROR_FAMILY,
                 _ ("The blocks of the ControlNet “%s” do not fit together; the file is incomplete or of an unknown architecture"),
                 vel_weights_get_path (loader->weights));
  return vel_loader_ok (loader) ? g_steal_pointer (&self) : NULL;
}

void
vel_controlnet_free (VelControlNet *self)
{
  if (!self)
    return;
  for (unsigned i = 0; i < N_HINT; i++)
    vel_conv_clear (&self->hint[i]);
  for (unsigned i = 0; self->zero && i < vel_encoder_get_n_skips (&self->encoder); i++)
    vel_conv_clear (&self->zero[i]);
  g_free (self->zero);
  vel_conv_clear (&self->middle);
  vel_time_embedding_clear (&self->times);
  vel_encoder_clear (&self->encoder);
  g_free (self);
}

const VelTimeEmbedding *
vel_controlnet_get_times (const VelControlNet *self)
{
  return &self->times;
}

unsigned
vel_controlnet_get_n_results (const VelControlNet *self)
{
  return vel_encoder_get_n_skips (&self->encoder) + 1;
}

VelShape
vel_controlnet_get_result_shape (const VelControlNet *self, unsigned i, VelShape latents)
{
  const VelEncoder *encoder = &self->encoder;
  gboolean middle = i == vel_encoder_get_n_skips (encoder);
  VelShape shape = latents;

  for (unsigned k = 0; k < (middle ? encoder->n_blocks : i); k++)
    if (encoder->blocks[k].has_down) {
      shape.size[1] = (shape.size[1] + 1) / 2;
      shape.size[2] = (shape.size[2] + 1) / 2;
    }
  shape.size[3] = middle ? self->middle.out : vel_encoder_get_channels (encoder, i);
  return shape;
}

gboolean
vel_controlnet_fits (const VelControlNet *self, const VelUNet *unet)
{
  const VelEncoder *own = &self->encoder, *other = vel_unet_get_encoder (unet);
  unsigned n = vel_encoder_get_n_skips (own);

  if (n != vel_encoder_get_n_skips (other) || self->middle.out != middle_channels (other))
    return FALSE;
  for (unsigned i = 0; i < n; i++)
    if (vel_encoder_get_channels (own, i) != vel_encoder_get_channels (other, i) ||
        (i > 0 && own->blocks[i - 1].has_down != other->blocks[i - 1].has_down))
      return FALSE;
  return TRUE;
}

VelTensor *
vel_controlnet_read_picture (VelContext *ctx, const VelControlNet *self, VelTensor *pixels)
{
  VelTensor *h;

  vel_context_open (ctx);
  h = vel_op_convert (ctx, pixels, self->times.type);
  for (unsigned i = 0; i < N_HINT; i++) {
    gboolean smaller = i == 2 || i == 4 || i == 6;

    h = vel_conv_with (ctx, &self->hint[i], h, (VelConvOptions){ .stride = smaller ? 2 : 1, .pad_before = 1, .pad_after = 1 });
    if (i + 1 < N_HINT)
      h = vel_op_activate (ctx, h, VEL_ACTIVATION_SILU);
  }
  return vel_context_close (ctx, h);
}

void
vel_controlnet_set_text (VelContext *ctx, const VelControlNet *self, VelTextKeys *text, VelTensor *context)
{
  guint used = 0;

  vel_context_open (ctx);
  vel_encoder_fill_text (ctx, &self->encoder, text, vel_op_convert (ctx, context, self->times.type), &used);
  vel_context_close (ctx, NULL);
}

void
vel_controlnet_forward (VelContext *ctx, const VelControlNet *self, VelTensor *x, VelTensor *hint, VelTensor *shifts,
                        const VelTextKeys *text, VelTensor **results)
{
  g_autoptr (GPtrArray) skips = g_ptr_array_new ();
  guint used = 0;

  x = vel_encoder_forward (ctx, &self->encoder, x, hint, shifts, text, &used, skips);
  for (guint i = 0; i < skips->len; i++)
    results[i] = vel_conv (ctx, &self->zero[i], skips->pdata[i], NULL);
  results[skips->len] = vel_conv (ctx, &self->middle, x, NULL);
}
