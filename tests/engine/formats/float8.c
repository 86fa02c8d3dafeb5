/* 8-bit floats against PyTorch's, and weights that come with a scale.  SPDX-License-Identifier: Apache-2.0 */
#include "engine/formats/float8.h"

#include "engine/error.h"
#include "engine/formats/float8-scales.h"
#include "engine/formats/safetensors.h"
#include "engine/formats/weights.h"
#include "tests/engine/formats/scratch.h"

#include <math.h>
#include <string.h>

static VelTensorFile *
open_golden (const char *name)
{
  g_autofree char *path = golden_path (name);
  g_autoptr (GError) error = NULL;
  VelTensorFile *file = vel_tensor_file_open (path, NULL, &error);

  g_assert_no_error (error);
  return file;
}

/* Same numbers; not-a-number has many forms. */
static void
assert_same (const float *got, const float *want, gsize count)
{
  for (gsize i = 0; i < count; i++)
    if (memcmp (&got[i], &want[i], sizeof (float)) != 0 && !(isnan (got[i]) && isnan (want[i])))
      g_error ("element %zu is %.9g, %.9g was expected", i, (double) got[i], (double) want[i]);
}

static void
test_decode (void)
{
  g_autoptr (VelTensorFile) file = open_golden ("float8.safetensors");
  float got[256];

  for (const char *const *name = (const char *[]) { "e4m3", "e5m2", NULL }; *name; name++) {
    g_autofree char *stored = g_strconcat ("stored.", *name, NULL);
    const VelTensorEntry *entry = vel_tensor_file_find (file, stored);

    g_assert_cmpuint (entry->bytes, ==, sizeof got);
    vel_tensor_entry_read (entry, got);
    assert_same (got, vel_tensor_file_find (file, *name)->data, 256);
  }
}

/* All codes, all middles between two, and their neighbours. */
static void
test_encode (void)
{
  g_autoptr (VelTensorFile) file = open_golden ("float8.safetensors");
  const VelTensorEntry *inputs = vel_tensor_file_find (file, "inputs"), *outputs = vel_tensor_file_find (file, "outputs");
  const float *values = inputs->data;
  const guint8 *want = outputs->data;

  g_assert_cmpuint (outputs->bytes, >, 1500);
  for (gsize i = 0; i < outputs->bytes; i++)
    if (vel_float8_from_float (values[i]) != want[i])
      g_error ("%.9g becomes %02x, %02x was expected", (double) values[i], vel_float8_from_float (values[i]), want[i]);
  g_assert_cmpuint (vel_float8_from_float (1e30f), ==, 0x7e);
  g_assert_cmpuint (vel_float8_from_float (-500), ==, 0xfe);
  g_assert_cmpuint (vel_float8_from_float (INFINITY), ==, 0x7f);
  g_assert_cmpuint (vel_float8_from_float (NAN) & 0x7f, ==, 0x7f);
}

static void
test_scaled (void)
{
  g_autofree char *path = golden_path ("scaled-float8.safetensors");
  g_autoptr (GError) error = NULL;
  g_autoptr (VelWeights) weights = vel_weights_open (path, NULL, &error);

  g_assert_no_error (error);
  for (const char *const *name = (const char *[]) { "a", "b", "c", NULL }; *name; name++) {
    g_autofree char *stored = g_strconcat (*name, ".weight", NULL), *expected = g_strconcat ("expected.", *name, NULL);
    const VelTensorEntry *got = vel_weights_get (weights, stored, VEL_SHAPE (-1, -1), &error);
    const VelTensorEntry *want = vel_weights_find (weights, expected);

    g_assert_no_error (error);
    g_assert_cmpint (got->type, ==, VEL_F32);
    g_assert_cmpmem (got->data, got->bytes, want->data, want->bytes);
  }
  g_assert_true (vel_float8_scale_is_name ("model.diffusion_model.scaled_fp8"));
  g_assert_true (vel_float8_scale_is_name ("a.scale_input"));
  g_assert_false (vel_float8_scale_is_name ("a.weight"));
}

/* A scale that is none: two numbers, none, zero, not a number, of another type. */
static void
test_bad_scales (void)
{
  static const struct {
    const char *name, *dtype, *shape;
    const char *bytes;
    gsize length;
    const char *expected;
  } cases[] = {
    { "scale_weight", "F32", "2", "\0\0\x80\x3f\0\0\x80\x3f", 8, "is not one number" },
    { "scale_weight", "F32", "0", "", 0, "is not one number" },
    { "weight_scale", "I32", "1", "\1\0\0\0", 4, "is not one number" },
    { "scale_weight", "F8_E4M3", "1", "\x38", 1, "is not one number" },
    { "scale_weight", "F32", "", "\0\0\0\0", 4, "above zero" },
    { "scale_weight", "F32", "", "\0\0\x80\xbf", 4, "above zero" },
    { "scale_weight", "F32", "1", "\0\0\xc0\x7f", 4, "above zero" },
    { "weight_scale", "F16", "1,1", "\0\x7c", 2, "above zero" },
  };

  for (gsize i = 0; i < G_N_ELEMENTS (cases); i++) {
    g_autoptr (GString) text = g_string_new (NULL);
    g_autofree char *path = NULL;
    g_autoptr (GError) error = NULL;
    guint64 length;

    g_string_printf (text,
                     "{\"a.weight\":{\"dtype\":\"F8_E4M3\",\"shape\":[1,4],\"data_offsets\":[0,4]},"
                     "\"a.%s\":{\"dtype\":\"%s\",\"shape\":[%s],\"data_offsets\":[4,%zu]}}",
                     cases[i].name, cases[i].dtype, cases[i].shape, 4 + cases[i].length);
    length = GUINT64_TO_LE ((guint64) text->len);
    g_string_prepend_len (text, (const char *) &length, 8);
    g_string_append (text, "1234");
    g_string_append_len (text, cases[i].bytes, cases[i].length);
    path = scratch_file ("bad.safetensors", text->str, text->len);
    g_assert_null (vel_tensor_file_open (path, NULL, &error));
    g_assert_error (error, VEL_ERROR, VEL_ERROR_FORMAT);
    if (!strstr (error->message, cases[i].expected))
      g_error ("“%s” was expected in: %s", cases[i].expected, error->message);
  }
}

int
main (int argc, char **argv)
{
  scratch_init (&argc, &argv);
  g_test_add_func ("/formats/float8/decode", test_decode);
  g_test_add_func ("/formats/float8/encode", test_encode);
  g_test_add_func ("/formats/float8/scaled", test_scaled);
  g_test_add_func ("/formats/float8/bad-scales", test_bad_scales);
  return g_test_run ();
}
