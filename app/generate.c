/* velatura generate: paints pictures from a prompt.
 * SPDX-License-Identifier: Apache-2.0 */
#include "config.h"

#include <gio/gio.h>
#include <gio/gunixinputstream.h>
#include <glib/gi18n.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "app/flags.h"
#include "app/interrupt.h"
#include "app/output.h"
#include "app/report.h"
#include "engine/catalog.h"
#include "engine/history.h"
#include "engine/paths.h"
#include "engine/pipeline/facts.h"
#include "engine/pipeline/presets.h"
#include "engine/pipeline/request.h"

static const VelParam own_table[] = {
  { "preset", N_ ("Preset"), "", N_ ("Settings for a model of few steps; options that are given count more."), VEL_PARAM_CHOICE,
    .standard = "", .choices = VEL_PRESET_CHOICES },
  { "prompt_file", N_ ("Prompt from a file"), "", N_ ("Read the prompt from a file; - is standard input."), VEL_PARAM_FILE, .standard = "" },
  { "force", N_ ("Replace"), "", N_ ("Replace existing files."), VEL_PARAM_BOOL, .standard = "false" },
  { "no_history", N_ ("No history"), "", N_ ("Do not record; --output says where the picture goes."), VEL_PARAM_BOOL, .standard = "false" },
  { "quiet", N_ ("Quiet"), "", N_ ("No progress on standard error."), VEL_PARAM_BOOL, .standard = "false" },
  { "json", N_ ("JSON"), "", N_ ("One JSON object per event on standard output."), VEL_PARAM_BOOL, .standard = "false" },
  { "trace", N_ ("Trace"), "", N_ ("Write what is computed on the way to a safetensors file."), VEL_PARAM_FILE, .standard = "" },
  { NULL },
};

static const VelUsage usage = {
  "generate", "--prompt TEXT [options]",
  N_ ("Paints pictures from a prompt. Without --output they go into the history and their paths are printed."),
  N_ ("In --output {seed} {index} {date} {model} are filled in.\n"
     "Exit status: 0 done, 1 the job failed, 2 wrong usage, 130 stopped by Ctrl+C.\n"),
};

typedef struct {
  VelReport report;
  VelValues *request;
  VelOutput output; /* pattern NULL: into the history */
  GStrv paths;
  const char *trace;
  GCancellable *cancellable;
  int asked;      /* atomic: Ctrl+C came */
  int stage;      /* atomic: VelStage */
  int step;       /* atomic: steps finished */
  int asked_step; /* atomic: `step` when it came */
} Job;

/* Stopping */

static void
on_interrupt (gpointer data)
{
  Job *job = data;
  int stage = g_atomic_int_get (&job->stage);

  g_atomic_int_set (&job->asked_step, g_atomic_int_get (&job->step));
  g_atomic_int_set (&job->asked, TRUE);
  if (stage != VEL_STAGE_SAMPLING && stage != VEL_STAGE_DECODING)
    g_cancellable_cancel (job->cancellable);
}

/* The step in hand is finished. After the last one the picture is decoded all the same, for every step has been paid for. */
static gboolean
is_time_to_stop (Job *job, const VelProgress *progress)
{
  if (!g_atomic_int_get (&job->asked) || progress->stage == VEL_STAGE_DECODING)
    return FALSE;
  if (progress->stage != VEL_STAGE_SAMPLING)
    return TRUE;
  return (int) progress->step > g_atomic_int_get (&job->asked_step) && progress->step < progress->n_steps;
}

static void
on_progress (const VelProgress *progress, gpointer data)
{
  Job *job = data;

  if (progress->stage == VEL_STAGE_SAMPLING)
    g_atomic_int_set (&job->step, progress->step);
  g_atomic_int_set (&job->stage, progress->stage);
  vel_report_progress (&job->report, progress);
  if (is_time_to_stop (job, progress))
    g_cancellable_cancel (job->cancellable);
}

/* Reading the request */

#define MAX_PROMPT (1 << 20)

static char *
read_prompt (const char *path, GError **error)
{
  g_autoptr (GFile) file = g_file_new_for_commandline_arg (path);
  g_autoptr (GInputStream) stream = NULL;
  g_autofree char *text = g_malloc (MAX_PROMPT + 1);
  gsize length;

  if (g_str_equal (path, "-"))
    stream = g_unix_input_stream_new (STDIN_FILENO, FALSE);
  else
    stream = G_INPUT_STREAM (g_file_read (file, NULL, error));
  if (!stream || !g_input_stream_read_all (stream, text, MAX_PROMPT + 1, &length, NULL, error))
    return NULL;
  if (length > MAX_PROMPT) {
    g_set_error (error, VEL_ERROR, VEL_ERROR_REQUEST, _ ("the prompt in %s is longer than %d bytes"), path, MAX_PROMPT);
    return NULL;
  }
  text[length] = '\0';
  return g_strdup (g_strchomp (text));
}

