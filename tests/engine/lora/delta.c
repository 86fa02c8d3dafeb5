/* The change of a layer's weight against LyCORIS's and peft's.  SPDX-License-Identifier: Apache-2.0 */
#include "engine/lora/delta.h"

#include <math.h>
#include <string.h>

#include "engine/error.h"
#include "engine/formats/safetensors.h"
#include "engine/lora/delta-job.h"

#define BOUND 1e-5

typedef struct {
  VelTensorFile *file;
  VelDeltaParts parts;
  VelDeltaShape shape;
  float *w0; /* [out, in, kernel, kernel] */
  gsize n_columns;
  unsigned n_reads; /* of w0 */
} Layer;

static float *
read_entry (const VelTensorEntry *entry)
{
  float *values = g_malloc (entry->bytes);

  g_assert_cmpint (entry->type, ==, VEL_F32);
  vel_tensor_entry_read (entry, values);
  return values;
}

static const VelTensorEntry *
find (VelTensorFile *file, const char *first, const char *second)
{
  g_autofree char *name = g_strconcat (first, ".", second, NULL);

  return vel_tensor_file_find (file, name);
}

static gboolean
get_original (float *out, gpointer data, GError **error)
{
  Layer *layer = data;

  memcpy (out, layer->w0, layer->shape.out * layer->n_columns * sizeof *out);
  layer->n_reads++;
  return TRUE;
}

static void
open_layer (Layer *layer, VelTensorFile *file, const char *name, const char *w0)
{
  const VelTensorEntry *entry = find (file, "W0", w0);

  *layer = (Layer){ .file = file, .parts = { .name = name, .path = "delta.safetensors" } };
  for (VelDeltaRole role = 0; role < VEL_N_DELTA_ROLES; role++)
    layer->parts.tensors[role] = find (file, name, vel_delta_role_name (role));
  layer->parts.peft_magnitude = g_str_has_prefix (name, "peft-");
  layer->w0 = read_entry (entry);
  layer->shape = (VelDeltaShape){ (gsize) entry->shape.size[0], entry->shape.n > 1 ? (gsize) entry->shape.size[1] : 1,
                                  entry->shape.n > 2 ? (gsize) entry->shape.size[2] : 1 };
  layer->n_columns = layer->shape.in * layer->shape.kernel * layer->shape.kernel;
}

/* scale * up down as doubles, or scale * up */
static double *
multiply (const VelDelta *delta, VelDeltaShape shape)
{
  gsize columns = shape.in * shape.kernel * shape.kernel, inner = delta->rank ? delta->rank : columns;
  double *out = g_new0 (double, shape.out *columns);

  for (gsize row = 0; row < shape.out; row++)
    for (gsize column = 0; column < columns; column++)
      if (delta->rank == 0)
        out[row * columns + column] = delta->scale * delta->up[row * columns + column];
      else
        for (gsize k = 0; k < inner; k++)
          out[row * columns + column] += delta->scale * delta->up[row * inner + k] * delta->down[k * columns + column];
  return out;
}

static double
get_distance (const double *got, const float *wanted, gsize count)
{
  double difference = 0, norm = 0;

  for (gsize i = 0; i < count; i++) {
    difference += (got[i] - wanted[i]) * (got[i] - wanted[i]);
    norm += (double) wanted[i] * wanted[i];
  }
  g_assert_cmpfloat (norm, >, 0);
  return sqrt (difference / norm);
}

static double
compare_weight (Layer *layer, gsize rank)
{
  g_autoptr (GError) error = NULL;
  g_autofree float *wanted = read_entry (find (layer->file, layer->parts.name, "change"));
  g_autofree double *got = NULL;
  VelDelta delta;

  vel_delta_make (&delta, &layer->parts, layer->shape, get_original, layer, &error);
  g_assert_no_error (error);
  g_assert_cmpuint (vel_delta_get_rank (&layer->parts), ==, rank);
  g_assert_cmpuint (layer->n_reads, <=, 1);
  got = multiply (&delta, layer->shape);
  vel_delta_clear (&delta);
  return get_distance (got, wanted, layer->shape.out * layer->n_columns);
}

static double
compare_bias (Layer *layer)
{
  g_autoptr (GError) error = NULL;
  g_autofree float *wanted = read_entry (find (layer->file, layer->parts.name, "bias"));
  g_autofree float *got = vel_delta_make_bias (&layer->parts, layer->shape.out, &error);

  g_assert_no_error (error);
  g_assert_cmpmem (got, layer->shape.out * sizeof *got, wanted, layer->shape.out * sizeof *wanted);
  return 0;
}

