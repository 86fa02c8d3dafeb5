/* The pictures of the history as files: names, what they say of themselves.  SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "engine/formats/recipe.h"

/* Standard PNG keyword; its value is RFC 3339 in UTC with microseconds. */
#define VEL_HISTORY_CREATED "Creation Time"

/* A row of the database, or what a file says in its place. */
typedef struct {
  char *path; /* relative to the folder of the pictures */
  gint64 created;
  guint width, height;
  guint64 seed;
  char *prompt, *negative, *model, *recipe;
} VelHistoryRow;
void vel_history_row_clear (VelHistoryRow *self);

/* Writes PNG bytes to YYYY-MM/DATE-TIME-SEED-N.png, with the first N that is free. Durable when it returns.
 * Returns: (transfer full): the path relative to folder; NULL with VEL_ERROR_STORAGE, then nothing is left behind */
char *vel_history_files_write (const char *folder, GBytes *png, gint64 created, guint64 seed, GError **error);
/* Returns: (transfer full): microseconds as VEL_HISTORY_CREATED has them */
char *vel_history_files_format_time (gint64 created);
/* Reads a picture's texts. has_recipe: FALSE for a file that is intact but of nobody's making. Returns FALSE with VEL_ERROR_FORMAT */
gboolean vel_history_files_read (VelHistoryRow *self, const char *folder, const char *path, gboolean *has_recipe, GError **error);
/* All PNG files below folder, sorted. Returns: (transfer full) (element-type filename), relative */
GPtrArray *vel_history_files_list (const char *folder);
/* Removes what killed processes left. */
void vel_history_files_sweep (const char *folder);
