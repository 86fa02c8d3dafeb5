/* What the files of `bench` share: the table that is measured, and the memory of the shape in hand.
 * SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "kernels/kernels.h"
#include "tests/gpu/clock.h"

#define COUNT_OF(array) (sizeof (array) / sizeof *(array))
#define MAX_SETS 8

typedef struct {
  const VelKernels *kernels;
  VelBackend *backend;
  VelClock *clock;
  VelType type;
  const char *part; /* NULL: all */
  double seconds;
  bool small, once;
  bool failed, dead; /* dead: the card stopped working */
  float *pool;       /* numbers that every type holds exactly */
  void *typed_pool;
  VelType typed;
  void *memory[16 * MAX_SETS]; /* what the shape in hand has */
  VelPacked *packed[2 * MAX_SETS];
  unsigned n_memory, n_packed;
  bool out_of_memory;
} Bench;

/* One call with its own memory. */
typedef struct {
  void (*call) (const Bench *bench, const void *args);
  union {
    VelConvArgs conv;
    VelLinearArgs linear;
    VelAttentionArgs attention;
    VelGroupNormArgs group_norm;
    VelLayerNormArgs layer_norm;
    VelActivateArgs activate;
    VelCombineArgs combine;
    VelConcatArgs concat;
    VelSinusoidArgs sinusoid;
    VelTransposeArgs transpose;
    VelConvertArgs convert;
    VelRearrangeArgs rearrange;
    VelMergeArgs merge;
  } args;
  void *out;
  size_t out_count;
  VelType out_type;
} Call;

/* What is known of a shape before it runs. */
typedef struct {
  const char *part, *op;
  unsigned count;
  char words[120];
  double gflop, bytes; /* each operand once */
} Row;

typedef void (*Prepare) (Bench *self, const void *shape, VelType type, unsigned seed, Call *call);

bool bench_takes (const Bench *self, VelType type);
/* Whether the device still works; says so once if not. */
bool bench_is_alive (Bench *self, const char *during);
void bench_print_failure (const char *during, const char *why);

typedef struct {
  double error, largest_difference, largest; /* error: relative L2 */
} Difference;

/* What is equal to the bit is equal: infinities too. */
Difference bench_compare (const float *found, const float *expected, size_t count);
/* What the last rounding of a result leaves, and for attention that of the probabilities too. type: of 16 bits */
double bench_bound (VelType type);

/* bench-check.c. Returns: false if there is no such family */
bool bench_check (Bench *self, const char *family);

/* bench-memory.c: what is taken lies in the device's memory until it is released. After a failure out_of_memory is set. */
bool bench_make_pool (Bench *self);
void *bench_take (Bench *self, size_t bytes);
/* Noise of variance 1; the same for the same seed in every type. */
void *bench_noise (Bench *self, VelType type, size_t count, unsigned seed);
VelPacked *bench_pack_like (Bench *self, const VelPacked *original);
const VelPacked *bench_pack_linear (Bench *self, VelType type, size_t in, size_t rows, bool gated, unsigned seed);
const VelPacked *bench_pack_conv (Bench *self, VelType type, size_t in, size_t out, size_t kernel, unsigned seed);
void bench_release (Bench *self);

/* bench-time.c: times one shape and prints it. */
void bench_time_shape (Bench *self, const Row *row, const void *shape, Prepare prepare);
double bench_median (double *values, unsigned n); /* sorts them */

/* bench-shapes.c and bench-other.c. */
void bench_time_conv (Bench *self);
void bench_time_linear (Bench *self);
void bench_time_attention (Bench *self);
void bench_time_group_norm (Bench *self);
void bench_time_layer_norm (Bench *self);
void bench_time_other (Bench *self);
/* A product of two square matrices. */
void bench_time_product (Bench *self, size_t side);

static inline size_t
bench_least (size_t a, size_t b)
{
  return a < b ? a : b;
}
