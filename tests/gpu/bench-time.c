/* Timing one shape, and its error.  SPDX-License-Identifier: Apache-2.0 */
#include "tests/gpu/bench.h"

#include "kernels/half.h"
#include "tests/cases/cases.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define ROTATED ((size_t) 256 << 20) /* so many bytes take turns: more than a card's cache */
#define MAX_RUNS 50
#define MAX_REPEAT 128
#define SAMPLE ((size_t) 1 << 19) /* elements compared at either end of a result */

static void
wait (const Bench *self)
{
  if (self->kernels->wait != NULL)
    self->kernels->wait (self->backend);
}

double
bench_median (double *values, unsigned n)
{
  for (unsigned i = 1; i < n; i++)
    for (unsigned k = i; k > 0 && values[k] < values[k - 1]; k--) {
      double other = values[k];

      values[k] = values[k - 1];
      values[k - 1] = other;
    }
  return n % 2 == 1 ? values[n / 2] : (values[n / 2 - 1] + values[n / 2]) / 2;
}

static void
run_all (const Bench *self, const Call *calls, unsigned n_sets, unsigned repeat)
{
  for (unsigned i = 0; i < repeat; i++)
    calls[i % n_sets].call (self, &calls[i % n_sets].args);
}

/* Seconds of one call among `repeat`, in a graph if the table has them. Returns: runs made; 0 if it could not be recorded */
static unsigned
time_calls (Bench *self, const Call *calls, unsigned n_sets, double *seconds)
{
  const VelKernels *kernels = self->kernels;
  bool recorded = (kernels->features & VEL_FEATURE_GRAPHS) != 0;
  VelGraph *graph = NULL;
  double spent = 0;
  unsigned repeat, runs = 0;

  vel_clock_start (self->clock);
  run_all (self, calls, n_sets, n_sets);
  spent = vel_clock_stop (self->clock) / n_sets;
  repeat = spent > 0 ? (unsigned) fmin (ceil (2e-3 / spent), MAX_REPEAT) : MAX_REPEAT;
  repeat = (repeat + n_sets - 1) / n_sets * n_sets;
  if (recorded) {
    kernels->record (self->backend);
    run_all (self, calls, n_sets, repeat);
    graph = kernels->recorded (self->backend);
    if (graph == NULL)
      return 0;
    kernels->replay (self->backend, graph);
  }
  for (spent = 0; runs < MAX_RUNS && (runs < 5 || spent < self->seconds); runs++) {
    vel_clock_start (self->clock);
    if (recorded)
      kernels->replay (self->backend, graph);
    else
      run_all (self, calls, n_sets, repeat);
    seconds[runs] = vel_clock_stop (self->clock);
    spent += seconds[runs];
    seconds[runs] /= repeat;
  }
  if (recorded)
    kernels->graph_free (self->backend, graph);
  return runs;
}

static float *
fetch (Bench *self, const Call *call, size_t start, size_t n)
{
  size_t size = vel_type_size (call->out_type);
  char *raw = malloc (n * size + 1);
  float *values = malloc (n * sizeof *values + 1);

  self->kernels->download (self->backend, raw, (const char *) call->out + start * size, n * size);
  for (size_t i = 0; i < n; i++) {
    uint16_t half;

    if (call->out_type == VEL_F32)
      memcpy (&values[i], raw + i * size, sizeof *values);
    else {
      memcpy (&half, raw + i * size, sizeof half);
      values[i] = call->out_type == VEL_F16 ? vel_half_to_float (half) : vel_bfloat_to_float (half);
    }
  }
  free (raw);
  return values;
}

/* Against the card's own fp32, which `check` compared with the plain loops on small shapes. Returns: relative L2; -1 if not known */
static double
find_error (Bench *self, const void *shape, Prepare prepare, const Call *call)
{
  size_t n = call->out_count < SAMPLE ? call->out_count : SAMPLE;
  size_t starts[] = { 0, call->out_count - n };
  Call exact = { NULL };
  double worst = 0;

  if (call->out_count == 0 || self->type == VEL_F32)
    return -1;
  prepare (self, shape, VEL_F32, 0, &exact);
  if (self->out_of_memory || exact.out_count != call->out_count)
    return -1;
  exact.call (self, &exact.args);
  for (size_t i = 0; i < COUNT_OF (starts); i++) {
    float *found = fetch (self, call, starts[i], n), *expected = fetch (self, &exact, starts[i], n);
    double error = bench_compare (found, expected, n).error;

    worst = isnan (worst) || error <= worst ? worst : error;
    free (found);
    free (expected);
  }
  return worst;
}

static void
print_trouble (Bench *self, const Row *row, const char *why)
{
  printf ("{\"step\":\"time\",\"part\":\"%s\",\"op\":\"%s\",\"shape\":\"%s\",\"why\":\"%s\"}\n", row->part, row->op, row->words, why);
  self->failed = true;
}

static void
print_time (Bench *self, const Row *row, double *seconds, unsigned runs, double error)
{
  double middle = bench_median (seconds, runs);
  bool right = error < 0 || error <= bench_bound (self->type);

  printf ("{\"step\":\"time\",\"part\":\"%s\",\"op\":\"%s\",\"shape\":\"%s\",\"type\":\"%s\",\"count\":%u,\"seconds\":%.4g,\"least\":%.4g,"
          "\"runs\":%u,\"gflop\":%.4g,\"megabytes\":%.4g",
          row->part, row->op, row->words, vel_case_type_name (self->type), row->count, middle, seconds[0], runs, row->gflop,
          row->bytes / 1e6);
  if (error >= 0 || isnan (error))
    printf (",\"error\":%.3g,\"right\":%s", isnan (error) ? 1e30 : error, right ? "true" : "false");
  printf ("}\n");
  self->failed = self->failed || !right;
}

/* Every set has memory of its own, so that a call finds nothing of the one before in the cache. */
static void
time_sets (Bench *self, const Row *row, const void *shape, Prepare prepare, unsigned n_sets)
{
  Call calls[MAX_SETS] = { { NULL } };
  double seconds[MAX_RUNS], error;
  unsigned runs;

  for (unsigned i = 0; i < n_sets && !self->out_of_memory; i++)
    prepare (self, shape, self->type, i, &calls[i]);
  if (self->out_of_memory) {
    print_trouble (self, row, "out of memory");
    return;
  }
  run_all (self, calls, n_sets, n_sets);
  wait (self);
  if (self->once || !bench_is_alive (self, row->words))
    return;
  runs = time_calls (self, calls, n_sets, seconds);
  error = find_error (self, shape, prepare, &calls[0]);
  if (runs == 0)
    print_trouble (self, row, "it could not be recorded");
  else if (bench_is_alive (self, row->words))
    print_time (self, row, seconds, runs, error);
}

void
bench_time_shape (Bench *self, const Row *row, const void *shape, Prepare prepare)
{
  double sets = ceil ((double) ROTATED / fmax (row->bytes, 1));

  if ((self->part != NULL && strcmp (self->part, row->part) != 0) || !bench_is_alive (self, row->words))
    return;
  time_sets (self, row, shape, prepare, self->once ? 1 : (unsigned) fmin (sets, MAX_SETS));
  bench_release (self);
}
