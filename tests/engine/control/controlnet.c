/* ControlNets in whole pictures: every layout paints the same, nothing is computed outside of a range, what does not fit is refused. That
 * the numbers are right is tests/engine/pipeline/golden.c's to say.  SPDX-License-Identifier: Apache-2.0 */
#include <glib/gstdio.h>
#include <math.h>
#include <string.h>

#include "engine/error.h"
#include "engine/formats/png.h"
#include "engine/formats/safetensors.h"
#include "engine/pipeline/generate.h"
#include "engine/pipeline/request.h"
#include "kernels/half.h"
#include "tests/support/tiny-model.h"

#define PREFIX "control_model."

static char *folder, *model, *net, *picture;
static VelEngine *engine;

/* control: (nullable) a line for each; options: (nullable) pairs. Returns: (transfer full), or NULL with an error */
static VelResult *
try_paint (const char *path, const char *control, const char *const *options, GError **error)
{
  static const char *const usual[] = {
    "prompt", "a lighthouse on a cliff", "seed", "7", "steps", "3", "sampler", "heun", "width", "48", "height", "40", NULL
  };
  g_autoptr (VelValues) request = vel_request_new ();

  vel_values_set (request, "model", path, NULL);
  for (guint i = 0; usual[i]; i += 2)
    vel_values_set (request, usual[i], usual[i + 1], NULL);
  for (guint i = 0; options && options[i]; i += 2)
    g_assert_true (vel_values_set (request, options[i], options[i + 1], NULL));
  if (control)
    vel_values_set (request, "control", control, NULL);
  return vel_engine_generate (engine, request, NULL, NULL, NULL, FALSE, NULL, error);
}

static VelResult *
paint (const char *control, const char *const *options)
{
  g_autoptr (GError) error = NULL;
  VelResult *result = try_paint (model, control, options, &error);

  g_assert_no_error (error);
  return result;
}

/* The largest difference of two pictures' bytes. index: of b's pictures */
static int
differ (const VelResult *a, const VelResult *b, guint index)
{
  const VelPicture *x = a->pictures->pdata[0], *y = b->pictures->pdata[index];
  int largest = 0;

  g_assert_cmpuint (x->width * x->height, ==, y->width * y->height);
  for (gsize i = 0; i < (gsize) x->width * x->height * 3; i++)
    largest = MAX (largest, ABS (x->rgb[i] - y->rgb[i]));
  return largest;
}

static char *
unit (const char *path, const char *keys)
{
  return g_strdup_printf ("%s:%s%s%s", path, picture, *keys ? ":" : "", keys);
}

/* What becomes of a tensor on its way into another file. values: [count], may be changed. Returns: (transfer full) (nullable) its name
 * there */
typedef char *(*Change) (const char *name, float *values, gsize count, gpointer data);

static void
rewrite (const char *from, const char *to, Change change, gpointer data, const char *extra)
{
  g_autoptr (VelTensorFile) file = vel_safetensors_open (from, NULL, NULL);
  g_autoptr (GArray) tensors = g_array_new (FALSE, FALSE, sizeof (VelTensorOut));
  g_autoptr (GPtrArray) owned = g_ptr_array_new_with_free_func (g_free);
  g_autoptr (GError) error = NULL;

  for (gsize i = 0; i < vel_tensor_file_get_count (file); i++) {
    const VelTensorEntry *entry = vel_tensor_file_get (file, i);
    gsize count = (gsize) vel_shape_count (entry->shape);
    float *values = g_new (float, MAX (count, 1));
    char *name;

    for (gsize k = 0; k < count; k++)
      values[k] = entry->type == VEL_F16    ? vel_half_to_float (((const guint16 *) entry->data)[k])
                  : entry->type == VEL_BF16 ? vel_bfloat_to_float (((const guint16 *) entry->data)[k])
                                            : ((const float *) entry->data)[k];
    name = change (entry->name, values, count, data);
    g_ptr_array_add (owned, values);
    g_ptr_array_add (owned, name);
    if (name)
      g_array_append_val (tensors, ((VelTensorOut){ name, VEL_F32, entry->shape, values }));
  }
  if (extra) {
    static const float nothing[1];

    g_array_append_val (tensors, ((VelTensorOut){ extra, VEL_F32, VEL_SHAPE (1), nothing }));
  }
  vel_safetensors_write (to, (const VelTensorOut *) (gpointer) tensors->data, tensors->len, NULL, &error);
  g_assert_no_error (error);
}

static char *
without_prefix (const char *name, float *values, gsize count, gpointer data)
{
  return g_strdup (name + strlen (PREFIX));
}

