/* The UNet, block by block in the order of its file names.  SPDX-License-Identifier: Apache-2.0
 * ldm/modules/diffusionmodules/openaimodel.py UNetModel. */
#include "config.h"

#include "engine/models/unet.h"

#include "engine/models/transformer.h"

#include <glib/gi18n-lib.h>
#include <math.h>

#define PREFIX "model.diffusion_model."
#define EPS 1e-5

/* norm, SiLU, convolution, time embedding, norm, SiLU, convolution, plus the input */
typedef struct {
  VelNorm in_norm;
  VelConv in_conv;      /* [out, in, 3, 3] */
  gint64 shift;         /* where its out channels begin in the projected time embedding */
  VelNorm out_norm;
  VelConv out_conv;     /* [out, out, 3, 3] */
  VelConv skip;         /* [out, in, 1, 1], where in != out */
} ResBlock;

/* One numbered block of the file; its parts stand in the order they run, absent ones have no weights. */
typedef struct {
  gboolean has_res, has_transformer, has_down, has_up;
  ResBlock res;
  VelTransformer transformer;
  VelConv down; /* 3x3, stride 2 */
  VelConv up;   /* 3x3 after doubling */
} Block;

struct VelUNet {
  VelType type;
  gint64 in_channels, channels, time_width, context_dim, vector_width;
  gint64 heads, head_dim;
  VelLinear time_in, time_out;
  VelLinear guidance_in;               /* where it is told the scale of guidance */
  VelLinear vector_in, vector_out;     /* where there is a label_emb */
  VelLinear shifts;                    /* the projections of all residual blocks, [sum of out, time width] */
  gint64 shift_width;
  GPtrArray *shift_names;              /* while loading */
  VelConv conv_in;                     /* input_blocks.0.0 */
  unsigned n_input, n_output;          /* input_blocks.1 .. n_input, output_blocks.0 .. n_output - 1 */
  Block *input, *output;
  ResBlock mid_in, mid_out;
  VelTransformer mid_transformer;
  gboolean has_mid, has_mid_transformer, has_mid_out; /* distilled networks leave some out, or all */
  VelNorm norm_out;
  VelConv conv_out;
};

struct VelUNetText {
  GPtrArray *keys_values; /* VelTensor [B, T, 2 C], in the order the transformer blocks run */
};

static void
res_block_load (ResBlock *self, VelLoader *loader, VelUNet *unet, const char *prefix)
{
  gint64 out = vel_loader_size (loader, 0, "%sin_layers.2.weight", prefix);
  gint64 in = vel_loader_size (loader, 1, "%sin_layers.2.weight", prefix);

  vel_norm_load (&self->in_norm, loader, in, EPS, "%sin_layers.0", prefix);
  vel_conv_load (&self->in_conv, loader, in, out, 3, "%sin_layers.2", prefix);
  vel_loader_expect (loader, VEL_SHAPE (out, unet->time_width), "%semb_layers.1.weight", prefix);
  g_ptr_array_add (unet->shift_names, g_strdup_printf ("%semb_layers.1", prefix));
  self->shift = unet->shift_width;
  unet->shift_width += out;
  vel_norm_load (&self->out_norm, loader, out, EPS, "%sout_layers.0", prefix);
  vel_conv_load (&self->out_conv, loader, out, out, 3, "%sout_layers.3", prefix);
  if (in != out)
    vel_conv_load (&self->skip, loader, in, out, 1, "%sskip_connection", prefix);
}

static void
res_block_clear (ResBlock *self)
{
  vel_norm_clear (&self->in_norm);
  vel_conv_clear (&self->in_conv);
  vel_norm_clear (&self->out_norm);
  vel_conv_clear (&self->out_conv);
  vel_conv_clear (&self->skip);
}

/* prefix: "model.diffusion_model.input_blocks.4." The transformer stands second; a convolution after it goes up. */
static void
block_load (Block *self, VelLoader *loader, VelUNet *unet, const char *prefix)
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
  res_block_load (&self->res, loader, unet, res);
  channels = self->res.in_conv.out;
  if (vel_loader_has (loader, "%snorm.weight", transformer)) {
    self->has_transformer = TRUE;
    vel_transformer_load (&self->transformer, loader, transformer, channels, unet->context_dim, unet->heads, unet->head_dim);
  }
  for (unsigned i = 1; i <= 2; i++)
    if (vel_loader_has (loader, "%s%u.conv.weight", prefix, i)) {
      self->has_up = TRUE;
      vel_conv_load (&self->up, loader, channels, channels, 3, "%s%u.conv", prefix, i);
    }
}

