/* The card's table: stream, scratch, and where its ops are.  SPDX-License-Identifier: Apache-2.0 */
#include "kernels/cuda/backend.cuh"
#include "kernels/cuda/lt.h"

#include <stdio.h>
#include <stdlib.h>

/* The emulator's build of these files names its table otherwise, so that one program can hold both. */
#ifndef VEL_CUDA_TABLE
#define VEL_CUDA_TABLE vel_kernels_cuda
#define VEL_CUDA_NAME "cuda"
#endif

#define LEAST_SCRATCH ((size_t) 1 << 20)

static void
free_retired (VelBackend *backend)
{
  while (backend->n_retired > 0)
    vel_runtime_free (backend->runtime, backend->retired[--backend->n_retired]);
}

static void
cuda_close (VelBackend *backend)
{
  if (backend == NULL)
    return;
  vel_lt_close (backend->lt);
  free_retired (backend);
  vel_runtime_free (backend->runtime, backend->scratch);
  vel_cuda_free_places (backend);
  vel_runtime_close (backend->runtime);
  free (backend);
}

/* The instructions are of 9.0 alone. The variable is for finding out whether they are to blame. */
static bool
may_use_warpgroups (const VelDeviceInfo *info)
{
  const char *wish = getenv ("VELATURA_WARPGROUPS");

  return info->capability == 90 && (wish == NULL || wish[0] != '0');
}

static VelBackend *
cuda_open (const VelBackendOptions *options, char *why, size_t why_size)
{
  VelBackend *backend = (VelBackend *) calloc (1, sizeof *backend);

  if (backend == NULL) {
    snprintf (why, why_size, "There is not enough memory to start the card's kernels.");
    return NULL;
  }
  backend->runtime = vel_runtime_open (options != NULL ? options->device : 0, options != NULL ? options->memory : 0, &backend->info, why,
                                       why_size);
  if (backend->runtime == NULL) {
    free (backend);
    return NULL;
  }
  backend->stream = vel_runtime_stream (backend->runtime);
  backend->shared_limit = vel_runtime_shared_limit (backend->runtime);
  backend->warpgroups = may_use_warpgroups (&backend->info);
  backend->lt = vel_lt_open (backend, options != NULL ? options->cache : NULL);
  snprintf (backend->description, sizeof backend->description, "%s, %.1f GB, driver %s%s", backend->info.name,
            (double) backend->info.memory / 1e9, backend->info.driver, backend->lt != NULL ? ", cuBLASLt" : "");
  return backend;
}

static const char *
cuda_describe (VelBackend *backend)
{
  return backend->description;
}

static unsigned
cuda_threads (VelBackend *backend)
{
  return 1;
}

static bool
cuda_takes (VelBackend *backend, VelType type)
{
  return type == VEL_F32 || type == VEL_F16 || (type == VEL_BF16 && backend->info.capability >= 80);
}

static void
cuda_memory (VelBackend *backend, size_t *free_bytes, size_t *total_bytes)
{
  vel_runtime_memory (backend->runtime, free_bytes, total_bytes);
}

static const char *
cuda_failure (VelBackend *backend)
{
  return vel_runtime_failure (backend->runtime);
}

static size_t
cuda_lacking (VelBackend *backend)
{
  size_t lacking = backend->lacking;

  backend->lacking = 0;
  return lacking;
}

static void
cuda_wait (VelBackend *backend)
{
  vel_runtime_wait (backend->runtime);
}

static void *
cuda_alloc (VelBackend *backend, size_t bytes)
{
  return vel_runtime_alloc (backend->runtime, bytes);
}

static void
cuda_free (VelBackend *backend, void *memory)
{
  vel_runtime_free (backend->runtime, memory);
}

static void
cuda_upload (VelBackend *backend, void *device, const void *host, size_t bytes)
{
  vel_runtime_upload (backend->runtime, device, host, bytes);
}

static void
cuda_download (VelBackend *backend, void *host, const void *device, size_t bytes)
{
  vel_runtime_download (backend->runtime, host, device, bytes);
}

static void
cuda_record (VelBackend *backend)
{
  backend->spoiled = false;
  vel_runtime_record (backend->runtime);
}

static void
graph_free (VelBackend *backend, VelGraph *graph)
{
  vel_runtime_graph_free (backend->runtime, graph);
  backend->n_graphs--;
  if (backend->n_graphs == 0)
    free_retired (backend);
}

