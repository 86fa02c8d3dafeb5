/* What the processor's backend says of memory: what it holds, a limit, control groups.  SPDX-License-Identifier: Apache-2.0 */
#include <glib.h>
#include <glib/gstdio.h>

#include "kernels/cpu/available.h"
#include "kernels/kernels.h"

#define MIB ((size_t) 1 << 20)

static void
test_limit (void)
{
  const VelKernels *kernels = vel_kernels_cpu ();
  char why[256];
  VelBackend *backend = kernels->open (&(VelBackendOptions) { .threads = 1, .memory = 64 * MIB }, why, sizeof why);
  size_t before, after, total;
  void *piece;

  kernels->memory (backend, &before, &total);
  g_assert_cmpuint (total, ==, 64 * MIB);
  g_assert_cmpuint (before, ==, 64 * MIB);
  piece = kernels->alloc (backend, 48 * MIB);
  kernels->memory (backend, &after, &total);
  g_assert_cmpuint (after, ==, 16 * MIB);
  kernels->free (backend, piece);
  piece = kernels->alloc (backend, 80 * MIB); /* it is a plan, not a wall */
  g_assert_nonnull (piece);
  kernels->memory (backend, &after, &total);
  g_assert_cmpuint (after, ==, 1);
  kernels->free (backend, piece);
  kernels->memory (backend, &after, &total);
  g_assert_cmpuint (after, ==, before);
  g_assert_null (kernels->alloc (backend, SIZE_MAX / 2 + 1));
  g_assert_cmpuint (kernels->lacking (backend), ==, 0);
  kernels->close (backend);
}

static char *root;

static void
put (const char *path, const char *text)
{
  g_autofree char *full = g_build_filename (root, path, NULL), *folder = g_path_get_dirname (full);

  g_mkdir_with_parents (folder, 0700);
  g_assert_true (g_file_set_contents (full, text, -1, NULL));
}

static void
expect (size_t available, size_t total)
{
  size_t found, all;

  vel_cpu_read_available (root, &found, &all);
  g_assert_cmpuint (found, ==, available);
  g_assert_cmpuint (all, ==, total);
}

static void
remove_all (const char *path)
{
  g_autoptr (GDir) dir = g_dir_open (path, 0, NULL);
  const char *name;

  while (dir && (name = g_dir_read_name (dir))) {
    g_autofree char *below = g_build_filename (path, name, NULL);

    remove_all (below);
  }
  g_remove (path);
}

static void
test_available (void)
{
  root = g_dir_make_tmp ("velatura-memory-XXXXXX", NULL);
  expect (0, 0); /* no such files */
  put ("proc/meminfo", "MemTotal:       16384 kB\nMemFree:         1024 kB\nMemAvailable:    8192 kB\n");
  expect (8 * MIB, 16 * MIB);
  put ("proc/self/cgroup", "0::/a/b\n");
  put ("sys/fs/cgroup/a/b/memory.max", "max\n");
  put ("sys/fs/cgroup/a/b/memory.current", "1048576\n");
  expect (8 * MIB, 16 * MIB);
  put ("sys/fs/cgroup/a/memory.max", "6291456\n"); /* the parent's counts too, */
  put ("sys/fs/cgroup/a/memory.current", "5242880\n");
  expect (1 * MIB, 6 * MIB);
  put ("sys/fs/cgroup/a/memory.stat", "anon 1\ninactive_file 2097152\n"); /* and files that can leave do not */
  expect (3 * MIB, 6 * MIB);
  put ("proc/self/cgroup", "5:cpu:/\n4:memory:/box\n");
  put ("sys/fs/cgroup/memory/box/memory.limit_in_bytes", "4194304\n");
  put ("sys/fs/cgroup/memory/box/memory.usage_in_bytes", "9999999999\n");
  expect (0, 4 * MIB);
  put ("sys/fs/cgroup/memory/box/memory.stat", "total_inactive_file 9999999999\n");
  expect (4 * MIB, 4 * MIB);
  put ("proc/self/cgroup", "nonsense\n::\n:memory\n0::\n");
  expect (8 * MIB, 16 * MIB);
  remove_all (root);
  g_free (root);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/kernels/memory/limit", test_limit);
  g_test_add_func ("/kernels/memory/available", test_available);
  return g_test_run ();
}
