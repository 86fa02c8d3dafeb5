/* Settings as text: written in two dialects, read from either.  SPDX-License-Identifier: Apache-2.0 */
#include "config.h"

#include "engine/formats/recipe.h"

#include "engine/formats/png.h"
#include "engine/formats/shown.h"
#include "engine/registry.h"

#include <glib/gi18n-lib.h>
#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#define MAX_PROBLEMS 20

/* Our names of values that A1111 spells otherwise. */
static const struct {
  const char *name, *ours, *theirs;
} spellings[] = {
  { "rng", "cpu", "CPU" }, { "rng", "nv", "NV" }, { "rng", "nv", "GPU" },
  { "emphasis", "original", "Original" }, { "emphasis", "no-norm", "No norm" }, { "emphasis", "ignore", "Ignore" },
  { "emphasis", "none", "None" },
};

/* Keys that are one of our options each, and are read as they stand. */
static const struct {
  const char *key, *name;
} plain_keys[] = {
  { "Prompt", "prompt" }, { "Negative prompt", "negative" }, { "Steps", "steps" }, { "CFG scale", "cfg" }, { "Seed", "seed" },
  { "Size-1", "width" }, { "Size-2", "height" }, { "Model", "model" }, { "Denoising strength", "strength" }, { "Clip skip", "clip_skip" },
  { "ENSD", "ensd" }, { "Eta", "eta" }, { "Eta DDIM", "eta" }, { "Sigma churn", "s_churn" }, { "Sigma tmin", "s_tmin" }, { "Sigma tmax", "s_tmax" },
  { "Sigma noise", "s_noise" },
};

/* What says nothing about how to make the picture again, or is handled by name below. */
static const char *const silent_keys[] = { "Sampler", "Schedule type", "RNG", "Emphasis", "Size", "Model hash", "VAE hash", "Lora hashes",
  "TI hashes", "Version", "User", "Batch size", "Batch pos", "Init image hash", NULL };

/* Python's json.dumps (text, ensure_ascii=False). */
static void
append_quoted (GString *out, const char *text)
{
  json_t *string;
  char *dumped;

  if (!strpbrk (text, ",\n:")) {
    g_string_append (out, text);
    return;
  }
  string = json_string (text);
  dumped = string ? json_dumps (string, JSON_ENCODE_ANY) : NULL;
  g_string_append (out, dumped ? dumped : "");
  free (dumped);
  json_decref (string);
}

/* value: (nullable) then nothing is written */
static void
append_pair (GString *out, const char *key, const char *value)
{
  g_autofree char *valid = NULL;

  if (!value || !*value)
    return;
  valid = g_utf8_make_valid (value, -1);
  g_string_append_printf (out, "%s%s: ", out->len > 0 ? ", " : "", key);
  append_quoted (out, valid);
}

static const char *
their_spelling (const char *name, const char *ours)
{
  for (gsize i = 0; i < G_N_ELEMENTS (spellings); i++)
    if (g_str_equal (spellings[i].name, name) && g_str_equal (spellings[i].ours, ours))
      return spellings[i].theirs;
  return ours;
}

static void
append_if_set (GString *out, const char *key, VelValues *request, const char *name)
{
  if (vel_values_is_set (request, name))
    append_pair (out, key, vel_values_get (request, name));
}

/* "Automatic" is written where it means the plain table; where a sampler brings a schedule of its own A1111 names that. */
static const char *
schedule_label (const char *id, const VelSampler *sampler)
{
  gboolean automatic = g_str_equal (id, "automatic");
  const VelSchedule *schedule = vel_registry_find_schedule (automatic && sampler && sampler->schedule ? sampler->schedule : id);

  return schedule ? schedule->label : automatic ? "Automatic" : id;
}

/* A1111's is_sampler_using_eta_noise_seed_delta */
static gboolean
adds_noise (VelValues *request, const VelSampler *sampler)
{
  return sampler && (sampler->flags & VEL_SAMPLER_ANCESTRAL) != 0
         && !(vel_values_is_set (request, "eta") && vel_values_get_real (request, "eta") == 0);
}

