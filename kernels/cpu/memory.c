/* Device memory and scratch of the processor backend.  SPDX-License-Identifier: Apache-2.0 */
#define _GNU_SOURCE
#include "kernels/cpu/backend.h"

#include <math.h>
#include <stdlib.h>
#include <sys/mman.h>

#define LARGE_PAGE ((size_t) 2 << 20)
#define HEAD 64 /* bytes before what is handed out, so that it keeps its alignment */

/* What stands in the head. */
typedef struct {
  void *start;
  size_t mapped; /* bytes; 0: from malloc */
} Head;

/* Ops walk many rows at once, each on a page of its own; large pages keep them all in the processor's page table cache. Mapped by
 * ourselves, a large block goes back to the system the moment it is freed. */
static void *
map_large (size_t bytes)
{
  size_t mapped = bytes + HEAD + LARGE_PAGE;
  char *start = mmap (NULL, mapped, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  char *aligned;

  if (start == MAP_FAILED)
    return NULL;
  aligned = (char *) (((uintptr_t) start + LARGE_PAGE - 1) / LARGE_PAGE * LARGE_PAGE);
#ifdef MADV_HUGEPAGE
  madvise (aligned, (bytes + HEAD) / LARGE_PAGE * LARGE_PAGE, MADV_HUGEPAGE);
#endif
  *(Head *) aligned = (Head){ start, mapped };
  return aligned + HEAD;
}

void *
vel_cpu_alloc (size_t bytes)
{
  void *start;

  if (bytes > SIZE_MAX / 2)
    return NULL;
  if (bytes >= 2 * LARGE_PAGE)
    return map_large (bytes);
  if (posix_memalign (&start, HEAD, bytes + HEAD) != 0)
    return NULL;
  *(Head *) start = (Head){ start, 0 };
  return (char *) start + HEAD;
}

void
vel_cpu_free (void *memory)
{
  Head *head;

  if (memory == NULL)
    return;
  head = (Head *) ((char *) memory - HEAD);
  if (head->mapped > 0)
    munmap (head->start, head->mapped);
  else
    free (head->start);
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
