/* A waiting job, and the worker's turn at it: painting, saving, what becomes of what is not saved.  SPDX-License-Identifier: Apache-2.0
 *
 * A ticket is the worker's: its request is a copy, so that the job's own one may be looked at meanwhile. Files of what was painted follow
 * one rule: they go once the picture is saved or nobody wants it, and stay otherwise. */
#pragma once

#include "engine/history.h"
#include "engine/job.h"
#include "engine/pipeline/generate.h"

typedef struct {
  VelJob *job;
  VelValues *request;
  VelUnfinished *unfinished; /* (nullable) it was painted before, and is to be decoded alone */
  GPtrArray *left;           /* (nullable) (element-type VelKept) painted by a device that was lost then */
} VelTicket;

/* request: copied. unfinished: (transfer full) (nullable) */
VelTicket *vel_ticket_new (VelJob *job, VelValues *request, VelUnfinished *unfinished);
/* What is left stays on disk, unfinished. */
void vel_ticket_free (VelTicket *self);
/* Nobody wants it. */
void vel_ticket_discard_left (VelTicket *self);

/* Starts as zeros but for the first two. */
typedef struct {
  VelTicket *ticket;
  VelHistory *history; /* (nullable) */
  VelJobReport report;
  GArray *saved; /* gint64, history ids */
  VelResult *result;
  GError *error;
} VelTurn;

/* Paints or decodes, and saves. */
void vel_turn_paint (VelTurn *self, VelEngine *engine);
/* What was painted and is not saved: a person who stopped it does not want it; while the program ends, and after an error, it is
 * unfinished, and where the device was lost the ticket has it. engine: (nullable) */
void vel_turn_leave (VelTurn *self, VelEngine *engine, gboolean quitting);
/* Tells the job what came of it. device: (nullable) */
void vel_turn_end (VelTurn *self, const char *device);
void vel_turn_clear (VelTurn *self);
