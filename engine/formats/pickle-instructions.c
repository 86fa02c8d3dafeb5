/* What each instruction of a pickle does to the machine.  SPDX-License-Identifier: Apache-2.0
 *
 * One function for a kind of them; each gets its code. The table at the end is the language. */
#include "config.h"

#include "engine/formats/pickle-globals.h"
#include "engine/formats/pickle-machine.h"
#include "engine/formats/shown.h"

#include <glib/gi18n-lib.h>
#include <string.h>

#define MOST_REFUSED 8 /* names in the message; hostile pickles need one or two */

static void
push_kind (VelPickle *self, VelPickleKind kind)
{
  vel_pickle_push (self, vel_pickle_value (self, kind));
}

static void
push_integer (VelPickle *self, VelPickleKind kind, gint64 integer)
{
  VelPickleValue *value = vel_pickle_value (self, kind);

  if (!self->problem)
    value->integer = integer;
  vel_pickle_push (self, value);
}

static void
push_text (VelPickle *self, const char *start, gsize length)
{
  VelPickleValue *value;

  if (!start)
    return;
  value = vel_pickle_value (self, VEL_PICKLE_TEXT);
  if (!self->problem) {
    value->text.start = start;
    value->text.length = length;
  }
  vel_pickle_push (self, value);
}

/* Naming one that is not known is what the pickle will be refused for; until then it is a value like others. */
static void
push_global (VelPickle *self, const char *module, gsize module_length, const char *name, gsize name_length)
{
  const VelPickleGlobal *global = vel_pickle_global_find (module, module_length, name, name_length);
  VelPickleValue *value = vel_pickle_value (self, VEL_PICKLE_GLOBAL);

  if (!global && ++self->n_refused > MOST_REFUSED * 8)
    vel_pickle_fail (self, N_ ("it names far too much"));
  else if (!global && self->refused->len < MOST_REFUSED) {
    g_autofree char *full = g_strdup_printf ("%.*s.%.*s", (int) MIN (module_length, VEL_PICKLE_MOST_LINE), module,
                                             (int) MIN (name_length, VEL_PICKLE_MOST_LINE), name);
    char *shown = vel_shown (full);

    if (g_ptr_array_find_with_equal_func (self->refused, shown, g_str_equal, NULL))
      g_free (shown);
    else
      g_ptr_array_add (self->refused, shown);
  }
  if (!self->problem)
    value->global = global;
  vel_pickle_push (self, value);
}

static void
on_protocol (VelPickle *self, guint8 code)
{
  guint64 version = vel_pickle_take_number (self, 1);

  if (version > 5)
    vel_pickle_fail (self, N_ ("it is of a protocol newer than 5"));
}

static void
on_frame (VelPickle *self, guint8 code)
{
  if (vel_pickle_take_number (self, 8) > (gsize) (self->end - self->at))
    vel_pickle_fail (self, N_ ("it ends too early"));
}

static void
on_constant (VelPickle *self, guint8 code)
{
  if (code == 'N')
    push_kind (self, VEL_PICKLE_NONE);
  else
    push_integer (self, VEL_PICKLE_BOOL, code == 0x88);
}

/* BININT, BININT1, BININT2 */
static void
on_integer (VelPickle *self, guint8 code)
{
  guint64 number = vel_pickle_take_number (self, code == 'J' ? 4 : code == 'M' ? 2 : 1);

  push_integer (self, VEL_PICKLE_INTEGER, code == 'J' ? (gint32) number : (gint64) number);
}

/* LONG1, LONG4: two's complement. One of more than 8 bytes is no size of anything. */
static void
on_long (VelPickle *self, guint8 code)
{
  guint64 bytes = vel_pickle_take_number (self, code == 0x8a ? 1 : 4), number = 0;
  const guint8 *at = vel_pickle_take (self, bytes);

  if (bytes > 8) {
    push_kind (self, VEL_PICKLE_OPAQUE);
    return;
  }
  if (at && bytes && at[bytes - 1] & 0x80)
    number = G_MAXUINT64;
  for (guint i = bytes; at && i-- > 0;)
    number = number << 8 | at[i];
  push_integer (self, VEL_PICKLE_INTEGER, (gint64) number);
}

