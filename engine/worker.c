/* The worker's threads and their queue.  SPDX-License-Identifier: Apache-2.0
 *
 * A lane is a thread with an engine and so with a device of its own; the main thread owns jobs as objects. Between them: a queue under a
 * mutex. The first lane looks for cards before its first picture that may want one, and starts a lane for each further card. */
#include "engine/worker.h"

#include <pthread.h>

#include "config.h"
#include "engine/ticket.h"

#define MAX_LANES 16

typedef struct {
  VelWorker *worker;
  unsigned card; /* that it paints on where a request leaves the choice */
  GThread *thread;
  VelEngine *engine; /* its thread's own; NULL until its first job */
} Lane;

struct _VelWorker {
  GObject parent_instance;
  VelHistory *history;
  unsigned threads;
  int nice;
  GMainContext *context;
  GPtrArray *jobs; /* VelJob, not over, in the order they run: main thread */

  Lane lanes[MAX_LANES];
  unsigned n_lanes;       /* under the mutex, as everything from here on */
  gboolean counted;       /* the cards were looked for */
  pthread_mutex_t mutex;  /* not GMutex, see job.c */
  pthread_cond_t wake;
  GQueue queue;   /* VelTicket */
  gboolean held;  /* a device was lost, and nobody said how to go on */
  char *sentence; /* what happened to it */
  gboolean quit;
};

G_DEFINE_FINAL_TYPE (VelWorker, vel_worker, G_TYPE_OBJECT)

enum { JOB_ADDED, JOB_OVER, HELD, N_SIGNALS };
static guint signals[N_SIGNALS];

/* --- what the worker's thread does --- */

static gboolean
show_held (gpointer data)
{
  VelWorker *self = data;
  g_autofree char *sentence = NULL;

  pthread_mutex_lock (&self->mutex);
  sentence = g_strdup (self->held ? self->sentence : NULL);
  pthread_mutex_unlock (&self->mutex);
  if (sentence)
    g_signal_emit (self, signals[HELD], 0, sentence);
  return G_SOURCE_REMOVE;
}

/* The job goes back to where it came from. Returns: FALSE if somebody stopped it meanwhile */
static gboolean
hold (VelWorker *self, VelTicket *ticket, const GError *error)
{
  GSource *source;
  gboolean stopped;

  /* Said before it is in the queue: whoever takes it out there says what became of it after this. */
  vel_job_report (ticket->job, (VelJobReport) { .state = VEL_JOB_QUEUED, .seconds_left = -1 });
  pthread_mutex_lock (&self->mutex);
  stopped = g_cancellable_is_cancelled (vel_job_get_cancellable (ticket->job));
  if (!stopped) {
    self->held = TRUE;
    g_free (self->sentence);
    self->sentence = g_strdup (error->message);
    g_queue_push_head (&self->queue, ticket);
  }
  pthread_mutex_unlock (&self->mutex);
  if (stopped)
    return FALSE;
  source = g_idle_source_new ();
  g_source_set_priority (source, G_PRIORITY_DEFAULT);
  g_source_set_callback (source, show_held, g_object_ref (self), g_object_unref);
  g_source_attach (source, self->context);
  g_source_unref (source);
  return TRUE;
}

static gboolean
is_quitting (VelWorker *self)
{
  gboolean quit;

  pthread_mutex_lock (&self->mutex);
  quit = self->quit;
  pthread_mutex_unlock (&self->mutex);
  return quit;
}

static gboolean
open_engine (Lane *self, VelValues *request, GError **error)
{
  VelWorker *worker = self->worker;

  if (self->engine)
    return TRUE;
  self->engine = vel_engine_new (vel_values_get (request, "device"),
                                 &(VelDeviceOptions) { .threads = worker->threads,
                                                       .nice = worker->nice,
                                                       .card = self->card,
                                                       .memory = (guint64) vel_values_get_int (request, "memory") },
                                 error);
  if (self->engine && worker->history)
    vel_engine_keep_in (self->engine, vel_history_get_unfinished (worker->history), NULL);
  return self->engine != NULL;
}

