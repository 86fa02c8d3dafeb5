/* An inert pickle machine: its stack, its memory and its run.  SPDX-License-Identifier: Apache-2.0 */
#include "config.h"

#include "engine/formats/pickle.h"

#include "engine/formats/pickle-machine.h"
#include "engine/formats/shown.h"

#include <glib/gi18n-lib.h>
#include <string.h>

/* Stands in for whatever a problem took away. Nothing writes to it: what would, looks at the kind first. */
static VelPickleValue nothing;

void
vel_pickle_fail (VelPickle *self, const char *problem)
{
  if (!self->problem)
    self->problem = _ (problem);
}

VelPickleValue *
vel_pickle_value (VelPickle *self, VelPickleKind kind)
{
  VelPickleValue *value = vel_pickle_arena_take (&self->arena, sizeof *value);

  if (!value) {
    vel_pickle_fail (self, N_ ("it needs more memory than any checkpoint's"));
    return &nothing;
  }
  value->kind = kind;
  return value;
}

void
vel_pickle_append (VelPickle *self, VelPickleValue *list, VelPickleValue *item)
{
  if (self->problem)
    return;
  if (list->list.n == list->list.room) {
    guint room = MAX (4, list->list.room * 2);
    VelPickleValue **items = list->list.room > G_MAXINT32 / 2 ? NULL : vel_pickle_arena_take (&self->arena, room * sizeof *items);

    if (!items) {
      vel_pickle_fail (self, N_ ("it needs more memory than any checkpoint's"));
      return;
    }
    if (list->list.n)
      memcpy (items, list->list.items, list->list.n * sizeof *items);
    list->list.items = items;
    list->list.room = room;
  }
  list->list.items[list->list.n++] = item;
}

/* The next bytes. Returns: (nullable): NULL after a problem */
const guint8 *
vel_pickle_take (VelPickle *self, guint64 bytes)
{
  const guint8 *at = self->at;

  if (self->problem || bytes > (gsize) (self->end - at)) {
    vel_pickle_fail (self, N_ ("it ends too early"));
    return NULL;
  }
  self->at += bytes;
  return at;
}

/* A little-endian number of 1, 2, 4 or 8 bytes; 0 after a problem. */
guint64
vel_pickle_take_number (VelPickle *self, guint bytes)
{
  const guint8 *at = vel_pickle_take (self, bytes);
  guint64 number = 0;

  for (guint i = bytes; at && i-- > 0;)
    number = number << 8 | at[i];
  return number;
}

/* A line without its end. Returns: (nullable) */
const char *
vel_pickle_take_line (VelPickle *self, gsize *length)
{
  gsize most = MIN ((gsize) (self->end - self->at), VEL_PICKLE_MOST_LINE);
  const guint8 *at = self->at, *newline = self->problem ? NULL : memchr (at, '\n', most);

  if (!newline) {
    vel_pickle_fail (self, N_ ("a line of it does not end"));
    return NULL;
  }
  *length = newline - at;
  self->at = newline + 1;
  return (const char *) at;
}

gboolean
vel_pickle_grow (VelPickleValue ***array, guint *room, guint index)
{
  guint before = *room;

  if (index >= VEL_PICKLE_MOST_ENTRIES)
    return FALSE;
  if (index < before)
    return TRUE;
  *room = MIN (MAX (MAX (64, before * 2), index + 1), VEL_PICKLE_MOST_ENTRIES);
  *array = g_renew (VelPickleValue *, *array, *room);
  memset (*array + before, 0, (*room - before) * sizeof **array);
  return TRUE;
}

void
vel_pickle_push (VelPickle *self, VelPickleValue *value)
{
  if (self->problem)
    return;
  if (vel_pickle_grow (&self->stack, &self->stack_room, self->n_stack))
    self->stack[self->n_stack++] = value;
  else
    vel_pickle_fail (self, N_ ("its stack has more than a million values"));
}

/* Values at the top, not below the last mark. Returns: FALSE after a problem */
gboolean
vel_pickle_need (VelPickle *self, guint count)
{
  guint floor = self->n_marks ? self->marks[self->n_marks - 1] : 0;

  if (!self->problem && self->n_stack - floor < count)
    vel_pickle_fail (self, N_ ("an instruction has too few values"));
  return !self->problem;
}

VelPickleValue *
vel_pickle_pop (VelPickle *self)
{
  return vel_pickle_need (self, 1) ? self->stack[--self->n_stack] : &nothing;
}

/* How many values lie above the last mark, which goes. 0 after a problem */
guint
vel_pickle_pop_mark (VelPickle *self)
{
  if (!self->n_marks)
    vel_pickle_fail (self, N_ ("an instruction has no mark"));
  return self->problem ? 0 : self->n_stack - self->marks[--self->n_marks];
}

/* The last `count` values become a list's. */
void
vel_pickle_move_into (VelPickle *self, VelPickleValue *list, guint count)
{
  if (!vel_pickle_need (self, count))
    return;
  for (guint i = self->n_stack - count; i < self->n_stack; i++)
    vel_pickle_append (self, list, self->stack[i]);
  self->n_stack -= count;
}

void
vel_pickle_init (VelPickle *self, const guint8 *data, gsize size)
{
  *self = (VelPickle) { .start = data, .at = data, .end = data + size };
  self->refused = g_ptr_array_new_with_free_func (g_free);
  self->storages = g_ptr_array_new ();
  vel_pickle_arena_init (&self->arena);
}

void
vel_pickle_clear (VelPickle *self)
{
  g_ptr_array_unref (self->refused);
  g_ptr_array_unref (self->storages);
  vel_pickle_arena_clear (&self->arena);
  g_free (self->stack);
  g_free (self->memo);
}

const VelPickleValue *
vel_pickle_run (VelPickle *self)
{
  const VelPickleValue *result = NULL;
  const guint8 *code;

  if (self->memo)
    memset (self->memo, 0, self->memo_room * sizeof *self->memo);
  self->n_stack = self->n_marks = self->n_memo = 0;
  while (!result && (code = vel_pickle_take (self, 1))) {
    if (self->at - self->start > VEL_PICKLE_MOST)
      vel_pickle_fail (self, N_ ("it is longer than 64 MB"));
    else if (*code == '.')
      result = vel_pickle_pop (self);
    else if (vel_pickle_instructions[*code])
      vel_pickle_instructions[*code](self, *code);
    else
      vel_pickle_fail (self, N_ ("it has a byte that is no instruction"));
  }
  return self->problem || self->refused->len ? NULL : result;
}

char *
vel_pickle_dup_problem (const VelPickle *self)
{
  g_autofree char *names = NULL;

  if (!self->refused->len)
    return g_strdup_printf (_ ("its pickle is damaged: %s at byte %zu"), self->problem, (gsize) (self->at - self->start));
  g_ptr_array_add (self->refused, NULL);
  names = g_strjoinv (", ", (char **) self->refused->pdata);
  g_ptr_array_remove_index (self->refused, self->refused->len - 1);
  return g_strdup_printf (_ ("its pickle names %s, which a model does not need and which could run code; get this model as safetensors"),
                          names);
}
