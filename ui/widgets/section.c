/* A folding section of the panel.
 * SPDX-License-Identifier: Apache-2.0 */
#include "config.h"

#include "ui/widgets/section.h"
#include "ui/widgets/param-row.h"

#include <glib/gi18n.h>

#define FLASH_MILLISECONDS 600

typedef struct {
  GtkWidget *head, *chevron, *revealer, *body;
  GtkWidget *fold, *more; /* (nullable) "More", and the box in it */
  GtkLabel *summary;
  char *title, *icon_name, *group;
  gboolean expanded;
  VelValues *request;
  GHashTable *controls; /* option to GtkWidget, borrowed */
  guint flash, update;  /* sources */
} VelSectionPrivate;

static void vel_section_buildable_init (GtkBuildableIface *iface);
static GtkBuildableIface *parent_buildable;

G_DEFINE_ABSTRACT_TYPE_WITH_CODE (VelSection, vel_section, GTK_TYPE_BOX, G_ADD_PRIVATE (VelSection)
                                  G_IMPLEMENT_INTERFACE (GTK_TYPE_BUILDABLE, vel_section_buildable_init))

enum { PROP_TITLE = 1, PROP_ICON_NAME, PROP_GROUP, PROP_EXPANDED, N_PROPS };
static GParamSpec *props[N_PROPS];

/* The head reads as one thing: "Size, 512 × 512". */
static void
name_head (VelSectionPrivate *self)
{
  const char *summary = gtk_label_get_text (self->summary);
  g_autofree char *name = summary[0] != '\0' ? g_strdup_printf ("%s, %s", self->title, summary) : g_strdup (self->title);

  gtk_accessible_update_property (GTK_ACCESSIBLE (self->head), GTK_ACCESSIBLE_PROPERTY_LABEL, name, -1);
}

void
vel_section_update_summary (VelSection *section)
{
  VelSectionPrivate *self = vel_section_get_instance_private (section);
  VelSectionClass *klass = VEL_SECTION_GET_CLASS (section);
  g_autofree char *summary = NULL;

  if (self->request == NULL || klass->summarise == NULL)
    return;
  summary = klass->summarise (section, self->request);
  gtk_label_set_text (self->summary, summary);
  name_head (self);
}

static gboolean
on_update (gpointer data)
{
  VelSectionPrivate *self = vel_section_get_instance_private (data);

  self->update = 0;
  vel_section_update_summary (data);
  return G_SOURCE_REMOVE;
}

/* Restoring changes many options at once; one summary is enough. */
static void
on_request_changed (VelSection *section)
{
  VelSectionPrivate *self = vel_section_get_instance_private (section);

  if (self->update == 0)
    self->update = g_idle_add (on_update, section);
}

static gboolean
is_row_of (VelSection *section, const VelParam *param)
{
  VelSectionPrivate *self = vel_section_get_instance_private (section);
  const char *const *own = VEL_SECTION_GET_CLASS (section)->own_rows;
  g_auto (GStrv) groups = g_strsplit (self->group != NULL ? self->group : "", " ", -1);

  return (param->flags & VEL_PARAM_HIDDEN) == 0 && param->group != NULL && g_strv_contains ((const char *const *) groups, param->group) &&
         (own == NULL || !g_strv_contains (own, param->name));
}

/* Returns: (transfer none) the box below a fold "More", made when the first row needs it; it gets its place below all other rows */
static GtkWidget *
ensure_more (VelSectionPrivate *self)
{
  if (self->more == NULL) {
    self->fold = gtk_expander_new (_("More"));
    self->more = gtk_box_new (GTK_ORIENTATION_VERTICAL, 0);
    gtk_expander_set_child (GTK_EXPANDER (self->fold), self->more);
    gtk_widget_add_css_class (self->fold, "more");
    gtk_accessible_update_property (GTK_ACCESSIBLE (self->fold), GTK_ACCESSIBLE_PROPERTY_LABEL, _("More"), -1);
  }
  return self->more;
}

