/* Earlier pictures along the window's edge.
 * SPDX-License-Identifier: Apache-2.0 */
#include "config.h"

#include "ui/panels/history-strip.h"
#include "ui/canvas/progress-ring.h"
#include "ui/panels/unfinished-list.h"
#include "ui/widgets/day-label.h"
#include "ui/widgets/history-model.h"
#include "ui/widgets/picture-drag.h"
#include "ui/widgets/thumbnail.h"

#include <glib/gi18n.h>

#define HEADING_MILLISECONDS 120

struct _VelHistoryStrip {
  GtkBox parent_instance;
  GtkLabel *heading;
  GtkRevealer *live_revealer;
  GtkWidget *live;
  VelThumbnail *preview;
  VelProgressRing *ring;
  GtkScrolledWindow *scroll;
  GtkListView *list;
  VelUnfinishedList *unfinished;
  VelHistory *history;
  VelHistoryModel *model;
  GtkSingleSelection *selection;
  VelJob *job;
  gint64 wanted;      /* to be selected once it is in the list, or -1 */
  gboolean selecting; /* by us, not by a person */
  guint heading_update;
};

G_DEFINE_FINAL_TYPE (VelHistoryStrip, vel_history_strip, GTK_TYPE_BOX)

enum { CHOSEN, OPENED, LIVE_CHOSEN, READ, UNFINISHED, N_SIGNALS };
static guint signals[N_SIGNALS];

/* The day of the topmost thumbnail in sight. */
static void
update_heading (VelHistoryStrip *self)
{
  const VelHistoryItem *top = NULL;
  double least = G_MAXDOUBLE;

  for (GtkWidget *row = gtk_widget_get_first_child (GTK_WIDGET (self->list)); row != NULL; row = gtk_widget_get_next_sibling (row)) {
    GtkWidget *child = gtk_widget_get_first_child (row);
    graphene_rect_t bounds;

    if (!VEL_IS_THUMBNAIL (child) || vel_thumbnail_get_item (VEL_THUMBNAIL (child)) == NULL ||
        !gtk_widget_compute_bounds (child, GTK_WIDGET (self->scroll), &bounds))
      continue;
    if (bounds.origin.y + bounds.size.height > 0 && bounds.origin.y < least) {
      least = bounds.origin.y;
      top = vel_thumbnail_get_item (VEL_THUMBNAIL (child));
    }
  }
  if (top != NULL) {
    g_autofree char *day = vel_dup_day_label (top->created);

    gtk_label_set_text (self->heading, day);
  } else if (vel_history_strip_get_n_pictures (self) == 0) {
    gtk_label_set_text (self->heading, _("No pictures yet"));
  }
}

static gboolean
on_heading_due (gpointer data)
{
  VelHistoryStrip *self = VEL_HISTORY_STRIP (data);

  self->heading_update = 0;
  update_heading (self);
  return G_SOURCE_REMOVE;
}

/* Looking through all rows for every one that arrives would take the frames that scrolling needs. */
static void
update_heading_soon (VelHistoryStrip *self)
{
  if (self->heading_update == 0)
    self->heading_update = g_timeout_add (HEADING_MILLISECONDS, on_heading_due, self);
}

static GdkContentProvider *
on_drag_prepare (GtkDragSource *drag, double x, double y, gpointer unused)
{
  VelThumbnail *thumbnail = VEL_THUMBNAIL (gtk_event_controller_get_widget (GTK_EVENT_CONTROLLER (drag)));
  const VelHistoryItem *item = vel_thumbnail_get_item (thumbnail);
  GdkTexture *texture = vel_thumbnail_get_texture (thumbnail);

  if (item == NULL)
    return NULL;
  if (texture != NULL)
    gtk_drag_source_set_icon (drag, GDK_PAINTABLE (texture), 0, 0);
  return vel_picture_drag_content (item->path, NULL);
}

static void
on_setup (VelHistoryStrip *self, GtkListItem *row)
{
  GtkWidget *thumbnail = vel_thumbnail_new ();
  GtkDragSource *drag = gtk_drag_source_new ();

  g_signal_connect (drag, "prepare", G_CALLBACK (on_drag_prepare), NULL);
  gtk_widget_add_controller (thumbnail, GTK_EVENT_CONTROLLER (drag));
  gtk_widget_set_halign (thumbnail, GTK_ALIGN_CENTER);
  g_signal_connect_object (thumbnail, "loaded", G_CALLBACK (update_heading_soon), self, G_CONNECT_SWAPPED);
  gtk_list_item_set_child (row, thumbnail);
}

