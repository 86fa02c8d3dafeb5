/* Jobs: what the painting thread says becomes what the main thread shows.  SPDX-License-Identifier: Apache-2.0 */
#include "engine/job.h"

#include <pthread.h>
#include <stdatomic.h>

struct _VelJob {
  GObject parent_instance;
  GMainContext *context;
  VelValues *request;
  GCancellable *cancellable;
  gboolean abandoned;  /* main thread, */
  VelJobReport shown;  /* likewise */
  GError *error;       /* written before the report that says so, */
  char *device;        /* likewise, */
  GArray *saved;       /* (nullable) gint64, likewise */

  pthread_mutex_t mutex; /* not GMutex: this code also runs under ThreadSanitizer, which knows pthreads */
  VelJobReport pending;  /* under the mutex, as the next one */
  gboolean update_pending; /* an update is on its way to the main thread */
  _Atomic (VelFrame *) frame;
};

G_DEFINE_FINAL_TYPE (VelJob, vel_job, G_TYPE_OBJECT)

enum { STATE = 1, FRACTION, STEP, N_STEPS, SECONDS_LEFT, N_PROPERTIES };
static GParamSpec *properties[N_PROPERTIES];
static guint over_signal;

void
vel_frame_free (VelFrame *self)
{
  if (!self)
    return;
  g_bytes_unref (self->rgb);
  g_free (self);
}

VelJob *
vel_job_new (VelValues *request, GMainContext *context)
{
  VelJob *self = g_object_new (VEL_TYPE_JOB, NULL);

  self->request = vel_values_dup (request);
  self->context = g_main_context_ref (context);
  return self;
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
  *count = vel_job_is_over (self) && self->saved ? self->saved->len : 0;
  return *count ? (const gint64 *) (gpointer) self->saved->data : NULL;
}

VelFrame *
vel_job_take_frame (VelJob *self)
{
  return atomic_exchange (&self->frame, NULL);
}

/* --- for the worker --- */

GCancellable *
vel_job_get_cancellable (VelJob *self)
{
  return self->cancellable;
}

static void
notify (VelJob *self, const VelJobReport *before)
{
  const VelJobReport *now = &self->shown;

  g_object_freeze_notify (G_OBJECT (self));
  if (before->fraction != now->fraction)
    g_object_notify_by_pspec (G_OBJECT (self), properties[FRACTION]);
  if (before->step != now->step)
    g_object_notify_by_pspec (G_OBJECT (self), properties[STEP]);
  if (before->n_steps != now->n_steps)
    g_object_notify_by_pspec (G_OBJECT (self), properties[N_STEPS]);
  if (before->seconds_left != now->seconds_left)
    g_object_notify_by_pspec (G_OBJECT (self), properties[SECONDS_LEFT]);
  if (before->state != now->state)
    g_object_notify_by_pspec (G_OBJECT (self), properties[STATE]);
  g_object_thaw_notify (G_OBJECT (self));
}

/* On the main thread: what was said last becomes what the job shows. */
static gboolean
show_report (gpointer data)
{
  VelJob *self = data;
  VelJobReport before = self->shown;

  if (self->abandoned || vel_job_is_over (self))
    return G_SOURCE_REMOVE;
  pthread_mutex_lock (&self->mutex);
  self->shown = self->pending;
  self->update_pending = FALSE;
  pthread_mutex_unlock (&self->mutex);
  if (self->shown.has_seed && !vel_values_is_set (self->request, "seed")) {
    g_autofree char *seed = g_strdup_printf ("%" G_GUINT64_FORMAT, self->shown.seed);

    vel_values_set (self->request, "seed", seed, NULL);
  }
  notify (self, &before);
  if (vel_job_is_over (self))
    g_signal_emit (self, over_signal, 0);
  return G_SOURCE_REMOVE;
}

