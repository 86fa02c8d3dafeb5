/* Jobs in, events out: order, progress, stopping, failing.  SPDX-License-Identifier: Apache-2.0 */
#include "engine/worker.h"

#include <string.h>

#include "engine/pipeline/request.h"
#include "tests/support/tiny-model.h"

typedef struct {
  char *folder, *model;
} Shared;
static Shared shared;

typedef struct {
  VelWorker *worker;
  GArray *states; /* VelJobState, as they were shown */
  guint over;
} Fixture;

static void
set_up (Fixture *self, gconstpointer data)
{
  self->worker = vel_worker_new (NULL, 2, 0);
  self->states = g_array_new (FALSE, FALSE, sizeof (int));
  self->over = 0;
}

static void
tear_down (Fixture *self, gconstpointer data)
{
  g_object_unref (self->worker);
  g_array_unref (self->states);
  while (g_main_context_iteration (NULL, FALSE))
    ;
}

static VelValues *
make_request (const char *steps)
{
  VelValues *request = vel_request_new ();
  const char *const options[] = { "model", shared.model, "prompt", "a castle in the mist", "width", "128", "height", "128", "steps", steps };

  for (gsize i = 0; i < G_N_ELEMENTS (options); i += 2)
    g_assert_true (vel_values_set (request, options[i], options[i + 1], NULL));
  return request;
}

static void
on_state (VelJob *job, GParamSpec *pspec, Fixture *self)
{
  int state = vel_job_get_state (job);

  g_array_append_val (self->states, state);
}

static void
on_over (VelWorker *worker, VelJob *job, Fixture *self)
{
  self->over++;
}

static void
run_until_over (Fixture *self, guint jobs)
{
  gint64 limit = g_get_monotonic_time () + 120 * G_USEC_PER_SEC;

  while (self->over < jobs && g_get_monotonic_time () < limit)
    g_main_context_iteration (NULL, TRUE);
  g_assert_cmpuint (self->over, ==, jobs);
}

static void
test_states (Fixture *self, gconstpointer data)
{
  g_autoptr (VelValues) request = make_request ("4");
  g_autoptr (VelJob) job = g_object_ref (vel_worker_add (self->worker, request));
  g_autoptr (VelFrame) frame = NULL;

  g_signal_connect (job, "notify::state", G_CALLBACK (on_state), self);
  g_signal_connect (self->worker, "job-over", G_CALLBACK (on_over), self);
  g_assert_cmpint (vel_job_get_state (job), ==, VEL_JOB_QUEUED);
  g_assert_true (vel_worker_get_current (self->worker) == job);
  run_until_over (self, 1);
  g_assert_cmpint (vel_job_get_state (job), ==, VEL_JOB_DONE);
  g_assert_cmpuint (vel_job_get_step (job), ==, 4);
  g_assert_cmpuint (vel_job_get_n_steps (job), ==, 4);
  for (guint i = 1; i < self->states->len; i++) /* states only move forward */
    g_assert_cmpint (g_array_index (self->states, int, i - 1), <, g_array_index (self->states, int, i));
  g_assert_true (vel_values_is_set (vel_job_get_request (job), "seed"));
  frame = vel_job_take_frame (job);
  g_assert_cmpuint (frame->width, ==, 128);
  g_assert_cmpuint (g_bytes_get_size (frame->rgb), ==, 128 * 128 * 3);
  g_assert_null (vel_job_take_frame (job));
  g_assert_null (vel_worker_get_current (self->worker));
}

/* Stop while painting: over within a second, the latest preview is there. */
static void
test_stop (Fixture *self, gconstpointer data)
{
  g_autoptr (VelValues) request = make_request ("150");
  g_autoptr (VelJob) job = g_object_ref (vel_worker_add (self->worker, request));
  g_autoptr (VelFrame) frame = NULL;
  gint64 stopped;

  g_signal_connect (self->worker, "job-over", G_CALLBACK (on_over), self);
  while (vel_job_get_step (job) < 2)
    g_main_context_iteration (NULL, TRUE);
  stopped = g_get_monotonic_time ();
  vel_worker_stop (self->worker, job);
  run_until_over (self, 1);
  g_test_message ("stopped after %.0f ms", (double) (g_get_monotonic_time () - stopped) / 1e3);
  g_assert_cmpint (vel_job_get_state (job), ==, VEL_JOB_CANCELLED);
  g_assert_cmpuint (vel_job_get_step (job), <, 150);
  frame = vel_job_take_frame (job);
  g_assert_nonnull (frame);
  g_assert_cmpuint (frame->width, ==, 128);
}

