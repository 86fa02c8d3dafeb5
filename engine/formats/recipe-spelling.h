/* Values that A1111 spells otherwise than we do.  SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* name: an option, such as "rng" or "emphasis". Returns: (transfer none): its value in A1111's words */
const char *vel_recipe_their_spelling (const char *name, const char *ours);
/* theirs: in any case. Returns: (transfer none): our value, or `theirs` if it has no other name */
const char *vel_recipe_our_spelling (const char *name, const char *theirs);
/* Python's json.dumps (text, ensure_ascii=False) where A1111 needs quotes, else the text. Returns: (transfer full) */
char *vel_recipe_quote (const char *text);
