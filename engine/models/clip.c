/* CLIP's text encoder.  SPDX-License-Identifier: Apache-2.0 */
#include "config.h"

#include "engine/models/clip.h"

#include <glib/gi18n-lib.h>
#include <inttypes.h>
#include <string.h>

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
  const VelTextUse *use;
  VelType type; /* of activations */
  gint64 width, n_tokens, n_positions;
  float *token_embedding;    /* [n_tokens, width] */
  float *position_embedding; /* [n_positions, width] */
  unsigned n_layers, n_used; /* used: of VEL_TEXT_LAYER_PENULTIMATE and _KEPT */
  Layer *layers;
  VelNorm final_norm;
  gint64 pooled_width;
  float *projection; /* (nullable) [width, pooled_width] */
};

/* What the two layouts call the same things. */
typedef struct {
  const char *root; /* after the family's prefix */
  const char *tokens, *positions, *layers;
  const char *norm1, *qkv, *qkv_leaves, *out, *norm2, *fc1, *fc2, *final_norm;
} Layout;

static const Layout transformers = {
  "transformer.text_model.", "embeddings.token_embedding.weight", "embeddings.position_embedding.weight", "encoder.layers.",
  "layer_norm1", "self_attn.", "q_proj k_proj v_proj", "self_attn.out_proj", "layer_norm2", "mlp.fc1", "mlp.fc2", "final_layer_norm",
};
static const Layout openclip = {
  "model.", "token_embedding.weight", "positional_embedding", "transformer.resblocks.",
  "ln_1", "attn.in_proj_", NULL, "attn.out_proj", "ln_2", "mlp.c_fc", "mlp.c_proj", "ln_final",
};

/* prefix: up to and with the layer's number and a dot */
static void
layer_load (Layer *self, VelLoader *loader, const Layout *layout, const char *prefix, gint64 width)
{
  gint64 inner = vel_loader_size (loader, 0, "%s%s.weight", prefix, layout->fc1);

  if (inner == 0)
    inner = 4 * width;
  vel_norm_load (&self->norm1, loader, width, EPS, "%s%s", prefix, layout->norm1);
  if (layout->qkv_leaves)
    vel_linear_load_stacked (&self->qkv, loader, width, width, TRUE, layout->qkv_leaves, "%s%s", prefix, layout->qkv);
  else
    vel_linear_load (&self->qkv, loader, width, 3 * width, TRUE, "%s%s", prefix, layout->qkv);
  vel_linear_load (&self->out, loader, width, width, TRUE, "%s%s", prefix, layout->out);
  vel_norm_load (&self->norm2, loader, width, EPS, "%s%s", prefix, layout->norm2);
  vel_linear_load (&self->fc1, loader, width, inner, TRUE, "%s%s", prefix, layout->fc1);
  vel_linear_load (&self->fc2, loader, inner, width, TRUE, "%s%s", prefix, layout->fc2);
}

static float *
load_floats (VelLoader *loader, const char *root, const char *leaf, VelShape shape)
{
  g_autofree char *name = g_strconcat (root, leaf, NULL);

  return vel_loader_floats (loader, name, shape);
}

/* OpenCLIP stores the projection as [width, pooled width], transformers its transpose. */
static void
load_projection (VelClip *self, VelLoader *loader)
{
  g_autofree float *stored = NULL;

  if (vel_loader_has (loader, "%smodel.text_projection", self->use->prefix)) {
    self->pooled_width = vel_loader_size (loader, 1, "%smodel.text_projection", self->use->prefix);
    self->projection = load_floats (loader, self->use->prefix, "model.text_projection", VEL_SHAPE (self->width, -1));
    return;
  }
  self->pooled_width = vel_loader_size (loader, 0, "%stransformer.text_projection.weight", self->use->prefix);
  stored = load_floats (loader, self->use->prefix, "transformer.text_projection.weight", VEL_SHAPE (-1, self->width));
  if (!stored)
    return;
  self->projection = g_new (float, self->width * self->pooled_width);
  for (gint64 i = 0; i < self->width; i++)
    for (gint64 o = 0; o < self->pooled_width; o++)
      self->projection[i * self->pooled_width + o] = stored[o * self->width + i];
}

