/* Device memory and scratch of the processor backend.  SPDX-License-Identifier: Apache-2.0 */
#define _GNU_SOURCE
#include "kernels/cpu/backend.h"

#include <math.h>
#include <stdlib.h>
#include <sys/mman.h>

#define LARGE_PAGE ((size_t) 2 << 20)

/* Ops walk many rows at once, each on a page of its own; large pages keep them all in the processor's page table cache. */
void *
vel_cpu_alloc (size_t bytes)
{
  size_t alignment = bytes >= 2 * LARGE_PAGE ? LARGE_PAGE : 64;
  void *memory = NULL;

  if (bytes > SIZE_MAX - LARGE_PAGE || posix_memalign (&memory, alignment, bytes > 0 ? bytes : 1) != 0)
    return NULL;
#ifdef MADV_HUGEPAGE
  if (alignment == LARGE_PAGE)
    madvise (memory, bytes / LARGE_PAGE * LARGE_PAGE, MADV_HUGEPAGE);
#endif
  return memory;
}

void
vel_cpu_free (void *memory)
{
  free (memory);
}

void *
vel_cpu_shared_scratch (VelBackend *backend, size_t bytes)
{
  if (bytes > backend->shared_bytes) {
    vel_cpu_free (backend->shared);
    backend->shared = vel_cpu_alloc (bytes);
    backend->shared_bytes = backend->shared != NULL ? bytes : 0;
  }
  return backend->shared;
}

bool
vel_cpu_own_scratch (VelBackend *backend, size_t bytes)
{
  if (bytes <= backend->own_bytes)
    return true;
  backend->own_bytes = 0;
  for (unsigned i = 0; i < backend->threads; i++) {
    vel_cpu_free (backend->own[i]);
    backend->own[i] = vel_cpu_alloc (bytes);
  }
  for (unsigned i = 0; i < backend->threads; i++)
    if (backend->own[i] == NULL)
      return false;
  backend->own_bytes = bytes;
  return true;
}

const float *
vel_cpu_zeros (VelBackend *backend, size_t count)
{
  if (count > backend->zero_count) {
    free (backend->zeros);
    backend->zeros = calloc (count, sizeof *backend->zeros);
    backend->zero_count = backend->zeros != NULL ? count : 0;
  }
  return backend->zeros;
}

void
vel_cpu_give_up (float *out, size_t count)
{
  for (size_t i = 0; i < count; i++)
    out[i] = NAN;
}
