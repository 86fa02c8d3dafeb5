/* debug tokens, emphasis, chunks and prompt: one JSON object per line in, one per line out.
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
#include "engine/text/prompt-plan.h"
#include "engine/text/prompt.h"

#define STEPS_LIMIT 10000

static const VelParam text_table[] = {
  { "tokenizer", N_ ("Tokenizer"), "", N_ ("Where the vocabulary is: vocab.json and merges.txt in a folder, or a CLIP bpe file."),
    VEL_PARAM_FILE, .standard = "" },
  { "model", N_ ("Model"), "", N_ ("Use this model's vocabulary."), VEL_PARAM_FILE, .standard = "" },
  { NULL },
};

static const VelParam no_table[] = { { NULL } };

static const VelUsage tokens_usage = { "debug tokens", "[options] <LINES",
                                       N_ ("{\"text\":T} in, {\"ids\":[…]} out: CLIP's ids without start and end.") };
static const VelUsage emphasis_usage = { "debug emphasis", "<LINES", N_ ("{\"text\":T} in, {\"parts\":[[text,weight],…]} out.") };
static const VelUsage chunks_usage = { "debug chunks", "[options] <LINES",
                                       N_ ("{\"text\":T} in, {\"tokens\":[[77],…],\"weights\":[[77],…]} out.") };

static const VelUsage prompt_usage = {
  "debug prompt", "<LINES",
  N_ ("{\"prompt\":T,\"steps\":N} in, {\"networks\":[…],\"parts\":[{\"weight\":W,\"schedule\":[[last step,text],…]},…]} out; "
      "\"hires_steps\":N for the second pass, \"old_timelines\":true for timelines as before 1.6.")
};

/* question: the line's object; text: its text. Returns: (nullable) (transfer full) */
typedef json_t *(*AnswerFunc) (VelTokenizer *tokenizer, const json_t *question, const char *text, GError **error);

static json_t *
answer_tokens (VelTokenizer *tokenizer, const json_t *question, const char *text, GError **error)
{
  g_autoptr (GArray) ids = vel_tokenizer_encode (tokenizer, text);
  json_t *list = json_array ();

  for (guint i = 0; i < ids->len; i++)
    json_array_append_new (list, json_integer (g_array_index (ids, guint32, i)));
  return json_pack ("{s:o}", "ids", list);
}

static json_t *
answer_emphasis (VelTokenizer *tokenizer, const json_t *question, const char *text, GError **error)
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
answer_chunks (VelTokenizer *tokenizer, const json_t *question, const char *text, GError **error)
{
  g_autoptr (GArray) chunks = vel_prompt_chunk (tokenizer, NULL, VEL_PROMPT_A1111, text);
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

static json_t *
describe_network (const VelPromptNetwork *network)
{
  json_t *object = json_pack ("{s:s,s:s,s:f,s:f}", "kind", network->kind, "name", network->name, "te", network->te, "unet", network->unet);

  if (network->dyn >= 0)
    json_object_set_new (object, "dyn", json_integer (network->dyn));
  return object;
}

static json_t *
describe_part (const VelPromptPart *part)
{
  json_t *schedule = json_array ();

  for (guint i = 0; i < vel_timeline_get_length (part->timeline); i++) {
    g_autofree char *text = vel_timeline_dup_text (part->timeline, i);

    json_array_append_new (schedule, json_pack ("[i,s]", vel_timeline_get_last_step (part->timeline, i), text));
  }
  return json_pack ("{s:f,s:o}", "weight", part->weight, "schedule", schedule);
}

/* An integer of the line's object, 0 if it is not there. */
static gboolean
read_steps (const json_t *question, const char *key, guint *steps, GError **error)
{
  const json_t *value = json_object_get (question, key);
  json_int_t number = value ? json_integer_value (value) : 0;

  *steps = (guint) CLAMP (number, 0, STEPS_LIMIT);
  if (value == NULL || (json_is_integer (value) && number >= 1 && number <= STEPS_LIMIT))
    return TRUE;
  g_set_error (error, VEL_ERROR, VEL_ERROR_REQUEST, "“%s” has to be a whole number from 1 to %d", key, STEPS_LIMIT);
  return FALSE;
}

static json_t *
answer_prompt (VelTokenizer *tokenizer, const json_t *question, const char *text, GError **error)
{
  VelTimelineRules rules = { .old_timelines = json_is_true (json_object_get (question, "old_timelines")) };
  g_autoptr (VelPromptPlan) plan = NULL;
  json_t *networks, *parts;

  if (!read_steps (question, "steps", &rules.base_steps, error) || !read_steps (question, "hires_steps", &rules.hires_steps, error))
    return NULL;
  rules.base_steps = MAX (rules.base_steps, 1);
  if (!(plan = vel_prompt_plan_new (text, &rules, error)))
    return NULL;
  networks = json_array ();
  parts = json_array ();
  for (guint i = 0; i < plan->networks->len; i++)
    json_array_append_new (networks, describe_network (plan->networks->pdata[i]));
  for (guint i = 0; i < plan->parts->len; i++)
    json_array_append_new (parts, describe_part (&g_array_index (plan->parts, VelPromptPart, i)));
  return json_pack ("{s:o,s:o}", "networks", networks, "parts", parts);
}

/* key: of the text in each line's object. */
static VelExit
answer_lines (AnswerFunc answer, const char *key, VelTokenizer *tokenizer)
{
  g_autofree char *line = NULL;
  size_t room = 0;
  gssize length;

  for (guint number = 1; (length = getline (&line, &room, stdin)) >= 0; number++) {
    json_error_t problem;
    json_t *question = json_loadb (line, length, JSON_REJECT_DUPLICATES, &problem), *reply;
    const char *text = json_string_value (json_object_get (question, key));
    g_autoptr (GError) error = NULL;
    g_autofree char *out = NULL;

    if (!text) {
      json_decref (question);
      fprintf (stderr, "velatura: line %u is no JSON object with a \"%s\"%s%s\n", number, key, question ? "" : ": ",
               question ? "" : problem.text);
      return VEL_EXIT_FAILED;
    }
    reply = answer (tokenizer, question, text, &error);
    json_decref (question);
    if (!reply)
      return vel_verb_fail (error);
    out = json_dumps (reply, JSON_COMPACT);
    json_decref (reply);
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
run_text (const VelUsage *usage, const VelParam *table, AnswerFunc answer, const char *key, int argc, char **argv)
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
  return answer_lines (answer, key, tokenizer);
}

VelExit
vel_debug_tokens (int argc, char **argv)
{
  return run_text (&tokens_usage, text_table, answer_tokens, "text", argc, argv);
}

VelExit
vel_debug_emphasis (int argc, char **argv)
{
  return run_text (&emphasis_usage, no_table, answer_emphasis, "text", argc, argv);
}

VelExit
vel_debug_chunks (int argc, char **argv)
{
  return run_text (&chunks_usage, text_table, answer_chunks, "text", argc, argv);
}

VelExit
vel_debug_prompt (int argc, char **argv)
{
  return run_text (&prompt_usage, no_table, answer_prompt, "prompt", argc, argv);
}