static void
on_bind (VelHistoryStrip *self, GtkListItem *row)
{
  VelHistoryEntry *entry = gtk_list_item_get_item (row);

  vel_thumbnail_set_picture (VEL_THUMBNAIL (gtk_list_item_get_child (row)), self->history, vel_history_entry_get_id (entry));
}

static void
on_unbind (VelHistoryStrip *self, GtkListItem *row)
{
  vel_thumbnail_set_picture (VEL_THUMBNAIL (gtk_list_item_get_child (row)), NULL, -1);
}

static void
on_selected (VelHistoryStrip *self)
{
  VelHistoryEntry *entry = gtk_single_selection_get_selected_item (self->selection);

  if (entry != NULL && !self->selecting)
    g_signal_emit (self, signals[CHOSEN], 0, vel_history_entry_get_id (entry));
}

static void
on_activate (VelHistoryStrip *self, guint position)
{
  g_autoptr (VelHistoryEntry) entry = g_list_model_get_item (G_LIST_MODEL (self->model), position);

  if (entry != NULL)
    g_signal_emit (self, signals[OPENED], 0, vel_history_entry_get_id (entry));
}

static void
on_live_clicked (VelHistoryStrip *self)
{
  g_signal_emit (self, signals[LIVE_CHOSEN], 0);
}

static void
on_unfinished (VelHistoryStrip *self)
{
  g_signal_emit (self, signals[UNFINISHED], 0);
}

static void
select_wanted (VelHistoryStrip *self)
{
  guint position = GTK_INVALID_LIST_POSITION;

  if (self->wanted >= 0 && !vel_history_model_find (self->model, self->wanted, &position))
    return;
  self->selecting = TRUE;
  gtk_single_selection_set_selected (self->selection, position);
  self->selecting = FALSE;
  self->wanted = -1;
  if (position != GTK_INVALID_LIST_POSITION)
    gtk_widget_activate_action (GTK_WIDGET (self->list), "list.scroll-to-item", "u", position);
}

static void
on_items_changed (VelHistoryStrip *self, guint position, guint removed, guint added)
{
  if (removed == 0 && added > 0 && added == vel_history_strip_get_n_pictures (self))
    g_signal_emit (self, signals[READ], 0);
  if (self->wanted >= 0)
    select_wanted (self);
  update_heading_soon (self);
}

void
vel_history_strip_select (VelHistoryStrip *self, gint64 id)
{
  if (self->model == NULL)
    return;
  self->wanted = id;
  select_wanted (self);
}

gint64
vel_history_strip_get_newest (VelHistoryStrip *self)
{
  g_autoptr (VelHistoryEntry) newest = self->model != NULL ? g_list_model_get_item (G_LIST_MODEL (self->model), 0) : NULL;

  return newest != NULL ? vel_history_entry_get_id (newest) : -1;
}

guint
vel_history_strip_get_n_pictures (VelHistoryStrip *self)
{
  return self->model != NULL ? g_list_model_get_n_items (G_LIST_MODEL (self->model)) : 0;
}

guint
vel_history_strip_get_n_unfinished (VelHistoryStrip *self)
{
  return vel_unfinished_list_get_n_pictures (self->unfinished);
}

void
vel_history_strip_set_history (VelHistoryStrip *self, VelHistory *history)
{
  GtkListItemFactory *factory;

  update_heading (self);
  if (history == NULL)
    return;
  factory = gtk_signal_list_item_factory_new ();
  self->history = g_object_ref (history);
  vel_unfinished_list_set_history (self->unfinished, history);
  self->model = vel_history_model_new (history);
  self->selection = gtk_single_selection_new (NULL);
  gtk_single_selection_set_autoselect (self->selection, FALSE);
  gtk_single_selection_set_can_unselect (self->selection, TRUE);
  gtk_single_selection_set_model (self->selection, G_LIST_MODEL (self->model));
  g_signal_connect_object (self->selection, "notify::selected", G_CALLBACK (on_selected), self, G_CONNECT_SWAPPED);
  g_signal_connect_object (self->model, "items-changed", G_CALLBACK (on_items_changed), self, G_CONNECT_SWAPPED | G_CONNECT_AFTER);
  g_signal_connect_object (factory, "setup", G_CALLBACK (on_setup), self, G_CONNECT_SWAPPED);
  g_signal_connect_object (factory, "bind", G_CALLBACK (on_bind), self, G_CONNECT_SWAPPED);
  g_signal_connect_object (factory, "unbind", G_CALLBACK (on_unbind), self, G_CONNECT_SWAPPED);
  gtk_list_view_set_factory (self->list, factory);
  gtk_list_view_set_model (self->list, GTK_SELECTION_MODEL (self->selection));
  g_object_unref (factory);
  g_signal_connect_object (gtk_scrolled_window_get_vadjustment (self->scroll), "value-changed", G_CALLBACK (update_heading_soon),
                           self, G_CONNECT_SWAPPED);
}

