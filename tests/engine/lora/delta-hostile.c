/* Files that lie about the change of a layer's weight: each is refused in one sentence.  SPDX-License-Identifier: Apache-2.0 */
#include "engine/lora/delta.h"

#include <math.h>
#include <string.h>

#include "engine/error.h"
#include "engine/lora/delta-job.h"

static gboolean
get_original (float *out, gpointer data, GError **error)
{
  memset (out, 0, 16 * 12 * sizeof *out);
  return TRUE;
}

/* A tensor all of whose elements are one value, however many it claims to be: its strides are 0. */
typedef struct {
  VelDeltaRole role;
  gint64 axes[VEL_MAX_AXES]; /* ended by 0; -1: an axis of 0 */
  float value;
} Lie;

typedef struct {
  const char *words; /* that the error has */
  VelError code;
  Lie lies[5]; /* ended by no axes */
} Hostile;

static const gint64 no_strides[VEL_MAX_AXES];

static void
make_entry (VelTensorEntry *entry, const Lie *lie)
{
  VelShape shape = { 0 };

  for (; shape.n < VEL_MAX_AXES && lie->axes[shape.n]; shape.n++)
    shape.size[shape.n] = MAX (lie->axes[shape.n], 0);
  *entry = (VelTensorEntry){ .name = vel_delta_role_name (lie->role),
                             .dtype = "F32",
                             .type = VEL_F32,
                             .known = TRUE,
                             .shape = shape,
                             .n_axes = shape.n,
                             .axes = lie->axes,
                             .strides = no_strides,
                             .element = sizeof (float),
                             .data = &lie->value,
                             .span = sizeof (float),
                             .bytes = sizeof (float) };
  for (guint i = 0; i < shape.n; i++)
    entry->bytes *= (gsize) shape.size[i]; /* wraps where it is too much, which is what a careless reader would do */
}

/* Of a layer [16, 12] */
static void
check_refused (const Hostile *hostile)
{
  g_autoptr (GError) error = NULL;
  VelTensorEntry entries[G_N_ELEMENTS (hostile->lies)];
  VelDeltaParts parts = { .name = "some_layer", .path = "some.safetensors" };
  VelDelta delta;

  for (gsize i = 0; i < G_N_ELEMENTS (hostile->lies) && hostile->lies[i].axes[0]; i++) {
    make_entry (&entries[i], &hostile->lies[i]);
    parts.tensors[hostile->lies[i].role] = &entries[i];
  }
  g_assert_false (vel_delta_make (&delta, &parts, (VelDeltaShape){ 16, 12, 1 }, get_original, NULL, &error));
  g_assert_nonnull (error);
  g_test_message ("%s", error->message);
  g_assert_error (error, VEL_ERROR, (int) hostile->code);
  g_assert_nonnull (strstr (error->message, hostile->words));
  g_assert_nonnull (strstr (error->message, "some.safetensors"));
  g_assert_null (delta.up);
  g_assert_null (delta.down);
}

