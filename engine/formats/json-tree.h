/* JSON of other programs as a tree: small, bounded, and as forgiving as the Python that writes it.
 * SPDX-License-Identifier: Apache-2.0
 *
 * Python's json.dumps writes NaN and Infinity, halves of surrogate pairs and numbers of any length, none of which is JSON. NaN and
 * Infinity are read as null, a character that is none as U+FFFD, and a whole number of more than 18 digits as a string: a seed of 64
 * bits has 20 and must not be rounded. */
#pragma once

#include <glib.h>
#include <jansson.h>

/* Of several members of one name the last counts. At most 8 MB, 32 levels and 200 000 values.
 * Returns: (transfer full) (nullable): NULL for anything else than an object or a list within these bounds */
json_t *vel_json_tree (const char *text);
/* A string, number, true or false as text: 8.0 is "8", 0.1 is "0.1". Returns: (transfer full) (nullable): NULL for any other value */
char *vel_json_text (const json_t *value);
/* Any value as text, lists and objects as JSON. Returns: (transfer full) */
char *vel_json_any_text (const json_t *value);
/* A finite number, or text that is wholly one; else `otherwise`. */
double vel_json_real (const json_t *value, double otherwise);
