/* Options described once: window rows, flags, help, recipes and checks are derived from these tables.
 * SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <gio/gio.h>

#include "engine/error.h"

typedef enum {
  VEL_PARAM_BOOL,
  VEL_PARAM_INT,
  VEL_PARAM_SEED,   /* 0 .. 2^64-1, or unset: a new one each time */
  VEL_PARAM_REAL,
  VEL_PARAM_TEXT,
  VEL_PARAM_CHOICE, /* an id of a registry kind, or one of `choices` */
  VEL_PARAM_FILE,   /* a path or a name */
} VelParamType;

typedef enum {
  VEL_PARAM_NONE = 0,
  VEL_PARAM_MULTILINE = 1 << 0,
  VEL_PARAM_HIDDEN = 1 << 1,    /* no row in the window (paths, devices) */
  VEL_PARAM_TECHNICAL = 1 << 2, /* not part of a picture's recipe (threads, output) */
  VEL_PARAM_LIST = 1 << 3,      /* several values, a line each; giving the flag again adds one */
} VelParamFlags;

typedef struct {
  const char *name;     /* "steps": flag --steps, recipe key */
  const char *label;    /* translatable, as artists say it: "Steps" */
  const char *keywords; /* other words the option search finds it by: "CFG scale" */
  const char *help;     /* translatable, one sentence */
  VelParamType type;
  guint flags;
  double minimum, maximum, step; /* hard range of numbers; 0, 0: none. A value must be a multiple of step from minimum if step > 1 */
  double slider_minimum, slider_maximum; /* what a slider shows; 0, 0: the hard range */
  const char *standard; /* default as text; "" = unset */
  const char *unit;     /* "px", or NULL */
  const char *choices;  /* CHOICE: "registry:samplers" or "cpu|nv" */
  const char *group;    /* section of the window: "prompt", "model", "size", "sampling", "start", "hires", "output" */
  /* (nullable) TEXT, and CHOICE for what is none of the choices: the text in its plain form, (transfer full), or NULL if it can not be used */
  char *(*check) (const char *text);
  GStrv (*more) (void); /* (nullable) CHOICE: what there is besides, as files; (transfer full) */
  const char *unset;    /* translatable: what an unset number is called where “Auto” does not say it, or stands in an empty field; or NULL */
  const char *wanted;   /* translatable, where there is `check`: what can be used, as in “wanted is two sides like 512x768” */
} VelParam;

/* Values of one table, by name, as text that was checked. Names not in the table are kept too, so that a newer version's recipe
 * survives. Observable: notifies "changed::NAME". Main thread, or owned by one thread. */
#define VEL_TYPE_VALUES (vel_values_get_type ())
G_DECLARE_DERIVABLE_TYPE (VelValues, vel_values, VEL, VALUES, GObject)

struct _VelValuesClass {
  GObjectClass parent_class;
};

/* table: ends with a row whose name is NULL; lives for ever. Returns: (transfer full) */
VelValues *vel_values_new (const VelParam *table);
/* A copy whose later changes are its own. Returns: (transfer full) */
VelValues *vel_values_dup (VelValues *self);
const VelParam *vel_values_get_table (VelValues *self);
/* (nullable) */
const VelParam *vel_values_find (VelValues *self, const char *name);

/* text: checked against the row: VEL_ERROR_REQUEST names the option, the text found and what is allowed. Choices accept any
 * alias and are stored by id. "" or NULL: back to the default. A number set to its default counts as set: a recipe keeps it when the
 * default changes. 0 of a whole number whose range begins above it and whose default is unset, and -1 of a seed, mean unset. */
gboolean vel_values_set (VelValues *self, const char *name, const char *text, GError **error);
void vel_values_set_int (VelValues *self, const char *name, gint64 value);     /* clamped */
void vel_values_set_real (VelValues *self, const char *name, double value);    /* clamped */
void vel_values_reset (VelValues *self);
/* Borrowed until the next change of that name; never NULL. Numbers that are unset are 0. */
const char *vel_values_get (VelValues *self, const char *name);
gint64 vel_values_get_int (VelValues *self, const char *name);
guint64 vel_values_get_seed (VelValues *self, const char *name);
double vel_values_get_real (VelValues *self, const char *name);
gboolean vel_values_get_bool (VelValues *self, const char *name);
/* FALSE while the default holds by itself. */
gboolean vel_values_is_set (VelValues *self, const char *name);

/* JSON object of everything that is set and not technical, names in table order then unknown ones. Returns: (transfer full) */
char *vel_values_to_json (VelValues *self);
/* Sets what the object has, resets the rest. Values that do not fit are left at their default and named in `problems` (nullable,
 * transfer full, one sentence each). FALSE with VEL_ERROR_FORMAT if it is no JSON object. */
gboolean vel_values_from_json (VelValues *self, const char *json, GStrv *problems, GError **error);
