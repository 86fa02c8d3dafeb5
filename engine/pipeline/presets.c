/* Settings for models that were distilled to few steps.  SPDX-License-Identifier: Apache-2.0 */
#include "engine/pipeline/presets.h"

#define N_(text) text /* for the translators' tools; shown through gettext */

/* Words stand alone or are set off by capitals: "hyper-sd" and "DreamHyperXL" match, "hyperrealism" does not. */
#define TURBO "(?i:turbo)"
#define LIGHTNING "(?i:lightning)"
#define LCM "(?<![A-Za-z])(?i:lcm)(?![a-z])|LCM"
#define TCD "(?<![A-Za-z])(?i:tcd)(?![a-z])|TCD"
#define HYPER "(?<![A-Za-z])(?i:hyper)(?![A-Za-z])|Hyper(?![a-z])|(?i:hyper-?sd)"

/* clang-format off */
#define STEPS_OVER(schedule_, n, sampler_, cfg_) { { "steps", n }, { "cfg", cfg_ }, { "sampler", sampler_ }, { "schedule", schedule_ } }
#define STEPS(n, sampler_, cfg_) STEPS_OVER ("sgm_uniform", n, sampler_, cfg_)
/* clang-format on */

/* What the authors recommend, in our names. Diffusers' guidance 0 and 1 both mean none, which is our 1; its "trailing" timesteps
 * (999, 749, 499, 249 of four) are sgm_uniform's to within one. Where several step counts share a word the first is the usual one. */
static const VelPreset table[] = {
  /* stabilityai/sdxl-turbo: 1 to 4 steps, no guidance; the scheduler that comes with it is Euler ancestral, trailing. */
  { "turbo", N_ ("Turbo, 4 steps"),
    N_ ("For models made with adversarial diffusion distillation; SDXL Turbo itself paints best at 512 × 512."),
    STEPS ("4", "euler_a", "1"), TURBO },
  { "turbo-1", N_ ("Turbo, 1 step"), N_ ("The quickest look at a Turbo model."), STEPS ("1", "euler_a", "1"), TURBO },
  /* ByteDance/SDXL-Lightning: Euler, trailing, no guidance, as many steps as the file says. Its file for one step
   * predicts something else and is called experimental. */
  { "lightning", N_ ("Lightning, 4 steps"), N_ ("For SDXL Lightning models made for four steps."), STEPS ("4", "euler", "1"), LIGHTNING },
  { "lightning-2", N_ ("Lightning, 2 steps"), N_ ("For SDXL Lightning models made for two steps."), STEPS ("2", "euler", "1"), LIGHTNING },
  { "lightning-8", N_ ("Lightning, 8 steps"), N_ ("For SDXL Lightning models made for eight steps."), STEPS ("8", "euler", "1"),
    LIGHTNING },
  /* latent-consistency/lcm-lora-sdv1-5, -sdxl: LCM, 2 to 8 steps, guidance off or between 1 and 2. */
  { "lcm", N_ ("LCM, 8 steps"), N_ ("For latent consistency models, which take two to eight steps and little guidance."),
    STEPS ("8", "lcm", "1.5"), LCM },
  /* h1t/TCD-SDXL-LoRA, TCD-SD15-LoRA: TCD with the eta of 0.3 that our sampler has by itself, 4 steps over its own timesteps, without
   * guidance. */
  { "tcd", N_ ("TCD, 4 steps"), N_ ("For models of trajectory consistency, which take any number of steps; more bring more detail."),
    STEPS_OVER ("lcm", "4", "tcd", "1"), TCD },
  /* ByteDance/Hyper-SD: DDIM with eta 0, trailing, no guidance for the files of 2, 4 and 8 steps. DDIM's step without noise is Euler's, and
   * our DDIM brings leading timesteps of its own. The file of one step goes with TCD, from the last timestep; with a single one
   * its eta of 1 has no noise to add. */
  { "hyper", N_ ("Hyper, 8 steps"), N_ ("For Hyper-SD models made for eight steps."), STEPS ("8", "euler", "1"), HYPER },
  { "hyper-2", N_ ("Hyper, 2 steps"), N_ ("For Hyper-SD models made for two steps."), STEPS ("2", "euler", "1"), HYPER },
  { "hyper-4", N_ ("Hyper, 4 steps"), N_ ("For Hyper-SD models made for four steps."), STEPS ("4", "euler", "1"), HYPER },
  { "hyper-1", N_ ("Hyper, 1 step"), N_ ("For Hyper-SD models made for one step."), STEPS_OVER ("lcm", "1", "tcd", "1"), HYPER },
  { NULL },
};

const VelPreset *
vel_preset_get_table (void)
{
  return table;
}

const VelPreset *
vel_preset_find (const char *id)
{
  for (const VelPreset *preset = table; preset->id; preset++)
    if (g_str_equal (preset->id, id))
      return preset;
  return NULL;
}

int
vel_preset_get_steps (const VelPreset *preset)
{
  for (const VelPresetValue *value = preset->values; value->name; value++)
    if (g_str_equal (value->name, "steps"))
      return (int) g_ascii_strtoll (value->value, NULL, 10);
  return 0;
}

/* "…_8step.safetensors", "8-Steps": 8; 0 where nothing is said. Four digits are enough for a number nobody has a preset for. */
static int
steps_of (const char *name)
{
  g_autoptr (GRegex) regex = g_regex_new ("(?<!\\d)(\\d{1,4})[ _-]?steps?(?![a-z])", G_REGEX_CASELESS | G_REGEX_RAW, 0, NULL);
  g_autoptr (GMatchInfo) match = NULL;
  g_autofree char *digits = g_regex_match (regex, name, 0, &match) ? g_match_info_fetch (match, 1) : NULL;

  return digits ? (int) g_ascii_strtoll (digits, NULL, 10) : 0;
}

/* Names come from files: they need not be UTF-8. */
static gboolean
matches (const char *pattern, const char *name)
{
  return g_regex_match_simple (pattern, name, G_REGEX_RAW, 0);
}

const VelPreset *
vel_preset_guess (const char *name)
{
  int steps = name ? steps_of (name) : 0;

  for (const VelPreset *preset = table; name && preset->id; preset++)
    if (matches (preset->pattern, name) && (steps == 0 || vel_preset_get_steps (preset) == steps) &&
        !(g_str_equal (preset->pattern, HYPER) && matches ("(?i)cfg", name)))
      return preset;
  return NULL;
}

static gboolean
set_all (const VelPreset *preset, VelValues *request, GHashTable *except, GError **error)
{
  for (const VelPresetValue *value = preset->values; value->name; value++)
    if (!(except && g_hash_table_contains (except, value->name)) && !vel_values_set (request, value->name, value->value, error))
      return FALSE;
  return TRUE;
}

gboolean
vel_preset_apply (const VelPreset *preset, VelValues *request, GHashTable *except, GError **error)
{
  g_autoptr (VelValues) trial = vel_values_new (vel_values_get_table (request));

  return set_all (preset, trial, except, error) && set_all (preset, request, except, error);
}
