/* What the window's parts share.
 * SPDX-License-Identifier: Apache-2.0 */
#include "config.h"

#include "ui/session.h"
#include "engine/pipeline/request.h"
#include "ui/draft.h"

/* Beside a window the engine yields: frames stay on time while all cores compute. */
#define NICE 10

struct _VelSession {
  GObject parent_instance;
  VelValues *request;
  VelDraft *draft;
  VelWorker *worker;
  VelHistory *history;
  GSettings *settings;
  VelModels *models;
  VelVocabulary *vocabulary;
  char *problem;
};

G_DEFINE_FINAL_TYPE (VelSession, vel_session, G_TYPE_OBJECT)

VelSession *
vel_session_new (GSettings *settings, VelHistory *history, const char *problem)
{
  VelSession *self = g_object_new (VEL_TYPE_SESSION, NULL);

  self->settings = g_object_ref (settings);
  self->history = history != NULL ? g_object_ref (history) : NULL;
  self->problem = g_strdup (problem);
  self->request = vel_request_new ();
  self->draft = vel_draft_new (self->request, NULL);
  self->worker = vel_worker_new (history, 0, NICE);
  self->models = vel_models_new (settings);
  self->vocabulary = vel_vocabulary_new (self->request, self->models);
  return self;
}

VelValues *
vel_session_get_request (VelSession *self)
{
  return self->request;
}

VelWorker *
vel_session_get_worker (VelSession *self)
{
  return self->worker;
}

VelHistory *
vel_session_get_history (VelSession *self)
{
  return self->history;
}

GSettings *
vel_session_get_settings (VelSession *self)
{
  return self->settings;
}

VelModels *
vel_session_get_models (VelSession *self)
{
  return self->models;
}

VelVocabulary *
vel_session_get_vocabulary (VelSession *self)
{
  return self->vocabulary;
}

const char *
vel_session_get_problem (VelSession *self)
{
  return self->problem;
}

/* The engine does not know the folders of the settings: a model that is named, as in a recipe from elsewhere, goes out as its path. */
VelJob *
vel_session_paint (VelSession *self)
{
  const char *model = vel_values_get (self->request, "model");
  const VelCatalogEntry *entry = model[0] != '\0' ? vel_models_find (self->models, model) : NULL;
  g_autoptr (VelValues) request = vel_values_dup (self->request);

  if (entry != NULL)
    vel_values_set (request, "model", entry->path, NULL);
  return vel_worker_add (self->worker, request);
}

void
vel_session_close (VelSession *self)
{
  vel_draft_flush (self->draft);
  vel_worker_leave (self->worker);
}

static void
vel_session_dispose (GObject *object)
{
  VelSession *self = VEL_SESSION (object);

  g_clear_object (&self->vocabulary);
  g_clear_object (&self->models);
  g_clear_object (&self->draft);
  g_clear_object (&self->worker);
  g_clear_object (&self->request);
  g_clear_object (&self->history);
  g_clear_object (&self->settings);
  G_OBJECT_CLASS (vel_session_parent_class)->dispose (object);
}

static void
vel_session_finalize (GObject *object)
{
  g_free (VEL_SESSION (object)->problem);
  G_OBJECT_CLASS (vel_session_parent_class)->finalize (object);
}

static void
vel_session_class_init (VelSessionClass *klass)
{
  G_OBJECT_CLASS (klass)->dispose = vel_session_dispose;
  G_OBJECT_CLASS (klass)->finalize = vel_session_finalize;
}

static void
vel_session_init (VelSession *self)
{
}
