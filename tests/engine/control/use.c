/* What is asked for of a ControlNet: texts, ranges, modes, settings.  SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include "engine/control/wish.h"
#include "engine/formats/recipe-control.h"
#include "engine/pipeline/request.h"

/* Step k of n lies between start and end with both its ends. */
static void
test_range (void)
{
  static const struct {
    double start, end;
    unsigned n, first, last; /* steps that are in it */
  } cases[] = { { 0, 1, 7, 0, 6 },   { 0.25, 1, 4, 1, 3 }, { 0.26, 1, 4, 2, 3 },
                { 0, 0.5, 4, 0, 1 }, { 0, 0.49, 4, 0, 0 }, { 0.2, 0.8, 5, 1, 3 } };

  for (guint i = 0; i < G_N_ELEMENTS (cases); i++) {
    VelControlUse use = { .weight = 1, .start = cases[i].start, .end = cases[i].end };

    for (unsigned k = 0; k < cases[i].n; k++)
      g_assert_cmpint (vel_control_use_is_active (&use, k, cases[i].n), ==, k >= cases[i].first && k <= cases[i].last);
  }
  g_assert_false (vel_control_use_is_active (&(VelControlUse){ .weight = 1, .start = 0.5, .end = 0.5 }, 1, 2));
  g_assert_false (vel_control_use_is_active (&(VelControlUse){ .weight = 0, .end = 1 }, 0, 2));
  g_assert_true (vel_control_use_is_active (&(VelControlUse){ .weight = 1, .start = 0.5, .end = 0.5 }, 0, 0));
}

/* 0.825^(12-i), and nothing for what is to be avoided. */
static void
test_modes (void)
{
  VelControlUse use = { .weight = 2, .end = 1 };

  g_assert_cmpfloat (vel_control_use_get_scale (&use, 0, FALSE), ==, 2);
  g_assert_cmpfloat (vel_control_use_get_scale (&use, 12, TRUE), ==, 2);
  use.mode = VEL_CONTROL_PROMPT;
  g_assert_cmpfloat_with_epsilon (vel_control_use_get_scale (&use, 0, FALSE), 2 * 0.09941, 1e-4);
  g_assert_cmpfloat_with_epsilon (vel_control_use_get_scale (&use, 9, TRUE), 2 * 0.561516, 1e-6);
  g_assert_cmpfloat (vel_control_use_get_scale (&use, 12, TRUE), ==, 2);
  use.mode = VEL_CONTROL_CONTROL;
  g_assert_cmpfloat_with_epsilon (vel_control_use_get_scale (&use, 11, FALSE), 1.65, 1e-12);
  g_assert_cmpfloat (vel_control_use_get_scale (&use, 11, TRUE), ==, 0);
}

static void
test_texts (void)
{
  static const struct {
    const char *text, *model, *picture, *back; /* back: (nullable) where it differs */
  } good[] = {
    { "canny:a.png", "canny", "a.png", NULL },
    { "/m/canny.safetensors:/p/a.png:weight=0.8,start=0.1,end=0.5,mode=prompt,resize=fit", "/m/canny.safetensors", "/p/a.png", NULL },
    { "canny:a.png:preprocessor=none, weight=1", "canny", "a.png", "canny:a.png" },
    { "canny:/odd=folder/a.png", "canny", "/odd=folder/a.png", NULL },
    { "canny:a.png:resize=stretch,mode=control", "canny", "a.png", "canny:a.png:mode=control" },
    { "canny:a.png:mode=control,preprocessor=canny", "canny", "a.png", NULL },
  };
  static const struct {
    const char *text, *says;
  } bad[] = { { "", "MODEL:IMAGE" },
              { "canny", "MODEL:IMAGE" },
              { ":a.png", "MODEL:IMAGE" },
              { "canny:", "MODEL:IMAGE" },
              { "canny:a.png:weight=11", "0 to 10" },
              { "canny:a.png:weight=nan", "0 to 10" },
              { "canny:a.png:start=-0.1", "0 to 1" },
              { "canny:a.png:end=", "0 to 1" },
              { "canny:a.png:mode=best", "balanced, prompt or control" },
              { "canny:a.png:resize=crop", "fit, fill or stretch" },
              { "canny:a.png:preprocessor=hed", "hed" },
              { "canny:a.png:strength=1", "strength" },
              { "canny:a.png:weight=1,end", "key=value" } };

  for (guint i = 0; i < G_N_ELEMENTS (good); i++) {
    g_autoptr (GError) error = NULL;
    g_autoptr (VelControlWish) wish = vel_control_wish_parse (good[i].text, &error);
    g_autofree char *back = NULL;

    g_assert_no_error (error);
    g_assert_cmpstr (wish->model, ==, good[i].model);
    g_assert_cmpstr (wish->picture, ==, good[i].picture);
    back = vel_control_wish_to_string (wish);
    g_assert_cmpstr (back, ==, good[i].back ? good[i].back : good[i].text);
  }
  for (guint i = 0; i < G_N_ELEMENTS (bad); i++) {
    g_autoptr (GError) error = NULL;

    g_assert_null (vel_control_wish_parse (bad[i].text, &error));
    g_assert_nonnull (strstr (error->message, bad[i].says));
  }
}

