/* How a picture was made, whichever program made it, told in A1111's keys.
 * SPDX-License-Identifier: Apache-2.0
 *
 * A program is one file settings-NAME.c and one row of the table in settings.c: it looks whether its texts are there and sets the
 * fields. What has no field, or can not be done here as it was done there, becomes a note. From the fields on all programs are alike
 * (recipe.h): the same words for a sampler, `<lora:name:weight>` in the prompt, "RNG" for whose random numbers. */
#pragma once

#include <jansson.h>

#include "engine/formats/metadata.h"
#include "engine/formats/recipe.h"

typedef struct {
  const char *program;     /* "ComfyUI"; static */
  VelRecipeFields *fields; /* as A1111 would have written them */
  GPtrArray *notes;        /* (element-type utf8) what can not be taken over, and why, a sentence each */
  const VelMetadata *file; /* while it is read */
  GString *loras;          /* likewise: tags that go to the end of the prompt */
} VelSettings;

/* Returns: (transfer full) (nullable): NULL if no program that is known left its settings here */
VelSettings *vel_settings_read (const VelMetadata *metadata);
/* The same from a bare text, as it is copied from a page: A1111's, or the JSON of any program. A text that is neither is all prompt.
 * Returns: (transfer full) (nullable): NULL for JSON of an unknown program */
VelSettings *vel_settings_read_text (const char *text);
void vel_settings_free (VelSettings *self);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (VelSettings, vel_settings_free)

/* For the readers. */
typedef struct {
  const char *name;
  /* Returns FALSE, with nothing set, if the texts are not this program's. */
  gboolean (*read) (VelSettings *self, GHashTable *text);
} VelSettingsProgram;

/* value: (nullable) nothing is set if it is NULL or empty. */
void vel_settings_set (VelSettings *self, const char *key, const char *value);
/* A string, number or truth; nothing is set for anything else. */
void vel_settings_set_json (VelSettings *self, const char *key, const json_t *value);
void vel_settings_set_size (VelSettings *self, const json_t *width, const json_t *height);
/* The name of a model's file without folders, and without the extension if it is one of a model's: "v1.5" has none.
 * Returns: (transfer full) */
char *vel_settings_stem (const char *name);
/* name: (nullable) a path or name; its stem is used. */
void vel_settings_set_file (VelSettings *self, const char *key, const char *name);
/* A sampler or schedule by any name the registry knows, set as its label; other names as they are. */
void vel_settings_set_sampler (VelSettings *self, const char *name);
void vel_settings_set_schedule (VelSettings *self, const char *name);
/* name: as for set_file. Nothing is added if the prompt, which is to be set before, names it already. */
void vel_settings_add_lora (VelSettings *self, const char *name, double unet, double text);
void vel_settings_note (VelSettings *self, const char *format, ...) G_GNUC_PRINTF (2, 3);
/* "key: value" can not be taken over, because there is nothing like it here. */
void vel_settings_note_missing (VelSettings *self, const char *key, const json_t *value);

extern const VelSettingsProgram vel_settings_a1111, vel_settings_comfyui, vel_settings_drawthings, vel_settings_easydiffusion,
    vel_settings_fooocus, vel_settings_invokeai, vel_settings_novelai, vel_settings_swarmui;
