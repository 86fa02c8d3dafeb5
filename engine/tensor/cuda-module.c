/* Finding and loading the CUDA backend.  SPDX-License-Identifier: Apache-2.0 */
#include "config.h"

#include "engine/tensor/cuda-module.h"

#include <glib/gi18n-lib.h>
#include <gmodule.h>

#include "engine/paths.h"

typedef struct {
  const VelKernels *kernels;
  char *why;
} Found;

static char *
find_path (void)
{
  const char *asked = g_getenv ("VELATURA_CUDA_MODULE");

  return asked && *asked ? g_strdup (asked) : g_build_filename (vel_paths_get_kernels (), "velatura-cuda.so", NULL);
}

static gpointer
load (gpointer unused)
{
  Found *found = g_new0 (Found, 1);
  g_autofree char *path = find_path ();
  GModule *module = g_file_test (path, G_FILE_TEST_EXISTS) ? g_module_open (path, G_MODULE_BIND_LAZY | G_MODULE_BIND_LOCAL) : NULL;
  gpointer get_table = NULL;

  if (!g_file_test (path, G_FILE_TEST_EXISTS)) {
    found->why = g_strdup (_ ("this build has no CUDA backend"));
  } else if (!module) {
    found->why = g_strdup_printf (_ ("the CUDA backend can not be loaded (%s)"), g_module_error ());
  } else if (!g_module_symbol (module, "vel_kernels_cuda", &get_table)) {
    found->why = g_strdup_printf (_ ("“%s” is not a CUDA backend"), path);
  } else {
    const VelKernels *kernels = ((const VelKernels *(*) (void)) get_table) ();

    if (kernels->abi == VEL_KERNELS_ABI)
      found->kernels = kernels;
    else
      found->why = g_strdup_printf (_ ("the CUDA backend has interface %u and this program wants %u; install both anew"), kernels->abi,
                                    VEL_KERNELS_ABI);
  }
  if (found->kernels)
    g_module_make_resident (module);
  if (module)
    g_module_close (module);
  return found;
}

const VelKernels *
vel_cuda_module_get (const char **why)
{
  static GOnce once = G_ONCE_INIT;
  const Found *found = g_once (&once, load, NULL);

  if (why)
    *why = found->why;
  return found->kernels;
}