/* The settings line; what stands between RNG and Version are A1111's extras. */
static char *
build_settings (VelValues *request, const VelRecipeFacts *facts)
{
  GString *out = g_string_new (NULL);
  const char *sampler_id = vel_values_get (request, "sampler");
  const VelSampler *sampler = vel_registry_find_sampler (sampler_id);
  g_autofree char *seed = g_strdup_printf ("%" G_GUINT64_FORMAT, facts->seed);
  g_autofree char *size = g_strdup_printf ("%ux%u", facts->width, facts->height);
  g_autofree char *vae = g_path_get_basename (vel_values_get (request, "vae"));

  append_pair (out, "Steps", vel_values_get (request, "steps"));
  append_pair (out, "Sampler", sampler ? sampler->label : sampler_id);
  append_pair (out, "Schedule type", schedule_label (vel_values_get (request, "schedule"), sampler));
  append_pair (out, "CFG scale", vel_values_get (request, "cfg"));
  append_pair (out, "Seed", seed);
  append_pair (out, "Size", size);
  append_pair (out, "Model hash", facts->model_hash);
  append_pair (out, "Model", facts->model_name);
  append_pair (out, "VAE", vel_values_is_set (request, "vae") ? vae : NULL);
  if (vel_values_is_set (request, "init"))
    append_pair (out, "Denoising strength", vel_values_get (request, "strength"));
  if (vel_values_get_int (request, "clip_skip") > 1)
    append_pair (out, "Clip skip", vel_values_get (request, "clip_skip"));
  if (vel_values_get_int (request, "ensd") != 0 && adds_noise (request, sampler))
    append_pair (out, "ENSD", vel_values_get (request, "ensd"));
  append_pair (out, "RNG", their_spelling ("rng", vel_values_get (request, "rng")));
  if (vel_values_is_set (request, "emphasis"))
    append_pair (out, "Emphasis", their_spelling ("emphasis", vel_values_get (request, "emphasis")));
  append_if_set (out, g_str_equal (sampler_id, "ddim") ? "Eta DDIM" : "Eta", request, "eta");
  append_if_set (out, "Sigma churn", request, "s_churn");
  append_if_set (out, "Sigma tmin", request, "s_tmin");
  append_if_set (out, "Sigma tmax", request, "s_tmax");
  append_if_set (out, "Sigma noise", request, "s_noise");
  append_pair (out, "Version", facts->version);
  return g_string_free (out, FALSE);
}

char *
vel_recipe_to_a1111 (VelValues *request, const VelRecipeFacts *facts)
{
  const char *negative = vel_values_get (request, "negative");
  g_autofree char *settings = build_settings (request, facts);

  return g_strstrip (g_strconcat (vel_values_get (request, "prompt"), *negative ? "\nNegative prompt: " : "", negative, "\n", settings,
                                  NULL));
}

static void
set_text (json_t *object, const char *key, const char *text)
{
  g_autofree char *valid = text ? g_utf8_make_valid (text, -1) : NULL;

  if (valid)
    json_object_set_new (object, key, json_string (valid));
}

/* A picture is shown to others: where its maker keeps files is nobody's business. A model is found again by its name. */
static void
forget_folders (json_t *request, const VelParam *table, const char *model_name)
{
  for (const VelParam *row = table; row->name; row++) {
    const char *path = row->type == VEL_PARAM_FILE ? json_string_value (json_object_get (request, row->name)) : NULL;
    g_autofree char *name = path ? g_path_get_basename (path) : NULL;

    if (name)
      json_object_set_new (request, row->name, json_string (g_str_equal (row->name, "model") && model_name ? model_name : name));
  }
}

char *
vel_recipe_to_json (VelValues *request, const VelRecipeFacts *facts)
{
  g_autofree char *values = vel_values_to_json (request), *seed = g_strdup_printf ("%" G_GUINT64_FORMAT, facts->seed);
  json_t *root = json_object (), *asked = json_loads (values, 0, NULL);
  char *dumped, *out;

  forget_folders (asked, vel_values_get_table (request), facts->model_name);
  json_object_set_new (root, "velatura", json_integer (1));
  json_object_set_new (root, "request", asked);
  set_text (root, "seed", seed); /* as text: most readers keep 53 bits of a number */
  json_object_set_new (root, "width", json_integer (facts->width));
  json_object_set_new (root, "height", json_integer (facts->height));
  set_text (root, "model", facts->model_name);
  set_text (root, "model_hash", facts->model_hash);
  set_text (root, "version", facts->version);
  dumped = json_dumps (root, JSON_COMPACT);
  json_decref (root);
  out = g_strdup (dumped);
  free (dumped);
  return out;
}

static void G_GNUC_PRINTF (2, 3)
add_problem (GPtrArray *problems, const char *format, ...)
{
  va_list arguments;

  if (problems->len >= MAX_PROBLEMS)
    return;
  va_start (arguments, format);
  g_ptr_array_add (problems, g_strdup_vprintf (format, arguments));
  va_end (arguments);
}

