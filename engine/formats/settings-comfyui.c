/* ComfyUI: the graph that painted the picture, under "prompt", or the page it was drawn on, under "workflow".
 * SPDX-License-Identifier: Apache-2.0
 *
 * nodes.py, comfy_extras/nodes_custom_sampler.py. From the node that saved the picture the links are followed back to a sampler, and
 * from its inputs on to prompts, model and size. Kinds of nodes that nobody here has heard of are passed through by the names of their
 * inputs, and said. A graph may have loops or thousands of nodes: every walk is bounded in depth, and all of them together in steps. */
#include "config.h"

#include "engine/formats/settings-comfyui.h"
#include "engine/formats/settings.h"

#include "engine/formats/json-tree.h"
#include "engine/formats/shown.h"

#include <glib/gi18n-lib.h>
#include <math.h>
#include <string.h>

#define MAX_DEPTH 64
#define MAX_STEPS 200000       /* nodes and inputs looked at, for choosing the picture's node and for reading it */
#define MAX_PROMPT (256 << 10) /* a graph can say the same text again and again */

typedef struct {
  VelSettings *settings;
  const json_t *graph;
  guint steps; /* taken so far */
} Walk;

static const char *
class_of (const json_t *node)
{
  const char *type = json_string_value (json_object_get (node, "class_type"));

  return type ? type : "";
}

static const json_t *
input (const json_t *node, const char *name)
{
  return json_object_get (json_object_get (node, "inputs"), name);
}

static gboolean
is_link (const json_t *value)
{
  return json_is_array (value) && json_array_size (value) == 2 && json_is_integer (json_array_get (value, 1));
}

/* Returns: (nullable): the node behind a link, and which of its outputs */
static const json_t *
follow (Walk *self, const json_t *link, int *output)
{
  g_autofree char *id = is_link (link) ? vel_json_text (json_array_get (link, 0)) : NULL;

  if (output)
    *output = id ? (int) json_integer_value (json_array_get (link, 1)) : 0;
  return id && ++self->steps <= MAX_STEPS ? json_object_get (self->graph, id) : NULL;
}

/* A value that may come from another node: one of the same name there, else its only one. Returns: (nullable) */
static const json_t *
value_of (Walk *self, const json_t *value, const char *name, int depth)
{
  static const char *const usual[] = {
    "value", "seed", "noise_seed", "int", "float", "number", "Number", "string", "text", "Text", "STRING"
  };
  const json_t *node;
  const char *key;
  json_t *other;

  if (!is_link (value))
    return json_is_array (value) || json_is_object (value) ? NULL : value;
  node = depth < MAX_DEPTH ? follow (self, value, NULL) : NULL;
  if (!node)
    return NULL;
  if (input (node, name))
    return value_of (self, input (node, name), name, depth + 1);
  for (gsize i = 0; i < G_N_ELEMENTS (usual); i++)
    if (input (node, usual[i]))
      return value_of (self, input (node, usual[i]), name, depth + 1);
  json_object_foreach (json_object_get (node, "inputs"), key, other)
  {
    if (++self->steps > MAX_STEPS)
      break;
    if (is_link (other) || json_object_size (json_object_get (node, "inputs")) == 1)
      return value_of (self, other, name, depth + 1);
  }
  return NULL;
}

static const json_t *
value (Walk *self, const json_t *node, const char *name)
{
  return value_of (self, input (node, name), name, 0);
}

static double
number (Walk *self, const json_t *node, const char *name, double otherwise)
{
  return vel_json_real (value (self, node, name), otherwise);
}

/* Texts of prompts may be put together by nodes of strings. Returns: (nullable) borrowed */
static const char *
string (Walk *self, const json_t *node, const char *name)
{
  return json_string_value (value (self, node, name));
}

static void
note_node (Walk *self, const json_t *node)
{
  g_autofree char *shown = vel_shown (class_of (node));

  /* Translators: a kind of node of a ComfyUI graph */
  vel_settings_note (self->settings, _ ("What the node “%s” does is not done here"), shown);
}

/* The next node back along any of these inputs, else along the first link there is. Returns: (nullable) a link */
static const json_t *
link_back (Walk *self, const json_t *node, const char *const *names)
{
  const char *key;
  json_t *other;

  for (; *names; names++)
    if (is_link (input (node, *names)))
      return input (node, *names);
  json_object_foreach (json_object_get (node, "inputs"), key, other)
  {
    if (++self->steps > MAX_STEPS)
      break;
    if (is_link (other))
      return other;
  }
  return NULL;
}

