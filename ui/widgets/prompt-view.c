/* The text view in which prompts are written.
 * SPDX-License-Identifier: Apache-2.0
 *
 * Tints are drawn below the text. A tag with a foreground colour would make GTK 4.8 crash when an assistive tool asks for the text's
 * attributes, so shape (bold, smaller, underlined) and what lies beneath carry the meaning. */
#include "config.h"

#include "ui/widgets/prompt-view.h"
#include "ui/widgets/prompt-spans.h"
#include "ui/widgets/prompt-weight.h"

#define TINT_RADIUS 5

struct _VelPromptView {
  GtkTextView parent_instance;
  char *placeholder;
  GArray *spans; /* VelSpan */
  gboolean setting;
};

G_DEFINE_FINAL_TYPE (VelPromptView, vel_prompt_view, GTK_TYPE_TEXT_VIEW)

enum { PROP_PLACEHOLDER = 1, N_PROPS };
static GParamSpec *props[N_PROPS];
static guint changed_signal;

char *
vel_prompt_view_dup_text (VelPromptView *self)
{
  GtkTextBuffer *buffer = gtk_text_view_get_buffer (GTK_TEXT_VIEW (self));
  GtkTextIter start, end;

  gtk_text_buffer_get_bounds (buffer, &start, &end);
  return gtk_text_buffer_get_text (buffer, &start, &end, TRUE);
}

static const char *
tag_of (VelSpanKind kind)
{
  static const char *const names[] = { [VEL_SPAN_UP] = "up", [VEL_SPAN_DOWN] = "down", [VEL_SPAN_ERROR] = "error" };

  return names[kind];
}

static void
on_changed (VelPromptView *self)
{
  GtkTextBuffer *buffer = gtk_text_view_get_buffer (GTK_TEXT_VIEW (self));
  g_autofree char *text = NULL;
  GtkTextIter start, end;

  if (self->setting)
    return;
  text = vel_prompt_view_dup_text (self);
  g_clear_pointer (&self->spans, g_array_unref);
  self->spans = vel_prompt_find_spans (text);
  gtk_text_buffer_get_bounds (buffer, &start, &end);
  gtk_text_buffer_remove_all_tags (buffer, &start, &end);
  for (guint i = 0; i < self->spans->len; i++) {
    const VelSpan *span = &g_array_index (self->spans, VelSpan, i);

    gtk_text_buffer_get_iter_at_offset (buffer, &start, (int) span->start);
    gtk_text_buffer_get_iter_at_offset (buffer, &end, (int) span->end);
    gtk_text_buffer_apply_tag_by_name (buffer, tag_of (span->kind), &start, &end);
  }
  g_signal_emit (self, changed_signal, 0);
}

void
vel_prompt_view_set_text (VelPromptView *self, const char *text)
{
  g_autofree char *now = vel_prompt_view_dup_text (self);

  if (g_str_equal (now, text))
    return;
  /* The buffer empties itself first and says so; whoever listened would store "" and free the text it is about to be given. */
  self->setting = TRUE;
  gtk_text_buffer_set_text (gtk_text_view_get_buffer (GTK_TEXT_VIEW (self)), text, -1);
  self->setting = FALSE;
  on_changed (self);
}

/* One rounded rectangle a display line. */
static void
draw_tint (VelPromptView *self, GtkSnapshot *snapshot, const VelSpan *span, const GdkRGBA *colour)
{
  GtkTextView *view = GTK_TEXT_VIEW (self);
  GtkTextBuffer *buffer = gtk_text_view_get_buffer (view);
  GtkTextIter at, end;

  gtk_text_buffer_get_iter_at_offset (buffer, &at, (int) span->start);
  gtk_text_buffer_get_iter_at_offset (buffer, &end, (int) span->end);
  while (gtk_text_iter_compare (&at, &end) < 0) {
    GtkTextIter line_end = at;
    GdkRectangle first, last;
    GskRoundedRect outline;

    if (!gtk_text_view_forward_display_line_end (view, &line_end) || gtk_text_iter_compare (&line_end, &end) > 0)
      line_end = end;
    gtk_text_view_get_iter_location (view, &at, &first);
    gtk_text_view_get_iter_location (view, &line_end, &last);
    if (last.y == first.y && last.x > first.x) {
      gsk_rounded_rect_init_from_rect (&outline,
                                       &GRAPHENE_RECT_INIT ((float) first.x - 1, (float) first.y, (float) (last.x - first.x) + 2,
                                                            (float) first.height),
                                       TINT_RADIUS);
      gtk_snapshot_push_rounded_clip (snapshot, &outline);
      gtk_snapshot_append_color (snapshot, colour, &outline.bounds);
      gtk_snapshot_pop (snapshot);
    }
    if (gtk_text_iter_equal (&line_end, &end))
      break;
    at = line_end;
    if (!gtk_text_view_forward_display_line (view, &at) || !gtk_text_view_starts_display_line (view, &at))
      gtk_text_iter_forward_char (&at);
  }
}

static void
vel_prompt_view_snapshot_layer (GtkTextView *view, GtkTextViewLayer layer, GtkSnapshot *snapshot)
{
  VelPromptView *self = VEL_PROMPT_VIEW (view);
  static const char *const names[] = { [VEL_SPAN_UP] = "tint_up", [VEL_SPAN_DOWN] = "tint_down", [VEL_SPAN_ERROR] = "tint_error" };

  if (layer != GTK_TEXT_VIEW_LAYER_BELOW_TEXT || self->spans == NULL)
    return;
  for (guint i = 0; i < self->spans->len; i++) {
    const VelSpan *span = &g_array_index (self->spans, VelSpan, i);
    GdkRGBA colour;

    G_GNUC_BEGIN_IGNORE_DEPRECATIONS /* since 4.10; no other way to a named colour */
    if (gtk_style_context_lookup_color (gtk_widget_get_style_context (GTK_WIDGET (self)), names[span->kind], &colour))
      draw_tint (self, snapshot, span, &colour);
    G_GNUC_END_IGNORE_DEPRECATIONS
  }
}

