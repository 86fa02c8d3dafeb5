/* A1111's text read and written as it does, our JSON, and settings taken from pictures.  SPDX-License-Identifier: Apache-2.0 */
#include "engine/formats/recipe.h"

#include "engine/catalog.h"
#include "engine/formats/png.h"
#include "engine/pipeline/request.h"
#include "tests/engine/formats/scratch.h"

#include <jansson.h>
#include <string.h>

static const VelRecipeFacts facts = {
  .seed = 1234567890, .width = 512, .height = 768, .model_name = "dreamshaper_8", .model_hash = "879db523c3",
  .version = "Velatura 0.1.0",
};

static void
set (VelValues *request, const char *name, const char *text)
{
  g_autoptr (GError) error = NULL;

  vel_values_set (request, name, text, &error);
  g_assert_no_error (error);
}

/* Each text of tests/golden/formats/make.py, taken apart there with A1111's own regular expression: same keys, order and values. */
static void
test_parse (void)
{
  g_autofree char *path = golden_path ("recipes.json");
  json_t *root = json_load_file (path, 0, NULL), *recipe;
  gsize index;

  g_assert_cmpuint (json_array_size (root), >=, 25);
  json_array_foreach (root, index, recipe) {
    json_t *expected = json_object_get (recipe, "fields"), *value;
    g_autoptr (VelRecipeFields) fields = vel_recipe_parse_a1111 (json_string_value (json_object_get (recipe, "text")));
    const char *key;
    guint i = 0;

    g_assert_cmpuint (g_strv_length (fields->keys), ==, json_object_size (expected));
    g_assert_cmpuint (g_strv_length (fields->values), ==, json_object_size (expected));
    json_object_foreach (expected, key, value) {
      g_assert_cmpstr (fields->keys[i], ==, key);
      g_assert_cmpstr (fields->values[i], ==, json_string_value (value));
      g_assert_cmpstr (vel_recipe_fields_get (fields, key), ==, json_string_value (value));
      i++;
    }
    g_assert_null (vel_recipe_fields_get (fields, "no such key"));
  }
  json_decref (root);
}

/* Long lines of every shape that is slow for a regular expression. */
static void
test_long (void)
{
  static const char *const pieces[] = { "a", "a:", "a b,", "\"", "ab:\"", "ab: \"\\", "\n", " ", "ab: 1, ", "Negative prompt:" };

  for (gsize i = 0; i < G_N_ELEMENTS (pieces); i++) {
    g_autoptr (GString) text = g_string_new ("p\nSteps: 1, Sampler: Euler, Seed: 2, ");
    gint64 begun;

    while (text->len < 1 << 18)
      g_string_append (text, pieces[i]);
    begun = g_get_monotonic_time ();
    vel_recipe_fields_free (vel_recipe_parse_a1111 (text->str));
    g_assert_cmpint (g_get_monotonic_time () - begun, <, 2 * G_USEC_PER_SEC);
  }
}

static void
expect_a1111 (VelValues *request, const VelRecipeFacts *of, const char *expected)
{
  g_autofree char *text = vel_recipe_to_a1111 (request, of);

  g_assert_cmpstr (text, ==, expected);
}

static void
test_write (void)
{
  g_autoptr (VelValues) request = vel_request_new ();
  VelRecipeFacts plain = facts;

  set (request, "prompt", "a white swan, (dusk:1.2)");
  expect_a1111 (request, &facts, "a white swan, (dusk:1.2)\nSteps: 20, Sampler: Euler a, Schedule type: Automatic, CFG scale: 7, "
                "Seed: 1234567890, Size: 512x768, Model hash: 879db523c3, Model: dreamshaper_8, RNG: CPU, Version: Velatura 0.1.0");
  set (request, "negative", "blurry\ntext");
  set (request, "sampler", "dpmpp_2m");
  set (request, "schedule", "karras");
  set (request, "cfg", "6.5");
  set (request, "clip_skip", "2");
  set (request, "rng", "nv");
  set (request, "emphasis", "no-norm");
  set (request, "vae", "/some/where/vae-ft-mse.safetensors");
  set (request, "eta", "0.5"); /* DPM++ 2M has none */
  plain.model_name = "mine, \"v2\": final";
  plain.model_hash = NULL;
  plain.vae_hash = "c6a580b13a";
  plain.lora_hashes = "ink: 0f1e2d3c4b5a, gold: 112233445566";
  plain.embedding_hashes = "easynegative: c74b4e810b03";
  expect_a1111 (request, &plain, "a white swan, (dusk:1.2)\nNegative prompt: blurry\ntext\nSteps: 20, Sampler: DPM++ 2M, "
                "Schedule type: Karras, CFG scale: 6.5, Seed: 1234567890, Size: 512x768, Model: \"mine, \\\"v2\\\": final\", "
                "VAE hash: c6a580b13a, VAE: vae-ft-mse.safetensors, Clip skip: 2, RNG: NV, "
                "Lora hashes: \"ink: 0f1e2d3c4b5a, gold: 112233445566\", TI hashes: \"easynegative: c74b4e810b03\", Emphasis: No norm, "
                "Version: Velatura 0.1.0");
  vel_values_reset (request);
  set (request, "init", "/a/b.png");
  set (request, "strength", "0.6");
  set (request, "image_cfg", "1.2");
  set (request, "clip_skip", "1");
  set (request, "sampler", "ddim");
  set (request, "eta", "0.5");
  expect_a1111 (request, &facts, "Steps: 20, Sampler: DDIM, Schedule type: Automatic, CFG scale: 7, Image CFG scale: 1.2, Seed: 1234567890, Size: 512x768, "
                "Model hash: 879db523c3, Model: dreamshaper_8, Denoising strength: 0.6, RNG: CPU, Eta DDIM: 0.5, "
                "Version: Velatura 0.1.0");
  vel_values_reset (request);
  set (request, "ensd", "31337");
  expect_a1111 (request, &facts, "Steps: 20, Sampler: Euler a, Schedule type: Automatic, CFG scale: 7, Seed: 1234567890, Size: 512x768, "
                "Model hash: 879db523c3, Model: dreamshaper_8, ENSD: 31337, RNG: CPU, Version: Velatura 0.1.0");
  set (request, "sampler", "dpmpp_sde"); /* its noise is a tree of its own: A1111 does not name the offset */
  set (request, "s_noise", "1.003");
  expect_a1111 (request, &facts, "Steps: 20, Sampler: DPM++ SDE, Schedule type: Karras, CFG scale: 7, Seed: 1234567890, Size: 512x768, "
                "Model hash: 879db523c3, Model: dreamshaper_8, RNG: CPU, Sigma noise: 1.003, Version: Velatura 0.1.0");
  vel_values_reset (request);
  set (request, "ensd", "31337");
  set (request, "emphasis", "ignore"); /* no brackets, so it says nothing */
  set (request, "eta", "1");
  expect_a1111 (request, &facts, "Steps: 20, Sampler: Euler a, Schedule type: Automatic, CFG scale: 7, Seed: 1234567890, Size: 512x768, "
                "Model hash: 879db523c3, Model: dreamshaper_8, ENSD: 31337, RNG: CPU, Version: Velatura 0.1.0");
  set (request, "eta", "0"); /* then no noise is added, and the offset says nothing */
  expect_a1111 (request, &facts, "Steps: 20, Sampler: Euler a, Schedule type: Automatic, CFG scale: 7, Seed: 1234567890, Size: 512x768, "
                "Model hash: 879db523c3, Model: dreamshaper_8, RNG: CPU, Eta: 0, Version: Velatura 0.1.0");
  vel_values_reset (request);
  set (request, "rng", "cuda:128"); /* A1111 leaves its default out */
  expect_a1111 (request, &facts, "Steps: 20, Sampler: Euler a, Schedule type: Automatic, CFG scale: 7, Seed: 1234567890, Size: 512x768, "
                "Model hash: 879db523c3, Model: dreamshaper_8, Version: Velatura 0.1.0");
}