static gboolean
is_bypassed (const json_t *node)
{
  return json_is_true (json_object_get (node, "bypassed"));
}

/* Prompts. What is gathered on the way: parts that are combined share the guidance evenly. */
typedef struct {
  GString *text;
  guint parts;
  const json_t *clip; /* (nullable) link to the text encoder of the first part */
} Prompt;

static void
add_part (Prompt *self, const char *text, const char *between)
{
  if (self->text->len + strlen (between) + strlen (text) > MAX_PROMPT)
    return;
  if (self->parts++ > 0)
    g_string_append (self->text, between);
  g_string_append (self->text, text);
}

/* SDXL's two encoders may read different texts. */
static void
add_sdxl (Walk *self, Prompt *prompt, const json_t *node, const char *between)
{
  const char *g = string (self, node, "text_g"), *l = string (self, node, "text_l");

  add_part (prompt, g && *g ? g : l ? l : "", between);
  if (g && l && *g && *l && !g_str_equal (g, l)) {
    g_autofree char *shown = vel_shown (l);

    vel_settings_note (self->settings, _ ("The first text encoder was given another text, which is not done here: %s"), shown);
  }
}

static gboolean
is_any (const char *type, const char *const *types)
{
  return g_strv_contains (types, type);
}

/* link: to a conditioning. negative: which output of a node that has two, or an unknown one's inputs. */
static void
read_prompt (Walk *self, Prompt *prompt, const json_t *link, gboolean negative, const char *between, int depth)
{
  static const char *const silent[] = {
    "Reroute", "ConditioningCombine", "ConditioningConcat", "ConditioningZeroOut", "FluxGuidance", NULL
  };
  static const char *const texts[] = { "text", "text_g", "prompt", "string", "wildcard_text", "positive", NULL };
  static const char *const forward[] = { "conditioning", "conditioning_1", "conditioning_to", "positive", "", NULL };
  static const char *const backward[] = { "conditioning", "conditioning_1", "conditioning_to", "negative", "", NULL };
  int output;
  const json_t *node = depth < MAX_DEPTH ? follow (self, link, &output) : NULL;
  const char *type = class_of (node);

  if (!node)
    return;
  if (!is_bypassed (node)) {
    if (g_str_equal (type, "ConditioningZeroOut"))
      return;
    if (input (node, "clip") && !prompt->clip)
      prompt->clip = input (node, "clip");
    if (g_str_equal (type, "CLIPTextEncodeSDXL")) {
      add_sdxl (self, prompt, node, between);
      return;
    }
    for (const char *const *name = texts; *name; name++)
      if (string (self, node, *name) && (input (node, "clip") || !input (node, "positive"))) {
        add_part (prompt, string (self, node, *name), between);
        return;
      }
    if (g_str_equal (type, "ConditioningCombine") || g_str_equal (type, "ConditioningConcat")) {
      gboolean combine = g_str_equal (type, "ConditioningCombine");

      read_prompt (self, prompt, input (node, combine ? "conditioning_1" : "conditioning_to"), negative, between, depth + 1);
      read_prompt (self, prompt, input (node, combine ? "conditioning_2" : "conditioning_from"), negative, combine ? "\nAND " : "\nBREAK\n",
                   depth + 1);
      return;
    }
    if (!is_any (type, silent))
      note_node (self, node);
  }
  read_prompt (self, prompt, link_back (self, node, negative || (output == 1 && input (node, "negative")) ? backward : forward), negative,
               between, depth + 1);
}

/* Returns: the link to the text encoder, or NULL */
static const json_t *
set_prompt (Walk *self, const char *key, const json_t *link, gboolean negative)
{
  Prompt prompt = { g_string_new (NULL) };
  guint n = 1;

  read_prompt (self, &prompt, link, negative, "\nAND ", 0);
  for (const char *at = prompt.text->str; (at = strstr (at, "\nAND ")); at++)
    n++;
  if (n > 1) { /* combined conditionings share the guidance evenly; sub-prompts would add up */
    g_autofree char *weight = g_strdup_printf (" :%.4g", 1.0 / n), *between = g_strconcat (weight, "\nAND ", NULL);
    GString *weighted = g_string_new (prompt.text->str);

    for (char *c = weight; *c; c++)
      *c = *c == ',' ? '.' : *c;
    g_string_replace (weighted, "\nAND ", between, 0);
    g_string_append (weighted, weight);
    g_string_free (prompt.text, TRUE);
    prompt.text = weighted;
  }
  vel_settings_set (self->settings, key, g_strstrip (prompt.text->str));
  g_string_free (prompt.text, TRUE);
  return prompt.clip;
}

