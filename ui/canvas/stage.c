/* The middle of the window.
 * SPDX-License-Identifier: Apache-2.0 */
#include "config.h"

#include "ui/canvas/stage.h"
#include "ui/canvas/picture-bar.h"
#include "ui/canvas/progress-capsule.h"
#include "ui/panels/welcome-page.h"
#include "ui/widgets/picture-drag.h"
#include "ui/widgets/picture-loader.h"

#include <glib/gi18n.h>
#include <math.h>

#define LATENT_PIXELS 8

struct _VelStage {
  GtkBox parent_instance;
  GtkInfoBar *banner;
  GtkLabel *sentence, *zoom_text;
  GtkWidget *one;
  GtkStack *stack;
  VelWelcomePage *welcome;
  VelCanvas *canvas;
  GtkRevealer *capsule_revealer, *bar_revealer, *zoom_revealer;
  VelProgressCapsule *capsule;
  VelPictureBar *bar;
  VelHistory *history;
  VelJob *job;           /* NULL while nothing is painted */
  GdkTexture *frame;     /* the job's latest */
  guint frame_width, frame_height;
  VelEntryData *entry;   /* the picture of the history that is shown, or NULL */
  GCancellable *loading; /* of the next entry */
  gboolean live;
  gboolean compact;
  guint tick; /* source */
};

G_DEFINE_FINAL_TYPE (VelStage, vel_stage, GTK_TYPE_BOX)

enum { PREVIEW, SHOWN, EXAMPLE, N_SIGNALS };
static guint signals[N_SIGNALS];

VelCanvas *
vel_stage_get_canvas (VelStage *self)
{
  return self->canvas;
}

const VelHistoryItem *
vel_stage_get_item (VelStage *self)
{
  return self->entry != NULL ? self->entry->item : NULL;
}

GdkTexture *
vel_stage_get_texture (VelStage *self)
{
  return vel_canvas_get_texture (self->canvas);
}

gboolean
vel_stage_is_live (VelStage *self)
{
  return self->job != NULL && self->live;
}

static gboolean
is_on_canvas (VelStage *self)
{
  return g_strcmp0 (gtk_stack_get_visible_child_name (self->stack), "canvas") == 0;
}

/* Progress shows as long as something is painted; what can be done with a picture only where nothing is in its way. */
static void
update_bars (VelStage *self)
{
  gboolean canvas = is_on_canvas (self);
  gboolean has_picture = canvas && vel_stage_get_texture (self) != NULL;

  gtk_revealer_set_reveal_child (self->capsule_revealer, canvas && self->job != NULL);
  gtk_revealer_set_reveal_child (self->bar_revealer, has_picture && self->job == NULL);
  gtk_revealer_set_reveal_child (self->zoom_revealer, has_picture && !self->compact);
  vel_picture_bar_set_item (self->bar, vel_stage_get_item (self));
}

static void
name_canvas (VelStage *self)
{
  const VelHistoryItem *item = vel_stage_get_item (self);
  const char *prompt = self->live && self->job != NULL ? vel_values_get (vel_job_get_request (self->job), "prompt")
                       : item != NULL && item->prompt != NULL ? item->prompt
                                                              : "";
  g_autofree char *name = prompt[0] != '\0' ? g_strdup_printf (_("Picture: %s"), prompt) : g_strdup (_("Picture"));

  gtk_accessible_update_property (GTK_ACCESSIBLE (self->canvas), GTK_ACCESSIBLE_PROPERTY_LABEL, name, -1);
}

static void
shown (VelStage *self)
{
  gtk_stack_set_visible_child_name (self->stack, "canvas");
  name_canvas (self);
  update_bars (self);
  g_signal_emit (self, signals[SHOWN], 0);
}

