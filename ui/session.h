/* What the window's parts share.
 * SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "engine/history.h"
#include "engine/worker.h"
#include "ui/models.h"
#include "ui/vocabulary.h"

#define VEL_TYPE_SESSION (vel_session_get_type ())
G_DECLARE_FINAL_TYPE (VelSession, vel_session, VEL, SESSION, GObject)

/* history: (nullable) pictures are then not kept, and `problem` says why. */
VelSession *vel_session_new (GSettings *settings, VelHistory *history, const char *problem);
/* All (transfer none). */
VelValues *vel_session_get_request (VelSession *self);   /* the one being written; a draft of it survives the program */
VelWorker *vel_session_get_worker (VelSession *self);
VelHistory *vel_session_get_history (VelSession *self);  /* (nullable) */
GSettings *vel_session_get_settings (VelSession *self);
VelModels *vel_session_get_models (VelSession *self);
VelVocabulary *vel_session_get_vocabulary (VelSession *self);
const char *vel_session_get_problem (VelSession *self);  /* (nullable) a sentence to show at the start */

/* Queues what is written now. (transfer none) */
VelJob *vel_session_paint (VelSession *self);
/* Writes the draft and stops all work. */
void vel_session_close (VelSession *self);