/* BINFLOAT: eight bytes, most significant first */
static void
on_number (VelPickle *self, guint8 code)
{
  guint64 bits = GUINT64_SWAP_LE_BE (vel_pickle_take_number (self, 8));
  VelPickleValue *value = vel_pickle_value (self, VEL_PICKLE_NUMBER);

  if (!self->problem)
    memcpy (&value->number, &bits, 8);
  vel_pickle_push (self, value);
}

/* Texts and bytes with their length before them. */
static void
on_counted (VelPickle *self, guint8 code)
{
  gboolean is_short = code == 'U' || code == 'C' || code == 0x8c, is_long = code == 0x8d || code == 0x8e || code == 0x96;
  guint64 length = vel_pickle_take_number (self, is_short ? 1 : is_long ? 8 : 4);
  const char *start = (const char *) vel_pickle_take (self, length);

  push_text (self, start, length);
}

/* INT, LONG, FLOAT, STRING, UNICODE: a line. Only old pickles of other programs have them, so that only texts need a meaning: to be named.
 */
static void
on_line (VelPickle *self, guint8 code)
{
  gsize length;
  const char *line = vel_pickle_take_line (self, &length);

  if (!line)
    return;
  if (code == 'S' && length >= 2)
    push_text (self, line + 1, length - 2);
  else if (code == 'S' || code == 'V')
    push_text (self, line, length);
  else
    push_kind (self, VEL_PICKLE_OPAQUE);
}

static void
on_empty (VelPickle *self, guint8 code)
{
  push_kind (self, code == ')' ? VEL_PICKLE_TUPLE : code == ']' ? VEL_PICKLE_LIST : code == '}' ? VEL_PICKLE_DICT : VEL_PICKLE_OPAQUE);
}

static void
on_mark (VelPickle *self, guint8 code)
{
  if (self->n_marks == G_N_ELEMENTS (self->marks))
    vel_pickle_fail (self, N_ ("it is nested too deeply"));
  else
    self->marks[self->n_marks++] = self->n_stack;
}

/* TUPLE, LIST, DICT, FROZENSET from everything above the mark */
static void
on_collect (VelPickle *self, guint8 code)
{
  VelPickleValue *value = vel_pickle_value (self, code == 't'   ? VEL_PICKLE_TUPLE
                                                  : code == 'l' ? VEL_PICKLE_LIST
                                                  : code == 'd' ? VEL_PICKLE_DICT
                                                                : VEL_PICKLE_OPAQUE);
  guint count = vel_pickle_pop_mark (self);

  if (code == 'd' && count % 2)
    vel_pickle_fail (self, N_ ("a key has no value"));
  if (code == 0x91 && vel_pickle_need (self, count))
    self->n_stack -= count;
  else if (!self->problem)
    vel_pickle_move_into (self, value, count);
  vel_pickle_push (self, value);
}

/* TUPLE1, TUPLE2, TUPLE3 */
static void
on_tuple (VelPickle *self, guint8 code)
{
  VelPickleValue *tuple = vel_pickle_value (self, VEL_PICKLE_TUPLE);

  vel_pickle_move_into (self, tuple, code - 0x84);
  vel_pickle_push (self, tuple);
}

/* APPEND, APPENDS, SETITEM, SETITEMS, ADDITEMS. Into what no object was built from, anything may go. */
static void
on_fill (VelPickle *self, guint8 code)
{
  guint count = code == 'a' ? 1 : code == 's' ? 2 : vel_pickle_pop_mark (self);
  VelPickleKind wanted = code == 'a' || code == 'e' ? VEL_PICKLE_LIST : code == 0x90 ? VEL_PICKLE_OPAQUE : VEL_PICKLE_DICT;
  VelPickleValue *into;

  if (!vel_pickle_need (self, count + 1))
    return;
  into = self->stack[self->n_stack - count - 1];
  if (wanted == VEL_PICKLE_DICT && count % 2)
    vel_pickle_fail (self, N_ ("a key has no value"));
  else if (into->kind == VEL_PICKLE_OPAQUE)
    self->n_stack -= count;
  else if (into->kind == wanted)
    vel_pickle_move_into (self, into, count);
  else
    vel_pickle_fail (self, N_ ("values are put into what is no list and no dict"));
}

static void
on_pop (VelPickle *self, guint8 code)
{
  if (code == '1')
    self->n_stack -= vel_pickle_pop_mark (self);
  else if (self->n_marks && self->marks[self->n_marks - 1] == self->n_stack)
    self->n_marks--; /* as Python does: a mark is on its stack too */
  else
    vel_pickle_pop (self);
}

