/* Progress for people and for programs.
 * SPDX-License-Identifier: Apache-2.0 */
#include "config.h"

#include "app/report.h"

#include <glib/gi18n.h>
#include <jansson.h>
#include <math.h>
#include <stdio.h>
#include <unistd.h>

void
vel_report_init (VelReport *self, gboolean quiet, gboolean json)
{
  *self = (VelReport) { .quiet = quiet, .json = json, .terminal = isatty (STDERR_FILENO), .stage = -1, .percent = -1 };
}

/* event: (transfer full) */
static void
send_event (VelReport *self, json_t *event)
{
  if (self->json) {
    json_dumpf (event, stdout, JSON_COMPACT | JSON_REAL_PRECISION (9));
    printf ("\n");
    fflush (stdout);
  }
  json_decref (event);
}

/* On a terminal the line is written over by the next one. */
static void
write_line (VelReport *self, const char *line)
{
  if (self->quiet)
    return;
  if (self->terminal)
    fprintf (stderr, "\r%s\033[K", line);
  else
    fprintf (stderr, "%s\n", line);
  self->open = self->terminal;
  fflush (stderr);
}

static void
close_line (VelReport *self)
{
  if (self->open)
    fprintf (stderr, "\n");
  self->open = FALSE;
}

static void
tell_loading (VelReport *self, const VelProgress *progress)
{
  int percent = 100 * progress->fraction;
  g_autofree char *line = NULL;

  if (percent == self->percent)
    return;
  if (self->terminal || self->percent < 0 || percent == 100) {
    line = g_strdup_printf (_ ("loading the model %d %%"), percent);
    write_line (self, line);
  }
  send_event (self, json_pack ("{s:s,s:f}", "event", "loading", "fraction", progress->fraction));
  self->percent = percent;
}

static void
tell_enlarging (VelReport *self, const VelProgress *progress)
{
  int percent = (int) (100 * progress->fraction);
  g_autofree char *line = NULL;

  if (self->stage == VEL_STAGE_ENLARGING && percent == self->percent)
    return;
  if (self->terminal || self->stage != VEL_STAGE_ENLARGING) {
    line = g_strdup_printf (_ ("enlarging %d %%"), percent);
    write_line (self, line);
  }
  send_event (self, json_pack ("{s:s,s:f}", "event", "enlarging", "fraction", progress->fraction));
  self->percent = percent;
}

static char *
format_left (double seconds)
{
  if (seconds < 0)
    return g_strdup ("");
  if (seconds < 60)
    /* Translators: follows “step 3 of 20, 1.50 steps/s” */
    return g_strdup_printf (_ (", %.0f s left"), ceil (seconds));
  /* Translators: follows “step 3 of 20, 1.50 steps/s” */
  return g_strdup_printf (_ (", %d min %02d s left"), (int) seconds / 60, (int) seconds % 60);
}

static void
tell_step (VelReport *self, const VelProgress *progress)
{
  gint64 now = g_get_monotonic_time ();
  g_autofree char *left = format_left (progress->seconds_left), *line = NULL;
  double rate;

  if (self->stage != VEL_STAGE_SAMPLING)
    self->started = now;
  if (progress->step == self->step)
    return;
  self->step = progress->step;
  rate = now > self->started ? progress->step * 1e6 / (now - self->started) : 0;
  /* Translators: the last is “, 12 s left” or nothing */
  line = g_strdup_printf (_ ("step %u of %u, %.2f steps/s%s"), progress->step, progress->n_steps, rate, left);
  write_line (self, line);
  send_event (self, json_pack ("{s:s,s:i,s:i,s:f}", "event", "step", "step", (int) progress->step, "steps", (int) progress->n_steps,
                               "seconds_left", progress->seconds_left));
}

void
vel_report_progress (VelReport *self, const VelProgress *progress)
{
  switch (progress->stage) {
  case VEL_STAGE_LOADING:
    tell_loading (self, progress);
    break;
  case VEL_STAGE_TEXT:
    if (self->stage != VEL_STAGE_TEXT)
      send_event (self, json_pack ("{s:s}", "event", "text"));
    break;
  case VEL_STAGE_SAMPLING:
    tell_step (self, progress);
    break;
  case VEL_STAGE_DECODING:
    if (self->stage != VEL_STAGE_DECODING) {
      write_line (self, _ ("decoding"));
      send_event (self, json_pack ("{s:s}", "event", "decoding"));
    }
    break;
  case VEL_STAGE_ENLARGING:
    tell_enlarging (self, progress);
    break;
  }
  self->stage = progress->stage;
}

void
vel_report_picture (VelReport *self, guint index, const VelPicture *picture, const char *path)
{
  g_autofree char *seed = g_strdup_printf ("%" G_GUINT64_FORMAT, picture->seed); /* a string: JSON's numbers end at 2^53 */
  g_autofree char *shown = path ? g_filename_display_name (path) : NULL;

  send_event (self, json_pack ("{s:s,s:i,s:s,s:i,s:i,s:s*}", "event", "picture", "index", (int) index, "seed", seed, "width", picture->width,
                               "height", picture->height, "path", shown));
}

void
vel_report_note (VelReport *self, const char *format, ...)
{
  va_list arguments;

  if (self->quiet)
    return;
  close_line (self);
  va_start (arguments, format);
  vfprintf (stderr, format, arguments);
  va_end (arguments);
  fprintf (stderr, "\n");
}

void
vel_report_end (VelReport *self, const char *event, double seconds, const char *message)
{
  close_line (self);
  send_event (self, json_pack ("{s:s,s:f,s:s*}", "event", event, "seconds", seconds, "message", message));
}
