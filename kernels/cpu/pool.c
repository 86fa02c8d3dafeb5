/* Threads that wait a moment awake, then asleep.
 * SPDX-License-Identifier: Apache-2.0
 *
 * The caller opens a job, works on it too, and closes it when no task is left to take; then only the workers that joined have to
 * be waited for. One that the system wakes too late finds the job closed and goes back to sleep, so a busy machine never makes
 * the caller wait for a thread that has done nothing. */
#define _GNU_SOURCE
#include "kernels/cpu/pool.h"

#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <unistd.h>

#ifdef __linux__
#include <sys/syscall.h>
#endif

#define MAX_THREADS 256
#define SPINS 2000 /* of a pause each: some 30 microseconds, longer than the gap between two ops of a network */

typedef struct {
  VelPool *pool;
  unsigned index;
  pthread_t id;
} Worker;

struct VelPool {
  unsigned threads;
  int nice;
  pthread_mutex_t lock;
  pthread_cond_t opened, left;
  /* under the lock */
  bool is_open, quit;
  unsigned sleepers;
  VelTask task;
  void *data;
  size_t n_tasks;
  /* looked at without it while spinning */
  atomic_uint job;     /* number of the latest job */
  atomic_uint members; /* workers inside it */
  atomic_size_t next;
  Worker workers[]; /* [threads - 1] */
};

static void
pause_briefly (void)
{
#if defined(__x86_64__) || defined(__i386__)
  __builtin_ia32_pause ();
#elif defined(__aarch64__)
  __asm__ volatile("yield");
#endif
}

static void
work (VelPool *self, VelTask task, void *data, size_t n_tasks, unsigned thread)
{
  size_t i;

  while ((i = atomic_fetch_add_explicit (&self->next, 1, memory_order_relaxed)) < n_tasks)
    task (data, i, thread);
}

/* Until a job newer than `seen` exists. Returns with the lock held. */
static void
wait_for_job (VelPool *self, unsigned seen)
{
  for (unsigned i = 0; i < SPINS; i++) {
    if (atomic_load_explicit (&self->job, memory_order_relaxed) != seen)
      break;
    pause_briefly ();
  }
  pthread_mutex_lock (&self->lock);
  self->sleepers++;
  while (!self->quit && atomic_load_explicit (&self->job, memory_order_relaxed) == seen)
    pthread_cond_wait (&self->opened, &self->lock);
  self->sleepers--;
}

static void
lower_priority (int nice_value)
{
#ifdef __linux__
  id_t thread = (id_t) syscall (SYS_gettid);

  if (nice_value != 0)
    setpriority (PRIO_PROCESS, thread, getpriority (PRIO_PROCESS, thread) + nice_value);
#endif
}

static void *
run_worker (void *data)
{
  Worker *worker = data;
  VelPool *self = worker->pool;
  unsigned seen = 0;

  lower_priority (self->nice);
  for (;;) {
    VelTask task;
    void *task_data;
    size_t n_tasks;

    wait_for_job (self, seen);
    if (self->quit)
      break;
    seen = atomic_load_explicit (&self->job, memory_order_relaxed);
    if (!self->is_open) {
      pthread_mutex_unlock (&self->lock);
      continue;
    }
    atomic_fetch_add_explicit (&self->members, 1, memory_order_relaxed);
    task = self->task;
    task_data = self->data;
    n_tasks = self->n_tasks;
    pthread_mutex_unlock (&self->lock);

    work (self, task, task_data, n_tasks, worker->index);

    pthread_mutex_lock (&self->lock);
    if (atomic_fetch_sub_explicit (&self->members, 1, memory_order_release) == 1)
      pthread_cond_signal (&self->left);
    pthread_mutex_unlock (&self->lock);
  }
  pthread_mutex_unlock (&self->lock);
  return NULL;
}

static unsigned
available_processors (void)
{
#ifdef __linux__
  cpu_set_t set;

  if (sched_getaffinity (0, sizeof set, &set) == 0)
    return (unsigned) CPU_COUNT (&set);
#endif
  return (unsigned) sysconf (_SC_NPROCESSORS_ONLN);
}

/* Signals are for the program's own threads. */
static void
start_workers (VelPool *self, unsigned threads)
{
  sigset_t all, before;

  sigfillset (&all);
  pthread_sigmask (SIG_SETMASK, &all, &before);
  for (unsigned i = 0; i + 1 < threads; i++) {
    Worker *worker = &self->workers[i];

    worker->pool = self;
    worker->index = i + 1;
    if (pthread_create (&worker->id, NULL, run_worker, worker) != 0)
      break;
    self->threads++;
  }
  pthread_sigmask (SIG_SETMASK, &before, NULL);
}

VelPool *
vel_pool_new (unsigned threads, int nice_value)
{
  VelPool *self;

  if (threads == 0)
    threads = available_processors ();
  threads = threads < 1 ? 1 : threads > MAX_THREADS ? MAX_THREADS : threads;
  self = calloc (1, sizeof *self + (threads - 1) * sizeof (Worker));
  if (self == NULL)
    return NULL;
  self->threads = 1;
  self->nice = nice_value;
  pthread_mutex_init (&self->lock, NULL);
  pthread_cond_init (&self->opened, NULL);
  pthread_cond_init (&self->left, NULL);
  start_workers (self, threads);
  return self;
}

void
vel_pool_free (VelPool *self)
{
  if (self == NULL)
    return;
  pthread_mutex_lock (&self->lock);
  self->quit = true;
  atomic_fetch_add_explicit (&self->job, 1, memory_order_relaxed); /* ends the spinning */
  pthread_cond_broadcast (&self->opened);
  pthread_mutex_unlock (&self->lock);
  for (unsigned i = 0; i + 1 < self->threads; i++)
    pthread_join (self->workers[i].id, NULL);
  pthread_cond_destroy (&self->opened);
  pthread_cond_destroy (&self->left);
  pthread_mutex_destroy (&self->lock);
  free (self);
}

unsigned
vel_pool_get_threads (const VelPool *self)
{
  return self->threads;
}

static void
wait_for_members (VelPool *self)
{
  for (unsigned i = 0; i < SPINS; i++) {
    if (atomic_load_explicit (&self->members, memory_order_acquire) == 0)
      return;
    pause_briefly ();
  }
  pthread_mutex_lock (&self->lock);
  while (atomic_load_explicit (&self->members, memory_order_acquire) > 0)
    pthread_cond_wait (&self->left, &self->lock);
  pthread_mutex_unlock (&self->lock);
}

void
vel_pool_run (VelPool *self, size_t n_tasks, VelTask task, void *data)
{
  if (self->threads == 1 || n_tasks <= 1) {
    for (size_t i = 0; i < n_tasks; i++)
      task (data, i, 0);
    return;
  }

  pthread_mutex_lock (&self->lock);
  self->task = task;
  self->data = data;
  self->n_tasks = n_tasks;
  self->is_open = true;
  atomic_store_explicit (&self->next, 0, memory_order_relaxed);
  atomic_fetch_add_explicit (&self->job, 1, memory_order_relaxed);
  if (self->sleepers > 0)
    pthread_cond_broadcast (&self->opened);
  pthread_mutex_unlock (&self->lock);

  work (self, task, data, n_tasks, 0);

  pthread_mutex_lock (&self->lock);
  self->is_open = false;
  pthread_mutex_unlock (&self->lock);
  wait_for_members (self);
}
