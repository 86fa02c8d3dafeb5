/* How far the job in work is.
 * SPDX-License-Identifier: Apache-2.0 */
#include "config.h"

#include "ui/canvas/progress-capsule.h"
#include "ui/canvas/progress-ring.h"

#include <glib/gi18n.h>
#include <math.h>

struct _VelProgressCapsule {
  GtkBox parent_instance;
  VelProgressRing *ring;
  GtkLabel *title, *detail;
  GtkWidget *stop;
  VelJob *job;
  double least_left; /* the shortest time shown for this job: it never counts up */
};

G_DEFINE_FINAL_TYPE (VelProgressCapsule, vel_progress_capsule, GTK_TYPE_BOX)

static char *
dup_time_left (VelProgressCapsule *self)
{
  double left = vel_job_get_seconds_left (self->job);
  unsigned long seconds;

  if (left < 0)
    return g_strdup ("");
  self->least_left = MIN (self->least_left, left);
  seconds = (unsigned long) ceil (self->least_left);
  if (seconds < 60)
    return g_strdup_printf (ngettext ("%lu s left", "%lu s left", seconds), seconds);
  return g_strdup_printf (ngettext ("%lu min left", "%lu min left", (seconds + 59) / 60), (seconds + 59) / 60);
}

static char *
dup_title (VelProgressCapsule *self)
{
  switch (vel_job_get_state (self->job)) {
  case VEL_JOB_QUEUED:
    return g_strdup (_("Waiting"));
  case VEL_JOB_LOADING:
    return g_strdup (_("Loading the model"));
  case VEL_JOB_SAMPLING:
    if (vel_job_get_step (self->job) == 0)
      return g_strdup (_("Beginning"));
    return g_strdup_printf (_("Step %u of %u"), vel_job_get_step (self->job), vel_job_get_n_steps (self->job));
  case VEL_JOB_DECODING:
    return g_strdup (_("Finishing"));
  default:
    return g_strdup (_("Saving"));
  }
}

static char *
dup_detail (VelProgressCapsule *self)
{
  switch (vel_job_get_state (self->job)) {
  case VEL_JOB_LOADING:
    return g_strdup_printf (_("%.0f %%"), floor (vel_job_get_fraction (self->job) * 100));
  case VEL_JOB_SAMPLING:
    return dup_time_left (self);
  default:
    return g_strdup ("");
  }
}

static void
update (VelProgressCapsule *self)
{
  g_autofree char *title = dup_title (self), *detail = dup_detail (self), *middle = NULL, *spoken = NULL;
  VelJobState state = vel_job_get_state (self->job);
  unsigned step = vel_job_get_step (self->job), n_steps = vel_job_get_n_steps (self->job);
  double fraction = state == VEL_JOB_LOADING ? vel_job_get_fraction (self->job) : n_steps > 0 ? (double) step / n_steps : 0;

  if (state == VEL_JOB_SAMPLING && step > 0)
    middle = g_strdup_printf ("%u", step);
  gtk_label_set_text (self->title, title);
  gtk_label_set_text (self->detail, detail);
  gtk_widget_set_visible (GTK_WIDGET (self->detail), detail[0] != '\0');
  spoken = detail[0] != '\0' ? g_strdup_printf ("%s, %s", title, detail) : g_strdup (title);
  vel_progress_ring_set (self->ring, fraction, middle);
  vel_progress_ring_set_value_text (self->ring, spoken);
}

void
vel_progress_capsule_set_job (VelProgressCapsule *self, VelJob *job)
{
  if (self->job == job)
    return;
  if (self->job != NULL)
    g_signal_handlers_disconnect_by_data (self->job, self);
  g_set_object (&self->job, job);
  self->least_left = G_MAXDOUBLE;
  if (job == NULL)
    return;
  g_signal_connect_object (job, "notify", G_CALLBACK (update), self, G_CONNECT_SWAPPED);
  update (self);
}

void
vel_progress_capsule_set_compact (VelProgressCapsule *self, gboolean compact)
{
  gtk_widget_set_visible (self->stop, !compact);
}

static void
vel_progress_capsule_dispose (GObject *object)
{
  g_clear_object (&VEL_PROGRESS_CAPSULE (object)->job);
  G_OBJECT_CLASS (vel_progress_capsule_parent_class)->dispose (object);
}

static void
vel_progress_capsule_class_init (VelProgressCapsuleClass *klass)
{
  GtkWidgetClass *widget_class = GTK_WIDGET_CLASS (klass);

  G_OBJECT_CLASS (klass)->dispose = vel_progress_capsule_dispose;
  g_type_ensure (VEL_TYPE_PROGRESS_RING);
  gtk_widget_class_set_template_from_resource (widget_class, "/io/github/velatura/Velatura/ui/canvas/progress-capsule.ui");
  gtk_widget_class_bind_template_child (widget_class, VelProgressCapsule, ring);
  gtk_widget_class_bind_template_child (widget_class, VelProgressCapsule, title);
  gtk_widget_class_bind_template_child (widget_class, VelProgressCapsule, detail);
  gtk_widget_class_bind_template_child (widget_class, VelProgressCapsule, stop);
}

static void
vel_progress_capsule_init (VelProgressCapsule *self)
{
  gtk_widget_init_template (GTK_WIDGET (self));
}