static void
block_clear (Block *self)
{
  res_block_clear (&self->res);
  vel_transformer_clear (&self->transformer);
  vel_conv_clear (&self->down);
  vel_conv_clear (&self->up);
}

/* The width of the text states: from the first cross-attention there is. */
static gint64
find_context_dim (VelLoader *loader)
{
  const char *const *names = vel_weights_get_names (loader->weights);

  for (gsize i = 0; names[i]; i++)
    if (g_str_has_prefix (names[i], PREFIX) && g_str_has_suffix (names[i], ".attn2.to_k.weight"))
      return vel_loader_size (loader, 1, "%s", names[i]);
  return 0;
}

static void
blocks_load (Block **blocks, unsigned first, unsigned n, VelLoader *loader, VelUNet *unet, const char *side)
{
  *blocks = g_new0 (Block, MAX (n, 1));
  for (unsigned i = 0; i < n && vel_loader_ok (loader); i++) {
    g_autofree char *prefix = g_strdup_printf (PREFIX "%s.%u.", side, first + i);

    block_load (&(*blocks)[i], loader, unet, prefix);
  }
}

/* Every output block must fit the picture that reaches it: channels of what comes from below plus its skip. */
static void
check_skips (const VelUNet *self, VelLoader *loader)
{
  g_autoptr (GArray) skips = g_array_new (FALSE, FALSE, sizeof (gint64));
  gint64 channels = self->conv_in.out;

  g_array_append_val (skips, channels);
  for (unsigned i = 0; i < self->n_input; i++) {
    const Block *block = &self->input[i];
    gint64 in = block->has_res ? block->res.in_conv.in : block->down.in;

    if (in != channels)
      goto mismatch;
    channels = block->has_res ? block->res.in_conv.out : block->down.out;
    g_array_append_val (skips, channels);
  }
  if (self->has_mid && self->mid_in.in_conv.in != channels)
    goto mismatch;
  for (unsigned i = 0; i < self->n_output; i++) {
    const Block *block = &self->output[i];

    if (skips->len == 0 || !block->has_res || block->res.in_conv.in != channels + g_array_index (skips, gint64, skips->len - 1))
      goto mismatch;
    g_array_set_size (skips, skips->len - 1);
    channels = block->res.in_conv.out;
  }
  if (skips->len == 0)
    return;
mismatch:
  g_set_error (&loader->error, VEL_ERROR, VEL_ERROR_FAMILY,
               _ ("The blocks of the UNet in \"%s\" do not fit together (%u input blocks, %u output blocks); the file is incomplete or of "
                  "an unknown architecture"),
               vel_weights_get_path (loader->weights), self->n_input + 1, self->n_output);
}

