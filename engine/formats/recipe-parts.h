/* The parts of a model that settings name: UNet, text encoders, VAE.
 * SPDX-License-Identifier: Apache-2.0
 *
 * A1111 has the key "VAE"; Forge names VAEs and text encoders alike, as "Module 1", "Module 2"…; "UNet" is our own, for one that stands in a
 * model's place. Which of them a module is, its file says. */
#pragma once

#include "engine/formats/recipe.h"

/* Whether a key of settings names a part. */
gboolean vel_recipe_is_part_key (const char *key);
/* Sets the request's parts from fields. parts: (nullable) (element-type VelCatalogEntry) those on disk; a part that is not among them is left
 * to the model and adds a sentence to `problems`. */
void vel_recipe_apply_parts (const VelRecipeFields *fields, VelValues *request, GPtrArray *parts, GPtrArray *problems);
/* A request with names of parts gets the paths of those on disk; of others a sentence is added to `problems`. */
void vel_recipe_choose_parts (VelValues *request, GPtrArray *parts, GPtrArray *problems);
