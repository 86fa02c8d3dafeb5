/* The autoencoder.  SPDX-License-Identifier: Apache-2.0
 * ldm/modules/diffusionmodules/model.py Encoder, Decoder. */
#include "config.h"

#include "engine/models/vae-layers.h"

#include <glib/gi18n-lib.h>

#define PREFIX "first_stage_model."
#define EPS 1e-6

static void
res_block_load (VelVaeBlock *self, VelLoader *loader, const char *prefix)
{
  gint64 out = vel_loader_size (loader, 0, "%sconv1.weight", prefix);
  gint64 in = vel_loader_size (loader, 1, "%sconv1.weight", prefix);

  vel_norm_load (&self->norm1, loader, in, EPS, "%snorm1", prefix);
  vel_conv_load (&self->conv1, loader, in, out, 3, "%sconv1", prefix);
  vel_norm_load (&self->norm2, loader, out, EPS, "%snorm2", prefix);
  vel_conv_load (&self->conv2, loader, out, out, 3, "%sconv2", prefix);
  if (in != out)
    vel_conv_load (&self->skip, loader, in, out, 1, "%snin_shortcut", prefix);
}

static void
res_block_clear (VelVaeBlock *self)
{
  vel_norm_clear (&self->norm1);
  vel_conv_clear (&self->conv1);
  vel_norm_clear (&self->norm2);
  vel_conv_clear (&self->conv2);
  vel_conv_clear (&self->skip);
}

static void
middle_load (VelVaeMiddle *self, VelLoader *loader, const char *coder)
{
  g_autofree char *in = g_strconcat (coder, "mid.block_1.", NULL);
  g_autofree char *out = g_strconcat (coder, "mid.block_2.", NULL);
  gint64 channels = vel_loader_size (loader, 0, "%smid.attn_1.norm.weight", coder);

  res_block_load (&self->in, loader, in);
  vel_norm_load (&self->attention.norm, loader, channels, EPS, "%smid.attn_1.norm", coder);
  vel_linear_load_stacked (&self->attention.qkv, loader, channels, channels, TRUE, "q k v", "%smid.attn_1.", coder);
  vel_linear_load (&self->attention.out, loader, channels, channels, TRUE, "%smid.attn_1.proj_out", coder);
  res_block_load (&self->out, loader, out);
}

static void
middle_clear (VelVaeMiddle *self)
{
  res_block_clear (&self->in);
  vel_norm_clear (&self->attention.norm);
  vel_linear_clear (&self->attention.qkv);
  vel_linear_clear (&self->attention.out);
  res_block_clear (&self->out);
}

/* prefix: "first_stage_model.decoder.up.3." */
static void
level_load (VelVaeLevel *self, VelLoader *loader, const char *prefix, const char *resample)
{
  g_autofree char *blocks = g_strconcat (prefix, "block.", NULL);

  self->n_blocks = vel_loader_count (loader, blocks);
  self->blocks = g_new0 (VelVaeBlock, MAX (self->n_blocks, 1));
  for (unsigned i = 0; i < self->n_blocks && vel_loader_ok (loader); i++) {
    g_autofree char *block = g_strdup_printf ("%s%u.", blocks, i);

    res_block_load (&self->blocks[i], loader, block);
  }
  self->has_resample = vel_loader_has (loader, "%s%s.conv.weight", prefix, resample);
  if (self->has_resample)
    vel_conv_load (&self->resample, loader, -1, -1, 3, "%s%s.conv", prefix, resample);
}

static void
coder_load (VelVaeCoder *self, VelLoader *loader, const char *coder, const char *levels, const char *resample, gint64 in, gint64 out)
{
  g_autofree char *prefix = g_strconcat (coder, levels, NULL);

  vel_conv_load (&self->conv_in, loader, in, -1, 3, "%sconv_in", coder);
  self->n_levels = vel_loader_count (loader, prefix);
  self->levels = g_new0 (VelVaeLevel, MAX (self->n_levels, 1));
  for (unsigned i = 0; i < self->n_levels && vel_loader_ok (loader); i++) {
    g_autofree char *level = g_strdup_printf ("%s%u.", prefix, i);

    level_load (&self->levels[i], loader, level, resample);
  }
  middle_load (&self->middle, loader, coder);
  vel_norm_load (&self->norm_out, loader, vel_loader_size (loader, 0, "%snorm_out.weight", coder), EPS, "%snorm_out", coder);
  vel_conv_load (&self->conv_out, loader, self->norm_out.channels, out, 3, "%sconv_out", coder);
}

static void
coder_clear (VelVaeCoder *self)
{
  vel_conv_clear (&self->conv_in);
  for (unsigned i = 0; i < self->n_levels; i++) {
    for (unsigned k = 0; k < self->levels[i].n_blocks; k++)
      res_block_clear (&self->levels[i].blocks[k]);
    vel_conv_clear (&self->levels[i].resample);
    g_free (self->levels[i].blocks);
  }
  g_free (self->levels);
  middle_clear (&self->middle);
  vel_norm_clear (&self->norm_out);
  vel_conv_clear (&self->conv_out);
}

