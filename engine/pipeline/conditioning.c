/* Prompts to text states.  SPDX-License-Identifier: Apache-2.0 */
#include "config.h"

#include "engine/pipeline/conditioning.h"

#include <glib/gi18n-lib.h>
#include <string.h>

VelEmphasisMode
vel_emphasis_mode_from_string (const char *text)
{
  if (g_strcmp0 (text, "no-norm") == 0)
    return VEL_EMPHASIS_NO_NORM;
  if (g_strcmp0 (text, "ignore") == 0)
    return VEL_EMPHASIS_IGNORE;
  if (g_strcmp0 (text, "none") == 0)
    return VEL_EMPHASIS_NONE;
  return VEL_EMPHASIS_ORIGINAL;
}

/* Sums that restore the mean are taken in double: the mean may be near zero. */
static double
mean (const float *values, gsize count)
{
  double sum = 0;

  for (gsize i = 0; i < count; i++)
    sum += values[i];
  return sum / (double) count;
}

/* states: [77, width] */
static void
weight_states (float *states, gint64 width, const float *weights, gboolean restore_mean)
{
  gsize count = (gsize) (VEL_CHUNK_TOKENS * width);
  double before = mean (states, count), after;

  for (gint64 i = 0; i < VEL_CHUNK_TOKENS; i++)
    for (gint64 c = 0; c < width; c++)
      states[i * width + c] *= weights[i];
  after = mean (states, count);
  if (!restore_mean || after == 0)
    return;
  for (gsize i = 0; i < count; i++)
    states[i] = (float) (states[i] * (before / after));
}

/* What follows the first end token of a chunk is padding, of which encoders have different ideas. end: gets where it stands. */
static void
read_tokens (VelTokenizer *tokenizer, const VelTextUse *use, const VelChunk *chunk, guint32 *tokens, gint64 *end)
{
  memcpy (tokens, chunk->tokens, sizeof chunk->tokens);
  for (*end = 0; *end < VEL_CHUNK_TOKENS - 1 && tokens[*end] != vel_tokenizer_get_end (tokenizer);)
    ++*end;
  for (gint64 i = *end + 1; use->pad_with_zero && i < VEL_CHUNK_TOKENS; i++)
    tokens[i] = 0;
}

static void
trace_tokens (const VelConditioner *self, GArray *chunks, guint encoder, const char *name)
{
  const VelTextUse *use = vel_clip_get_use (self->model->text[encoder]);
  g_autofree gint32 *ids = g_new (gint32, chunks->len * VEL_CHUNK_TOKENS);
  g_autofree char *full = encoder ? g_strdup_printf ("tokens.%u.%s", encoder + 1, name) : g_strconcat ("tokens.", name, NULL);

  for (guint i = 0; i < chunks->len; i++) {
    guint32 tokens[VEL_CHUNK_TOKENS];
    gint64 end;

    read_tokens (self->model->tokenizer, use, &g_array_index (chunks, VelChunk, i), tokens, &end);
    for (guint k = 0; k < VEL_CHUNK_TOKENS; k++)
      ids[i * VEL_CHUNK_TOKENS + k] = (gint32) tokens[k];
  }
  vel_trace_add_ints (self->trace, ids, VEL_SHAPE (chunks->len, VEL_CHUNK_TOKENS), full);
}

/* states: [77, width], (out). pooled: (nullable) host */
static void
run_encoder (VelContext *ctx, const VelConditioner *self, guint encoder, const VelChunk *chunk, float *states, float *pooled)
{
  const VelClip *clip = self->model->text[encoder];
  const float *vectors[VEL_CHUNK_TOKENS] = { NULL };
  guint32 tokens[VEL_CHUNK_TOKENS];
  gint64 end;

  read_tokens (self->model->tokenizer, vel_clip_get_use (clip), chunk, tokens, &end);
  for (gint64 i = 0; i < VEL_CHUNK_TOKENS; i++)
    if (chunk->vectors[i] > 0)
      vectors[i] = vel_embeddings_get_vector (self->embeddings, encoder, chunk->vectors[i] - 1);
  vel_context_open (ctx);
  {
    VelTensor *made = vel_clip_encode (ctx, clip, tokens, vectors, VEL_CHUNK_TOKENS, self->clip_skip, end, pooled);

    if (vel_context_ok (ctx))
      vel_tensor_download (made, states);
  }
  vel_context_close (ctx, NULL);
}

