/* debug tokens, emphasis and chunks: one JSON object per line in, one per line out.
 * SPDX-License-Identifier: Apache-2.0 */
#include "app/debug.h"

#include <gio/gio.h>
#include <glib/gi18n.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>

#include "app/flags.h"
#include "engine/catalog.h"
#include "engine/paths.h"
#include "engine/text/prompt.h"

static const VelParam text_table[] = {
  { "tokenizer", N_ ("Tokenizer"), "", N_ ("Where the vocabulary is: vocab.json and merges.txt in a folder, or a CLIP bpe file."), VEL_PARAM_FILE,
    .standard = "" },
  { "model", N_ ("Model"), "", N_ ("Use this model's vocabulary."), VEL_PARAM_FILE, .standard = "" },
  { NULL },
};

static const VelParam no_table[] = { { NULL } };

static const VelUsage tokens_usage = { "debug tokens", "[options] <LINES", N_ ("{\"text\":T} in, {\"ids\":[…]} out: CLIP's ids without start and end.") };
static const VelUsage emphasis_usage = { "debug emphasis", "<LINES", N_ ("{\"text\":T} in, {\"parts\":[[text,weight],…]} out.") };
static const VelUsage chunks_usage = { "debug chunks", "[options] <LINES", N_ ("{\"text\":T} in, {\"tokens\":[[77],…],\"weights\":[[77],…]} out.") };

typedef json_t *(*AnswerFunc) (VelTokenizer *tokenizer, const char *text);

static json_t *
answer_tokens (VelTokenizer *tokenizer, const char *text)
{
  g_autoptr (GArray) ids = vel_tokenizer_encode (tokenizer, text);
  json_t *list = json_array ();

  for (guint i = 0; i < ids->len; i++)
    json_array_append_new (list, json_integer (g_array_index (ids, guint32, i)));
  return json_pack ("{s:o}", "ids", list);
}

static json_t *
answer_emphasis (VelTokenizer *tokenizer, const char *text)
{
  g_autoptr (GArray) parts = vel_prompt_parse_emphasis (text);
  json_t *list = json_array ();

  for (guint i = 0; i < parts->len; i++) {
    const VelEmphasis *part = &g_array_index (parts, VelEmphasis, i);

    json_array_append_new (list, json_pack ("[s,f]", part->text, part->weight));
  }
  return json_pack ("{s:o}", "parts", list);
}

static json_t *
answer_chunks (VelTokenizer *tokenizer, const char *text)
{
  g_autoptr (GArray) chunks = vel_prompt_chunk (tokenizer, text);
  json_t *tokens = json_array (), *weights = json_array ();

  for (guint i = 0; i < chunks->len; i++) {
    const VelChunk *chunk = &g_array_index (chunks, VelChunk, i);
    json_t *ids = json_array (), *numbers = json_array ();

    for (guint j = 0; j < VEL_CHUNK_TOKENS; j++) {
      json_array_append_new (ids, json_integer (chunk->tokens[j]));
      json_array_append_new (numbers, json_real (chunk->weights[j]));
    }
    json_array_append_new (tokens, ids);
    json_array_append_new (weights, numbers);
  }
  return json_pack ("{s:o,s:o}", "tokens", tokens, "weights", weights);
}

static VelExit
answer_lines (AnswerFunc answer, VelTokenizer *tokenizer)
{
  g_autofree char *line = NULL;
  size_t room = 0;
  gssize length;

  for (guint number = 1; (length = getline (&line, &room, stdin)) >= 0; number++) {
    json_error_t problem;
    json_t *question = json_loadb (line, length, JSON_REJECT_DUPLICATES, &problem), *reply;
    const char *text = json_string_value (json_object_get (question, "text"));
    g_autofree char *out = NULL;

    if (!text) {
      json_decref (question);
      fprintf (stderr, "velatura: line %u is no JSON object with a \"text\"%s%s\n", number, question ? "" : ": ", question ? "" : problem.text);
      return VEL_EXIT_FAILED;
    }
    reply = answer (tokenizer, text);
    out = json_dumps (reply, JSON_COMPACT);
    json_decref (reply);
    json_decref (question);
    printf ("%s\n", out);
    fflush (stdout); /* a program on the other end asks and waits */
  }
  return VEL_EXIT_DONE;
}

static VelTokenizer *
open_tokenizer (VelValues *options, GError **error)
{
  const char *path = vel_values_get (options, "tokenizer"), *model = vel_values_get (options, "model");
  g_autofree char *model_path = NULL;

  if (*path && !*model)
    return vel_tokenizer_open (path, error);
  if (*model && !(model_path = vel_catalog_resolve (model, NULL, error)))
    return NULL;
  return vel_tokenizer_find (path, model_path ? model_path : vel_paths_get_data (), error);
}

static VelExit
run_text (const VelUsage *usage, const VelParam *table, AnswerFunc answer, int argc, char **argv)
{
  g_autoptr (VelValues) options = vel_values_new (table);
  g_autoptr (VelFlags) flags = vel_flags_new (usage, options, NULL);
  g_autoptr (VelTokenizer) tokenizer = NULL;
  g_autoptr (GError) error = NULL;
  int status;

  if ((status = vel_flags_read (flags, argc, argv)) >= 0 || (status = vel_flags_refuse_words (flags)) >= 0)
    return status;
  if (table == text_table && !(tokenizer = open_tokenizer (options, &error)))
    return vel_verb_fail (error);
  return answer_lines (answer, tokenizer);
}

VelExit
vel_debug_tokens (int argc, char **argv)
{
  return run_text (&tokens_usage, text_table, answer_tokens, argc, argv);
}

VelExit
vel_debug_emphasis (int argc, char **argv)
{
  return run_text (&emphasis_usage, no_table, answer_emphasis, argc, argv);
}

VelExit
vel_debug_chunks (int argc, char **argv)
{
  return run_text (&chunks_usage, text_table, answer_chunks, argc, argv);
}
