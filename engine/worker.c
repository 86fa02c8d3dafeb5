/* The worker's threads and their queue.  SPDX-License-Identifier: Apache-2.0
 *
 * A lane is a thread with an engine and so with a device of its own; the main thread owns jobs as objects. Between them: a queue under a
 * mutex, a job's pending state under the same mutex, and one atomic slot for frames. The first lane looks for cards before its first picture
 * that may want one, and starts a lane for each further card. */
#include "engine/worker.h"

#include <pthread.h>
#include <stdatomic.h>

#include "config.h"
#include "engine/pipeline/generate.h"

#define MAX_LANES 16

/* What the worker last said of a job. */
typedef struct {
  VelJobState state;
  double fraction, seconds_left;
  unsigned step, n_steps;
  gboolean has_seed;
  guint64 seed;
} Report;

struct _VelJob {
  GObject parent_instance;
  VelWorker *worker; /* (unowned) while not over */
  VelValues *request;
  GCancellable *cancellable;
  Report shown;      /* main thread */
  GError *error;     /* written before the report that says so */
  char *device;      /* likewise */
  GArray *saved;     /* gint64, likewise */

  Report pending;          /* under the worker's mutex */
  gboolean update_pending; /* likewise: an update is on its way to the main thread */
  _Atomic (VelFrame *) frame;
};

G_DEFINE_FINAL_TYPE (VelJob, vel_job, G_TYPE_OBJECT)

enum { JOB_STATE = 1, JOB_FRACTION, JOB_STEP, JOB_N_STEPS, JOB_SECONDS_LEFT, N_JOB_PROPERTIES };
static GParamSpec *job_properties[N_JOB_PROPERTIES];

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
  pthread_mutex_t mutex; /* not GMutex: this code also runs under ThreadSanitizer, which knows pthreads */
  pthread_cond_t wake;
  GQueue queue;   /* Ticket */
  gboolean held;  /* a device was lost, and nobody said how to go on */
  char *sentence; /* what happened to it */
  gboolean quit;
};

G_DEFINE_FINAL_TYPE (VelWorker, vel_worker, G_TYPE_OBJECT)

enum { JOB_ADDED, JOB_OVER, HELD, N_SIGNALS };
static guint signals[N_SIGNALS];

void
vel_frame_free (VelFrame *self)
{
  if (!self)
    return;
  g_bytes_unref (self->rgb);
  g_free (self);
}

/* --- what the worker's thread does --- */

/* On the main thread: what was said last becomes what the job shows. */
static gboolean
show_report (gpointer data)
{
  VelJob *job = data;
  VelWorker *worker = job->worker;
  Report before = job->shown, now;

  if (!worker || vel_job_is_over (job))
    return G_SOURCE_REMOVE;
  pthread_mutex_lock (&worker->mutex);
  now = job->pending;
  job->update_pending = FALSE;
  pthread_mutex_unlock (&worker->mutex);

  job->shown = now;
  if (now.has_seed && !vel_values_is_set (job->request, "seed")) {
    g_autofree char *seed = g_strdup_printf ("%" G_GUINT64_FORMAT, now.seed);

    vel_values_set (job->request, "seed", seed, NULL);
  }
  g_object_freeze_notify (G_OBJECT (job));
  if (before.fraction != now.fraction)
    g_object_notify_by_pspec (G_OBJECT (job), job_properties[JOB_FRACTION]);
  if (before.step != now.step)
    g_object_notify_by_pspec (G_OBJECT (job), job_properties[JOB_STEP]);
  if (before.n_steps != now.n_steps)
    g_object_notify_by_pspec (G_OBJECT (job), job_properties[JOB_N_STEPS]);
  if (before.seconds_left != now.seconds_left)
    g_object_notify_by_pspec (G_OBJECT (job), job_properties[JOB_SECONDS_LEFT]);
  if (before.state != now.state)
    g_object_notify_by_pspec (G_OBJECT (job), job_properties[JOB_STATE]);
  g_object_thaw_notify (G_OBJECT (job));

  if (vel_job_is_over (job)) {
    g_object_ref (job);
    job->worker = NULL;
    g_ptr_array_remove (worker->jobs, job);
    g_signal_emit (worker, signals[JOB_OVER], 0, job);
    g_object_unref (job);
  }
  return G_SOURCE_REMOVE;
}

/* Any number of reports between two turns of the main loop become one update. */
static void
post (VelWorker *worker, VelJob *job, Report report)
{
  gboolean schedule;

  pthread_mutex_lock (&worker->mutex);
  job->pending = report;
  schedule = !job->update_pending;
  job->update_pending = TRUE;
  pthread_mutex_unlock (&worker->mutex);
  if (schedule) {
    GSource *source = g_idle_source_new ();

    g_source_set_priority (source, G_PRIORITY_DEFAULT);
    g_source_set_callback (source, show_report, g_object_ref (job), g_object_unref);
    g_source_attach (source, worker->context);
    g_source_unref (source);
  }
}