/* What a convolution takes must be what the layer before makes: a file can say anything. */
static void
check_chain (const VelVaeCoder *self, VelLoader *loader, gboolean down)
{
  gint64 channels = self->conv_in.out;
  gboolean fits = TRUE;

  if (!down)
    fits = self->middle.in.conv1.in == channels;
  if (!down)
    channels = self->middle.out.conv2.out;
  for (unsigned k = 0; k < self->n_levels && fits; k++) {
    const VelVaeLevel *level = &self->levels[down ? k : self->n_levels - 1 - k];

    for (unsigned i = 0; i < level->n_blocks && fits; i++) {
      fits = level->blocks[i].conv1.in == channels;
      channels = level->blocks[i].conv2.out;
    }
    if (level->has_resample && fits) {
      fits = level->resample.in == channels;
      channels = level->resample.out;
    }
  }
  if (down) {
    fits = fits && self->middle.in.conv1.in == channels;
    channels = self->middle.out.conv2.out;
  }
  fits = fits && self->middle.in.conv2.out == self->middle.attention.out.out && self->middle.attention.out.out == self->middle.out.conv1.in
         && self->norm_out.channels == channels && self->n_levels > 0 && self->n_levels <= 8;
  if (!fits && vel_loader_ok (loader))
    g_set_error (&loader->error, VEL_ERROR, VEL_ERROR_FAMILY,
                 _ ("The layers of the VAE in \"%s\" do not fit together; the file is incomplete or of an unknown architecture"),
                 vel_weights_get_path (loader->weights));
}

VelVae *
vel_vae_load (VelLoader *loader)
{
  g_autoptr (VelVae) self = g_new0 (VelVae, 1);

  self->type = loader->compute;
  coder_load (&self->decoder, loader, PREFIX "decoder.", "up.", "upsample", VEL_VAE_CHANNELS, 3);
  vel_conv_load (&self->post_quant, loader, VEL_VAE_CHANNELS, VEL_VAE_CHANNELS, 1, PREFIX "post_quant_conv");
  if (vel_loader_ok (loader))
    check_chain (&self->decoder, loader, FALSE);
  self->has_encoder = vel_loader_has (loader, PREFIX "encoder.conv_in.weight");
  if (self->has_encoder && vel_loader_ok (loader)) {
    coder_load (&self->encoder, loader, PREFIX "encoder.", "down.", "downsample", 3, 2 * VEL_VAE_CHANNELS);
    vel_conv_load (&self->quant, loader, 2 * VEL_VAE_CHANNELS, 2 * VEL_VAE_CHANNELS, 1, PREFIX "quant_conv");
    if (vel_loader_ok (loader))
      check_chain (&self->encoder, loader, TRUE);
  }
  return vel_loader_ok (loader) ? g_steal_pointer (&self) : NULL;
}

void
vel_vae_free (VelVae *self)
{
  if (!self)
    return;
  coder_clear (&self->encoder);
  coder_clear (&self->decoder);
  vel_conv_clear (&self->quant);
  vel_conv_clear (&self->post_quant);
  g_free (self);
}

gboolean
vel_vae_has_encoder (const VelVae *self)
{
  return self->has_encoder;
}

unsigned
vel_vae_get_factor (const VelVae *self)
{
  unsigned factor = 1;

  for (unsigned i = 0; i < self->decoder.n_levels; i++)
    if (self->decoder.levels[i].has_resample)
      factor *= 2;
  return factor;
}

/* The intermediates are the largest of the whole program (268 MB each at 512x512), so each is dropped as soon as it has been read. */
static VelTensor *
res_block (VelContext *ctx, const VelVaeBlock *self, VelTensor *x)
{
  VelTensor *normed, *h, *skip;

  vel_context_open (ctx);
  normed = vel_group_norm (ctx, &self->norm1, x, TRUE);
  h = vel_conv (ctx, &self->conv1, normed, NULL);
  vel_context_drop (ctx, normed);
  normed = vel_group_norm (ctx, &self->norm2, h, TRUE);
  vel_context_drop (ctx, h);
  skip = self->skip.weight ? vel_conv (ctx, &self->skip, x, NULL) : x;
  h = vel_conv (ctx, &self->conv2, normed, skip);
  return vel_context_close (ctx, h);
}

/* x: [B, h, w, C] -> the same */
static VelTensor *
attention (VelContext *ctx, const VelVaeAttention *self, VelTensor *x)
{
  gint64 channels = self->out.out;
  VelTensor *h;

  vel_context_open (ctx);
  h = vel_group_norm (ctx, &self->norm, x, FALSE);
  h = vel_context_reshape (ctx, h, VEL_SHAPE (x->shape.size[0], x->shape.size[1] * x->shape.size[2], channels));
  h = vel_linear (ctx, &self->qkv, h, VEL_ACTIVATION_NONE, NULL); /* [B, h w, 3 C] */
  h = vel_op_attention (ctx, (VelAttend) { .q = h, .k = h, .v = h, .k_offset = channels, .v_offset = 2 * channels,
                                           .heads = 1, .head_dim = channels });
  h = vel_context_reshape (ctx, h, x->shape);
  h = vel_linear (ctx, &self->out, h, VEL_ACTIVATION_NONE, x);
  return vel_context_close (ctx, h);
}

