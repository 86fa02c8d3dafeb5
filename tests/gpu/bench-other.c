/* What stands outside of the networks, or is too small to matter there.  SPDX-License-Identifier: Apache-2.0 */
#include "tests/gpu/bench.h"

#include <math.h>
#include <stdio.h>

#define PICTURE ((size_t) 1024)

static void
call_activate (const Bench *self, const void *args)
{
  self->kernels->activate (self->backend, args);
}

static void
prepare_activate (Bench *self, const void *data, VelType type, unsigned seed, Call *call)
{
  size_t count = *(const size_t *) data;
  VelActivateArgs args = { type, count, VEL_ACTIVATION_SILU, bench_noise (self, type, count, seed),
                           bench_take (self, count * vel_type_size (type)) };

  *call = (Call){ call_activate, { .activate = args }, args.out, count, type };
}

static void
call_combine (const Bench *self, const void *args)
{
  VelCombineArgs combine = *(const VelCombineArgs *) args;
  const void *terms[] = { combine.terms, combine.out, combine.terms };

  combine.weights = (const double[]){ 0.5, -0.25, 0.125 };
  combine.terms = terms;
  self->kernels->combine (self->backend, &combine);
}

/* terms: the one input, for call_combine to make a list of */
static void
prepare_combine (Bench *self, const void *data, VelType type, unsigned seed, Call *call)
{
  size_t count = *(const size_t *) data;
  VelCombineArgs args = { .type = type, .count = count, .n = 3 };

  args.terms = bench_noise (self, type, count, 2 * seed + 1);
  args.out = bench_noise (self, type, count, 2 * seed + 2);
  *call = (Call){ call_combine, { .combine = args }, NULL, 0, type }; /* in place: each call changes the result */
}

static void
call_concat (const Bench *self, const void *args)
{
  self->kernels->concat (self->backend, args);
}

static void
prepare_concat (Bench *self, const void *data, VelType type, unsigned seed, Call *call)
{
  size_t rows = *(const size_t *) data / 960;
  VelConcatArgs args = { .type = type, .rows = rows, .a_channels = 640, .b_channels = 320 };

  args.a = bench_noise (self, type, rows * 640, 2 * seed + 1);
  args.b = bench_noise (self, type, rows * 320, 2 * seed + 2);
  args.out = bench_take (self, rows * 960 * vel_type_size (type));
  *call = (Call){ call_concat, { .concat = args }, args.out, rows * 960, type };
}

static void
call_transpose (const Bench *self, const void *args)
{
  self->kernels->transpose (self->backend, args);
}

static void
prepare_transpose (Bench *self, const void *data, VelType type, unsigned seed, Call *call)
{
  size_t rows = *(const size_t *) data / 640;
  VelTransposeArgs args = {
    type, 2, rows, 320, bench_noise (self, type, rows * 640, seed), bench_take (self, rows * 640 * vel_type_size (type))
  };

  *call = (Call){ call_transpose, { .transpose = args }, args.out, rows * 640, type };
}

static void
call_convert (const Bench *self, const void *args)
{
  self->kernels->convert (self->backend, args);
}

static void
prepare_convert (Bench *self, const void *data, VelType type, unsigned seed, Call *call)
{
  size_t count = *(const size_t *) data;
  VelConvertArgs args = { count, VEL_F32, type, bench_noise (self, VEL_F32, count, seed), bench_take (self, count * vel_type_size (type)) };

  *call = (Call){ call_convert, { .convert = args }, args.out, count, type };
}

static void
call_rearrange (const Bench *self, const void *args)
{
  self->kernels->rearrange (self->backend, args);
}

/* The VAE's picture to planes. */
static void
prepare_rearrange (Bench *self, const void *data, VelType type, unsigned seed, Call *call)
{
  size_t side = (size_t) sqrt ((double) *(const size_t *) data / 3), count = 3 * side * side;
  VelRearrangeArgs args = { .from = type,
                            .to = VEL_F32,
                            .size = { 1, 1, 3, side, side },
                            .strides = { 0, 0, 1, 3 * (ptrdiff_t) side, 3 },
                            .scale = 0.5f,
                            .shift = 0.5f };

  args.x = bench_noise (self, type, count, seed);
  args.out = bench_take (self, count * sizeof (float));
  *call = (Call){ call_rearrange, { .rearrange = args }, args.out, count, VEL_F32 };
}

static void
call_merge (const Bench *self, const void *args)
{
  const VelMergeArgs *merge = args;
  const void *const *sides = (const void *const *) merge->terms;
  VelMergeTerm term = { 16, 0.75, VEL_BF16, sides[0], sides[1], 0, (size_t) -1 };
  VelMergeArgs list[16];

  for (size_t i = 0; i < COUNT_OF (list); i++)
    list[i] = (VelMergeArgs){ merge->weight, merge->original, 1, &term };
  self->kernels->merge (self->backend, list, COUNT_OF (list));
}

/* Rank 16 into a weight of 1280 to 1280, sixteen times. terms: the two factors, for call_merge to make a term of */
static void
prepare_merge (Bench *self, const void *data, VelType type, unsigned seed, Call *call)
{
  static const void *sides[MAX_SETS][2];
  size_t side = *(const size_t *) data / 16 / 1280;
  VelMergeArgs args = { .n = 1 };

  args.original = bench_pack_linear (self, type, 1280, side, false, seed);
  args.weight = bench_pack_like (self, args.original);
  sides[seed][0] = bench_noise (self, VEL_BF16, side * 16, seed);
  sides[seed][1] = bench_noise (self, VEL_BF16, 1280 * 16, seed);
  args.terms = (const VelMergeTerm *) sides[seed];
  *call = (Call){ call_merge, { .merge = args }, NULL, 0, type };
}

void
bench_time_other (Bench *self)
{
  const VelKernels *kernels = self->kernels;
  const struct {
    const char *words;
    bool there;
    Prepare prepare;
    size_t count;
    double times; /* bytes over count and type, in all */
  } others[] = {
    { "activate silu", true, prepare_activate, 2 * 4096 * 1280, 2 },
    { "combine three terms", true, prepare_combine, 2 * 4096 * 320, 4 },
    { "combine a latent", true, prepare_combine, 4 * 128 * 128, 4 },
    { "concat 640 and 320", true, prepare_concat, 2 * 4096 * 960, 2 },
    { "transpose 320 channels", true, prepare_transpose, 2 * 4096 * 320, 2 },
    { "convert from fp32", true, prepare_convert, 3 * PICTURE * PICTURE, 3 },
    { "rearrange a picture to planes", kernels->rearrange != NULL, prepare_rearrange, 3 * PICTURE * PICTURE, 3 },
    { "merge rank 16 into 16 of 1280x1280", kernels->merge != NULL, prepare_merge, (size_t) 16 * 1280 * 1280, 2 },
  };

  for (size_t i = 0; i < COUNT_OF (others); i++) {
    size_t count = self->small ? bench_least (others[i].count, 61440) : others[i].count;
    Row row = { "other", "other", .count = 1 };

    row.bytes = others[i].times * (double) (count * vel_type_size (self->type));
    snprintf (row.words, sizeof row.words, "%s, %zu", others[i].words, count);
    if (others[i].there)
      bench_time_shape (self, &row, &count, others[i].prepare);
  }
}
