/* The way down.  SPDX-License-Identifier: Apache-2.0
 * ldm/modules/diffusionmodules/openaimodel.py UNetModel, input_blocks and middle_block. */
#include "engine/models/encoder.h"

/* prefix: "model.diffusion_model.input_blocks.4." The transformer stands second; a convolution after it goes up. */
static void
block_load (VelUNetBlock *self, VelLoader *loader, VelTimeEmbedding *times, VelAttentionKind kind, const char *prefix)
{
  g_autofree char *res = g_strconcat (prefix, "0.", NULL);
  g_autofree char *transformer = g_strconcat (prefix, "1.", NULL);
  gint64 channels;

  if (vel_loader_has (loader, "%sop.weight", res)) {
    channels = vel_loader_size (loader, 0, "%sop.weight", res);
    self->has_down = TRUE;
    vel_conv_load (&self->down, loader, channels, channels, 3, "%sop", res);
    return;
  }
  self->has_res = TRUE;
  vel_res_block_load (&self->res, loader, times, res);
  channels = self->res.in_conv.out;
  if (vel_loader_has (loader, "%snorm.weight", transformer)) {
    self->has_transformer = TRUE;
    vel_transformer_load (&self->transformer, loader, transformer, channels, kind.context_dim, kind.heads, kind.head_dim);
  }
  for (unsigned i = 1; i <= 2; i++)
    if (vel_loader_has (loader, "%s%u.conv.weight", prefix, i)) {
      self->has_up = TRUE;
      vel_conv_load (&self->up, loader, channels, channels, 3, "%s%u.conv", prefix, i);
    }
}

gint64
vel_unet_find_context_dim (VelWeights *weights, const char *prefix)
{
  const char *const *names = vel_weights_get_names (weights);

  for (gsize i = 0; names[i]; i++)
    if (g_str_has_prefix (names[i], prefix) && g_str_has_suffix (names[i], ".attn2.to_k.weight"))
      return vel_weights_get_size (weights, names[i], 1);
  return 0;
}

VelUNetBlock *
vel_unet_blocks_load (VelLoader *loader, VelTimeEmbedding *times, VelAttentionKind kind, const char *prefix, const char *side,
                      unsigned first, unsigned n)
{
  VelUNetBlock *blocks = g_new0 (VelUNetBlock, MAX (n, 1));

  for (unsigned i = 0; i < n && vel_loader_ok (loader); i++) {
    g_autofree char *name = g_strdup_printf ("%s%s.%u.", prefix, side, first + i);

    block_load (&blocks[i], loader, times, kind, name);
  }
  return blocks;
}

void
vel_unet_blocks_free (VelUNetBlock *blocks, unsigned n)
{
  for (unsigned i = 0; blocks && i < n; i++) {
    vel_res_block_clear (&blocks[i].res);
    vel_transformer_clear (&blocks[i].transformer);
    vel_conv_clear (&blocks[i].down);
    vel_conv_clear (&blocks[i].up);
  }
  g_free (blocks);
}

static void
load_middle (VelEncoder *self, VelLoader *loader, VelTimeEmbedding *times, VelAttentionKind kind, const char *prefix)
{
  g_autofree char *in = g_strconcat (prefix, "middle_block.0.", NULL), *transformer = g_strconcat (prefix, "middle_block.1.", NULL);
  g_autofree char *out = g_strconcat (prefix, "middle_block.2.", NULL);

  self->has_mid = vel_loader_has (loader, "%sin_layers.2.weight", in);
  if (!self->has_mid)
    return;
  vel_res_block_load (&self->mid_in, loader, times, in);
  self->has_mid_transformer = vel_loader_has (loader, "%snorm.weight", transformer);
  if (self->has_mid_transformer)
    vel_transformer_load (&self->mid_transformer, loader, transformer, self->mid_in.in_conv.out, kind.context_dim, kind.heads,
                          kind.head_dim);
  self->has_mid_out = vel_loader_has (loader, "%sin_layers.2.weight", out);
  if (self->has_mid_out)
    vel_res_block_load (&self->mid_out, loader, times, out);
}

