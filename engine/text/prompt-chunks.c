/* A prompt of any length as chunks the text encoder can take.  SPDX-License-Identifier: Apache-2.0
 * AUTOMATIC1111 1.10 modules/sd_hijack_clip.py tokenize_line. */
#include <string.h>

#include "engine/text/prompt.h"

#define CAPACITY (VEL_CHUNK_TOKENS - 2)
#define COMMA_REACH 20 /* comma_padding_backtrack */
#define NO_COMMA G_MAXUINT

typedef struct {
  VelTokenizer *tokenizer;
  GArray *chunks; /* (element-type VelChunk) finished ones */
  guint32 tokens[CAPACITY];
  float weights[CAPACITY];
  guint n;        /* tokens in the chunk being filled */
  guint comma;    /* where its last comma stands, or NO_COMMA */
  guint total;    /* tokens taken, without padding */
} Chunker;

/* The first n tokens become a chunk, the others begin the next one. */
static void
finish_chunk (Chunker *self, guint n)
{
  VelChunk chunk;

  for (guint i = 0; i < VEL_CHUNK_TOKENS; i++) {
    gboolean used = i > 0 && i <= n;

    chunk.tokens[i] = used ? self->tokens[i - 1] : vel_tokenizer_get_end (self->tokenizer);
    chunk.weights[i] = used ? self->weights[i - 1] : 1;
  }
  chunk.tokens[0] = vel_tokenizer_get_start (self->tokenizer);
  g_array_append_val (self->chunks, chunk);
  self->n -= n;
  memmove (self->tokens, self->tokens + n, self->n * sizeof *self->tokens);
  memmove (self->weights, self->weights + n, self->n * sizeof *self->weights);
  self->comma = NO_COMMA;
}

static void
add_token (Chunker *self, guint32 token, float weight)
{
  if (token == vel_tokenizer_get_comma (self->tokenizer))
    self->comma = self->n;
  else if (self->n == CAPACITY && self->comma != NO_COMMA && self->n - self->comma <= COMMA_REACH)
    finish_chunk (self, self->comma + 1);
  if (self->n == CAPACITY)
    finish_chunk (self, self->n);
  self->tokens[self->n] = token;
  self->weights[self->n++] = weight;
  self->total++;
}

static void
add_part (Chunker *self, const VelEmphasis *part)
{
  g_autoptr (GArray) ids = NULL;

  if (part->weight == -1 && g_str_equal (part->text, "BREAK")) {
    finish_chunk (self, self->n);
    return;
  }
  ids = vel_tokenizer_encode (self->tokenizer, part->text);
  for (guint i = 0; i < ids->len; i++)
    add_token (self, g_array_index (ids, guint32, i), (float) part->weight);
}

static GArray *
chunk_prompt (VelTokenizer *tokenizer, const char *prompt, guint *n_tokens)
{
  g_autoptr (GArray) parts = vel_prompt_parse_emphasis (prompt);
  Chunker chunker = { .tokenizer = tokenizer, .chunks = g_array_new (FALSE, FALSE, sizeof (VelChunk)), .comma = NO_COMMA };

  for (guint i = 0; i < parts->len; i++)
    add_part (&chunker, &g_array_index (parts, VelEmphasis, i));
  if (chunker.n > 0 || chunker.chunks->len == 0)
    finish_chunk (&chunker, chunker.n);
  *n_tokens = chunker.total;
  return chunker.chunks;
}

GArray *
vel_prompt_chunk (VelTokenizer *tokenizer, const char *prompt)
{
  guint n_tokens;

  return chunk_prompt (tokenizer, prompt, &n_tokens);
}

guint
vel_prompt_count (VelTokenizer *tokenizer, const char *prompt, guint *limit)
{
  guint n_tokens;
  g_autoptr (GArray) chunks = chunk_prompt (tokenizer, prompt, &n_tokens);

  *limit = chunks->len * CAPACITY;
  return n_tokens;
}
