/* Files of a test: its own in a scratch folder, golden ones in the source tree.  SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <glib.h>
#include <glib/gstdio.h>
#include <stdlib.h>

static char *scratch_root;

static inline void
scratch_remove (const char *path)
{
  g_autoptr (GDir) dir = g_file_test (path, G_FILE_TEST_IS_SYMLINK) ? NULL : g_dir_open (path, 0, NULL);
  const char *name;

  while (dir && (name = g_dir_read_name (dir))) {
    g_autofree char *below = g_build_filename (path, name, NULL);

    scratch_remove (below);
  }
  g_remove (path);
}

static inline void
scratch_end (void)
{
  scratch_remove (scratch_root);
  g_clear_pointer (&scratch_root, g_free);
}

/* In place of g_test_init: everything of the user's lies in a folder that goes with the program. (GLib has an option for it, which
 * loses memory and so hides what we lose.) */
static inline void
scratch_init (int *argc, char ***argv)
{
  g_test_init (argc, argv, NULL);
  scratch_root = g_dir_make_tmp ("velatura-test-XXXXXX", NULL);
  g_assert_nonnull (scratch_root);
  for (const char *const *name = (const char *[]) { "HOME", "XDG_DATA_HOME", "XDG_CACHE_HOME", "XDG_STATE_HOME", "XDG_CONFIG_HOME", NULL };
       *name; name++) {
    g_autofree char *folder = g_build_filename (scratch_root, *name, NULL);

    g_setenv (*name, folder, TRUE);
  }
  atexit (scratch_end);
}

/* A path in a folder of the test that runs, which exists. Returns: (transfer full) */
static inline char *
scratch_path (const char *name)
{
  g_autofree char *folder = g_build_filename (scratch_root, "tests", g_test_get_path (), NULL);

  g_mkdir_with_parents (folder, 0700);
  return g_build_filename (folder, name, NULL);
}

/* Returns: (transfer full): where the bytes now are */
static inline char *
scratch_file (const char *name, const void *data, gsize length)
{
  char *path = scratch_path (name);
  g_autofree char *folder = g_path_get_dirname (path);
  g_autoptr (GError) error = NULL;

  g_mkdir_with_parents (folder, 0700);
  g_file_set_contents (path, data, length, &error);
  g_assert_no_error (error);
  return path;
}

/* Returns: (transfer full): tests/golden/formats/NAME */
static inline char *
golden_path (const char *name)
{
  return g_test_build_filename (G_TEST_DIST, "golden", "formats", name, NULL);
}