/* A value that does not fit leaves the default and a sentence. */
static gboolean
try_set (VelValues *request, const char *name, const char *text, GPtrArray *problems)
{
  g_autoptr (GError) error = NULL;
  g_autofree char *trimmed = g_strstrip (g_strdup (text));
  const VelParam *row = vel_values_find (request, name);

  if (row && vel_values_set (request, name, row->type == VEL_PARAM_TEXT ? text : trimmed, &error))
    return TRUE;
  if (!row)
    return FALSE;
  add_problem (problems, "%s", error->message);
  return FALSE;
}

/* Before 1.9 A1111 wrote both in one: "DPM++ 2M SDE Karras", "DPM++ 2M SGM Uniform". schedule: set to the last words if they are one. */
static const VelSampler *
find_sampler (const char *label, const char **schedule)
{
  g_autofree char *head = g_strstrip (g_strdup (label));
  const VelSampler *sampler = vel_registry_find_sampler (head);
  char *cut = head + strlen (head);

  for (int words = 0; !sampler && words < 2; words++) {
    while (cut > head && cut[-1] != ' ')
      cut--;
    if (cut == head)
      break;
    if (vel_registry_find_schedule (cut)) {
      *schedule = vel_registry_find_schedule (cut)->id;
      cut[-1] = 0;
      sampler = vel_registry_find_sampler (head);
      cut[-1] = ' '; /* "Uniform" is a schedule too, and "SGM Uniform" another */
    }
    cut--;
  }
  return sampler;
}

static void
apply_sampler (const VelRecipeFields *fields, VelValues *request, GPtrArray *problems)
{
  const char *label = vel_recipe_fields_get (fields, "Sampler"), *type = vel_recipe_fields_get (fields, "Schedule type");
  const char *schedule = NULL;
  const VelSampler *sampler = label ? find_sampler (label, &schedule) : NULL;
  g_autofree char *shown = vel_shown (label ? label : "");

  if (sampler)
    try_set (request, "sampler", sampler->id, problems);
  else if (label)
    add_problem (problems, _ ("The sampler “%s” is not available here; %s is used instead"), shown, vel_values_get (request, "sampler"));
  if (schedule)
    try_set (request, "schedule", schedule, problems);
  if (type)
    try_set (request, "schedule", type, problems);
}

static void
apply_spelled (const VelRecipeFields *fields, const char *key, const char *standard, const char *name, VelValues *request,
               GPtrArray *problems)
{
  const char *found = vel_recipe_fields_get (fields, key), *theirs = found ? found : standard;

  for (gsize i = 0; i < G_N_ELEMENTS (spellings); i++)
    if (g_str_equal (spellings[i].name, name) && g_ascii_strcasecmp (spellings[i].theirs, theirs) == 0)
      theirs = spellings[i].ours;
  try_set (request, name, theirs, problems);
}

static void
apply_field (const char *key, const char *value, VelValues *request, GPtrArray *problems)
{
  g_autofree char *shown = vel_shown (value), *shown_key = vel_shown (key);
  gsize n = strlen (key);

  for (gsize i = 0; i < G_N_ELEMENTS (plain_keys); i++)
    if (g_str_equal (plain_keys[i].key, key)) {
      try_set (request, plain_keys[i].name, value, problems);
      return;
    }
  if (g_strv_contains (silent_keys, key) || (n > 2 && (g_str_has_suffix (key, "-1") || g_str_has_suffix (key, "-2"))))
    return;
  if (g_str_equal (key, "VAE"))
    add_problem (problems, _ ("The picture was made with the VAE “%s”; choose its file to use it too"), shown);
  else
    /* Translators: a setting's name and value */
    add_problem (problems, _ ("“%s: %s” is not taken over: there is no such option here"), shown_key, shown);
}

/* Missing keys mean A1111's defaults: its noise comes from the graphics card. */
static void
apply_a1111 (const char *text, VelValues *request, GPtrArray *problems)
{
  g_autoptr (VelRecipeFields) fields = vel_recipe_parse_a1111 (text);

  vel_values_reset (request);
  for (guint i = 0; fields->keys[i]; i++)
    apply_field (fields->keys[i], fields->values[i], request, problems);
  if (!vel_recipe_fields_get (fields, "Steps"))
    return;
  apply_sampler (fields, request, problems);
  apply_spelled (fields, "RNG", "GPU", "rng", request, problems);
  apply_spelled (fields, "Emphasis", "Original", "emphasis", request, problems);
}

/* Returns: (transfer full) (nullable): the whole of our JSON */
static json_t *
load_own (const char *text)
{
  json_t *root = json_loads (text, JSON_REJECT_DUPLICATES, NULL);

  if (json_is_integer (json_object_get (root, "velatura")) && json_is_object (json_object_get (root, "request")))
    return root;
  json_decref (root);
  return NULL;
}

