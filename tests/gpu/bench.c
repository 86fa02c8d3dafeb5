/* Checks and times a table of kernels where there is nothing but a driver; prints JSON, one object a line.
 * SPDX-License-Identifier: Apache-2.0
 *
 *   bench [options] selftest       the bits of fill.h
 *   bench [options] info           what cards there are
 *   bench [options] check FAMILY   the cases of tests/cases against the plain loops, in every type the table takes: linear conv attention
 *                                  norm elementwise layout
 *   bench [options] ceilings       how fast the card copies and multiplies at best
 *   bench [options] time OP        the shapes of shapes.h: conv linear attention group_norm layer_norm other
 *   bench [options] once OP        each of them once, without a graph: for profilers
 *
 *   --table cuda|reference|emulated   --device N   --type fp32|fp16|bf16   --part sd15|sdxl|vae512|vae1024   --seconds S (for each shape)
 *   --small (a corner of each shape, to try this without a card)
 *
 * Exit status: 0 all is well, 1 something was wrong or memory ran out, 2 wrong usage. */
#include "tests/gpu/bench.h"

#include "kernels/half.h"
#include "tests/cases/cases.h"
#include "tests/gpu/fill.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

bool
bench_takes (const Bench *self, VelType type)
{
  return self->kernels->takes != NULL ? self->kernels->takes (self->backend, type) : type == VEL_F32;
}

void
bench_print_failure (const char *during, const char *why)
{
  char plain[512];

  snprintf (plain, sizeof plain, "%s", why);
  for (char *c = plain; *c != '\0'; c++)
    if (*c == '"' || *c == '\\' || (unsigned char) *c < ' ')
      *c = '\'';
  printf ("{\"step\":\"failure\",\"during\":\"%s\",\"why\":\"%s\"}\n", during, plain);
}

bool
bench_is_alive (Bench *self, const char *during)
{
  const char *failure = self->kernels->failure != NULL ? self->kernels->failure (self->backend) : NULL;

  if (failure != NULL && !self->dead)
    bench_print_failure (during, failure);
  self->dead = failure != NULL;
  self->failed = self->failed || self->dead;
  return !self->dead;
}

Difference
bench_compare (const float *found, const float *expected, size_t count)
{
  double squares = 0, differences = 0;
  Difference result = { 0 };

  for (size_t i = 0; i < count; i++) {
    double d = (double) found[i] - expected[i];

    squares += isfinite (expected[i]) ? (double) expected[i] * expected[i] : 0;
    result.largest = isfinite (expected[i]) ? fmax (result.largest, fabs (expected[i])) : result.largest;
    if (memcmp (&found[i], &expected[i], sizeof *found) == 0)
      continue;
    differences += d * d;
    result.largest_difference = isnan (d) ? INFINITY : fmax (result.largest_difference, fabs (d));
  }
  result.error = differences == 0 ? 0 : sqrt (differences / squares);
  return result;
}

double
bench_bound (VelType type)
{
  return type == VEL_BF16 ? 6e-3 : 8e-4;
}

/* selftest */

typedef struct {
  const char *name;
  size_t count;
  float offset, spread;
  VelType type;
  uint64_t checksum;
} Filled;

/* fill.py has the same. */
static const Filled filled[] = {
  { "unet.conv_in.weight", 11520, 0, 0.28867513f, VEL_BF16, 0x26b225087380978b },
  { "unet.conv_norm_out.weight", 320, 1, 0.1f, VEL_BF16, 0xc0a03c8eab24bd41 },
  { "input.latent", 1000, 0, 1.7320508f, VEL_F32, 0xd07fbe8970199928 },
};

static void
selftest (Bench *self)
{
  for (size_t i = 0; i < COUNT_OF (filled); i++) {
    const Filled *row = &filled[i];
    size_t size = vel_type_size (row->type);
    char *values = malloc (row->count * size);
    uint64_t key = vel_fnv (row->name, strlen (row->name)), checksum;

    for (size_t k = 0; k < row->count && values != NULL; k++) {
      float value = vel_fill_value (key, (uint32_t) k, row->offset, row->spread);
      uint16_t half = vel_bfloat_from_float (value);

      memcpy (values + k * size, row->type == VEL_F32 ? (const void *) &value : &half, size);
    }
    checksum = values != NULL ? vel_fnv (values, row->count * size) : 0;
    free (values);
    printf ("{\"step\":\"selftest\",\"name\":\"%s\",\"checksum\":\"%016llx\",\"right\":%s}\n", row->name, (unsigned long long) checksum,
            checksum == row->checksum ? "true" : "false");
    self->failed = self->failed || checksum != row->checksum;
  }
}

/* info */

static void
info (Bench *self)
{
  VelDeviceInfo infos[16];
  char why[256] = "";
  unsigned n = self->kernels->devices != NULL ? self->kernels->devices (infos, COUNT_OF (infos), why, sizeof why) : 0;

  if (n == 0)
    bench_print_failure ("look for cards", why);
  self->failed = n == 0;
  for (unsigned i = 0; i < n && i < COUNT_OF (infos); i++)
    printf ("{\"step\":\"info\",\"table\":\"%s\",\"cards\":%u,\"card\":\"%s\",\"memory\":%zu,\"free\":%zu,\"capability\":%u,"
            "\"multiprocessors\":%u,\"driver\":\"%s\",\"usable\":\"%s\"}\n",
            self->kernels->name, n, infos[i].name, infos[i].memory, infos[i].free_memory, infos[i].capability, infos[i].multiprocessors,
            infos[i].driver, infos[i].usable);
}