static const Hostile hostile_loras[] = {
  { "has no “lora_up.weight”", VEL_ERROR_WEIGHT, { { VEL_DELTA_DOWN, { 4, 12 } } } },
  { "has no “lora_down.weight”", VEL_ERROR_WEIGHT, { { VEL_DELTA_UP, { 16, 4 } } } },
  { "has no “lora_down.weight”", VEL_ERROR_WEIGHT, { { VEL_DELTA_MID, { 4, 4, 3, 3 } } } },
  { "no tensor that changes its weight", VEL_ERROR_WEIGHT, { { VEL_DELTA_ALPHA, { 1 } } } },
  { "no tensor that changes its weight", VEL_ERROR_WEIGHT, { { VEL_DELTA_DORA_SCALE, { 16, 1 } } } },
  { "a rank of 0", VEL_ERROR_WEIGHT, { { VEL_DELTA_DOWN, { -1, 12 } }, { VEL_DELTA_UP, { 16, -1 } } } },
  { "a rank of 5000", VEL_ERROR_WEIGHT, { { VEL_DELTA_DOWN, { 5000, 12 } }, { VEL_DELTA_UP, { 16, 5000 } } } },
  { "a rank of 1000000000", VEL_ERROR_WEIGHT, { { VEL_DELTA_DOWN, { 1000000000, 1000000000 } }, { VEL_DELTA_UP, { 16, 1000000000 } } } },
  { "[4, 1099511627776, 1099511627776]",
    VEL_ERROR_WEIGHT,
    { { VEL_DELTA_DOWN, { 4, (gint64) 1 << 40, (gint64) 1 << 40 } }, { VEL_DELTA_UP, { 16, 4 } } } },
  { "[4, 13]; [4, 12] was wanted", VEL_ERROR_WEIGHT, { { VEL_DELTA_DOWN, { 4, 13 } }, { VEL_DELTA_UP, { 16, 4 } } } },
  { "[4, 12, 3, 3]; [4, 12] was wanted", VEL_ERROR_WEIGHT, { { VEL_DELTA_DOWN, { 4, 12, 3, 3 } }, { VEL_DELTA_UP, { 16, 4 } } } },
  { "[16, 5]; [16, 4] was wanted", VEL_ERROR_WEIGHT, { { VEL_DELTA_DOWN, { 4, 12 } }, { VEL_DELTA_UP, { 16, 5 } } } },
  { "[4, 16]; [16, 4] was wanted", VEL_ERROR_WEIGHT, { { VEL_DELTA_DOWN, { 4, 12 } }, { VEL_DELTA_UP, { 4, 16 } } } },
  { "[5, 4]; [4, 4] was wanted",
    VEL_ERROR_WEIGHT,
    { { VEL_DELTA_DOWN, { 4, 12 } }, { VEL_DELTA_MID, { 5, 4 } }, { VEL_DELTA_UP, { 16, 4 } } } },
  { "“alpha” in “some.safetensors” has the shape [2]; [1] was wanted",
    VEL_ERROR_WEIGHT,
    { { VEL_DELTA_DOWN, { 4, 12 } }, { VEL_DELTA_UP, { 16, 4 } }, { VEL_DELTA_ALPHA, { 2 } } } },
  { "“alpha” in “some.safetensors” holds values that are not finite",
    VEL_ERROR_NUMBERS,
    { { VEL_DELTA_DOWN, { 4, 12 } }, { VEL_DELTA_UP, { 16, 4 } }, { VEL_DELTA_ALPHA, { 1 }, NAN } } },
  { "“lora_up.weight” in “some.safetensors” holds values that are not finite",
    VEL_ERROR_NUMBERS,
    { { VEL_DELTA_DOWN, { 4, 12 }, 1 }, { VEL_DELTA_UP, { 16, 4 }, INFINITY } } },
  { "too large for a number", VEL_ERROR_NUMBERS, { { VEL_DELTA_DOWN, { 4, 12 }, 1e30f }, { VEL_DELTA_UP, { 16, 4 }, -1e30f } } },
  { "“dora_scale” in “some.safetensors” has the shape [12, 1]; [16] was wanted",
    VEL_ERROR_WEIGHT,
    { { VEL_DELTA_DOWN, { 4, 12 } }, { VEL_DELTA_UP, { 16, 4 } }, { VEL_DELTA_DORA_SCALE, { 12, 1 } } } },
  { "“dora_scale” in “some.safetensors” has the shape [1, 16]; [12] was wanted",
    VEL_ERROR_WEIGHT,
    { { VEL_DELTA_DOWN, { 4, 12 } }, { VEL_DELTA_UP, { 16, 4 } }, { VEL_DELTA_DORA_SCALE, { 1, 16 } } } },
  { "“dora_scale” in “some.safetensors” has the shape [16, 12]; [16] was wanted",
    VEL_ERROR_WEIGHT,
    { { VEL_DELTA_DOWN, { 4, 12 } }, { VEL_DELTA_UP, { 16, 4 } }, { VEL_DELTA_DORA_SCALE, { 16, 12 } } } },
  { "two ways at once, LoRA and full",
    VEL_ERROR_WEIGHT,
    { { VEL_DELTA_DOWN, { 4, 12 } }, { VEL_DELTA_UP, { 16, 4 } }, { VEL_DELTA_DIFF, { 16, 12 } } } },
  { "[16, 13]; [16, 12] was wanted", VEL_ERROR_WEIGHT, { { VEL_DELTA_DIFF, { 16, 13 } } } },
};

#define HADA(rank)                                                                                                                         \
  { VEL_DELTA_HADA_W1A, { 16, rank } }, { VEL_DELTA_HADA_W1B, { rank, 12 } },                                                              \
  {                                                                                                                                        \
    VEL_DELTA_HADA_W2A,                                                                                                                    \
    {                                                                                                                                      \
      16, rank                                                                                                                             \
    }                                                                                                                                      \
  }