/* The second pass's settings come back; the size is the first one's, and what is the same in both is not said twice. */
static void
test_second_pass (void)
{
  static const char *const names[] = { "hires", "hires_upscaler", "hires_steps", "hires_strength", "hires_sampler", "hires_schedule", "hires_prompt" };
  g_autoptr (VelValues) request = vel_request_new (), back = vel_request_new ();
  VelRecipeFacts large = facts;

  large.painted_width = facts.width;
  large.painted_height = facts.height;
  large.width = 2 * facts.width;
  large.height = 2 * facts.height;
  set (request, "hires", "2");
  set (request, "hires_strength", "0.45");
  set (request, "hires_sampler", "euler_a");
  expect_a1111 (request, &large, "Steps: 20, Sampler: Euler a, Schedule type: Automatic, CFG scale: 7, Seed: 1234567890, Size: 512x768, "
                "Model hash: 879db523c3, Model: dreamshaper_8, Denoising strength: 0.45, RNG: CPU, Hires upscale: 2, Hires upscaler: Latent, "
                "Version: Velatura 0.1.0");
  set (request, "hires_steps", "9");
  set (request, "hires_upscaler", "Latent (nearest-exact)");
  set (request, "hires_sampler", "dpmpp_2m");
  set (request, "hires_schedule", "karras");
  set (request, "hires_prompt", "a castle, again");
  expect_a1111 (request, &large, "Steps: 20, Sampler: Euler a, Schedule type: Automatic, CFG scale: 7, Seed: 1234567890, Size: 512x768, "
                "Model hash: 879db523c3, Model: dreamshaper_8, Denoising strength: 0.45, RNG: CPU, Hires sampler: DPM++ 2M, "
                "Hires prompt: \"a castle, again\", Hires schedule type: Karras, Hires upscale: 2, Hires steps: 9, "
                "Hires upscaler: Latent (nearest-exact), Version: Velatura 0.1.0");
  for (int own = 0; own < 2; own++) {
    g_autofree char *text = own ? vel_recipe_to_json (request, &large) : vel_recipe_to_a1111 (request, &large);
    g_auto (GStrv) problems = NULL;

    g_assert_true (vel_recipe_apply (text, back, &problems, NULL));
    g_assert_cmpstr (problems[0], ==, NULL);
    for (gsize i = 0; i < G_N_ELEMENTS (names); i++)
      g_assert_cmpstr (vel_values_get (back, names[i]), ==, vel_values_get (request, names[i]));
    g_assert_cmpint (vel_values_get_int (back, "width"), ==, 512);
  }
}

/* Over a start picture both passes have a strength. */
static void
test_second_pass_over_picture (void)
{
  g_autoptr (VelValues) request = vel_request_new (), back = vel_request_new ();
  g_autofree char *text = NULL;
  g_auto (GStrv) problems = NULL;

  set (request, "init", "/a/b.png");
  set (request, "strength", "0.6");
  set (request, "hires", "1.5");
  set (request, "hires_strength", "0.35");
  expect_a1111 (request, &facts, "Steps: 20, Sampler: Euler a, Schedule type: Automatic, CFG scale: 7, Seed: 1234567890, Size: 512x768, "
                "Model hash: 879db523c3, Model: dreamshaper_8, Denoising strength: 0.6, RNG: CPU, Hires upscale: 1.5, Hires strength: 0.35, "
                "Hires upscaler: Latent, Version: Velatura 0.1.0");
  text = vel_recipe_to_a1111 (request, &facts);
  g_assert_true (vel_recipe_apply (text, back, &problems, NULL));
  g_assert_cmpstr (problems[0], ==, "The picture it started from is not in the file");
  g_assert_cmpstr (vel_values_get (back, "strength"), ==, "0.6");
  g_assert_cmpstr (vel_values_get (back, "hires_strength"), ==, "0.35");
}

/* A network's file is named by its stem, and as A1111 names it if that is one it fetches; edges that meet as it has them. */
static void
test_upscaler_and_tiling (void)
{
  g_autofree char *folder = g_build_filename (g_get_user_data_dir (), "velatura", "upscalers", NULL);
  g_autofree char *known = g_build_filename (folder, "RealESRGAN_x4plus.pth", NULL), *elsewhere = NULL, *json = NULL;
  g_autoptr (VelValues) request = vel_request_new (), back = vel_request_new ();
  g_auto (GStrv) problems = NULL;

  g_mkdir_with_parents (folder, 0700);
  g_assert_true (g_file_set_contents (known, "", 0, NULL));
  elsewhere = g_build_filename (g_get_user_data_dir (), "4x-UltraSharp.pth", NULL);
  g_assert_true (g_file_set_contents (elsewhere, "", 0, NULL));
  set (request, "hires", "2");
  set (request, "hires_strength", "0.45");
  set (request, "hires_upscaler", known);
  set (request, "tiling", "yes");
  g_assert_cmpstr (vel_values_get (request, "hires_upscaler"), ==, "RealESRGAN_x4plus");
  expect_a1111 (request, &facts, "Steps: 20, Sampler: Euler a, Schedule type: Automatic, CFG scale: 7, Seed: 1234567890, Size: 512x768, "
                "Model hash: 879db523c3, Model: dreamshaper_8, Denoising strength: 0.45, RNG: CPU, Tiling: True, Hires upscale: 2, "
                "Hires upscaler: R-ESRGAN 4x+, Version: Velatura 0.1.0");
  g_assert_true (vel_recipe_apply ("x\nSteps: 20, Seed: 1, Hires upscale: 2, Hires upscaler: R-ESRGAN 4x+", back, NULL, NULL));
  g_assert_cmpstr (vel_values_get (back, "hires_upscaler"), ==, "RealESRGAN_x4plus");
  set (request, "hires_upscaler", elsewhere);
  set (request, "tiling_axes", "x");
  g_assert_cmpstr (vel_values_get (request, "hires_upscaler"), ==, elsewhere);
  expect_a1111 (request, &facts, "Steps: 20, Sampler: Euler a, Schedule type: Automatic, CFG scale: 7, Seed: 1234567890, Size: 512x768, "
                "Model hash: 879db523c3, Model: dreamshaper_8, Denoising strength: 0.45, RNG: CPU, Tile X: True, Tile Y: False, "
                "Hires upscale: 2, Hires upscaler: 4x-UltraSharp, Version: Velatura 0.1.0");
  json = vel_recipe_to_json (request, &facts);
  g_assert_null (strstr (json, g_get_user_data_dir ()));
  g_assert_nonnull (strstr (json, "\"hires_upscaler\":\"4x-UltraSharp\""));
}

