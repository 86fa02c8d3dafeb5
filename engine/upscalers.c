/* Upscalers by name.  SPDX-License-Identifier: Apache-2.0 */
#include "config.h"

#include "engine/upscalers.h"

#include <glib/gi18n-lib.h>
#include <string.h>

#include "engine/error.h"
#include "engine/formats/shown.h"
#include "engine/paths.h"

#define MAX_DEPTH 3 /* of folders in the folder */
#define MAX_FILES 1000

static const char *const endings[] = { ".pth", ".safetensors", ".pt", ".bin", ".ckpt", NULL };

static const VelUpscalerWay ways[] = {
  { "latent", "Latent" },
  { "latent-antialiased", "Latent (antialiased)" },
  { "latent-bicubic", "Latent (bicubic)" },
  { "latent-bicubic-antialiased", "Latent (bicubic antialiased)" },
  { "latent-nearest", "Latent (nearest)" },
  { "latent-nearest-exact", "Latent (nearest-exact)" },
  { "lanczos", "Lanczos", TRUE },
  { "nearest", "Nearest", TRUE },
  { NULL },
};

const VelUpscalerWay *
vel_upscalers_get_ways (void)
{
  return ways;
}

const VelUpscalerWay *
vel_upscalers_find_way (const char *word)
{
  for (const VelUpscalerWay *way = ways; way->word; way++)
    if (g_ascii_strcasecmp (way->word, word) == 0 || g_ascii_strcasecmp (way->label, word) == 0)
      return way;
  return NULL;
}

/* Returns: (nullable) the ending of a name that is one of a network's */
static const char *
ending_of (const char *name)
{
  for (gsize i = 0; endings[i]; i++)
    if (g_str_has_suffix (name, endings[i]) && strlen (name) > strlen (endings[i]))
      return endings[i];
  return NULL;
}

static void
scan (GPtrArray *found, const char *folder, guint depth)
{
  g_autoptr (GDir) open = g_dir_open (folder, 0, NULL);
  const char *leaf;

  while (open && found->len < MAX_FILES && (leaf = g_dir_read_name (open)) != NULL) {
    g_autofree char *path = g_build_filename (folder, leaf, NULL);

    if (*leaf == '.')
      continue;
    if (ending_of (leaf) && g_file_test (path, G_FILE_TEST_IS_REGULAR))
      g_ptr_array_add (found, g_steal_pointer (&path));
    else if (depth > 1 && g_file_test (path, G_FILE_TEST_IS_DIR))
      scan (found, path, depth - 1);
  }
}

char *
vel_upscalers_name_of (const char *path)
{
  char *name = g_path_get_basename (path);
  const char *ending = ending_of (name);

  if (ending)
    name[strlen (name) - strlen (ending)] = '\0';
  return name;
}

static int
compare_names (gconstpointer a, gconstpointer b)
{
  g_autofree char *x = vel_upscalers_name_of (*(const char *const *) a), *y = vel_upscalers_name_of (*(const char *const *) b);
  int order = g_utf8_collate (x, y);

  return order ? order : strcmp (*(const char *const *) a, *(const char *const *) b);
}

static char *
own_folder (void)
{
  return g_build_filename (vel_paths_get_data (), "upscalers", NULL);
}

GPtrArray *
vel_upscalers_list_files (void)
{
  GPtrArray *found = g_ptr_array_new_with_free_func (g_free);
  g_autofree char *folder = own_folder ();

  scan (found, folder, MAX_DEPTH);
  g_ptr_array_sort (found, compare_names);
  return found;
}

GStrv
vel_upscalers_list_names (void)
{
  g_autoptr (GPtrArray) files = vel_upscalers_list_files ();
  g_autoptr (GStrvBuilder) names = g_strv_builder_new ();

  for (guint i = 0; i < files->len; i++) {
    g_autofree char *name = vel_upscalers_name_of (files->pdata[i]);

    if (g_utf8_validate (name, -1, NULL))
      g_strv_builder_add (names, name);
  }
  return g_strv_builder_end (names);
}

/* (nullable) borrowed from the list; in another case if there is none in this one */
static const char *
find_name (GPtrArray *files, const char *wanted)
{
  const char *similar = NULL;

  for (guint i = 0; i < files->len; i++) {
    g_autofree char *name = vel_upscalers_name_of (files->pdata[i]);

    if (g_str_equal (name, wanted))
      return files->pdata[i];
    if (!similar && g_ascii_strcasecmp (name, wanted) == 0)
      similar = files->pdata[i];
  }
  return similar;
}

char *
vel_upscalers_find_file (const char *name)
{
  g_autoptr (GPtrArray) files = NULL;
  g_autofree char *stem = NULL;
  const char *found;

  if ((strchr (name, '/') || ending_of (name)) && g_file_test (name, G_FILE_TEST_IS_REGULAR))
    return g_canonicalize_filename (name, NULL);
  files = vel_upscalers_list_files ();
  stem = vel_upscalers_name_of (name); /* recipes of some programs name files with their endings */
  found = find_name (files, name);
  if (!found)
    found = find_name (files, stem);
  return g_strdup (found);
}

char *
vel_upscalers_resolve (const char *name, GError **error)
{
  char *path = vel_upscalers_find_file (name);
  g_autofree char *shown = NULL, *folder = NULL, *list = NULL;
  g_auto (GStrv) names = NULL;

  if (path)
    return path;
  shown = vel_shown (name);
  folder = own_folder ();
  names = vel_upscalers_list_names ();
  list = g_strjoinv (", ", names);
  if (*list)
    g_set_error (error, VEL_ERROR, VEL_ERROR_REQUEST, _ ("There is no upscaler “%s”; in “%s” there are %s"), shown, folder, list);
  else
    g_set_error (error, VEL_ERROR, VEL_ERROR_REQUEST, _ ("There is no upscaler “%s”; put its file into “%s”"), shown, folder);
  return NULL;
}

char *
vel_upscalers_check (const char *text)
{
  const VelUpscalerWay *way = vel_upscalers_find_way (text);
  g_autofree char *path = way ? NULL : vel_upscalers_find_file (text), *name = NULL, *named = NULL;

  if (way)
    return g_strdup (way->word);
  if (!path || !g_utf8_validate (path, -1, NULL))
    return NULL;
  name = vel_upscalers_name_of (path);
  named = vel_upscalers_find_way (name) ? NULL : vel_upscalers_find_file (name);
  return g_strcmp0 (named, path) == 0 ? g_steal_pointer (&name) : g_steal_pointer (&path);
}
