/* A thread that waits for SIGINT, so that nothing has to be done inside a signal handler.
 * SPDX-License-Identifier: Apache-2.0 */
#include "app/interrupt.h"

#include <signal.h>
#include <unistd.h>

static struct {
  GMutex lock;
  void (*asked) (gpointer data); /* NULL: forgotten */
  gpointer data;
  sigset_t signals;
} watch;

/* Returns: FALSE if there is nobody to ask */
static gboolean
ask (void)
{
  g_autoptr (GMutexLocker) locker = g_mutex_locker_new (&watch.lock);

  if (!watch.asked)
    return FALSE;
  watch.asked (watch.data);
  return TRUE;
}

static gpointer
wait_for_it (gpointer unused)
{
  int which;

  sigwait (&watch.signals, &which);
  if (ask ())
    sigwait (&watch.signals, &which);
  signal (which, SIG_DFL);
  pthread_sigmask (SIG_UNBLOCK, &watch.signals, NULL);
  kill (getpid (), which);
  return NULL;
}

void
vel_interrupt_watch (void (*asked) (gpointer data), gpointer data)
{
  watch.asked = asked;
  watch.data = data;
  sigemptyset (&watch.signals);
  sigaddset (&watch.signals, SIGINT);
  pthread_sigmask (SIG_BLOCK, &watch.signals, NULL); /* threads started later inherit this */
  g_thread_unref (g_thread_new ("interrupt", wait_for_it, NULL));
}

void
vel_interrupt_forget (void)
{
  g_autoptr (GMutexLocker) locker = g_mutex_locker_new (&watch.lock);

  watch.asked = NULL;
}
