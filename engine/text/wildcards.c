/* Prompts that say something else for each seed.  SPDX-License-Identifier: Apache-2.0 */
#include "config.h"

#include "engine/text/wildcards.h"

#include <gio/gio.h>
#include <glib/gi18n-lib.h>
#include <glib/gstdio.h>
#include <string.h>

#include "engine/error.h"
#include "engine/text/chooser.h"
#include "engine/text/unicode.h"

#define DEEPEST 16                 /* choices in choices */
#define LONGEST ((gsize) 1 << 20)  /* bytes of a resolved prompt */
#define LARGEST ((gsize) 16 << 20) /* bytes of a file */

typedef struct {
  const char *folder;
  VelChooser chooser;
  GHashTable *files;  /* name to GStrv of lines, NULL for no file */
  GPtrArray *missing; /* (nullable) */
  GString *out;
} Resolver;

static gboolean resolve (Resolver *self, const char *text, guint depth, GError **error);

/* ------------------------------------------------------------------ files */

/* Stays in the folder: no part of it is "..", and it does not begin at the root. */
static gboolean
is_safe (const char *name)
{
  g_auto (GStrv) parts = g_strsplit (name, "/", -1);

  for (guint i = 0; parts[i] != NULL; i++)
    if (*parts[i] == '\0' || g_str_equal (parts[i], "..") || g_str_equal (parts[i], "."))
      return FALSE;
  return TRUE;
}

/* Python's splitlines, as far as files have it. Returns: (transfer full), maybe empty */
static GStrv
split_lines (const char *text)
{
  g_autoptr (GStrvBuilder) lines = g_strv_builder_new ();

  while (*text != '\0') {
    gsize length = strcspn (text, "\r\n\v\f");
    g_autofree char *line = g_strndup (text, length);

    if (length > 0 && *line != '#')
      g_strv_builder_add (lines, line);
    text += length;
    text += *text == '\r' && text[1] == '\n' ? 2 : *text != '\0';
  }
  return g_strv_builder_end (lines);
}

/* lines: (out) (nullable) NULL if there is no such file. */
static gboolean
find_lines (Resolver *self, const char *name, GStrv *lines, GError **error)
{
  g_autofree char *leaf = g_strconcat (name, ".txt", NULL), *path = g_build_filename (self->folder, leaf, NULL), *text = NULL,
                  *valid = NULL;
  GStatBuf status;
  gsize length;

  if (g_hash_table_lookup_extended (self->files, name, NULL, (gpointer *) lines))
    return TRUE;
  *lines = NULL;
  if (is_safe (name) && g_stat (path, &status) == 0 && S_ISREG (status.st_mode)) {
    if ((guint64) status.st_size > LARGEST) {
      g_set_error (error, VEL_ERROR, VEL_ERROR_REQUEST, _ ("The wildcard file “%s” is larger than 16 MB; split it"), path);
      return FALSE;
    }
    if (!g_file_get_contents (path, &text, &length, error))
      return FALSE;
    valid = g_utf8_make_valid (text, (gssize) length);
    *lines = split_lines (valid);
  }
  g_hash_table_insert (self->files, g_strdup (name), *lines);
  return TRUE;
}

static void
note_missing (Resolver *self, const char *name)
{
  if (self->missing == NULL || g_ptr_array_find_with_equal_func (self->missing, name, g_str_equal, NULL))
    return;
  g_ptr_array_add (self->missing, g_strdup (name));
}

/* text: as it is written, underscores and all */
static gboolean
take_line (Resolver *self, const char *text, const char *name, guint depth, GError **error)
{
  GStrv lines;
  guint n;

  if (!find_lines (self, name, &lines, error))
    return FALSE;
  n = lines != NULL ? g_strv_length (lines) : 0;
  if (n > 0)
    return resolve (self, lines[vel_chooser_choose (&self->chooser, n)], depth + 1, error);
  note_missing (self, name);
  g_string_append (self->out, text);
  return TRUE;
}

/* ------------------------------------------------------------------ prompts */

/* "__name__" here: a name has no white space. Returns: (nullable) what follows */
static const char *
find_name (const char *at, char **name)
{
  const char *end;

  if (!g_str_has_prefix (at, "__"))
    return NULL;
  for (end = at + 2; *end != '\0' && !(end > at + 2 && g_str_has_prefix (end, "__")); end = g_utf8_next_char (end))
    if ((vel_unicode_get_classes (g_utf8_get_char (end)) & VEL_UNICODE_SPACE) != 0)
      return NULL;
  if (*end == '\0')
    return NULL;
  *name = g_strndup (at + 2, end - at - 2);
  return end + 2;
}

/* A { that is not closed yet. */
typedef struct {
  guint place, square; /* square: [ open in it */
  gboolean has_bar;    /* directly in it, that is, in no other bracket there */
} Open;

