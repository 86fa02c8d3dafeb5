/* The spatial transformer.  SPDX-License-Identifier: Apache-2.0 */
#include "config.h"

#include "engine/models/transformer.h"

#include <glib/gi18n-lib.h>
#include <inttypes.h>

#define GROUP_EPS 1e-6
#define LAYER_EPS 1e-5

static void
block_load (VelTransformerBlock *self, VelLoader *loader, const char *prefix, gint64 channels, gint64 context_dim, gint64 heads,
            gint64 head_dim)
{
  gint64 inner = vel_loader_size (loader, 1, "%sff.net.2.weight", prefix);

  self->heads = heads > 0 ? heads : channels / head_dim;
  self->head_dim = channels / MAX (self->heads, 1);
  if (vel_loader_ok (loader) && (self->heads == 0 || channels % self->heads != 0)) {
    g_set_error (&loader->error, VEL_ERROR, VEL_ERROR_FAMILY,
                 _ ("The attention \"%sattn1\" of \"%s\" has %" PRId64 " channels, which %" PRId64 " heads can not share"), prefix,
                 vel_weights_get_path (loader->weights), channels, self->heads);
    return;
  }
  vel_norm_load (&self->norm1, loader, channels, LAYER_EPS, "%snorm1", prefix);
  vel_linear_load_stacked (&self->qkv, loader, channels, channels, FALSE, "to_q to_k to_v", "%sattn1.", prefix);
  vel_linear_load (&self->self_out, loader, channels, channels, TRUE, "%sattn1.to_out.0", prefix);
  vel_norm_load (&self->norm2, loader, channels, LAYER_EPS, "%snorm2", prefix);
  vel_linear_load (&self->cross_q, loader, channels, channels, FALSE, "%sattn2.to_q", prefix);
  vel_linear_load_stacked (&self->cross_kv, loader, context_dim, channels, FALSE, "to_k to_v", "%sattn2.", prefix);
  vel_linear_load (&self->cross_out, loader, channels, channels, TRUE, "%sattn2.to_out.0", prefix);
  vel_norm_load (&self->norm3, loader, channels, LAYER_EPS, "%snorm3", prefix);
  vel_linear_load_gated (&self->ff_in, loader, channels, inner, "%sff.net.0.proj", prefix);
  vel_linear_load (&self->ff_out, loader, inner, channels, TRUE, "%sff.net.2", prefix);
}

static void
block_clear (VelTransformerBlock *self)
{
  vel_norm_clear (&self->norm1);
  vel_linear_clear (&self->qkv);
  vel_linear_clear (&self->self_out);
  vel_norm_clear (&self->norm2);
  vel_linear_clear (&self->cross_q);
  vel_linear_clear (&self->cross_kv);
  vel_linear_clear (&self->cross_out);
  vel_norm_clear (&self->norm3);
  vel_linear_clear (&self->ff_in);
  vel_linear_clear (&self->ff_out);
}

void
vel_transformer_load (VelTransformer *self, VelLoader *loader, const char *prefix, gint64 channels, gint64 context_dim, gint64 heads,
                      gint64 head_dim)
{
  g_autofree char *blocks = g_strdup_printf ("%stransformer_blocks.", prefix);

  vel_norm_load (&self->norm, loader, channels, GROUP_EPS, "%snorm", prefix);
  vel_linear_load (&self->proj_in, loader, channels, channels, TRUE, "%sproj_in", prefix);
  self->n_blocks = vel_loader_count (loader, blocks);
  self->blocks = g_new0 (VelTransformerBlock, MAX (self->n_blocks, 1));
  for (unsigned i = 0; i < self->n_blocks && vel_loader_ok (loader); i++) {
    g_autofree char *block = g_strdup_printf ("%s%u.", blocks, i);

    block_load (&self->blocks[i], loader, block, channels, context_dim, heads, head_dim);
  }
  vel_linear_load (&self->proj_out, loader, channels, channels, TRUE, "%sproj_out", prefix);
}