/* A mask's settings come back, and the size is what was painted in, not the picture's that it was put into. */
static void
test_mask (void)
{
  g_autoptr (VelValues) request = vel_request_new (), back = vel_request_new ();
  VelRecipeFacts part = facts;

  part.painted_width = 768;
  part.painted_height = 640;
  set (request, "mask", "/a/mask.png"); /* says nothing without a start picture */
  set (request, "mask_invert", "true");
  expect_a1111 (request, &facts, "Steps: 20, Sampler: Euler a, Schedule type: Automatic, CFG scale: 7, Seed: 1234567890, Size: 512x768, "
                "Model hash: 879db523c3, Model: dreamshaper_8, RNG: CPU, Version: Velatura 0.1.0");
  set (request, "init", "/a/b.png");
  set (request, "mask_blur", "6");
  set (request, "fill", "noise");
  set (request, "inpaint_area", "masked");
  set (request, "masked_padding", "48");
  expect_a1111 (request, &part, "Steps: 20, Sampler: Euler a, Schedule type: Automatic, CFG scale: 7, Seed: 1234567890, Size: 768x640, "
                "Model hash: 879db523c3, Model: dreamshaper_8, Denoising strength: 0.75, RNG: CPU, Mask mode: Inpaint not masked, Mask blur: 6, "
                "Inpaint area: Only masked, Masked area padding: 48, Masked content: latent noise, Version: Velatura 0.1.0");
  for (int own = 0; own < 2; own++) {
    static const char *const names[] = { "mask_invert", "mask_blur", "fill", "inpaint_area", "masked_padding" };
    g_autofree char *text = own ? vel_recipe_to_json (request, &part) : vel_recipe_to_a1111 (request, &part);
    g_auto (GStrv) problems = NULL;

    g_assert_true (vel_recipe_apply (text, back, &problems, NULL));
    g_assert_cmpstr (problems[0], ==, own ? NULL : "The picture it started from is not in the file");
    for (gsize i = 0; i < G_N_ELEMENTS (names); i++)
      g_assert_cmpstr (vel_values_get (back, names[i]), ==, vel_values_get (request, names[i]));
    g_assert_cmpint (vel_values_get_int (back, "width"), ==, 768);
    g_assert_cmpint (vel_values_get_int (back, "height"), ==, 640);
  }
}

/* All of soft inpainting's numbers are written, as A1111 does. */
static void
test_soft (void)
{
  static const char *const names[] = { "soft_inpainting", "soft_bias", "soft_preservation", "soft_boost", "soft_influence", "soft_threshold",
                                       "soft_contrast", "mask_weight" };
  g_autoptr (VelValues) request = vel_request_new (), back = vel_request_new ();

  set (request, "init", "/a/b.png");
  set (request, "soft_inpainting", "true"); /* says nothing without a mask */
  set (request, "mask_weight", "0.5");
  expect_a1111 (request, &facts, "Steps: 20, Sampler: Euler a, Schedule type: Automatic, CFG scale: 7, Seed: 1234567890, Size: 512x768, "
                "Model hash: 879db523c3, Model: dreamshaper_8, Denoising strength: 0.75, Conditional mask weight: 0.5, RNG: CPU, "
                "Version: Velatura 0.1.0");
  set (request, "mask", "/a/mask.png");
  set (request, "soft_bias", "1.5");
  set (request, "soft_threshold", "0.75");
  expect_a1111 (request, &facts, "Steps: 20, Sampler: Euler a, Schedule type: Automatic, CFG scale: 7, Seed: 1234567890, Size: 512x768, "
                "Model hash: 879db523c3, Model: dreamshaper_8, Denoising strength: 0.75, Conditional mask weight: 0.5, RNG: CPU, "
                "Soft inpainting enabled: True, Soft inpainting schedule bias: 1.5, Soft inpainting preservation strength: 0.5, "
                "Soft inpainting transition contrast boost: 4, Soft inpainting mask influence: 0, Soft inpainting difference threshold: 0.75, "
                "Soft inpainting difference contrast: 2, Mask blur: 4, Version: Velatura 0.1.0");
  for (int own = 0; own < 2; own++) {
    g_autofree char *text = own ? vel_recipe_to_json (request, &facts) : vel_recipe_to_a1111 (request, &facts);
    g_auto (GStrv) problems = NULL;

    g_assert_true (vel_recipe_apply (text, back, &problems, NULL));
    g_assert_cmpstr (problems[0], ==, own ? NULL : "The picture it started from is not in the file");
    for (gsize i = 0; i < G_N_ELEMENTS (names); i++)
      g_assert_cmpstr (vel_values_get (back, names[i]), ==, vel_values_get (request, names[i]));
  }
}

/* What a picture that grows holds beside itself is written even where it is what A1111 leaves out. */
static void
test_outpaint (void)
{
  g_autoptr (VelValues) request = vel_request_new (), back = vel_request_new ();
  g_autofree char *text = NULL;
  g_auto (GStrv) problems = NULL;

  set (request, "outpaint_left", "64"); /* says nothing without a start picture */
  expect_a1111 (request, &facts, "Steps: 20, Sampler: Euler a, Schedule type: Automatic, CFG scale: 7, Seed: 1234567890, Size: 512x768, "
                "Model hash: 879db523c3, Model: dreamshaper_8, RNG: CPU, Version: Velatura 0.1.0");
  set (request, "init", "/a/b.png");
  set (request, "outpaint_bottom", "8");
  expect_a1111 (request, &facts, "Steps: 20, Sampler: Euler a, Schedule type: Automatic, CFG scale: 7, Seed: 1234567890, Size: 512x768, "
                "Model hash: 879db523c3, Model: dreamshaper_8, Denoising strength: 0.75, RNG: CPU, Outpaint left: 64, Outpaint bottom: 8, "
                "Mask blur: 4, Masked content: fill, Version: Velatura 0.1.0");
  text = vel_recipe_to_a1111 (request, &facts);
  g_assert_true (vel_recipe_apply (text, back, &problems, NULL));
  g_assert_cmpstr (problems[0], ==, "The picture it started from is not in the file");
  g_assert_cmpint (vel_values_get_int (back, "outpaint_left"), ==, 64);
  g_assert_cmpint (vel_values_get_int (back, "outpaint_bottom"), ==, 8);
  g_assert_cmpint (vel_values_get_int (back, "outpaint_right"), ==, 0);
  g_assert_cmpstr (vel_values_get (back, "fill"), ==, "fill");
  set (request, "fill", "original");
  g_free (text);
  text = vel_recipe_to_a1111 (request, &facts);
  g_strfreev (problems);
  g_assert_true (vel_recipe_apply (text, back, &problems, NULL));
  g_assert_true (vel_values_is_set (back, "fill"));
}