static void
on_progress (VelHistoryStrip *self)
{
  unsigned step = vel_job_get_step (self->job), n_steps = vel_job_get_n_steps (self->job);
  g_autofree char *text = step > 0 ? g_strdup_printf ("%u", step) : NULL;

  vel_progress_ring_set (self->ring, n_steps > 0 ? (double) step / n_steps : 0, text);
}

void
vel_history_strip_set_job (VelHistoryStrip *self, VelJob *job)
{
  if (self->job == job)
    return;
  if (self->job != NULL)
    g_signal_handlers_disconnect_by_data (self->job, self);
  g_set_object (&self->job, job);
  gtk_revealer_set_reveal_child (self->live_revealer, job != NULL);
  vel_thumbnail_set_texture (self->preview, NULL);
  if (job == NULL)
    return;
  g_signal_connect_object (job, "notify", G_CALLBACK (on_progress), self, G_CONNECT_SWAPPED);
  on_progress (self);
}

void
vel_history_strip_set_preview (VelHistoryStrip *self, GdkTexture *texture)
{
  vel_thumbnail_set_texture (self->preview, texture);
}

static void
vel_history_strip_dispose (GObject *object)
{
  VelHistoryStrip *self = VEL_HISTORY_STRIP (object);

  g_clear_handle_id (&self->heading_update, g_source_remove);
  g_clear_object (&self->job);
  g_clear_object (&self->selection);
  g_clear_object (&self->model);
  g_clear_object (&self->history);
  G_OBJECT_CLASS (vel_history_strip_parent_class)->dispose (object);
}

static void
vel_history_strip_class_init (VelHistoryStripClass *klass)
{
  GtkWidgetClass *widget_class = GTK_WIDGET_CLASS (klass);

  G_OBJECT_CLASS (klass)->dispose = vel_history_strip_dispose;
  g_type_ensure (VEL_TYPE_PROGRESS_RING);
  g_type_ensure (VEL_TYPE_THUMBNAIL);
  g_type_ensure (VEL_TYPE_UNFINISHED_LIST);
  signals[CHOSEN] = g_signal_new ("chosen", VEL_TYPE_HISTORY_STRIP, G_SIGNAL_RUN_LAST, 0, NULL, NULL, NULL, G_TYPE_NONE, 1, G_TYPE_INT64);
  signals[OPENED] = g_signal_new ("opened", VEL_TYPE_HISTORY_STRIP, G_SIGNAL_RUN_LAST, 0, NULL, NULL, NULL, G_TYPE_NONE, 1, G_TYPE_INT64);
  signals[LIVE_CHOSEN] = g_signal_new ("live-chosen", VEL_TYPE_HISTORY_STRIP, G_SIGNAL_RUN_LAST, 0, NULL, NULL, NULL, G_TYPE_NONE, 0);
  signals[READ] = g_signal_new ("read", VEL_TYPE_HISTORY_STRIP, G_SIGNAL_RUN_LAST, 0, NULL, NULL, NULL, G_TYPE_NONE, 0);
  signals[UNFINISHED] = g_signal_new ("unfinished", VEL_TYPE_HISTORY_STRIP, G_SIGNAL_RUN_LAST, 0, NULL, NULL, NULL, G_TYPE_NONE, 0);
  gtk_widget_class_set_template_from_resource (widget_class, "/io/github/velatura/Velatura/ui/panels/history-strip.ui");
  gtk_widget_class_bind_template_child (widget_class, VelHistoryStrip, heading);
  gtk_widget_class_bind_template_child (widget_class, VelHistoryStrip, live_revealer);
  gtk_widget_class_bind_template_child (widget_class, VelHistoryStrip, live);
  gtk_widget_class_bind_template_child (widget_class, VelHistoryStrip, preview);
  gtk_widget_class_bind_template_child (widget_class, VelHistoryStrip, ring);
  gtk_widget_class_bind_template_child (widget_class, VelHistoryStrip, scroll);
  gtk_widget_class_bind_template_child (widget_class, VelHistoryStrip, list);
  gtk_widget_class_bind_template_child (widget_class, VelHistoryStrip, unfinished);
  gtk_widget_class_bind_template_callback (widget_class, on_live_clicked);
  gtk_widget_class_bind_template_callback (widget_class, on_activate);
  gtk_widget_class_bind_template_callback (widget_class, on_unfinished);
}

static void
vel_history_strip_init (VelHistoryStrip *self)
{
  self->wanted = -1;
  gtk_widget_init_template (GTK_WIDGET (self));
}