static const Hostile hostile_others[] = {
  { "has no “hada_w2_b”", VEL_ERROR_WEIGHT, { HADA (4) } },
  { "has no “hada_t2”", VEL_ERROR_WEIGHT, { HADA (4), { VEL_DELTA_HADA_W2B, { 4, 12 } }, { VEL_DELTA_HADA_T1, { 4, 4 } } } },
  { "“hada_w2_b” in “some.safetensors” has the shape [4, 11]; [4, 12] was wanted",
    VEL_ERROR_WEIGHT,
    { HADA (4), { VEL_DELTA_HADA_W2B, { 4, 11 } } } },
  { "a rank of 4097", VEL_ERROR_WEIGHT, { HADA (4097), { VEL_DELTA_HADA_W2B, { 4, 12 } } } },
  { "has no “lokr_w2_a”", VEL_ERROR_WEIGHT, { { VEL_DELTA_LOKR_W1, { 4, 3 } } } },
  { "has no “lokr_w2_b”", VEL_ERROR_WEIGHT, { { VEL_DELTA_LOKR_W1, { 4, 3 } }, { VEL_DELTA_LOKR_W2A, { 4, 1 } } } },
  { "has no “lokr_w1_a”", VEL_ERROR_WEIGHT, { { VEL_DELTA_LOKR_W2, { 4, 3 } } } },
  { "[5, 3], which does not divide the layer's [16, 12]",
    VEL_ERROR_WEIGHT,
    { { VEL_DELTA_LOKR_W1, { 5, 3 } }, { VEL_DELTA_LOKR_W2, { 4, 4 } } } },
  { "[4], which does not divide the layer's [16, 12]",
    VEL_ERROR_WEIGHT,
    { { VEL_DELTA_LOKR_W1, { 4 } }, { VEL_DELTA_LOKR_W2, { 4, 4 } } } },
  { "[0, 3], which does not divide", VEL_ERROR_WEIGHT, { { VEL_DELTA_LOKR_W1, { -1, 3 } }, { VEL_DELTA_LOKR_W2, { 4, 4 } } } },
  { "[4, 5]; [4, 4] was wanted", VEL_ERROR_WEIGHT, { { VEL_DELTA_LOKR_W1, { 4, 3 } }, { VEL_DELTA_LOKR_W2, { 4, 5 } } } },
  { "[4, 2]; [4, 3] was wanted",
    VEL_ERROR_WEIGHT,
    { { VEL_DELTA_LOKR_W1A, { 4, 2 } }, { VEL_DELTA_LOKR_W1B, { 3, 3 } }, { VEL_DELTA_LOKR_W2, { 4, 4 } } } },
  { "has no “on_input”", VEL_ERROR_WEIGHT, { { VEL_DELTA_IA3, { 16 } } } },
  { "has no “weight”", VEL_ERROR_WEIGHT, { { VEL_DELTA_IA3_ON_INPUT, { 1 } } } },
  { "[16]; [12] was wanted", VEL_ERROR_WEIGHT, { { VEL_DELTA_IA3, { 16 } }, { VEL_DELTA_IA3_ON_INPUT, { 1 }, 1 } } },
  { "[4, 4]; [16] was wanted", VEL_ERROR_WEIGHT, { { VEL_DELTA_IA3, { 4, 4 } }, { VEL_DELTA_IA3_ON_INPUT, { 1 } } } },
  { "has no “b2.weight”",
    VEL_ERROR_WEIGHT,
    { { VEL_DELTA_GLORA_A1, { 12, 4 } }, { VEL_DELTA_GLORA_A2, { 4, 12 } }, { VEL_DELTA_GLORA_B1, { 16, 4 } } } },
  { "“a2.weight” in “some.safetensors” has the shape [5, 12]; [4, 12] was wanted",
    VEL_ERROR_WEIGHT,
    { { VEL_DELTA_GLORA_A1, { 12, 4 } },
      { VEL_DELTA_GLORA_A2, { 5, 12 } },
      { VEL_DELTA_GLORA_B1, { 16, 4 } },
      { VEL_DELTA_GLORA_B2, { 4, 12 } } } },
  { "has no “oft_blocks”", VEL_ERROR_WEIGHT, { { VEL_DELTA_OFT_RESCALE, { 16, 1 } } } },
  { "[5, 3, 3]; [n, b, b] with n b = 16", VEL_ERROR_WEIGHT, { { VEL_DELTA_OFT_BLOCKS, { 5, 3, 3 } } } },
  { "[4, 4, 5]; [4, 4, 4] was wanted", VEL_ERROR_WEIGHT, { { VEL_DELTA_OFT_BLOCKS, { 4, 4, 5 } } } },
  { "[3, 4, 4]; [4, 4, 4] was wanted", VEL_ERROR_WEIGHT, { { VEL_DELTA_OFT_BLOCKS, { 3, 4, 4 } } } },
  { "“oft_diag” in “some.safetensors” has the shape [4, 4, 4, 4]; [4, 4, 4] was wanted",
    VEL_ERROR_WEIGHT,
    { { VEL_DELTA_OFT_DIAG, { 4, 4, 4, 4 } } } },
  { "[4]; [n, b, b] with n b = 16", VEL_ERROR_WEIGHT, { { VEL_DELTA_OFT_BLOCKS, { 4 } } } },
  { "[1, 1000000000, 1000000000]; [n, b, b] with n b = 16", VEL_ERROR_WEIGHT, { { VEL_DELTA_OFT_BLOCKS, { 1, 1000000000, 1000000000 } } } },
  { "[4, 4, 4, 4]; [m, n, b, b] with n b = 16", VEL_ERROR_WEIGHT, { { VEL_DELTA_OFT_BLOCKS, { 4, 4, 4, 4 } } } },
  { "[1, 16, 1, 1]; [m, n, b, b] with n b = 16", VEL_ERROR_WEIGHT, { { VEL_DELTA_OFT_BLOCKS, { 1, 16, 1, 1 } } } },
  { "[1099511627776, 4, 4, 4]; [m, n, b, b] with n b = 16", VEL_ERROR_WEIGHT, { { VEL_DELTA_OFT_BLOCKS, { (gint64) 1 << 40, 4, 4, 4 } } } },
  { "“rescale” in “some.safetensors” has the shape [12, 1]; [16] was wanted",
    VEL_ERROR_WEIGHT,
    { { VEL_DELTA_OFT_BLOCKS, { 4, 4, 4 } }, { VEL_DELTA_OFT_RESCALE, { 12, 1 } } } },
  { "two ways at once, LoHa and OFT",
    VEL_ERROR_WEIGHT,
    { HADA (4), { VEL_DELTA_HADA_W2B, { 4, 12 } }, { VEL_DELTA_OFT_BLOCKS, { 4, 4, 4 } } } },
  { "too large for a number", VEL_ERROR_NUMBERS, { { VEL_DELTA_LOKR_W1, { 4, 3 }, 1e30f }, { VEL_DELTA_LOKR_W2, { 4, 4 }, 1e30f } } },
};