VelUNet *
vel_unet_load (VelLoader *loader, gint64 heads, gint64 head_dim)
{
  g_autoptr (VelUNet) self = g_new0 (VelUNet, 1);
  unsigned n_input = vel_loader_count (loader, PREFIX "input_blocks.");

  self->type = loader->compute;
  self->heads = heads;
  self->head_dim = head_dim;
  self->shift_names = g_ptr_array_new_with_free_func (g_free);
  self->in_channels = vel_loader_size (loader, 1, PREFIX "input_blocks.0.0.weight");
  self->channels = vel_loader_size (loader, 0, PREFIX "input_blocks.0.0.weight");
  self->time_width = vel_loader_size (loader, 0, PREFIX "time_embed.0.weight");
  self->context_dim = find_context_dim (loader);
  self->n_input = n_input ? n_input - 1 : 0;
  self->n_output = vel_loader_count (loader, PREFIX "output_blocks.");

  vel_linear_load (&self->time_in, loader, self->channels, self->time_width, TRUE, PREFIX "time_embed.0");
  vel_linear_load (&self->time_out, loader, self->time_width, self->time_width, TRUE, PREFIX "time_embed.2");
  if (vel_loader_has (loader, PREFIX "time_embed.cond_proj.weight"))
    vel_linear_load (&self->guidance_in, loader, -1, self->channels, FALSE, PREFIX "time_embed.cond_proj");
  self->vector_width = vel_loader_size (loader, 1, PREFIX "label_emb.0.0.weight");
  if (self->vector_width) {
    vel_linear_load (&self->vector_in, loader, self->vector_width, self->time_width, TRUE, PREFIX "label_emb.0.0");
    vel_linear_load (&self->vector_out, loader, self->time_width, self->time_width, TRUE, PREFIX "label_emb.0.2");
  }
  vel_conv_load (&self->conv_in, loader, self->in_channels, self->channels, 3, PREFIX "input_blocks.0.0");
  blocks_load (&self->input, 1, self->n_input, loader, self, "input_blocks");
  self->has_mid = vel_loader_has (loader, PREFIX "middle_block.0.in_layers.2.weight");
  if (self->has_mid) {
    res_block_load (&self->mid_in, loader, self, PREFIX "middle_block.0.");
    self->has_mid_transformer = vel_loader_has (loader, PREFIX "middle_block.1.norm.weight");
    if (self->has_mid_transformer)
      vel_transformer_load (&self->mid_transformer, loader, PREFIX "middle_block.1.", self->mid_in.in_conv.out, self->context_dim, heads,
                            head_dim);
    self->has_mid_out = vel_loader_has (loader, PREFIX "middle_block.2.in_layers.2.weight");
    if (self->has_mid_out)
      res_block_load (&self->mid_out, loader, self, PREFIX "middle_block.2.");
  }
  blocks_load (&self->output, 0, self->n_output, loader, self, "output_blocks");
  if (vel_loader_ok (loader) && self->shift_names->len)
    vel_linear_load_parts (&self->shifts, loader, (const char *const *) self->shift_names->pdata, self->shift_names->len, self->time_width);
  g_clear_pointer (&self->shift_names, g_ptr_array_unref);
  vel_norm_load (&self->norm_out, loader, self->channels, EPS, PREFIX "out.0");
  vel_conv_load (&self->conv_out, loader, self->channels, 4, 3, PREFIX "out.2");
  if (vel_loader_ok (loader))
    check_skips (self, loader);
  return vel_loader_ok (loader) ? g_steal_pointer (&self) : NULL;
}

void
vel_unet_free (VelUNet *self)
{
  if (!self)
    return;
  vel_linear_clear (&self->time_in);
  vel_linear_clear (&self->time_out);
  vel_linear_clear (&self->guidance_in);
  vel_linear_clear (&self->vector_in);
  vel_linear_clear (&self->vector_out);
  vel_linear_clear (&self->shifts);
  g_clear_pointer (&self->shift_names, g_ptr_array_unref);
  vel_conv_clear (&self->conv_in);
  for (unsigned i = 0; self->input && i < self->n_input; i++)
    block_clear (&self->input[i]);
  res_block_clear (&self->mid_in);
  vel_transformer_clear (&self->mid_transformer);
  res_block_clear (&self->mid_out);
  for (unsigned i = 0; self->output && i < self->n_output; i++)
    block_clear (&self->output[i]);
  vel_norm_clear (&self->norm_out);
  vel_conv_clear (&self->conv_out);
  g_free (self->input);
  g_free (self->output);
  g_free (self);
}

gint64
vel_unet_get_in_channels (const VelUNet *self)
{
  return self->in_channels;
}

gint64
vel_unet_get_context_dim (const VelUNet *self)
{
  return self->context_dim;
}

gint64
vel_unet_get_vector_width (const VelUNet *self)
{
  return self->vector_width;
}

VelType
vel_unet_get_type (const VelUNet *self)
{
  return self->type;
}

gint64
vel_unet_get_shift_width (const VelUNet *self)
{
  return self->shift_width;
}

/* used: (inout) which keys and values come next; those that are not there yet are made. */
static void
text_fill (VelUNetText *self, VelContext *ctx, const VelTransformer *transformer, VelTensor *context, guint *used)
{
  for (unsigned i = 0; i < transformer->n_blocks && vel_context_ok (ctx); i++, ++*used) {
    const VelLinear *cross_kv = &transformer->blocks[i].cross_kv;
    VelTensor *made;

    if (*used == self->keys_values->len) {
      VelTensor *kept = vel_tensor_new (vel_context_get_device (ctx), context->type,
                                        VEL_SHAPE (context->shape.size[0], context->shape.size[1], cross_kv->out));

      if (!kept) {
        vel_context_fail (ctx, VEL_ERROR_MEMORY, _ ("There is not enough memory for the prompt; close other programs"));
        return;
      }
      g_ptr_array_add (self->keys_values, kept);
    }
    vel_context_open (ctx);
    made = vel_linear (ctx, cross_kv, context, VEL_ACTIVATION_NONE, NULL);
    vel_op_combine_into (ctx, self->keys_values->pdata[*used], 1, (double[]) { 1 }, &made);
    vel_context_close (ctx, NULL);
  }
}

