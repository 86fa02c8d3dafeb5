/* A1111's text taken apart, as parse_generation_parameters does it, and what other programs add to it.  SPDX-License-Identifier: Apache-2.0
 *
 * Its regular expression for the last line, \s*(\w[\w \-/]+):\s*("(?:\\.|[^\\"])+"|[^,]*)(?:,|$), is written out here: it takes
 * quadratic time on a long line without a colon. */
#include "engine/formats/recipe.h"

#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#define MAX_FIELDS 1000
#define MAX_TEMPLATE_LINES 100

/* As Python's str.isspace. */
static gboolean
is_space (gunichar c)
{
  return g_unichar_isspace (c) || c == '\v' || (c >= 0x1c && c <= 0x1f) || c == 0x85;
}

/* Moves both ends of [*at, *end) past white space. */
static void
strip (const char **at, const char **end)
{
  while (*at < *end && is_space (g_utf8_get_char (*at)))
    *at = g_utf8_next_char (*at);
  while (*at < *end && is_space (g_utf8_get_char (g_utf8_prev_char (*end))))
    *end = g_utf8_prev_char (*end);
}

static gboolean
is_word (gunichar c)
{
  return g_unichar_isalnum (c) || c == '_';
}

static gboolean
is_key (gunichar c)
{
  return is_word (c) || c == ' ' || c == '-' || c == '/';
}

/* The quote that closes a string which opens at `at`, if a comma or the end follows it and there is something inside; else NULL. */
static const char *
find_closing_quote (const char *at, const char *end)
{
  const char *c = at + 1;

  while (c < end && *c != '"')
    c += *c == '\\' ? 2 : 1;
  return c < end && c > at + 1 && (c + 1 == end || c[1] == ',') ? c : NULL;
}

/* The next key and value of [*at, end), which it moves past. */
static gboolean
next_pair (const char **at, const char *end, char **key, char **value)
{
  const char *start = *at, *stop;

  for (;; start = stop) {
    while (start < end && !is_word (g_utf8_get_char (start)))
      start = g_utf8_next_char (start);
    if (start == end)
      return FALSE;
    for (stop = start; stop < end && is_key (g_utf8_get_char (stop));)
      stop = g_utf8_next_char (stop);
    if (stop < end && *stop == ':' && stop > g_utf8_next_char (start))
      break;
  }
  *key = g_strndup (start, stop - start);
  for (start = stop + 1; start < end && is_space (g_utf8_get_char (start));)
    start = g_utf8_next_char (start);
  stop = start < end && *start == '"' ? find_closing_quote (start, end) : NULL;
  if (stop)
    stop++;
  else {
    stop = memchr (start, ',', end - start);
    stop = stop ? stop : end;
  }
  *value = g_strndup (start, stop - start);
  *at = stop < end ? stop + 1 : end;
  return TRUE;
}

/* Takes and returns: (transfer full). A text in quotes is JSON; if it is none it stays as it is. */
static char *
unquote (char *text)
{
  gsize n = strlen (text);
  json_t *json = n > 1 && text[0] == '"' && text[n - 1] == '"' ? json_loadb (text, n, JSON_DECODE_ANY, NULL) : NULL;

  if (json_is_string (json)) {
    g_free (text);
    text = g_strdup (json_string_value (json));
  }
  json_decref (json);
  return text;
}

typedef struct {
  GPtrArray *keys, *values;
  GHashTable *places; /* key to index + 1 */
} Building;

/* A later value of a key replaces the earlier one, in its place. Takes the value. */
static void
set (Building *self, const char *key, char *value)
{
  guint place = GPOINTER_TO_UINT (g_hash_table_lookup (self->places, key));

  if (place > 0) {
    g_free (self->values->pdata[place - 1]);
    self->values->pdata[place - 1] = value;
  } else if (self->keys->len >= MAX_FIELDS)
    g_free (value);
  else {
    char *copy = g_strdup (key);

    g_ptr_array_add (self->keys, copy);
    g_ptr_array_add (self->values, value);
    g_hash_table_insert (self->places, copy, GUINT_TO_POINTER (self->keys->len));
  }
}

/* "512x768" under Size is also Size-1 and Size-2. */
static void
set_pair (Building *self, const char *key, char *value)
{
  const char *x = value + strspn (value, "0123456789");

  set (self, key, value);
  if (x > value && *x == 'x' && x[1] && x[1 + strspn (x + 1, "0123456789")] == 0) {
    g_autofree char *first = g_strconcat (key, "-1", NULL), *second = g_strconcat (key, "-2", NULL);

    set (self, first, g_strndup (value, x - value));
    set (self, second, g_strdup (x + 1));
  }
}

static guint
count_pairs (const char *at, const char *end)
{
  char *key, *value;
  guint n = 0;

  while (n < 3 && next_pair (&at, end, &key, &value)) {
    g_free (key);
    g_free (value);
    n++;
  }
  return n;
}

static void
append_line (GString *text, const char *at, const char *end)
{
  if (text->len > 0)
    g_string_append_c (text, '\n');
  g_string_append_len (text, at, end - at);
}

