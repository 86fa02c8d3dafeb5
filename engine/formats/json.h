/* A cursor over JSON text, for headers too large or too hostile to be made into a tree.
 * SPDX-License-Identifier: Apache-2.0
 *
 * Nothing is allocated but the strings handed out; values nest at most VEL_JSON_MAX_DEPTH deep. The first thing wrong is kept in
 * `problem` and every later call fails, so a reader looks once at the end:
 *
 *   vel_json_begin (&json, '{');
 *   while (vel_json_more (&json, '}')) {
 *     g_autofree char *key = vel_json_key (&json);
 *     vel_json_skip (&json);
 *   }
 *   if (!vel_json_end (&json)) … json.problem, vel_json_offset (&json)
 */
#pragma once

#include <glib.h>

#define VEL_JSON_MAX_DEPTH 32

typedef struct {
  const char *start, *at, *end;
  gboolean fresh;      /* a bracket was just opened: no comma yet */
  const char *problem; /* a phrase, translated: "a comma or a bracket is missing"; NULL while all is well */
} VelJson;

/* The text is borrowed and need not end with 0. */
void vel_json_init (VelJson *self, const char *text, gsize length);
/* bracket: '{' or '[' */
gboolean vel_json_begin (VelJson *self, char bracket);
/* TRUE if a member follows, whose comma is then behind; FALSE once the closing bracket is, or after a problem. */
gboolean vel_json_more (VelJson *self, char bracket);
/* A member's name, its colon behind. Returns: (transfer full); NULL after a problem */
char *vel_json_key (VelJson *self);
/* Valid UTF-8 without NUL. Returns: (transfer full); NULL after a problem */
char *vel_json_string (VelJson *self);
/* A whole number without sign, fraction or exponent. */
gboolean vel_json_number (VelJson *self, guint64 *value);
/* Any value. */
gboolean vel_json_skip (VelJson *self);
/* TRUE if nothing but white space is left and there was no problem. */
gboolean vel_json_end (VelJson *self);
/* problem: a phrase marked with N_ and never freed. Always FALSE. */
gboolean vel_json_fail (VelJson *self, const char *problem);
gsize vel_json_offset (const VelJson *self);
