/* Files of a test: its own in a scratch folder, golden ones in the source tree.  SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <glib.h>
#include <glib/gstdio.h>

/* A path in the test's own folder (G_TEST_OPTION_ISOLATE_DIRS), which exists. Returns: (transfer full) */
static inline char *
scratch_path (const char *name)
{
  g_mkdir_with_parents (g_get_user_runtime_dir (), 0700);
  return g_build_filename (g_get_user_runtime_dir (), name, NULL);
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