/* The first belongs to start pictures, the second to second passes too. */
static void
test_extra_noise (void)
{
  g_autoptr (VelValues) request = vel_request_new (), back = vel_request_new ();
  g_autofree char *text = NULL;
  g_auto (GStrv) problems = NULL;

  set (request, "noise_multiplier", "0.9");
  set (request, "extra_noise", "0.1");
  expect_a1111 (request, &facts, "Steps: 20, Sampler: Euler a, Schedule type: Automatic, CFG scale: 7, Seed: 1234567890, Size: 512x768, "
                "Model hash: 879db523c3, Model: dreamshaper_8, RNG: CPU, Version: Velatura 0.1.0");
  set (request, "hires", "2");
  expect_a1111 (request, &facts, "Steps: 20, Sampler: Euler a, Schedule type: Automatic, CFG scale: 7, Seed: 1234567890, Size: 512x768, "
                "Model hash: 879db523c3, Model: dreamshaper_8, Denoising strength: 0.7, RNG: CPU, Hires upscale: 2, Hires upscaler: Latent, "
                "Extra noise: 0.1, Version: Velatura 0.1.0");
  set (request, "hires", "");
  set (request, "init", "/a/b.png");
  text = vel_recipe_to_a1111 (request, &facts);
  g_assert_nonnull (strstr (text, "Noise multiplier: 0.9, Extra noise: 0.1"));
  g_assert_true (vel_recipe_apply (text, back, &problems, NULL));
  g_assert_cmpstr (vel_values_get (back, "noise_multiplier"), ==, "0.9");
  g_assert_cmpstr (vel_values_get (back, "extra_noise"), ==, "0.1");
}

/* The variation's seed is the picture's own, and is not spoken of where it says nothing. */
static void
test_variation (void)
{
  g_autoptr (VelValues) request = vel_request_new (), back = vel_request_new ();
  VelRecipeFacts varied = facts;

  varied.variation_seed = G_MAXUINT64;
  set (request, "variation_seed", "5");
  set (request, "seed_resize", "512x640");
  expect_a1111 (request, &varied, "Steps: 20, Sampler: Euler a, Schedule type: Automatic, CFG scale: 7, Seed: 1234567890, Size: 512x768, "
                "Model hash: 879db523c3, Model: dreamshaper_8, Seed resize from: 512x640, RNG: CPU, Version: Velatura 0.1.0");
  set (request, "variation_strength", "0.15");
  expect_a1111 (request, &varied, "Steps: 20, Sampler: Euler a, Schedule type: Automatic, CFG scale: 7, Seed: 1234567890, Size: 512x768, "
                "Model hash: 879db523c3, Model: dreamshaper_8, Variation seed: 18446744073709551615, Variation seed strength: 0.15, "
                "Seed resize from: 512x640, RNG: CPU, Version: Velatura 0.1.0");
  for (int own = 0; own < 2; own++) {
    g_autofree char *text = own ? vel_recipe_to_json (request, &varied) : vel_recipe_to_a1111 (request, &varied);
    g_auto (GStrv) problems = NULL;

    g_assert_true (vel_recipe_apply (text, back, &problems, NULL));
    g_assert_cmpstr (problems[0], ==, NULL);
    g_assert_cmpuint (vel_values_get_seed (back, "variation_seed"), ==, G_MAXUINT64);
    g_assert_cmpstr (vel_values_get (back, "variation_strength"), ==, "0.15");
    g_assert_cmpstr (vel_values_get (back, "seed_resize"), ==, "512x640");
  }
}

/* What a request says comes back from its own text, in both dialects. */
static void
test_round_trip (void)
{
  g_autoptr (VelValues) request = vel_request_new ();
  static const char *const names[] = { "prompt", "negative", "steps", "cfg", "sampler", "schedule", "clip_skip", "rng", "emphasis",
    "s_noise", "render_as" };
  VelRecipeFacts largest = facts;

  largest.seed = G_MAXUINT64;
  set (request, "prompt", "a \"b\", c: d\\e\n(水彩:1.3)");
  set (request, "negative", "x");
  set (request, "steps", "33");
  set (request, "cfg", "4.5");
  set (request, "sampler", "heun");
  set (request, "schedule", "sgm_uniform");
  set (request, "clip_skip", "3");
  set (request, "rng", "nv");
  set (request, "emphasis", "ignore");
  set (request, "s_noise", "1.003");
  set (request, "render_as", "comfyui");
  for (int own = 0; own < 2; own++) {
    g_autofree char *text = own ? vel_recipe_to_json (request, &largest) : vel_recipe_to_a1111 (request, &largest);
    g_autoptr (VelValues) back = vel_request_new ();
    g_auto (GStrv) problems = NULL;
    g_autoptr (GError) error = NULL;

    g_assert_true (vel_recipe_apply (text, back, &problems, &error));
    g_assert_no_error (error);
    g_assert_cmpuint (g_strv_length (problems), ==, 0);
    for (gsize i = 0; i < G_N_ELEMENTS (names); i++)
      g_assert_cmpstr (vel_values_get (back, names[i]), ==, vel_values_get (request, names[i]));
    g_assert_cmpuint (vel_values_get_seed (back, "seed"), ==, G_MAXUINT64);
    g_assert_cmpint (vel_values_get_int (back, "width"), ==, 512);
    g_assert_cmpint (vel_values_get_int (back, "height"), ==, 768);
  }
}