/* Model: back through LoRAs to the file. Those nearest to the file act first. */
static void
read_model (Walk *self, const json_t *link, int depth)
{
  static const char *const names[] = { "model", "basic_pipe", "pipe", NULL };
  static const char *const files[] = { "ckpt_name", "unet_name", "base_ckpt_name", "model_name", NULL };
  const json_t *node = depth < MAX_DEPTH ? follow (self, link, NULL) : NULL;
  const char *lora, *sampling;

  if (!node)
    return;
  if (!is_bypassed (node)) {
    for (const char *const *name = files; *name; name++)
      if (!is_link (input (node, "model")) && string (self, node, *name)) {
        vel_settings_set_file (self->settings, "Model", string (self, node, *name));
        return;
      }
    read_model (self, link_back (self, node, names), depth + 1);
    lora = string (self, node, "lora_name");
    sampling = g_str_equal (class_of (node), "ModelSamplingDiscrete") ? string (self, node, "sampling") : NULL;
    if (lora) {
      double unet = number (self, node, "strength_model", 1);

      if (!g_str_equal (lora, "None"))
        vel_settings_add_lora (self->settings, lora, unet, input (node, "clip") ? number (self, node, "strength_clip", unet) : 0);
    } else if (sampling && (g_str_equal (sampling, "v_prediction") || g_str_equal (sampling, "eps"))) {
      vel_settings_set (self->settings, "Prediction", g_str_equal (sampling, "eps") ? "eps" : "v");
      if (json_is_true (value (self, node, "zsnr")))
        vel_settings_note_missing (self->settings, "zsnr", value (self, node, "zsnr"));
    } else if (!g_str_equal (class_of (node), "Reroute"))
      note_node (self, node);
    return;
  }
  read_model (self, link_back (self, node, names), depth + 1);
}

/* Clip skip: the first node back that stops at a layer. */
static void
read_clip (Walk *self, const json_t *link, int depth)
{
  static const char *const names[] = { "clip", NULL };
  const json_t *node = depth < MAX_DEPTH ? follow (self, link, NULL) : NULL;
  double layer = node && !is_bypassed (node) ? number (self, node, "stop_at_clip_layer", 0) : 0;

  if (layer <= -1 && layer > -100) {
    g_autofree char *skip = g_strdup_printf ("%.0f", -layer);

    vel_settings_set (self->settings, "Clip skip", skip);
  } else if (node && is_link (input (node, "clip")))
    read_clip (self, link_back (self, node, names), depth + 1);
}

static gboolean
is_sampler (const json_t *node)
{
  const char *type = class_of (node);

  return !is_bypassed (node) &&
         ((input (node, "steps") && input (node, "cfg") && (input (node, "sampler_name") || input (node, "scheduler"))) ||
          g_str_equal (type, "SamplerCustom") || g_str_equal (type, "SamplerCustomAdvanced"));
}

/* Back from a picture or latent to the sampler it came from. pass: (nullable) what enlarged it on the way. Returns: (nullable) */
static const json_t *
find_sampler (Walk *self, const json_t *link, const json_t **pass, const json_t **vae, int depth)
{
  static const char *const names[] = { "samples", "latent_image", "latent", "images", "image", "pixels", "samples_from", "input", NULL };
  static const char *const silent[] = { "VAEDecode",      "VAEDecodeTiled",        "Reroute",         "VAEEncode",
                                        "VAEEncodeTiled", "LatentUpscale",         "LatentUpscaleBy", "ImageScale",
                                        "ImageScaleBy",   "ImageUpscaleWithModel", "LatentFromBatch", NULL };
  const json_t *node = depth < MAX_DEPTH ? follow (self, link, NULL) : NULL;

  if (!node || is_sampler (node))
    return node;
  if (!is_bypassed (node)) {
    if (strstr (class_of (node), "Upscale") || g_str_has_prefix (class_of (node), "ImageScale"))
      *pass = node;
    if (vae && !*vae && is_link (input (node, "vae")) && g_str_has_prefix (class_of (node), "VAEDecode"))
      *vae = input (node, "vae");
    if (!is_any (class_of (node), silent) && link_back (self, node, names))
      note_node (self, node);
  }
  return find_sampler (self, link_back (self, node, names), pass, vae, depth + 1);
}

