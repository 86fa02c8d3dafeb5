/* Characters as the reference tokenizer sees them: Python 3.11 and its regex package.
 * SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <glib.h>

typedef enum {
  VEL_UNICODE_LETTER = 1 << 0,     /* \p{L} */
  VEL_UNICODE_NUMBER = 1 << 1,     /* \p{N} */
  VEL_UNICODE_SPACE = 1 << 2,      /* \s */
  VEL_UNICODE_CASED = 1 << 3,      /* as far as a final sigma is concerned */
  VEL_UNICODE_IGNORABLE = 1 << 4,  /* case-ignorable, likewise */
  VEL_UNICODE_UNASSIGNED = 1 << 5, /* in Unicode 14 */
  VEL_UNICODE_WORD = 1 << 6,       /* \w */
} VelUnicodeClass;

guint vel_unicode_get_classes (gunichar character);
/* Unicode 14's NFC. text: valid UTF-8. Returns: (transfer full) */
char *vel_unicode_compose (const char *text);
/* Appends the lower case of all n characters, as str.lower () has it: a capital I with dot becomes two characters, a capital sigma at a
 * word's end a final one. out: (element-type gunichar) */
void vel_unicode_append_lower (GArray *out, const gunichar *text, gsize n);
/* Where `word` stands as a word of its own (\bword\b) at or after `at`, in the text from begin to end. word: ASCII. Returns: (nullable) */
const char *vel_unicode_find_word (const char *begin, const char *at, const char *end, const char *word);