/* Stopped before it began: it never begins, and the one after it runs. */
static void
test_stop_waiting (Fixture *self, gconstpointer data)
{
  g_autoptr (VelValues) request = make_request ("3");
  g_autoptr (VelJob) first = g_object_ref (vel_worker_add (self->worker, request));
  g_autoptr (VelJob) second = g_object_ref (vel_worker_add (self->worker, request));
  g_autoptr (VelJob) third = g_object_ref (vel_worker_add (self->worker, request));

  g_signal_connect (self->worker, "job-over", G_CALLBACK (on_over), self);
  g_assert_cmpuint (vel_worker_get_n_waiting (self->worker), ==, 2);
  vel_worker_stop (self->worker, second);
  run_until_over (self, 3);
  g_assert_cmpint (vel_job_get_state (first), ==, VEL_JOB_DONE);
  g_assert_cmpint (vel_job_get_state (second), ==, VEL_JOB_CANCELLED);
  g_assert_cmpuint (vel_job_get_step (second), ==, 0);
  g_assert_cmpint (vel_job_get_state (third), ==, VEL_JOB_DONE);
}

/* A job that fails says why; the next one runs. */
static void
test_failure (Fixture *self, gconstpointer data)
{
  g_autoptr (VelValues) bad = make_request ("2"), good = make_request ("2");
  g_autoptr (VelJob) failed = NULL, done = NULL;

  vel_values_set (bad, "model", "/nowhere/at-all.safetensors", NULL);
  failed = g_object_ref (vel_worker_add (self->worker, bad));
  done = g_object_ref (vel_worker_add (self->worker, good));
  g_signal_connect (self->worker, "job-over", G_CALLBACK (on_over), self);
  run_until_over (self, 2);
  g_assert_cmpint (vel_job_get_state (failed), ==, VEL_JOB_FAILED);
  g_assert_nonnull (strstr (vel_job_get_error (failed)->message, "at-all"));
  g_assert_cmpint (vel_job_get_state (done), ==, VEL_JOB_DONE);
}

/* Closing the window in the middle of a picture. */
static void
test_leave (Fixture *self, gconstpointer data)
{
  g_autoptr (VelValues) request = make_request ("150");
  VelJob *job = vel_worker_add (self->worker, request);

  vel_worker_add (self->worker, request);
  while (vel_job_get_step (job) < 1)
    g_main_context_iteration (NULL, TRUE);
}

/* The request may be changed as soon as it has been queued. */
static void
test_request_is_a_copy (Fixture *self, gconstpointer data)
{
  g_autoptr (VelValues) request = make_request ("2");
  g_autoptr (VelJob) job = g_object_ref (vel_worker_add (self->worker, request));

  vel_values_set (request, "steps", "149", NULL);
  g_signal_connect (self->worker, "job-over", G_CALLBACK (on_over), self);
  run_until_over (self, 1);
  g_assert_cmpuint (vel_job_get_n_steps (job), ==, 2);
}

static void
on_held (VelWorker *worker, const char *sentence, char **held)
{
  *held = g_strdup (sentence);
}

/* The card breaks down under the first of three: all three wait until somebody says how to go on. data: with which device, or NULL */
static void
test_lost (Fixture *self, gconstpointer data)
{
  const char *device = data;
  g_autoptr (VelValues) request = make_request ("1");
  VelJob *jobs[3];
  g_autofree char *held = NULL;

  g_setenv ("VELATURA_EMULATED_CARDS", "1", TRUE);
  g_setenv ("VELATURA_EMULATED_LOST_AT", "30", TRUE);
  vel_values_set (request, "device", "cuda", NULL);
  vel_values_set (request, "width", "16", NULL);
  vel_values_set (request, "height", "16", NULL);
  for (guint i = 0; i < 3; i++) {
    jobs[i] = g_object_ref (vel_worker_add (self->worker, request));
    vel_values_set (request, "device", "cpu", NULL); /* only the first is the card's, which is slow here */
  }
  g_signal_connect (self->worker, "job-over", G_CALLBACK (on_over), self);
  g_signal_connect (self->worker, "held", G_CALLBACK (on_held), &held);
  while (!held)
    g_main_context_iteration (NULL, TRUE);
  g_test_message ("%s", held);
  g_assert_nonnull (strstr (held, "cuda:0"));
  g_assert_true (vel_worker_is_held (self->worker));
  g_assert_true (vel_worker_get_current (self->worker) == jobs[0]);
  g_usleep (50000); /* nothing begins by itself */
  while (g_main_context_iteration (NULL, FALSE))
    ;
  for (guint i = 0; i < 3; i++)
    g_assert_cmpint (vel_job_get_state (jobs[i]), ==, VEL_JOB_QUEUED);
  vel_worker_stop (self->worker, jobs[1]);
  vel_worker_resume (self->worker, device);
  g_assert_false (vel_worker_is_held (self->worker));
  run_until_over (self, 3);
  g_assert_cmpint (vel_job_get_state (jobs[0]), ==, VEL_JOB_DONE);
  g_assert_cmpstr (vel_values_get (vel_job_get_request (jobs[0]), "device"), ==, device ? device : "cuda");
  g_assert_cmpint (vel_job_get_state (jobs[1]), ==, VEL_JOB_CANCELLED);
  g_assert_cmpint (vel_job_get_state (jobs[2]), ==, VEL_JOB_DONE);
  for (guint i = 0; i < 3; i++)
    g_object_unref (jobs[i]);
  g_setenv ("VELATURA_EMULATED_CARDS", "0", TRUE);
}

