/* The vocabulary of the model that is chosen.
 * SPDX-License-Identifier: Apache-2.0 */
#include "config.h"

#include "ui/vocabulary.h"
#include "engine/sampling/rules.h"
#include "engine/text/prompt-plan.h"

struct _VelVocabulary {
  GObject parent_instance;
  VelValues *request;
  VelModels *models;
  VelTokenizer *tokenizer;
  char *problem;
  char *path; /* of the model it belongs to */
  GCancellable *reading;
};

G_DEFINE_FINAL_TYPE (VelVocabulary, vel_vocabulary, G_TYPE_OBJECT)

static guint changed_signal;

static void
read_tokenizer (GTask *task, gpointer source, gpointer path, GCancellable *cancellable)
{
  GError *error = NULL;
  VelTokenizer *tokenizer = vel_tokenizer_find (NULL, path, &error);

  if (tokenizer == NULL)
    g_task_return_error (task, error);
  else
    g_task_return_pointer (task, tokenizer, (GDestroyNotify) vel_tokenizer_unref);
}

static void
on_tokenizer_read (GObject *source, GAsyncResult *result, gpointer data)
{
  VelVocabulary *self = VEL_VOCABULARY (source);
  g_autoptr (GError) error = NULL;
  VelTokenizer *tokenizer = g_task_propagate_pointer (G_TASK (result), &error);

  if (g_error_matches (error, G_IO_ERROR, G_IO_ERROR_CANCELLED))
    return;
  g_clear_pointer (&self->tokenizer, vel_tokenizer_unref);
  g_free (self->problem);
  self->tokenizer = tokenizer;
  self->problem = error != NULL ? g_strdup (error->message) : NULL;
  g_signal_emit (self, changed_signal, 0);
}

static void
on_model_changed (VelVocabulary *self)
{
  const char *name = vel_values_get (self->request, "model");
  const VelCatalogEntry *entry = vel_models_find (self->models, name);
  const char *path = entry != NULL ? entry->path : g_path_is_absolute (name) ? name : NULL;
  g_autoptr (GTask) task = NULL;

  if (path == NULL || g_strcmp0 (path, self->path) == 0)
    return;
  g_free (self->path);
  self->path = g_strdup (path);
  g_cancellable_cancel (self->reading);
  g_clear_object (&self->reading);
  self->reading = g_cancellable_new ();
  task = g_task_new (self, self->reading, on_tokenizer_read, NULL);
  g_task_set_task_data (task, g_strdup (path), g_free);
  g_task_run_in_thread (task, read_tokenizer);
}

VelVocabulary *
vel_vocabulary_new (VelValues *request, VelModels *models)
{
  VelVocabulary *self = g_object_new (VEL_TYPE_VOCABULARY, NULL);

  self->request = g_object_ref (request);
  self->models = g_object_ref (models);
  g_signal_connect_object (request, "changed::model", G_CALLBACK (on_model_changed), self, G_CONNECT_SWAPPED);
  g_signal_connect_object (models, "changed", G_CALLBACK (on_model_changed), self, G_CONNECT_SWAPPED);
  on_model_changed (self);
  return self;
}

gboolean
vel_vocabulary_count (VelVocabulary *self, const char *prompt, guint *count, guint *limit)
{
  if (self->tokenizer == NULL)
    return FALSE;
  *count = vel_prompt_count_longest (self->tokenizer, vel_rules_find (vel_values_get (self->request, "render_as"))->language, prompt,
                                     (guint) vel_values_get_int (self->request, "steps"), limit);
  return TRUE;
}

const char *
vel_vocabulary_get_problem (VelVocabulary *self)
{
  return self->problem;
}

static void
vel_vocabulary_dispose (GObject *object)
{
  VelVocabulary *self = VEL_VOCABULARY (object);

  g_cancellable_cancel (self->reading);
  g_clear_object (&self->reading);
  g_clear_object (&self->request);
  g_clear_object (&self->models);
  g_clear_pointer (&self->tokenizer, vel_tokenizer_unref);
  G_OBJECT_CLASS (vel_vocabulary_parent_class)->dispose (object);
}

static void
vel_vocabulary_finalize (GObject *object)
{
  VelVocabulary *self = VEL_VOCABULARY (object);

  g_free (self->problem);
  g_free (self->path);
  G_OBJECT_CLASS (vel_vocabulary_parent_class)->finalize (object);
}

static void
vel_vocabulary_class_init (VelVocabularyClass *klass)
{
  G_OBJECT_CLASS (klass)->dispose = vel_vocabulary_dispose;
  G_OBJECT_CLASS (klass)->finalize = vel_vocabulary_finalize;
  changed_signal = g_signal_new ("changed", VEL_TYPE_VOCABULARY, G_SIGNAL_RUN_LAST, 0, NULL, NULL, NULL, G_TYPE_NONE, 0);
}

static void
vel_vocabulary_init (VelVocabulary *self)
{
}