/* Neither text tells where its maker keeps files. */
static void
test_private (void)
{
  g_autoptr (VelValues) request = vel_request_new (), back = vel_request_new ();
  g_autofree char *a1111 = NULL, *own = NULL;

  set (request, "model", "/home/ada/models/ink.safetensors");
  set (request, "vae", "/home/ada/vae.safetensors");
  set (request, "init", "/home/ada/sketch.png");
  set (request, "refiner", "/home/ada/xl.safetensors");
  set (request, "embedding", "/home/ada/ink.pt\n/home/ada/words/gold.safetensors\nplain");
  a1111 = vel_recipe_to_a1111 (request, &facts);
  own = vel_recipe_to_json (request, &facts);
  g_assert_null (strstr (a1111, "ada"));
  g_assert_null (strstr (own, "ada"));
  g_assert_true (vel_recipe_apply (own, back, NULL, NULL));
  g_assert_cmpstr (vel_values_get (back, "model"), ==, facts.model_name);
  g_assert_cmpstr (vel_values_get (back, "vae"), ==, "vae.safetensors");
  g_assert_cmpstr (vel_values_get (back, "refiner"), ==, "xl");
  g_assert_cmpstr (vel_values_get (back, "embedding"), ==, "ink.pt\ngold.safetensors\nplain");
}

/* Noise levels: as A1111 names them, where it lets them count. */
static void
test_levels (void)
{
  static const char *const names[][2] = {
    { "discard_penultimate", "true" }, { "sgm_noise", "true" }, { "sigma_min", "0.05" }, { "sigma_max", "12" }, { "rho", "5" },
  };
  g_autoptr (VelValues) request = vel_request_new (), back = vel_request_new ();
  g_autofree char *text = NULL;
  g_auto (GStrv) problems = NULL;

  for (gsize i = 0; i < G_N_ELEMENTS (names); i++)
    set (request, names[i][0], names[i][1]);
  set (request, "sampler", "euler");
  expect_a1111 (request, &facts, "Steps: 20, Sampler: Euler, Schedule type: Automatic, CFG scale: 7, Seed: 1234567890, Size: 512x768, "
                "Model hash: 879db523c3, Model: dreamshaper_8, RNG: CPU, Discard penultimate sigma: True, SGM noise multiplier: True, "
                "Version: Velatura 0.1.0");
  set (request, "schedule", "exponential"); /* which has no rho */
  expect_a1111 (request, &facts, "Steps: 20, Sampler: Euler, Schedule type: Exponential, CFG scale: 7, Seed: 1234567890, Size: 512x768, "
                "Model hash: 879db523c3, Model: dreamshaper_8, RNG: CPU, Discard penultimate sigma: True, Schedule min sigma: 0.05, "
                "Schedule max sigma: 12, SGM noise multiplier: True, Version: Velatura 0.1.0");
  set (request, "schedule", "beta");
  set (request, "beta_alpha", "0.7");
  text = vel_recipe_to_a1111 (request, &facts);
  g_assert_nonnull (strstr (text, "Schedule max sigma: 12, Beta schedule alpha: 0.7, Beta schedule beta: 0.6, SGM noise multiplier: True, "));
  g_clear_pointer (&text, g_free);
  set (request, "schedule", "automatic");
  set (request, "sampler", "ddim");
  expect_a1111 (request, &facts, "Steps: 20, Sampler: DDIM, Schedule type: Automatic, CFG scale: 7, Seed: 1234567890, Size: 512x768, "
                "Model hash: 879db523c3, Model: dreamshaper_8, RNG: CPU, Discard penultimate sigma: True, Version: Velatura 0.1.0");
  set (request, "sampler", "dpm2"); /* discards anyway, and means karras */
  text = vel_recipe_to_a1111 (request, &facts);
  g_assert_nonnull (strstr (text, "RNG: CPU, Schedule min sigma: 0.05, Schedule max sigma: 12, Schedule rho: 5, SGM noise multiplier: True, V"));
  set (request, "sampler", "dpmpp_2m");
  g_free (text);
  text = vel_recipe_to_a1111 (request, &facts);
  g_assert_true (vel_recipe_apply (text, back, &problems, NULL));
  g_assert_cmpstr (problems[0], ==, NULL);
  for (gsize i = 0; i < G_N_ELEMENTS (names); i++)
    g_assert_cmpstr (vel_values_get (back, names[i][0]), ==, names[i][1]);
}

/* A1111's UniPC comes back as such; ours of the same name is another, and its settings are what A1111's would have to be. */
static void
test_unipc (void)
{
  g_autoptr (VelValues) request = vel_request_new ();

  set (request, "sampler", "unipc");
  set (request, "schedule", "karras");
  expect_a1111 (request, &facts, "Steps: 20, Sampler: UniPC, Schedule type: Karras, CFG scale: 7, Seed: 1234567890, Size: 512x768, "
                "Model hash: 879db523c3, Model: dreamshaper_8, RNG: CPU, UniPC variant: bh2, UniPC order: 2, Version: Velatura 0.1.0");
  set (request, "sampler", "unipc_original");
  set (request, "schedule", "automatic");
  expect_a1111 (request, &facts, "Steps: 20, Sampler: UniPC, Schedule type: Automatic, CFG scale: 7, Seed: 1234567890, Size: 512x768, "
                "Model hash: 879db523c3, Model: dreamshaper_8, RNG: CPU, UniPC skip type: time_uniform, Version: Velatura 0.1.0");
  set (request, "schedule", "log_snr");
  set (request, "unipc_variant", "vary_coeff");
  set (request, "unipc_order", "1");
  set (request, "unipc_lower_order_final", "false");
  expect_a1111 (request, &facts, "Steps: 20, Sampler: UniPC, Schedule type: Automatic, CFG scale: 7, Seed: 1234567890, Size: 512x768, "
                "Model hash: 879db523c3, Model: dreamshaper_8, RNG: CPU, UniPC variant: vary_coeff, UniPC skip type: logSNR, UniPC order: 1, "
                "UniPC lower order final: False, Version: Velatura 0.1.0");
}

/* The step at which the refiner takes over is a share of the steps for A1111: it comes back for every number of them. */
static void
test_refiner_step (void)
{
  VelRecipeFacts refined = facts;

  refined.refiner = "xl [7440042bbd]";
  for (int steps = 1; steps <= 150; steps++) {
    for (int step = 1; step <= steps; step++) {
      g_autoptr (VelValues) request = vel_request_new (), back = vel_request_new ();
      g_autofree char *text = NULL;

      set (request, "refiner", "/a/xl.safetensors");
      vel_values_set_int (request, "steps", steps);
      vel_values_set_int (request, "refiner_step", step);
      text = vel_recipe_to_a1111 (request, &refined);
      g_assert_nonnull (strstr (text, "Refiner switch by sampling steps: True, Refiner: xl [7440042bbd], Refiner switch at: "));
      g_assert_true (vel_recipe_apply (text, back, NULL, NULL));
      g_assert_cmpint (vel_values_get_int (back, "refiner_step"), ==, step);
      g_assert_false (vel_values_is_set (back, "refiner_at"));
    }
  }
}

