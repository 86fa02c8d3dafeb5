/* The real window in a test.
 * SPDX-License-Identifier: Apache-2.0 */
#include "config.h"

#include "tests/ui/harness.h"

#include <glib/gstdio.h>

void
vel_harness_spin (guint milliseconds)
{
  gint64 end = g_get_monotonic_time () + (gint64) milliseconds * 1000;

  while (g_get_monotonic_time () < end)
    if (!g_main_context_iteration (NULL, FALSE))
      g_usleep (1000);
}

void
vel_harness_wait (VelCondition condition, gpointer data, guint seconds, const char *what)
{
  gint64 end = g_get_monotonic_time () + (gint64) seconds * G_USEC_PER_SEC;

  while (!condition (data)) {
    if (g_get_monotonic_time () > end)
      g_error ("after %u seconds still not: %s", seconds, what);
    if (!g_main_context_iteration (NULL, FALSE))
      g_usleep (1000);
  }
}

static gboolean
is_mapped (gpointer widget)
{
  return gtk_widget_get_mapped (widget) && gtk_widget_get_width (widget) > 0;
}

void
vel_harness_start (VelHarness *self, int width, int height)
{
  g_autoptr (GError) error = NULL;
  static VelApplication *application; /* its object on the bus can be there only once */

  if (application == NULL) {
    application = vel_application_new (G_APPLICATION_NON_UNIQUE);
    g_application_register (G_APPLICATION (application), NULL, &error);
    g_assert_no_error (error);
  }
  self->application = application;
  g_application_activate (G_APPLICATION (self->application));
  self->window = VEL_WINDOW (gtk_application_get_active_window (GTK_APPLICATION (self->application)));
  g_assert_nonnull (self->window);
  /* as GNOME sets it; without a desktop's settings GTK would take another */
  g_object_set (gtk_settings_get_default (), "gtk-font-name", "Cantarell 11", NULL);
  gtk_window_set_default_size (GTK_WINDOW (self->window), width, height);
  vel_harness_wait (is_mapped, self->window, 30, "the window is on the screen");
  vel_harness_spin (400);
  /* the least width is that of a wide window until a narrow one has been laid out */
  gtk_window_set_default_size (GTK_WINDOW (self->window), width, height);
  vel_harness_spin (200);
}

static gboolean
has_no_window (gpointer application)
{
  return gtk_application_get_windows (application) == NULL;
}

void
vel_harness_stop (VelHarness *self)
{
  gtk_window_close (GTK_WINDOW (self->window));
  vel_harness_wait (has_no_window, self->application, 30, "the window is gone");
  self->window = NULL;
  vel_harness_spin (100);
}

GtkWidget *
vel_harness_find_type (GtkWidget *root, GType type)
{
  if (G_TYPE_CHECK_INSTANCE_TYPE (root, type))
    return root;
  for (GtkWidget *child = gtk_widget_get_first_child (root); child != NULL; child = gtk_widget_get_next_sibling (child)) {
    GtkWidget *found = vel_harness_find_type (child, type);

    if (found != NULL)
      return found;
  }
  return NULL;
}

GtkWidget *
vel_harness_find_id (GtkWidget *root, const char *id)
{
  if (g_strcmp0 (gtk_buildable_get_buildable_id (GTK_BUILDABLE (root)), id) == 0)
    return root;
  for (GtkWidget *child = gtk_widget_get_first_child (root); child != NULL; child = gtk_widget_get_next_sibling (child)) {
    GtkWidget *found = vel_harness_find_id (child, id);

    if (found != NULL)
      return found;
  }
  return NULL;
}

/* The widget's own render tree. NULL while sizes are being worked out. */
static GskRenderNode *
snapshot (GtkWidget *window)
{
  g_autoptr (GdkPaintable) paintable = gtk_widget_paintable_new (window);
  GtkSnapshot *drawn = gtk_snapshot_new ();

  gdk_paintable_snapshot (paintable, drawn, gdk_paintable_get_intrinsic_width (paintable), gdk_paintable_get_intrinsic_height (paintable));
  return gtk_snapshot_free_to_node (drawn);
}