/* The request in work, as the worker's thread sees it. */
typedef struct {
  VelWorker *worker;
  VelJob *job;
  Report report;
} Work;

static void
put_frame (VelJob *job, const guint8 *rgb, guint width, guint height, unsigned step)
{
  VelFrame *frame = g_new (VelFrame, 1);

  *frame = (VelFrame) { width, height, g_bytes_new (rgb, (gsize) width * height * 3), step };
  vel_frame_free (atomic_exchange (&job->frame, frame));
}

static void
on_progress (const VelProgress *progress, gpointer data)
{
  static const VelJobState states[] = {
    [VEL_STAGE_LOADING] = VEL_JOB_LOADING,
    [VEL_STAGE_TEXT] = VEL_JOB_LOADING,
    [VEL_STAGE_SAMPLING] = VEL_JOB_SAMPLING,
    [VEL_STAGE_DECODING] = VEL_JOB_DECODING,
  };
  Work *work = data;

  work->report.state = states[progress->stage];
  work->report.fraction = progress->stage == VEL_STAGE_TEXT ? 1 : progress->fraction;
  work->report.seconds_left = progress->seconds_left;
  if (progress->stage == VEL_STAGE_SAMPLING) {
    work->report.step = progress->step;
    work->report.n_steps = progress->n_steps;
  }
  if (progress->preview)
    put_frame (work->job, progress->preview, progress->preview_width, progress->preview_height, progress->step);
  post (work->worker, work->job, work->report);
}

static gboolean
save (Work *work, VelValues *request, VelResult *result, GError **error)
{
  if (!work->worker->history)
    return TRUE;
  work->report.state = VEL_JOB_SAVING;
  post (work->worker, work->job, work->report);
  for (guint i = 0; i < result->pictures->len; i++) {
    VelPicture *picture = g_ptr_array_index (result->pictures, i);
    VelRecipeFacts facts = { .seed = picture->seed,
                             .width = picture->width,
                             .height = picture->height,
                             .model_name = result->model_name,
                             .model_hash = result->model_hash,
                             .version = "Velatura " VEL_VERSION };
    gint64 id = vel_history_save (work->worker->history, picture->rgb, request, &facts, error);

    if (id < 0)
      return FALSE;
    g_array_append_val (work->job->saved, id);
  }
  return TRUE;
}

static void
finish (Work *work, VelResult *result, GError *error)
{
  if (result) {
    VelPicture *first = g_ptr_array_index (result->pictures, 0);

    put_frame (work->job, first->rgb, first->width, first->height, work->report.n_steps);
    work->report.has_seed = TRUE;
    work->report.seed = first->seed;
  }
  if (error && !g_error_matches (error, G_IO_ERROR, G_IO_ERROR_CANCELLED)) {
    work->job->error = g_error_copy (error);
    work->report.state = VEL_JOB_FAILED;
  } else {
    work->report.state = error || result->partial ? VEL_JOB_CANCELLED : VEL_JOB_DONE;
  }
  work->report.seconds_left = 0;
  post (work->worker, work->job, work->report);
}

/* A waiting job together with the worker's own copy of its request. */
typedef struct {
  VelJob *job;
  VelValues *request;
} Ticket;

