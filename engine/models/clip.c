/* CLIP's text encoder.  SPDX-License-Identifier: Apache-2.0 */
#include "config.h"

#include "engine/models/clip.h"

#include <glib/gi18n-lib.h>
#include <inttypes.h>
#include <string.h>

#define PREFIX "cond_stage_model.transformer.text_model."
#define HEAD_DIM 64
#define EPS 1e-5

typedef struct {
  VelNorm norm1;
  VelLinear qkv; /* [3 width, width] */
  VelLinear out; /* [width, width] */
  VelNorm norm2;
  VelLinear fc1; /* [4 width, width] */
  VelLinear fc2; /* [width, 4 width] */
} Layer;

struct VelClip {
  VelType type; /* of activations */
  gint64 width, n_tokens, n_positions;
  float *token_embedding;    /* [n_tokens, width] */
  float *position_embedding; /* [n_positions, width] */
  unsigned n_layers;
  Layer *layers;
  VelNorm final_norm;
};

static void
layer_load (Layer *self, VelLoader *loader, unsigned i, gint64 width)
{
  gint64 inner = vel_loader_size (loader, 0, PREFIX "encoder.layers.%u.mlp.fc1.weight", i);

  if (inner == 0)
    inner = 4 * width;
  vel_norm_load (&self->norm1, loader, width, EPS, PREFIX "encoder.layers.%u.layer_norm1", i);
  vel_linear_load_stacked (&self->qkv, loader, width, width, TRUE, "q_proj k_proj v_proj", PREFIX "encoder.layers.%u.self_attn.", i);
  vel_linear_load (&self->out, loader, width, width, TRUE, PREFIX "encoder.layers.%u.self_attn.out_proj", i);
  vel_norm_load (&self->norm2, loader, width, EPS, PREFIX "encoder.layers.%u.layer_norm2", i);
  vel_linear_load (&self->fc1, loader, width, inner, TRUE, PREFIX "encoder.layers.%u.mlp.fc1", i);
  vel_linear_load (&self->fc2, loader, inner, width, TRUE, PREFIX "encoder.layers.%u.mlp.fc2", i);
}

VelClip *
vel_clip_load (VelLoader *loader)
{
  g_autoptr (VelClip) self = g_new0 (VelClip, 1);

  self->n_tokens = vel_loader_size (loader, 0, PREFIX "embeddings.token_embedding.weight");
  self->n_positions = vel_loader_size (loader, 0, PREFIX "embeddings.position_embedding.weight");
  self->type = loader->compute;
  self->width = vel_loader_size (loader, 1, PREFIX "embeddings.token_embedding.weight");
  self->token_embedding = vel_loader_floats (loader, PREFIX "embeddings.token_embedding.weight", VEL_SHAPE (-1, -1));
  self->position_embedding = vel_loader_floats (loader, PREFIX "embeddings.position_embedding.weight", VEL_SHAPE (-1, self->width));
  self->n_layers = vel_loader_count (loader, PREFIX "encoder.layers.");
  self->layers = g_new0 (Layer, MAX (self->n_layers, 1));
  if (vel_loader_ok (loader) && (self->width % HEAD_DIM != 0 || self->n_layers == 0 || self->n_positions < 77))
    g_set_error (&loader->error, VEL_ERROR, VEL_ERROR_FAMILY,
                 _ ("The text encoder of \"%s\" has width %" PRId64 ", %u layers and %" PRId64
                    " positions; a multiple of 64, at least 1 and at least 77 are wanted"),
                 vel_weights_get_path (loader->weights), self->width, self->n_layers, self->n_positions);
  for (unsigned i = 0; i < self->n_layers && vel_loader_ok (loader); i++)
    layer_load (&self->layers[i], loader, i, self->width);
  vel_norm_load (&self->final_norm, loader, self->width, EPS, PREFIX "final_layer_norm");
  return vel_loader_ok (loader) ? g_steal_pointer (&self) : NULL;
}

void
vel_clip_free (VelClip *self)
{
  if (!self)
    return;
  for (unsigned i = 0; i < self->n_layers; i++) {
    Layer *layer = &self->layers[i];

    vel_norm_clear (&layer->norm1);
    vel_linear_clear (&layer->qkv);
    vel_linear_clear (&layer->out);
    vel_norm_clear (&layer->norm2);
    vel_linear_clear (&layer->fc1);
    vel_linear_clear (&layer->fc2);
  }
  vel_norm_clear (&self->final_norm);
  g_free (self->layers);
  g_free (self->token_embedding);
  g_free (self->position_embedding);
  g_free (self);
}

gint64
vel_clip_get_width (const VelClip *self)
{
  return self->width;
}

gint64
vel_clip_get_n_layers (const VelClip *self)
{
  return self->n_layers;
}

gint64
vel_clip_get_n_tokens (const VelClip *self)
{
  return self->n_tokens;
}

/* token + position embeddings -> [1, n, width] */
static VelTensor *
embed (VelContext *ctx, const VelClip *self, const guint32 *tokens, gint64 n)
{
  VelTensor *x = vel_context_tensor (ctx, VEL_F32, VEL_SHAPE (1, n, self->width));
  g_autofree float *rows = g_new (float, n * self->width);

  for (gint64 i = 0; i < n; i++) {
    const float *token = self->token_embedding + MIN ((gint64) tokens[i], self->n_tokens - 1) * self->width;
    const float *position = self->position_embedding + i * self->width;

    for (gint64 c = 0; c < self->width; c++)
      rows[i * self->width + c] = token[c] + position[c];
  }
  if (vel_context_ok (ctx))
    vel_tensor_upload (x, rows);
  return x;
}

/* x: [1, n, width] -> the same; pre-norm attention, then the two-layer perceptron */
static VelTensor *
layer_forward (VelContext *ctx, const Layer *self, VelTensor *x)
{
  gint64 width = self->out.out;
  VelTensor *h;

  vel_context_open (ctx);
  h = vel_layer_norm (ctx, &self->norm1, x);
  h = vel_linear (ctx, &self->qkv, h, VEL_ACTIVATION_NONE, NULL); /* [1, n, 3 width] */
  h = vel_op_attention (ctx, (VelAttend) { .q = h, .k = h, .v = h, .k_offset = width, .v_offset = 2 * width,
                                           .heads = width / HEAD_DIM, .head_dim = HEAD_DIM, .causal = TRUE });
  x = vel_linear (ctx, &self->out, h, VEL_ACTIVATION_NONE, x);
  h = vel_layer_norm (ctx, &self->norm2, x);
  h = vel_linear (ctx, &self->fc1, h, VEL_ACTIVATION_QUICK_GELU, NULL); /* [1, n, 4 width] */
  x = vel_linear (ctx, &self->fc2, h, VEL_ACTIVATION_NONE, x);
  return vel_context_close (ctx, x);
}

VelTensor *
vel_clip_encode (VelContext *ctx, const VelClip *self, const guint32 *tokens, gint64 n, unsigned skip)
{
  unsigned n_layers = skip > self->n_layers ? 1 : self->n_layers - (MAX (skip, 1) - 1);
  VelTensor *x;

  g_assert (n <= self->n_positions);
  vel_context_open (ctx);
  x = vel_op_convert (ctx, embed (ctx, self, tokens, n), self->type);
  for (unsigned i = 0; i < n_layers; i++)
    x = layer_forward (ctx, &self->layers[i], x);
  x = vel_op_convert (ctx, vel_layer_norm (ctx, &self->final_norm, x), VEL_F32);
  return vel_context_close (ctx, x);
}
