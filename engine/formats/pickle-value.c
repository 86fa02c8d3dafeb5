/* Values of a pickle, and the memory they live in.  SPDX-License-Identifier: Apache-2.0 */
#include "engine/formats/pickle-value.h"

#include <string.h>

#define BUDGET (192u << 20) /* a pickle of 64 MB, the largest that is read, has room for what a real one of that size would hold */
#define BLOCK (64u << 10)

void
vel_pickle_arena_init (VelPickleArena *self)
{
  *self = (VelPickleArena) { .blocks = g_ptr_array_new_with_free_func (g_free) };
}

void
vel_pickle_arena_clear (VelPickleArena *self)
{
  g_ptr_array_unref (self->blocks);
}

gpointer
vel_pickle_arena_take (VelPickleArena *self, gsize bytes)
{
  gpointer taken;

  if (bytes > BUDGET)
    return NULL;
  bytes = (bytes + 7) / 8 * 8;
  if (bytes > self->left) {
    gsize block = MAX (bytes, BLOCK);

    if (block > BUDGET - self->spent || !(taken = g_try_malloc0 (block)))
      return NULL;
    g_ptr_array_add (self->blocks, taken);
    self->spent += block;
    if (block == bytes) /* the open block may have more room left than this one */
      return taken;
    self->at = taken;
    self->left = block;
  }
  taken = self->at;
  self->at += bytes;
  self->left -= bytes;
  return taken;
}

gboolean
vel_pickle_value_is_text (const VelPickleValue *value, const char *text)
{
  return value->kind == VEL_PICKLE_TEXT && value->text.length == strlen (text) && memcmp (value->text.start, text, strlen (text)) == 0;
}

const VelPickleValue *
vel_pickle_value_lookup (const VelPickleValue *dict, const char *key)
{
  guint n = dict->kind == VEL_PICKLE_DICT ? dict->list.n : 0;

  if (n > 2 * VEL_PICKLE_MOST_LOOKUPS)
    return NULL;
  while (n >= 2 && !vel_pickle_value_is_text (dict->list.items[n - 2], key))
    n -= 2;
  return n >= 2 ? dict->list.items[n - 1] : NULL;
}