static VelGraph *
cuda_recorded (VelBackend *backend)
{
  VelGraph *graph = vel_runtime_recorded (backend->runtime);

  if (graph == NULL)
    return NULL;
  backend->n_graphs++;
  if (!backend->spoiled)
    return graph;
  graph_free (backend, graph);
  return NULL;
}

static void
cuda_replay (VelBackend *backend, VelGraph *graph)
{
  vel_runtime_replay (backend->runtime, graph);
}

static void
cuda_graph_free (VelBackend *backend, VelGraph *graph)
{
  if (graph != NULL)
    graph_free (backend, graph);
}

/* The old scratch stays while there are recordings, which know its address. Sizes at least double, so there are never many. */
static bool
retire_scratch (VelBackend *backend)
{
  if (backend->n_graphs == 0)
    vel_runtime_free (backend->runtime, backend->scratch);
  else if (backend->n_retired < sizeof backend->retired / sizeof *backend->retired)
    backend->retired[backend->n_retired++] = backend->scratch;
  else
    return false;
  backend->scratch = NULL;
  return true;
}

void *
vel_cuda_scratch (VelBackend *backend, size_t bytes)
{
  if (bytes <= backend->scratch_bytes)
    return backend->scratch;
  if (vel_runtime_recording (backend->runtime)) {
    backend->spoiled = true;
    return NULL;
  }
  if (bytes < LEAST_SCRATCH)
    bytes = LEAST_SCRATCH;
  if (backend->n_graphs > 0 && bytes < 2 * backend->scratch_bytes)
    bytes = 2 * backend->scratch_bytes;
  if (!retire_scratch (backend))
    return NULL;
  backend->scratch = vel_runtime_alloc (backend->runtime, bytes);
  backend->scratch_bytes = backend->scratch != NULL ? bytes : 0;
  if (backend->scratch == NULL)
    backend->lacking = bytes;
  return backend->scratch;
}

/* All bits set is a NaN in each of the three types. */
void
vel_cuda_give_up (VelBackend *backend, VelType type, void *out, size_t count)
{
  vel_runtime_fill (backend->runtime, out, 0xff, count * vel_type_size (type));
}

static VelKernels
make_table (void)
{
  VelKernels table = {};

  table.abi = VEL_KERNELS_ABI;
  table.name = VEL_CUDA_NAME;
  table.features = VEL_FEATURE_TWO_INPUTS | VEL_FEATURE_GRAPHS | VEL_FEATURE_OUTSIDE;
  table.devices = vel_runtime_devices;
  table.open = cuda_open;
  table.close = cuda_close;
  table.describe = cuda_describe;
  table.threads = cuda_threads;
  table.takes = cuda_takes;
  table.memory = cuda_memory;
  table.failure = cuda_failure;
  table.lacking = cuda_lacking;
  table.wait = cuda_wait;
  table.alloc = cuda_alloc;
  table.free = cuda_free;
  table.upload = cuda_upload;
  table.download = cuda_download;
  table.pack_linear = vel_cuda_pack_linear;
  table.pack_conv = vel_cuda_pack_conv;
  table.pack_like = vel_cuda_pack_like;
  table.unpack = vel_cuda_unpack;
  table.packed_bytes = vel_cuda_packed_bytes;
  table.linear = vel_cuda_linear;
  table.conv = vel_cuda_conv;
  table.attention = vel_cuda_attention;
  table.group_norm = vel_cuda_group_norm;
  table.layer_norm = vel_cuda_layer_norm;
  table.activate = vel_cuda_activate;
  table.combine = vel_cuda_combine;
  table.blend = vel_cuda_blend;
  table.concat = vel_cuda_concat;
  table.sinusoid = vel_cuda_sinusoid;
  table.transpose = vel_cuda_transpose;
  table.convert = vel_cuda_convert;
  table.rearrange = vel_cuda_rearrange;
  table.merge = vel_cuda_merge;
  table.record = cuda_record;
  table.recorded = cuda_recorded;
  table.replay = cuda_replay;
  table.graph_free = cuda_graph_free;
  return table;
}

extern "C" __attribute__ ((visibility ("default"))) const VelKernels *
VEL_CUDA_TABLE (void)
{
  static const VelKernels table = make_table ();

  return &table;
}