static VelTensorFile *
open_golden (void)
{
  g_autofree char *path = g_test_build_filename (G_TEST_DIST, "golden", "lora", "delta.safetensors", NULL);
  g_autoptr (GError) error = NULL;
  VelTensorFile *file = vel_tensor_file_open (path, NULL, &error);

  g_assert_no_error (error);
  return file;
}

/* Every case of the file: "layer rank kind" is what its metadata say. */
static void
test_golden (void)
{
  g_autoptr (VelTensorFile) file = open_golden ();
  GHashTableIter iter;
  const char *name, *worst_name = "";
  double worst = 0;
  const char *text;
  guint n = 0;

  g_hash_table_iter_init (&iter, vel_tensor_file_get_all_metadata (file));
  while (g_hash_table_iter_next (&iter, (gpointer *) &name, (gpointer *) &text)) {
    g_auto (GStrv) words = g_strsplit (text, " ", 3);
    double distance = 0;
    Layer layer;

    open_layer (&layer, file, name, words[0]);
    g_assert_cmpstr (vel_delta_get_kind (&layer.parts), ==, words[2]);
    if (vel_delta_has_weight (&layer.parts))
      distance = compare_weight (&layer, g_ascii_strtoull (words[1], NULL, 10));
    if (vel_delta_has (&layer.parts, VEL_DELTA_DIFF_BIAS))
      distance = MAX (distance, compare_bias (&layer));
    g_test_message ("%-32s %.1e", name, distance);
    g_assert_cmpfloat (distance, <, BOUND);
    if (distance > worst) {
      worst = distance;
      worst_name = name;
    }
    g_free (layer.w0);
    n++;
  }
  g_assert_cmpuint (n, >=, 85);
  g_test_message ("%u cases, worst: %s, relative distance %.1e", n, worst_name, worst);
}

/* A tensor [rows, columns(, deep)] of numbers that anybody can make again. */
static float *
put (VelDeltaParts *parts, VelTensorEntry *entry, VelDeltaRole role, VelShape shape, guint32 seed)
{
  g_autoptr (GRand) rand = g_rand_new_with_seed (seed);
  gsize count = (gsize) vel_shape_count (shape);
  float *values = g_new (float, count);

  for (gsize i = 0; i < count; i++)
    values[i] = (float) g_rand_double_range (rand, -1, 1);
  *entry = (VelTensorEntry){ .name = vel_delta_role_name (role),
                             .dtype = "F32",
                             .type = VEL_F32,
                             .known = TRUE,
                             .shape = shape,
                             .n_axes = shape.n,
                             .element = sizeof (float),
                             .data = values,
                             .span = count * sizeof (float),
                             .bytes = count * sizeof (float) };
  parts->tensors[role] = entry;
  return values;
}

/* The sum over k of a[row, k] b[k, column] */
static double
dot (const float *a, const float *b, gsize row, gsize column, gsize inner, gsize columns)
{
  double sum = 0;

  for (gsize k = 0; k < inner; k++)
    sum += (double) a[row * inner + k] * b[k * columns + column];
  return sum;
}

/* A LoHa with more columns than are done at once, ranks that are no multiple of four, against its definition. */
static void
test_pieces (void)
{
  enum { OUT = 5, IN = 2500, RANK = 7, OTHER = 3 };
  VelDeltaParts parts = { .name = "some_layer", .path = "some.safetensors" };
  VelTensorEntry entries[4];
  g_autofree float *w1a = put (&parts, &entries[0], VEL_DELTA_HADA_W1A, VEL_SHAPE (OUT, RANK), 1);
  g_autofree float *w1b = put (&parts, &entries[1], VEL_DELTA_HADA_W1B, VEL_SHAPE (RANK, IN), 2);
  g_autofree float *w2a = put (&parts, &entries[2], VEL_DELTA_HADA_W2A, VEL_SHAPE (OUT, OTHER), 3);
  g_autofree float *w2b = put (&parts, &entries[3], VEL_DELTA_HADA_W2B, VEL_SHAPE (OTHER, IN), 4);
  g_autoptr (GError) error = NULL;
  VelDelta delta;

  vel_delta_make (&delta, &parts, (VelDeltaShape){ OUT, IN, 1 }, get_original, NULL, &error);
  g_assert_no_error (error);
  g_assert_cmpfloat (delta.scale, ==, 1);
  for (gsize row = 0; row < OUT; row++)
    for (gsize column = 0; column < IN; column++)
      g_assert_cmpfloat_with_epsilon (delta.up[row * IN + column],
                                      dot (w1a, w1b, row, column, RANK, IN) * dot (w2a, w2b, row, column, OTHER, IN), 1e-5);
  vel_delta_clear (&delta);
}

/* Small, and different everywhere. */
static double
get_wave (gsize i)
{
  return (float) sin (0.7 * (double) i);
}