char *
vel_harness_photograph (GtkWidget *window, const char *name)
{
  g_autofree char *folder = g_test_build_filename (G_TEST_BUILT, "ui", "screenshots", NULL);
  char *path = g_strdup_printf ("%s/%s.png", folder, name);
  g_autoptr (GdkTexture) texture = NULL;
  GskRenderNode *node = NULL;

  vel_harness_spin (400);
  for (guint i = 0; i < 100 && node == NULL; i++) {
    vel_harness_spin (20);
    node = snapshot (window);
  }
  g_assert_nonnull (node);
  texture = gsk_renderer_render_texture (gtk_native_get_renderer (GTK_NATIVE (window)), node, NULL);
  gsk_render_node_unref (node);
  g_assert_cmpint (g_mkdir_with_parents (folder, 0755), ==, 0);
  g_assert_true (gdk_texture_save_to_png (texture, path));
  g_test_message ("%s: %d x %d", path, gdk_texture_get_width (texture), gdk_texture_get_height (texture));
  return path;
}

/* Text of a label below the widget: what a button without a name of its own is called by. */
static const char *
find_text (GtkWidget *widget)
{
  if (GTK_IS_LABEL (widget) && gtk_label_get_text (GTK_LABEL (widget))[0] != '\0')
    return gtk_label_get_text (GTK_LABEL (widget));
  for (GtkWidget *child = gtk_widget_get_first_child (widget); child != NULL; child = gtk_widget_get_next_sibling (child)) {
    const char *text = find_text (child);

    if (text != NULL)
      return text;
  }
  return NULL;
}

static gboolean
has_name (GtkWidget *widget)
{
  GtkAccessible *accessible = GTK_ACCESSIBLE (widget);

  if (gtk_test_accessible_has_property (accessible, GTK_ACCESSIBLE_PROPERTY_LABEL) ||
      gtk_test_accessible_has_relation (accessible, GTK_ACCESSIBLE_RELATION_LABELLED_BY))
    return TRUE;
  return (GTK_IS_BUTTON (widget) || GTK_IS_EXPANDER (widget) || GTK_IS_LABEL (widget) || GTK_IS_MENU_BUTTON (widget)) &&
         find_text (widget) != NULL;
}

/* Parts of a control that has the name: the button inside a GtkMenuButton, the text inside an entry. */
static gboolean
is_named_with_parent (GtkWidget *widget)
{
  for (GtkWidget *at = widget; at != NULL; at = gtk_widget_get_parent (at))
    if ((at == widget || GTK_IS_MENU_BUTTON (at) || GTK_IS_DROP_DOWN (at) || GTK_IS_EDITABLE (at)) && has_name (at))
      return TRUE;
  return FALSE;
}

/* What only scrolls, holds a row or belongs to the window's frame says nothing by itself. */
static gboolean
needs_name (GtkWidget *widget)
{
  if (!gtk_widget_get_focusable (widget) || !gtk_widget_get_visible (widget))
    return FALSE;
  return !GTK_IS_SCROLLED_WINDOW (widget) && !GTK_IS_WINDOW (widget) && !GTK_IS_VIEWPORT (widget) && !GTK_IS_POPOVER (widget) &&
         !GTK_IS_LIST_BOX_ROW (widget) && g_strcmp0 (G_OBJECT_TYPE_NAME (widget), "GtkListItemWidget") != 0 &&
         !gtk_widget_has_css_class (widget, "titlebutton");
}

static void
describe (GtkWidget *widget, GString *path)
{
  if (gtk_widget_get_parent (widget) != NULL) {
    describe (gtk_widget_get_parent (widget), path);
    g_string_append (path, " > ");
  }
  g_string_append (path, G_OBJECT_TYPE_NAME (widget));
}

guint
vel_harness_check_names (GtkWidget *root)
{
  guint n = 0;

  if (needs_name (root)) {
    n++;
    if (!is_named_with_parent (root)) {
      g_autoptr (GString) path = g_string_new (NULL);

      describe (root, path);
      g_test_message ("no accessible name: %s", path->str);
      g_test_fail ();
    }
  }
  for (GtkWidget *child = gtk_widget_get_first_child (root); child != NULL; child = gtk_widget_get_next_sibling (child))
    n += vel_harness_check_names (child);
  return n;
}
