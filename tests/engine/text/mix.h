/* Strings built from fragments: class Mix of tests/golden/text/make.py.
 * SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <glib.h>
#include <jansson.h>

typedef struct {
  const json_t *fragments;
  guint32 state;
} Mix;

static inline guint32
mix_number (Mix *self, guint32 n)
{
  self->state = self->state * 1664525 + 1013904223;
  return (self->state >> 16) % n;
}

/* Returns: (transfer full) */
static inline char *
mix_string (Mix *self, guint32 fewest, guint32 most)
{
  GString *text = g_string_new (NULL);
  guint32 n = fewest + mix_number (self, most - fewest + 1);

  for (guint32 i = 0; i < n; i++)
    g_string_append (text, json_string_value (json_array_get (self->fragments, mix_number (self, json_array_size (self->fragments)))));
  return g_string_free (text, FALSE);
}
