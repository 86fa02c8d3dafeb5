/* Events in the backend's stream; the plain loops beside it are timed on the wall.  SPDX-License-Identifier: Apache-2.0 */
#include "kernels/cuda/backend.cuh"
#include "tests/gpu/clock.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>

struct VelClock {
  VelBackend *backend; /* NULL: no card */
  cudaEvent_t start, stop;
  double started; /* without a card */
};

extern "C" const VelKernels *
vel_clock_find_table (const char *name)
{
  if (strcmp (name, "cuda") == 0)
    return vel_kernels_cuda ();
  return strcmp (name, "reference") == 0 ? vel_kernels_reference () : NULL;
}

extern "C" VelClock *
vel_clock_new (const VelKernels *kernels, VelBackend *backend)
{
  VelClock *self = (VelClock *) calloc (1, sizeof *self);

  if (self == NULL || kernels != vel_kernels_cuda ())
    return self;
  self->backend = backend;
  if (cudaEventCreate (&self->start) == cudaSuccess && cudaEventCreate (&self->stop) == cudaSuccess)
    return self;
  vel_clock_free (self);
  return NULL;
}

extern "C" void
vel_clock_free (VelClock *self)
{
  if (self->start != NULL)
    cudaEventDestroy (self->start);
  if (self->stop != NULL)
    cudaEventDestroy (self->stop);
  free (self);
}

static double
now (void)
{
  struct timespec time;

  clock_gettime (CLOCK_MONOTONIC, &time);
  return (double) time.tv_sec + 1e-9 * (double) time.tv_nsec;
}

extern "C" void
vel_clock_start (VelClock *self)
{
  if (self->backend == NULL)
    self->started = now ();
  else
    cudaEventRecord (self->start, self->backend->stream);
}

/* An error of the card shows in the backend's failure, and as no number here. */
extern "C" double
vel_clock_stop (VelClock *self)
{
  float milliseconds;

  if (self->backend == NULL)
    return now () - self->started;
  if (cudaEventRecord (self->stop, self->backend->stream) != cudaSuccess || cudaEventSynchronize (self->stop) != cudaSuccess
      || cudaEventElapsedTime (&milliseconds, self->start, self->stop) != cudaSuccess)
    return 0.0 / 0.0;
  return milliseconds / 1e3;
}

extern "C" void
vel_clock_copy (VelClock *self, void *to, const void *from, size_t bytes)
{
  if (self->backend == NULL)
    memcpy (to, from, bytes);
  else
    cudaMemcpyAsync (to, from, bytes, cudaMemcpyDeviceToDevice, self->backend->stream);
}