static char *
without_model (const char *name, float *values, gsize count, gpointer unet)
{
  g_autofree char *same = g_strconcat ("model.diffusion_model.", name + strlen (PREFIX), NULL);
  const VelTensorEntry *base = vel_tensor_file_find (unet, same);

  for (gsize i = 0; base && i < count; i++)
    values[i] -= vel_bfloat_to_float (((const guint16 *) base->data)[i]); /* two-levels is in BF16 */
  return g_strdup (name);
}

static char *
too_loud (const char *name, float *values, gsize count, gpointer data)
{
  for (gsize i = 0; i < count && strstr (name, "zero_convs") && g_str_has_suffix (name, ".weight"); i++)
    values[i] = 3e38f;
  return g_strdup (name);
}

static char *
without_one (const char *name, float *values, gsize count, gpointer missing)
{
  return strstr (name, missing) ? NULL : g_strdup (name);
}

static char *
place (const char *name)
{
  return g_build_filename (folder, name, NULL);
}

/* The original names with their prefix and without, a folder of diffusers', its file alone: to the bit. Differences but for rounding. */
static void
test_layouts (void)
{
  g_autofree char *there = place ("layouts"), *written = NULL, *alone = NULL, *bare = place ("bare.safetensors"),
                  *pruned = place ("pruned.safetensors");
  g_autofree char *by_folder = NULL, *by_file = NULL, *by_bare = NULL, *by_pruned = NULL, *usual = unit (net, "weight=0.8");
  g_autoptr (VelTensorFile) unet = vel_safetensors_open (model, NULL, NULL);
  g_autoptr (VelResult) plain = paint (NULL, NULL), first = paint (usual, NULL), second = NULL, third = NULL, fourth = NULL, fifth = NULL;

  g_mkdir_with_parents (there, 0700);
  written = tiny_model_write ("control-sd1-folder", there); /* under diffusers' names */
  alone = g_build_filename (there, "diffusion_pytorch_model.safetensors", NULL);
  g_assert_cmpint (g_rename (written, alone), ==, 0);
  rewrite (net, bare, without_prefix, NULL, NULL);
  rewrite (net, pruned, without_model, unet, "difference");
  by_folder = unit (there, "weight=0.8");
  by_file = unit (alone, "weight=0.8");
  by_bare = unit (bare, "weight=0.8");
  by_pruned = unit (pruned, "weight=0.8");
  second = paint (by_folder, NULL);
  third = paint (by_file, NULL);
  fourth = paint (by_bare, NULL);
  fifth = paint (by_pruned, NULL);
  g_assert_cmpint (differ (plain, first, 0), >, 8);
  g_assert_cmpint (differ (first, second, 0), ==, 0);
  g_assert_cmpint (differ (first, third, 0), ==, 0);
  g_assert_cmpint (differ (first, fourth, 0), ==, 0);
  g_assert_cmpint (differ (first, fifth, 0), <=, 1);
}

/* Numbers that are out of all bounds as soon as they are computed: outside of its range such a network is as if it were not there. */
static void
test_range (void)
{
  static const char *const silent[] = { "start=0.4,end=0.6", "weight=0", "start=1" };
  g_autofree char *loud = place ("loud.safetensors"), *heard = NULL, *both = NULL, *usual = unit (net, "end=0.5");
  g_autoptr (VelResult) plain = paint (NULL, NULL), one = paint (usual, NULL), two = NULL;
  g_autoptr (GError) error = NULL;

  rewrite (net, loud, too_loud, NULL, NULL);
  for (guint i = 0; i < G_N_ELEMENTS (silent); i++) {
    g_autofree char *text = unit (loud, silent[i]);
    g_autoptr (VelResult) result = paint (text, NULL);

    g_assert_cmpint (differ (plain, result, 0), ==, 0);
  }
  both = g_strdup_printf ("%s\n%s:%s:start=0.9", usual, loud, picture);
  two = paint (both, NULL);
  g_assert_cmpint (differ (one, two, 0), ==, 0);
  heard = unit (loud, "start=0.6");
  g_assert_null (try_paint (model, heard, NULL, &error));
  g_assert_error (error, VEL_ERROR, VEL_ERROR_NUMBERS);
}

