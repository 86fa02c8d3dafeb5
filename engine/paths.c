/* Where things are.  SPDX-License-Identifier: Apache-2.0 */
#include "engine/paths.h"

#include "config.h"

/* True if this program runs from the tree it was built in. */
static gboolean
is_built_tree (void)
{
  g_autofree char *program = g_file_read_link ("/proc/self/exe", NULL);

  return program && g_str_has_prefix (program, VEL_BUILD_ROOT G_DIR_SEPARATOR_S);
}

/* The first thread to come decides. Takes `path`. */
static const char *
once (const char **place, char *path)
{
  if (!g_atomic_pointer_compare_and_exchange (place, NULL, path))
    g_free (path);
  return g_atomic_pointer_get (place);
}

static const char *
own (const char **place, const char *built, const char *installed)
{
  const char *path = g_atomic_pointer_get (place);

  return path ? path : once (place, g_strdup (is_built_tree () ? built : installed));
}

static const char *
under (const char **place, const char *folder, const char *name)
{
  const char *path = g_atomic_pointer_get (place);

  return path ? path : once (place, g_build_filename (folder, name, NULL));
}

const char *
vel_paths_get_plugins (void)
{
  static const char *path;

  return own (&path, VEL_BUILD_ROOT "/plugins", VEL_PLUGIN_DIR);
}

const char *
vel_paths_get_kernels (void)
{
  static const char *path;

  return own (&path, VEL_BUILD_ROOT "/kernels/cuda", VEL_KERNELS_DIR);
}

const char *
vel_paths_get_starter (void)
{
  static const char *path;

  return own (&path, VEL_SOURCE_ROOT "/resources/starter/model", VEL_DATA_DIR "/starter");
}

const char *
vel_paths_get_locale (void)
{
  static const char *path;

  return own (&path, VEL_BUILD_ROOT "/po", VEL_LOCALE_DIR);
}

const char *
vel_paths_get_data (void)
{
  static const char *path;

  return under (&path, g_get_user_data_dir (), "velatura");
}

const char *
vel_paths_get_state (void)
{
  static const char *path;

  return under (&path, g_get_user_state_dir (), "velatura");
}

const char *
vel_paths_get_cache (void)
{
  static const char *path;

  return under (&path, g_get_user_cache_dir (), "velatura");
}

const char *
vel_paths_get_pictures (void)
{
  static const char *path;
  const char *folder = g_get_user_special_dir (G_USER_DIRECTORY_PICTURES);
  g_autofree char *standard = folder ? NULL : g_build_filename (g_get_home_dir (), "Pictures", NULL);

  return under (&path, folder ? folder : standard, "Velatura");
}