VelTensor *
vel_vae_middle (VelContext *ctx, const VelVaeMiddle *self, VelTensor *x)
{
  vel_context_open (ctx);
  x = res_block (ctx, &self->in, x);
  x = attention (ctx, &self->attention, x);
  x = res_block (ctx, &self->out, x);
  return vel_context_close (ctx, x);
}

/* Runs one layer and drops its input, which nothing else needs. */
#define THEN(call) \
  do { \
    VelTensor *before_ = x; \
    x = (call); \
    vel_context_drop (ctx, before_); \
  } while (0)

VelTensor *
vel_vae_decode (VelContext *ctx, const VelVae *self, VelTensor *latent)
{
  const VelVaeCoder *decoder = &self->decoder;
  VelTensor *x;

  vel_context_open (ctx);
  x = vel_conv (ctx, &self->post_quant, vel_op_convert (ctx, latent, self->type), NULL);
  THEN (vel_conv (ctx, &decoder->conv_in, x, NULL));
  THEN (vel_vae_middle (ctx, &decoder->middle, x));
  for (unsigned l = decoder->n_levels; l-- > 0;) {
    const VelVaeLevel *level = &decoder->levels[l];

    for (unsigned i = 0; i < level->n_blocks; i++)
      THEN (res_block (ctx, &level->blocks[i], x));
    if (level->has_resample)
      THEN (vel_conv_with (ctx, &level->resample, x,
                           (VelConvOptions) { .pad_before = 1,
                                              .pad_after = 1,
                                              .up_height = 2 * x->shape.size[1],
                                              .up_width = 2 * x->shape.size[2] }));
  }
  THEN (vel_group_norm (ctx, &decoder->norm_out, x, TRUE));
  THEN (vel_conv (ctx, &decoder->conv_out, x, NULL));
  x = vel_op_convert (ctx, x, VEL_F32);
  return vel_context_close (ctx, x);
}

/* The first channels of each pixel: the mean of [mean, log variance]. */
VelTensor *
vel_vae_take_mean (VelContext *ctx, VelTensor *moments)
{
  gint64 batch = moments->shape.size[0];
  gint64 height = moments->shape.size[1], width = moments->shape.size[2];
  VelTensor *mean, *planes, *result;

  vel_context_open (ctx);
  planes = vel_op_channels_first (ctx, moments); /* [B, 8, h, w] */
  mean = vel_context_tensor (ctx, moments->type, VEL_SHAPE (batch, VEL_VAE_CHANNELS, height, width));
  for (gint64 i = 0; i < batch; i++) {
    VelTensor *from = vel_context_slice (ctx, planes, i, 1);
    VelTensor *first = vel_context_slice (ctx, vel_context_reshape (ctx, from, VEL_SHAPE (2 * VEL_VAE_CHANNELS, height, width)), 0,
                                          VEL_VAE_CHANNELS);

    vel_op_combine_into (ctx, vel_context_slice (ctx, mean, i, 1), 1, (double[]) { 1 }, (VelTensor *[]) { first });
  }
  result = vel_op_channels_last (ctx, mean);
  return vel_context_close (ctx, result);
}

VelTensor *
vel_vae_encode (VelContext *ctx, const VelVae *self, VelTensor *image)
{
  const VelVaeCoder *encoder = &self->encoder;
  VelTensor *x;

  g_assert (self->has_encoder);
  vel_context_open (ctx);
  x = vel_conv (ctx, &encoder->conv_in, vel_op_convert (ctx, image, self->type), NULL);
  for (unsigned l = 0; l < encoder->n_levels; l++) {
    const VelVaeLevel *level = &encoder->levels[l];

    for (unsigned i = 0; i < level->n_blocks; i++)
      THEN (res_block (ctx, &level->blocks[i], x));
    if (level->has_resample) /* zeros right and below only, else pictures shift by a quarter of a latent */
      THEN (vel_conv_with (ctx, &level->resample, x, (VelConvOptions) { .stride = 2, .pad_after = 1 }));
  }
  THEN (vel_vae_middle (ctx, &encoder->middle, x));
  THEN (vel_group_norm (ctx, &encoder->norm_out, x, TRUE));
  THEN (vel_conv (ctx, &encoder->conv_out, x, NULL));
  THEN (vel_conv (ctx, &self->quant, x, NULL));
  x = vel_vae_take_mean (ctx, vel_op_convert (ctx, x, VEL_F32));
  return vel_context_close (ctx, x);
}