static void
expect_applied (const char *text, const char *name, const char *expected, const char *problem)
{
  g_autoptr (VelValues) request = vel_request_new ();
  g_auto (GStrv) problems = NULL;
  g_autoptr (GError) error = NULL;
  g_autofree char *all = NULL;

  set (request, "negative", "from before");
  g_assert_true (vel_recipe_apply (text, request, &problems, &error));
  g_assert_no_error (error);
  g_assert_cmpstr (vel_values_get (request, name), ==, expected);
  g_assert_cmpstr (vel_values_get (request, "negative"), ==, "");
  all = g_strjoinv ("\n", problems);
  if (problem)
    g_assert_nonnull (strstr (all, problem));
  else
    g_assert_cmpstr (all, ==, "");
}

static void
test_apply (void)
{
#define SETTINGS(rest) "x\nSteps: 20, CFG scale: 7, Seed: 5, Size: 512x512, " rest
  expect_applied (SETTINGS ("Sampler: DPM++ 2M Karras"), "sampler", "dpmpp_2m", NULL);
  expect_applied (SETTINGS ("Sampler: DPM++ 2M Karras"), "schedule", "karras", NULL);
  expect_applied (SETTINGS ("Sampler: DPM++ 2M SGM Uniform"), "schedule", "sgm_uniform", NULL);
  expect_applied (SETTINGS ("Sampler: DPM++ 2M SGM Uniform"), "sampler", "dpmpp_2m", NULL);
  expect_applied (SETTINGS ("Sampler: DPM++ 2M SDE Heun Exponential"), "sampler", "dpmpp_2m_sde_heun", NULL);
  expect_applied (SETTINGS ("Sampler: Euler a"), "sampler", "euler_a", NULL);
  expect_applied (SETTINGS ("Sampler: Euler a"), "schedule", "automatic", NULL);
  expect_applied (SETTINGS ("Sampler: Euler, Schedule type: Exponential"), "schedule", "exponential", NULL);
  expect_applied (SETTINGS ("Sampler: Restart 9"), "sampler", "euler_a", "The sampler “Restart 9” is not available here");
  expect_applied (SETTINGS ("Sampler: Euler"), "rng", "nv", NULL); /* A1111's default is the card's noise */
  expect_applied (SETTINGS ("Sampler: Euler, RNG: CPU"), "rng", "cpu", NULL);
  expect_applied (SETTINGS ("Sampler: Euler, Emphasis: No norm"), "emphasis", "no-norm", NULL);
  expect_applied (SETTINGS ("Sampler: Euler, Clip skip: 2"), "clip_skip", "2", NULL);
  expect_applied (SETTINGS ("Sampler: Euler a, ENSD: 31337"), "ensd", "31337", NULL);
  expect_applied (SETTINGS ("Sampler: Euler, Clip skip: 99"), "clip_skip", "", "99");
  expect_applied (SETTINGS ("Sampler: Euler, Denoising strength: 0.4"), "strength", "0.4", "started from");
  expect_applied (SETTINGS ("Sampler: Euler, Refiner: xl [7440042bbd], Refiner switch at: 0.8"), "refiner", "xl", NULL);
  expect_applied (SETTINGS ("Sampler: Euler, Refiner: xl, Refiner switch at: 0.6"), "refiner_at", "0.6", NULL);
  expect_applied (SETTINGS ("Sampler: Euler, Refiner: xl, Refiner switch at: 0.6, Refiner switch by sampling steps: True"), "refiner_step", "12",
                  NULL);
  expect_applied (SETTINGS ("Sampler: Euler, Refiner: xl, Refiner switch at: 0.61, Refiner switch by sampling steps: True"), "refiner_step",
                  "13", NULL);
  expect_applied (SETTINGS ("Sampler: Euler, Refiner: xl, Refiner switch at: 0.6, Version: v1.7.0"), "refiner_step", "12",
                  NULL); /* before 1.8 it always was so */
  expect_applied (SETTINGS ("Sampler: Euler, Schedule type: Normal, Schedule min sigma: 0.1"), "sigma_min", "0.1", NULL);
  expect_applied (SETTINGS ("Sampler: Euler, Schedule type: Uniform, Schedule min sigma: 0.1"), "sigma_min", "", NULL);
  expect_applied (SETTINGS ("Sampler: Euler, Schedule max sigma: 0, Schedule rho: 0"), "rho", "", NULL);
  expect_applied (SETTINGS ("Sampler: Euler, Schedule type: Karras, Schedule rho: 4.5"), "rho", "4.5", NULL);
  expect_applied (SETTINGS ("Sampler: Euler, Schedule type: Beta, Beta schedule alpha: 0.6, Beta schedule beta: 0.8"), "beta_beta", "0.8", NULL);
  expect_applied (SETTINGS ("Sampler: UniPC, Version: v1.10.1"), "sampler", "unipc_original", NULL);
  expect_applied (SETTINGS ("Sampler: UniPC, UniPC skip type: logSNR, UniPC order: 2, Version: v1.7.1"), "schedule", "log_snr", NULL);
  expect_applied (SETTINGS ("Sampler: UniPC, UniPC lower order final: False"), "unipc_lower_order_final", "false", NULL);
  expect_applied (SETTINGS ("Sampler: UniPC, UniPC variant: vary_coeff, Version: v1.10.1"), "unipc_variant", "vary_coeff", NULL);
  expect_applied (SETTINGS ("Sampler: UniPC, UniPC order: 7, Version: v1.10.1"), "unipc_order", "", "7");
  expect_applied (SETTINGS ("Sampler: UniPC, Schedule type: Karras, Version: Velatura 0.1.0"), "sampler", "unipc", NULL);
  expect_applied (SETTINGS ("Sampler: UniPC, Schedule type: Karras, Version: v1.10.1"), "schedule", "automatic", NULL);
  expect_applied (SETTINGS ("Sampler: UniPC, UniPC skip type: time_quadratic, Version: Velatura 0.1.0"), "sampler", "unipc_original", NULL);
  expect_applied (SETTINGS ("Sampler: Euler, Model: thing"), "model", "thing", NULL);
  expect_applied (SETTINGS ("Sampler: Euler, VAE: v.pt"), "vae", "", "made with the VAE “v.pt”");
  expect_applied (SETTINGS ("Sampler: Euler, Module 1: clip_l"), "text_encoder", "", "made with “clip_l”, a text encoder or a VAE");
  expect_applied (SETTINGS ("Sampler: Euler, UNet: other"), "unet", "", "made with the UNet “other”");
  expect_applied (SETTINGS ("Sampler: Euler, ADetailer model: a"), "steps", "20", "“ADetailer model: a” is not taken over");
  expect_applied (SETTINGS ("Sampler: Euler, ADetailer model: a, ADetailer x: 9"), "steps", "20", "“ADetailer model: a, ADetailer x: 9” are not");
  expect_applied (SETTINGS ("Sampler: Euler, Hires upscale: 2, Denoising strength: 0.4"), "hires", "2", NULL);
  expect_applied (SETTINGS ("Sampler: Euler, Hires upscale: 2, Denoising strength: 0.4"), "hires_strength", "0.4", NULL);
  expect_applied (SETTINGS ("Sampler: Euler, Hires upscaler: Latent (bicubic antialiased), Hires upscale: 2"), "hires_upscaler",
                  "latent-bicubic-antialiased", NULL);
  expect_applied (SETTINGS ("Sampler: Euler, Hires resize: 768x0, Hires sampler: DPM++ 2M"), "hires_sampler", "dpmpp_2m", NULL);
  expect_applied (SETTINGS ("Sampler: Euler, Hires resize: 768x0"), "hires_resize", "768x0", NULL);
  expect_applied (SETTINGS ("Sampler: Euler, Hires upscale: 2, Hires upscaler: 4x-UltraSharp"), "hires_upscaler", "latent", "4x-UltraSharp");
  expect_applied (SETTINGS ("Sampler: Euler, Hires upscale: 2, Hires upscaler: R-ESRGAN 2x+"), "hires_upscaler", "latent", "RealESRGAN_x2plus");
  expect_applied (SETTINGS ("Sampler: Euler, Tiling: True"), "tiling", "true", NULL);
  expect_applied (SETTINGS ("Sampler: Euler, Tiling: True"), "tiling_axes", "both", NULL);
  expect_applied (SETTINGS ("Sampler: Euler, Tile X: False, Tile Y: True"), "tiling", "true", NULL);
  expect_applied (SETTINGS ("Sampler: Euler, Tile X: False, Tile Y: True"), "tiling_axes", "y", NULL);
  expect_applied (SETTINGS ("Sampler: Euler, Tile X: False, Tile Y: False"), "tiling", "false", NULL);
  expect_applied (SETTINGS ("Sampler: Euler, VAE: Automatic, Tiling: False, User: me"), "vae", "", NULL);
  expect_applied (SETTINGS ("Sampler: Euler\nTemplate: {red|blue} x\nof two lines"), "seed", "5", NULL);
  expect_applied ("{a|b} fox\nSteps: 20, Sampler: Euler, Seed: 3", "prompt", "{a|b} fox", NULL);
  expect_applied ("only a prompt", "prompt", "only a prompt", NULL);
  expect_applied ("{\"velatura\": 1, \"request\": {\"prompt\": \"p\", \"cfg\": 99, \"output\": \"/etc/passwd\"}}", "prompt", "p", "99");
  expect_applied ("{\"velatura\": 1, \"request\": {\"output\": \"/etc/passwd\"}}", "output", "", NULL);
  expect_applied ("{\"velatura\": 1, \"request\": {}, \"seed\": \"-4\", \"width\": 99999}", "width", "", "99999");
#undef SETTINGS
}

