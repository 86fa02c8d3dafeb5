/* One request on its way through the worker: how far it is, its latest frame, what came of it.
 * SPDX-License-Identifier: Apache-2.0
 *
 * The main thread owns a job and asks it; the thread that paints says how far it is. Reports do not queue: any number of them between two
 * turns of the main loop become one update, and a job has one slot for the latest frame. */
#pragma once

#include <gio/gio.h>

#include "engine/params.h"

typedef enum {
  VEL_JOB_QUEUED,
  VEL_JOB_LOADING,
  VEL_JOB_SAMPLING,
  VEL_JOB_DECODING,
  VEL_JOB_SAVING,
  VEL_JOB_DONE,
  VEL_JOB_CANCELLED, /* stopped; the latest preview stays in the slot */
  VEL_JOB_FAILED,
} VelJobState;

typedef struct {
  guint width, height;
  GBytes *rgb; /* [height, width, 3] */
  unsigned step;
} VelFrame;
void vel_frame_free (VelFrame *self);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (VelFrame, vel_frame_free)

/* Properties, read-only, notified on the main thread:
 * state (VelJobState as int), fraction (double, of the current stage), step, n_steps (uint), seconds-left (double, < 0 unknown).
 * Signal "over": after the last notification. */
#define VEL_TYPE_JOB (vel_job_get_type ())
G_DECLARE_FINAL_TYPE (VelJob, vel_job, VEL, JOB, GObject)
VelJobState vel_job_get_state (VelJob *self);
gboolean vel_job_is_over (VelJob *self);
double vel_job_get_fraction (VelJob *self);
unsigned vel_job_get_step (VelJob *self);
unsigned vel_job_get_n_steps (VelJob *self);
double vel_job_get_seconds_left (VelJob *self);
VelValues *vel_job_get_request (VelJob *self);      /* as it was when queued, with the seed filled in once known */
const GError *vel_job_get_error (VelJob *self);     /* (nullable) of a failed job */
/* (nullable) the name of the device that painted a job that is over */
const char *vel_job_get_device (VelJob *self);
/* History ids of the saved pictures, of a job that is done. */
const gint64 *vel_job_get_saved (VelJob *self, gsize *count);
/* The newest frame not yet taken; NULL if none came since. Any thread. (transfer full) (nullable) */
VelFrame *vel_job_take_frame (VelJob *self);

/* --- for the worker --- */

/* How far a job is. */
typedef struct {
  VelJobState state;
  double fraction, seconds_left;
  unsigned step, n_steps;
  gboolean has_seed;
  guint64 seed;
} VelJobReport;

/* What came of it; as far as it is known. */
typedef struct {
  const GError *error; /* (nullable) */
  const char *device;  /* (nullable) its name */
  GArray *saved;       /* (nullable) gint64, history ids; not changed any more */
} VelJobOutcome;

/* request: copied. context: where the job is shown. */
VelJob *vel_job_new (VelValues *request, GMainContext *context);
GCancellable *vel_job_get_cancellable (VelJob *self); /* borrowed, any thread */
/* Any thread: the job will show this. */
void vel_job_report (VelJob *self, VelJobReport report);
/* The last report, whose state is one of the over ones. */
void vel_job_end (VelJob *self, VelJobReport report, VelJobOutcome outcome);
/* rgb: [height, width, 3], copied. */
void vel_job_put_frame (VelJob *self, const guint8 *rgb, guint width, guint height, unsigned step);
/* Reports from now on, and those on their way, are not shown any more. */
void vel_job_abandon (VelJob *self);