static bool
time_op (Bench *self, const char *op)
{
  static const struct {
    const char *name;
    void (*run) (Bench *self);
  } ops[] = { { "conv", bench_time_conv },
              { "linear", bench_time_linear },
              { "attention", bench_time_attention },
              { "group_norm", bench_time_group_norm },
              { "layer_norm", bench_time_layer_norm },
              { "other", bench_time_other } };

  for (size_t i = 0; i < COUNT_OF (ops); i++)
    if (strcmp (ops[i].name, op) == 0) {
      ops[i].run (self);
      return true;
    }
  return false;
}

/* ceilings */

static void
ceilings (Bench *self)
{
  size_t bytes = self->small ? (size_t) 1 << 20 : (size_t) 4 << 30, side = self->small ? 64 : 8192;
  void *from = bench_noise (self, VEL_F32, bytes / sizeof (float), 1), *to = bench_take (self, bytes);
  double seconds[10];

  if (from != NULL && to != NULL) {
    vel_clock_copy (self->clock, to, from, bytes);
    for (unsigned i = 0; i < COUNT_OF (seconds); i++) {
      vel_clock_start (self->clock);
      vel_clock_copy (self->clock, to, from, bytes);
      seconds[i] = vel_clock_stop (self->clock);
    }
    printf ("{\"step\":\"ceiling\",\"what\":\"copy\",\"gigabytes_per_second\":%.1f}\n",
            2e-9 * (double) bytes / bench_median (seconds, COUNT_OF (seconds)));
  }
  bench_release (self);
  bench_time_product (self, side);
}

/* The command line. */

static bool
read_type (const char *name, VelType *type)
{
  for (*type = VEL_F32; *type <= VEL_BF16; (*type)++)
    if (strcmp (vel_case_type_name (*type), name) == 0)
      return true;
  return false;
}

typedef struct {
  const char *table, *type;
  unsigned device;
  const char *words[2];
  unsigned n_words;
} Line;

static bool
read_line (int argc, char **argv, Line *line, Bench *bench)
{
  for (int i = 1; i < argc; i++) {
    bool has_value = i + 1 < argc;

    if (strcmp (argv[i], "--small") == 0)
      bench->small = true;
    else if (strcmp (argv[i], "--table") == 0 && has_value)
      line->table = argv[++i];
    else if (strcmp (argv[i], "--device") == 0 && has_value)
      line->device = (unsigned) atoi (argv[++i]);
    else if (strcmp (argv[i], "--type") == 0 && has_value)
      line->type = argv[++i];
    else if (strcmp (argv[i], "--part") == 0 && has_value)
      bench->part = argv[++i];
    else if (strcmp (argv[i], "--seconds") == 0 && has_value)
      bench->seconds = atof (argv[++i]);
    else if (argv[i][0] != '-' && line->n_words < COUNT_OF (line->words))
      line->words[line->n_words++] = argv[i];
    else
      return false;
  }
  return line->n_words > 0;
}

/* Returns: false if there is no such thing to do */
static bool
act (Bench *self, const char *word, const char *which)
{
  if (strcmp (word, "selftest") == 0)
    selftest (self);
  else if (strcmp (word, "info") == 0)
    info (self);
  else if (strcmp (word, "ceilings") == 0)
    ceilings (self);
  else if (strcmp (word, "check") == 0)
    return bench_check (self, which);
  else if (strcmp (word, "time") == 0 || strcmp (word, "once") == 0) {
    self->once = strcmp (word, "once") == 0;
    return time_op (self, which);
  } else
    return false;
  return true;
}

int
main (int argc, char **argv)
{
  Line line = { .table = "cuda", .type = "bf16", .words = { "", "" } };
  Bench bench = { .seconds = 0.1 };
  char why[256] = "This build does not have it.";
  bool known;

  setvbuf (stdout, NULL, _IOLBF, 0);
  if (!read_line (argc, argv, &line, &bench) || !read_type (line.type, &bench.type)) {
    fprintf (stderr, "usage: bench [--table T] [--device N] [--type T] [--part P] [--seconds S] [--small] "
                     "selftest | info | check FAMILY | ceilings | time OP | once OP\n");
    return 2;
  }
  bench.kernels = vel_clock_find_table (line.table);
  if (bench.kernels != NULL && strcmp (line.words[0], "info") != 0 && strcmp (line.words[0], "selftest") != 0)
    bench.backend = bench.kernels->open (&(VelBackendOptions){ .device = line.device }, why, sizeof why);
  else if (bench.kernels != NULL)
    return act (&bench, line.words[0], line.words[1]) && !bench.failed ? 0 : 1;
  if (bench.backend != NULL)
    bench.clock = vel_clock_new (bench.kernels, bench.backend);
  if (bench.clock == NULL || !bench_make_pool (&bench)) {
    bench_print_failure ("open the table", why);
    return 1;
  }
  if (!bench_takes (&bench, bench.type))
    bench.type = VEL_F32;
  known = act (&bench, line.words[0], line.words[1]);
  bench_is_alive (&bench, "the end");
  vel_clock_free (bench.clock);
  bench.kernels->close (bench.backend);
  free (bench.pool);
  free (bench.typed_pool);
  return !known ? 2 : bench.failed ? 1 : 0;
}