static void
ticket_free (Ticket *ticket)
{
  g_object_unref (ticket->job);
  g_object_unref (ticket->request);
  g_free (ticket);
}

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
hold (VelWorker *self, Ticket *ticket, const GError *error)
{
  GSource *source;
  gboolean stopped;

  /* Said before it is in the queue: whoever takes it out there says what became of it after this. */
  post (self, ticket->job, (Report) { .state = VEL_JOB_QUEUED, .seconds_left = -1 });
  pthread_mutex_lock (&self->mutex);
  stopped = g_cancellable_is_cancelled (ticket->job->cancellable);
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

/* ticket: (transfer full) */
static void
run_job (Lane *self, Ticket *ticket)
{
  VelWorker *worker = self->worker;
  VelJob *job = ticket->job;
  VelValues *request = ticket->request;
  Work work = { .worker = worker, .job = job, .report = { .state = VEL_JOB_LOADING, .seconds_left = -1 } };
  g_autoptr (VelResult) result = NULL;
  g_autoptr (GError) error = NULL;

  if (!self->engine)
    self->engine = vel_engine_new (vel_values_get (request, "device"),
                                   &(VelDeviceOptions) { .threads = worker->threads, .nice = worker->nice, .card = self->card }, &error);
  if (self->engine)
    result = vel_engine_generate (self->engine, request, on_progress, &work, NULL, TRUE, job->cancellable, &error);
  if (result && !result->partial)
    save (&work, request, result, &error);
  if (g_error_matches (error, VEL_ERROR, VEL_ERROR_LOST)) {
    if (hold (worker, ticket, error))
      return;
    g_clear_error (&error);
    g_cancellable_set_error_if_cancelled (job->cancellable, &error);
  }
  if (self->engine && vel_engine_get_device (self->engine))
    job->device = g_strdup (vel_engine_get_device (self->engine)->name);
  finish (&work, result, error);
  ticket_free (ticket);
}

/* Any lane paints what leaves the choice; what names a card is that card's, and the rest the first lane's. */
static gboolean
takes (const Lane *self, const Ticket *ticket)
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
    Ticket *ticket;

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

VelJob *
vel_worker_add (VelWorker *self, VelValues *request)
{
  VelJob *job = g_object_new (VEL_TYPE_JOB, NULL);
  Ticket *ticket = g_new (Ticket, 1);

  job->worker = self;
  job->request = vel_values_dup (request);
  g_ptr_array_add (self->jobs, job);
  *ticket = (Ticket) { g_object_ref (job), vel_values_dup (request) };
  pthread_mutex_lock (&self->mutex);
  g_queue_push_tail (&self->queue, ticket);
  if (self->n_lanes == 0)
    start_lane (self, 0);
  pthread_cond_broadcast (&self->wake); /* not each lane takes each job */
  pthread_mutex_unlock (&self->mutex);
  g_signal_emit (self, signals[JOB_ADDED], 0, job);
  return job;
}

/* Takes a job out of the queue; FALSE if a lane has it already. */
static gboolean
unqueue (VelWorker *self, VelJob *job)
{
  Ticket *ticket = NULL;

  pthread_mutex_lock (&self->mutex);
  for (GList *link = self->queue.head; link; link = link->next)
    if (((Ticket *) link->data)->job == job) {
      ticket = link->data;
      g_queue_delete_link (&self->queue, link);
      break;
    }
  if (self->queue.length == 0)
    self->held = FALSE;
  pthread_mutex_unlock (&self->mutex);
  if (ticket)
    ticket_free (ticket);
  return ticket != NULL;
}

void
vel_worker_stop (VelWorker *self, VelJob *job)
{
  if (vel_job_is_over (job))
    return;
  g_cancellable_cancel (job->cancellable); /* first: a lane that is about to put it back sees it, or it is found in the queue */
  if (unqueue (self, job))
    post (self, job, (Report) { .state = VEL_JOB_CANCELLED, .seconds_left = -1 });
}

void
vel_worker_stop_all (VelWorker *self)
{
  g_autoptr (GPtrArray) jobs = g_ptr_array_copy (self->jobs, (GCopyFunc) (GCallback) g_object_ref, NULL);

  g_ptr_array_set_free_func (jobs, g_object_unref);
  for (guint i = jobs->len; i-- > 0;) /* the last first, so that the next one does not begin */
    vel_worker_stop (self, g_ptr_array_index (jobs, i));
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
    vel_values_set (((VelJob *) self->jobs->pdata[i])->request, "device", device, NULL);
  pthread_mutex_lock (&self->mutex);
  for (GList *link = self->queue.head; device && link; link = link->next)
    vel_values_set (((Ticket *) link->data)->request, "device", device, NULL);
  self->held = FALSE;
  pthread_cond_broadcast (&self->wake);
  pthread_mutex_unlock (&self->mutex);
}

VelJob *
vel_worker_get_current (VelWorker *self)
{
  for (guint i = 0; i < self->jobs->len; i++)
    if (((VelJob *) self->jobs->pdata[i])->shown.state != VEL_JOB_QUEUED)
      return self->jobs->pdata[i];
  return self->jobs->len ? self->jobs->pdata[0] : NULL;
}

guint
vel_worker_get_n_waiting (VelWorker *self)
{
  const VelJob *current = vel_worker_get_current (self);
  guint waiting = 0;

  for (guint i = 0; i < self->jobs->len; i++) {
    const VelJob *job = self->jobs->pdata[i];

    waiting += job != current && job->shown.state == VEL_JOB_QUEUED;
  }
  return waiting;
}

VelJobState
vel_job_get_state (VelJob *self)
{
  return self->shown.state;
}

gboolean
vel_job_is_over (VelJob *self)
{
  return self->shown.state >= VEL_JOB_DONE;
}

double
vel_job_get_fraction (VelJob *self)
{
  return self->shown.fraction;
}

unsigned
vel_job_get_step (VelJob *self)
{
  return self->shown.step;
}

unsigned
vel_job_get_n_steps (VelJob *self)
{
  return self->shown.n_steps;
}

double
vel_job_get_seconds_left (VelJob *self)
{
  return self->shown.seconds_left;
}

VelValues *
vel_job_get_request (VelJob *self)
{
  return self->request;
}

const GError *
vel_job_get_error (VelJob *self)
{
  return self->shown.state == VEL_JOB_FAILED ? self->error : NULL;
}

const char *
vel_job_get_device (VelJob *self)
{
  return vel_job_is_over (self) ? self->device : NULL;
}

const gint64 *
vel_job_get_saved (VelJob *self, gsize *count)
{
  *count = vel_job_is_over (self) ? self->saved->len : 0;
  return (const gint64 *) (gpointer) self->saved->data;
}

VelFrame *
vel_job_take_frame (VelJob *self)
{
  return atomic_exchange (&self->frame, NULL);
}

/* --- GObject --- */

static void
vel_job_get_property (GObject *object, guint id, GValue *value, GParamSpec *pspec)
{
  VelJob *self = VEL_JOB (object);

  switch (id) {
  case JOB_STATE:
    g_value_set_int (value, self->shown.state);
    break;
  case JOB_FRACTION:
    g_value_set_double (value, self->shown.fraction);
    break;
  case JOB_STEP:
    g_value_set_uint (value, self->shown.step);
    break;
  case JOB_N_STEPS:
    g_value_set_uint (value, self->shown.n_steps);
    break;
  case JOB_SECONDS_LEFT:
    g_value_set_double (value, self->shown.seconds_left);
    break;
  default:
    G_OBJECT_WARN_INVALID_PROPERTY_ID (object, id, pspec);
  }
}

static void
vel_job_finalize (GObject *object)
{
  VelJob *self = VEL_JOB (object);

  g_object_unref (self->request);
  g_object_unref (self->cancellable);
  g_clear_error (&self->error);
  g_free (self->device);
  g_array_unref (self->saved);
  vel_frame_free (vel_job_take_frame (self));
  G_OBJECT_CLASS (vel_job_parent_class)->finalize (object);
}

static void
vel_job_class_init (VelJobClass *class)
{
  GObjectClass *object_class = G_OBJECT_CLASS (class);

  object_class->get_property = vel_job_get_property;
  object_class->finalize = vel_job_finalize;
  job_properties[JOB_STATE] = g_param_spec_int ("state", NULL, NULL, VEL_JOB_QUEUED, VEL_JOB_FAILED, VEL_JOB_QUEUED,
                                                G_PARAM_READABLE | G_PARAM_STATIC_STRINGS);
  job_properties[JOB_FRACTION] = g_param_spec_double ("fraction", NULL, NULL, 0, 1, 0, G_PARAM_READABLE | G_PARAM_STATIC_STRINGS);
  job_properties[JOB_STEP] = g_param_spec_uint ("step", NULL, NULL, 0, G_MAXUINT, 0, G_PARAM_READABLE | G_PARAM_STATIC_STRINGS);
  job_properties[JOB_N_STEPS] = g_param_spec_uint ("n-steps", NULL, NULL, 0, G_MAXUINT, 0, G_PARAM_READABLE | G_PARAM_STATIC_STRINGS);
  job_properties[JOB_SECONDS_LEFT] = g_param_spec_double ("seconds-left", NULL, NULL, -1, G_MAXDOUBLE, -1,
                                                          G_PARAM_READABLE | G_PARAM_STATIC_STRINGS);
  g_object_class_install_properties (object_class, N_JOB_PROPERTIES, job_properties);
}

static void
vel_job_init (VelJob *self)
{
  self->cancellable = g_cancellable_new ();
  self->saved = g_array_new (FALSE, FALSE, sizeof (gint64));
  self->shown.seconds_left = -1;
}

static void
vel_worker_dispose (GObject *object)
{
  VelWorker *self = VEL_WORKER (object);

  for (guint i = 0; i < self->jobs->len; i++)
    g_cancellable_cancel (((VelJob *) g_ptr_array_index (self->jobs, i))->cancellable);
  pthread_mutex_lock (&self->mutex);
  self->quit = TRUE;
  pthread_cond_broadcast (&self->wake);
  pthread_mutex_unlock (&self->mutex);
  for (unsigned i = 0; i < self->n_lanes; i++) /* only the first one starts others, and it is the first to go */
    g_thread_join (self->lanes[i].thread);
  self->n_lanes = 0;
  for (guint i = 0; i < self->jobs->len; i++)
    ((VelJob *) g_ptr_array_index (self->jobs, i))->worker = NULL;
  g_ptr_array_set_size (self->jobs, 0);
  g_queue_clear_full (&self->queue, (GDestroyNotify) ticket_free);
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
