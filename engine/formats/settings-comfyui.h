/* Parts of reading ComfyUI's settings: its page as a graph, and walking back along a graph's links.
 * SPDX-License-Identifier: Apache-2.0
 *
 * A node is {"class_type": "KSampler", "inputs": {"steps": 20, "model": ["4", 0]}}, a link ["id", output]. Links come from a file: they may
 * lead nowhere, or around. Every function takes NULL for a node or link and then finds nothing. */
#pragma once

#include "engine/formats/settings.h"

#define VEL_COMFYUI_MAX_DEPTH 64     /* of one walk; who calls itself counts */
#define VEL_COMFYUI_MAX_STEPS 200000 /* nodes and inputs looked at in all */

typedef struct {
  VelSettings *settings;
  const json_t *graph; /* id to node */
  guint steps;         /* taken so far */
} VelComfyuiWalk;

/* workflow: {"nodes": […], "links": […]} as it is saved. Values of kinds of nodes that are not known are left out.
 * Returns: (transfer full) (nullable): a graph; NULL if it is no workflow */
json_t *vel_comfyui_from_workflow (const json_t *workflow);

/* Everything that is returned is borrowed from the graph, and (nullable). */
const char *vel_comfyui_class (const json_t *node); /* never NULL */
const json_t *vel_comfyui_input (const json_t *node, const char *name);
gboolean vel_comfyui_is_link (const json_t *value);
/* The page's switch that lets everything pass through a node unchanged. */
gboolean vel_comfyui_is_bypassed (const json_t *node);
/* The node behind a link, and which of its outputs. output: (out) (optional) */
const json_t *vel_comfyui_follow (VelComfyuiWalk *self, const json_t *link, int *output);
/* The link of the first of these inputs that has one, else the first link there is. names: NULL-terminated */
const json_t *vel_comfyui_link_back (VelComfyuiWalk *self, const json_t *node, const char *const *names);
/* A value that may come from another node: one of the same name there, else what looks like it. depth: 0 */
const json_t *vel_comfyui_value_of (VelComfyuiWalk *self, const json_t *value, const char *name, int depth);
/* The same of an input, as it is, as a number, as text. */
const json_t *vel_comfyui_value (VelComfyuiWalk *self, const json_t *node, const char *name);
double vel_comfyui_number (VelComfyuiWalk *self, const json_t *node, const char *name, double otherwise);
const char *vel_comfyui_string (VelComfyuiWalk *self, const json_t *node, const char *name);
/* Says that what this node does is not done here. */
void vel_comfyui_note_node (VelComfyuiWalk *self, const json_t *node);

/* Sets `key` from the conditioning behind a link. Returns: the link to its text encoder */
const json_t *vel_comfyui_read_prompt (VelComfyuiWalk *self, const char *key, const json_t *link, gboolean negative);
/* depth: 0, for these. Sets the model's file and adds its LoRAs. */
void vel_comfyui_read_model (VelComfyuiWalk *self, const json_t *link, int depth);
/* The model's file alone. */
const char *vel_comfyui_find_model (VelComfyuiWalk *self, const json_t *link, int depth);
/* Sets the clip skip. */
void vel_comfyui_read_clip (VelComfyuiWalk *self, const json_t *link, int depth);
/* Sets the VAE if it has a file of its own. */
void vel_comfyui_read_vae (VelComfyuiWalk *self, const json_t *link, int depth);