static void
refuse (const char *path, const char *expected)
{
  g_autoptr (VelValues) request = vel_request_new ();
  g_auto (GStrv) problems = NULL;
  g_autoptr (GError) error = NULL;

  g_assert_false (vel_recipe_restore (path, request, NULL, NULL, &problems, &error));
  g_assert_error (error, VEL_ERROR, VEL_ERROR_FORMAT);
  if (!strstr (error->message, expected))
    g_error ("“%s” was expected in: %s", expected, error->message);
}

static char *
write_picture (const char *name, const char *const *text)
{
  g_autoptr (GBytes) png = vel_png_encode ((const guint8 *) "abc", 1, 1, text);

  return scratch_file (name, g_bytes_get_data (png, NULL), g_bytes_get_size (png));
}

/* Parts on disk, as a list of files would be. Returns: (transfer full) */
static GPtrArray *
list_parts (void)
{
  static const struct {
    const char *name;
    VelPartKind kind;
  } files[] = { { "clip_l", VEL_PART_TEXT_ENCODER }, { "Clip_G", VEL_PART_TEXT_ENCODER }, { "soft", VEL_PART_VAE }, { "soft", VEL_PART_UNET } };
  GPtrArray *parts = g_ptr_array_new_with_free_func ((GDestroyNotify) vel_catalog_entry_free);

  for (gsize i = 0; i < G_N_ELEMENTS (files); i++) {
    VelCatalogEntry *entry = g_new0 (VelCatalogEntry, 1);

    *entry = (VelCatalogEntry) { g_strdup (files[i].name), g_strdup_printf ("/%s/%s", vel_part_kind_get_id (files[i].kind), files[i].name), NULL,
                                 vel_part_kind_get_id (files[i].kind) };
    g_ptr_array_add (parts, entry);
  }
  return parts;
}

/* Parts are found by their names, and what a module is by what its file is; what is not there is left to the model. */
static void
test_parts (void)
{
  g_autofree char *forge = write_picture ("forge.png", (const char *[]) {
    "parameters", "x\nSteps: 20, Seed: 5, Sampler: Euler, Model: x, Module 1: soft, Module 2: clip_l, Module 3: clip_g, Module 4: t5xxl", NULL });
  g_autofree char *ours = write_picture ("ours.png", (const char *[]) {
    "velatura", "{\"velatura\": 1, \"request\": {\"unet\": \"soft.gguf\", \"text_encoder\": \"clip_l.bin\\nclip_h.pt\", \"vae\": \"none.pt\"}}", NULL });
  g_autoptr (VelValues) request = vel_request_new ();
  g_autoptr (GPtrArray) parts = list_parts ();
  g_autoptr (GError) error = NULL;
  g_auto (GStrv) problems = NULL;

  g_assert_true (vel_recipe_restore (forge, request, NULL, parts, &problems, &error));
  g_assert_cmpstr (vel_values_get (request, "vae"), ==, "/vae/soft");
  g_assert_cmpstr (vel_values_get (request, "text_encoder"), ==, "/text-encoder/clip_l\n/text-encoder/Clip_G");
  g_assert_cmpstr (vel_values_get (request, "unet"), ==, "");
  g_assert_cmpuint (g_strv_length (problems), ==, 1);
  g_assert_nonnull (strstr (problems[0], "“t5xxl”"));
  g_clear_pointer (&problems, g_strfreev);
  g_assert_true (vel_recipe_restore (ours, request, NULL, parts, &problems, &error));
  g_assert_cmpstr (vel_values_get (request, "unet"), ==, "/unet/soft");
  g_assert_cmpstr (vel_values_get (request, "text_encoder"), ==, "/text-encoder/clip_l\nclip_h.pt");
  g_assert_cmpuint (g_strv_length (problems), ==, 2);
  g_assert_nonnull (strstr (problems[0], "There is no text encoder named “clip_h.pt”"));
  g_assert_nonnull (strstr (problems[1], "There is no VAE named “none.pt”"));
}