static gboolean
get_waves (float *out, gpointer data, GError **error)
{
  for (gsize i = 0; i < *(gsize *) data; i++)
    out[i] = (float) get_wave (i);
  return TRUE;
}

/* The same for DoRA of a LoRA. */
static void
test_decomposed_pieces (void)
{
  enum { OUT = 5, IN = 2500, RANK = 7 };
  VelDeltaParts parts = { .name = "some_layer", .path = "some.safetensors" };
  VelTensorEntry entries[3];
  g_autofree float *down = put (&parts, &entries[0], VEL_DELTA_DOWN, VEL_SHAPE (RANK, IN), 1);
  g_autofree float *up = put (&parts, &entries[1], VEL_DELTA_UP, VEL_SHAPE (OUT, RANK), 2);
  g_autofree float *magnitudes = put (&parts, &entries[2], VEL_DELTA_DORA_SCALE, VEL_SHAPE (OUT, 1), 3);
  g_autoptr (GError) error = NULL;
  gsize count = OUT * IN;
  VelDelta delta;

  vel_delta_make (&delta, &parts, (VelDeltaShape){ OUT, IN, 1 }, get_waves, &count, &error);
  g_assert_no_error (error);
  for (gsize row = 0; row < OUT; row++) {
    double squares = 0;

    for (gsize column = 0; column < IN; column++)
      squares += pow (get_wave (row * IN + column) + dot (up, down, row, column, RANK, IN), 2);
    for (gsize column = 0; column < IN; column++) {
      double original = get_wave (row * IN + column), v = original + dot (up, down, row, column, RANK, IN);

      g_assert_cmpfloat_with_epsilon (delta.up[row * IN + column], v * magnitudes[row] / sqrt (squares) - original, 1e-5);
    }
  }
  vel_delta_clear (&delta);
}

static gboolean
get_identity (float *out, gpointer data, GError **error)
{
  gsize n = *(gsize *) data;

  for (gsize i = 0; i < n * n; i++)
    out[i] = i % (n + 1) == 0;
  return TRUE;
}

/* Two rotations, wider than what is solved at once, of what was orthonormal leave it so; and they do turn it. */
static void
test_rotation (void)
{
  gsize n = 600, size = 300;
  VelDeltaParts parts = { .name = "some_layer", .path = "some.safetensors" };
  VelTensorEntry entry;
  g_autofree float *blocks = put (&parts, &entry, VEL_DELTA_OFT_BLOCKS, VEL_SHAPE (2, (gint64) size, (gint64) size), 5);
  g_autofree float *turned = g_new (float, n *n);
  g_autoptr (GError) error = NULL;
  double furthest = 0, moved = 0;
  VelDelta delta;

  vel_delta_make (&delta, &parts, (VelDeltaShape){ n, n, 1 }, get_identity, &n, &error);
  g_assert_no_error (error);
  for (gsize i = 0; i < n * n; i++)
    moved += fabs (delta.up[i]);
  g_assert_cmpfloat (moved, >, (double) n);
  get_identity (turned, &n, NULL);
  for (gsize i = 0; i < n * n; i++)
    delta.up[i] += turned[i];
  vel_delta_transpose (turned, delta.up, n, n);
  for (gsize row = 0; row < n; row += 7)
    for (gsize column = 0; column < n; column++)
      furthest = fmax (furthest, fabs (dot (delta.up, turned, row, column, n, n) - (row == column)));
  g_test_message ("furthest from orthonormal: %.1e", furthest);
  g_assert_cmpfloat (furthest, <, 1e-5);
  vel_delta_clear (&delta);
}

static gboolean
fail (float *out, gpointer data, GError **error)
{
  g_set_error_literal (error, VEL_ERROR, VEL_ERROR_FORMAT, "the model is gone");
  return FALSE;
}

/* The weight itself may be unreadable. */
static void
test_no_original (void)
{
  g_autoptr (VelTensorFile) file = open_golden ();
  g_autoptr (GError) error = NULL;
  VelDelta delta;
  Layer layer;

  open_layer (&layer, file, "dora-linear", "linear");
  g_assert_false (vel_delta_make (&delta, &layer.parts, layer.shape, fail, NULL, &error));
  g_assert_error (error, VEL_ERROR, VEL_ERROR_FORMAT);
  g_assert_null (delta.up);
  g_free (layer.w0);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/lora/delta/golden", test_golden);
  g_test_add_func ("/lora/delta/pieces", test_pieces);
  g_test_add_func ("/lora/delta/decomposed-pieces", test_decomposed_pieces);
  g_test_add_func ("/lora/delta/rotation", test_rotation);
  g_test_add_func ("/lora/delta/no-original", test_no_original);
  return g_test_run ();
}