/* Where the first sampler's latent is from: an empty one's size, or a picture. */
static void
read_start (Walk *self, const json_t *link, double denoise, int depth)
{
  static const char *const names[] = { "samples", "pixels", "image", "latent", "latent_image", NULL };
  const json_t *node = depth < MAX_DEPTH ? follow (self, link, NULL) : NULL;
  const char *picture;
  g_autofree char *strength = NULL;

  if (!node)
    return;
  picture = string (self, node, "image");
  if (strstr (class_of (node), "LoadImage") && picture) {
    g_autofree char *shown = vel_shown (picture), *text = NULL;
    json_t *real = json_real (denoise);

    text = vel_json_text (real);
    vel_settings_set (self->settings, "Denoising strength", text);
    vel_settings_note (self->settings, _ ("The picture it started from, “%s”, is not in the file"), shown);
    json_decref (real);
  } else if (strstr (class_of (node), "Empty") || (value (self, node, "width") && !link_back (self, node, names)))
    vel_settings_set_size (self->settings, value (self, node, "width"), value (self, node, "height"));
  else
    read_start (self, link_back (self, node, names), denoise, depth + 1);
}

/* The values of a sampler, whichever nodes they are in. */
typedef struct {
  const json_t *steps, *sampler, *scheduler, *cfg, *seed, *denoise; /* (nullable) */
  const json_t *model, *positive, *negative, *latent;               /* (nullable) links */
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
    if (g_str_equal (class_of (node), kinds[i].type))
      return kinds[i].schedule;
  return NULL;
}

static Sampler
read_sampler (Walk *self, const json_t *node)
{
  const json_t *sigmas = follow (self, input (node, "sigmas"), NULL), *kind = follow (self, input (node, "sampler"), NULL);
  const json_t *noise = follow (self, input (node, "noise"), NULL), *guider = follow (self, input (node, "guider"), NULL);
  const json_t *guide = guider ? guider : node, *timing = sigmas ? sigmas : node;

  return (Sampler){
    .steps = value (self, timing, "steps"),
    .scheduler = value (self, timing, "scheduler"),
    .denoise = value (self, timing, "denoise"),
    .sampler = value (self, kind ? kind : node, "sampler_name"),
    .cfg = value (self, guide, "cfg"),
    .seed = noise                  ? value (self, noise, "noise_seed")
            : input (node, "seed") ? value (self, node, "seed")
                                   : value (self, node, "noise_seed"),
    .model = input (guide, "model"),
    .positive = input (guide, "positive") ? input (guide, "positive") : input (guide, "conditioning"),
    .negative = input (guide, "negative"),
    .latent = input (node, "latent_image"),
  };
}

/* The second of two samplers, as A1111's pass for high resolution. enlarged: (nullable) the node between. */
static void
read_second (Walk *self, const json_t *node, const json_t *enlarged)
{
  VelSettings *settings = self->settings;
  Sampler second = read_sampler (self, node);
  const char *upscaler = NULL, *model = NULL;

  vel_settings_set_json (settings, "Denoising strength", second.denoise);
  vel_settings_set_json (settings, "Hires steps", second.steps);
  vel_settings_set_json (settings, "Hires sampler", second.sampler);
  vel_settings_set_json (settings, "Hires schedule type", second.scheduler);
  vel_settings_set_json (settings, "Hires CFG Scale", second.cfg);
  vel_settings_set_json (settings, "Hires seed", second.seed);
  if (!enlarged)
    return;
  upscaler = string (self, enlarged, "upscale_method");
  model = json_string_value (value_of (self, input (enlarged, "upscale_model"), "model_name", 0));
  vel_settings_set_json (settings, "Hires upscale", value (self, enlarged, "scale_by"));
  vel_settings_set_json (settings, "Hires resize-1", value (self, enlarged, "width"));
  vel_settings_set_json (settings, "Hires resize-2", value (self, enlarged, "height"));
  if (upscaler && g_str_has_prefix (class_of (enlarged), "Latent")) {
    g_autofree char *name = g_strdup_printf ("Latent (%s)", upscaler);

    vel_settings_set (settings, "Hires upscaler", name);
  } else
    vel_settings_set_file (settings, "Hires upscaler", model ? model : upscaler);
}

