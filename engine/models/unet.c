/* The UNet, block by block in the order of its file names.  SPDX-License-Identifier: Apache-2.0
 * ldm/modules/diffusionmodules/openaimodel.py UNetModel. */
#include "config.h"

#include "engine/models/unet.h"

#include <glib/gi18n-lib.h>

#define PREFIX "model.diffusion_model."
#define EPS 1e-5

struct VelUNet {
  VelTimeEmbedding times;
  VelAttentionKind kind;
  VelEncoder encoder;
  unsigned n_output; /* output_blocks.0 .. n_output - 1 */
  VelUNetBlock *output;
  VelNorm norm_out;
  VelConv conv_out;
};

/* Every output block must fit the picture that reaches it: channels of what comes from below plus its skip. */
static gboolean
skips_fit (const VelUNet *self)
{
  const VelEncoder *encoder = &self->encoder;
  unsigned left = vel_encoder_get_n_skips (encoder);
  gint64 channels = vel_encoder_get_channels (encoder, left - 1);

  for (unsigned i = 0; i < self->n_output; i++) {
    const VelUNetBlock *block = &self->output[i];

    if (left == 0 || !block->has_res || block->res.in_conv.in != channels + vel_encoder_get_channels (encoder, left - 1))
      return FALSE;
    left--;
    channels = block->res.in_conv.out;
  }
  return left == 0 && vel_encoder_is_whole (encoder);
}

static void
check_skips (const VelUNet *self, VelLoader *loader)
{
  if (!skips_fit (self))
    g_set_error (
        &loader->error, VEL_ERROR, VEL_ERROR_FAMILY,
        _ ("The blocks of the UNet in \"%s\" do not fit together (%u input blocks, %u output blocks); the file is incomplete or of "
           "an unknown architecture"),
        vel_weights_get_path (loader->weights), self->encoder.n_blocks + 1, self->n_output);
}

VelUNet *
vel_unet_load (VelLoader *loader, gint64 heads, gint64 head_dim)
{
  g_autoptr (VelUNet) self = g_new0 (VelUNet, 1);
  gint64 channels = vel_loader_size (loader, 0, PREFIX "input_blocks.0.0.weight");

  self->kind = (VelAttentionKind){ vel_unet_find_context_dim (loader->weights, PREFIX), heads, head_dim };
  self->n_output = vel_loader_count (loader, PREFIX "output_blocks.");
  vel_time_embedding_load (&self->times, loader, PREFIX, channels);
  vel_encoder_load (&self->encoder, loader, &self->times, self->kind, PREFIX);
  self->output = vel_unet_blocks_load (loader, &self->times, self->kind, PREFIX, "output_blocks", 0, self->n_output);
  vel_time_embedding_load_shifts (&self->times, loader);
  vel_norm_load (&self->norm_out, loader, channels, EPS, PREFIX "out.0");
  vel_conv_load (&self->conv_out, loader, channels, 4, 3, PREFIX "out.2");
  if (vel_loader_ok (loader))
    check_skips (self, loader);
  return vel_loader_ok (loader) ? g_steal_pointer (&self) : NULL;
}

void
vel_unet_free (VelUNet *self)
{
  if (!self)
    return;
  vel_time_embedding_clear (&self->times);
  vel_encoder_clear (&self->encoder);
  vel_unet_blocks_free (self->output, self->n_output);
  vel_norm_clear (&self->norm_out);
  vel_conv_clear (&self->conv_out);
  g_free (self);
}

gint64
vel_unet_get_in_channels (const VelUNet *self)
{
  return self->encoder.conv_in.in;
}

gint64
vel_unet_get_context_dim (const VelUNet *self)
{
  return self->kind.context_dim;
}

gint64
vel_unet_get_vector_width (const VelUNet *self)
{
  return self->times.vector_width;
}

const VelEncoder *
vel_unet_get_encoder (const VelUNet *self)
{
  return &self->encoder;
}

VelType
vel_unet_get_type (const VelUNet *self)
{
  return self->times.type;
}