VelClip *
vel_clip_load (VelLoader *loader, const VelTextUse *use)
{
  g_autoptr (VelClip) self = g_new0 (VelClip, 1);
  gboolean open = vel_loader_has (loader, "%smodel.token_embedding.weight", use->prefix);
  gboolean whole = open || vel_loader_has (loader, "%smodel.text_projection", use->prefix);
  const Layout *layout = open ? &openclip : &transformers;
  unsigned least = use->layer == VEL_TEXT_LAYER_ASKED ? 1 : 2;
  g_autofree char *root = g_strconcat (use->prefix, layout->root, NULL), *layers = g_strconcat (root, layout->layers, NULL);

  self->use = use;
  self->n_tokens = vel_loader_size (loader, 0, "%s%s", root, layout->tokens);
  self->n_positions = vel_loader_size (loader, 0, "%s%s", root, layout->positions);
  self->type = loader->compute;
  self->width = vel_loader_size (loader, 1, "%s%s", root, layout->tokens);
  self->token_embedding = load_floats (loader, root, layout->tokens, VEL_SHAPE (-1, -1));
  self->position_embedding = load_floats (loader, root, layout->positions, VEL_SHAPE (-1, self->width));
  self->n_layers = vel_loader_count (loader, layers);
  self->n_used = self->n_layers - (use->layer == VEL_TEXT_LAYER_PENULTIMATE || (use->layer == VEL_TEXT_LAYER_KEPT && whole));
  self->layers = g_new0 (Layer, MAX (self->n_layers, 1));
  if (vel_loader_ok (loader) && (self->width % HEAD_DIM != 0 || self->n_layers < least || self->n_positions < 77))
    g_set_error (&loader->error, VEL_ERROR, VEL_ERROR_FAMILY,
                 _ ("The text encoder of \"%s\" has width %" PRId64 ", %u layers and %" PRId64
                    " positions; a multiple of 64, at least %u and at least 77 are wanted"),
                 vel_weights_get_path (loader->weights), self->width, self->n_layers, self->n_positions, least);
  for (unsigned i = 0; i < self->n_layers && vel_loader_ok (loader); i++) {
    g_autofree char *prefix = g_strdup_printf ("%s%u.", layers, i);

    layer_load (&self->layers[i], loader, layout, prefix, self->width);
  }
  vel_norm_load (&self->final_norm, loader, self->width, EPS, "%s%s", root, layout->final_norm);
  if (use->pooled && vel_loader_ok (loader))
    load_projection (self, loader);
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
  g_free (self->projection);
  g_free (self);
}

const VelTextUse *
vel_clip_get_use (const VelClip *self)
{
  return self->use;
}

gint64
vel_clip_get_pooled_width (const VelClip *self)
{
  return self->pooled_width;
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

/* token + position embeddings -> [1, n, width]. vectors: (nullable) [n], each (nullable), in a token's place */
static VelTensor *
embed (VelContext *ctx, const VelClip *self, const guint32 *tokens, const float *const *vectors, gint64 n)
{
  VelTensor *x = vel_context_tensor (ctx, VEL_F32, VEL_SHAPE (1, n, self->width));
  g_autofree float *rows = g_new (float, n * self->width);

  for (gint64 i = 0; i < n; i++) {
    const float *token = self->token_embedding + MIN ((gint64) tokens[i], self->n_tokens - 1) * self->width;
    const float *position = self->position_embedding + i * self->width;

    if (vectors && vectors[i])
      token = vectors[i];

    for (gint64 c = 0; c < self->width; c++)
      rows[i * self->width + c] = token[c] + position[c];
  }
  if (vel_context_ok (ctx))
    vel_tensor_upload (x, rows);
  return x;
}

/* x: [1, n, width] -> the same; pre-norm attention, then the two-layer perceptron */
static VelTensor *
layer_forward (VelContext *ctx, const Layer *self, VelTensor *x, VelActivation activation)
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
  h = vel_linear (ctx, &self->fc1, h, activation, NULL); /* [1, n, 4 width] */
  x = vel_linear (ctx, &self->fc2, h, VEL_ACTIVATION_NONE, x);
  return vel_context_close (ctx, x);
}

static VelTensor *
run_layers (VelContext *ctx, const VelClip *self, VelTensor *x, unsigned from, unsigned to)
{
  for (unsigned i = from; i < to; i++)
    x = layer_forward (ctx, &self->layers[i], x, self->use->exact_gelu ? VEL_ACTIVATION_GELU : VEL_ACTIVATION_QUICK_GELU);
  return x;
}

/* x: [1, n, width], after the last layer. One row times one matrix: the host does it while the device would still be starting. */
static void
pool (VelContext *ctx, const VelClip *self, VelTensor *x, gint64 end, float *pooled)
{
  g_autofree float *states = NULL;

  x = vel_op_convert (ctx, vel_layer_norm (ctx, &self->final_norm, x), VEL_F32);
  if (!vel_context_ok (ctx))
    return;
  states = g_malloc (x->bytes);
  vel_tensor_download (x, states);
  for (gint64 o = 0; o < self->pooled_width; o++) {
    double sum = 0;

    for (gint64 i = 0; i < self->width; i++)
      sum += (double) states[end * self->width + i] * self->projection[i * self->pooled_width + o];
    pooled[o] = (float) sum;
  }
}

VelTensor *
vel_clip_encode (VelContext *ctx, const VelClip *self, const guint32 *tokens, const float *const *vectors, gint64 n, unsigned skip, gint64 end,
                 float *pooled)
{
  unsigned asked = skip > self->n_layers ? 1 : self->n_layers - (MAX (skip, 1) - 1);
  unsigned used = self->use->layer == VEL_TEXT_LAYER_ASKED ? asked : self->n_used;
  VelTensor *x, *states;

  g_assert (n <= self->n_positions && end < n && (!pooled || self->projection));
  vel_context_open (ctx);
  x = vel_op_convert (ctx, embed (ctx, self, tokens, vectors, n), self->type);
  x = run_layers (ctx, self, x, 0, used);
  states = self->use->final_norm ? vel_layer_norm (ctx, &self->final_norm, x) : x;
  states = vel_op_convert (ctx, states, VEL_F32);
  if (pooled)
    pool (ctx, self, run_layers (ctx, self, x, used, self->n_layers), end, pooled);
  return vel_context_close (ctx, states);
}