/* Two cards, two jobs that leave the choice: each card paints one. */
static void
test_two_cards (Fixture *self, gconstpointer data)
{
  g_autoptr (VelValues) request = make_request ("1");
  g_autoptr (VelJob) first = NULL, second = NULL;

  g_setenv ("VELATURA_EMULATED_CARDS", "2", TRUE);
  vel_values_set (request, "width", "16", NULL);
  vel_values_set (request, "height", "16", NULL);
  first = g_object_ref (vel_worker_add (self->worker, request));
  second = g_object_ref (vel_worker_add (self->worker, request));
  g_signal_connect (self->worker, "job-over", G_CALLBACK (on_over), self);
  run_until_over (self, 2);
  g_assert_cmpint (vel_job_get_state (first), ==, VEL_JOB_DONE);
  g_assert_cmpint (vel_job_get_state (second), ==, VEL_JOB_DONE);
  g_assert_true (g_str_has_prefix (vel_job_get_device (first), "cuda:"));
  g_assert_true (g_str_has_prefix (vel_job_get_device (second), "cuda:"));
  g_assert_cmpstr (vel_job_get_device (first), !=, vel_job_get_device (second));
  g_setenv ("VELATURA_EMULATED_CARDS", "0", TRUE);
}

/* What names a card waits for that card, though another one is free. */
static void
test_named_card (Fixture *self, gconstpointer data)
{
  g_autoptr (VelValues) request = make_request ("1");
  VelJob *jobs[2];

  g_setenv ("VELATURA_EMULATED_CARDS", "2", TRUE);
  vel_values_set (request, "width", "16", NULL);
  vel_values_set (request, "height", "16", NULL);
  vel_values_set (request, "device", "cuda:1", NULL);
  for (guint i = 0; i < 2; i++)
    jobs[i] = g_object_ref (vel_worker_add (self->worker, request));
  g_signal_connect (self->worker, "job-over", G_CALLBACK (on_over), self);
  while (vel_job_get_state (jobs[0]) == VEL_JOB_QUEUED)
    g_main_context_iteration (NULL, TRUE);
  g_assert_cmpint (vel_job_get_state (jobs[1]), ==, VEL_JOB_QUEUED);
  vel_worker_stop (self->worker, jobs[1]);
  vel_worker_stop (self->worker, jobs[0]);
  run_until_over (self, 2);
  g_assert_cmpstr (vel_job_get_device (jobs[0]), ==, "cuda:1");
  g_assert_null (vel_job_get_device (jobs[1]));
  for (guint i = 0; i < 2; i++)
    g_object_unref (jobs[i]);
  g_setenv ("VELATURA_EMULATED_CARDS", "0", TRUE);
}

static void
run_again (void)
{
  g_test_trap_subprocess ("/worker/lost/subprocess/again", 0, G_TEST_SUBPROCESS_INHERIT_STDERR);
  g_test_trap_assert_passed ();
}

int
main (int argc, char **argv)
{
  int status;

  g_test_init (&argc, &argv, NULL);
  shared.folder = g_dir_make_tmp ("velatura-worker-XXXXXX", NULL);
  shared.model = tiny_model_write ("one-block", shared.folder);
#define ADD(path, function) g_test_add (path, Fixture, NULL, set_up, function, tear_down)
  ADD ("/worker/states", test_states);
  ADD ("/worker/stop", test_stop);
  ADD ("/worker/stop-waiting", test_stop_waiting);
  ADD ("/worker/failure", test_failure);
  ADD ("/worker/leave", test_leave);
  ADD ("/worker/request-is-a-copy", test_request_is_a_copy);
  if (g_getenv ("VELATURA_EMULATED_CARD")) { /* the emulated card breaks down once in a process */
    g_setenv ("VELATURA_CUDA_MODULE", g_getenv ("VELATURA_EMULATED_CARD"), TRUE);
    g_setenv ("VELATURA_EMULATED_CARDS", "0", TRUE); /* only where it is wanted: it is slow */
    g_test_add ("/worker/cards/named", Fixture, NULL, set_up, test_named_card, tear_down);
    if (!g_getenv ("VELATURA_TEST_BRIEFLY")) /* as below */
      g_test_add ("/worker/cards/two", Fixture, NULL, set_up, test_two_cards, tear_down);
    g_test_add ("/worker/lost/processor", Fixture, "cpu", set_up, test_lost, tear_down);
    if (!g_getenv ("VELATURA_TEST_BRIEFLY")) /* a whole picture by the emulator, which sanitizers slow down to minutes */
      g_test_add_func ("/worker/lost/card", run_again);
    g_test_add ("/worker/lost/subprocess/again", Fixture, NULL, set_up, test_lost, tear_down);
  }
  status = g_test_run ();
  tiny_remove_tree (shared.folder);
  g_free (shared.folder);
  g_free (shared.model);
  return status;
}
