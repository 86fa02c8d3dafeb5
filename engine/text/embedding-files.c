/* Embeddings by path and by name.  SPDX-License-Identifier: Apache-2.0 */
#include "config.h"

#include "engine/text/embedding-files.h"

#include <glib/gi18n-lib.h>
#include <string.h>

static const char *const endings[] = { ".safetensors", ".pt", ".bin", NULL };

/* Returns: (transfer full) (nullable) a file's name without its ending, if that is an embedding's */
static char *
stem_of (const char *leaf)
{
  for (guint i = 0; endings[i] != NULL; i++)
    if (g_str_has_suffix (leaf, endings[i]) && strlen (leaf) > strlen (endings[i]))
      return g_strndup (leaf, strlen (leaf) - strlen (endings[i]));
  return NULL;
}

/* A path as it is, or a name with or without ending in the folder. Returns: (transfer full) */
static char *
find_file (const char *path, const char *folder)
{
  g_autofree char *leaf = NULL;

  if (g_file_test (path, G_FILE_TEST_EXISTS) || strchr (path, '/') != NULL)
    return g_strdup (path);
  leaf = g_build_filename (folder, path, NULL);
  if (g_file_test (leaf, G_FILE_TEST_EXISTS))
    return g_steal_pointer (&leaf);
  for (guint i = 0; endings[i] != NULL; i++) {
    g_autofree char *with = g_strconcat (leaf, endings[i], NULL);

    if (g_file_test (with, G_FILE_TEST_EXISTS))
      return g_steal_pointer (&with);
  }
  return g_strdup (path);
}

/* Returns: (transfer full) whatever the case */
static char *
fold (const char *text)
{
  g_autofree char *valid = g_utf8_make_valid (text, -1);

  return g_utf8_casefold (valid, -1);
}

static int
compare_names (gconstpointer a, gconstpointer b)
{
  return strcmp (*(const char *const *) a, *(const char *const *) b);
}

GPtrArray *
vel_embeddings_list (const char *folder)
{
  GPtrArray *found = g_ptr_array_new_with_free_func (g_free);
  g_autoptr (GDir) open = g_dir_open (folder, 0, NULL);
  const char *leaf;

  while (open != NULL && (leaf = g_dir_read_name (open)) != NULL) {
    g_autofree char *name = stem_of (leaf);

    if (name != NULL)
      g_ptr_array_add (found, g_build_filename (folder, leaf, NULL));
  }
  g_ptr_array_sort (found, compare_names);
  return found;
}

char *
vel_embeddings_name_of (const char *path)
{
  g_autofree char *leaf = g_path_get_basename (path);
  char *name = stem_of (leaf);

  return name != NULL ? name : g_steal_pointer (&leaf);
}

/* Returns: (transfer full) (element-type utf8) the folder's files that are asked for and not there yet */
static GPtrArray *
list_mentioned (const VelEmbeddings *self, const char *folder, const char *const *prompts)
{
  GPtrArray *all = vel_embeddings_list (folder);
  g_autofree char *joined = g_strjoinv ("\n", (char **) prompts), *said = fold (joined);
  guint first, count;

  for (guint i = all->len; i > 0; i--) {
    g_autofree char *name = vel_embeddings_name_of (all->pdata[i - 1]), *folded = fold (name);

    if (strstr (said, folded) == NULL || vel_embeddings_find (self, name, &first, &count))
      g_ptr_array_remove_index (all, i - 1);
  }
  return all;
}

gboolean
vel_embeddings_gather (VelEmbeddings *self, const char *paths, const char *folder, const char *const *prompts, GPtrArray *notes,
                       GCancellable *cancellable, GError **error)
{
  g_auto (GStrv) named = g_strsplit (paths, "\n", -1);
  g_autoptr (GPtrArray) mentioned = NULL;

  for (guint i = 0; named[i] != NULL; i++) {
    g_autofree char *path = find_file (named[i], folder);

    if (*path != '\0' && !vel_embeddings_add (self, path, cancellable, error))
      return FALSE;
  }
  mentioned = list_mentioned (self, folder, prompts);
  for (guint i = 0; i < mentioned->len; i++) {
    g_autoptr (GError) problem = NULL;

    if (vel_embeddings_add (self, mentioned->pdata[i], cancellable, &problem))
      continue;
    if (g_error_matches (problem, G_IO_ERROR, G_IO_ERROR_CANCELLED)) {
      g_propagate_error (error, g_steal_pointer (&problem));
      return FALSE;
    }
    /* Translators: a sentence about a file */
    g_ptr_array_add (notes, g_strdup_printf (_ ("Left out: %s"), problem->message));
  }
  return TRUE;
}
