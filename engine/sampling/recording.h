/* A network's ops, written down where the device can do that and replayed from then on.
 * SPDX-License-Identifier: Apache-2.0
 *
 * What goes in and comes out lies always at the same place, and so do the intermediates: they are of a context that nobody else uses. */
#pragma once

#include "engine/tensor/context.h"

typedef struct {
  VelContext *inside;  /* owned: of the intermediates */
  gboolean ran, tried; /* tried: to record */
  VelGraph *graph;
} VelRecording;

void vel_recording_init (VelRecording *self, VelContext *ctx);
void vel_recording_clear (VelRecording *self);
/* ops: all of them in self->inside. The first time as they come, so that memory and scratch have their sizes; the second time written down,
 * unless memory ran short the first time and blocks went back: then the time after. Errors are ctx's then. */
void vel_recording_run (VelContext *ctx, VelRecording *self, void (*ops) (gpointer data), gpointer data);
/* Runs the ops and looks at every layer. Returns: (nullable) the first whose result is not finite */
const char *vel_recording_find_culprit (VelRecording *self, void (*ops) (gpointer data), gpointer data);
