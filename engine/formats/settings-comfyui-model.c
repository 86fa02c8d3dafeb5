/* The model of a ComfyUI graph, its LoRAs, its VAE and where its text encoder stops.  SPDX-License-Identifier: Apache-2.0 */
#include "engine/formats/settings-comfyui.h"

static const char *const model_names[] = { "model", "basic_pipe", "pipe", NULL };

/* The file a node loads a model from, or NULL. */
static const char *
model_file (VelComfyuiWalk *self, const json_t *node)
{
  static const char *const files[] = { "ckpt_name", "unet_name", "base_ckpt_name", "model_name", NULL };

  if (!vel_comfyui_is_link (vel_comfyui_input (node, "model")) && !vel_comfyui_is_bypassed (node))
    for (const char *const *name = files; *name; name++)
      if (vel_comfyui_string (self, node, *name))
        return vel_comfyui_string (self, node, *name);
  return NULL;
}

const char *
vel_comfyui_find_model (VelComfyuiWalk *self, const json_t *link, int depth)
{
  const json_t *node = depth < VEL_COMFYUI_MAX_DEPTH ? vel_comfyui_follow (self, link, NULL) : NULL;
  const char *file = node ? model_file (self, node) : NULL;

  return file || !node ? file : vel_comfyui_find_model (self, vel_comfyui_link_back (self, node, model_names), depth + 1);
}

static void
read_model_node (VelComfyuiWalk *self, const json_t *node)
{
  const char *lora = vel_comfyui_string (self, node, "lora_name");
  const char *sampling =
      g_str_equal (vel_comfyui_class (node), "ModelSamplingDiscrete") ? vel_comfyui_string (self, node, "sampling") : NULL;

  if (lora) {
    double unet = vel_comfyui_number (self, node, "strength_model", 1);

    if (!g_str_equal (lora, "None"))
      vel_settings_add_lora (self->settings, lora, unet,
                             vel_comfyui_input (node, "clip") ? vel_comfyui_number (self, node, "strength_clip", unet) : 0);
  } else if (sampling && (g_str_equal (sampling, "v_prediction") || g_str_equal (sampling, "eps"))) {
    vel_settings_set (self->settings, "Prediction", g_str_equal (sampling, "eps") ? "eps" : "v");
    if (json_is_true (vel_comfyui_value (self, node, "zsnr")))
      vel_settings_note_missing (self->settings, "zsnr", vel_comfyui_value (self, node, "zsnr"));
  } else if (!g_str_equal (vel_comfyui_class (node), "Reroute"))
    vel_comfyui_note_node (self, node);
}

/* Model: back through LoRAs to the file. Those nearest to the file act first. */
void
vel_comfyui_read_model (VelComfyuiWalk *self, const json_t *link, int depth)
{
  const json_t *node = depth < VEL_COMFYUI_MAX_DEPTH ? vel_comfyui_follow (self, link, NULL) : NULL;
  const char *file = node ? model_file (self, node) : NULL;

  if (file)
    vel_settings_set_file (self->settings, "Model", file);
  if (file || !node)
    return;
  vel_comfyui_read_model (self, vel_comfyui_link_back (self, node, model_names), depth + 1);
  if (!vel_comfyui_is_bypassed (node))
    read_model_node (self, node);
}

/* The files of a node that loads text encoders. */
static void
read_text_encoders (VelComfyuiWalk *self, const json_t *node)
{
  static const char *const names[] = { "clip_name", "clip_name1", "clip_name2" };
  guint n = 0;

  for (guint i = 0; i < G_N_ELEMENTS (names); i++) {
    const char *file = vel_comfyui_is_bypassed (node) ? NULL : vel_comfyui_string (self, node, names[i]);
    g_autofree char *key = g_strdup_printf ("Module %u", n + 1);

    if (!file)
      continue;
    vel_settings_set_file (self->settings, key, file);
    n++;
  }
}

/* Clip skip: the first node back that stops at a layer; then on to the files, where the text encoders have their own. */
void
vel_comfyui_read_clip (VelComfyuiWalk *self, const json_t *link, int depth)
{
  static const char *const names[] = { "clip", NULL };
  const json_t *node = depth < VEL_COMFYUI_MAX_DEPTH ? vel_comfyui_follow (self, link, NULL) : NULL;
  double layer = node && !vel_comfyui_is_bypassed (node) ? vel_comfyui_number (self, node, "stop_at_clip_layer", 0) : 0;

  if (layer <= -1 && layer > -100) {
    g_autofree char *skip = g_strdup_printf ("%.0f", -layer);

    if (!vel_recipe_fields_get (self->settings->fields, "Clip skip"))
      vel_settings_set (self->settings, "Clip skip", skip);
  }
  if (node && vel_comfyui_is_link (vel_comfyui_input (node, "clip")))
    vel_comfyui_read_clip (self, vel_comfyui_link_back (self, node, names), depth + 1);
  else if (node)
    read_text_encoders (self, node);
}

/* A VAE with a file of its own; the model's needs no word. */
void
vel_comfyui_read_vae (VelComfyuiWalk *self, const json_t *link, int depth)
{
  static const char *const names[] = { "vae", NULL };
  const json_t *node = depth < VEL_COMFYUI_MAX_DEPTH ? vel_comfyui_follow (self, link, NULL) : NULL;

  if (node && vel_comfyui_input (node, "vae_name"))
    vel_settings_set_file (self->settings, "VAE", vel_comfyui_string (self, node, "vae_name"));
  else if (node && !vel_comfyui_input (node, "ckpt_name"))
    vel_comfyui_read_vae (self, vel_comfyui_link_back (self, node, names), depth + 1);
}
