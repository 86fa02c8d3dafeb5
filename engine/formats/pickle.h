/* An inert pickle machine: it reads what a pickle says and builds no object, imports nothing, calls nothing.
 * SPDX-License-Identifier: Apache-2.0
 *
 * https://docs.python.org/3/library/pickletools.html has the instructions. A pickle is a program that may name any function of the
 * machine it is loaded on. Here a name is only text: pickle-globals.c has the few that checkpoints need and what they come to; naming any
 * other one refuses the pickle. There is no way to switch that off. */
#pragma once

#include "engine/formats/pickle-value.h"

#define VEL_PICKLE_MOST (64u << 20) /* bytes of a pickle that is read */

typedef struct {
  const guint8 *start, *at, *end;
  const char *problem; /* the first one, as a translated phrase, or NULL */
  GPtrArray *refused;  /* char *: names that are not known, "os.system"; a few, for the message */
  VelPickleArena arena;
  GPtrArray *storages; /* VelPickleValue: all that were named */
  VelPickleValue **stack, **memo;
  guint n_stack, stack_room, memo_room, n_memo, n_refused;
  guint marks[256], n_marks;
} VelPickle;

/* The bytes must stay where they are as long as the values are used. */
void vel_pickle_init (VelPickle *self, const guint8 *data, gsize size);
void vel_pickle_clear (VelPickle *self);
/* Runs up to the STOP instruction; `at` is then behind it, and another pickle may be run from there.
 * Returns: NULL with `problem` or names in `refused`. Names are all collected before it ends, since what follows them is harmless. */
const VelPickleValue *vel_pickle_run (VelPickle *self);
/* Why it did, as one phrase that names what is refused. Returns: (transfer full) */
char *vel_pickle_dup_problem (const VelPickle *self);

/* For pickle-globals.c. After a problem everything goes on without effect. */
void vel_pickle_fail (VelPickle *self, const char *problem);
/* Returns: borrowed, never NULL */
VelPickleValue *vel_pickle_value (VelPickle *self, VelPickleKind kind);
void vel_pickle_append (VelPickle *self, VelPickleValue *list, VelPickleValue *item);
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC (VelPickle, vel_pickle_clear)
