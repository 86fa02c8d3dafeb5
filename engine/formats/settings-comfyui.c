/* ComfyUI: the graph that painted the picture, under "prompt", or the page it was drawn on, under "workflow".
 * SPDX-License-Identifier: Apache-2.0
 *
 * nodes.py, comfy_extras/nodes_custom_sampler.py. From the node that saved the picture the links are followed back to a sampler, and
 * from its inputs on to prompts, model and size. Kinds of nodes that nobody here has heard of are passed through by the names of their
 * inputs, and said. A graph may have loops or thousands of nodes: every walk is bounded in depth, and all of them together in steps. */
#include "config.h"

#include "engine/formats/settings-comfyui.h"

#include "engine/formats/recipe-spelling.h"

#include "engine/formats/json-tree.h"
#include "engine/formats/shown.h"

#include <glib/gi18n-lib.h>
#include <math.h>
#include <string.h>

static gboolean
is_sampler (const json_t *node)
{
  const char *type = vel_comfyui_class (node);

  return !vel_comfyui_is_bypassed (node) && ((vel_comfyui_input (node, "steps") && vel_comfyui_input (node, "cfg") &&
                                              (vel_comfyui_input (node, "sampler_name") || vel_comfyui_input (node, "scheduler"))) ||
                                             g_str_equal (type, "SamplerCustom") || g_str_equal (type, "SamplerCustomAdvanced"));
}

/* Back from a picture or latent to the sampler it came from. pass: (nullable) what enlarged it on the way. Returns: (nullable) */
static const json_t *
find_sampler (VelComfyuiWalk *self, const json_t *link, const json_t **pass, const json_t **vae, int depth)
{
  static const char *const names[] = { "samples", "latent_image", "latent", "images", "image", "pixels", "samples_from", "input", NULL };
  static const char *const silent[] = { "VAEDecode",      "VAEDecodeTiled",        "Reroute",         "VAEEncode",
                                        "VAEEncodeTiled", "LatentUpscale",         "LatentUpscaleBy", "ImageScale",
                                        "ImageScaleBy",   "ImageUpscaleWithModel", "LatentFromBatch", NULL };
  const json_t *node = depth < VEL_COMFYUI_MAX_DEPTH ? vel_comfyui_follow (self, link, NULL) : NULL;

  if (!node || is_sampler (node))
    return node;
  if (!vel_comfyui_is_bypassed (node)) {
    if (strstr (vel_comfyui_class (node), "Upscale") || g_str_has_prefix (vel_comfyui_class (node), "ImageScale"))
      *pass = node;
    if (vae && !*vae && vel_comfyui_is_link (vel_comfyui_input (node, "vae")) && g_str_has_prefix (vel_comfyui_class (node), "VAEDecode"))
      *vae = vel_comfyui_input (node, "vae");
    if (!g_strv_contains (silent, vel_comfyui_class (node)) && vel_comfyui_link_back (self, node, names))
      vel_comfyui_note_node (self, node);
  }
  return find_sampler (self, vel_comfyui_link_back (self, node, names), pass, vae, depth + 1);
}

/* Where the first sampler's latent is from: an empty one's size, or a picture. */
static void
read_start (VelComfyuiWalk *self, const json_t *link, double denoise, int depth)
{
  static const char *const names[] = { "samples", "pixels", "image", "latent", "latent_image", NULL };
  const json_t *node = depth < VEL_COMFYUI_MAX_DEPTH ? vel_comfyui_follow (self, link, NULL) : NULL;
  const char *picture;
  g_autofree char *strength = NULL;

  if (!node)
    return;
  picture = vel_comfyui_string (self, node, "image");
  if (strstr (vel_comfyui_class (node), "LoadImage") && picture) {
    g_autofree char *shown = vel_shown (picture), *text = NULL;
    json_t *real = json_real (denoise);

    text = vel_json_text (real);
    vel_settings_set (self->settings, "Denoising strength", text);
    vel_settings_note (self->settings, _ ("The picture it started from, “%s”, is not in the file"), shown);
    json_decref (real);
  } else if (strstr (vel_comfyui_class (node), "Empty") ||
             (vel_comfyui_value (self, node, "width") && !vel_comfyui_link_back (self, node, names)))
    vel_settings_set_size (self->settings, vel_comfyui_value (self, node, "width"), vel_comfyui_value (self, node, "height"));
  else
    read_start (self, vel_comfyui_link_back (self, node, names), denoise, depth + 1);
}

