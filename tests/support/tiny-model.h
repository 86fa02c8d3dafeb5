/* Tiny models made from the recipes in tests/golden/pictures/models.
 * SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <jansson.h>

#include "engine/params.h"

/* Writes the model of tests/golden/pictures/models/NAME.json with its vocabulary into `folder`.
 * Returns: (transfer full): what to load: a file in `folder`, or `folder` itself for a recipe in the diffusers layout */
char *tiny_model_write (const char *name, const char *folder);
/* A path under tests/golden/pictures. Returns: (transfer full) */
char *tiny_model_golden (const char *relative);
/* The options of a case of tests/golden/pictures, but for its models and its bar. Returns: (transfer full) */
VelValues *tiny_model_request (json_t *options);
/* "MODEL:IMAGE:keys" of a case as --control takes it. path_of: where the model of that recipe is, borrowed. Returns: (transfer full) */
char *tiny_model_control (const char *text, const char *(*path_of) (const char *name));
/* Removes a folder and everything in it. */
void tiny_remove_tree (const char *path);
