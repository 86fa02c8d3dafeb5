/* Settings for models that were distilled to few steps.  SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "engine/params.h"

typedef struct {
  const char *name, *value; /* an option of the request, as text */
} VelPresetValue;

typedef struct {
  const char *id;           /* "lightning": what `--preset` takes */
  const char *label;        /* translatable: "Lightning, 4 steps" */
  const char *help;         /* translatable, one sentence */
  VelPresetValue values[5]; /* ends with a row whose name is NULL */
  const char *pattern;      /* the regular expression that names of such models match */
} VelPreset;

/* Every id with a bar between, as a choice of an option table. */
#define VEL_PRESET_CHOICES "turbo|turbo-1|lightning|lightning-2|lightning-8|lcm|tcd|hyper|hyper-2|hyper-4|hyper-1"

/* Ends with a row whose id is NULL. */
const VelPreset *vel_preset_get_table (void);
/* Returns: (nullable) */
const VelPreset *vel_preset_find (const char *id);
/* How many steps it runs. */
int vel_preset_get_steps (const VelPreset *preset);
/* What a model's name, or its file's, suggests: "sdxl_lightning_8step.safetensors" is lightning-8. A name that gives a number of steps
 * there is no preset for suggests none, nor does a Hyper model that keeps guidance ("CFG"). name: (nullable). Returns: (nullable) */
const VelPreset *vel_preset_guess (const char *name);
/* Sets the preset's options but those among the keys of `except` (nullable), all or none. FALSE with VEL_ERROR_REQUEST, as where a
 * sampler's plugin is missing */
gboolean vel_preset_apply (const VelPreset *preset, VelValues *request, GHashTable *except, GError **error);
