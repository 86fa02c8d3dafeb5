/* The threads that own the devices, one each, and their queue: jobs in, events out.
 * SPDX-License-Identifier: Apache-2.0
 *
 * With several cards several jobs are in work at once: one that leaves the choice ("auto") goes to the card that is free first, one that
 * names a card waits for it. They begin in the order of the queue.
 * Everything here is called on the main thread and signals arrive there. Previews do not queue: a job has one slot for the latest
 * frame, which the window takes at most once per repaint. */
#pragma once

#include <gio/gio.h>

#include "engine/history.h"
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

/* One request on its way. Properties, read-only, notified on the main thread:
 * state (VelJobState as int), fraction (double, of the current stage), step, n_steps (uint), seconds-left (double, < 0 unknown). */
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

/* Signals: "job-added" (VelJob), "job-over" (VelJob), "held" (sentence): a device was lost. Then the job it was at waits again, before all others,
 * and none begins until vel_worker_resume or until the queue is empty. */
#define VEL_TYPE_WORKER (vel_worker_get_type ())
G_DECLARE_FINAL_TYPE (VelWorker, vel_worker, VEL, WORKER, GObject)
/* history: (nullable) without it pictures are not saved. nice: 10 beside a window. Starts its first thread on the first job. */
VelWorker *vel_worker_new (VelHistory *history, unsigned threads, int nice);
/* Queues a copy of the request. Returns: (transfer none): the job, owned by the worker until it is over */
VelJob *vel_worker_add (VelWorker *self, VelValues *request);
/* Stops the job in work, or takes a waiting one out of the queue. At once; the job ends within a second. */
void vel_worker_stop (VelWorker *self, VelJob *job);
void vel_worker_stop_all (VelWorker *self);
gboolean vel_worker_is_held (VelWorker *self);
/* Goes on after a lost device. device: (nullable) for all that wait; NULL: as they say, which opens a lost card anew */
void vel_worker_resume (VelWorker *self, const char *device);
/* The job in work, the oldest of several; or the next one. (nullable) */
VelJob *vel_worker_get_current (VelWorker *self);
/* Those that nobody has begun, without the current one. */
guint vel_worker_get_n_waiting (VelWorker *self);
