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

/* Escapes what the prompt language would read, so that a text is taken as it stands. */
static char *
escape (const char *text)
{
  GString *out = g_string_new (NULL);

  for (; *text; text++) {
    if (strchr ("()[]\\", *text))
      g_string_append_c (out, '\\');
    g_string_append_c (out, *text);
  }
  return g_string_free (out, FALSE);
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

static void
trace_tokens (VelTrace *trace, GArray *chunks, const char *name)
{
  g_autofree gint32 *ids = g_new (gint32, chunks->len * VEL_CHUNK_TOKENS);
  g_autofree char *full = g_strconcat ("tokens.", name, NULL);

  for (guint i = 0; i < chunks->len; i++)
    for (guint k = 0; k < VEL_CHUNK_TOKENS; k++)
      ids[i * VEL_CHUNK_TOKENS + k] = (gint32) g_array_index (chunks, VelChunk, i).tokens[k];
  vel_trace_add_ints (trace, ids, VEL_SHAPE (chunks->len, VEL_CHUNK_TOKENS), full);
}

/* One chunk to rows of `out` ([77, width], host). */
static void
encode_chunk (VelContext *ctx, const VelClip *clip, const VelChunk *chunk, unsigned clip_skip, VelEmphasisMode mode, float *out)
{
  VelTensor *states;

  vel_context_open (ctx);
  states = vel_clip_encode (ctx, clip, chunk->tokens, VEL_CHUNK_TOKENS, clip_skip);
  if (vel_context_ok (ctx)) {
    vel_tensor_download (states, out);
    if (mode == VEL_EMPHASIS_ORIGINAL || mode == VEL_EMPHASIS_NO_NORM)
      weight_states (out, vel_clip_get_width (clip), chunk->weights, mode == VEL_EMPHASIS_ORIGINAL);
  }
  vel_context_close (ctx, NULL);
}

VelTensor *
vel_conditioning_encode (VelContext *ctx, const VelClip *clip, VelTokenizer *tokenizer, const char *prompt, unsigned clip_skip,
                         VelEmphasisMode mode, VelTrace *trace, const char *name)
{
  gint64 width = vel_clip_get_width (clip);
  g_autofree char *plain = mode == VEL_EMPHASIS_NONE ? escape (prompt) : NULL;
  g_autoptr (GArray) chunks = vel_prompt_chunk (tokenizer, plain ? plain : prompt);
  gint64 tokens = (gint64) chunks->len * VEL_CHUNK_TOKENS;
  g_autofree float *host = g_new (float, tokens * width);
  g_autoptr (VelTensor) states = NULL;

  for (guint i = 0; i < chunks->len && vel_context_ok (ctx); i++)
    encode_chunk (ctx, clip, &g_array_index (chunks, VelChunk, i), clip_skip, mode, host + (gsize) i * VEL_CHUNK_TOKENS * (gsize) width);
  if (!vel_context_ok (ctx))
    return NULL;
  trace_tokens (trace, chunks, name);
  states = vel_tensor_new (vel_context_get_device (ctx), VEL_F32, VEL_SHAPE (1, tokens, width));
  if (!states) {
    vel_context_fail (ctx, VEL_ERROR_MEMORY, _ ("There is not enough memory for a prompt of %u chunks; shorten it"), chunks->len);
    return NULL;
  }
  vel_tensor_upload (states, host);
  vel_trace_add (trace, states, name);
  return g_steal_pointer (&states);
}