void
vel_stage_show_live (VelStage *self)
{
  if (self->job == NULL)
    return;
  g_cancellable_cancel (self->loading);
  g_clear_pointer (&self->entry, vel_entry_data_free);
  self->live = TRUE;
  vel_canvas_set_texture (self->canvas, self->frame, self->frame_width, self->frame_height);
  shown (self);
}

/* A latent of SD1 becomes eight times its size; all frames of a job stand for the picture that the first one promises. */
static void
size_frame (VelStage *self, const VelFrame *frame)
{
  if (self->frame_width > 0)
    return;
  self->frame_width = frame->width * LATENT_PIXELS;
  self->frame_height = frame->height * LATENT_PIXELS;
}

static void
take_frame (VelStage *self)
{
  g_autoptr (VelFrame) frame = vel_job_take_frame (self->job);

  if (frame == NULL)
    return;
  g_clear_object (&self->frame);
  self->frame = vel_picture_texture_new (frame->rgb, frame->width, frame->height);
  size_frame (self, frame);
  if (self->live) {
    gboolean first = vel_stage_get_texture (self) == NULL;

    vel_canvas_set_texture (self->canvas, self->frame, self->frame_width, self->frame_height);
    if (first)
      update_bars (self);
  }
  g_signal_emit (self, signals[PREVIEW], 0, self->frame);
}

/* Once a frame at most. Whether the job is over is asked before its slot is emptied, else its last frame would be lost. */
static gboolean
on_tick (GtkWidget *widget, GdkFrameClock *clock, gpointer unused)
{
  VelStage *self = VEL_STAGE (widget);
  gboolean over = vel_job_is_over (self->job);

  take_frame (self);
  if (!over)
    return G_SOURCE_CONTINUE;
  self->tick = 0;
  return G_SOURCE_REMOVE;
}

static void
stop_ticking (VelStage *self)
{
  if (self->tick != 0)
    gtk_widget_remove_tick_callback (GTK_WIDGET (self), self->tick);
  self->tick = 0;
}

void
vel_stage_set_job (VelStage *self, VelJob *job)
{
  if (self->job == job)
    return;
  stop_ticking (self);
  if (self->job != NULL)
    take_frame (self);
  g_set_object (&self->job, job);
  vel_progress_capsule_set_job (self->capsule, job);
  if (job == NULL) {
    if (vel_stage_get_texture (self) == NULL)
      gtk_stack_set_visible_child_name (self->stack, "welcome"); /* stopped before there was anything to see */
    name_canvas (self);
    update_bars (self);
    return;
  }
  self->frame_width = self->frame_height = 0;
  g_clear_object (&self->frame); /* what is on the canvas stays until the first frame */
  self->live = TRUE;
  g_cancellable_cancel (self->loading);
  g_clear_pointer (&self->entry, vel_entry_data_free);
  self->tick = gtk_widget_add_tick_callback (GTK_WIDGET (self), on_tick, NULL, NULL);
  shown (self);
}

static void
on_picture_loaded (GObject *source, GAsyncResult *result, gpointer data)
{
  g_autoptr (VelStage) self = data;
  g_autoptr (VelEntryData) entry = vel_picture_load_finish (result);

  if (entry == NULL) /* another was asked for */
    return;
  if (entry->texture == NULL) {
    vel_stage_show_error (self, entry->problem != NULL ? entry->problem : _("This picture can not be read."));
    return;
  }
  g_clear_pointer (&self->entry, vel_entry_data_free);
  self->entry = g_steal_pointer (&entry);
  self->live = FALSE;
  vel_canvas_set_texture (self->canvas, self->entry->texture, (guint) gdk_texture_get_width (self->entry->texture),
                          (guint) gdk_texture_get_height (self->entry->texture));
  shown (self);
}

void
vel_stage_show_picture (VelStage *self, gint64 id)
{
  g_cancellable_cancel (self->loading);
  g_clear_object (&self->loading);
  self->loading = g_cancellable_new ();
  vel_picture_load_async (self->history, id, self->loading, on_picture_loaded, g_object_ref (self));
}