static int
read_request (VelFlags *flags, VelValues *request, VelValues *own)
{
  const char *prompt_file = vel_values_get (own, "prompt_file");
  const VelOutput trial = { vel_values_get (request, "output"), "model", "date", 0, 1, FALSE };
  g_autofree char *prompt = NULL;
  g_auto (GStrv) paths = NULL;
  g_autoptr (GError) error = NULL;

  if (vel_flags_is_given (flags, "prompt") == vel_flags_is_given (flags, "prompt_file"))
    return vel_verb_misused (_ ("generate needs either --prompt or --prompt-file"));
  if (vel_values_get_bool (own, "no_history") && !vel_values_is_set (request, "output"))
    return vel_verb_misused (_ ("with --no-history generate needs --output"));
  if (!(paths = vel_output_paths (&trial, &error))) /* a word in braces that is not known */
    return vel_verb_misused ("%s", error->message);
  if (*prompt_file && (!(prompt = read_prompt (prompt_file, &error)) || !vel_values_set (request, "prompt", prompt, &error)))
    return vel_verb_fail (error);
  return -1;
}

/* Whatever the order, what was given stays. */
static int
apply_preset (VelFlags *flags, VelValues *request, VelValues *own)
{
  const VelPreset *preset = vel_preset_find (vel_values_get (own, "preset"));
  g_autoptr (GError) error = NULL;

  return !preset || vel_preset_apply (preset, request, flags->given, &error) ? -1 : (int) vel_verb_fail (error);
}

/* Drawn here, not in the engine, because names of files may ask for it before any work is done. */
static void
settle_seed (VelValues *request, const char *name)
{
  g_autofree char *seed = NULL;

  if (vel_values_is_set (request, name))
    return;
  seed = g_strdup_printf ("%u", g_random_int ());
  vel_values_set (request, name, seed, NULL);
}

/* "…/dreamshaper_8.safetensors": "dreamshaper_8" */
static char *
model_name (const char *path)
{
  g_autofree char *name = g_path_get_basename (path);
  char *dot = strrchr (name, '.');

  if (dot && dot != name && g_file_test (path, G_FILE_TEST_IS_REGULAR))
    *dot = '\0';
  return g_steal_pointer (&name);
}

static char *
today (void)
{
  g_autoptr (GDateTime) now = g_date_time_new_now_local ();

  return g_date_time_format (now, "%Y-%m-%d");
}

/* Keeping pictures */

static gboolean
save_to_history (VelHistory *history, const VelPicture *picture, VelValues *request, const VelRecipeFacts *facts, char **path, GError **error)
{
  gint64 id = vel_history_save (history, picture->rgb, request, facts, error);
  g_autoptr (VelHistoryItem) item = id < 0 ? NULL : vel_history_get (history, id, error);

  if (!item)
    return FALSE;
  *path = g_strdup (item->path);
  return TRUE;
}

static gboolean
save_picture (Job *job, VelHistory *history, const VelResult *result, const VelFacts *facts, guint index, GError **error)
{
  const VelPicture *picture = result->pictures->pdata[index];
  VelValues *painted = picture->request ? picture->request : job->request;
  const VelRecipeFacts own = vel_facts_of (facts, picture);
  g_autofree char *comment = NULL, *path = NULL;

  if (result->partial) /* in English: it stays in the file */
    comment = g_strdup_printf ("Stopped after step %d: a preview, not the finished picture.", g_atomic_int_get (&job->step));
  if (history) {
    if (!save_to_history (history, picture, painted, &own, &path, error))
      return FALSE;
    if (!job->report.json)
      printf ("%s\n", path);
  } else {
    path = g_strdup (job->paths[index]);
    if (!vel_output_save (&job->output, path, picture, painted, &own, comment, error))
      return FALSE;
    vel_report_note (&job->report, "%s", path);
  }
  vel_report_picture (&job->report, index, picture, path);
  return TRUE;
}

/* The first pictures of a result are safe. */
static void
discard_kept (const VelResult *result, guint count)
{
  for (guint i = 0; i < count; i++)
    vel_kept_discard (g_steal_pointer (&((VelPicture *) result->pictures->pdata[i])->kept));
}

/* All or none: a failed job leaves no file. */
static gboolean
save_pictures (Job *job, const VelResult *result, GError **error)
{
  g_autoptr (VelHistory) history = NULL;
  g_autoptr (VelFacts) facts = NULL;

  if (!job->paths && result->partial)
    return TRUE;
  if (!job->paths && !(history = vel_history_open (NULL, NULL, error)))
    return FALSE;
  facts = vel_facts_new (result, job->request);
  for (guint i = 0; i < result->pictures->len; i++)
    if (!save_picture (job, history, result, facts, i, error)) {
      if (!job->paths)
        discard_kept (result, i);
      while (job->paths && i-- > 0)
        unlink (job->paths[i]);
      return FALSE;
    }
  discard_kept (result, result->pictures->len);
  return TRUE;
}