static void
on_duplicate (VelPickle *self, guint8 code)
{
  if (vel_pickle_need (self, 1))
    vel_pickle_push (self, self->stack[self->n_stack - 1]);
}

static guint64
line_number (VelPickle *self)
{
  gsize length, i = 0;
  const char *line = vel_pickle_take_line (self, &length);
  guint64 number = 0;

  for (; line && i < length && i < 9 && g_ascii_isdigit (line[i]); i++)
    number = number * 10 + (guint64) (line[i] - '0');
  if (line && (i == 0 || i != length))
    vel_pickle_fail (self, N_ ("a line is no number"));
  return number;
}

/* BINGET, LONG_BINGET, GET */
static void
on_recall (VelPickle *self, guint8 code)
{
  guint64 index = code == 'g' ? line_number (self) : vel_pickle_take_number (self, code == 'h' ? 1 : 4);

  if (index >= self->memo_room || !self->memo[index])
    vel_pickle_fail (self, N_ ("it recalls what it did not keep"));
  else
    vel_pickle_push (self, self->memo[index]);
}

/* BINPUT, LONG_BINPUT, PUT, MEMOIZE */
static void
on_keep (VelPickle *self, guint8 code)
{
  guint64 index = code == 0x94 ? self->n_memo : code == 'p' ? line_number (self) : vel_pickle_take_number (self, code == 'q' ? 1 : 4);

  if (!vel_pickle_need (self, 1))
    return;
  if (index >= VEL_PICKLE_MOST_ENTRIES || !vel_pickle_grow (&self->memo, &self->memo_room, index)) {
    vel_pickle_fail (self, N_ ("it keeps more than a million values"));
    return;
  }
  if (!self->memo[index])
    self->n_memo++;
  self->memo[index] = self->stack[self->n_stack - 1];
}

/* GLOBAL */
static void
on_global (VelPickle *self, guint8 code)
{
  gsize module_length, name_length;
  const char *module = vel_pickle_take_line (self, &module_length), *name = module ? vel_pickle_take_line (self, &name_length) : NULL;

  if (name)
    push_global (self, module, module_length, name, name_length);
}

/* STACK_GLOBAL */
static void
on_stack_global (VelPickle *self, guint8 code)
{
  const VelPickleValue *name = vel_pickle_pop (self), *module = vel_pickle_pop (self);

  if (name->kind != VEL_PICKLE_TEXT || module->kind != VEL_PICKLE_TEXT)
    vel_pickle_fail (self, N_ ("it names something by what is no text"));
  else
    push_global (self, module->text.start, module->text.length, name->text.start, name->text.length);
}

/* INST: a class by name, and its arguments above the mark */
static void
on_instance (VelPickle *self, guint8 code)
{
  guint count = vel_pickle_pop_mark (self);

  if (vel_pickle_need (self, count))
    self->n_stack -= count;
  on_global (self, code);
  vel_pickle_fail (self, N_ ("it makes an object, which no checkpoint does in this way"));
}

/* REDUCE, NEWOBJ: what would be a call */
static void
on_call (VelPickle *self, guint8 code)
{
  VelPickleValue *arguments = vel_pickle_pop (self), *callee = vel_pickle_pop (self), *result = NULL;

  if (self->problem)
    return;
  if (callee->kind != VEL_PICKLE_GLOBAL || arguments->kind != VEL_PICKLE_TUPLE) {
    vel_pickle_fail (self, N_ ("it calls what is no function"));
    return;
  }
  if (!callee->global) /* its name is kept; nothing can come of it */
    result = vel_pickle_value (self, VEL_PICKLE_OPAQUE);
  else if (callee->global->call)
    result = callee->global->call (self, callee->global, arguments);
  if (!result)
    vel_pickle_fail (self, N_ ("it calls a function in a way in which it is never called"));
  else
    vel_pickle_push (self, result);
}

/* BUILD: state for an object. All of it is left aside but a module's parameters, which is where a ParameterDict keeps them. */
static void
on_build (VelPickle *self, guint8 code)
{
  const VelPickleValue *state = vel_pickle_pop (self), *parameters = NULL;
  VelPickleValue *object;

  if (!vel_pickle_need (self, 1))
    return;
  object = self->stack[self->n_stack - 1];
  if (object->kind != VEL_PICKLE_OPAQUE && object->kind != VEL_PICKLE_DICT && object->kind != VEL_PICKLE_TENSOR)
    vel_pickle_fail (self, N_ ("it changes what is no object"));
  else if (object->kind == VEL_PICKLE_DICT)
    parameters = vel_pickle_value_lookup (state, "_parameters");
  if (parameters && parameters->kind == VEL_PICKLE_DICT && parameters != object)
    for (guint i = 0; i < parameters->list.n; i++)
      vel_pickle_append (self, object, parameters->list.items[i]);
}

