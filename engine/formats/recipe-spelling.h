/* Values that A1111 spells otherwise than we do.  SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "engine/params.h"

/* name: an option, such as "rng" or "emphasis". Returns: (transfer none): its value in A1111's words */
const char *vel_recipe_their_spelling (const char *name, const char *ours);
/* theirs: in any case. Returns: (transfer none): our value, or `theirs` if it has no other name */
const char *vel_recipe_our_spelling (const char *name, const char *theirs);
/* Whether `ours` stands in A1111's list of that name. */
gboolean vel_recipe_has_spelling (const char *name, const char *ours);
/* Python's json.dumps (text, ensure_ascii=False) where A1111 needs quotes, else the text. Returns: (transfer full) */
char *vel_recipe_quote (const char *text);
/* How many steps the pass has that the refiner is in, as A1111 counts them where it hands over by steps. */
guint vel_recipe_count_refined_steps (VelValues *request);
/* A share of `steps` that is reached after `step` of them and not before. Returns: (transfer full) */
char *vel_recipe_share_of_steps (guint step, guint steps);
