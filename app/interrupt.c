/* A thread that waits for SIGINT, so that nothing has to be done inside a signal handler.
 * SPDX-License-Identifier: Apache-2.0 */
#include "app/interrupt.h"

#include <signal.h>
#include <unistd.h>

typedef struct {
  void (*asked) (gpointer data);
  gpointer data;
  sigset_t signals;
} Watch;

static gpointer
wait_for_it (gpointer data)
{
  Watch *watch = data;
  int which;

  sigwait (&watch->signals, &which);
  watch->asked (watch->data);
  sigwait (&watch->signals, &which);
  signal (which, SIG_DFL);
  pthread_sigmask (SIG_UNBLOCK, &watch->signals, NULL);
  kill (getpid (), which);
  return NULL;
}

void
vel_interrupt_watch (void (*asked) (gpointer data), gpointer data)
{
  static Watch watch;

  watch = (Watch) { .asked = asked, .data = data };
  sigemptyset (&watch.signals);
  sigaddset (&watch.signals, SIGINT);
  pthread_sigmask (SIG_BLOCK, &watch.signals, NULL); /* threads started later inherit this */
  g_thread_unref (g_thread_new ("interrupt", wait_for_it, &watch));
}