const VelTimeEmbedding *
vel_unet_get_times (const VelUNet *self)
{
  return &self->times;
}

void
vel_unet_text_set (VelContext *ctx, const VelUNet *self, VelTextKeys *text, VelTensor *context)
{
  guint used = 0;

  vel_context_open (ctx);
  context = vel_op_convert (ctx, context, self->times.type);
  vel_encoder_fill_text (ctx, &self->encoder, text, context, &used);
  for (unsigned i = 0; i < self->n_output; i++)
    vel_text_keys_fill (ctx, text, &self->output[i].transformer, context, &used);
  vel_context_close (ctx, NULL);
}

VelTextKeys *
vel_unet_text_new (VelContext *ctx, const VelUNet *self, VelTensor *context)
{
  g_autoptr (VelTextKeys) text = vel_text_keys_new ();

  vel_unet_text_set (ctx, self, text, context);
  return vel_context_ok (ctx) ? g_steal_pointer (&text) : NULL;
}

/* One block on its way up. next: (nullable) the skip connection after this one: going up ends at its size, which is not the double
 * where a side was odd. */
static VelTensor *
output_block (VelContext *ctx, const VelUNetBlock *self, VelTensor *x, VelTensor *skip, VelTensor *next, VelTensor *shifts,
              const VelTextKeys *text, guint *used)
{
  vel_context_open (ctx);
  x = vel_res_block (ctx, &self->res, x, skip, shifts);
  if (self->has_transformer)
    x = vel_text_keys_transform (ctx, text, &self->transformer, x, used);
  if (self->has_up)
    x = vel_conv_with (ctx, &self->up, x,
                       (VelConvOptions){ .pad_before = 1,
                                         .pad_after = 1,
                                         .up_height = next ? next->shape.size[1] : 2 * x->shape.size[1],
                                         .up_width = next ? next->shape.size[2] : 2 * x->shape.size[2] });
  return vel_context_close (ctx, x);
}

/* middle: the encoder's; where it is the last skip too, a new tensor takes its place. skips: changed */
static VelTensor *
add_control (VelContext *ctx, VelTensor *const *added, GPtrArray *skips, VelTensor *middle)
{
  static const double both[] = { 1, 1 };
  VelTensor *sum = vel_op_combine (ctx, 2, both, (VelTensor *[]){ middle, added[skips->len] });

  if (middle != skips->pdata[skips->len - 1])
    vel_context_drop (ctx, middle);
  for (guint i = 0; i < skips->len; i++)
    vel_op_combine_into (ctx, skips->pdata[i], 2, both, (VelTensor *[]){ skips->pdata[i], added[i] });
  return sum;
}

VelTensor *
vel_unet_forward (VelContext *ctx, const VelUNet *self, VelTensor *x, VelTensor *shifts, const VelTextKeys *text, VelTensor *const *added)
{
  g_autoptr (GPtrArray) skips = g_ptr_array_new ();
  guint used = 0;

  g_assert (x->type == self->times.type && shifts->type == self->times.type && shifts->shape.size[1] == self->times.shift_width);
  vel_context_open (ctx);
  x = vel_encoder_forward (ctx, &self->encoder, x, NULL, shifts, text, &used, skips);
  if (added)
    x = add_control (ctx, added, skips, x);
  for (unsigned i = 0; i < self->n_output; i++) {
    VelTensor *skip = g_ptr_array_steal_index (skips, skips->len - 1);
    VelTensor *next = skips->len ? g_ptr_array_index (skips, skips->len - 1) : NULL;
    VelTensor *below = x;

    x = output_block (ctx, &self->output[i], below, skip, next, shifts, text, &used);
    if (below != skip)
      vel_context_drop (ctx, below);
    vel_context_drop (ctx, skip);
  }
  x = vel_group_norm (ctx, &self->norm_out, x, TRUE);
  x = vel_conv (ctx, &self->conv_out, x, NULL);
  return vel_context_close (ctx, x);
}