void
vel_encoder_load (VelEncoder *self, VelLoader *loader, VelTimeEmbedding *times, VelAttentionKind kind, const char *prefix)
{
  g_autofree char *numbered = g_strconcat (prefix, "input_blocks.", NULL);
  unsigned n = vel_loader_count (loader, numbered);

  vel_conv_load (&self->conv_in, loader, vel_loader_size (loader, 1, "%s0.0.weight", numbered),
                 vel_loader_size (loader, 0, "%s0.0.weight", numbered), 3, "%s0.0", numbered);
  self->n_blocks = n ? n - 1 : 0;
  self->blocks = vel_unet_blocks_load (loader, times, kind, prefix, "input_blocks", 1, self->n_blocks);
  load_middle (self, loader, times, kind, prefix);
}

void
vel_encoder_clear (VelEncoder *self)
{
  vel_conv_clear (&self->conv_in);
  vel_unet_blocks_free (g_steal_pointer (&self->blocks), self->n_blocks);
  vel_res_block_clear (&self->mid_in);
  vel_transformer_clear (&self->mid_transformer);
  vel_res_block_clear (&self->mid_out);
}

unsigned
vel_encoder_get_n_skips (const VelEncoder *self)
{
  return 1 + self->n_blocks;
}

gint64
vel_encoder_get_channels (const VelEncoder *self, unsigned skip)
{
  const VelUNetBlock *block = skip > 0 ? &self->blocks[skip - 1] : NULL;

  return !block ? self->conv_in.out : block->has_res ? block->res.in_conv.out : block->down.out;
}

gboolean
vel_encoder_is_whole (const VelEncoder *self)
{
  for (unsigned i = 0; i < self->n_blocks; i++) {
    const VelUNetBlock *block = &self->blocks[i];

    if ((block->has_res ? block->res.in_conv.in : block->down.in) != vel_encoder_get_channels (self, i))
      return FALSE;
  }
  return !self->has_mid || self->mid_in.in_conv.in == vel_encoder_get_channels (self, self->n_blocks);
}

void
vel_encoder_fill_text (VelContext *ctx, const VelEncoder *self, VelTextKeys *text, VelTensor *context, guint *used)
{
  for (unsigned i = 0; i < self->n_blocks; i++)
    vel_text_keys_fill (ctx, text, &self->blocks[i].transformer, context, used);
  vel_text_keys_fill (ctx, text, &self->mid_transformer, context, used);
}

/* What it makes is also a skip connection, so it lives in the caller's scope. */
static VelTensor *
block_forward (VelContext *ctx, const VelUNetBlock *self, VelTensor *x, VelTensor *shifts, const VelTextKeys *text, guint *used)
{
  vel_context_open (ctx);
  if (self->has_down)
    x = vel_conv_with (ctx, &self->down, x, (VelConvOptions){ .stride = 2, .pad_before = 1, .pad_after = 1 });
  if (self->has_res)
    x = vel_res_block (ctx, &self->res, x, NULL, shifts);
  if (self->has_transformer)
    x = vel_text_keys_transform (ctx, text, &self->transformer, x, used);
  return vel_context_close (ctx, x);
}

VelTensor *
vel_encoder_forward (VelContext *ctx, const VelEncoder *self, VelTensor *x, VelTensor *hint, VelTensor *shifts, const VelTextKeys *text,
                     guint *used, GPtrArray *skips)
{
  x = vel_conv (ctx, &self->conv_in, x, hint);
  g_ptr_array_add (skips, x);
  for (unsigned i = 0; i < self->n_blocks; i++) {
    x = block_forward (ctx, &self->blocks[i], x, shifts, text, used);
    g_ptr_array_add (skips, x);
  }
  if (self->has_mid) {
    x = vel_res_block (ctx, &self->mid_in, x, NULL, shifts);
    if (self->has_mid_transformer)
      x = vel_text_keys_transform (ctx, text, &self->mid_transformer, x, used);
    if (self->has_mid_out)
      x = vel_res_block (ctx, &self->mid_out, x, NULL, shifts);
  }
  return x;
}
