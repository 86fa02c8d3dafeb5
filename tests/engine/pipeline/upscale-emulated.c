/* Networks that enlarge pictures on an emulated card: against PyTorch, with less and less memory, and with a fault at each call.
 * SPDX-License-Identifier: Apache-2.0 */
#include <gmodule.h>
#include <math.h>
#include <string.h>

#include "engine/error.h"
#include "engine/formats/safetensors.h"
#include "engine/pipeline/upscale.h"

static void (*fail_at) (unsigned n, bool lost);
static unsigned (*calls) (void);

static char *
golden_path (const char *file)
{
  return g_test_build_filename (G_TEST_DIST, "golden", "upscalers", file, NULL);
}

static VelEngine *
make_engine (const char *device, guint64 memory)
{
  g_autoptr (GError) error = NULL;
  VelEngine *engine = vel_engine_new (device, &(VelDeviceOptions){ .threads = 1, .memory = memory }, &error);

  g_assert_no_error (error);
  return engine;
}

/* Returns: relative L2 */
static double
run_network (const char *file, VelType type)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (VelDevice) device = vel_device_open ("cuda", &(VelDeviceOptions){ .threads = 1 }, &error);
  g_autofree char *path = golden_path (file), *stem = g_strndup (file, strcspn (file, ".")),
                  *leaf = g_strdup_printf ("golden/%s.safetensors", stem);
  g_autofree char *traces = golden_path (leaf);
  g_autoptr (VelTensorFile) golden = vel_safetensors_open (traces, NULL, &error);
  g_autoptr (VelUpscaler) network = vel_upscale_load (path, device, type, NULL, &error);
  g_autoptr (VelContext) ctx = vel_context_new (device, NULL);
  const VelTensorEntry *x = vel_tensor_file_find (golden, "x"), *y = vel_tensor_file_find (golden, "y");
  const float *wanted = y->data;
  g_autofree float *found = g_malloc (y->bytes);
  double square = 0, reference = 0;
  VelTensor *tensor = vel_context_tensor (ctx, VEL_F32, x->shape);

  g_assert_no_error (error);
  vel_tensor_upload (tensor, x->data);
  tensor = vel_op_channels_first (ctx, vel_upscaler_forward (ctx, network, vel_op_channels_last (ctx, tensor)));
  g_assert_true (vel_context_check (ctx, &error));
  vel_tensor_download (tensor, found);
  for (gint64 i = 0; i < vel_shape_count (y->shape); i++) {
    square += ((double) found[i] - wanted[i]) * ((double) found[i] - wanted[i]);
    reference += (double) wanted[i] * wanted[i];
  }
  return sqrt (square / reference);
}

static void
test_network (gconstpointer file)
{
  static const struct {
    VelType type;
    double bar;
  } types[] = { { VEL_F32, 1e-5 }, { VEL_F16, 5e-3 }, { VEL_BF16, 4e-2 } };

  for (gsize i = 0; i < G_N_ELEMENTS (types); i++) {
    double relative = run_network (file, types[i].type);

    g_test_message ("type %u: relative L2 %.2e (bar %.0e)", types[i].type, relative, types[i].bar);
    g_assert_cmpfloat (relative, <, types[i].bar);
  }
}

static VelBitmap *
make_picture (void)
{
  VelBitmap *picture = vel_bitmap_new (72, 80, 3);

  for (gsize i = 0; i < vel_bitmap_bytes (picture); i++)
    picture->data[i] = (guint8) (i / 3 % 72 * 3 + i % 3 * 20);
  return picture;
}

static VelBitmap *
enlarge (VelEngine *engine, const char *precision, GPtrArray *notes, GError **error)
{
  const VelUpscaleOptions options = { .tile = 0, .overlap = 4, .reversed = TRUE };
  g_autofree char *path = golden_path ("compact-x2.safetensors");
  g_autoptr (VelBitmap) picture = make_picture ();

  return vel_engine_upscale (engine, path, precision, picture, 144, 160, &options, notes, NULL, error);
}

static int
largest_difference (const VelBitmap *a, const VelBitmap *b)
{
  int largest = 0;

  g_assert_cmpuint (a->width, ==, b->width);
  g_assert_cmpuint (a->height, ==, b->height);
  for (gsize i = 0; i < vel_bitmap_bytes (a); i++)
    largest = MAX (largest, ABS (a->data[i] - b->data[i]));
  return largest;
}

/* Whole, then in tiles that become smaller, then on the processor; a sentence says so each time, and the picture is the same but for seams.
 */