static void
set_base (Walk *self, const json_t *node)
{
  VelSettings *settings = self->settings;
  Sampler base = read_sampler (self, node);
  const json_t *timing = follow (self, input (node, "sigmas"), NULL);
  const char *schedule = json_string_value (base.scheduler);
  const json_t *clip = set_prompt (self, "Prompt", base.positive, FALSE);

  set_prompt (self, "Negative prompt", base.negative, TRUE);
  vel_settings_set_json (settings, "Steps", base.steps);
  vel_settings_set_sampler (settings, json_string_value (base.sampler));
  vel_settings_set_schedule (settings, schedule ? schedule : timing ? schedule_of (timing) : NULL);
  vel_settings_set_json (settings, "CFG scale", base.cfg);
  vel_settings_set_json (settings, "Seed", base.seed);
  read_start (self, base.latent, vel_json_real (base.denoise, 1), 0);
  read_model (self, base.model, 0);
  read_clip (self, clip, 0);
  if (number (self, node, "start_at_step", 0) > 0 || number (self, node, "end_at_step", 10000) < vel_json_real (base.steps, 0))
    vel_settings_note (settings, _ ("Its sampler takes only some of its steps, which is not done here"));
}

/* saved: the link of the node that saved the picture. Returns FALSE if no sampler lies behind it. */
static gboolean
read_from (Walk *self, const json_t *saved)
{
  const json_t *vae = NULL, *enlarged = NULL, *between = NULL, *node = find_sampler (self, saved, &enlarged, &vae, 0), *second = NULL;
  const json_t *seen[MAX_DEPTH];
  guint passes = 0;

  if (!node)
    return FALSE;
  if (enlarged)
    note_node (self, enlarged);
  for (;;) { /* a latent that another sampler made: that one is the first */
    const json_t *pass = NULL, *before = find_sampler (self, input (node, "latent_image"), &pass, NULL, 0);

    for (guint i = 0; i < passes; i++)
      before = before == seen[i] ? NULL : before;
    if (!before || before == node || passes + 1 >= MAX_DEPTH)
      break;
    seen[passes++] = node;
    second = node;
    between = pass;
    node = before;
  }
  set_base (self, node);
  if (second)
    read_second (self, second, between);
  if (passes > 1)
    vel_settings_note (self->settings, _ ("It has %u sampling passes; the first two are told here"), passes + 1);
  vel_settings_set_file (self->settings, "VAE", vae ? json_string_value (value_of (self, vae, "vae_name", 0)) : NULL);
  return TRUE;
}

/* How likely a node is the one that saved this picture: those that save rather than show, those whose enlargement has its size. */
static int
likelihood (Walk *self, const json_t *node)
{
  const char *type = class_of (node);
  const json_t *link = input (node, "images") ? input (node, "images") : input (node, "image"), *enlarged = NULL, *found;
  int score = strstr (type, "Save") ? 2 : strstr (type, "Preview") ? 1 : 0;
  guint n = self->settings->notes->len;

  if (!score || !is_link (link) || is_bypassed (node))
    return 0;
  found = find_sampler (self, link, &enlarged, NULL, 0);
  for (guint i = 0; found && i < 8; i++) {
    const json_t *latent = follow (self, input (found, "latent_image"), NULL);

    if (latent && self->settings->file->width > 0 && number (self, latent, "width", 0) == self->settings->file->width &&
        number (self, latent, "height", 0) == self->settings->file->height)
      score += i == 0 ? 8 : 0;
    enlarged = NULL;
    found = find_sampler (self, input (found, "latent_image"), &enlarged, NULL, 0);
  }
  g_ptr_array_set_size (self->settings->notes, n);
  return score + (found ? 1 : 0);
}

static gboolean
read_graph (VelSettings *settings, const json_t *graph)
{
  Walk self = { settings, graph, 0 }, choice = self;
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
  if (best && read_from (&self, input (best, "images") ? input (best, "images") : input (best, "image")))
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
