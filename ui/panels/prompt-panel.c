/* The card in which the prompt is written.
 * SPDX-License-Identifier: Apache-2.0 */
#include "config.h"

#include "ui/panels/prompt-panel.h"
#include "ui/widgets/prompt-view.h"

#include <glib/gi18n.h>

/* Counting waits for a pause in typing. */
#define COUNT_MILLISECONDS 120

struct _VelPromptPanel {
  GtkBox parent_instance;
  VelPromptView *prompt, *negative;
  GtkScrolledWindow *scroll;
  GtkLabel *count;
  GtkWidget *clear;
  VelValues *request;
  VelVocabulary *vocabulary;
  guint counting; /* source */
};

G_DEFINE_FINAL_TYPE (VelPromptPanel, vel_prompt_panel, GTK_TYPE_BOX)

static gboolean
count_tokens (gpointer data)
{
  VelPromptPanel *self = VEL_PROMPT_PANEL (data);
  const char *problem = vel_vocabulary_get_problem (self->vocabulary);
  g_autofree char *text = NULL;
  guint count, limit;

  self->counting = 0;
  if (vel_vocabulary_count (self->vocabulary, vel_values_get (self->request, "prompt"), &count, &limit)) {
    text = g_strdup_printf ("%u / %u", count, limit);
    gtk_widget_set_tooltip_text (GTK_WIDGET (self->count), _("Words and parts of words the model reads, and how many fit"));
  } else {
    text = g_strdup (problem != NULL ? _("No vocabulary") : "");
    gtk_widget_set_tooltip_text (GTK_WIDGET (self->count), problem);
  }
  gtk_label_set_text (self->count, text);
  return G_SOURCE_REMOVE;
}

static void
count_soon (VelPromptPanel *self)
{
  if (self->counting == 0)
    self->counting = g_timeout_add (COUNT_MILLISECONDS, count_tokens, self);
}

static void
on_request_prompt (VelPromptPanel *self)
{
  const char *prompt = vel_values_get (self->request, "prompt");

  vel_prompt_view_set_text (self->prompt, prompt);
  gtk_widget_set_visible (self->clear, prompt[0] != '\0');
  count_soon (self);
}

static void
on_request_negative (VelPromptPanel *self)
{
  vel_prompt_view_set_text (self->negative, vel_values_get (self->request, "negative"));
}

static void
on_prompt_typed (VelPromptPanel *self)
{
  g_autofree char *text = vel_prompt_view_dup_text (self->prompt);

  vel_values_set (self->request, "prompt", text, NULL);
}

static void
on_negative_typed (VelPromptPanel *self)
{
  g_autofree char *text = vel_prompt_view_dup_text (self->negative);

  vel_values_set (self->request, "negative", text, NULL);
}

static void
on_clear (VelPromptPanel *self)
{
  vel_values_set (self->request, "prompt", "", NULL);
  vel_prompt_panel_focus (self);
}

void
vel_prompt_panel_focus (VelPromptPanel *self)
{
  gtk_widget_grab_focus (GTK_WIDGET (self->prompt));
}

void
vel_prompt_panel_set_compact (VelPromptPanel *self, gboolean compact)
{
  gtk_scrolled_window_set_min_content_height (self->scroll, compact ? 56 : 112);
  gtk_scrolled_window_set_max_content_height (self->scroll, compact ? 96 : 240);
}

void
vel_prompt_panel_set_session (VelPromptPanel *self, VelSession *session)
{
  self->request = g_object_ref (vel_session_get_request (session));
  self->vocabulary = g_object_ref (vel_session_get_vocabulary (session));
  g_signal_connect_object (self->request, "changed::prompt", G_CALLBACK (on_request_prompt), self, G_CONNECT_SWAPPED);
  g_signal_connect_object (self->request, "changed::negative", G_CALLBACK (on_request_negative), self, G_CONNECT_SWAPPED);
  g_signal_connect_object (self->vocabulary, "changed", G_CALLBACK (count_soon), self, G_CONNECT_SWAPPED);
  g_signal_connect_object (self->request, "changed::steps", G_CALLBACK (count_soon), self, G_CONNECT_SWAPPED);
  g_signal_connect_object (self->request, "changed::render_as", G_CALLBACK (count_soon), self, G_CONNECT_SWAPPED);
  on_request_prompt (self);
  on_request_negative (self);
  g_signal_connect_object (self->prompt, "changed", G_CALLBACK (on_prompt_typed), self, G_CONNECT_SWAPPED);
  g_signal_connect_object (self->negative, "changed", G_CALLBACK (on_negative_typed), self, G_CONNECT_SWAPPED);
}

static void
vel_prompt_panel_dispose (GObject *object)
{
  VelPromptPanel *self = VEL_PROMPT_PANEL (object);

  g_clear_handle_id (&self->counting, g_source_remove);
  g_clear_object (&self->request);
  g_clear_object (&self->vocabulary);
  G_OBJECT_CLASS (vel_prompt_panel_parent_class)->dispose (object);
}

static void
vel_prompt_panel_class_init (VelPromptPanelClass *klass)
{
  GtkWidgetClass *widget_class = GTK_WIDGET_CLASS (klass);

  G_OBJECT_CLASS (klass)->dispose = vel_prompt_panel_dispose;
  g_type_ensure (VEL_TYPE_PROMPT_VIEW);
  gtk_widget_class_set_template_from_resource (widget_class, "/io/github/velatura/Velatura/ui/panels/prompt-panel.ui");
  gtk_widget_class_bind_template_child (widget_class, VelPromptPanel, prompt);
  gtk_widget_class_bind_template_child (widget_class, VelPromptPanel, negative);
  gtk_widget_class_bind_template_child (widget_class, VelPromptPanel, scroll);
  gtk_widget_class_bind_template_child (widget_class, VelPromptPanel, count);
  gtk_widget_class_bind_template_child (widget_class, VelPromptPanel, clear);
  gtk_widget_class_bind_template_callback (widget_class, on_clear);
}

static void
vel_prompt_panel_init (VelPromptPanel *self)
{
  gtk_widget_init_template (GTK_WIDGET (self));
}