void
vel_stage_show_welcome (VelStage *self)
{
  gtk_stack_set_visible_child_name (self->stack, "welcome");
  update_bars (self);
}

void
vel_stage_show_error (VelStage *self, const char *sentence)
{
  gtk_label_set_text (self->sentence, sentence);
  gtk_info_bar_set_revealed (self->banner, TRUE);
}

const char *
vel_stage_get_error (VelStage *self)
{
  return gtk_info_bar_get_revealed (self->banner) ? gtk_label_get_text (self->sentence) : NULL;
}

static void
on_banner_closed (VelStage *self)
{
  gtk_info_bar_set_revealed (self->banner, FALSE);
}

static void
on_example (VelStage *self, const char *prompt)
{
  g_signal_emit (self, signals[EXAMPLE], 0, prompt);
}

static void
on_zoom (VelStage *self)
{
  g_autofree char *text = g_strdup_printf (_("%.0f %%"), round (vel_canvas_get_zoom (self->canvas) * 100));
  g_autofree char *name = g_strdup_printf (_("One to one; now %s"), text);

  gtk_label_set_text (self->zoom_text, text);
  gtk_accessible_update_property (GTK_ACCESSIBLE (self->one), GTK_ACCESSIBLE_PROPERTY_LABEL, name, -1);
}

/* Dragged out: the file where there is one, and the pixels. */
static GdkContentProvider *
on_drag_prepare (VelStage *self, double x, double y, GtkDragSource *drag)
{
  const VelHistoryItem *item = vel_stage_get_item (self);
  GdkTexture *texture = vel_stage_get_texture (self);

  if (texture == NULL || !vel_canvas_is_fitted (self->canvas))
    return NULL;
  return vel_picture_drag_content (item != NULL ? item->path : NULL, texture);
}

void
vel_stage_set_compact (VelStage *self, gboolean compact)
{
  self->compact = compact;
  vel_welcome_page_set_compact (self->welcome, compact);
  vel_progress_capsule_set_compact (self->capsule, compact);
  vel_picture_bar_set_compact (self->bar, compact);
  update_bars (self);
}

/* What floats lies along the lower edge: zoom at the end, the rest in the middle, or as near to it as zoom allows. Where there is no room
 * for both, zoom goes above. */
static gboolean
on_child_position (VelStage *self, GtkWidget *child, GdkRectangle *place, GtkOverlay *overlay)
{
  int width = gtk_widget_get_width (GTK_WIDGET (overlay)), height = gtk_widget_get_height (GTK_WIDGET (overlay));
  GtkWidget *bar = GTK_WIDGET (self->job != NULL ? self->capsule_revealer : self->bar_revealer);
  GtkRequisition zoom, wanted, other;
  gboolean mirrored = gtk_widget_get_direction (child) == GTK_TEXT_DIR_RTL;

  gtk_widget_get_preferred_size (child, NULL, &wanted);
  gtk_widget_get_preferred_size (GTK_WIDGET (self->zoom_revealer), NULL, &zoom);
  gtk_widget_get_preferred_size (bar, NULL, &other);
  if (!gtk_revealer_get_reveal_child (self->zoom_revealer))
    zoom.width = 0;
  place->width = MIN (wanted.width, width);
  place->height = MIN (wanted.height, height);
  place->y = height - place->height;
  if (child == GTK_WIDGET (self->zoom_revealer)) {
    place->x = width - place->width;
    if (other.width + zoom.width > width)
      place->y = MAX (0, place->y - other.height);
  } else {
    place->x = (width - place->width) / 2;
    if (place->width + zoom.width <= width)
      place->x = MIN (place->x, width - zoom.width - place->width);
  }
  if (mirrored)
    place->x = width - place->x - place->width;
  return TRUE;
}