/* Returns: (transfer full) [length of text] where the } of a { stands that has parts; 0 for all else */
static guint *
find_variants (const char *text)
{
  guint *ends = g_new0 (guint, strlen (text) + 1);
  g_autoptr (GArray) stack = g_array_new (FALSE, FALSE, sizeof (Open));

  for (guint i = 0; text[i] != '\0'; i++) {
    Open *open = stack->len > 0 ? &g_array_index (stack, Open, stack->len - 1) : NULL;

    if (text[i] == '\\' && text[i + 1] != '\0') {
      i++;
    } else if (text[i] == '{') {
      Open fresh = { .place = i };

      g_array_append_val (stack, fresh);
    } else if (open == NULL) {
      continue;
    } else if (text[i] == '}') {
      ends[open->place] = open->has_bar ? i : 0;
      g_array_set_size (stack, stack->len - 1);
    } else if (text[i] == '|') {
      open->has_bar = open->has_bar || open->square == 0;
    } else if (text[i] == '[' || (text[i] == ']' && open->square > 0)) {
      open->square += text[i] == '[' ? 1 : -1;
    }
  }
  return ends;
}

/* text: of a { up to its }. Returns: (element-type guint) where its parts end */
static GArray *
split_parts (const char *text, guint end)
{
  GArray *bars = g_array_new (FALSE, FALSE, sizeof (guint));
  guint curly = 0, square = 0;

  for (guint i = 0; i <= end; i++) {
    if (text[i] == '\\') {
      i++;
      continue;
    }
    if (text[i] == '{')
      curly++;
    else if (text[i] == '}')
      curly--;
    else if (curly == 1 && (text[i] == '[' || (text[i] == ']' && square > 0)))
      square += text[i] == '[' ? 1 : -1;
    if (i == end || (text[i] == '|' && curly == 1 && square == 0))
      g_array_append_val (bars, i);
  }
  return bars;
}

static gboolean
take_part (Resolver *self, const char *text, guint end, guint depth, GError **error)
{
  g_autoptr (GArray) bars = split_parts (text, end);
  guint choice = vel_chooser_choose (&self->chooser, bars->len);
  guint from = choice > 0 ? g_array_index (bars, guint, choice - 1) + 1 : 1;
  g_autofree char *part = g_strndup (text + from, g_array_index (bars, guint, choice) - from);

  return resolve (self, part, depth + 1, error);
}

static gboolean
check_bounds (const Resolver *self, guint depth, GError **error)
{
  if (depth <= DEEPEST && self->out->len <= LONGEST)
    return TRUE;
  g_set_error (error, VEL_ERROR, VEL_ERROR_REQUEST,
               depth > DEEPEST
                   ? _ ("The prompt's choices are nested too deeply; perhaps the lines of a wildcard file ask for the file itself")
                   : _ ("The prompt became longer than a megabyte by its wildcards"));
  return FALSE;
}

static gboolean
resolve (Resolver *self, const char *text, guint depth, GError **error)
{
  g_autofree guint *ends = find_variants (text);

  if (!check_bounds (self, depth, error))
    return FALSE;
  for (const char *at = text, *next; *at != '\0'; at = next) {
    g_autofree char *name = NULL, *written = NULL;
    guint end = ends[at - text];

    if ((next = find_name (at, &name)) != NULL) {
      written = g_strndup (at, next - at);
      if (!take_line (self, written, name, depth, error))
        return FALSE;
    } else if (end > 0) {
      next = text + end + 1;
      if (!take_part (self, at, end - (at - text), depth, error))
        return FALSE;
    } else {
      next = at + 1 + (*at == '\\' && at[1] != '\0');
      g_string_append_len (self->out, at, next - at);
    }
  }
  return check_bounds (self, depth, error);
}

gboolean
vel_wildcards_are_in (const char *prompt)
{
  const char *first = strstr (prompt, "__"), *open = strchr (prompt, '{');

  return (first != NULL && strstr (first + 2, "__") != NULL) || (open != NULL && strchr (open, '|') != NULL);
}

char *
vel_wildcards_resolve (const char *prompt, const char *folder, guint64 seed, GPtrArray *missing, GError **error)
{
  g_autofree char *valid = g_utf8_make_valid (prompt, -1);
  g_autoptr (GHashTable) files = g_hash_table_new_full (g_str_hash, g_str_equal, g_free, (GDestroyNotify) g_strfreev);
  g_autoptr (GString) out = g_string_new (NULL);
  Resolver resolver = { .folder = folder, .files = files, .missing = missing, .out = out };

  vel_chooser_init (&resolver.chooser, seed);
  if (!resolve (&resolver, valid, 0, error))
    return NULL;
  return g_string_free (g_steal_pointer (&out), FALSE);
}
