/* Prompts that say something else for each seed: __name__ is a line of a text file, {one|other|…} one of its parts.
 * SPDX-License-Identifier: Apache-2.0
 *
 * Where a prompt has only __name__ and no line asks for more, the lines are those that A1111's extension "wildcards"
 * (scripts/wildcards.py) takes for the same seed. */
#pragma once

#include <glib.h>

/* Whether there is anything to choose in a prompt. */
gboolean vel_wildcards_are_in (const char *prompt);
/* folder: of the files, NAME.txt in UTF-8, a choice a line; "animals/cats" is in a folder there. Empty lines and those that begin with # are
 * no choices. A chosen line or part may ask for more.  missing: (nullable) (element-type utf8) gets names without a file, which stay as
 * they are written.  prompt and negative prompt each begin with the seed anew.
 * Returns: (transfer full); NULL with VEL_ERROR_REQUEST where choices lead to choices without end, or with an error of reading a file */
char *vel_wildcards_resolve (const char *prompt, const char *folder, guint64 seed, GPtrArray *missing, GError **error);