/* ticket: (transfer full) */
static void
run_job (Lane *self, VelTicket *ticket)
{
  VelWorker *worker = self->worker;
  VelTurn turn = { .ticket = ticket, .history = worker->history };
  const VelDevice *device;

  if (open_engine (self, ticket->request, &turn.error))
    vel_turn_paint (&turn, self->engine);
  vel_turn_leave (&turn, self->engine, is_quitting (worker));
  if (g_error_matches (turn.error, VEL_ERROR, VEL_ERROR_LOST)) {
    if (hold (worker, ticket, turn.error)) {
      vel_turn_clear (&turn);
      return;
    }
    g_clear_error (&turn.error);
    g_cancellable_set_error_if_cancelled (vel_job_get_cancellable (ticket->job), &turn.error);
  }
  device = self->engine ? vel_engine_get_device (self->engine) : NULL;
  vel_turn_end (&turn, device ? device->name : NULL);
  vel_turn_clear (&turn); /* with what it and the ticket hold of the files; */
  vel_ticket_free (ticket);
  if (worker->history) /* then they are to be seen */
    vel_history_tell_unfinished (worker->history);
}

/* Any lane paints what leaves the choice; what names a card is that card's, and the rest the first lane's. */
static gboolean
takes (const Lane *self, const VelTicket *ticket)
{
  const char *device = vel_values_get (ticket->request, "device");
  const VelWorker *worker = self->worker;

  if (g_str_equal (device, "auto"))
    return TRUE;
  for (unsigned i = 1; i < worker->n_lanes; i++) {
    char name[32];

    g_snprintf (name, sizeof name, "cuda:%u", worker->lanes[i].card);
    if (g_str_equal (device, name))
      return self == &worker->lanes[i];
  }
  return self == worker->lanes;
}

/* Under the mutex. Returns: (nullable) (transfer none): the first one in the queue that this lane may run */
static GList *
find_ticket (const Lane *self)
{
  for (GList *link = self->worker->queue.head; link && !self->worker->held; link = link->next)
    if (takes (self, link->data))
      return link;
  return NULL;
}

static gpointer lane_thread (gpointer data);

/* Under the mutex. */
static void
start_lane (VelWorker *self, unsigned card)
{
  Lane *lane = &self->lanes[self->n_lanes++];

  *lane = (Lane) { .worker = self, .card = card };
  lane->thread = g_thread_new ("velatura-worker", lane_thread, lane);
}

/* On the first lane, with the mutex held before and after, but not while the driver is asked. */
static void
count_cards (VelWorker *self)
{
  g_autoptr (GArray) cards = NULL;
  g_autofree char *why = NULL;
  unsigned usable = 0;

  pthread_mutex_unlock (&self->mutex);
  cards = vel_device_list_cards (&why);
  pthread_mutex_lock (&self->mutex);
  self->counted = TRUE;
  for (guint i = 0; i < cards->len && !self->quit; i++) {
    if (*g_array_index (cards, VelDeviceInfo, i).usable)
      continue;
    if (usable++ == 0)
      self->lanes[0].card = i;
    else if (self->n_lanes < MAX_LANES)
      start_lane (self, i);
  }
}

static gpointer
lane_thread (gpointer data)
{
  Lane *self = data;
  VelWorker *worker = self->worker;
  GList *link = NULL;

  pthread_mutex_lock (&worker->mutex);
  while (!worker->quit) {
    VelTicket *ticket;

    if (!(link = find_ticket (self))) {
      pthread_cond_wait (&worker->wake, &worker->mutex);
      continue;
    }
    ticket = link->data;
    if (!worker->counted && !g_str_equal (vel_values_get (ticket->request, "device"), "cpu")) {
      count_cards (worker);
      continue;
    }
    g_queue_delete_link (&worker->queue, link);
    pthread_mutex_unlock (&worker->mutex);
    run_job (self, ticket);
    pthread_mutex_lock (&worker->mutex);
  }
  pthread_mutex_unlock (&worker->mutex);
  vel_engine_free (self->engine);
  return NULL;
}

