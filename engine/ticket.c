/* Waiting jobs, and the worker's turn at them.  SPDX-License-Identifier: Apache-2.0 */
#include "engine/ticket.h"

#include "engine/pipeline/facts.h"

VelTicket *
vel_ticket_new (VelJob *job, VelValues *request, VelUnfinished *unfinished)
{
  VelTicket *self = g_new (VelTicket, 1);

  *self = (VelTicket){ g_object_ref (job), vel_values_dup (request), unfinished, NULL };
  return self;
}

void
vel_ticket_free (VelTicket *self)
{
  g_object_unref (self->job);
  g_object_unref (self->request);
  vel_unfinished_free (self->unfinished);
  g_clear_pointer (&self->left, g_ptr_array_unref);
  g_free (self);
}

static void
discard_all (GPtrArray *kept)
{
  while (kept->len)
    vel_kept_discard (g_ptr_array_steal_index (kept, kept->len - 1));
}

void
vel_ticket_discard_left (VelTicket *self)
{
  if (self->left)
    discard_all (self->left);
}

static void
on_progress (const VelProgress *progress, gpointer data)
{
  static const VelJobState states[] = {
    [VEL_STAGE_LOADING] = VEL_JOB_LOADING,   [VEL_STAGE_TEXT] = VEL_JOB_LOADING,       [VEL_STAGE_SAMPLING] = VEL_JOB_SAMPLING,
    [VEL_STAGE_DECODING] = VEL_JOB_DECODING, [VEL_STAGE_ENLARGING] = VEL_JOB_DECODING,
  };
  VelTurn *turn = data;

  turn->report.state = states[progress->stage];
  turn->report.fraction = progress->stage == VEL_STAGE_TEXT ? 1 : progress->fraction;
  turn->report.seconds_left = progress->seconds_left;
  if (progress->stage == VEL_STAGE_SAMPLING) {
    turn->report.step = progress->step;
    turn->report.n_steps = progress->n_steps;
  }
  if (progress->preview)
    vel_job_put_frame (turn->ticket->job, progress->preview, progress->preview_width, progress->preview_height, progress->step);
  vel_job_report (turn->ticket->job, turn->report);
}

static gboolean
save (VelTurn *self, GError **error)
{
  VelValues *request = self->ticket->request;
  g_autoptr (VelFacts) facts = NULL;

  if (!self->history)
    return TRUE;
  self->report.state = VEL_JOB_SAVING;
  vel_job_report (self->ticket->job, self->report);
  facts = vel_facts_new (self->result, request);
  for (guint i = 0; i < self->result->pictures->len; i++) {
    VelPicture *picture = g_ptr_array_index (self->result->pictures, i);
    VelRecipeFacts own = vel_facts_of (facts, picture);
    gint64 id = vel_history_save (self->history, picture->rgb, picture->request ? picture->request : request, &own, error);

    if (id < 0)
      return FALSE;
    vel_kept_discard (g_steal_pointer (&picture->kept));
    g_array_append_val (self->saved, id);
  }
  return TRUE;
}

void
vel_turn_paint (VelTurn *self, VelEngine *engine)
{
  VelTicket *ticket = self->ticket;
  GCancellable *cancellable = vel_job_get_cancellable (ticket->job);

  self->saved = g_array_new (FALSE, FALSE, sizeof (gint64));
  self->report = (VelJobReport){ .state = VEL_JOB_LOADING, .seconds_left = -1 };
  if (ticket->unfinished)
    self->result = vel_engine_finish (engine, ticket->unfinished, NULL, (guint64) vel_values_get_int (ticket->request, "memory"),
                                      on_progress, self, cancellable, &self->error);
  else
    self->result = vel_engine_generate (engine, ticket->request, on_progress, self, NULL, TRUE, cancellable, &self->error);
  if (self->result && !self->result->partial)
    save (self, &self->error);
}

void
vel_turn_leave (VelTurn *self, VelEngine *engine, gboolean quitting)
{
  VelTicket *ticket = self->ticket;
  const VelResult *result = self->result;
  g_autoptr (GPtrArray) left = engine ? vel_engine_take_left (engine) : g_ptr_array_new ();
  gboolean stopped = (result && result->partial) || g_error_matches (self->error, G_IO_ERROR, G_IO_ERROR_CANCELLED);

  if (stopped && !quitting) {
    discard_all (left);
    for (guint i = 0; result && i < result->pictures->len; i++)
      vel_kept_discard (g_steal_pointer (&((VelPicture *) result->pictures->pdata[i])->kept));
  }
  if (result || left->len) /* painted anew */
    vel_ticket_discard_left (ticket);
  if (g_error_matches (self->error, VEL_ERROR, VEL_ERROR_LOST) && left->len) {
    g_clear_pointer (&ticket->left, g_ptr_array_unref);
    ticket->left = g_steal_pointer (&left);
  }
}

void
vel_turn_end (VelTurn *self, const char *device)
{
  const VelResult *result = self->result;
  const GError *error = self->error;
  gboolean failed = error && !g_error_matches (error, G_IO_ERROR, G_IO_ERROR_CANCELLED);

  if (result) {
    VelPicture *first = g_ptr_array_index (result->pictures, 0);

    vel_job_put_frame (self->ticket->job, first->rgb, first->width, first->height, self->report.n_steps);
    self->report.has_seed = TRUE;
    self->report.seed = first->seed;
  }
  self->report.state = failed ? VEL_JOB_FAILED : error || result->partial ? VEL_JOB_CANCELLED : VEL_JOB_DONE;
  self->report.seconds_left = 0;
  vel_job_end (self->ticket->job, self->report, (VelJobOutcome){ failed ? error : NULL, device, self->saved });
}

void
vel_turn_clear (VelTurn *self)
{
  g_clear_pointer (&self->saved, g_array_unref);
  g_clear_pointer (&self->result, vel_result_free);
  g_clear_error (&self->error);
}
