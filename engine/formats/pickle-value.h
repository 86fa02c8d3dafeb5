/* What a pickle's instructions leave behind: plain values, never objects.
 * SPDX-License-Identifier: Apache-2.0
 *
 * All of them live in one arena and go with it. Texts are views into the pickle. */
#pragma once

#include <glib.h>

typedef struct VelPickleValue VelPickleValue;
typedef struct VelPickleGlobal VelPickleGlobal; /* pickle-globals.h */

typedef enum {
  VEL_PICKLE_NONE,
  VEL_PICKLE_BOOL,    /* integer */
  VEL_PICKLE_INTEGER, /* integer */
  VEL_PICKLE_NUMBER,  /* number */
  VEL_PICKLE_TEXT,    /* text */
  VEL_PICKLE_TUPLE,   /* list */
  VEL_PICKLE_LIST,    /* list */
  VEL_PICKLE_DICT,    /* list: key, value, key, value … */
  VEL_PICKLE_GLOBAL,  /* global; NULL for one that is not known */
  VEL_PICKLE_STORAGE, /* storage */
  VEL_PICKLE_TENSOR,  /* tensor */
  VEL_PICKLE_OPAQUE,  /* something that is known and of no use here */
} VelPickleKind;

struct VelPickleValue {
  VelPickleKind kind;
  union {
    gint64 integer;
    double number;
    struct {
      const char *start; /* not NUL-terminated */
      gsize length;
    } text;
    struct {
      VelPickleValue **items;
      guint n, room;
    } list;
    const VelPickleGlobal *global;
    struct {
      const char *type;          /* of the elements, as vel_tensor_type_find knows it */
      const VelPickleValue *key; /* text: its name in the container */
      gint64 count;
    } storage;
    struct {
      const char *type;
      const VelPickleValue *storage, *layout; /* layout: tuple of offset, shape, strides; shape and strides are tuples */
    } tensor;
  };
};

/* Memory with a budget. */
typedef struct {
  GPtrArray *blocks;
  guint8 *at;
  gsize left, spent;
} VelPickleArena;

void vel_pickle_arena_init (VelPickleArena *self);
void vel_pickle_arena_clear (VelPickleArena *self);
/* Zeroed, aligned to 8 bytes. Returns: (nullable): NULL once the budget is spent */
gpointer vel_pickle_arena_take (VelPickleArena *self, gsize bytes);

gboolean vel_pickle_value_is_text (const VelPickleValue *value, const char *text);
/* A dict that something is looked up in is a small one: a pickle may ask for a lookup with a byte. */
#define VEL_PICKLE_MOST_LOOKUPS 1024
/* The value of a text key, the last one as in Python. (nullable): NULL also for a dict of more than so many keys */
const VelPickleValue *vel_pickle_value_lookup (const VelPickleValue *dict, const char *key);
