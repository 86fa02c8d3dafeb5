/* Every op against what PyTorch gives: the plain loops, and the processor's.
 * SPDX-License-Identifier: Apache-2.0
 *
 * tests/golden/ops/make.py wrote the numbers. */
#include "kernels/kernels.h"

#include <glib.h>
#include <math.h>
#include <string.h>

typedef struct {
  const VelKernels *kernels;
  VelBackend *backend;
} Target;

static char *golden;
static gsize golden_size;

static void
load_golden (void)
{
  g_autofree char *path = g_test_build_filename (G_TEST_DIST, "golden", "ops", "ops.bin", NULL);
  g_autoptr (GError) error = NULL;

  g_file_get_contents (path, &golden, &golden_size, &error);
  g_assert_no_error (error);
}

/* Returns: (transfer full): the tensor of that name */
static float *find (gsize *count, const char *format, ...) G_GNUC_PRINTF (2, 3);

static float *
find (gsize *count, const char *format, ...)
{
  g_autofree char *name = NULL;
  va_list arguments;

  va_start (arguments, format);
  name = g_strdup_vprintf (format, arguments);
  va_end (arguments);
  for (gsize at = 0; at + 36 <= golden_size;) {
    guint32 n;

    memcpy (&n, golden + at + 32, sizeof n);
    n = GUINT32_FROM_LE (n);
    if (strncmp (golden + at, name, 32) == 0) {
      if (count != NULL)
        *count = n;
      return g_memdup2 (golden + at + 36, n * sizeof (float));
    }
    at += 36 + (gsize) n * sizeof (float);
  }
  g_error ("tests/golden/ops/ops.bin has no %s", name);
}

/* Prints both differences; the bound holds for both. */
static void
check (const Target *target, const char *what, const float *found, const float *expected, gsize count, double bound)
{
  double difference = 0, squares = 0, largest = 0, largest_difference = 0;

  for (gsize i = 0; i < count; i++) {
    double d = (double) found[i] - expected[i];

    if (found[i] == expected[i])
      d = 0; /* infinities too */
    difference += d * d;
    squares += isfinite (expected[i]) ? (double) expected[i] * expected[i] : 0;
    largest_difference = isnan (d) ? INFINITY : MAX (largest_difference, fabs (d));
    largest = isfinite (expected[i]) ? MAX (largest, fabs (expected[i])) : largest;
  }
  g_test_message ("%s %s: relative L2 %.2g, largest difference %.2g of %.2g", target->kernels->name, what, sqrt (difference / squares),
                  largest_difference, largest);
  g_assert_cmpfloat (sqrt (difference / squares), <=, bound);
  g_assert_cmpfloat (largest_difference, <=, 2 * bound * largest);
}

static const char *const activations[] = { "none", "silu", "gelu", "quick_gelu" };

static void
test_linear (const Target *target)
{
  gsize x_count, count;
  g_autofree float *x = find (&x_count, "linear.x"), *residual = find (&count, "linear.residual"), *bias = find (NULL, "linear.bias");
  g_autofree float *first = find (NULL, "linear.weight.0"), *second = find (NULL, "linear.weight.1"),
                   *third = find (NULL, "linear.weight.2");
  g_autofree float *out = g_new (float, count);
  VelWeightRows parts[] = { { first, VEL_F32, 11 }, { second, VEL_F32, 4 }, { third, VEL_F32, 6 } };
  VelPacked *weight = target->kernels->pack_linear (target->backend, &(VelPackLinear){ 37, 3, parts, false });

  for (unsigned activation = 0; activation < G_N_ELEMENTS (activations); activation++) {
    g_autofree float *expected = find (NULL, "linear.%s", activations[activation]);

    target->kernels->linear (target->backend, &(VelLinearArgs){ VEL_F32, x_count / 37, weight, x, bias, activation, residual, out });
    check (target, activations[activation], out, expected, count, 5e-7);
  }
  target->kernels->unpack (target->backend, weight);
}

static void
test_gated (const Target *target)
{
  gsize x_count, count;
  g_autofree float *x = find (&x_count, "linear.x"), *values = find (NULL, "gated.weight"), *bias = find (NULL, "gated.bias");
  g_autofree float *expected = find (&count, "gated.out"), *out = g_new (float, count);
  VelWeightRows rows = { values, VEL_F32, 26 };
  VelPacked *weight = target->kernels->pack_linear (target->backend, &(VelPackLinear){ 37, 1, &rows, true });

  target->kernels->linear (target->backend, &(VelLinearArgs){ .rows = x_count / 37, .weight = weight, .x = x, .bias = bias, .out = out });
  check (target, "gated", out, expected, count, 5e-7);
  target->kernels->unpack (target->backend, weight);
}

