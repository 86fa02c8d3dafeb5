/* Which files of a kind are on disk.  SPDX-License-Identifier: Apache-2.0 */
#include "engine/collection.h"

#include <string.h>

#include "engine/formats/diffusers.h"
#include "engine/paths.h"

#define DEPTH 4 /* folders within folders; more are no collection */

static const char *const endings[] = { ".safetensors", ".pt", ".pth", ".ckpt", ".bin", NULL };

static gboolean
has_ending (const char *leaf)
{
  for (guint i = 0; endings[i]; i++)
    if (g_str_has_suffix (leaf, endings[i]) && strlen (leaf) > strlen (endings[i]))
      return TRUE;
  return FALSE;
}

static gboolean
is_network (const char *folder)
{
  g_autofree char *file = vel_diffusers_find (folder, "");

  return file != NULL;
}

static void
list_folder (GPtrArray *found, const char *folder, gboolean folders, guint depth)
{
  g_autoptr (GDir) open = g_dir_open (folder, 0, NULL);
  const char *leaf;

  while (open && (leaf = g_dir_read_name (open))) {
    g_autofree char *path = g_build_filename (folder, leaf, NULL);
    gboolean is_folder = *leaf != '.' && g_file_test (path, G_FILE_TEST_IS_DIR);

    if (is_folder ? folders && is_network (path) : has_ending (leaf))
      g_ptr_array_add (found, g_steal_pointer (&path));
    else if (is_folder && depth < DEPTH)
      list_folder (found, path, folders, depth + 1);
  }
}

static int
compare_paths (gconstpointer a, gconstpointer b)
{
  return strcmp (*(const char *const *) a, *(const char *const *) b);
}

char *
vel_collection_get_folder (const char *name)
{
  return g_build_filename (vel_paths_get_data (), name, NULL);
}

GPtrArray *
vel_collection_list (const char *name, gboolean folders)
{
  g_autofree char *folder = vel_collection_get_folder (name);
  GPtrArray *found = g_ptr_array_new_with_free_func (g_free);

  list_folder (found, folder, folders, 0);
  g_ptr_array_sort (found, compare_paths);
  return found;
}

char *
vel_collection_dup_stem (const char *path)
{
  char *leaf = g_path_get_basename (path);

  for (guint i = 0; endings[i]; i++)
    if (g_str_has_suffix (leaf, endings[i])) {
      leaf[strlen (leaf) - strlen (endings[i])] = '\0';
      break;
    }
  return leaf;
}

/* Returns: (transfer full) the stem in one case */
static char *
fold_stem (const char *path)
{
  g_autofree char *leaf = vel_collection_dup_stem (path), *valid = g_utf8_make_valid (leaf, -1);

  return g_utf8_casefold (valid, -1);
}

const char *
vel_collection_find (GPtrArray *paths, const char *wanted)
{
  g_autofree char *folded = fold_stem (wanted);

  for (guint i = 0; i < paths->len && !strchr (wanted, '/'); i++) {
    g_autofree char *stem = fold_stem (paths->pdata[i]);

    if (g_str_equal (stem, folded))
      return paths->pdata[i];
  }
  return NULL;
}