/* After a failure: what was painted and waits on disk; with `stopped` nobody wants it. */
static void
tell_left (Job *job, VelEngine *engine, VelResult *result, gboolean stopped)
{
  g_autoptr (GPtrArray) left = vel_engine_take_left (engine);

  for (guint i = 0; result && i < result->pictures->len; i++) {
    VelPicture *picture = result->pictures->pdata[i];

    if (picture->kept)
      g_ptr_array_add (left, g_steal_pointer (&picture->kept));
  }
  while (stopped && left->len)
    vel_kept_discard (g_ptr_array_steal_index (left, left->len - 1));
  for (guint i = 0; i < left->len; i++) {
    g_autofree char *id = vel_kept_dup_id (left->pdata[i]);

    vel_report_note (&job->report, _ ("what was painted is kept; “velatura history finish %s” decodes and saves it"), id);
  }
}

static VelEngine *
new_engine (const Job *job, GError **error)
{
  VelValues *request = job->request;

  return vel_engine_new (vel_values_get (request, "device"), &(VelDeviceOptions) { .threads = vel_values_get_int (request, "threads"),
                                                                                   .memory = (guint64) vel_values_get_int (request, "memory") },
                         error);
}

static VelExit
paint (Job *job)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (VelEngine) engine = new_engine (job, &error);
  g_autoptr (VelResult) result = NULL;
  g_autofree char *folder = g_build_filename (vel_paths_get_data (), "unfinished", NULL);
  gboolean asked;

  if (engine) {
    vel_engine_keep_in (engine, folder, (const char *const *) job->paths);
    result = vel_engine_generate (engine, job->request, on_progress, job, job->trace, job->paths != NULL, job->cancellable, &error);
  }
  for (guint i = 0; result && result->notes && result->notes[i]; i++)
    vel_report_note (&job->report, "%s", result->notes[i]);
  asked = g_atomic_int_get (&job->asked);
  if ((!result || !save_pictures (job, result, &error)) && !g_error_matches (error, G_IO_ERROR, G_IO_ERROR_CANCELLED)) {
    if (engine)
      tell_left (job, engine, result, FALSE);
    vel_report_end (&job->report, "failed", 0, error->message);
    return vel_verb_fail (error);
  }
  if (engine)
    tell_left (job, engine, result, TRUE);
  if (asked && (!result || result->partial))
    vel_report_note (&job->report, _ ("stopped after step %d"), g_atomic_int_get (&job->step));
  vel_report_end (&job->report, asked ? "cancelled" : "done", result ? result->seconds : 0, NULL);
  return asked ? VEL_EXIT_INTERRUPTED : VEL_EXIT_DONE;
}

/* Settles where everything goes, and refuses what can not be written before any work is done. */
static gboolean
plan_files (Job *job, VelValues *own, GError **error)
{
  const VelOutput replaced = { .force = TRUE };
  const char *trace[] = { vel_values_get (own, "trace"), NULL };

  job->trace = *trace[0] ? trace[0] : NULL;
  if (job->trace && !vel_output_check (&replaced, trace, error))
    return FALSE;
  if (!*job->output.pattern)
    return TRUE;
  return (job->paths = vel_output_paths (&job->output, error)) && vel_output_check (&job->output, (const char *const *) job->paths, error);
}

static VelExit
run (int argc, char **argv)
{
  g_autoptr (VelValues) request = vel_request_new (), own = vel_values_new (own_table);
  g_autoptr (VelFlags) flags = vel_flags_new (&usage, request, own);
  g_autoptr (GCancellable) cancellable = g_cancellable_new ();
  g_autoptr (GError) error = NULL;
  g_autofree char *model = NULL, *name = NULL, *date = today ();
  Job job = { .request = request, .cancellable = cancellable };
  VelExit result;
  int status;

  if ((status = vel_flags_read (flags, argc, argv)) >= 0 || (status = vel_flags_refuse_words (flags)) >= 0 ||
      (status = apply_preset (flags, request, own)) >= 0 || (status = read_request (flags, request, own)) >= 0)
    return status;
  if (!(model = vel_catalog_resolve (vel_values_get (request, "model"), NULL, &error)))
    return vel_verb_fail (error);
  name = model_name (model);
  settle_seed (request, "seed");
  if (vel_values_get_real (request, "variation_strength") != 0)
    settle_seed (request, "variation_seed");
  vel_report_init (&job.report, vel_values_get_bool (own, "quiet"), vel_values_get_bool (own, "json"));
  job.output = (VelOutput) { vel_values_get (request, "output"), name, date, vel_values_get_seed (request, "seed"),
                             vel_values_get_int (request, "batch"), vel_values_get_bool (own, "force"),
                             vel_values_get_real (request, "variation_strength") != 0 };
  if (plan_files (&job, own, &error)) {
    vel_report_note (&job.report, _ ("seed %" PRIu64), job.output.seed);
    if (job.output.one_seed)
      vel_report_note (&job.report, _ ("variation seed %s"), vel_values_get (request, "variation_seed"));
    vel_interrupt_watch (on_interrupt, &job);
    result = paint (&job);
    vel_interrupt_forget ();
  } else
    result = vel_verb_fail (error);
  g_strfreev (job.paths);
  return result;
}

const VelVerb vel_verb_generate = { "generate", N_ ("paints pictures from a prompt"), run };