static void
test_conv (const Target *target)
{
  static const struct {
    const char *name;
    size_t batch, height, width, in, out, kernel;
    unsigned stride, pad_before, pad_after;
    size_t up_height, up_width;
  } shapes[] = {
    { "same", 2, 9, 7, 5, 6, 3, 1, 1, 1 },       { "down", 1, 8, 8, 6, 5, 3, 2, 1, 1 },          { "down_vae", 1, 8, 9, 6, 5, 3, 2, 0, 1 },
    { "up", 1, 5, 6, 7, 4, 3, 1, 1, 1, 10, 12 }, { "up_odd", 1, 5, 6, 7, 4, 3, 1, 1, 1, 9, 11 }, { "wide", 1, 13, 17, 24, 18, 3, 1, 1, 1 },
    { "point", 2, 4, 5, 6, 7, 1, 1, 0, 0 },
  };

  for (unsigned i = 0; i < G_N_ELEMENTS (shapes); i++) {
    const char *name = shapes[i].name;
    gsize count;
    g_autofree float *x = find (NULL, "conv.%s.x", name), *values = find (NULL, "conv.%s.weight", name);
    g_autofree float *bias = find (NULL, "conv.%s.bias", name), *embedding = find (NULL, "conv.%s.embedding", name);
    g_autofree float *residual = find (NULL, "conv.%s.residual", name), *expected = find (&count, "conv.%s.out", name);
    g_autofree float *out = g_new (float, count);
    VelPacked *weight =
        target->kernels->pack_conv (target->backend, &(VelPackConv){ values, VEL_F32, shapes[i].out, shapes[i].in, shapes[i].kernel });

    target->kernels->conv (target->backend, &(VelConvArgs){
                                                .batch = shapes[i].batch,
                                                .height = shapes[i].height,
                                                .width = shapes[i].width,
                                                .up_height = shapes[i].up_height,
                                                .up_width = shapes[i].up_width,
                                                .stride = shapes[i].stride,
                                                .pad_before = shapes[i].pad_before,
                                                .pad_after = shapes[i].pad_after,
                                                .weight = weight,
                                                .x = x,
                                                .bias = bias,
                                                .embedding = embedding,
                                                .embedding_stride = shapes[i].out,
                                                .residual = residual,
                                                .out = out,
                                            });
    check (target, name, out, expected, count, 1e-6);
    target->kernels->unpack (target->backend, weight);
  }
}

static void
test_attention (const Target *target)
{
  static const char *const names[] = { "cross", "causal" };

  for (unsigned i = 0; i < G_N_ELEMENTS (names); i++) {
    gsize count, key_count;
    g_autofree float *q = find (&count, "attention.%s.q", names[i]), *k = find (&key_count, "attention.%s.k", names[i]);
    g_autofree float *v = find (NULL, "attention.%s.v", names[i]), *expected = find (NULL, "attention.%s.out", names[i]);
    g_autofree float *out = g_new (float, count);

    target->kernels->attention (target->backend, &(VelAttentionArgs){ VEL_F32, 2, 3, 10, count / 60, key_count / 60, 1 / sqrt (10), i == 1,
                                                                      q, k, v, 30, 30, 30, out });
    check (target, names[i], out, expected, count, 1e-6);
  }
}

static void
test_norm (const Target *target)
{
  gsize count;
  g_autofree float *x = find (&count, "norm.x"), *gamma = find (NULL, "norm.gamma"), *beta = find (NULL, "norm.beta");
  g_autofree float *group = find (NULL, "norm.group"), *group_silu = find (NULL, "norm.group_silu"), *layer = find (NULL, "norm.layer");
  g_autofree float *out = g_new (float, count);
  VelGroupNormArgs args = { VEL_F32, 2, 35, 24, 8, 1e-6, gamma, beta, false, x, out };

  target->kernels->group_norm (target->backend, &args);
  check (target, "group", out, group, count, 5e-7);
  args.silu = true;
  target->kernels->group_norm (target->backend, &args);
  check (target, "group and silu", out, group_silu, count, 5e-7);
  target->kernels->layer_norm (target->backend, &(VelLayerNormArgs){ VEL_F32, 70, 24, 1e-5, gamma, beta, x, out });
  check (target, "layer", out, layer, count, 5e-7);
}