/* Composed prompts of different lengths, no guidance, several pictures at once, another picture in between. */
static void
test_with_others (void)
{
  static const char *const batch[] = { "batch", "2", "seed", "6", NULL };
  static const char *const unguided[] = { "cfg", "1", NULL };
  static const char *const composed[] = {
    "prompt",
    "a castle :0.6 AND a white swan on a lake, " /* of more tokens */
    "old map, old map, old map, old map, old map, old map, old map, old map, old map, old map, old map, old map, "
    "old map, old map, old map, old map, old map, old map, old map, old map, old map, old map, old map, old map, "
    "old map, old map :0.4",
    NULL
  };
  g_autofree char *usual = unit (net, ""), *prompt = unit (net, "mode=prompt"), *control = unit (net, "mode=control");
  g_autoptr (VelResult) one = paint (usual, NULL), many = paint (usual, batch), between = paint (NULL, NULL), again = paint (usual, NULL);
  g_autoptr (VelResult) alone = paint (prompt, unguided), same = paint (control, unguided), balanced = paint (usual, unguided);
  g_autoptr (VelResult) parts = paint (usual, composed), parts_plain = paint (NULL, composed);

  g_assert_cmpint (differ (one, many, 1), ==, 0);
  g_assert_cmpint (differ (one, again, 0), ==, 0);
  g_assert_cmpint (differ (one, between, 0), >, 8);
  g_assert_cmpint (differ (alone, same, 0), ==, 0); /* there is nothing to be avoided */
  g_assert_cmpint (differ (alone, balanced, 0), >, 4);
  g_assert_cmpint (differ (parts, parts_plain, 0), >, 4);
}

/* A preprocessor makes the hint of the picture as large as what is painted: the same as a picture that is prepared so. With its own
 * numbers. */
static void
test_preprocessor (void)
{
  g_autofree char *raw = place ("raw.png"), *inverted = place ("inverted.png"), *by_hand = g_strdup_printf ("%s:%s", net, inverted);
  g_autofree char *here = g_strdup_printf ("%s:%s:preprocessor=invert", net, raw),
                  *low = g_strdup_printf ("%s:%s:preprocessor=threshold,threshold=60", net, raw);
  g_autofree char *high = g_strdup_printf ("%s:%s:preprocessor=threshold,threshold=190", net, raw);
  g_autofree char *needs_mask = g_strdup_printf ("%s:%s:preprocessor=inpaint", net, raw);
  guint8 pixels[40 * 48 * 3], others[40 * 48 * 3];
  g_autoptr (GBytes) first = NULL, second = NULL;
  g_autoptr (VelResult) a = NULL, b = NULL, c = NULL, d = NULL;
  g_autoptr (GError) error = NULL;

  for (gsize i = 0; i < sizeof pixels; i++) {
    pixels[i] = (guint8) (i * 37 + i / 144 * 11);
    others[i] = (guint8) (255 - pixels[i]);
  }
  first = vel_png_encode (pixels, 48, 40, NULL);
  second = vel_png_encode (others, 48, 40, NULL);
  g_assert_true (g_file_set_contents (raw, g_bytes_get_data (first, NULL), (gssize) g_bytes_get_size (first), NULL));
  g_assert_true (g_file_set_contents (inverted, g_bytes_get_data (second, NULL), (gssize) g_bytes_get_size (second), NULL));
  a = paint (by_hand, NULL);
  b = paint (here, NULL);
  c = paint (low, NULL);
  d = paint (high, NULL);
  g_assert_cmpint (differ (a, b, 0), ==, 0);
  g_assert_cmpint (differ (c, d, 0), >, 4);
  g_assert_null (try_paint (model, needs_mask, NULL, &error));
  g_assert_error (error, VEL_ERROR, VEL_ERROR_REQUEST);
}

/* A file that was written anew is another network. */
static void
test_replaced (void)
{
  g_autofree char *path = place ("replaced.safetensors"), *text = unit (path, ""), *other = unit (net, "");
  g_autoptr (VelResult) first = NULL, second = NULL, expected = paint (other, NULL);

  rewrite (net, path, too_loud, NULL, NULL);
  g_assert_null (try_paint (model, text, NULL, NULL));
  rewrite (net, path, without_prefix, NULL, NULL);
  second = paint (text, NULL);
  g_assert_cmpint (differ (expected, second, 0), ==, 0);
}

static void
assert_refused (const char *path, const char *control, const char *const *options, int code, const char *says)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (VelResult) result = try_paint (path, control, options, &error);

  g_assert_null (result);
  g_test_message ("%s", error->message);
  g_assert_error (error, VEL_ERROR, code);
  g_assert_nonnull (strstr (error->message, says));
}