static void
draw_placeholder (VelPromptView *self, GtkSnapshot *snapshot)
{
  GtkWidget *widget = GTK_WIDGET (self);
  g_autoptr (PangoLayout) layout = gtk_widget_create_pango_layout (widget, self->placeholder);
  float left = (float) gtk_text_view_get_left_margin (GTK_TEXT_VIEW (self));
  float top = (float) gtk_text_view_get_top_margin (GTK_TEXT_VIEW (self));
  GdkRGBA colour;

  G_GNUC_BEGIN_IGNORE_DEPRECATIONS
  gtk_style_context_get_color (gtk_widget_get_style_context (widget), &colour);
  G_GNUC_END_IGNORE_DEPRECATIONS
  colour.alpha *= 0.6f;
  gtk_snapshot_save (snapshot);
  gtk_snapshot_translate (snapshot, &GRAPHENE_POINT_INIT (left, top));
  gtk_snapshot_append_layout (snapshot, layout, &colour);
  gtk_snapshot_restore (snapshot);
}

static void
vel_prompt_view_snapshot (GtkWidget *widget, GtkSnapshot *snapshot)
{
  VelPromptView *self = VEL_PROMPT_VIEW (widget);

  GTK_WIDGET_CLASS (vel_prompt_view_parent_class)->snapshot (widget, snapshot);
  if (self->placeholder != NULL && gtk_text_buffer_get_char_count (gtk_text_view_get_buffer (GTK_TEXT_VIEW (self))) == 0)
    draw_placeholder (self, snapshot);
}

static gboolean
on_key_pressed (VelPromptView *self, guint key, guint code, GdkModifierType state)
{
  if ((state & gtk_accelerator_get_default_mod_mask ()) != GDK_CONTROL_MASK || (key != GDK_KEY_Up && key != GDK_KEY_Down))
    return FALSE;
  vel_prompt_change_weight (gtk_text_view_get_buffer (GTK_TEXT_VIEW (self)), key == GDK_KEY_Up ? 0.1 : -0.1);
  return TRUE;
}

static void
vel_prompt_view_get_property (GObject *object, guint id, GValue *value, GParamSpec *pspec)
{
  g_value_set_string (value, VEL_PROMPT_VIEW (object)->placeholder);
}

static void
vel_prompt_view_set_property (GObject *object, guint id, const GValue *value, GParamSpec *pspec)
{
  VelPromptView *self = VEL_PROMPT_VIEW (object);

  g_free (self->placeholder);
  self->placeholder = g_value_dup_string (value);
  gtk_accessible_update_property (GTK_ACCESSIBLE (self), GTK_ACCESSIBLE_PROPERTY_PLACEHOLDER, self->placeholder, -1);
}

static void
vel_prompt_view_finalize (GObject *object)
{
  VelPromptView *self = VEL_PROMPT_VIEW (object);

  g_clear_pointer (&self->spans, g_array_unref);
  g_free (self->placeholder);
  G_OBJECT_CLASS (vel_prompt_view_parent_class)->finalize (object);
}

static void
vel_prompt_view_class_init (VelPromptViewClass *klass)
{
  GObjectClass *object_class = G_OBJECT_CLASS (klass);

  object_class->get_property = vel_prompt_view_get_property;
  object_class->set_property = vel_prompt_view_set_property;
  object_class->finalize = vel_prompt_view_finalize;
  GTK_WIDGET_CLASS (klass)->snapshot = vel_prompt_view_snapshot;
  GTK_TEXT_VIEW_CLASS (klass)->snapshot_layer = vel_prompt_view_snapshot_layer;
  props[PROP_PLACEHOLDER] = g_param_spec_string ("placeholder", NULL, NULL, NULL, G_PARAM_READWRITE | G_PARAM_STATIC_STRINGS);
  g_object_class_install_properties (object_class, N_PROPS, props);
  changed_signal = g_signal_new ("changed", VEL_TYPE_PROMPT_VIEW, G_SIGNAL_RUN_LAST, 0, NULL, NULL, NULL, G_TYPE_NONE, 0);
}

static void
vel_prompt_view_init (VelPromptView *self)
{
  GtkTextBuffer *buffer = gtk_text_view_get_buffer (GTK_TEXT_VIEW (self));
  GtkEventController *keys = gtk_event_controller_key_new ();

  gtk_text_view_set_accepts_tab (GTK_TEXT_VIEW (self), FALSE);
  gtk_text_buffer_create_tag (buffer, "up", "weight", PANGO_WEIGHT_BOLD, NULL);
  gtk_text_buffer_create_tag (buffer, "down", "scale", 0.92, NULL);
  gtk_text_buffer_create_tag (buffer, "error", "underline", PANGO_UNDERLINE_ERROR, NULL);
  g_signal_connect_object (buffer, "changed", G_CALLBACK (on_changed), self, G_CONNECT_SWAPPED);
  gtk_event_controller_set_propagation_phase (keys, GTK_PHASE_CAPTURE);
  g_signal_connect_swapped (keys, "key-pressed", G_CALLBACK (on_key_pressed), self);
  gtk_widget_add_controller (GTK_WIDGET (self), keys);
}
