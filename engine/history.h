/* What was made and from what: pictures in the user's folder, an index of them in SQLite.
 * SPDX-License-Identifier: Apache-2.0
 *
 * A picture is a PNG that holds its whole recipe; the database can be rebuilt from the PNGs alone. Saving: temporary file, fsync,
 * rename, fsync of the folder, then the row, committed with synchronous=FULL. Only after that is the picture announced. One
 * connection per process writes, guarded by a lock file between processes; others read. Safe from any thread. */
#pragma once

#include <gio/gio.h>

#include "engine/formats/recipe.h"
#include "engine/unfinished.h"

typedef struct {
  gint64 id;
  char *path;       /* absolute */
  gint64 created;   /* microseconds since 1970, UTC */
  guint width, height;
  guint64 seed;
  char *prompt, *negative, *model;
  char *recipe;     /* our JSON, or A1111's text for a picture of another program */
} VelHistoryItem;
void vel_history_item_free (VelHistoryItem *self);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (VelHistoryItem, vel_history_item_free)

/* Signals "added" (gint64 id), "changed" (everything may have), "unfinished" (what is painted and not saved may have), on the main thread. */
#define VEL_TYPE_HISTORY (vel_history_get_type ())
G_DECLARE_FINAL_TYPE (VelHistory, vel_history, VEL, HISTORY, GObject)

/* data_dir, pictures_dir: (nullable) = vel_paths. Creates both. Returns: (transfer full); NULL with VEL_ERROR_STORAGE */
VelHistory *vel_history_open (const char *data_dir, const char *pictures_dir, GError **error);
/* Durable when it returns. rgb: [height, width, 3]. Returns: id, or -1 with VEL_ERROR_STORAGE (then nothing is left behind) */
gint64 vel_history_save (VelHistory *self, const guint8 *rgb, VelValues *request, const VelRecipeFacts *facts, GError **error);
/* (transfer full) (nullable) */
VelHistoryItem *vel_history_get (VelHistory *self, gint64 id, GError **error);
guint vel_history_count (VelHistory *self);
/* Ids, newest first; text: (nullable) words that must all occur in prompt, negative or model. Returns: (transfer full) gint64 */
GArray *vel_history_list (VelHistory *self, const char *text, guint limit, GError **error);
/* A small picture (longest side 256) as PNG bytes, made when the picture was saved or on first demand. (transfer full) (nullable) */
GBytes *vel_history_get_thumbnail (VelHistory *self, gint64 id, GError **error);

typedef struct {
  guint pictures, missing, damaged, foreign; /* rows whose file is there; is gone; can not be read; files without a recipe */
  guint unfinished;                          /* pictures that are painted and not saved; damaged ones count as damaged */
  GStrv problems;                            /* a sentence each */
} VelHistoryReport;
void vel_history_report_clear (VelHistoryReport *self);
/* Compares rows with files. */
gboolean vel_history_verify (VelHistory *self, VelHistoryReport *report, GError **error);
/* Recreates the database from the PNGs; the old one is kept beside it until the new one is complete. */
gboolean vel_history_rebuild (VelHistory *self, VelHistoryReport *report, GCancellable *cancellable, GError **error);

/* The folder of what is painted and not saved (unfinished.h). Borrowed. */
const char *vel_history_get_unfinished (VelHistory *self);
/* From any thread, to those who show it: something came to it or left. */
void vel_history_tell_unfinished (VelHistory *self);