void
vel_job_report (VelJob *self, VelJobReport report)
{
  gboolean schedule;

  pthread_mutex_lock (&self->mutex);
  self->pending = report;
  schedule = !self->update_pending;
  self->update_pending = TRUE;
  pthread_mutex_unlock (&self->mutex);
  if (schedule) {
    GSource *source = g_idle_source_new ();

    g_source_set_priority (source, G_PRIORITY_DEFAULT);
    g_source_set_callback (source, show_report, g_object_ref (self), g_object_unref);
    g_source_attach (source, self->context);
    g_source_unref (source);
  }
}

void
vel_job_end (VelJob *self, VelJobReport report, VelJobOutcome outcome)
{
  self->error = outcome.error ? g_error_copy (outcome.error) : NULL;
  self->device = g_strdup (outcome.device);
  self->saved = outcome.saved ? g_array_ref (outcome.saved) : NULL;
  vel_job_report (self, report);
}

void
vel_job_put_frame (VelJob *self, const guint8 *rgb, guint width, guint height, unsigned step)
{
  VelFrame *frame = g_new (VelFrame, 1);

  *frame = (VelFrame) { width, height, g_bytes_new (rgb, (gsize) width * height * 3), step };
  vel_frame_free (atomic_exchange (&self->frame, frame));
}

void
vel_job_abandon (VelJob *self)
{
  self->abandoned = TRUE;
}

/* --- GObject --- */

static void
vel_job_get_property (GObject *object, guint id, GValue *value, GParamSpec *pspec)
{
  VelJob *self = VEL_JOB (object);

  switch (id) {
  case STATE:
    g_value_set_int (value, self->shown.state);
    break;
  case FRACTION:
    g_value_set_double (value, self->shown.fraction);
    break;
  case STEP:
    g_value_set_uint (value, self->shown.step);
    break;
  case N_STEPS:
    g_value_set_uint (value, self->shown.n_steps);
    break;
  case SECONDS_LEFT:
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
  g_clear_pointer (&self->saved, g_array_unref);
  g_main_context_unref (self->context);
  pthread_mutex_destroy (&self->mutex);
  vel_frame_free (vel_job_take_frame (self));
  G_OBJECT_CLASS (vel_job_parent_class)->finalize (object);
}

static void
vel_job_class_init (VelJobClass *class)
{
  GObjectClass *object_class = G_OBJECT_CLASS (class);

  object_class->get_property = vel_job_get_property;
  object_class->finalize = vel_job_finalize;
  properties[STATE] = g_param_spec_int ("state", NULL, NULL, VEL_JOB_QUEUED, VEL_JOB_FAILED, VEL_JOB_QUEUED,
                                                G_PARAM_READABLE | G_PARAM_STATIC_STRINGS);
  properties[FRACTION] = g_param_spec_double ("fraction", NULL, NULL, 0, 1, 0, G_PARAM_READABLE | G_PARAM_STATIC_STRINGS);
  properties[STEP] = g_param_spec_uint ("step", NULL, NULL, 0, G_MAXUINT, 0, G_PARAM_READABLE | G_PARAM_STATIC_STRINGS);
  properties[N_STEPS] = g_param_spec_uint ("n-steps", NULL, NULL, 0, G_MAXUINT, 0, G_PARAM_READABLE | G_PARAM_STATIC_STRINGS);
  properties[SECONDS_LEFT] = g_param_spec_double ("seconds-left", NULL, NULL, -1, G_MAXDOUBLE, -1,
                                                          G_PARAM_READABLE | G_PARAM_STATIC_STRINGS);
  g_object_class_install_properties (object_class, N_PROPERTIES, properties);
  over_signal = g_signal_new ("over", VEL_TYPE_JOB, G_SIGNAL_RUN_LAST, 0, NULL, NULL, NULL, G_TYPE_NONE, 0);
}

static void
vel_job_init (VelJob *self)
{
  self->cancellable = g_cancellable_new ();
  pthread_mutex_init (&self->mutex, NULL);
  self->shown.seconds_left = -1;
}
