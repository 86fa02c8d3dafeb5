/* A process that paints a picture and saves it, or finishes one, and dies at a moment that can be chosen.  SPDX-License-Identifier:
 * Apache-2.0
 *
 * painter paint|finish DATA PICTURES MODEL MOMENT: from the end of sampling on, or from the beginning of `finish`, the calls that change
 * files are counted; at call MOMENT the process kills itself, a write half done. 0: never. Prints "painted" once the latent is said to be
 * safe, and "saved" once the picture is. Exit status 1 and the sentence on standard error if something went wrong. */
#define _GNU_SOURCE /* renameat2 */
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "engine/history.h"
#include "engine/pipeline/facts.h"
#include "engine/pipeline/request.h"

static atomic_bool counting;
static atomic_int count;
static int moment;

/* The main thread's calls alone: the one that computes a hash would make another number of them each time. */
static bool
is_time (void)
{
  return atomic_load (&counting) && gettid () == getpid () && atomic_fetch_add (&count, 1) + 1 == moment;
}

static void
die (void)
{
  kill (getpid (), SIGKILL);
}

/* What the program and its libraries call in place of libc's. */

int
fsync (int fd)
{
  if (is_time ())
    die ();
  return (int) syscall (SYS_fsync, fd);
}

int
fdatasync (int fd)
{
  if (is_time ())
    die ();
  return (int) syscall (SYS_fdatasync, fd);
}

int
rename (const char *from, const char *to)
{
  if (is_time ())
    die ();
  return (int) syscall (SYS_rename, from, to);
}

int
renameat2 (int from_fd, const char *from, int to_fd, const char *to, unsigned flags)
{
  if (is_time ())
    die ();
  return (int) syscall (SYS_renameat2, from_fd, from, to_fd, to, flags);
}

int
unlink (const char *path)
{
  if (is_time ())
    die ();
  return (int) syscall (SYS_unlink, path);
}

ssize_t
write (int fd, const void *data, size_t bytes)
{
  if (fd > STDERR_FILENO && is_time ()) {
    syscall (SYS_write, fd, data, bytes / 2);
    die ();
  }
  return syscall (SYS_write, fd, data, bytes);
}

ssize_t
pwrite64 (int fd, const void *data, size_t bytes, off64_t offset)
{
  if (is_time ()) {
    syscall (SYS_pwrite64, fd, data, bytes / 2, offset);
    die ();
  }
  return syscall (SYS_pwrite64, fd, data, bytes, offset);
}

static void
on_progress (const VelProgress *progress, gpointer data)
{
  static bool told;

  if (progress->stage == VEL_STAGE_SAMPLING && progress->step == progress->n_steps)
    atomic_store (&counting, true);
  if (progress->stage == VEL_STAGE_DECODING && !told) {
    told = true;
    puts ("painted");
  }
}

static VelResult *
paint (VelEngine *engine, const char *model, GError **error)
{
  const char *const options[] = { "model", model, "prompt", "a lighthouse", "width", "64", "height", "48", "steps", "2", "seed", "7" };
  g_autoptr (VelValues) request = vel_request_new ();
  VelResult *result;

  for (gsize i = 0; i < G_N_ELEMENTS (options); i += 2)
    vel_values_set (request, options[i], options[i + 1], NULL);
  result = vel_engine_generate (engine, request, on_progress, NULL, NULL, FALSE, NULL, error);
  if (result)
    ((VelPicture *) result->pictures->pdata[0])->request = g_object_ref (request);
  return result;
}

static VelResult *
finish (VelEngine *engine, VelHistory *history, GError **error)
{
  g_autoptr (GPtrArray) waiting = vel_unfinished_list (vel_history_get_unfinished (history), NULL);
  g_autoptr (VelUnfinished) unfinished = NULL;

  if (waiting->len == 0)
    return NULL;
  unfinished = vel_unfinished_open (vel_history_get_unfinished (history), ((VelUnfinished *) waiting->pdata[0])->id, error);
  return unfinished ? vel_engine_finish (engine, unfinished, NULL, 0, on_progress, NULL, NULL, error) : NULL;
}

static bool
save (VelHistory *history, const VelResult *result, GError **error)
{
  VelPicture *picture = result->pictures->pdata[0];
  g_autoptr (VelFacts) facts = vel_facts_new (result, picture->request);
  VelRecipeFacts own = vel_facts_of (facts, picture);

  if (vel_history_save (history, picture->rgb, picture->request, &own, error) < 0)
    return false;
  puts ("saved");
  vel_kept_discard (g_steal_pointer (&picture->kept));
  return true;
}

int
main (int argc, char **argv)
{
  bool finishing = g_str_equal (argv[1], "finish");
  g_autoptr (GError) error = NULL;
  g_autoptr (VelHistory) history = NULL;
  g_autoptr (VelEngine) engine = NULL;
  g_autoptr (VelResult) result = NULL;

  moment = atoi (argv[5]);
  setvbuf (stdout, NULL, _IOLBF, 0);
  history = vel_history_open (argv[2], argv[3], &error);
  engine = history ? vel_engine_new ("cpu", &(VelDeviceOptions){ .threads = 1 }, &error) : NULL;
  if (engine) {
    vel_engine_keep_in (engine, vel_history_get_unfinished (history), NULL);
    atomic_store (&counting, finishing);
    result = finishing ? finish (engine, history, &error) : paint (engine, argv[4], &error);
  }
  if (result && save (history, result, &error))
    return 0;
  fprintf (stderr, "%s\n", error ? error->message : "nothing to do");
  return 1;
}