void
vel_unet_text_set (VelContext *ctx, const VelUNet *self, VelUNetText *text, VelTensor *context)
{
  guint used = 0;

  vel_context_open (ctx);
  context = vel_op_convert (ctx, context, self->type);
  for (unsigned i = 0; i < self->n_input; i++)
    text_fill (text, ctx, &self->input[i].transformer, context, &used);
  text_fill (text, ctx, &self->mid_transformer, context, &used);
  for (unsigned i = 0; i < self->n_output; i++)
    text_fill (text, ctx, &self->output[i].transformer, context, &used);
  vel_context_close (ctx, NULL);
}

VelUNetText *
vel_unet_text_new (VelContext *ctx, const VelUNet *self, VelTensor *context)
{
  g_autoptr (VelUNetText) text = g_new0 (VelUNetText, 1);

  text->keys_values = g_ptr_array_new_with_free_func ((GDestroyNotify) vel_tensor_unref);
  vel_unet_text_set (ctx, self, text, context);
  return vel_context_ok (ctx) ? g_steal_pointer (&text) : NULL;
}

void
vel_unet_text_free (VelUNetText *self)
{
  if (!self)
    return;
  g_ptr_array_unref (self->keys_values);
  g_free (self);
}

/* x: [B, h, w, in] -> [B, h, w, out].  x2: (nullable) the last of the `in` channels, which then x lacks.  shifts: [B or 1, width] */
static VelTensor *
res_block (VelContext *ctx, const ResBlock *self, VelTensor *x, VelTensor *x2, VelTensor *shifts)
{
  VelTensor *h, *skip;

  vel_context_open (ctx);
  if (x2 && (!self->skip.weight || !vel_op_takes_two (ctx))) {
    x = vel_op_concat (ctx, x, x2);
    x2 = NULL;
  }
  h = vel_group_norm_two (ctx, &self->in_norm, x, x2, TRUE);
  h = vel_conv_shifted (ctx, &self->in_conv, h, shifts, self->shift);
  h = vel_group_norm (ctx, &self->out_norm, h, TRUE);
  skip = self->skip.weight ? vel_conv_with (ctx, &self->skip, x, (VelConvOptions) { .x2 = x2 }) : x;
  h = vel_conv (ctx, &self->out_conv, h, skip);
  return vel_context_close (ctx, h);
}

static VelTensor *
transformer (VelContext *ctx, const VelTransformer *self, VelTensor *x, const VelUNetText *text, guint *used)
{
  VelTensor *const *keys_values = (VelTensor *const *) text->keys_values->pdata + *used;

  *used += self->n_blocks;
  return vel_transformer (ctx, self, x, keys_values);
}

/* times: [n, time width], vectors: [m, vector width] -> [n * m, time width], each time with each vector */
static VelTensor *
add_vectors (VelContext *ctx, const VelUNet *self, VelTensor *times, VelTensor *vectors)
{
  gint64 n = times->shape.size[0], m = vectors->shape.size[0];
  VelTensor *all = vel_context_tensor (ctx, self->type, VEL_SHAPE (n * m, self->time_width)), *emb;

  emb = vel_linear (ctx, &self->vector_in, vel_op_convert (ctx, vectors, self->type), VEL_ACTIVATION_SILU, NULL);
  emb = vel_linear (ctx, &self->vector_out, emb, VEL_ACTIVATION_NONE, NULL);
  for (gint64 i = 0; i < n * m; i++)
    vel_op_combine_into (ctx, vel_context_slice (ctx, all, i, 1), 2, (double[]) { 1, 1 },
                         (VelTensor *[]) { vel_context_slice (ctx, times, i / m, 1), vel_context_slice (ctx, emb, i % m, 1) });
  return all;
}

/* waves: [n, channels]. The scale less 1, in thousandths, as a sinusoid with the sine first whose lowest frequency is 1/10000 itself
 * (latent_consistency_models guidance_scale_embedding). */
