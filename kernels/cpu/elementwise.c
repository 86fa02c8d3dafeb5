/* Activations and weighted sums.  SPDX-License-Identifier: Apache-2.0 */
#include "kernels/cpu/isa.h"
#include "kernels/cpu/vector.h"

#define CHUNK 16384 /* elements of a task: worth waking a thread for */

static void
activate_task (void *data, size_t task, unsigned thread)
{
  const VelActivateArgs *args = data;
  const float *x = args->x;
  float *out = args->out;
  size_t i = task * CHUNK, end = vel_min (i + CHUNK, args->count);

  for (; i + 8 <= end; i += 8)
    store8 (out + i, activate8 (load8 (x + i), args->activation));
  if (i < end)
    store_part (out + i, activate8 (load_part (x + i, end - i), args->activation), end - i);
}

VEL_INLINE V8
leaky8 (V8 x, V8 slope)
{
  return select8 (x > splat8 (0), x, x * slope);
}

static void
leaky_task (void *data, size_t task, unsigned thread)
{
  const VelActivateArgs *args = data;
  const float *x = args->x;
  float *out = args->out;
  size_t i = task * CHUNK, end = vel_min (i + CHUNK, args->count), channel = i % args->channels;

  while (i < end) {
    size_t n = vel_min (8, vel_min (args->channels - channel, end - i));

    if (n == 8)
      store8 (out + i, leaky8 (load8 (x + i), load8 (args->slopes + channel)));
    else
      store_part (out + i, leaky8 (load_part (x + i, n), load_part (args->slopes + channel, n)), n);
    i += n;
    channel += n;
    if (channel == args->channels)
      channel = 0;
  }
}

void
vel_isa_activate (VelBackend *backend, const VelActivateArgs *args)
{
  VelTask task = args->activation == VEL_ACTIVATION_LEAKY ? leaky_task : activate_task;

  vel_pool_run (backend->pool, vel_divide_up (args->count, CHUNK), task, (void *) args);
}

static void
combine_task (void *data, size_t task, unsigned thread)
{
  const VelCombineArgs *args = data;
  float *out = args->out;
  size_t i = task * CHUNK, end = vel_min (i + CHUNK, args->count);

  for (; i < end; i += 8) {
    size_t n = end - i;
    V8 total = splat8 (0);

    for (unsigned term = 0; term < args->n; term++) {
      const float *from = (const float *) args->terms[term] + i;
      V8 product = (n >= 8 ? load8 (from) : load_part (from, n)) * (float) args->weights[term];

      total = term == 0 ? product : total + product;
    }
    if (n >= 8)
      store8 (out + i, total);
    else
      store_part (out + i, total, n);
  }
}

static void
blend_task (void *data, size_t task, unsigned thread)
{
  const VelBlendArgs *args = data;
  size_t i = task * CHUNK, end = vel_min (i + CHUNK, args->count);

  for (; i + 8 <= end; i += 8)
    store8 (args->out + i, load8 (args->x + i) * load8 (args->share + i) + load8 (args->rest + i));
  if (i < end)
    store_part (args->out + i, load_part (args->x + i, end - i) * load_part (args->share + i, end - i) + load_part (args->rest + i, end - i),
                end - i);
}

void
vel_isa_blend (VelBackend *backend, const VelBlendArgs *args)
{
  vel_pool_run (backend->pool, vel_divide_up (args->count, CHUNK), blend_task, (void *) args);
}

void
vel_isa_combine (VelBackend *backend, const VelCombineArgs *args)
{
  vel_pool_run (backend->pool, vel_divide_up (args->count, CHUNK), combine_task, (void *) args);
}