static GArray *
make_chunks (const VelConditioner *self, const char *text)
{
  gboolean plain = self->language == VEL_PROMPT_A1111 && self->emphasis == VEL_EMPHASIS_NONE;

  return vel_prompt_chunk (self->model->tokenizer, self->embeddings, plain ? VEL_PROMPT_PLAIN : self->language, text);
}

/* ComfyUI's: from the empty prompt's states as far as the weight says. */
static void
weight_from_empty (VelContext *ctx, const VelConditioner *self, guint encoder, const VelChunk *chunk, float *states)
{
  gint64 width = vel_clip_get_width (self->model->text[encoder]);
  g_autoptr (GArray) nothing = make_chunks (self, "");
  g_autofree float *empty = g_new (float, VEL_CHUNK_TOKENS * width);
  gboolean weighted = FALSE;

  for (gint64 i = 0; i < VEL_CHUNK_TOKENS; i++)
    weighted = weighted || chunk->weights[i] != 1;
  if (!weighted)
    return;
  run_encoder (ctx, self, encoder, &g_array_index (nothing, VelChunk, 0), empty, NULL);
  for (gint64 i = 0; i < VEL_CHUNK_TOKENS * width && vel_context_ok (ctx); i++)
    if (chunk->weights[i / width] != 1)
      states[i] = (states[i] - empty[i]) * chunk->weights[i / width] + empty[i];
}

/* One chunk through one encoder, to rows of `out` ([77, stride] host memory, of which it fills its width). pooled: (nullable) host */
static void
encode_chunk (VelContext *ctx, const VelConditioner *self, guint encoder, const VelChunk *chunk, gint64 stride, float *out, float *pooled)
{
  gint64 width = vel_clip_get_width (self->model->text[encoder]);
  g_autofree float *states = g_new (float, VEL_CHUNK_TOKENS * width);
  gboolean weigh = self->emphasis == VEL_EMPHASIS_ORIGINAL || self->emphasis == VEL_EMPHASIS_NO_NORM;

  run_encoder (ctx, self, encoder, chunk, states, pooled);
  if (!vel_context_ok (ctx))
    return;
  if (weigh && self->language == VEL_PROMPT_COMFYUI)
    weight_from_empty (ctx, self, encoder, chunk, states);
  else if (weigh)
    weight_states (states, width, chunk->weights, self->emphasis == VEL_EMPHASIS_ORIGINAL);
  for (gint64 i = 0; i < VEL_CHUNK_TOKENS; i++)
    memcpy (out + i * stride, states + i * width, (gsize) width * sizeof *out);
}

/* Takes host values to the device. Returns: (transfer full) (nullable), after an error of the context */
static VelTensor *
keep (VelContext *ctx, const float *values, VelShape shape)
{
  VelTensor *tensor = vel_tensor_new (vel_context_get_device (ctx), VEL_F32, shape);

  if (tensor)
    vel_tensor_upload (tensor, values);
  else
    vel_context_fail (ctx, VEL_ERROR_MEMORY, _ ("There is not enough memory for a prompt of %u chunks; shorten it"),
                      (guint) MAX (shape.size[1] / VEL_CHUNK_TOKENS, 1));
  return tensor;
}

static float
size_number (const VelConditioner *self, VelSizeNumber number, gboolean negative)
{
  switch (number) {
  case VEL_SIZE_HEIGHT:
    return (float) self->height;
  case VEL_SIZE_WIDTH:
    return (float) self->width;
  case VEL_SIZE_SCORE:
    return negative ? 2.5f : 6;
  default:
    return 0;
  }
}

