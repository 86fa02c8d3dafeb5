/* Weights that lie in the host's memory: two places on the card, and guessing what comes next.  SPDX-License-Identifier: Apache-2.0
 *
 * A network uses its weights in one order, over and over. So each remembers which one followed it, and while it is used its successor is
 * fetched into the other place. The first time round, and where the guess was wrong, a weight is fetched when it is wanted. */
#include "kernels/cuda/backend.cuh"

bool
vel_cuda_make_places (VelBackend *backend, size_t bytes)
{
  for (unsigned i = 0; i < VEL_RUNTIME_PLACES; i++) {
    if (backend->places[i].bytes >= bytes)
      continue;
    vel_runtime_free (backend->runtime, backend->places[i].memory);
    backend->places[i] = {};
    backend->places[i].memory = vel_runtime_alloc (backend->runtime, bytes);
    if (backend->places[i].memory == NULL)
      return false;
    backend->places[i].bytes = bytes;
  }
  return true;
}

static void
fetch (VelBackend *backend, unsigned place, const VelPacked *packed)
{
  vel_runtime_fetch (backend->runtime, place, backend->places[place].memory, packed->data, packed->bytes);
  backend->places[place].holds = packed;
}

const VelPacked *
vel_cuda_bring (VelBackend *backend, const VelPacked *packed, VelPacked *here)
{
  unsigned place = backend->places[1].holds == packed ? 1 : 0;

  if (!packed->outside)
    return packed;
  *here = *packed;
  here->outside = false;
  if (vel_runtime_recording (backend->runtime)) {
    backend->spoiled = true; /* nothing of it will run */
    here->data = backend->places[0].memory;
    return here;
  }
  if (backend->latest != NULL)
    backend->latest->next = (VelPacked *) packed;
  /* Not where the latest one is, which the card may still be reading. */
  if (backend->places[place].holds != packed) {
    place = backend->latest != NULL && backend->places[0].holds == backend->latest ? 1 : 0;
    fetch (backend, place, packed);
  }
  vel_runtime_arrive (backend->runtime, place);
  here->data = backend->places[place].memory;
  /* Ops with what the other place holds have all been asked for. */
  if (packed->next != NULL && packed->next != packed && backend->places[1 - place].holds != packed->next)
    fetch (backend, 1 - place, packed->next);
  backend->latest = (VelPacked *) packed;
  return here;
}

void
vel_cuda_forget (VelBackend *backend, const VelPacked *packed)
{
  for (VelPacked **at = &backend->outside; *at != NULL;) {
    if ((*at)->next == packed)
      (*at)->next = NULL;
    if (*at == packed)
      *at = (*at)->older;
    else
      at = &(*at)->older;
  }
  for (unsigned i = 0; i < VEL_RUNTIME_PLACES; i++)
    if (backend->places[i].holds == packed)
      backend->places[i].holds = NULL;
  if (backend->latest == packed)
    backend->latest = NULL;
  if (backend->outside == NULL)
    vel_cuda_free_places (backend);
}

void
vel_cuda_free_places (VelBackend *backend)
{
  for (unsigned i = 0; i < VEL_RUNTIME_PLACES; i++) {
    vel_runtime_free (backend->runtime, backend->places[i].memory);
    backend->places[i] = {};
  }
}
