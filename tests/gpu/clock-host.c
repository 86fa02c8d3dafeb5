/* The clock on the wall, where there is no card.  SPDX-License-Identifier: Apache-2.0 */
#include "tests/gpu/clock.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>

struct VelClock {
  const VelKernels *kernels;
  VelBackend *backend;
  double started;
};

const VelKernels *
vel_clock_find_table (const char *name)
{
#ifdef VEL_WITH_EMULATED
  if (strcmp (name, "emulated") == 0)
    return vel_kernels_emulated ();
#endif
  return strcmp (name, "reference") == 0 ? vel_kernels_reference () : NULL;
}

VelClock *
vel_clock_new (const VelKernels *kernels, VelBackend *backend)
{
  VelClock *self = calloc (1, sizeof *self);

  if (self == NULL)
    return NULL;
  self->kernels = kernels;
  self->backend = backend;
  return self;
}

void
vel_clock_free (VelClock *self)
{
  free (self);
}

static double
now (void)
{
  struct timespec time;

  clock_gettime (CLOCK_MONOTONIC, &time);
  return (double) time.tv_sec + 1e-9 * (double) time.tv_nsec;
}

static void
wait (VelClock *self)
{
  if (self->kernels->wait != NULL)
    self->kernels->wait (self->backend);
}

void
vel_clock_start (VelClock *self)
{
  wait (self);
  self->started = now ();
}

double
vel_clock_stop (VelClock *self)
{
  wait (self);
  return now () - self->started;
}

void
vel_clock_copy (VelClock *self, void *to, const void *from, size_t bytes)
{
  (void) self;
  memcpy (to, from, bytes);
}