/* Pooled text, then each number's sinusoid. */
static void
make_vector (VelContext *ctx, const VelConditioner *self, const float *pooled, gboolean negative, VelCondition *condition)
{
  const VelArchitecture *architecture = &self->model->architecture;
  const VelSizeNumber *numbers = architecture->family->sizes;
  g_autofree float *vector = g_new (float, architecture->vector_width);
  float values[G_N_ELEMENTS (architecture->family->sizes)];
  gint64 n = 0;

  memcpy (vector, pooled, (gsize) architecture->pooled_width * sizeof *vector);
  for (; numbers[n] != VEL_SIZE_END; n++)
    values[n] = size_number (self, numbers[n], negative);
  vel_context_open (ctx);
  {
    VelTensor *waves = vel_op_sinusoid (ctx, values, n, VEL_SIZE_CHANNELS);

    if (vel_context_ok (ctx))
      vel_tensor_download (waves, vector + architecture->pooled_width);
  }
  vel_context_close (ctx, NULL);
  condition->vector = keep (ctx, vector, VEL_SHAPE (1, architecture->vector_width));
}

guint
vel_conditioning_count (const VelConditioner *self, const char *text)
{
  g_autoptr (GArray) chunks = make_chunks (self, text);

  return chunks->len;
}

static void
encode_chunks (VelContext *ctx, const VelConditioner *self, GArray *chunks, float *states, float *pooled)
{
  gint64 stride = self->model->architecture.text_width, offset = 0;

  for (guint e = 0; self->model->text[e]; e++) {
    const VelClip *clip = self->model->text[e];

    for (guint i = 0; i < chunks->len && vel_context_ok (ctx); i++)
      encode_chunk (ctx, self, e, &g_array_index (chunks, VelChunk, i), stride, states + (gsize) i * VEL_CHUNK_TOKENS * (gsize) stride + offset,
                    i == 0 && vel_clip_get_pooled_width (clip) ? pooled : NULL);
    offset += vel_clip_get_width (clip);
  }
}

/* pooled: (nullable) */
static void
trace_all (const VelConditioner *self, const VelPassage *passage, GArray *chunks, VelTensor *states, const float *pooled)
{
  const char *name = passage->negative ? "uncond" : "cond";
  g_autofree char *full = g_strconcat ("pooled.", name, NULL);

  for (guint e = 0; self->model->text[e]; e++)
    trace_tokens (self, chunks, e, name);
  vel_trace_add (self->trace, states, name);
  if (pooled)
    vel_trace_add_floats (self->trace, pooled, VEL_SHAPE (1, self->model->architecture.pooled_width), full);
}

gboolean
vel_conditioning_encode (VelContext *ctx, const VelConditioner *self, const VelPassage *passage, VelCondition *condition)
{
  const VelArchitecture *architecture = &self->model->architecture;
  g_autoptr (GArray) chunks = make_chunks (self, passage->text), padding = make_chunks (self, "");
  g_autofree float *states = NULL, *pooled = architecture->pooled_width ? g_new (float, architecture->pooled_width) : NULL;
  gint64 tokens;

  while (chunks->len < passage->n_chunks)
    g_array_append_vals (chunks, padding->data, 1);
  tokens = (gint64) chunks->len * VEL_CHUNK_TOKENS;
  states = g_new (float, tokens * architecture->text_width);
  encode_chunks (ctx, self, chunks, states, pooled);
  if (!vel_context_ok (ctx))
    return FALSE;
  if (passage->nothing && self->zero_for_empty && architecture->family->zero_for_empty) {
    memset (states, 0, (gsize) (tokens * architecture->text_width) * sizeof *states);
    if (pooled)
      memset (pooled, 0, (gsize) architecture->pooled_width * sizeof *pooled);
  }
  condition->states = keep (ctx, states, VEL_SHAPE (1, tokens, architecture->text_width));
  if (condition->states && passage->traced)
    trace_all (self, passage, chunks, condition->states, pooled);
  if (architecture->vector_width)
    make_vector (ctx, self, pooled, passage->negative, condition);
  return vel_context_ok (ctx);
}
