/* The threads: every task once, private numbers, nothing left behind.  SPDX-License-Identifier: Apache-2.0 */
#include "kernels/cpu/pool.h"

#include <glib.h>
#include <stdatomic.h>

#define MAX_TASKS 64
#define MAX_THREADS 5

typedef struct {
  unsigned counts[MAX_TASKS]; /* written without a lock: each task has one writer, and the caller reads after the run */
  atomic_uint busy[MAX_THREADS];
} Job;

static void
count_task (void *data, size_t task, unsigned thread)
{
  Job *job = data;

  g_assert_cmpuint (thread, <, MAX_THREADS);
  g_assert_cmpuint (atomic_fetch_add (&job->busy[thread], 1), ==, 0);
  job->counts[task]++;
  atomic_fetch_sub (&job->busy[thread], 1);
}

/* Short runs one after another, so that workers come late, in time and while spinning. */
static void
test_once (void)
{
  for (unsigned threads = 1; threads <= MAX_THREADS; threads++) {
    VelPool *pool = vel_pool_new (threads, 0);

    g_assert_cmpuint (vel_pool_get_threads (pool), ==, threads);
    for (unsigned run = 0; run < 1000; run++) {
      size_t n_tasks = run * 7 % (MAX_TASKS + 1);
      Job job = { { 0 } };

      vel_pool_run (pool, n_tasks, count_task, &job);
      for (size_t i = 0; i < MAX_TASKS; i++)
        g_assert_cmpuint (job.counts[i], ==, i < n_tasks ? 1 : 0);
      if (run % 200 == 0)
        g_usleep (1000); /* long enough for the workers to fall asleep */
    }
    vel_pool_free (pool);
  }
}

static void
test_unused (void)
{
  for (unsigned i = 0; i < 50; i++)
    vel_pool_free (vel_pool_new (4, 10));
  vel_pool_free (NULL);
}

static void
test_all_processors (void)
{
  VelPool *pool = vel_pool_new (0, 0);

  g_assert_cmpuint (vel_pool_get_threads (pool), >=, 1);
  g_assert_cmpuint (vel_pool_get_threads (pool), <=, g_get_num_processors ());
  vel_pool_free (pool);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/kernels/pool/every-task-once", test_once);
  g_test_add_func ("/kernels/pool/unused", test_unused);
  g_test_add_func ("/kernels/pool/all-processors", test_all_processors);
  return g_test_run ();
}
