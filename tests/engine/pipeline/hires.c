/* The second pass's size, and what is refused.  SPDX-License-Identifier: Apache-2.0 */
#include "engine/pipeline/hires.h"

#include <string.h>

#include "engine/pipeline/engine.h"
#include "engine/pipeline/request.h"
#include "engine/upscalers.h"
#include "tests/support/tiny-model.h"

static void
set (VelValues *request, const char *name, const char *value)
{
  g_autoptr (GError) error = NULL;

  vel_values_set (request, name, value, &error);
  g_assert_no_error (error);
}

/* Worked out with A1111's calculate_target_resolution by hand; the last two are the size of the picture. */
static void
test_sizes (void)
{
  static const struct {
    guint width, height;
    const char *factor, *size;
    guint large_width, large_height, out_width, out_height;
  } cases[] = {
    { 512, 512, "2", "", 1024, 1024, 1024, 1024 },
    { 512, 768, "1.5", "", 768, 1152, 768, 1152 },
    { 512, 512, "1.7", "", 870, 870, 864, 864 },
    { 512, 768, "", "1024x0", 1024, 1536, 1024, 1536 },
    { 512, 768, "", "0x1024", 682, 1024, 680, 1024 },
    { 512, 512, "", "1024x768", 1024, 1024, 1024, 768 },
    { 512, 512, "", "768x1024", 1024, 1024, 768, 1024 },
    { 512, 768, "", "1024x1024", 1024, 1536, 1024, 1024 },
    { 512, 768, "2", "768x768", 768, 1152, 768, 768 }, /* the size goes before the factor */
    { 640, 448, "", "1000x700", 1000, 700, 1000, 696 },
    { 512, 512, "", "1000x900", 1000, 1000, 1000, 904 }, /* 1000 - 900 = 100 is twelve latents, 4 pixels are left */
  };

  for (gsize i = 0; i < G_N_ELEMENTS (cases); i++) {
    g_autoptr (VelValues) request = vel_request_new ();
    g_autoptr (GError) error = NULL;
    VelHires hires;

    set (request, "hires", cases[i].factor);
    set (request, "hires_resize", cases[i].size);
    g_assert_true (vel_hires_plan (&hires, request, cases[i].width, cases[i].height, 8, &error));
    g_assert_no_error (error);
    g_assert_cmpuint (hires.width, ==, cases[i].large_width);
    g_assert_cmpuint (hires.height, ==, cases[i].large_height);
    g_assert_cmpuint (vel_hires_get_width (&hires), ==, cases[i].out_width);
    g_assert_cmpuint (vel_hires_get_height (&hires), ==, cases[i].out_height);
  }
}

/* Without a factor or a size there is no second pass, whatever else is set. */
static void
test_none (void)
{
  g_autoptr (VelValues) request = vel_request_new ();
  VelHires hires;

  set (request, "hires_steps", "9");
  set (request, "init", "/a.png");
  g_assert_true (vel_hires_plan (&hires, request, 512, 512, 8, NULL));
  g_assert_null (hires.upscaler);
}

static void
test_refused (void)
{
  static const struct {
    const char *name, *value, *word;
  } cases[] = { { "hires_resize", "8192x0", "12288" }, { "hires_resize", "1024x1024", "512 x 768" } };

  for (gsize i = 0; i < G_N_ELEMENTS (cases); i++) {
    g_autoptr (VelValues) request = vel_request_new ();
    g_autoptr (GError) error = NULL;
    VelHires hires;

    set (request, "hires", "2");
    set (request, "init", "/a.png");
    set (request, "mask", "/b.png"); /* which can not be cut */
    set (request, cases[i].name, cases[i].value);
    g_assert_false (vel_hires_plan (&hires, request, 512, 768, 8, &error));
    g_assert_error (error, VEL_ERROR, VEL_ERROR_REQUEST);
    g_assert_nonnull (strstr (error->message, cases[i].word));
  }
}

/* The memory that a pass takes is that of the larger one, also where the model says how large the first one is. */
static void
test_memory (void)
{
  static const struct {
    const char *width, *factor, *size;
    double times;
  } cases[] = { { "", "", "", 1 }, { "", "2", "", 4 }, { "", "", "0x1024", 4 }, { "512", "1.5", "", 2.25 }, { "", "1", "", 1 } };
  g_autofree char *folder = g_dir_make_tmp ("velatura-hires-XXXXXX", NULL), *path = tiny_model_write ("two-levels", folder);
  g_autoptr (VelEngine) engine = vel_engine_new ("cpu", &(VelDeviceOptions){ .threads = 1 }, NULL);
  guint64 once = 0;

  for (gsize i = 0; i < G_N_ELEMENTS (cases); i++) {
    g_autoptr (VelValues) request = vel_request_new ();
    g_autoptr (GError) error = NULL;
    VelModel *model;

    set (request, "hires", cases[i].factor);
    set (request, "hires_resize", cases[i].size);
    model = vel_engine_load (engine, path, (VelModelKey){ .unet = "", .text = "", .vae = "", .tokenizer = "", .prediction = "" },
                             (VelPictureSize){ (guint) g_ascii_strtoull (cases[i].width, NULL, 10), 0, 1, request }, NULL, NULL, NULL, &error);
    g_assert_no_error (error);
    once = once ? once : model->needs.painting;
    g_assert_cmpuint (model->needs.painting, ==, (guint64) ((double) once * cases[i].times));
  }
  tiny_remove_tree (folder);
}

static void
test_words (void)
{
  static const char *const words[][2] = { { "Latent", "latent" },
                                          { "latent (nearest-exact)", "latent-nearest-exact" },
                                          { "LANCZOS", "lanczos" } };
  static const char *const refused[] = { "", "4x-UltraSharp", "latent (bislerp)" };
  static const char *const sizes[] = { "", "x", "0x0", "7x64", "64x8193", "64", "64x64x64" };

  for (gsize i = 0; i < G_N_ELEMENTS (words); i++) {
    g_autofree char *word = vel_upscalers_check (words[i][0]);

    g_assert_cmpstr (word, ==, words[i][1]);
  }
  for (gsize i = 0; i < G_N_ELEMENTS (refused); i++)
    g_assert_null (vel_upscalers_check (refused[i]));
  for (gsize i = 0; i < G_N_ELEMENTS (sizes); i++)
    g_assert_null (vel_hires_check_size (sizes[i]));
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/hires/sizes", test_sizes);
  g_test_add_func ("/hires/none", test_none);
  g_test_add_func ("/hires/refused", test_refused);
  g_test_add_func ("/hires/memory", test_memory);
  g_test_add_func ("/hires/words", test_words);
  return g_test_run ();
}