static void
test_budget (void)
{
  static const guint64 budgets[] = { 64000000, 2400000, 1200000, 500000, 150000 };
  g_autoptr (VelEngine) processor = make_engine ("cpu", 0);
  g_autoptr (GPtrArray) none = g_ptr_array_new_with_free_func (g_free);
  g_autoptr (VelBitmap) wanted = enlarge (processor, "fp32", none, NULL);
  gboolean tiles = FALSE, elsewhere = FALSE;

  g_assert_cmpuint (none->len, ==, 0);
  for (gsize i = 0; i < G_N_ELEMENTS (budgets); i++) {
    g_autoptr (VelEngine) engine = make_engine ("cuda", budgets[i]);
    g_autoptr (GPtrArray) notes = g_ptr_array_new_with_free_func (g_free);
    g_autoptr (GError) error = NULL;
    g_autoptr (VelBitmap) found = enlarge (engine, "fp32", notes, &error);
    const char *note = notes->len ? notes->pdata[0] : "";

    g_assert_no_error (error);
    g_test_message ("%" G_GUINT64_FORMAT " bytes: %s; largest difference %d", budgets[i], note, largest_difference (found, wanted));
    g_assert_cmpint (largest_difference (found, wanted), <=, strstr (note, "tiles") ? 24 : 1);
    tiles |= strstr (note, "in tiles of") != NULL;
    elsewhere |= strstr (note, "the processor enlarged") != NULL;
    if (i == 0)
      g_assert_cmpstr (note, ==, "");
  }
  g_assert_true (tiles && elsewhere);
}

/* lost: the card, else memory */
static void
test_every_fault (gconstpointer lost)
{
  g_autoptr (GPtrArray) none = g_ptr_array_new_with_free_func (g_free);
  g_autoptr (VelEngine) engine = NULL;
  g_autoptr (VelBitmap) wanted = NULL;
  unsigned step = g_getenv ("VELATURA_TEST_BRIEFLY") ? 5 : 1, total, tried = 0, pictures = 0; /* sanitizers are slow */

  fail_at (0, false);
  engine = make_engine ("cuda", 0);
  wanted = enlarge (engine, "fp32", none, NULL);
  total = calls ();
  g_clear_pointer (&engine, vel_engine_free);
  for (unsigned n = 1; n <= total; n += step, tried++) {
    g_autoptr (GPtrArray) notes = g_ptr_array_new_with_free_func (g_free);
    g_autoptr (GError) error = NULL;
    g_autoptr (VelBitmap) found = NULL;

    fail_at (n, lost != NULL);
    engine = vel_engine_new ("cuda", &(VelDeviceOptions){ .threads = 1 }, &error);
    if (engine)
      found = enlarge (engine, "fp32", notes, &error);
    if (engine && !found)
      vel_device_blame (vel_engine_get_device (engine), &error);
    fail_at (0, false);
    if (found)
      g_assert_cmpint (largest_difference (found, wanted), <=, 24);
    else if (lost)
      g_assert_error (error, VEL_ERROR, VEL_ERROR_LOST);
    else
      g_assert_true (g_error_matches (error, VEL_ERROR, VEL_ERROR_MEMORY) ||
                     (!engine && g_error_matches (error, VEL_ERROR, VEL_ERROR_DEVICE)));
    pictures += found != NULL;
    g_clear_pointer (&engine, vel_engine_free);
  }
  g_test_message ("%u calls, %u pictures", total, pictures);
  g_assert_cmpuint (total, >, 20);
  g_assert_true (lost ? 2 * pictures < tried : 2 * pictures > tried);
}

int
main (int argc, char **argv)
{
  GModule *module;

  g_test_init (&argc, &argv, NULL);
  g_setenv ("VELATURA_CUDA_MODULE", g_getenv ("VELATURA_EMULATED_CARD"), TRUE);
  module = g_module_open (g_getenv ("VELATURA_EMULATED_CARD"), G_MODULE_BIND_LAZY);
  if (!module || !g_module_symbol (module, "vel_emulator_fail_at", (gpointer *) &fail_at) ||
      !g_module_symbol (module, "vel_emulator_calls", (gpointer *) &calls))
    g_error ("the emulated card can not be loaded: %s", g_module_error ());
  g_test_add_data_func ("/upscale-emulated/real-x2", "real-x2.pth", test_network);
  g_test_add_data_func ("/upscale-emulated/plus-x4", "plus-x4.pth", test_network);
  g_test_add_data_func ("/upscale-emulated/compact-x4", "compact-x4.pth", test_network);
  g_test_add_func ("/upscale-emulated/budget", test_budget);
  g_test_add_data_func ("/upscale-emulated/short-at-every-call", NULL, test_every_fault);
  g_test_add_data_func ("/upscale-emulated/lost-at-every-call", "lost", test_every_fault);
  return g_test_run ();
}
