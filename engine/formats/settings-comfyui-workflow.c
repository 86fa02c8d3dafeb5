/* ComfyUI's page as the graph it runs.  SPDX-License-Identifier: Apache-2.0
 *
 * The page knows a node's values only by their order, so the names of the common kinds are listed here, as nodes.py declares them.
 * "+" stands for what the page itself puts behind a seed: "fixed", "randomize" or, long ago, a truth. */
#include "engine/formats/settings-comfyui.h"

#include <glib.h>
#include <string.h>

static const struct {
  const char *type, *names;
} widgets[] = {
  { "KSampler", "seed + steps cfg sampler_name scheduler denoise" },
  { "KSamplerAdvanced", "add_noise noise_seed + steps cfg sampler_name scheduler start_at_step end_at_step return_with_leftover_noise" },
  { "SamplerCustom", "add_noise noise_seed + cfg" },
  { "RandomNoise", "noise_seed +" },
  { "KSamplerSelect", "sampler_name" },
  { "BasicScheduler", "scheduler steps denoise" },
  { "KarrasScheduler", "steps sigma_max sigma_min rho" },
  { "ExponentialScheduler", "steps sigma_max sigma_min" },
  { "PolyexponentialScheduler", "steps sigma_max sigma_min rho" },
  { "SDTurboScheduler", "steps denoise" },
  { "AlignYourStepsScheduler", "model_type steps denoise" },
  { "CFGGuider", "cfg" },
  { "CLIPTextEncode", "text" },
  { "CLIPTextEncodeSDXL", "width height crop_w crop_h target_width target_height text_g text_l" },
  { "CLIPTextEncodeSDXLRefiner", "ascore width height text" },
  { "CLIPSetLastLayer", "stop_at_clip_layer" },
  { "CheckpointLoaderSimple", "ckpt_name" },
  { "CheckpointLoader", "config_name ckpt_name" },
  { "unCLIPCheckpointLoader", "ckpt_name" },
  { "UNETLoader", "unet_name weight_dtype" },
  { "UnetLoaderGGUF", "unet_name" },
  { "CLIPLoader", "clip_name type device" },
  { "CLIPLoaderGGUF", "clip_name type" },
  { "DualCLIPLoader", "clip_name1 clip_name2 type device" },
  { "DualCLIPLoaderGGUF", "clip_name1 clip_name2 type" },
  { "LoraLoader", "lora_name strength_model strength_clip" },
  { "LoraLoaderModelOnly", "lora_name strength_model" },
  { "VAELoader", "vae_name" },
  { "EmptyLatentImage", "width height batch_size" },
  { "EmptySD3LatentImage", "width height batch_size" },
  { "LatentUpscale", "upscale_method width height crop" },
  { "LatentUpscaleBy", "upscale_method scale_by" },
  { "ImageScale", "upscale_method width height crop" },
  { "ImageScaleBy", "upscale_method scale_by" },
  { "UpscaleModelLoader", "model_name" },
  { "ModelSamplingDiscrete", "sampling zsnr" },
  { "ControlNetLoader", "control_net_name" },
  { "ControlNetApply", "strength" },
  { "ControlNetApplyAdvanced", "strength start_percent end_percent" },
  { "ConditioningSetArea", "width height x y strength" },
  { "ConditioningSetTimestepRange", "start end" },
  { "LoadImage", "image" },
  { "PrimitiveNode", "value +" },
};

static const char *
names_of (const char *type)
{
  for (gsize i = 0; i < G_N_ELEMENTS (widgets); i++)
    if (g_str_equal (widgets[i].type, type))
      return widgets[i].names;
  return NULL;
}

/* What the page puts behind a seed. */
static gboolean
is_control (const json_t *value)
{
  static const char *const words[] = { "fixed", "randomize", "increment", "decrement", NULL };

  return json_is_boolean (value) || (json_is_string (value) && g_strv_contains (words, json_string_value (value)));
}

static void
set_values (json_t *inputs, const char *type, json_t *values)
{
  const char *known = names_of (type);
  g_auto (GStrv) names = known ? g_strsplit (known, " ", -1) : NULL;
  gsize at = 0;

  if (json_is_object (values)) {
    json_object_update (inputs, values);
    return;
  }
  for (guint i = 0; names && names[i] && at < json_array_size (values); i++) {
    json_t *value = json_array_get (values, at);

    if (!g_str_equal (names[i], "+"))
      json_object_set (inputs, names[i], value);
    else if (!is_control (value))
      continue;
    at++;
  }
}

/* links: number to [number, from, output, to, input, type]. */
static void
set_links (json_t *inputs, const json_t *listed, GHashTable *links)
{
  gsize i;
  json_t *input;

  json_array_foreach (listed, i, input)
  {
    const char *name = json_string_value (json_object_get (input, "name"));
    const json_t *number = json_object_get (input, "link");
    const json_t *link = json_is_integer (number) ? g_hash_table_lookup (links, GINT_TO_POINTER ((int) json_integer_value (number))) : NULL;

    if (name && link)
      json_object_set_new (inputs, name,
                           json_pack ("[o,O]", json_sprintf ("%" JSON_INTEGER_FORMAT, json_integer_value (json_array_get (link, 1))),
                                      json_array_get (link, 2)));
  }
}

static GHashTable *
index_links (const json_t *listed)
{
  GHashTable *links = g_hash_table_new (NULL, NULL);
  gsize i;
  json_t *link;

  json_array_foreach (listed, i, link)
  {
    if (json_array_size (link) >= 5 && json_is_integer (json_array_get (link, 0)) && json_is_integer (json_array_get (link, 1)))
      g_hash_table_insert (links, GINT_TO_POINTER ((int) json_integer_value (json_array_get (link, 0))), link);
  }
  return links;
}

json_t *
vel_comfyui_from_workflow (const json_t *workflow)
{
  json_t *nodes = json_object_get (workflow, "nodes"), *node, *graph;
  g_autoptr (GHashTable) links = NULL;
  gsize i;

  if (!json_is_array (nodes))
    return NULL;
  links = index_links (json_object_get (workflow, "links"));
  graph = json_object ();
  json_array_foreach (nodes, i, node)
  {
    const char *type = json_string_value (json_object_get (node, "type"));
    json_int_t mode = json_integer_value (json_object_get (node, "mode"));
    json_t *inputs = json_object ();
    char id[24];

    g_snprintf (id, sizeof id, "%" JSON_INTEGER_FORMAT, json_integer_value (json_object_get (node, "id")));
    if (!type || mode == 2) { /* muted */
      json_decref (inputs);
      continue;
    }
    set_values (inputs, type, json_object_get (node, "widgets_values"));
    set_links (inputs, json_object_get (node, "inputs"), links);
    json_object_set_new (graph, id, json_pack ("{s:s,s:o,s:b}", "class_type", type, "inputs", inputs, "bypassed", mode == 4));
  }
  return graph;
}
