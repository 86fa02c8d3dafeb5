/* What `generate` says while it works: a line that updates, a line a step, or JSON events.
 * SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "engine/pipeline/generate.h"

typedef struct {
  gboolean quiet;    /* nothing on standard error */
  gboolean json;     /* events on standard output */
  gboolean terminal; /* standard error is one: its line is rewritten */
  gboolean open;     /* that line waits for its end */
  int stage;         /* last VelStage told, -1: none */
  unsigned step;     /* last step told */
  int percent;       /* last percent of loading told */
  gint64 started;    /* when the first step began, monotonic */
} VelReport;

void vel_report_init (VelReport *self, gboolean quiet, gboolean json);
void vel_report_progress (VelReport *self, const VelProgress *progress);
/* path: (nullable) */
void vel_report_picture (VelReport *self, guint index, const VelPicture *picture, const char *path);
/* A sentence for people, not told with --quiet. */
void vel_report_note (VelReport *self, const char *format, ...) G_GNUC_PRINTF (2, 3);
/* The last event: "done", "cancelled", or "failed" with its message (nullable). Ends an open line. */
void vel_report_end (VelReport *self, const char *event, double seconds, const char *message);