/* Lines up to `end`: the prompt, and from "Negative prompt:" on the negative one. */
static void
parse_prompts (Building *self, const char *at, const char *end)
{
  static const char marker[] = "Negative prompt:";
  GString *prompts[2] = { g_string_new (NULL), g_string_new (NULL) };
  int which = 0;

  while (at < end) {
    const char *newline = memchr (at, '\n', end - at), *stop = newline ? newline : end, *next = newline ? newline + 1 : end;

    strip (&at, &stop);
    if ((gsize) (stop - at) >= strlen (marker) && memcmp (at, marker, strlen (marker)) == 0) {
      which = 1;
      at += strlen (marker);
      strip (&at, &stop);
    }
    append_line (prompts[which], at, stop);
    at = next;
  }
  set (self, "Prompt", g_string_free (prompts[0], FALSE));
  set (self, "Negative prompt", g_string_free (prompts[1], FALSE));
}

static gboolean
begins_with (const char *at, const char *end, const char *word)
{
  return (gsize) (end - at) >= strlen (word) && memcmp (at, word, strlen (word)) == 0;
}

/* The last line of [start, end). */
static const char *
last_line (const char *start, const char *end)
{
  while (end > start && end[-1] != '\n')
    end--;
  return end;
}

/* The prompts before their wildcards were filled in, which an extension writes behind the line of settings; they may have several
 * lines. Returns: where they begin, or `end` */
static const char *
find_templates (const char *start, const char *end)
{
  const char *line = last_line (start, end);

  for (int n = 0; n < MAX_TEMPLATE_LINES && line > start; n++) {
    const char *before = last_line (start, line - 1);

    if ((begins_with (line, end, "Template:") || begins_with (line, end, "Negative Template:")) && count_pairs (before, line - 1) == 3)
      return line;
    line = before;
  }
  return end;
}

static void
set_templates (Building *self, const char *at, const char *end)
{
  while (at < end) {
    const char *colon = memchr (at, ':', end - at), *stop = g_strstr_len (colon, end - colon, "\nNegative Template:");
    g_autofree char *key = g_strndup (at, colon - at);
    const char *from = colon + 1, *to = stop ? stop : end;

    strip (&from, &to);
    set (self, key, g_strndup (from, to - from));
    at = stop ? stop + 1 : end;
  }
}

VelRecipeFields *
vel_recipe_parse_a1111 (const char *text)
{
  VelRecipeFields *self = g_new0 (VelRecipeFields, 1);
  Building building = { g_ptr_array_new (), g_ptr_array_new (), g_hash_table_new (g_str_hash, g_str_equal) };
  g_autofree char *valid = g_utf8_make_valid (text, -1);
  const char *at = valid, *end = valid + strlen (valid), *last, *templates;
  char *key, *value;

  strip (&at, &end);
  templates = find_templates (at, end);
  last = last_line (at, templates < end ? templates - 1 : end);
  if (count_pairs (last, templates) < 3)
    last = end;
  parse_prompts (&building, at, last);
  while (last < templates && next_pair (&last, templates, &key, &value)) {
    if (*value) /* A1111 leaves an empty one out */
      set_pair (&building, key, unquote (value));
    else
      g_free (value);
    g_free (key);
  }
  set_templates (&building, templates, end);
  g_ptr_array_add (building.keys, NULL);
  g_ptr_array_add (building.values, NULL);
  self->keys = (GStrv) g_ptr_array_free (building.keys, FALSE);
  self->values = (GStrv) g_ptr_array_free (building.values, FALSE);
  g_hash_table_unref (building.places);
  return self;
}

VelRecipeFields *
vel_recipe_fields_new (void)
{
  VelRecipeFields *self = g_new0 (VelRecipeFields, 1);

  self->keys = g_new0 (char *, 1);
  self->values = g_new0 (char *, 1);
  return self;
}

void
vel_recipe_fields_set (VelRecipeFields *self, const char *key, const char *value)
{
  char *valid = g_utf8_make_valid (value, -1);
  guint n = 0;

  while (self->keys[n] && !g_str_equal (self->keys[n], key))
    n++;
  if (self->keys[n]) {
    g_free (self->values[n]);
    self->values[n] = valid;
    return;
  }
  if (n >= MAX_FIELDS) {
    g_free (valid);
    return;
  }
  self->keys = g_renew (char *, self->keys, n + 2);
  self->values = g_renew (char *, self->values, n + 2);
  self->keys[n] = g_utf8_make_valid (key, -1);
  self->values[n] = valid;
  self->keys[n + 1] = self->values[n + 1] = NULL;
}

void
vel_recipe_fields_free (VelRecipeFields *self)
{
  g_strfreev (self->keys);
  g_strfreev (self->values);
  g_free (self);
}

const char *
vel_recipe_fields_get (const VelRecipeFields *self, const char *key)
{
  for (guint i = 0; self->keys[i]; i++)
    if (g_str_equal (self->keys[i], key))
      return self->values[i];
  return NULL;
}
