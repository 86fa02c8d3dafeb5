/* How fast a backend is on the shapes of a full-size Stable Diffusion 1.5 at 512x512.
 * SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "kernels/kernels.h"

typedef struct {
  const char *part; /* "unet" or "vae" */
  const char *op;   /* "conv", "linear" or "attention" */
  char shape[80];   /* for people: "320->320 at 64x64" */
  unsigned count;   /* how often one UNet call, or one decoding, does it */
  unsigned runs;
  double seconds; /* median of one */
  double gflop;   /* of one; a convolution counts as if done directly */
  double gflops;  /* per second */
  double share;   /* of the peak measured just before; above 1 where an algorithm saves multiplications; 0: no peak known */
} VelBenchRow;

typedef struct {
  const char *part; /* NULL: both */
  const char *op;   /* NULL: all three */
  unsigned batch;   /* pictures in the UNet; 0: 2, as with guidance */
  double seconds;   /* spent on each shape at least, and three runs; 0: 0.3 */
} VelBenchOptions;

/* One row as soon as it is known. Returns: false to stop. */
typedef bool (*VelBenchReport) (const VelBenchRow *row, void *data);

/* Multiplications and additions in registers on all threads, in GFLOP/s, for the instruction set in use; 0 if this table can not
 * be measured so. */
double vel_bench_peak (const VelKernels *kernels, VelBackend *backend);

/* Times every shape with fp16 weights; activations are finite noise. A backend of one thread is timed by the processor time it
 * had, which other programs hardly change; several threads by the clock. The sum of seconds * count over a part's rows is its time
 * without norms and additions.
 * options: NULL for all as standard. report: called from this thread. Returns: false if stopped or out of memory. */
bool vel_bench_ops (const VelKernels *kernels, VelBackend *backend, const VelBenchOptions *options, VelBenchReport report, void *data);
