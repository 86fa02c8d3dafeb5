/* A thread and what it is asked to do.  SPDX-License-Identifier: Apache-2.0 */
#include "engine/helper.h"

#include <pthread.h>

struct VelHelper {
  GThread *thread;
  pthread_mutex_t mutex; /* not GMutex: ThreadSanitizer knows pthreads */
  pthread_cond_t changed;
  VelHelperFunc func; /* NULL: nothing to do */
  gpointer data;
  gboolean quit;
};

static gpointer
helper_thread (gpointer data)
{
  VelHelper *self = data;

  pthread_mutex_lock (&self->mutex);
  while (self->func || !self->quit) {
    VelHelperFunc func = self->func;

    if (!func) {
      pthread_cond_wait (&self->changed, &self->mutex);
      continue;
    }
    pthread_mutex_unlock (&self->mutex);
    func (self->data);
    pthread_mutex_lock (&self->mutex);
    self->func = NULL;
    pthread_cond_broadcast (&self->changed);
  }
  pthread_mutex_unlock (&self->mutex);
  return NULL;
}

VelHelper *
vel_helper_new (void)
{
  VelHelper *self = g_new0 (VelHelper, 1);

  pthread_mutex_init (&self->mutex, NULL);
  pthread_cond_init (&self->changed, NULL);
  self->thread = g_thread_new ("velatura-helper", helper_thread, self);
  return self;
}

void
vel_helper_free (VelHelper *self)
{
  if (!self)
    return;
  pthread_mutex_lock (&self->mutex);
  self->quit = TRUE;
  pthread_cond_broadcast (&self->changed);
  pthread_mutex_unlock (&self->mutex);
  g_thread_join (self->thread);
  pthread_cond_destroy (&self->changed);
  pthread_mutex_destroy (&self->mutex);
  g_free (self);
}

void
vel_helper_start (VelHelper *self, VelHelperFunc func, gpointer data)
{
  pthread_mutex_lock (&self->mutex);
  g_assert (!self->func);
  self->func = func;
  self->data = data;
  pthread_cond_broadcast (&self->changed);
  pthread_mutex_unlock (&self->mutex);
}

void
vel_helper_wait (VelHelper *self)
{
  pthread_mutex_lock (&self->mutex);
  while (self->func)
    pthread_cond_wait (&self->changed, &self->mutex);
  pthread_mutex_unlock (&self->mutex);
}

void
vel_helper_run (VelHelper *self, VelHelperFunc func, gpointer data)
{
  vel_helper_start (self, func, data);
  vel_helper_wait (self);
}