/* The picture's own seed and size, not those that were asked for: a random one, the family's. */
static gboolean
apply_own (json_t *root, VelValues *request, GPtrArray *problems, GError **error)
{
  char *dumped = json_dumps (json_object_get (root, "request"), JSON_COMPACT);
  g_auto (GStrv) found = NULL;
  gboolean done = vel_values_from_json (request, dumped, &found, error);

  free (dumped);
  if (!done)
    return FALSE;
  for (guint i = 0; found && found[i]; i++)
    add_problem (problems, "%s", found[i]);
  if (json_is_string (json_object_get (root, "seed")))
    try_set (request, "seed", json_string_value (json_object_get (root, "seed")), problems);
  for (const char *const *name = (const char *[]) { "width", "height", NULL }; *name; name++)
    if (json_is_integer (json_object_get (root, *name))) {
      g_autofree char *size = g_strdup_printf ("%" JSON_INTEGER_FORMAT, json_integer_value (json_object_get (root, *name)));

      try_set (request, *name, size, problems);
    }
  return TRUE;
}

/* Not merely a prompt that begins with a brace. */
static gboolean
is_json_object (const char *text)
{
  json_t *root = text[strspn (text, " \t\r\n")] == '{' ? json_loads (text, 0, NULL) : NULL;
  gboolean is = json_is_object (root);

  json_decref (root);
  return is;
}

gboolean
vel_recipe_apply (const char *text, VelValues *request, GStrv *problems, GError **error)
{
  g_autoptr (GPtrArray) found = g_ptr_array_new_with_free_func (g_free);
  json_t *own = load_own (text);
  gboolean done = TRUE;

  if (own)
    done = apply_own (own, request, found, error);
  else if (!is_json_object (text))
    apply_a1111 (text, request, found);
  else {
    g_set_error (error, VEL_ERROR, VEL_ERROR_FORMAT, _ ("The settings are those of a program whose pictures are not understood"));
    done = FALSE;
  }
  json_decref (own);
  if (done && problems) {
    g_ptr_array_add (found, NULL);
    *problems = (GStrv) g_ptr_array_steal (found, NULL);
  }
  return done;
}

static char *
dup_string (json_t *object, const char *key)
{
  const char *text = json_string_value (json_object_get (object, key));

  return g_strdup (text ? text : "");
}

static guint64
parse_seed (const char *text)
{
  return text ? g_ascii_strtoull (text, NULL, 10) : 0;
}

gboolean
vel_recipe_summarize (VelRecipeSummary *self, GHashTable *texts)
{
  const char *text = g_hash_table_lookup (texts, VEL_RECIPE_OWN);
  json_t *own = text ? load_own (text) : NULL, *request = json_object_get (own, "request");
  g_autoptr (VelRecipeFields) fields = NULL;

  *self = (VelRecipeSummary) { .text = text };
  if (own) {
    self->seed = parse_seed (json_string_value (json_object_get (own, "seed")));
    self->prompt = dup_string (request, "prompt");
    self->negative = dup_string (request, "negative");
    self->model = dup_string (own, "model");
    json_decref (own);
    return TRUE;
  }
  self->text = text = g_hash_table_lookup (texts, VEL_RECIPE_A1111);
  if (!text)
    return FALSE;
  fields = vel_recipe_parse_a1111 (text);
  self->seed = parse_seed (vel_recipe_fields_get (fields, "Seed"));
  self->prompt = g_strdup (vel_recipe_fields_get (fields, "Prompt"));
  self->negative = g_strdup (vel_recipe_fields_get (fields, "Negative prompt"));
  self->model = g_strdup (vel_recipe_fields_get (fields, "Model"));
  if (!self->model)
    self->model = g_strdup ("");
  return TRUE;
}

void
vel_recipe_summary_clear (VelRecipeSummary *self)
{
  g_free (self->prompt);
  g_free (self->negative);
  g_free (self->model);
}

gboolean
vel_recipe_restore (const char *path, VelValues *request, GStrv *problems, GError **error)
{
  g_autoptr (VelPng) png = vel_png_read (path, TRUE, error);
  g_autofree char *shown = g_filename_display_name (path);
  VelRecipeSummary summary;
  gboolean done;

  if (!png)
    return FALSE;
  if (!vel_recipe_summarize (&summary, png->text)) {
    g_set_error (error, VEL_ERROR, VEL_ERROR_FORMAT, _ ("“%s” does not say how it was made: it has no settings in it"), shown);
    return FALSE;
  }
  done = vel_recipe_apply (summary.text, request, problems, error);
  vel_recipe_summary_clear (&summary);
  return done;
}