static void
add_rows (VelSection *section)
{
  VelSectionPrivate *self = vel_section_get_instance_private (section);
  const char *const *first = VEL_SECTION_GET_CLASS (section)->first_rows;

  for (const VelParam *param = vel_values_get_table (self->request); param->name != NULL; param++) {
    GtkWidget *row;

    if (!is_row_of (section, param))
      continue;
    row = vel_param_row_new (self->request, param);
    g_hash_table_insert (self->controls, (gpointer) param->name, vel_param_row_get_control (row));
    gtk_box_append (GTK_BOX (first == NULL || g_strv_contains (first, param->name) ? self->body : ensure_more (self)), row);
  }
  if (self->fold != NULL)
    gtk_box_append (GTK_BOX (self->body), self->fold);
}

void
vel_section_set_request (VelSection *section, VelValues *request)
{
  VelSectionPrivate *self = vel_section_get_instance_private (section);
  VelSectionClass *klass = VEL_SECTION_GET_CLASS (section);

  g_return_if_fail (self->request == NULL);
  self->request = g_object_ref (request);
  add_rows (section);
  g_signal_connect_object (request, "changed", G_CALLBACK (on_request_changed), section, G_CONNECT_SWAPPED);
  if (klass->bound != NULL)
    klass->bound (section, request);
  vel_section_update_summary (section);
}

VelValues *
vel_section_get_request (VelSection *section)
{
  return ((VelSectionPrivate *) vel_section_get_instance_private (section))->request;
}

void
vel_section_add (VelSection *section, GtkWidget *child)
{
  gtk_box_append (GTK_BOX (((VelSectionPrivate *) vel_section_get_instance_private (section))->body), child);
}

GtkWidget *
vel_section_find_control (VelSection *section, const char *name)
{
  return g_hash_table_lookup (((VelSectionPrivate *) vel_section_get_instance_private (section))->controls, name);
}

const char *
vel_section_get_group (VelSection *section)
{
  return ((VelSectionPrivate *) vel_section_get_instance_private (section))->group;
}

gboolean
vel_section_get_expanded (VelSection *section)
{
  return ((VelSectionPrivate *) vel_section_get_instance_private (section))->expanded;
}

void
vel_section_set_expanded (VelSection *section, gboolean expanded)
{
  VelSectionPrivate *self = vel_section_get_instance_private (section);

  if (self->expanded == expanded)
    return;
  self->expanded = expanded;
  gtk_image_set_from_icon_name (GTK_IMAGE (self->chevron), expanded ? "pan-down-symbolic" : "pan-end-symbolic");
  gtk_widget_set_visible (GTK_WIDGET (self->summary), TRUE);
  gtk_widget_set_opacity (GTK_WIDGET (self->summary), expanded ? 0 : 1);
  gtk_accessible_update_state (GTK_ACCESSIBLE (self->head), GTK_ACCESSIBLE_STATE_EXPANDED, expanded, -1);
  g_object_notify_by_pspec (G_OBJECT (section), props[PROP_EXPANDED]);
}

static gboolean
on_flash_over (gpointer data)
{
  VelSectionPrivate *self = vel_section_get_instance_private (data);

  self->flash = 0;
  gtk_widget_remove_css_class (data, "flash");
  return G_SOURCE_REMOVE;
}

void
vel_section_flash (VelSection *section)
{
  VelSectionPrivate *self = vel_section_get_instance_private (section);

  g_clear_handle_id (&self->flash, g_source_remove);
  gtk_widget_add_css_class (GTK_WIDGET (section), "flash");
  self->flash = g_timeout_add (FLASH_MILLISECONDS, on_flash_over, section);
}

/* Children of a panel's template belong into the body; those of our own template come before there is one. */
static void
vel_section_add_child (GtkBuildable *buildable, GtkBuilder *builder, GObject *child, const char *type)
{
  VelSectionPrivate *self = vel_section_get_instance_private (VEL_SECTION (buildable));

  if (self->body != NULL && GTK_IS_WIDGET (child))
    gtk_box_append (GTK_BOX (self->body), GTK_WIDGET (child));
  else
    parent_buildable->add_child (buildable, builder, child, type);
}

static void
vel_section_buildable_init (GtkBuildableIface *iface)
{
  parent_buildable = g_type_interface_peek_parent (iface);
  iface->add_child = vel_section_add_child;
}

