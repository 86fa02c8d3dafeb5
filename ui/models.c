/* The models there are to choose from.
 * SPDX-License-Identifier: Apache-2.0 */
#include "config.h"

#include "ui/models.h"

#define FOLDERS "model-folders"

struct _VelModels {
  GObject parent_instance;
  GSettings *settings;
  GPtrArray *entries; /* VelCatalogEntry */
  GPtrArray *parts;   /* likewise */
  GCancellable *reading;
  gboolean is_read;
};

G_DEFINE_FINAL_TYPE (VelModels, vel_models, G_TYPE_OBJECT)

static guint changed_signal;

/* What the thread that reads gives back. */
typedef struct {
  GPtrArray *entries, *parts;
} Lists;

static void
lists_free (gpointer data)
{
  Lists *self = data;

  g_ptr_array_unref (self->entries);
  g_ptr_array_unref (self->parts);
  g_free (self);
}

static void
read_models (GTask *task, gpointer source, gpointer folders, GCancellable *cancellable)
{
  Lists *lists = g_new (Lists, 1);

  *lists = (Lists) { vel_catalog_list_models (folders), vel_catalog_list_parts (folders) };
  g_task_return_pointer (task, lists, lists_free);
}

static void
on_models_read (GObject *source, GAsyncResult *result, gpointer data)
{
  VelModels *self = VEL_MODELS (source);
  Lists *lists = g_task_propagate_pointer (G_TASK (result), NULL);

  if (lists == NULL) /* a newer reading is under way */
    return;
  g_ptr_array_unref (self->entries);
  g_ptr_array_unref (self->parts);
  self->entries = g_ptr_array_ref (lists->entries);
  self->parts = g_ptr_array_ref (lists->parts);
  self->is_read = TRUE;
  lists_free (lists);
  g_signal_emit (self, changed_signal, 0);
}

static void
reload (VelModels *self)
{
  g_autoptr (GTask) task = NULL;

  g_cancellable_cancel (self->reading);
  g_clear_object (&self->reading);
  self->reading = g_cancellable_new ();
  task = g_task_new (self, self->reading, on_models_read, NULL);
  g_task_set_task_data (task, g_settings_get_strv (self->settings, FOLDERS), (GDestroyNotify) g_strfreev);
  g_task_run_in_thread (task, read_models);
}

VelModels *
vel_models_new (GSettings *settings)
{
  VelModels *self = g_object_new (VEL_TYPE_MODELS, NULL);

  self->settings = g_object_ref (settings);
  g_signal_connect_object (settings, "changed::" FOLDERS, G_CALLBACK (reload), self, G_CONNECT_SWAPPED);
  reload (self);
  return self;
}

GPtrArray *
vel_models_get_entries (VelModels *self)
{
  return self->entries;
}

GPtrArray *
vel_models_get_parts (VelModels *self)
{
  return self->parts;
}

gboolean
vel_models_is_read (VelModels *self)
{
  return self->is_read;
}

const VelCatalogEntry *
vel_models_find (VelModels *self, const char *name)
{
  if (name[0] == '\0')
    return self->entries->len > 0 ? g_ptr_array_index (self->entries, 0) : NULL;
  for (guint i = 0; i < self->entries->len; i++) {
    const VelCatalogEntry *entry = g_ptr_array_index (self->entries, i);

    if (g_str_equal (entry->path, name) || g_str_equal (entry->name, name))
      return entry;
  }
  return NULL;
}

void
vel_models_add_folder (VelModels *self, const char *path)
{
  g_auto (GStrv) folders = g_settings_get_strv (self->settings, FOLDERS);
  g_autoptr (GStrvBuilder) builder = g_strv_builder_new ();
  g_auto (GStrv) more = NULL;

  if (g_strv_contains ((const char *const *) folders, path)) {
    reload (self);
    return;
  }
  g_strv_builder_addv (builder, (const char **) folders);
  g_strv_builder_add (builder, path);
  more = g_strv_builder_end (builder);
  g_settings_set_strv (self->settings, FOLDERS, (const char *const *) more);
}

static void
vel_models_dispose (GObject *object)
{
  VelModels *self = VEL_MODELS (object);

  g_cancellable_cancel (self->reading);
  g_clear_object (&self->reading);
  g_clear_object (&self->settings);
  G_OBJECT_CLASS (vel_models_parent_class)->dispose (object);
}

static void
vel_models_finalize (GObject *object)
{
  g_ptr_array_unref (VEL_MODELS (object)->entries);
  g_ptr_array_unref (VEL_MODELS (object)->parts);
  G_OBJECT_CLASS (vel_models_parent_class)->finalize (object);
}

static void
vel_models_class_init (VelModelsClass *klass)
{
  G_OBJECT_CLASS (klass)->dispose = vel_models_dispose;
  G_OBJECT_CLASS (klass)->finalize = vel_models_finalize;
  changed_signal = g_signal_new ("changed", VEL_TYPE_MODELS, G_SIGNAL_RUN_LAST, 0, NULL, NULL, NULL, G_TYPE_NONE, 0);
}

static void
vel_models_init (VelModels *self)
{
  self->entries = g_ptr_array_new ();
  self->parts = g_ptr_array_new ();
}