void
vel_stage_set_session (VelStage *self, VelSession *session)
{
  VelHistory *history = vel_session_get_history (session);

  self->history = history != NULL ? g_object_ref (history) : NULL;
  vel_welcome_page_set_models (self->welcome, vel_session_get_models (session));
  if (vel_session_get_problem (session) != NULL)
    vel_stage_show_error (self, vel_session_get_problem (session));
}

static void
vel_stage_dispose (GObject *object)
{
  VelStage *self = VEL_STAGE (object);

  stop_ticking (self);
  g_cancellable_cancel (self->loading);
  g_clear_object (&self->loading);
  g_clear_object (&self->job);
  g_clear_object (&self->frame);
  g_clear_object (&self->history);
  g_clear_pointer (&self->entry, vel_entry_data_free);
  G_OBJECT_CLASS (vel_stage_parent_class)->dispose (object);
}

static void
vel_stage_class_init (VelStageClass *klass)
{
  GtkWidgetClass *widget_class = GTK_WIDGET_CLASS (klass);

  G_OBJECT_CLASS (klass)->dispose = vel_stage_dispose;
  g_type_ensure (VEL_TYPE_CANVAS);
  g_type_ensure (VEL_TYPE_PICTURE_BAR);
  g_type_ensure (VEL_TYPE_PROGRESS_CAPSULE);
  g_type_ensure (VEL_TYPE_WELCOME_PAGE);
  signals[PREVIEW] = g_signal_new ("preview", VEL_TYPE_STAGE, G_SIGNAL_RUN_LAST, 0, NULL, NULL, NULL, G_TYPE_NONE, 1, GDK_TYPE_TEXTURE);
  signals[SHOWN] = g_signal_new ("shown", VEL_TYPE_STAGE, G_SIGNAL_RUN_LAST, 0, NULL, NULL, NULL, G_TYPE_NONE, 0);
  signals[EXAMPLE] = g_signal_new ("example", VEL_TYPE_STAGE, G_SIGNAL_RUN_LAST, 0, NULL, NULL, NULL, G_TYPE_NONE, 1, G_TYPE_STRING);
  gtk_widget_class_set_template_from_resource (widget_class, "/io/github/velatura/Velatura/ui/canvas/stage.ui");
  gtk_widget_class_bind_template_child (widget_class, VelStage, banner);
  gtk_widget_class_bind_template_child (widget_class, VelStage, sentence);
  gtk_widget_class_bind_template_child (widget_class, VelStage, zoom_text);
  gtk_widget_class_bind_template_child (widget_class, VelStage, one);
  gtk_widget_class_bind_template_child (widget_class, VelStage, stack);
  gtk_widget_class_bind_template_child (widget_class, VelStage, welcome);
  gtk_widget_class_bind_template_child (widget_class, VelStage, canvas);
  gtk_widget_class_bind_template_child (widget_class, VelStage, capsule_revealer);
  gtk_widget_class_bind_template_child (widget_class, VelStage, bar_revealer);
  gtk_widget_class_bind_template_child (widget_class, VelStage, zoom_revealer);
  gtk_widget_class_bind_template_child (widget_class, VelStage, capsule);
  gtk_widget_class_bind_template_child (widget_class, VelStage, bar);
  gtk_widget_class_bind_template_callback (widget_class, on_banner_closed);
  gtk_widget_class_bind_template_callback (widget_class, on_example);
  gtk_widget_class_bind_template_callback (widget_class, on_child_position);
  gtk_widget_class_bind_template_callback (widget_class, on_zoom);
}

static void
vel_stage_init (VelStage *self)
{
  GtkDragSource *drag = gtk_drag_source_new ();

  gtk_widget_init_template (GTK_WIDGET (self));
  g_signal_connect_swapped (drag, "prepare", G_CALLBACK (on_drag_prepare), self);
  gtk_widget_add_controller (GTK_WIDGET (self->canvas), GTK_EVENT_CONTROLLER (drag));
  on_zoom (self);
  name_canvas (self);
}
