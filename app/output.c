/* Names and files of finished pictures.
 * SPDX-License-Identifier: Apache-2.0 */
#include "config.h"

#include "app/output.h"

#include <glib/gi18n.h>
#include <string.h>
#include <unistd.h>

#include "engine/durable.h"
#include "engine/formats/png.h"

/* Appends what a word in braces stands for. */
static gboolean
append_word (GString *path, const char *word, const VelOutput *self, guint index)
{
  if (g_str_equal (word, "seed"))
    g_string_append_printf (path, "%" G_GUINT64_FORMAT, self->seed + (self->one_seed ? 0 : index));
  else if (g_str_equal (word, "index"))
    g_string_append_printf (path, "%u", index + 1);
  else if (g_str_equal (word, "date"))
    g_string_append (path, self->date);
  else if (g_str_equal (word, "model"))
    g_string_append (path, self->model);
  else
    return FALSE;
  return TRUE;
}

static char *
expand (const VelOutput *self, guint index, GError **error)
{
  g_autoptr (GString) path = g_string_new (NULL);
  const char *rest = self->pattern, *open, *close;

  while ((open = strchr (rest, '{')) && (close = strchr (open, '}'))) {
    g_autofree char *word = g_strndup (open + 1, close - open - 1);

    g_string_append_len (path, rest, open - rest);
    if (!append_word (path, word, self, index)) {
      g_set_error (error, VEL_ERROR, VEL_ERROR_REQUEST, _ ("“{%s}” in --output is not known; there are {seed} {index} {date} {model}"),
                   word);
      return NULL;
    }
    rest = close + 1;
  }
  g_string_append (path, rest);
  return g_strdup (path->str);
}

/* "fox.png" and 2: "fox-2.png" */
static char *
number (const char *path, guint index)
{
  const char *name = strrchr (path, '/');
  const char *dot = strrchr (name ? name : path, '.');
  gsize stem = dot ? (gsize) (dot - path) : strlen (path);

  return g_strdup_printf ("%.*s-%u%s", (int) stem, path, index + 1, path + stem);
}

GStrv
vel_output_paths (const VelOutput *self, GError **error)
{
  g_autoptr (GStrvBuilder) paths = g_strv_builder_new ();
  gboolean differ = self->batch == 1 || strstr (self->pattern, "{index}") || (strstr (self->pattern, "{seed}") && !self->one_seed);

  for (guint i = 0; i < self->batch; i++) {
    g_autofree char *path = expand (self, i, error);
    g_autofree char *numbered = NULL;

    if (!path)
      return NULL;
    if (!differ)
      numbered = number (path, i);
    g_strv_builder_add (paths, differ ? path : numbered);
  }
  return g_strv_builder_end (paths);
}

gboolean
vel_output_check (const VelOutput *self, const char *const *paths, GError **error)
{
  for (guint i = 0; paths[i]; i++) {
    g_autofree char *folder = g_path_get_dirname (paths[i]);

    if (!g_file_test (folder, G_FILE_TEST_IS_DIR))
      g_set_error (error, VEL_ERROR, VEL_ERROR_STORAGE, _ ("%s can not be written: there is no folder %s"), paths[i], folder);
    else if (g_file_test (paths[i], G_FILE_TEST_IS_DIR))
      g_set_error (error, VEL_ERROR, VEL_ERROR_STORAGE, _ ("%s is a folder; --output needs a file's name"), paths[i]);
    else if (!self->force && g_file_test (paths[i], G_FILE_TEST_EXISTS))
      g_set_error (error, VEL_ERROR, VEL_ERROR_STORAGE, _ ("%s exists already; give another name, or --force to replace it"), paths[i]);
    else if (access (folder, W_OK) != 0)
      g_set_error (error, VEL_ERROR, VEL_ERROR_STORAGE, _ ("%s can not be written: the folder %s is read-only for you"), paths[i], folder);
    else
      continue;
    return FALSE;
  }
  return TRUE;
}

gboolean
vel_output_save (const VelOutput *self, const char *path, const VelPicture *picture, VelValues *request, const VelRecipeFacts *facts,
                 const char *comment, GError **error)
{
  g_autofree char *folder = g_path_get_dirname (path);
  g_autofree char *parameters = vel_recipe_to_a1111 (request, facts);
  g_autofree char *recipe = vel_recipe_to_json (request, facts);
  const char *text[] = { VEL_RECIPE_A1111, parameters, VEL_RECIPE_OWN, recipe, comment ? "Comment" : NULL, comment, NULL };
  g_autoptr (GBytes) bytes = vel_png_encode (picture->rgb, picture->width, picture->height, text);
  g_autoptr (VelDurable) file = vel_durable_new (folder, error);

  return file && vel_durable_write (file, g_bytes_get_data (bytes, NULL), g_bytes_get_size (bytes), error) &&
         vel_durable_finish (file, path, self->force, error);
}