/* Networks of another family or of other blocks, files that are something else or not whole, and what can not be combined. */
static void
test_refusals (void)
{
  static const char *const names[] = { "control-odd", "control-inpaint", "control-sdxl" };
  static const char *const second[] = { "device2", "cpu", NULL };
  static const char *const masked[] = { "init", NULL, "mask", NULL, "inpaint_area", "masked", NULL };
  const char *part_alone[G_N_ELEMENTS (masked)];
  g_autofree char *small = place ("one-block"), *one_block = NULL, *usual = unit (net, ""), *is_model = unit (model, "");
  g_autofree char *holey = place ("holey.safetensors"), *with_hole = unit (holey, ""), *union_net = place ("union.safetensors"),
                  *with_union = unit (union_net, "");
  g_autofree char *no_picture = g_strdup_printf ("%s:/nowhere.png", net), *mask = tiny_model_golden ("mask.png");
  char *others[G_N_ELEMENTS (names)];

  g_mkdir_with_parents (small, 0700);
  one_block = tiny_model_write ("one-block", small);
  for (guint i = 0; i < G_N_ELEMENTS (names); i++) {
    g_autofree char *there = place (names[i]), *path = NULL;

    path = tiny_model_write (names[i], there);
    others[i] = unit (path, "");
  }
  assert_refused (model, others[0], NULL, VEL_ERROR_FAMILY, "64 numbers wide and the model “model” has 128");
  assert_refused (one_block, others[1], NULL, VEL_ERROR_FAMILY, "are not those of the model");
  assert_refused (model, others[2], NULL, VEL_ERROR_FAMILY, "192 numbers wide");
  assert_refused (model, is_model, NULL, VEL_ERROR_FORMAT, "is no ControlNet but a UNet");
  rewrite (net, holey, without_one, (gpointer) "zero_convs.3.0.weight", NULL);
  assert_refused (model, with_hole, NULL, VEL_ERROR_WEIGHT, "zero_convs.3.0.weight");
  rewrite (net, union_net, without_prefix, NULL, "task_embedding");
  assert_refused (model, with_union, NULL, VEL_ERROR_FORMAT, "union ControlNet");
  assert_refused (model, no_picture, NULL, VEL_ERROR_FORMAT, "nowhere.png");
  assert_refused (model, "nobody:a.png", NULL, VEL_ERROR_FORMAT, "a.png");
  assert_refused (model, usual, second, VEL_ERROR_REQUEST, "--device2");
  memcpy (part_alone, masked, sizeof masked);
  part_alone[1] = picture;
  part_alone[3] = mask;
  assert_refused (model, usual, part_alone, VEL_ERROR_REQUEST, "masked part alone");
  for (guint i = 0; i < G_N_ELEMENTS (names); i++)
    g_free (others[i]);
}

/* Differences to a model of other shapes, and such to weights that are not there. */
static void
test_differences (void)
{
  g_autofree char *misfit = place ("misfit.safetensors"), *text = unit (misfit, "");
  g_autofree char *there = place ("inpaint"), *inpaint = NULL, *control_there = place ("control-inpaint"), *control = NULL;

  g_mkdir_with_parents (there, 0700);
  inpaint = tiny_model_write ("inpaint", there);
  control = tiny_model_write ("control-inpaint", control_there);
  rewrite (control, misfit, without_one, (gpointer) "nothing of that name", "difference");
  assert_refused (inpaint, text, NULL, VEL_ERROR_WEIGHT, "input_blocks.0.0.weight");
}

int
main (int argc, char **argv)
{
  g_autofree char *models = NULL, *nets = NULL;
  int status;

  g_test_init (&argc, &argv, NULL);
  folder = g_dir_make_tmp ("velatura-control-XXXXXX", NULL);
  engine = vel_engine_new ("cpu", &(VelDeviceOptions){ .threads = 2 }, NULL);
  models = place ("two-levels");
  nets = place ("control-sd1");
  model = tiny_model_write ("two-levels", models);
  net = tiny_model_write ("control-sd1", nets);
  picture = tiny_model_golden ("start.png");
  g_test_add_func ("/control/layouts", test_layouts);
  g_test_add_func ("/control/nothing-outside-its-range", test_range);
  g_test_add_func ("/control/with-others", test_with_others);
  g_test_add_func ("/control/preprocessor", test_preprocessor);
  g_test_add_func ("/control/replaced", test_replaced);
  g_test_add_func ("/control/refusals", test_refusals);
  g_test_add_func ("/control/differences", test_differences);
  status = g_test_run ();
  vel_engine_free (engine);
  tiny_remove_tree (folder);
  g_free (folder);
  g_free (model);
  g_free (net);
  g_free (picture);
  return status;
}