/* The values of a sampler, whichever nodes they are in. */
typedef struct {
  const json_t *steps, *sampler, *scheduler, *cfg, *picture_cfg, *seed, *denoise; /* (nullable) */
  const json_t *model, *positive, *negative, *latent;                             /* (nullable) links */
  gboolean unguided;
} Sampler;

/* The kinds of nodes for schedules that have one name each. */
static const char *
schedule_of (const json_t *node)
{
  static const struct {
    const char *type, *schedule;
  } kinds[] = {
    { "KarrasScheduler", "karras" },
    { "ExponentialScheduler", "exponential" },
    { "PolyexponentialScheduler", "polyexponential" },
    { "AlignYourStepsScheduler", "align_your_steps" },
    { "SDTurboScheduler", "sgm_uniform" },
  };

  for (gsize i = 0; i < G_N_ELEMENTS (kinds); i++)
    if (g_str_equal (vel_comfyui_class (node), kinds[i].type))
      return kinds[i].schedule;
  return NULL;
}

/* The first of these inputs that is there. */
static const json_t *
either (const json_t *node, const char *const *names)
{
  const json_t *found = NULL;

  for (; !found && *names; names++)
    found = vel_comfyui_input (node, *names);
  return found;
}

static Sampler
read_sampler (VelComfyuiWalk *self, const json_t *node)
{
  static const char *const positives[] = { "positive", "conditioning", "cond1", NULL };
  const json_t *sigmas = vel_comfyui_follow (self, vel_comfyui_input (node, "sigmas"), NULL),
               *kind = vel_comfyui_follow (self, vel_comfyui_input (node, "sampler"), NULL),
               *noise = vel_comfyui_follow (self, vel_comfyui_input (node, "noise"), NULL),
               *guider = vel_comfyui_follow (self, vel_comfyui_input (node, "guider"), NULL);
  const json_t *guide = guider ? guider : node, *timing = sigmas ? sigmas : node;
  const char *seed = vel_comfyui_input (node, "seed") ? "seed" : "noise_seed";

  return (Sampler){
    .steps = vel_comfyui_value (self, timing, "steps"),
    .scheduler = vel_comfyui_value (self, timing, "scheduler"),
    .denoise = vel_comfyui_value (self, timing, "denoise"),
    .sampler = vel_comfyui_value (self, kind ? kind : node, "sampler_name"),
    .cfg = vel_comfyui_value (self, guide, vel_comfyui_input (guide, "cfg_conds") ? "cfg_conds" : "cfg"),
    .picture_cfg = vel_comfyui_value (self, guide, "cfg_cond2_negative"),
    .unguided = guider && g_str_equal (vel_comfyui_class (guider), "BasicGuider"),
    .seed = vel_comfyui_value (self, noise ? noise : node, noise ? "noise_seed" : seed),
    .model = vel_comfyui_input (guide, "model"),
    .positive = either (guide, positives),
    .negative = vel_comfyui_input (guide, "negative"),
    .latent = vel_comfyui_input (node, "latent_image"),
  };
}

/* What stands between the two passes of A1111's way to high resolution. */
static void
read_enlargement (VelComfyuiWalk *self, const json_t *node)
{
  VelSettings *settings = self->settings;
  const char *upscaler = vel_comfyui_string (self, node, "upscale_method");
  const char *model = json_string_value (vel_comfyui_value_of (self, vel_comfyui_input (node, "upscale_model"), "model_name", 0));
  double width = vel_comfyui_number (self, node, "width", 0), height = vel_comfyui_number (self, node, "height", 0);

  vel_settings_set_json (settings, "Hires upscale", vel_comfyui_value (self, node, "scale_by"));
  if (width >= 1 && height >= 1 && width < 1e6 && height < 1e6) {
    g_autofree char *size = g_strdup_printf ("%.0fx%.0f", width, height);

    vel_settings_set (settings, "Hires resize", size);
  }
  if (upscaler && g_str_has_prefix (vel_comfyui_class (node), "Latent")) {
    g_autofree char *name = g_strdup_printf ("Latent (%s)", upscaler);

    vel_settings_set (settings, "Hires upscaler", name);
  } else
    vel_settings_set_file (settings, "Hires upscaler", model ? model : upscaler);
}

/* Only what is not as in the first pass, as A1111 has it. */
static void
set_other (VelSettings *settings, const char *key, const json_t *value, const json_t *first)
{
  if (!json_equal (value, first))
    vel_settings_set_json (settings, key, value);
}

