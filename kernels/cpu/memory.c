/* Device memory and scratch of the processor backend.  SPDX-License-Identifier: Apache-2.0 */
#define _GNU_SOURCE
#include "kernels/cpu/backend.h"

#include "kernels/cpu/available.h"

#include <math.h>
#include <stdlib.h>
#include <sys/mman.h>

#define LARGE_PAGE ((size_t) 2 << 20)
#define HEAD 64 /* bytes before what is handed out, so that it keeps its alignment */

/* What stands in the head. */
typedef struct {
  void *start;
  size_t mapped; /* bytes; 0: from malloc */
  size_t bytes;
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
  *(Head *) aligned = (Head){ start, mapped, bytes };
  return aligned + HEAD;
}

static void *
allocate (size_t bytes)
{
  void *start;

  if (bytes >= 2 * LARGE_PAGE)
    return map_large (bytes);
  if (posix_memalign (&start, HEAD, bytes + HEAD) != 0)
    return NULL;
  *(Head *) start = (Head){ start, 0, bytes };
  return (char *) start + HEAD;
}

void *
vel_cpu_alloc (VelBackend *backend, size_t bytes)
{
  void *memory = bytes > SIZE_MAX / 2 ? NULL : allocate (bytes);

  if (memory != NULL)
    atomic_fetch_add (&backend->held, bytes);
  return memory;
}

void
vel_cpu_free (VelBackend *backend, void *memory)
{
  Head *head;

  if (memory == NULL)
    return;
  head = (Head *) ((char *) memory - HEAD);
  atomic_fetch_sub (&backend->held, head->bytes);
  if (head->mapped > 0)
    munmap (head->start, head->mapped);
  else
    free (head->start);
}

void
vel_cpu_memory (VelBackend *backend, size_t *free_bytes, size_t *total_bytes)
{
  size_t held = atomic_load (&backend->held);

  vel_cpu_read_available ("", free_bytes, total_bytes);
  if (backend->limit == 0)
    return;
  *free_bytes = *total_bytes == 0 ? SIZE_MAX : *free_bytes;
  *free_bytes = vel_min (*free_bytes, backend->limit > held ? backend->limit - held : 1); /* 0 would be: not known */
  *total_bytes = *total_bytes == 0 ? backend->limit : vel_min (*total_bytes, backend->limit);
}

size_t
vel_cpu_lacking (VelBackend *backend)
{
  size_t lacking = backend->lacking;

  backend->lacking = 0;
  return lacking;
}

void *
vel_cpu_shared_scratch (VelBackend *backend, size_t bytes)
{
  if (bytes > backend->shared_bytes) {
    vel_cpu_free (backend, backend->shared);
    backend->shared = vel_cpu_alloc (backend, bytes);
    backend->shared_bytes = backend->shared != NULL ? bytes : 0;
    if (backend->shared == NULL)
      backend->lacking = bytes;
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
    vel_cpu_free (backend, backend->own[i]);
    backend->own[i] = vel_cpu_alloc (backend, bytes);
  }
  for (unsigned i = 0; i < backend->threads; i++)
    if (backend->own[i] == NULL) {
      backend->lacking = bytes * backend->threads;
      return false;
    }
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
    if (backend->zeros == NULL)
      backend->lacking = count * sizeof *backend->zeros;
  }
  return backend->zeros;
}

void
vel_cpu_give_up (float *out, size_t count)
{
  for (size_t i = 0; i < count; i++)
    out[i] = NAN;
}