/* A UNet in a model's place is a word of our own; text encoders stand as Forge writes them; folders are nobody's business. */
static void
test_write_parts (void)
{
  g_autoptr (VelValues) request = vel_request_new ();
  g_autofree char *json = NULL;

  set (request, "unet", "/a/painter.safetensors");
  set (request, "text_encoder", "/b/clip_l.safetensors\n/c/clip_g.gguf");
  expect_a1111 (request, &facts, "Steps: 20, Sampler: Euler a, Schedule type: Automatic, CFG scale: 7, Seed: 1234567890, Size: 512x768, "
                "Model hash: 879db523c3, Model: dreamshaper_8, Module 1: clip_l, Module 2: clip_g, RNG: CPU, Version: Velatura 0.1.0");
  set (request, "model", "dreamshaper_8");
  expect_a1111 (request, &facts, "Steps: 20, Sampler: Euler a, Schedule type: Automatic, CFG scale: 7, Seed: 1234567890, Size: 512x768, "
                "Model hash: 879db523c3, Model: dreamshaper_8, UNet: painter, Module 1: clip_l, Module 2: clip_g, RNG: CPU, "
                "Version: Velatura 0.1.0");
  json = vel_recipe_to_json (request, &facts);
  g_assert_nonnull (strstr (json, "\"unet\":\"painter.safetensors\",\"text_encoder\":\"clip_l.safetensors\\nclip_g.gguf\""));
}

static void
test_restore (void)
{
  static const char own[] = "{\"velatura\": 1, \"request\": {\"prompt\": \"ours\"}, \"seed\": \"18446744073709551615\", \"width\": 64}";
  g_autofree char *both = write_picture ("both.png", (const char *[]) { "parameters", "theirs", "velatura", own, NULL });
  g_autofree char *theirs = write_picture ("theirs.png", (const char *[]) { "parameters", "theirs", NULL });
  g_autofree char *broken = write_picture ("broken.png", (const char *[]) { "velatura", "{", "parameters", "theirs", NULL });
  g_autofree char *plain = write_picture ("plain.png", NULL), *other = NULL, *text = scratch_file ("text.png", "hello", 5);
  g_autoptr (VelValues) request = vel_request_new ();
  g_autoptr (GError) error = NULL;

  other = write_picture ("other.png", (const char *[]) { "parameters", "{\"somebody\": {\"else\": 1}}", NULL });
  g_assert_true (vel_recipe_restore (both, request, NULL, NULL, NULL, &error));
  g_assert_cmpstr (vel_values_get (request, "prompt"), ==, "ours");
  g_assert_cmpuint (vel_values_get_seed (request, "seed"), ==, G_MAXUINT64);
  g_assert_cmpint (vel_values_get_int (request, "width"), ==, 64);
  g_assert_true (vel_recipe_restore (theirs, request, NULL, NULL, NULL, &error));
  g_assert_cmpstr (vel_values_get (request, "prompt"), ==, "theirs");
  g_assert_true (vel_recipe_restore (broken, request, NULL, NULL, NULL, &error));
  g_assert_no_error (error);
  g_assert_cmpstr (vel_values_get (request, "prompt"), ==, "theirs");
  refuse (plain, "it has no settings in it");
  refuse (other, "are not understood");
  refuse (text, "is no picture");
  refuse ("/nowhere/x.png", "can not be opened");
}

/* Pictures from before A1111 1.6 whose prompts change had other times; later ones say so themselves. */
static void
test_old_timelines (void)
{
  static const struct {
    const char *prompt, *rest;
    gboolean old;
  } cases[] = {
    { "a [b:c:0.5]", "Version: v1.5.1", TRUE },
    { "a [b:c:0.5]", "Version: v1.6.0", FALSE },
    { "a [b:c:0.5]", "Version: v1.10.1", FALSE },
    { "a [b:c:0.5]", "Version: f0.0.17v1.5.0", FALSE },
    { "a [b:c:0.5]", "Model: x", FALSE },
    { "a (b:1.2)", "Version: v1.5.1", FALSE },
    { "a", "Old prompt editing timelines: True, Version: v1.9.0", TRUE },
  };

  for (gsize i = 0; i < G_N_ELEMENTS (cases); i++) {
    g_autofree char *text = g_strdup_printf ("%s\nSteps: 20, Sampler: Euler, Seed: 1, %s", cases[i].prompt, cases[i].rest), *written = NULL;
    g_autoptr (VelValues) request = vel_request_new (), back = vel_request_new ();
    const VelRecipeFacts small = { .seed = 1, .width = 64, .height = 64, .version = "Velatura 0.1.0" };

    g_assert_true (vel_recipe_apply (text, request, NULL, NULL));
    g_assert_cmpint (vel_values_get_bool (request, "old_timelines"), ==, cases[i].old);
    written = vel_recipe_to_a1111 (request, &small);
    g_assert_true (vel_recipe_apply (written, back, NULL, NULL));
    g_assert_cmpint (vel_values_get_bool (back, "old_timelines"), ==, cases[i].old);
  }
}

int
main (int argc, char **argv)
{
  scratch_init (&argc, &argv);
  g_test_add_func ("/formats/recipe/parse", test_parse);
  g_test_add_func ("/formats/recipe/long", test_long);
  g_test_add_func ("/formats/recipe/write", test_write);
  g_test_add_func ("/formats/recipe/second-pass", test_second_pass);
  g_test_add_func ("/formats/recipe/upscaler-and-tiling", test_upscaler_and_tiling);
  g_test_add_func ("/formats/recipe/mask", test_mask);
  g_test_add_func ("/formats/recipe/second-pass-over-picture", test_second_pass_over_picture);
  g_test_add_func ("/formats/recipe/extra-noise", test_extra_noise);
  g_test_add_func ("/formats/recipe/soft", test_soft);
  g_test_add_func ("/formats/recipe/outpaint", test_outpaint);
  g_test_add_func ("/formats/recipe/variation", test_variation);
  g_test_add_func ("/formats/recipe/round-trip", test_round_trip);
  g_test_add_func ("/formats/recipe/private", test_private);
  g_test_add_func ("/formats/recipe/levels", test_levels);
  g_test_add_func ("/formats/recipe/unipc", test_unipc);
  g_test_add_func ("/formats/recipe/refiner-step", test_refiner_step);
  g_test_add_func ("/formats/recipe/apply", test_apply);
  g_test_add_func ("/formats/recipe/parts", test_parts);
  g_test_add_func ("/formats/recipe/write-parts", test_write_parts);
  g_test_add_func ("/formats/recipe/restore", test_restore);
  g_test_add_func ("/formats/recipe/old-timelines", test_old_timelines);
  return g_test_run ();
}