/* --- the main thread --- */

VelWorker *
vel_worker_new (VelHistory *history, unsigned threads, int nice)
{
  VelWorker *self = g_object_new (VEL_TYPE_WORKER, NULL);

  self->history = history ? g_object_ref (history) : NULL;
  self->threads = threads;
  self->nice = nice;
  return self;
}

static void
on_over (VelJob *job, VelWorker *self)
{
  g_object_ref (job);
  g_ptr_array_remove (self->jobs, job);
  g_signal_emit (self, signals[JOB_OVER], 0, job);
  g_object_unref (job);
}

/* unfinished: (transfer full) (nullable) */
static VelJob *
add (VelWorker *self, VelValues *request, VelUnfinished *unfinished)
{
  VelJob *job = vel_job_new (request, self->context);
  VelTicket *ticket = vel_ticket_new (job, request, unfinished);

  g_signal_connect (job, "over", G_CALLBACK (on_over), self);
  g_ptr_array_add (self->jobs, job);
  pthread_mutex_lock (&self->mutex);
  g_queue_push_tail (&self->queue, ticket);
  if (self->n_lanes == 0)
    start_lane (self, 0);
  pthread_cond_broadcast (&self->wake); /* not each lane takes each job */
  pthread_mutex_unlock (&self->mutex);
  g_signal_emit (self, signals[JOB_ADDED], 0, job);
  return job;
}

VelJob *
vel_worker_add (VelWorker *self, VelValues *request)
{
  return add (self, request, NULL);
}

VelJob *
vel_worker_finish (VelWorker *self, VelUnfinished *unfinished)
{
  return add (self, unfinished->request, unfinished);
}

/* Takes a job out of the queue; FALSE if a lane has it already. */
static gboolean
unqueue (VelWorker *self, VelJob *job)
{
  VelTicket *ticket = NULL;

  pthread_mutex_lock (&self->mutex);
  for (GList *link = self->queue.head; link; link = link->next)
    if (((VelTicket *) link->data)->job == job) {
      ticket = link->data;
      g_queue_delete_link (&self->queue, link);
      break;
    }
  if (self->queue.length == 0)
    self->held = FALSE;
  pthread_mutex_unlock (&self->mutex);
  if (ticket && !is_quitting (self))
    vel_ticket_discard_left (ticket);
  if (ticket)
    vel_ticket_free (ticket);
  return ticket != NULL;
}

void
vel_worker_stop (VelWorker *self, VelJob *job)
{
  if (vel_job_is_over (job))
    return;
  g_cancellable_cancel (vel_job_get_cancellable (job)); /* first: a lane that is about to put it back sees it, or it is found in the queue */
  if (unqueue (self, job))
    vel_job_report (job, (VelJobReport) { .state = VEL_JOB_CANCELLED, .seconds_left = -1 });
}

void
vel_worker_stop_all (VelWorker *self)
{
  g_autoptr (GPtrArray) jobs = g_ptr_array_copy (self->jobs, (GCopyFunc) (GCallback) g_object_ref, NULL);

  g_ptr_array_set_free_func (jobs, g_object_unref);
  for (guint i = jobs->len; i-- > 0;) /* the last first, so that the next one does not begin */
    vel_worker_stop (self, g_ptr_array_index (jobs, i));
}

void
vel_worker_leave (VelWorker *self)
{
  pthread_mutex_lock (&self->mutex);
  self->quit = TRUE;
  pthread_cond_broadcast (&self->wake);
  pthread_mutex_unlock (&self->mutex);
  vel_worker_stop_all (self);
}

gboolean
vel_worker_is_held (VelWorker *self)
{
  gboolean held;

  pthread_mutex_lock (&self->mutex);
  held = self->held;
  pthread_mutex_unlock (&self->mutex);
  return held;
}