static void
test_elementwise (const Target *target)
{
  gsize count, terms_count;
  g_autofree float *x = find (&count, "activate.x"), *out = g_new (float, count);
  g_autofree float *a = find (&terms_count, "combine.a"), *b = find (NULL, "combine.b"), *c = find (NULL, "combine.c");
  g_autofree float *combined = find (NULL, "combine.out"), *blended = find (NULL, "blend.out");

  for (unsigned activation = 0; activation < G_N_ELEMENTS (activations); activation++) {
    g_autofree float *expected = find (NULL, "activate.%s", activations[activation]);

    target->kernels->activate (target->backend, &(VelActivateArgs){ VEL_F32, count, activation, x, out });
    check (target, activations[activation], out, expected, count, 2e-7);
  }
  target->kernels->combine (target->backend,
                            &(VelCombineArgs){ VEL_F32, terms_count, 3, (double[]){ 0.3, -1.7, 0.125 }, (const void *[]){ a, b, c }, out });
  check (target, "combine", out, combined, terms_count, 0);
  target->kernels->blend (target->backend, &(VelBlendArgs){ terms_count, a, b, c, out });
  check (target, "blend", out, blended, terms_count, 0);
}

static void
test_sinusoid (const Target *target)
{
  gsize n, count;
  g_autofree float *t = find (&n, "sinusoid.t"), *expected = find (&count, "sinusoid.out"), *out = g_new (float, count);

  target->kernels->sinusoid (target->backend, &(VelSinusoidArgs){ VEL_F32, n, count / n, t, out });
  /* PyTorch's exp may be one unit in the last place off: times 999, an angle is known to 6e-5. */
  check (target, "sinusoid", out, expected, count, 3.5e-5);
}

static void
test_convert (const Target *target)
{
  static const VelType types[] = { VEL_F16, VEL_BF16 };
  gsize count;
  g_autofree float *x = find (&count, "convert.x"), *back = g_new (float, count);
  g_autofree guint16 *halves = g_new (guint16, count);

  for (unsigned i = 0; i < G_N_ELEMENTS (types); i++) {
    g_autofree float *expected = find (NULL, i == 0 ? "convert.f16" : "convert.bf16");

    target->kernels->convert (target->backend, &(VelConvertArgs){ count, VEL_F32, types[i], x, halves });
    target->kernels->convert (target->backend, &(VelConvertArgs){ count, types[i], VEL_F32, halves, back });
    check (target, i == 0 ? "to fp16 and back" : "to bf16 and back", back, expected, count, 0);
  }
}

/* A layout change has no arithmetic; the numbers stand for their places. */
static void
test_layout (const Target *target)
{
  static const float x[] = { 0, 1, 2, 10, 11, 12 }, b[] = { 90, 91 };
  static const float transposed[] = { 0, 10, 1, 11, 2, 12 }, joined[] = { 0, 1, 2, 90, 10, 11, 12, 91 };
  float out[8];

  target->kernels->transpose (target->backend, &(VelTransposeArgs){ VEL_F32, 1, 2, 3, x, out });
  check (target, "transpose", out, transposed, 6, 0);
  target->kernels->concat (target->backend, &(VelConcatArgs){ VEL_F32, 2, 3, 1, x, b, out });
  check (target, "concat", out, joined, 8, 0);
}

typedef void (*Test) (const Target *target);

static void
run_test (gconstpointer test)
{
  const VelKernels *tables[] = { vel_kernels_reference (), vel_kernels_cpu () };

  for (unsigned i = 0; i < G_N_ELEMENTS (tables); i++) {
    Target target = { tables[i], tables[i]->open (&(VelBackendOptions){ .threads = 2 }, NULL, 0) };

    ((Test) test) (&target);
    tables[i]->close (target.backend);
  }
}

int
main (int argc, char **argv)
{
  int status;

  g_test_init (&argc, &argv, NULL);
  load_golden ();
  g_test_add_data_func ("/kernels/golden/linear", test_linear, run_test);
  g_test_add_data_func ("/kernels/golden/gated", test_gated, run_test);
  g_test_add_data_func ("/kernels/golden/conv", test_conv, run_test);
  g_test_add_data_func ("/kernels/golden/attention", test_attention, run_test);
  g_test_add_data_func ("/kernels/golden/norm", test_norm, run_test);
  g_test_add_data_func ("/kernels/golden/elementwise", test_elementwise, run_test);
  g_test_add_data_func ("/kernels/golden/sinusoid", test_sinusoid, run_test);
  g_test_add_data_func ("/kernels/golden/convert", test_convert, run_test);
  g_test_add_data_func ("/kernels/golden/layout", test_layout, run_test);
  status = g_test_run ();
  g_free (golden);
  return status;
}
