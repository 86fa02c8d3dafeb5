/* LoRAs by path and by name: those of the data folder's "loras" and its folders.  SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "engine/lora/stack.h"
#include "engine/params.h"

/* Paths of files that end as LoRAs do, by name. Returns: (transfer full) (element-type utf8) */
GPtrArray *vel_loras_list (void);
/* name: a path; a file's stem with or without ending, whatever its case; or what its trainer called it ("ss_output_name").
 * Returns: (transfer full); NULL with VEL_ERROR_REQUEST naming what was looked for where */
char *vel_loras_find (const char *name, GError **error);
/* text: "FILE[:UNET[:TEXT]]", strengths 1 and that of the UNet where they are not given. Returns: (transfer full); NULL as above */
VelLoraWish *vel_loras_parse (const char *text, GError **error);
/* One of these a line. wishes: (element-type VelLoraWish) are appended. strict: else those that are not there are passed over.
 * Returns: FALSE as above */
gboolean vel_loras_parse_lines (const char *lines, gboolean strict, GPtrArray *wishes, GError **error);

/* For the settings text of a picture that was made by a request: A1111's "Lora hashes" of all its LoRAs that are there, "ink: c74b4e810b03,
 * other: …"; and those that options name as tags, " <lora:ink:0.8>". Returns: (transfer full) (nullable): NULL if there are none */
char *vel_loras_hash (VelValues *request);
char *vel_loras_dup_tags (VelValues *request);