static void
check_all_refused (const Hostile *hostile, gsize n)
{
  for (gsize i = 0; i < n; i++)
    check_refused (&hostile[i]);
}

static void
test_hostile_lora (void)
{
  check_all_refused (hostile_loras, G_N_ELEMENTS (hostile_loras));
}

static void
test_hostile_others (void)
{
  check_all_refused (hostile_others, G_N_ELEMENTS (hostile_others));
}

/* Five axes and types that are no numbers are no tensors to compute with; a bias has as many elements as its layer has outputs. */
static void
test_unknown (void)
{
  g_autoptr (GError) error = NULL;
  VelTensorEntry entry;
  VelDeltaParts parts = { .name = "some_layer", .path = "some.safetensors", .tensors = { [VEL_DELTA_DIFF] = &entry } };
  VelDelta delta;

  make_entry (&entry, &(Lie){ VEL_DELTA_DIFF, { 16, 12 } });
  entry.known = FALSE;
  entry.n_axes = 5;
  g_assert_false (vel_delta_make (&delta, &parts, (VelDeltaShape){ 16, 12, 1 }, get_original, NULL, &error));
  g_assert_error (error, VEL_ERROR, VEL_ERROR_WEIGHT);
  g_assert_nonnull (strstr (error->message, "is stored as F32 with 5 axes"));
  g_clear_error (&error);
  make_entry (&entry, &(Lie){ VEL_DELTA_DIFF_BIAS, { 16, 12 } });
  parts.tensors[VEL_DELTA_DIFF_BIAS] = &entry;
  g_assert_null (vel_delta_make_bias (&parts, 16, &error));
  g_assert_error (error, VEL_ERROR, VEL_ERROR_WEIGHT);
  g_assert_nonnull (strstr (error->message, "[16, 12]; [16] was wanted"));
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/lora/delta-hostile/lora", test_hostile_lora);
  g_test_add_func ("/lora/delta-hostile/others", test_hostile_others);
  g_test_add_func ("/lora/delta-hostile/unknown", test_unknown);
  return g_test_run ();
}