void
vel_worker_resume (VelWorker *self, const char *device)
{
  for (guint i = 0; device && i < self->jobs->len; i++)
    vel_values_set (vel_job_get_request (self->jobs->pdata[i]), "device", device, NULL);
  pthread_mutex_lock (&self->mutex);
  for (GList *link = self->queue.head; device && link; link = link->next)
    vel_values_set (((VelTicket *) link->data)->request, "device", device, NULL);
  self->held = FALSE;
  pthread_cond_broadcast (&self->wake);
  pthread_mutex_unlock (&self->mutex);
}

VelJob *
vel_worker_get_current (VelWorker *self)
{
  for (guint i = 0; i < self->jobs->len; i++)
    if (vel_job_get_state (self->jobs->pdata[i]) != VEL_JOB_QUEUED)
      return self->jobs->pdata[i];
  return self->jobs->len ? self->jobs->pdata[0] : NULL;
}

guint
vel_worker_get_n_waiting (VelWorker *self)
{
  const VelJob *current = vel_worker_get_current (self);
  guint waiting = 0;

  for (guint i = 0; i < self->jobs->len; i++)
    waiting += self->jobs->pdata[i] != current && vel_job_get_state (self->jobs->pdata[i]) == VEL_JOB_QUEUED;
  return waiting;
}

static void
vel_worker_dispose (GObject *object)
{
  VelWorker *self = VEL_WORKER (object);

  for (guint i = 0; i < self->jobs->len; i++)
    g_cancellable_cancel (vel_job_get_cancellable (self->jobs->pdata[i]));
  pthread_mutex_lock (&self->mutex);
  self->quit = TRUE;
  pthread_cond_broadcast (&self->wake);
  pthread_mutex_unlock (&self->mutex);
  for (unsigned i = 0; i < self->n_lanes; i++) /* only the first one starts others, and it is the first to go */
    g_thread_join (self->lanes[i].thread);
  self->n_lanes = 0;
  for (guint i = 0; i < self->jobs->len; i++) {
    g_signal_handlers_disconnect_by_func (self->jobs->pdata[i], on_over, self);
    vel_job_abandon (self->jobs->pdata[i]);
  }
  g_ptr_array_set_size (self->jobs, 0);
  g_queue_clear_full (&self->queue, (GDestroyNotify) vel_ticket_free);
  g_clear_object (&self->history);
  G_OBJECT_CLASS (vel_worker_parent_class)->dispose (object);
}

static void
vel_worker_finalize (GObject *object)
{
  VelWorker *self = VEL_WORKER (object);

  g_ptr_array_unref (self->jobs);
  g_main_context_unref (self->context);
  g_free (self->sentence);
  pthread_cond_destroy (&self->wake);
  pthread_mutex_destroy (&self->mutex);
  G_OBJECT_CLASS (vel_worker_parent_class)->finalize (object);
}

static void
vel_worker_class_init (VelWorkerClass *class)
{
  G_OBJECT_CLASS (class)->dispose = vel_worker_dispose;
  G_OBJECT_CLASS (class)->finalize = vel_worker_finalize;
  signals[JOB_ADDED] = g_signal_new ("job-added", VEL_TYPE_WORKER, G_SIGNAL_RUN_LAST, 0, NULL, NULL, NULL, G_TYPE_NONE, 1, VEL_TYPE_JOB);
  signals[JOB_OVER] = g_signal_new ("job-over", VEL_TYPE_WORKER, G_SIGNAL_RUN_LAST, 0, NULL, NULL, NULL, G_TYPE_NONE, 1, VEL_TYPE_JOB);
  signals[HELD] = g_signal_new ("held", VEL_TYPE_WORKER, G_SIGNAL_RUN_LAST, 0, NULL, NULL, NULL, G_TYPE_NONE, 1, G_TYPE_STRING);
}

static void
vel_worker_init (VelWorker *self)
{
  pthread_mutex_init (&self->mutex, NULL);
  pthread_cond_init (&self->wake, NULL);
  g_queue_init (&self->queue);
  self->jobs = g_ptr_array_new_with_free_func (g_object_unref);
  self->context = g_main_context_ref_thread_default ();
}