void
vel_transformer_clear (VelTransformer *self)
{
  vel_norm_clear (&self->norm);
  vel_linear_clear (&self->proj_in);
  for (unsigned i = 0; i < self->n_blocks; i++)
    block_clear (&self->blocks[i]);
  g_clear_pointer (&self->blocks, g_free);
  vel_linear_clear (&self->proj_out);
}

/* x: [B, T, C] -> the same.  keys_values: [B, text tokens, 2 C] */
static VelTensor *
block_forward (VelContext *ctx, const VelTransformerBlock *self, VelTensor *x, VelTensor *keys_values)
{
  gint64 channels = self->heads * self->head_dim;
  VelTensor *h, *q;

  vel_context_open (ctx);
  h = vel_layer_norm (ctx, &self->norm1, x);
  h = vel_linear (ctx, &self->qkv, h, VEL_ACTIVATION_NONE, NULL); /* [B, T, 3 C] */
  h = vel_op_attention (ctx, (VelAttend) { .q = h, .k = h, .v = h, .k_offset = channels, .v_offset = 2 * channels,
                                           .heads = self->heads, .head_dim = self->head_dim });
  x = vel_linear (ctx, &self->self_out, h, VEL_ACTIVATION_NONE, x);

  h = vel_layer_norm (ctx, &self->norm2, x);
  q = vel_linear (ctx, &self->cross_q, h, VEL_ACTIVATION_NONE, NULL);
  h = vel_op_attention (ctx, (VelAttend) { .q = q, .k = keys_values, .v = keys_values, .v_offset = channels,
                                           .heads = self->heads, .head_dim = self->head_dim });
  x = vel_linear (ctx, &self->cross_out, h, VEL_ACTIVATION_NONE, x);

  h = vel_layer_norm (ctx, &self->norm3, x);
  h = vel_linear (ctx, &self->ff_in, h, VEL_ACTIVATION_NONE, NULL); /* [B, T, 4 C] = value * gelu (gate) */
  x = vel_linear (ctx, &self->ff_out, h, VEL_ACTIVATION_NONE, x);
  return vel_context_close (ctx, x);
}

VelTensor *
vel_transformer (VelContext *ctx, const VelTransformer *self, VelTensor *x, VelTensor *const *keys_values)
{
  VelTensor *h;

  vel_context_open (ctx);
  h = vel_group_norm (ctx, &self->norm, x, FALSE);
  h = vel_context_reshape (ctx, h, VEL_SHAPE (x->shape.size[0], x->shape.size[1] * x->shape.size[2], x->shape.size[3]));
  h = vel_linear (ctx, &self->proj_in, h, VEL_ACTIVATION_NONE, NULL); /* [B, h w, C] */
  for (unsigned i = 0; i < self->n_blocks; i++)
    h = block_forward (ctx, &self->blocks[i], h, keys_values[i]);
  h = vel_context_reshape (ctx, h, x->shape);
  x = vel_linear (ctx, &self->proj_out, h, VEL_ACTIVATION_NONE, x);
  return vel_context_close (ctx, x);
}

struct VelTextKeys {
  GPtrArray *keys_values; /* VelTensor [B, T, 2 C], in the order the transformer blocks run */
};

VelTextKeys *
vel_text_keys_new (void)
{
  VelTextKeys *self = g_new (VelTextKeys, 1);

  self->keys_values = g_ptr_array_new_with_free_func ((GDestroyNotify) vel_tensor_unref);
  return self;
}

void
vel_text_keys_free (VelTextKeys *self)
{
  if (!self)
    return;
  g_ptr_array_unref (self->keys_values);
  g_free (self);
}

void
vel_text_keys_fill (VelContext *ctx, VelTextKeys *self, const VelTransformer *transformer, VelTensor *context, guint *used)
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

VelTensor *
vel_text_keys_transform (VelContext *ctx, const VelTextKeys *self, const VelTransformer *transformer, VelTensor *x, guint *used)
{
  VelTensor *const *keys_values = (VelTensor *const *) self->keys_values->pdata + *used;

  *used += transformer->n_blocks;
  return vel_transformer (ctx, transformer, x, keys_values);
}
