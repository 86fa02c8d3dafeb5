/* A prompt of any length as chunks the text encoder can take.  SPDX-License-Identifier: Apache-2.0
 * AUTOMATIC1111 1.10 modules/sd_hijack_clip.py tokenize_line; ComfyUI comfy/sd1_clip.py tokenize_with_weights. */
#include <string.h>

#include "engine/text/prompt.h"
#include "engine/text/unicode.h"

#define CAPACITY (VEL_CHUNK_TOKENS - 2)
#define COMMA_REACH 20 /* A1111's comma_padding_backtrack */
#define LARGE_PART 8   /* ComfyUI's max_word_length */
#define NO_COMMA G_MAXUINT

typedef struct {
  guint32 token, vector; /* vector: as in VelChunk */
  float weight;
} Slot;

typedef struct {
  VelTokenizer *tokenizer;
  const VelEmbeddings *embeddings; /* (nullable) */
  guint comma_reach;               /* how far a full chunk looks back for a comma; 0: it does not */
  GArray *chunks;                  /* (element-type VelChunk) finished ones */
  Slot slots[CAPACITY];
  guint n;     /* of the chunk being filled */
  guint comma; /* where its last comma stands, or NO_COMMA */
  guint total; /* slots taken, without padding */
} Chunker;

/* The first n slots become a chunk, the others begin the next one. Vectors stay where they were put, behind the chunk's end, and leave but
 * token 0 in the next one: as in A1111, which moves tokens, but not their embeddings. */
static void
finish_chunk (Chunker *self, guint n)
{
  VelChunk chunk = { 0 };

  for (guint i = 0; i < VEL_CHUNK_TOKENS; i++) {
    gboolean filled = i > 0 && i <= self->n, used = i > 0 && i <= n;

    chunk.tokens[i] = used ? self->slots[i - 1].token : vel_tokenizer_get_end (self->tokenizer);
    chunk.weights[i] = used ? self->slots[i - 1].weight : 1;
    chunk.vectors[i] = filled ? self->slots[i - 1].vector : 0;
  }
  chunk.tokens[0] = vel_tokenizer_get_start (self->tokenizer);
  g_array_append_val (self->chunks, chunk);
  self->n -= n;
  memmove (self->slots, self->slots + n, self->n * sizeof *self->slots);
  for (guint i = 0; i < self->n; i++)
    self->slots[i].vector = 0;
  self->comma = NO_COMMA;
}

static void
add_slot (Chunker *self, guint32 token, guint32 vector, float weight)
{
  self->slots[self->n++] = (Slot){ token, vector, weight };
  self->total++;
}

/* The next chunk begins where this one is full, and before unless they may be split. */
static void
add_vectors (Chunker *self, guint first, guint count, float weight, gboolean split)
{
  if (!split && self->n + count > CAPACITY)
    finish_chunk (self, self->n);
  for (guint i = 0; i < count; i++) {
    if (self->n == CAPACITY)
      finish_chunk (self, self->n);
    add_slot (self, 0, first + i + 1, weight);
  }
}

/* ------------------------------------------------------------------ A1111 */

static void
make_room (Chunker *self, guint32 token)
{
  if (token == vel_tokenizer_get_comma (self->tokenizer))
    self->comma = self->n;
  else if (self->n == CAPACITY && self->comma != NO_COMMA && self->n - self->comma <= self->comma_reach)
    finish_chunk (self, self->comma + 1);
  if (self->n == CAPACITY)
    finish_chunk (self, self->n);
}

static void
add_part (Chunker *self, const VelEmphasis *part)
{
  g_autoptr (GArray) ids = NULL;
  float weight = (float) part->weight;
  guint n_ids = 1, first, count;

  if (part->weight == -1 && g_str_equal (part->text, "BREAK")) {
    finish_chunk (self, self->n);
    return;
  }
  ids = vel_tokenizer_encode (self->tokenizer, part->text);
  for (guint i = 0; i < ids->len; i += n_ids) {
    const guint32 *token = &g_array_index (ids, guint32, i);

    n_ids = 1;
    make_room (self, *token);
    if (self->embeddings != NULL && vel_embeddings_match (self->embeddings, token, ids->len - i, &n_ids, &first, &count))
      add_vectors (self, first, count, weight, FALSE);
    else
      add_slot (self, *token, 0, weight);
  }
}

/* ------------------------------------------------------------------ ComfyUI */

/* Tokens that belong together, unless they are many. */
static void
add_group (Chunker *self, const char *text, float weight)
{
  g_autoptr (GArray) ids = vel_tokenizer_encode (self->tokenizer, text);
  gboolean large = ids->len >= LARGE_PART;

  if (!large && self->n + ids->len > CAPACITY)
    finish_chunk (self, self->n);
  for (guint i = 0; i < ids->len; i++) {
    if (self->n == CAPACITY)
      finish_chunk (self, self->n);
    add_slot (self, g_array_index (ids, guint32, i), 0, weight);
  }
}