/* The second of two samplers: a refiner goes on with the first one's steps, anything else is a pass of its own.
 * before: the first. enlarged: (nullable) the node between. */
static void
read_second (VelComfyuiWalk *self, const json_t *node, const json_t *before, const json_t *enlarged)
{
  VelSettings *settings = self->settings;
  Sampler second = read_sampler (self, node), first = read_sampler (self, before);
  double steps = vel_json_real (second.steps, 0), from = vel_comfyui_number (self, node, "start_at_step", 0);

  if (!enlarged && from > 0 && from < steps) {
    g_autofree char *at = vel_recipe_share_of_steps ((guint) from, (guint) MIN (steps, 1e6));

    vel_settings_set_file (settings, "Refiner", vel_comfyui_find_model (self, second.model, 0));
    vel_settings_set (settings, "Refiner switch at", at);
    vel_settings_set (settings, "Refiner switch by sampling steps", "True");
    return;
  }
  vel_settings_set_json (settings, "Denoising strength", second.denoise);
  if (enlarged)
    read_enlargement (self, enlarged);
  else
    vel_settings_set (settings, "Hires upscale", "1");
  vel_settings_set_json (settings, "Hires steps", second.steps);
  set_other (settings, "Hires sampler", second.sampler, first.sampler);
  set_other (settings, "Hires schedule type", second.scheduler, first.scheduler);
  set_other (settings, "Hires CFG Scale", second.cfg, first.cfg);
  set_other (settings, "Hires seed", second.seed, first.seed);
}

static void
set_base (VelComfyuiWalk *self, const json_t *node)
{
  VelSettings *settings = self->settings;
  Sampler base = read_sampler (self, node);
  const json_t *timing = vel_comfyui_follow (self, vel_comfyui_input (node, "sigmas"), NULL);
  const char *schedule = json_string_value (base.scheduler);
  const json_t *clip = vel_comfyui_read_prompt (self, "Prompt", base.positive, FALSE);

  vel_comfyui_read_prompt (self, "Negative prompt", base.negative, TRUE);
  vel_settings_set_json (settings, "Steps", base.steps);
  vel_settings_set_sampler (settings, json_string_value (base.sampler));
  vel_settings_set_schedule (settings, schedule ? schedule : timing ? schedule_of (timing) : NULL);
  vel_settings_set_json (settings, "CFG scale", base.cfg);
  if (base.unguided)
    vel_settings_set (settings, "CFG scale", "1");
  vel_settings_set_json (settings, "Image CFG scale", base.picture_cfg);
  vel_settings_set_json (settings, "Seed", base.seed);
  read_start (self, base.latent, vel_json_real (base.denoise, 1), 0);
  vel_comfyui_read_model (self, base.model, 0);
  vel_comfyui_read_clip (self, clip, 0);
}

/* The picture's own size is that of its latent, unless something enlarged it. */
static void
set_usual_size (VelComfyuiWalk *self)
{
  const VelMetadata *file = self->settings->file;
  g_autofree char *size = g_strdup_printf ("%ux%u", file->width, file->height);

  if (file->width > 0 && !vel_recipe_fields_get (self->settings->fields, "Size"))
    vel_settings_set (self->settings, "Size", size);
}

/* Steps that nobody takes, before the first of the samplers or after the last. */
static void
note_steps_left_out (VelComfyuiWalk *self, const json_t *first, const json_t *last)
{
  if (vel_comfyui_number (self, first, "start_at_step", 0) > 0 ||
      vel_comfyui_number (self, last, "end_at_step", 10000) < vel_comfyui_number (self, last, "steps", 0))
    vel_settings_note (self->settings, _ ("Its sampler takes only some of its steps, which is not done here"));
}

/* saved: the link of the node that saved the picture. Returns FALSE if no sampler lies behind it. */
static gboolean
read_from (VelComfyuiWalk *self, const json_t *saved)
{
  const json_t *vae = NULL, *enlarged = NULL, *between = NULL, *node = find_sampler (self, saved, &enlarged, &vae, 0), *second = NULL;
  const json_t *seen[VEL_COMFYUI_MAX_DEPTH] = { node }; /* the last sampler first */
  guint passes = 0;

  if (!node)
    return FALSE;
  if (enlarged)
    vel_comfyui_note_node (self, enlarged);
  for (;;) { /* a latent that another sampler made: that one is the first */
    const json_t *pass = NULL, *before = find_sampler (self, vel_comfyui_input (node, "latent_image"), &pass, NULL, 0);

    for (guint i = 0; i < passes; i++)
      before = before == seen[i] ? NULL : before;
    if (!before || before == node || passes + 1 >= VEL_COMFYUI_MAX_DEPTH)
      break;
    seen[passes++] = node;
    second = node;
    between = pass;
    node = before;
  }
  set_base (self, node);
  if (second)
    read_second (self, second, node, between);
  else if (!enlarged)
    set_usual_size (self);
  note_steps_left_out (self, node, seen[0]);
  if (passes > 1)
    vel_settings_note (self->settings, _ ("It has %u sampling passes; the first two are told here"), passes + 1);
  vel_comfyui_read_vae (self, vae, 0);
  return TRUE;
}

