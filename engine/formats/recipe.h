/* The settings a picture was made with, as text: A1111's `parameters` and our own JSON.
 * SPDX-License-Identifier: Apache-2.0
 * A1111 1.10 modules/infotext_utils.py: parse_generation_parameters, quote; modules/processing.py: create_infotext (order of keys). */
#pragma once

#include "engine/params.h"

/* PNG keywords. */
#define VEL_RECIPE_A1111 "parameters"
#define VEL_RECIPE_OWN "velatura"

/* What a finished picture knows beyond its request. */
typedef struct {
  guint64 seed;
  guint width, height;
  const char *model_name; /* file stem */
  const char *model_hash; /* AutoV2, 10 hex digits, or NULL */
  const char *version;    /* "Velatura 0.1.0" */
} VelRecipeFacts;

/* Returns: (transfer full) */
char *vel_recipe_to_a1111 (VelValues *request, const VelRecipeFacts *facts);
/* Files are named without their folders.
 * {"velatura": 1, "request": {...}, "seed": "...", "width": ..., ...}. Returns: (transfer full) */
char *vel_recipe_to_json (VelValues *request, const VelRecipeFacts *facts);

/* Field to text as written: "Prompt", "Negative prompt", then the keys of the last line with values unquoted; "Size" also as "Size-1",
 * "Size-2". Keys keep their order (arrays of equal length, NULL-terminated). */
typedef struct {
  GStrv keys, values;
} VelRecipeFields;
/* Accepts any text; one without a settings line is all prompt. */
VelRecipeFields *vel_recipe_parse_a1111 (const char *text);
void vel_recipe_fields_free (VelRecipeFields *self);
const char *vel_recipe_fields_get (const VelRecipeFields *self, const char *key);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (VelRecipeFields, vel_recipe_fields_free)

/* Sets `request` from either text. `problems`: (nullable) what could not be taken over, one sentence each (transfer full). Returns FALSE
 * with VEL_ERROR_FORMAT if the text is neither. */
gboolean vel_recipe_apply (const char *text, VelValues *request, GStrv *problems, GError **error);
/* Reads a PNG and sets `request` from it: our JSON if there, else A1111's text. `problems`: what could not be taken over, one sentence
 * each (transfer full). Returns FALSE with VEL_ERROR_FORMAT if the file has neither. */
gboolean vel_recipe_restore (const char *path, VelValues *request, GStrv *problems, GError **error);

/* What a list shows of a picture, taken from its PNG texts. */
typedef struct {
  const char *text; /* our JSON if there, else A1111's; borrowed from the texts */
  guint64 seed;
  char *prompt, *negative, *model; /* never NULL */
} VelRecipeSummary;
/* texts: as in VelPng. Returns FALSE if there is no recipe among them; then there is nothing to clear. */
gboolean vel_recipe_summarize (VelRecipeSummary *self, GHashTable *texts);
void vel_recipe_summary_clear (VelRecipeSummary *self);
