/* The threads that own the devices, one each, and their queue: jobs in, events out.
 * SPDX-License-Identifier: Apache-2.0
 *
 * With several cards several jobs are in work at once: one that leaves the choice ("auto") goes to the card that is free first, one that
 * names a card waits for it. They begin in the order of the queue.
 * Everything here is called on the main thread and signals arrive there. */
#pragma once

#include "engine/history.h"
#include "engine/job.h"

/* Signals: "job-added" (VelJob), "job-over" (VelJob), "held" (sentence): a device was lost. Then the job it was at waits again, before all others,
 * and none begins until vel_worker_resume or until the queue is empty. */
#define VEL_TYPE_WORKER (vel_worker_get_type ())
G_DECLARE_FINAL_TYPE (VelWorker, vel_worker, VEL, WORKER, GObject)
/* history: (nullable) without it pictures are not saved. nice: 10 beside a window. Starts its first thread on the first job. */
VelWorker *vel_worker_new (VelHistory *history, unsigned threads, int nice);
/* Queues a copy of the request. Returns: (transfer none): the job, owned by the worker until it is over */
VelJob *vel_worker_add (VelWorker *self, VelValues *request);
/* Queues what was painted before, to be decoded and saved. unfinished: (transfer full) with its latent. Returns: as above */
VelJob *vel_worker_finish (VelWorker *self, VelUnfinished *unfinished);
/* Stops the job in work, or takes a waiting one out of the queue. At once; the job ends within a second. */
void vel_worker_stop (VelWorker *self, VelJob *job);
void vel_worker_stop_all (VelWorker *self);
/* Likewise, and for good, as the program ends: what is painted and not saved yet stays on disk for the next one. */
void vel_worker_leave (VelWorker *self);
gboolean vel_worker_is_held (VelWorker *self);
/* Goes on after a lost device. device: (nullable) for all that wait; NULL: as they say, which opens a lost card anew */
void vel_worker_resume (VelWorker *self, const char *device);
/* The job in work, the oldest of several; or the next one. (nullable) */
VelJob *vel_worker_get_current (VelWorker *self);
/* Those that nobody has begun, without the current one. */
guint vel_worker_get_n_waiting (VelWorker *self);