/* As A1111's extension writes them now and wrote them in 2023, and as we do. */
static void
test_settings (void)
{
  g_autoptr (VelControlWish) wish = vel_control_wish_parse ("canny:a.png:weight=0.75,end=0.5,mode=control,resize=fill", NULL);
  g_autofree char *value = vel_recipe_control_to_a1111 (wish, "canny [d14c016b]"),
                  *back = vel_recipe_control_explain ("ControlNet 0", value);
  g_autofree char *old = vel_recipe_control_explain (
      "ControlNet 1",
      "preprocessor: canny, model: control_v11p_sd15_canny [d14c016b], weight: 0.6, starting/ending: (0.1, 0.7), resize mode: Resize and "
      "Fill, pixel perfect: True, control mode: My prompt is more important, preprocessor params: (512, 100, 200)");
  g_autofree char *alien = vel_recipe_control_explain ("ControlNet 3", "Module: dw_openpose_full, Model: pose");
  g_autofree char *broken = vel_recipe_control_explain ("ControlNet 2", "\xff, : ,, Weight: 1e999, starting/ending: (");

  g_assert_cmpstr (
      value, ==,
      "Module: none, Model: canny [d14c016b], Weight: 0.75, Resize Mode: Crop and Resize, Guidance Start: 0, Guidance End: 0.5, Pixel "
      "Perfect: False, Control Mode: ControlNet is more important");
  g_assert_nonnull (strstr (back, "“canny:IMAGE:weight=0.75,end=0.5,mode=control,resize=fill”"));
  g_assert_nonnull (strstr (old, "“control_v11p_sd15_canny:IMAGE:weight=0.6,start=0.1,end=0.7,mode=prompt,resize=fit,"));
  g_assert_nonnull (strstr (old, ",preprocessor=canny”"));
  g_assert_nonnull (strstr (alien, "as “dw_openpose_full” prepared it"));
  g_assert_nonnull (strstr (broken, "“MODEL:IMAGE”"));
  g_assert_true (vel_recipe_control_is_key ("ControlNet 12"));
  g_assert_false (vel_recipe_control_is_key ("ControlNet "));
  g_assert_false (vel_recipe_control_is_key ("ControlNet 1x"));
}

/* A request out of a picture, whose maker had files that are not here. */
static void
test_left_out (void)
{
  g_autoptr (VelValues) request = vel_request_new ();
  g_autoptr (GPtrArray) problems = g_ptr_array_new_with_free_func (g_free);
  g_autofree char *picture = g_test_build_filename (G_TEST_DIST, "golden", "pictures", "start.png", NULL);
  g_autofree char *here = g_strdup_printf ("canny:%s:weight=0.5", picture), *both = g_strdup_printf ("pose:nowhere.png:end=0.5\n%s", here);

  vel_values_set (request, "control", both, NULL);
  vel_recipe_control_leave_out (request, problems);
  g_assert_cmpstr (vel_values_get (request, "control"), ==, here);
  g_assert_cmpuint (problems->len, ==, 1);
  g_assert_nonnull (strstr (problems->pdata[0], "“pose:IMAGE:end=0.5”"));
  vel_values_set (request, "control", "pose:nowhere.png", NULL);
  vel_recipe_control_leave_out (request, problems);
  g_assert_false (vel_values_is_set (request, "control"));
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/control/range", test_range);
  g_test_add_func ("/control/modes", test_modes);
  g_test_add_func ("/control/texts", test_texts);
  g_test_add_func ("/control/settings", test_settings);
  g_test_add_func ("/control/left-out", test_left_out);
  return g_test_run ();
}
