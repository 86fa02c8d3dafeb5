/* The settings a picture was made with, as text: A1111's `parameters` and our own JSON.
 * SPDX-License-Identifier: Apache-2.0
 * A1111 1.10 modules/infotext_utils.py: parse_generation_parameters, quote; modules/processing.py: create_infotext (order of keys). */
#pragma once

#include "engine/formats/metadata.h"
#include "engine/params.h"

/* PNG keywords. */
#define VEL_RECIPE_A1111 "parameters"
#define VEL_RECIPE_OWN "velatura"

/* What a finished picture knows beyond its request. */
typedef struct {
  guint64 seed;
  guint width, height;
  const char *model_name;                     /* file stem */
  const char *model_hash;                     /* AutoV2, 10 hex digits, or NULL */
  const char *version;                        /* "Velatura 0.1.0" */
  const char *vae_hash;                       /* AutoV2 of the VAE that replaces the model's own, or NULL */
  const char *refiner;                        /* as vel_catalog_dup_title has it, or NULL */
  const char *lora_hashes, *embedding_hashes; /* "name: AutoV3, other: …", or NULL */
  const char *controls;                       /* of ControlNets that options name: "canny [d14c016b]", a line each; or NULL */
  const char *lora_tags;                      /* of LoRAs that options name: " <lora:ink:0.8>", or NULL; in A1111 the prompt has them */
  guint64 variation_seed;                     /* where the request asks for a variation */
  guint painted_width, painted_height;        /* what was asked for, where the picture is of another size; 0: it is not */
} VelRecipeFacts;

/* Returns: (transfer full) */
char *vel_recipe_to_a1111 (VelValues *request, const VelRecipeFacts *facts);
/* Files are named without their folders.
 * {"velatura": 1, "request": {...}, "seed": "...", "width": ..., ...}. Returns: (transfer full) */
char *vel_recipe_to_json (VelValues *request, const VelRecipeFacts *facts);

/* What a picture says of itself, whichever program it is from: field to text as written: "Prompt", "Negative prompt", then the keys of the
 * last line with values unquoted; "Size" also as "Size-1", "Size-2". Keys keep their order (arrays of equal length, NULL-terminated). */
typedef struct {
  GStrv keys, values;
} VelRecipeFields;
VelRecipeFields *vel_recipe_fields_new (void);
/* Accepts any text; one without a settings line is all prompt. */
VelRecipeFields *vel_recipe_parse_a1111 (const char *text);
/* A value that is there is replaced in its place. Of more than a thousand keys the rest is left out. Both become valid UTF-8. */
void vel_recipe_fields_set (VelRecipeFields *self, const char *key, const char *value);
void vel_recipe_fields_free (VelRecipeFields *self);
const char *vel_recipe_fields_get (const VelRecipeFields *self, const char *key);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (VelRecipeFields, vel_recipe_fields_free)

/* The fields as A1111 would write them, one line of settings behind the prompts. Returns: (transfer full) */
char *vel_recipe_fields_to_a1111 (const VelRecipeFields *self);
/* Resets `request` and sets it from the fields. What is missing means A1111's default. `problems` (element-type utf8): what could not be
 * taken over is added, one sentence each. */
void vel_recipe_fields_apply (const VelRecipeFields *self, VelValues *request, GPtrArray *problems);
/* parts: (nullable) (element-type VelCatalogEntry) text encoders, VAEs and UNets on disk, which are taken where the fields name them. */
void vel_recipe_fields_apply_with (const VelRecipeFields *self, VelValues *request, GPtrArray *parts, GPtrArray *problems);

/* Sets `request` from our JSON, from A1111's text or from the JSON of a program that settings.h knows. `problems`: (nullable) what could
 * not be taken over, one sentence each (transfer full). Returns FALSE with VEL_ERROR_FORMAT if the text is none of these. */
gboolean vel_recipe_apply (const char *text, VelValues *request, GStrv *problems, GError **error);
/* Reads a picture of any container and program that are known and sets `request` from it: from our JSON if there. models: (nullable)
 * (element-type VelCatalogEntry) a model under another name is found among them by its hash.
 * parts: (nullable) likewise, of parts of models. `problems`: as above. Returns FALSE with VEL_ERROR_FORMAT if the file is no picture or says nothing that is understood. */
gboolean vel_recipe_restore (const char *path, VelValues *request, GPtrArray *models, GPtrArray *parts, GStrv *problems, GError **error);

/* What a list shows of a picture. */
typedef struct {
  char *text; /* our JSON if there, else the settings in A1111's manner */
  guint64 seed;
  char *prompt, *negative, *model; /* never NULL */
} VelRecipeSummary;
/* Returns FALSE if there is no recipe among its texts; then there is nothing to clear. */
gboolean vel_recipe_summarize (VelRecipeSummary *self, const VelMetadata *metadata);
void vel_recipe_summary_clear (VelRecipeSummary *self);