static VelTensor *
add_guidance (VelContext *ctx, const VelUNet *self, VelTensor *waves, double guidance)
{
  gint64 n = waves->shape.size[0], width = self->guidance_in.in, half = width / 2;
  g_autofree float *host = g_new0 (float, n * width);
  VelTensor *told = vel_context_tensor (ctx, VEL_F32, VEL_SHAPE (n, width));

  for (gint64 i = 0; i < n; i++)
    for (gint64 k = 0; k < half; k++) {
      float angle = (float) ((guidance - 1) * 1000) * expf ((float) k * (float) (-log (10000) / (double) (half - 1)));

      host[i * width + k] = sinf (angle);
      host[i * width + half + k] = cosf (angle);
    }
  if (vel_context_ok (ctx))
    vel_tensor_upload (told, host);
  return vel_linear (ctx, &self->guidance_in, vel_op_convert (ctx, told, self->type), VEL_ACTIVATION_NONE, waves);
}

VelTensor *
vel_unet_embed_times (VelContext *ctx, const VelUNet *self, const float *timesteps, gint64 n, double guidance, VelTensor *vectors)
{
  VelTensor *emb;

  g_assert (!vectors || vectors->shape.size[1] == self->vector_width);
  vel_context_open (ctx);
  emb = vel_op_convert (ctx, vel_op_sinusoid (ctx, timesteps, n, self->channels), self->type);
  if (self->guidance_in.weight)
    emb = add_guidance (ctx, self, emb, guidance);
  emb = vel_linear (ctx, &self->time_in, emb, VEL_ACTIVATION_SILU, NULL);
  /* the SiLU after it is the one every residual block begins with */
  emb = vel_linear (ctx, &self->time_out, emb, vectors ? VEL_ACTIVATION_NONE : VEL_ACTIVATION_SILU, NULL);
  if (vectors)
    emb = vel_op_activate (ctx, add_vectors (ctx, self, emb, vectors), VEL_ACTIVATION_SILU);
  emb = vel_linear (ctx, &self->shifts, emb, VEL_ACTIVATION_NONE, NULL);
  return vel_context_close (ctx, emb);
}

/* One block on its way down: what it makes is also a skip connection, so it lives in the caller's scope. */
static VelTensor *
input_block (VelContext *ctx, const Block *self, VelTensor *x, VelTensor *shifts, const VelUNetText *text, guint *used)
{
  vel_context_open (ctx);
  if (self->has_down)
    x = vel_conv_with (ctx, &self->down, x, (VelConvOptions) { .stride = 2, .pad_before = 1, .pad_after = 1 });
  if (self->has_res)
    x = res_block (ctx, &self->res, x, NULL, shifts);
  if (self->has_transformer)
    x = transformer (ctx, &self->transformer, x, text, used);
  return vel_context_close (ctx, x);
}

/* One block on its way up. next: (nullable) the skip connection after this one: going up ends at its size, which is not the double
 * where a side was odd. */
static VelTensor *
output_block (VelContext *ctx, const Block *self, VelTensor *x, VelTensor *skip, VelTensor *next, VelTensor *shifts,
              const VelUNetText *text, guint *used)
{
  vel_context_open (ctx);
  x = res_block (ctx, &self->res, x, skip, shifts);
  if (self->has_transformer)
    x = transformer (ctx, &self->transformer, x, text, used);
  if (self->has_up)
    x = vel_conv_with (ctx, &self->up, x,
                       (VelConvOptions) { .pad_before = 1,
                                          .pad_after = 1,
                                          .up_height = next ? next->shape.size[1] : 2 * x->shape.size[1],
                                          .up_width = next ? next->shape.size[2] : 2 * x->shape.size[2] });
  return vel_context_close (ctx, x);
}

VelTensor *
vel_unet_forward (VelContext *ctx, const VelUNet *self, VelTensor *x, VelTensor *shifts, const VelUNetText *text)
{
  g_autoptr (GPtrArray) skips = g_ptr_array_new ();
  guint used = 0;

  g_assert (x->type == self->type && shifts->type == self->type && shifts->shape.size[1] == self->shift_width);
  vel_context_open (ctx);
  x = vel_conv (ctx, &self->conv_in, x, NULL);
  g_ptr_array_add (skips, x);
  for (unsigned i = 0; i < self->n_input; i++) {
    x = input_block (ctx, &self->input[i], x, shifts, text, &used);
    g_ptr_array_add (skips, x);
  }
  if (self->has_mid) {
    x = res_block (ctx, &self->mid_in, x, NULL, shifts);
    if (self->has_mid_transformer)
      x = transformer (ctx, &self->mid_transformer, x, text, &used);
    if (self->has_mid_out)
      x = res_block (ctx, &self->mid_out, x, NULL, shifts);
  }
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