static gboolean
find_named (const Chunker *self, const char *name, guint *first, guint *count)
{
  static const char *const endings[] = { "", ".safetensors", ".pt", ".bin" };

  for (guint i = 0; self->embeddings != NULL && i < G_N_ELEMENTS (endings); i++) {
    g_autofree char *bare = g_str_has_suffix (name, endings[i]) ? g_strndup (name, strlen (name) - strlen (endings[i])) : NULL;

    if (bare != NULL && vel_embeddings_find (self->embeddings, bare, first, count))
      return TRUE;
  }
  return FALSE;
}

static gboolean
is_space (const char *at)
{
  return (vel_unicode_get_classes (g_utf8_get_char (at)) & VEL_UNICODE_SPACE) != 0;
}

/* What follows "embedding:": a name up to white space or a bracket. Without the commas around it, if it is not known with them; one that is
 * not known at all says nothing. What is left after it is text. */
static void
add_named (Chunker *self, const char *text, float weight)
{
  const char *name = text, *end;
  g_autofree char *whole = NULL, *bare = NULL;
  GString *rest;
  guint first = 0, count = 0;

  while (*name != '\0' && is_space (name))
    name = g_utf8_next_char (name);
  for (end = name; *end != '\0' && *end != '<' && *end != '[' && !is_space (end);)
    end = g_utf8_next_char (end);
  rest = g_string_new (end);
  whole = g_strndup (name, end - name);
  if (!find_named (self, whole, &first, &count)) {
    const char *from = whole + strspn (whole, ",");

    bare = g_strndup (from, strlen (from));
    for (gsize n = strlen (bare); n > 0 && bare[n - 1] == ','; n--)
      bare[n - 1] = '\0';
    if (strlen (bare) < strlen (whole)) {
      g_string_prepend_c (rest, ' ');
      g_string_prepend (rest, whole + strlen (bare));
      find_named (self, bare, &first, &count);
    }
  }
  add_vectors (self, first, count, weight, count >= LARGE_PART);
  add_group (self, rest->str, weight);
  g_string_free (rest, TRUE);
}

static void
add_segment (Chunker *self, const VelEmphasis *part)
{
  static const char marker[] = "embedding:";
  const char *at = part->text, *next;

  for (; *at != '\0'; at = next) {
    g_autofree char *piece = NULL;

    for (next = at; (next = strstr (next == at ? at + 1 : next, marker)) != NULL && !is_space (g_utf8_prev_char (next)); next++)
      ;
    next = next != NULL ? next : at + strlen (at);
    piece = g_strndup (at, next - at);
    if (g_str_has_prefix (piece, marker))
      add_named (self, piece + strlen (marker), (float) part->weight);
    else
      add_group (self, piece, (float) part->weight);
  }
}

/* ------------------------------------------------------------------ both */

static GArray *
read_parts (VelPromptLanguage language, const char *prompt)
{
  VelEmphasis whole = { (char *) prompt, 1 };
  GArray *parts;

  if (language == VEL_PROMPT_A1111)
    return vel_prompt_parse_emphasis (prompt);
  if (language == VEL_PROMPT_COMFYUI)
    return vel_prompt_parse_emphasis_comfyui (prompt);
  parts = g_array_new (FALSE, FALSE, sizeof whole);
  return g_array_append_val (parts, whole);
}

static GArray *
chunk_prompt (VelTokenizer *tokenizer, const VelEmbeddings *embeddings, VelPromptLanguage language, const char *prompt, guint *n_tokens)
{
  g_autoptr (GArray) parts = read_parts (language, prompt);
  Chunker chunker = { .tokenizer = tokenizer,
                      .embeddings = embeddings,
                      .comma_reach = language == VEL_PROMPT_DIFFUSERS ? 0 : COMMA_REACH,
                      .chunks = g_array_new (FALSE, FALSE, sizeof (VelChunk)),
                      .comma = NO_COMMA };

  for (guint i = 0; i < parts->len; i++)
    (language == VEL_PROMPT_COMFYUI ? add_segment : add_part) (&chunker, &g_array_index (parts, VelEmphasis, i));
  if (chunker.n > 0 || chunker.chunks->len == 0)
    finish_chunk (&chunker, chunker.n);
  if (language == VEL_PROMPT_DIFFUSERS)
    g_array_set_size (chunker.chunks, 1);
  *n_tokens = chunker.total;
  return chunker.chunks;
}

GArray *
vel_prompt_chunk (VelTokenizer *tokenizer, const VelEmbeddings *embeddings, VelPromptLanguage language, const char *prompt)
{
  guint n_tokens;

  return chunk_prompt (tokenizer, embeddings, language, prompt, &n_tokens);
}

guint
vel_prompt_count (VelTokenizer *tokenizer, VelPromptLanguage language, const char *text, guint *limit)
{
  guint n_tokens;
  g_autoptr (GArray) chunks = chunk_prompt (tokenizer, NULL, language, text, &n_tokens);

  *limit = chunks->len * CAPACITY;
  return n_tokens;
}
