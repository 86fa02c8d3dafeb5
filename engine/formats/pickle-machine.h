/* The parts of a pickle machine that its instructions are made of.  SPDX-License-Identifier: Apache-2.0
 *
 * After a problem nothing is read, pushed or popped any more, and what is handed out is a value of no kind that nobody may write to. */
#pragma once

#include "engine/formats/pickle.h"

#define VEL_PICKLE_MOST_ENTRIES (1u << 20) /* of stack and memo */
#define VEL_PICKLE_MOST_LINE 4096          /* bytes of a text instruction */

/* What an instruction does; its code, for those that come in several sizes. */
extern void (*const vel_pickle_instructions[256]) (VelPickle *self, guint8 code);

/* The next bytes. Returns: (nullable): NULL after a problem */
const guint8 *vel_pickle_take (VelPickle *self, guint64 bytes);
/* A little-endian number of 1, 2, 4 or 8 bytes; 0 after a problem. */
guint64 vel_pickle_take_number (VelPickle *self, guint bytes);
/* A line without its end. Returns: (nullable) */
const char *vel_pickle_take_line (VelPickle *self, gsize *length);

/* Room for an entry of stack or memo, NULL until it is set. Returns: FALSE if it is one of too many */
gboolean vel_pickle_grow (VelPickleValue ***array, guint *room, guint index);
void vel_pickle_push (VelPickle *self, VelPickleValue *value);
/* Whether there are so many values above the last mark; a problem if not. */
gboolean vel_pickle_need (VelPickle *self, guint count);
/* Returns: borrowed, never NULL */
VelPickleValue *vel_pickle_pop (VelPickle *self);
/* How many values lie above the last mark, which goes. 0 after a problem */
guint vel_pickle_pop_mark (VelPickle *self);
/* Moves the last values from the stack to the end of a list. */
void vel_pickle_move_into (VelPickle *self, VelPickleValue *list, guint count);
