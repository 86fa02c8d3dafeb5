/* Walking back along the links of a ComfyUI graph.  SPDX-License-Identifier: Apache-2.0 */
#include "config.h"

#include "engine/formats/settings-comfyui.h"

#include "engine/formats/json-tree.h"
#include "engine/formats/shown.h"

#include <glib/gi18n-lib.h>
#include <string.h>

const char *
vel_comfyui_class (const json_t *node)
{
  const char *type = json_string_value (json_object_get (node, "class_type"));

  return type ? type : "";
}

const json_t *
vel_comfyui_input (const json_t *node, const char *name)
{
  return json_object_get (json_object_get (node, "inputs"), name);
}

gboolean
vel_comfyui_is_link (const json_t *value)
{
  return json_is_array (value) && json_array_size (value) == 2 && json_is_integer (json_array_get (value, 1));
}

/* Returns: (nullable): the node behind a link, and which of its outputs */
const json_t *
vel_comfyui_follow (VelComfyuiWalk *self, const json_t *link, int *output)
{
  g_autofree char *id = vel_comfyui_is_link (link) ? vel_json_text (json_array_get (link, 0)) : NULL;

  if (output)
    *output = id ? (int) json_integer_value (json_array_get (link, 1)) : 0;
  return id && ++self->steps <= VEL_COMFYUI_MAX_STEPS ? json_object_get (self->graph, id) : NULL;
}

/* A value that may come from another node: one of the same name there, else its only one. Returns: (nullable) */
const json_t *
vel_comfyui_value_of (VelComfyuiWalk *self, const json_t *value, const char *name, int depth)
{
  static const char *const usual[] = {
    "value", "seed", "noise_seed", "int", "float", "number", "Number", "string", "text", "Text", "STRING"
  };
  const json_t *node;
  const char *key;
  json_t *other;

  if (!vel_comfyui_is_link (value))
    return json_is_array (value) || json_is_object (value) ? NULL : value;
  node = depth < VEL_COMFYUI_MAX_DEPTH ? vel_comfyui_follow (self, value, NULL) : NULL;
  if (!node)
    return NULL;
  if (vel_comfyui_input (node, name))
    return vel_comfyui_value_of (self, vel_comfyui_input (node, name), name, depth + 1);
  for (gsize i = 0; i < G_N_ELEMENTS (usual); i++)
    if (vel_comfyui_input (node, usual[i]))
      return vel_comfyui_value_of (self, vel_comfyui_input (node, usual[i]), name, depth + 1);
  json_object_foreach (json_object_get (node, "inputs"), key, other)
  {
    if (++self->steps > VEL_COMFYUI_MAX_STEPS)
      break;
    if (vel_comfyui_is_link (other) || json_object_size (json_object_get (node, "inputs")) == 1)
      return vel_comfyui_value_of (self, other, name, depth + 1);
  }
  return NULL;
}

const json_t *
vel_comfyui_value (VelComfyuiWalk *self, const json_t *node, const char *name)
{
  return vel_comfyui_value_of (self, vel_comfyui_input (node, name), name, 0);
}

double
vel_comfyui_number (VelComfyuiWalk *self, const json_t *node, const char *name, double otherwise)
{
  return vel_json_real (vel_comfyui_value (self, node, name), otherwise);
}

/* Texts of prompts may be put together by nodes of strings. Returns: (nullable) borrowed */
const char *
vel_comfyui_string (VelComfyuiWalk *self, const json_t *node, const char *name)
{
  return json_string_value (vel_comfyui_value (self, node, name));
}

void
vel_comfyui_note_node (VelComfyuiWalk *self, const json_t *node)
{
  g_autofree char *shown = vel_shown (vel_comfyui_class (node));

  /* Translators: a kind of node of a ComfyUI graph */
  vel_settings_note (self->settings, _ ("What the node “%s” does is not done here"), shown);
}

/* The next node back along any of these inputs, else along the first link there is. Returns: (nullable) a link */
const json_t *
vel_comfyui_link_back (VelComfyuiWalk *self, const json_t *node, const char *const *names)
{
  const char *key;
  json_t *other;

  for (; *names; names++)
    if (vel_comfyui_is_link (vel_comfyui_input (node, *names)))
      return vel_comfyui_input (node, *names);
  json_object_foreach (json_object_get (node, "inputs"), key, other)
  {
    if (++self->steps > VEL_COMFYUI_MAX_STEPS)
      break;
    if (vel_comfyui_is_link (other))
      return other;
  }
  return NULL;
}

gboolean
vel_comfyui_is_bypassed (const json_t *node)
{
  return json_is_true (json_object_get (node, "bypassed"));
}