/* BINPERSID: in a checkpoint always ('storage', class, name, device, count), in a legacy one with a view as well */
static void
on_storage (VelPickle *self, guint8 code)
{
  const VelPickleValue *id = vel_pickle_pop (self), *const * items;
  VelPickleValue *value;

  if (self->problem)
    return;
  items = (const VelPickleValue *const *) id->list.items;
  if (id->kind != VEL_PICKLE_TUPLE || id->list.n < 5 || id->list.n > 6 || !vel_pickle_value_is_text (items[0], "storage") ||
      items[1]->kind != VEL_PICKLE_GLOBAL || items[2]->kind != VEL_PICKLE_TEXT || items[4]->kind != VEL_PICKLE_INTEGER ||
      items[4]->integer < 0 || (items[1]->global && (!items[1]->global->type || items[1]->global->call))) {
    vel_pickle_fail (self, N_ ("it asks for something from outside that is no storage"));
    return;
  }
  if (id->list.n == 6 && items[5]->kind != VEL_PICKLE_NONE) {
    vel_pickle_fail (self, N_ ("it has views of storages, as only versions of PyTorch before 0.4 wrote them"));
    return;
  }
  value = vel_pickle_value (self, VEL_PICKLE_STORAGE);
  if (!self->problem) {
    value->storage.type = items[1]->global ? items[1]->global->type : "U8";
    value->storage.key = items[2];
    value->storage.count = items[4]->integer;
    g_ptr_array_add (self->storages, value);
  }
  vel_pickle_push (self, value);
}

/* OBJ, NEWOBJ_EX, EXT1…, PERSID, buffers out of band: no checkpoint has them. */
static void
on_forbidden (VelPickle *self, guint8 code)
{
  vel_pickle_fail (self, N_ ("it has an instruction that no checkpoint has"));
}

/* clang-format off */
void (*const vel_pickle_instructions[256]) (VelPickle *, guint8) = {
  [0x80] = on_protocol, [0x95] = on_frame,
  ['N'] = on_constant, [0x88] = on_constant, [0x89] = on_constant,
  ['J'] = on_integer, ['K'] = on_integer, ['M'] = on_integer, [0x8a] = on_long, [0x8b] = on_long, ['G'] = on_number,
  ['U'] = on_counted, ['T'] = on_counted, ['X'] = on_counted, [0x8c] = on_counted, [0x8d] = on_counted,
  ['C'] = on_counted, ['B'] = on_counted, [0x8e] = on_counted, [0x96] = on_counted,
  ['I'] = on_line, ['L'] = on_line, ['F'] = on_line, ['S'] = on_line, ['V'] = on_line,
  [')'] = on_empty, [']'] = on_empty, ['}'] = on_empty, [0x8f] = on_empty,
  ['('] = on_mark, ['t'] = on_collect, ['l'] = on_collect, ['d'] = on_collect, [0x91] = on_collect,
  [0x85] = on_tuple, [0x86] = on_tuple, [0x87] = on_tuple,
  ['a'] = on_fill, ['e'] = on_fill, ['s'] = on_fill, ['u'] = on_fill, [0x90] = on_fill,
  ['0'] = on_pop, ['1'] = on_pop, ['2'] = on_duplicate,
  ['h'] = on_recall, ['j'] = on_recall, ['g'] = on_recall,
  ['q'] = on_keep, ['r'] = on_keep, ['p'] = on_keep, [0x94] = on_keep,
  ['c'] = on_global, [0x93] = on_stack_global, ['i'] = on_instance,
  ['R'] = on_call, [0x81] = on_call, ['b'] = on_build, ['Q'] = on_storage,
  ['o'] = on_forbidden, [0x92] = on_forbidden, [0x82] = on_forbidden, [0x83] = on_forbidden, [0x84] = on_forbidden,
  ['P'] = on_forbidden, [0x97] = on_forbidden, [0x98] = on_forbidden,
};
/* clang-format on */