/* How likely a node is the one that saved this picture: those that save rather than show, those whose enlargement has its size. */
static int
likelihood (VelComfyuiWalk *self, const json_t *node)
{
  const char *type = vel_comfyui_class (node);
  const json_t *link = vel_comfyui_input (node, "images") ? vel_comfyui_input (node, "images") : vel_comfyui_input (node, "image"),
               *enlarged = NULL, *found;
  int score = strstr (type, "Save") ? 2 : strstr (type, "Preview") ? 1 : 0;
  guint n = self->settings->notes->len;

  if (!score || !vel_comfyui_is_link (link) || vel_comfyui_is_bypassed (node))
    return 0;
  found = find_sampler (self, link, &enlarged, NULL, 0);
  for (guint i = 0; found && i < 8; i++) {
    const json_t *latent = vel_comfyui_follow (self, vel_comfyui_input (found, "latent_image"), NULL);

    if (latent && self->settings->file->width > 0 && vel_comfyui_number (self, latent, "width", 0) == self->settings->file->width &&
        vel_comfyui_number (self, latent, "height", 0) == self->settings->file->height)
      score += i == 0 ? 8 : 0;
    enlarged = NULL;
    found = find_sampler (self, vel_comfyui_input (found, "latent_image"), &enlarged, NULL, 0);
  }
  g_ptr_array_set_size (self->settings->notes, n);
  return score + (found ? 1 : 0);
}

static gboolean
read_graph (VelSettings *settings, const json_t *graph)
{
  VelComfyuiWalk self = { settings, graph, 0 }, choice = self;
  const json_t *best = NULL, *sampler = NULL;
  int most = 0;
  guint tried = 0;
  const char *id;
  json_t *node;

  json_object_foreach ((json_t *) graph, id, node)
  {
    int score = json_is_object (node) && tried < 200 ? likelihood (&choice, node) : 0;

    tried += score > 0;
    if (score >= most && score > 0) {
      most = score;
      best = node;
    }
    if (!sampler && json_is_object (node) && is_sampler (node))
      sampler = node;
  }
  if (best &&
      read_from (&self, vel_comfyui_input (best, "images") ? vel_comfyui_input (best, "images") : vel_comfyui_input (best, "image")))
    return TRUE;
  if (!sampler)
    return FALSE;
  set_base (&self, sampler); /* saved by a node of another name */
  return TRUE;
}

/* Whether any member is a node. */
static gboolean
is_graph (const json_t *root)
{
  const char *id;
  json_t *node;

  json_object_foreach ((json_t *) root, id, node)
  {
    if (json_is_string (json_object_get (node, "class_type")))
      return TRUE;
  }
  return FALSE;
}

/* text: a graph, a workflow, or {"prompt": graph} as it is sent. */
static gboolean
read_text (VelSettings *self, const char *text)
{
  json_t *root = text ? vel_json_tree (text) : NULL, *inner = json_object_get (root, "prompt"), *made = NULL;
  const json_t *graph = is_graph (root) ? root : is_graph (inner) ? inner : NULL;
  gboolean is;

  if (!graph)
    graph = made = vel_comfyui_from_workflow (json_object_get (root, "workflow") ? json_object_get (root, "workflow") : root);
  is = graph && read_graph (self, graph);
  json_decref (made);
  json_decref (root);
  return is;
}

static gboolean
read_texts (VelSettings *self, GHashTable *text)
{
  if (!read_text (self, g_hash_table_lookup (text, "prompt")) && !read_text (self, g_hash_table_lookup (text, "workflow")) &&
      !read_text (self, g_hash_table_lookup (text, VEL_RECIPE_A1111)))
    return FALSE;
  vel_settings_set (self, "RNG", "CPU");
  vel_settings_set (self, "Render as", "comfyui");
  return TRUE;
}

const VelSettingsProgram vel_settings_comfyui = { "ComfyUI", read_texts };