static void
vel_section_get_property (GObject *object, guint id, GValue *value, GParamSpec *pspec)
{
  VelSectionPrivate *self = vel_section_get_instance_private (VEL_SECTION (object));

  switch (id) {
  case PROP_TITLE:
    g_value_set_string (value, self->title);
    break;
  case PROP_ICON_NAME:
    g_value_set_string (value, self->icon_name);
    break;
  case PROP_GROUP:
    g_value_set_string (value, self->group);
    break;
  case PROP_EXPANDED:
    g_value_set_boolean (value, self->expanded);
    break;
  default:
    G_OBJECT_WARN_INVALID_PROPERTY_ID (object, id, pspec);
  }
}

static void
set_string (char **place, const GValue *value)
{
  g_free (*place);
  *place = g_value_dup_string (value);
}

static void
vel_section_set_property (GObject *object, guint id, const GValue *value, GParamSpec *pspec)
{
  VelSectionPrivate *self = vel_section_get_instance_private (VEL_SECTION (object));

  switch (id) {
  case PROP_TITLE:
    set_string (&self->title, value);
    name_head (self);
    break;
  case PROP_ICON_NAME:
    set_string (&self->icon_name, value);
    break;
  case PROP_GROUP:
    set_string (&self->group, value);
    break;
  case PROP_EXPANDED:
    vel_section_set_expanded (VEL_SECTION (object), g_value_get_boolean (value));
    break;
  default:
    G_OBJECT_WARN_INVALID_PROPERTY_ID (object, id, pspec);
  }
}

static void
vel_section_dispose (GObject *object)
{
  VelSectionPrivate *self = vel_section_get_instance_private (VEL_SECTION (object));

  g_clear_handle_id (&self->flash, g_source_remove);
  g_clear_handle_id (&self->update, g_source_remove);
  g_clear_object (&self->request);
  G_OBJECT_CLASS (vel_section_parent_class)->dispose (object);
}

static void
vel_section_finalize (GObject *object)
{
  VelSectionPrivate *self = vel_section_get_instance_private (VEL_SECTION (object));

  g_hash_table_unref (self->controls);
  g_free (self->title);
  g_free (self->icon_name);
  g_free (self->group);
  G_OBJECT_CLASS (vel_section_parent_class)->finalize (object);
}

static void
vel_section_class_init (VelSectionClass *klass)
{
  GObjectClass *object_class = G_OBJECT_CLASS (klass);
  GtkWidgetClass *widget_class = GTK_WIDGET_CLASS (klass);
  GParamFlags flags = G_PARAM_READWRITE | G_PARAM_STATIC_STRINGS;

  object_class->get_property = vel_section_get_property;
  object_class->set_property = vel_section_set_property;
  object_class->dispose = vel_section_dispose;
  object_class->finalize = vel_section_finalize;
  props[PROP_TITLE] = g_param_spec_string ("title", NULL, NULL, "", flags);
  props[PROP_ICON_NAME] = g_param_spec_string ("icon-name", NULL, NULL, NULL, flags);
  props[PROP_GROUP] = g_param_spec_string ("group", NULL, NULL, NULL, flags);
  props[PROP_EXPANDED] = g_param_spec_boolean ("expanded", NULL, NULL, FALSE, flags | G_PARAM_EXPLICIT_NOTIFY);
  g_object_class_install_properties (object_class, N_PROPS, props);

  gtk_widget_class_set_template_from_resource (widget_class, "/io/github/velatura/Velatura/ui/widgets/section.ui");
  gtk_widget_class_bind_template_child_private (widget_class, VelSection, head);
  gtk_widget_class_bind_template_child_private (widget_class, VelSection, chevron);
  gtk_widget_class_bind_template_child_private (widget_class, VelSection, revealer);
  gtk_widget_class_bind_template_child_private (widget_class, VelSection, body);
  gtk_widget_class_bind_template_child_private (widget_class, VelSection, summary);
}

static void
vel_section_init (VelSection *section)
{
  VelSectionPrivate *self = vel_section_get_instance_private (section);

  self->title = g_strdup ("");
  self->controls = g_hash_table_new (g_str_hash, g_str_equal);
  gtk_widget_init_template (GTK_WIDGET (section));
  gtk_accessible_update_state (GTK_ACCESSIBLE (self->head), GTK_ACCESSIBLE_STATE_EXPANDED, FALSE, -1);
}
