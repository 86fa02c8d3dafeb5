/* The processor's table: threads, and the best vector instructions this machine has.
 * SPDX-License-Identifier: Apache-2.0 */
#include "kernels/cpu/backend.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Every processor with AVX2 converts fp16 too (F16C), which compilers do not all know how to ask for. */
static bool
has_avx2 (void)
{
#ifdef VEL_HAVE_AVX2
  return __builtin_cpu_supports ("avx2") && __builtin_cpu_supports ("fma");
#else
  return false;
#endif
}

/* name: (nullable) the best. Returns: NULL if this machine or this build has no such instruction set. */
static const VelIsa *
find_isa (const char *name)
{
#ifdef VEL_HAVE_AVX2
  if ((name == NULL || strcmp (name, "avx2") == 0) && has_avx2 ())
    return &vel_isa_avx2;
#endif
  if (name == NULL || strcmp (name, "portable") == 0)
    return &vel_isa_portable;
  return NULL;
}

static void
cpu_close (VelBackend *backend)
{
  if (backend == NULL)
    return;
  vel_pool_free (backend->pool);
  vel_cpu_free (backend, backend->shared);
  for (unsigned i = 0; i < backend->threads && backend->own != NULL; i++)
    vel_cpu_free (backend, backend->own[i]);
  free (backend->own);
  free (backend->zeros);
  free (backend);
}

static VelBackend *
cpu_open (const VelBackendOptions *options, char *why, size_t why_size)
{
  const char *isa_name = options != NULL ? options->isa : NULL;
  const VelIsa *isa = find_isa (isa_name);
  VelBackend *backend;

  if (isa == NULL) {
    snprintf (why, why_size, "This processor has no instruction set \"%s\"; leave it out, or ask for \"portable\"%s.", isa_name,
              has_avx2 () ? " or \"avx2\"" : "");
    return NULL;
  }
  backend = calloc (1, sizeof *backend);
  if (backend != NULL)
    backend->pool = vel_pool_new (options != NULL ? options->threads : 0, options != NULL ? options->nice : 0);
  if (backend != NULL && backend->pool != NULL) {
    backend->threads = vel_pool_get_threads (backend->pool);
    backend->own = calloc (backend->threads, sizeof *backend->own);
  }
  if (backend == NULL || backend->own == NULL) {
    cpu_close (backend);
    snprintf (why, why_size, "There is not enough memory to start the processor's kernels.");
    return NULL;
  }
  backend->isa = isa;
  backend->limit = options != NULL ? options->memory : 0;
  snprintf (backend->description, sizeof backend->description, "%s, %u thread%s", isa->label, backend->threads,
            backend->threads == 1 ? "" : "s");
  return backend;
}

static const char *
cpu_describe (VelBackend *backend)
{
  return backend->description;
}

static unsigned
cpu_threads (VelBackend *backend)
{
  return backend->threads;
}

static void *
cpu_alloc (VelBackend *backend, size_t bytes)
{
  return vel_cpu_alloc (backend, bytes);
}

static void
cpu_free (VelBackend *backend, void *memory)
{
  vel_cpu_free (backend, memory);
}

static void
cpu_upload (VelBackend *backend, void *device, const void *host, size_t bytes)
{
  memcpy (device, host, bytes);
}

static void
cpu_download (VelBackend *backend, void *host, const void *device, size_t bytes)
{
  memcpy (host, device, bytes);
}

static void
cpu_linear (VelBackend *backend, const VelLinearArgs *args)
{
  backend->isa->linear (backend, args);
}

static void
cpu_conv (VelBackend *backend, const VelConvArgs *args)
{
  backend->isa->conv (backend, args);
}

static void
cpu_attention (VelBackend *backend, const VelAttentionArgs *args)
{
  backend->isa->attention (backend, args);
}

static void
cpu_group_norm (VelBackend *backend, const VelGroupNormArgs *args)
{
  backend->isa->group_norm (backend, args);
}

static void
cpu_layer_norm (VelBackend *backend, const VelLayerNormArgs *args)
{
  backend->isa->layer_norm (backend, args);
}

static void
cpu_activate (VelBackend *backend, const VelActivateArgs *args)
{
  backend->isa->activate (backend, args);
}

static void
cpu_combine (VelBackend *backend, const VelCombineArgs *args)
{
  backend->isa->combine (backend, args);
}

static void
cpu_blend (VelBackend *backend, const VelBlendArgs *args)
{
  backend->isa->blend (backend, args);
}

static void
cpu_convert (VelBackend *backend, const VelConvertArgs *args)
{
  backend->isa->convert (backend, args);
}

static void
cpu_merge (VelBackend *backend, const VelMergeArgs *args, size_t n)
{
  backend->isa->merge (backend, args, n);
}

const VelKernels *
vel_kernels_cpu (void)
{
  static const VelKernels table = {
    .abi = VEL_KERNELS_ABI,
    .name = "cpu",
    .open = cpu_open,
    .close = cpu_close,
    .describe = cpu_describe,
    .threads = cpu_threads,
    .memory = vel_cpu_memory,
    .lacking = vel_cpu_lacking,
    .alloc = cpu_alloc,
    .free = cpu_free,
    .upload = cpu_upload,
    .download = cpu_download,
    .pack_linear = vel_cpu_pack_linear,
    .pack_conv = vel_cpu_pack_conv,
    .pack_like = vel_cpu_pack_like,
    .unpack = vel_cpu_unpack,
    .packed_bytes = vel_cpu_packed_bytes,
    .linear = cpu_linear,
    .conv = cpu_conv,
    .attention = cpu_attention,
    .group_norm = cpu_group_norm,
    .layer_norm = cpu_layer_norm,
    .activate = cpu_activate,
    .combine = cpu_combine,
    .blend = cpu_blend,
    .concat = vel_cpu_concat,
    .sinusoid = vel_cpu_sinusoid,
    .transpose = vel_cpu_transpose,
    .convert = cpu_convert,
    .rearrange = vel_cpu_rearrange,
    .merge = cpu_merge,
  };

  return &table;
}
