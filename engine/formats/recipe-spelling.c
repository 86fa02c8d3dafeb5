/* Values that A1111 spells otherwise than we do.  SPDX-License-Identifier: Apache-2.0 */
#include "engine/formats/recipe-spelling.h"

#include <glib.h>
#include <jansson.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

static const struct {
  const char *name, *ours, *theirs;
} spellings[] = {
  { "rng", "cpu", "CPU" },
  { "rng", "nv", "NV" },
  { "rng", "nv", "GPU" },
  { "rng", "nv", "cuda" }, /* stable-diffusion.cpp */
  { "emphasis", "original", "Original" },
  { "emphasis", "no-norm", "No norm" },
  { "emphasis", "ignore", "Ignore" },
  { "emphasis", "none", "None" },
  { "sampler", "unipc_original", "UniPC" },
  { "unipc_skip_type", "time_uniform", "time_uniform" },
  { "unipc_skip_type", "time_quadratic", "time_quadratic" },
  { "unipc_skip_type", "log_snr", "logSNR" },
  { "fill", "original", "original" },
  { "fill", "fill", "fill" },
  { "fill", "noise", "latent noise" },
  { "fill", "nothing", "latent nothing" },
  { "inpaint_area", "whole", "Whole picture" },
  { "inpaint_area", "masked", "Only masked" },
  { "mask_invert", "false", "Inpaint masked" },
  { "mask_invert", "true", "Inpaint not masked" },
  { "hires_upscaler", "latent", "Latent" },
  { "hires_upscaler", "latent-antialiased", "Latent (antialiased)" },
  { "hires_upscaler", "latent-bicubic", "Latent (bicubic)" },
  { "hires_upscaler", "latent-bicubic-antialiased", "Latent (bicubic antialiased)" },
  { "hires_upscaler", "latent-nearest", "Latent (nearest)" },
  { "hires_upscaler", "latent-nearest-exact", "Latent (nearest-exact)" },
  { "hires_upscaler", "lanczos", "Lanczos" },
  { "hires_upscaler", "nearest", "Nearest" },
  { "hires_upscaler", "ESRGAN", "ESRGAN_4x" }, /* files that A1111 fetches, by their stems */
  { "hires_upscaler", "RealESRGAN_x4plus", "R-ESRGAN 4x+" },
  { "hires_upscaler", "RealESRGAN_x4plus_anime_6B", "R-ESRGAN 4x+ Anime6B" },
  { "hires_upscaler", "RealESRGAN_x2plus", "R-ESRGAN 2x+" },
  { "hires_upscaler", "realesr-general-x4v3", "R-ESRGAN General 4xV3" },
  { "hires_upscaler", "realesr-general-wdn-x4v3", "R-ESRGAN General WDN 4xV3" },
  { "hires_upscaler", "realesr-animevideov3", "R-ESRGAN AnimeVideo" },
};

const char *
vel_recipe_their_spelling (const char *name, const char *ours)
{
  for (gsize i = 0; i < G_N_ELEMENTS (spellings); i++)
    if (g_str_equal (spellings[i].name, name) && g_str_equal (spellings[i].ours, ours))
      return spellings[i].theirs;
  return ours;
}

gboolean
vel_recipe_has_spelling (const char *name, const char *ours)
{
  for (gsize i = 0; i < G_N_ELEMENTS (spellings); i++)
    if (g_str_equal (spellings[i].name, name) && g_str_equal (spellings[i].ours, ours))
      return TRUE;
  return FALSE;
}

const char *
vel_recipe_our_spelling (const char *name, const char *theirs)
{
  for (gsize i = 0; i < G_N_ELEMENTS (spellings); i++)
    if (g_str_equal (spellings[i].name, name) && g_ascii_strcasecmp (spellings[i].theirs, theirs) == 0)
      return spellings[i].ours;
  return theirs;
}

guint
vel_recipe_count_refined_steps (VelValues *request)
{
  guint steps = (guint) vel_values_get_int (request, "steps");

  if (vel_values_is_set (request, "init"))
    return vel_values_get_bool (request, "exact_steps") ? steps : (guint) (MIN (vel_values_get_real (request, "strength"), 0.999) * steps) + 1;
  if ((vel_values_is_set (request, "hires") || vel_values_is_set (request, "hires_resize")) && vel_values_is_set (request, "hires_steps"))
    return (guint) vel_values_get_int (request, "hires_steps");
  return steps;
}

char *
vel_recipe_share_of_steps (guint step, guint steps)
{
  char text[G_ASCII_DTOSTR_BUF_SIZE];

  /* rounded up, two of three steps would be reached after the third */
  return g_strdup (g_ascii_formatd (text, sizeof text, "%.15g", floor (1e4 * MIN (step, steps) / steps) / 1e4));
}

char *
vel_recipe_quote (const char *text)
{
  g_autofree char *valid = g_utf8_make_valid (text, -1);
  json_t *string;
  char *dumped, *quoted;

  if (!strpbrk (valid, ",\n:"))
    return g_steal_pointer (&valid);
  string = json_string (valid);
  dumped = string ? json_dumps (string, JSON_ENCODE_ANY) : NULL;
  quoted = g_strdup (dumped ? dumped : "");
  free (dumped);
  json_decref (string);
  return quoted;
}
