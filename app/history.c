/* velatura history: what was made and from what.
 * SPDX-License-Identifier: Apache-2.0 */
#include "config.h"

#include <gio/gio.h>
#include <glib/gi18n.h>
#include <jansson.h>
#include <stdio.h>

#include "app/flags.h"
#include "app/history-unfinished.h"
#include "engine/durable.h"
#include "engine/history.h"

static const VelParam own_table[] = {
  { "limit", N_ ("Limit"), "", N_ ("How many pictures to list at most."), VEL_PARAM_INT, .minimum = 1, .maximum = 1000000, .standard = "50" },
  { "output", N_ ("Output"), "", N_ ("Where export or finish put the picture; unset, its own name in the current folder, or where it was meant to go."),
    VEL_PARAM_FILE, .standard = "" },
  { "force", N_ ("Replace"), "", N_ ("Let export and finish replace an existing file."), VEL_PARAM_BOOL, .standard = "false" },
  { "device", N_ ("Device"), "", N_ ("Where finish computes; unset, on the device that painted the picture."), VEL_PARAM_CHOICE, .standard = "",
    .choices = "auto|cpu|cuda|cuda:0|cuda:1|cuda:2|cuda:3|cuda:4|cuda:5|cuda:6|cuda:7" },
  { "memory", N_ ("Memory"), "", N_ ("How many bytes of memory finish uses at most; 0 uses what is free."), VEL_PARAM_INT,
    .maximum = 1e15, .standard = "0" },
  { "threads", N_ ("Threads"), "", N_ ("How many processor cores finish uses; 0 uses all."), VEL_PARAM_INT, .maximum = 1024, .standard = "0" },
  { "quiet", N_ ("Quiet"), "", N_ ("No progress on standard error."), VEL_PARAM_BOOL, .standard = "false" },
  { "json", N_ ("JSON"), "", N_ ("One JSON object per line."), VEL_PARAM_BOOL, .standard = "false" },
  { NULL },
};

static const VelUsage usage = { "history", "[list | search TEXT | show ID | export ID | finish ID|all | discard ID|all | verify | rebuild] [options]",
                                N_ ("Lists, finds and copies the pictures that were made; checks them, or rebuilds their index from the files. Pictures "
                                    "that were painted and could not be decoded or saved are listed as u1, u2 …: finish or discard them.") };

/* argument: (nullable), of the sort the action wants */
typedef VelExit (*ActionFunc) (VelHistory *history, const char *argument, VelValues *own);

static void
print_item (const VelHistoryItem *item, gboolean as_json)
{
  g_autoptr (GDateTime) utc = g_date_time_new_from_unix_utc (item->created / G_USEC_PER_SEC);
  g_autoptr (GDateTime) local = g_date_time_to_local (utc);
  g_autofree char *when = g_date_time_format (local, "%Y-%m-%d %H:%M");
  g_autofree char *seed = g_strdup_printf ("%" G_GUINT64_FORMAT, item->seed);
  json_t *row;

  if (!as_json) {
    printf ("%6" G_GINT64_FORMAT "  %s  %4ux%-4u  ", item->id, when, item->width, item->height);
    vel_verb_print (item->prompt);
    printf ("\n");
    return;
  }
  row = json_pack ("{s:I,s:s,s:I,s:i,s:i,s:s,s:s?,s:s?,s:s?}", "id", (json_int_t) item->id, "path", item->path, "created",
                   (json_int_t) item->created, "width", item->width, "height", item->height, "seed", seed, "prompt", item->prompt, "negative",
                   item->negative, "model", item->model);
  json_dumpf (row, stdout, JSON_COMPACT);
  printf ("\n");
  json_decref (row);
}

/* text: (nullable) words to search for */
static VelExit
list (VelHistory *history, const char *text, VelValues *own)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (GArray) ids = vel_history_list (history, text, vel_values_get_int (own, "limit"), &error);

  if (!text)
    vel_unfinished_print_all (history, vel_values_get_bool (own, "json"));
  for (guint i = 0; ids && i < ids->len; i++) {
    g_autoptr (VelHistoryItem) item = vel_history_get (history, g_array_index (ids, gint64, i), &error);

    if (!item)
      break;
    print_item (item, vel_values_get_bool (own, "json"));
  }
  return error ? vel_verb_fail (error) : VEL_EXIT_DONE;
}

static VelHistoryItem *
find (VelHistory *history, const char *argument, GError **error)
{
  VelHistoryItem *item = NULL;
  gint64 id;

  if (g_ascii_string_to_signed (argument, 10, 1, G_MAXINT64, &id, NULL))
    item = vel_history_get (history, id, error);
  if (!item && error && !*error)
    g_set_error (error, VEL_ERROR, VEL_ERROR_REQUEST, _ ("the history has no picture “%s”; velatura history lists the numbers"), argument);
  return item;
}

static VelExit
show_unfinished (VelHistory *history, const char *id, VelValues *own)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (VelUnfinished) unfinished = vel_unfinished_open (vel_history_get_unfinished (history), id, &error);

  if (!unfinished)
    return vel_verb_fail (error);
  vel_unfinished_print (unfinished, vel_values_get_bool (own, "json"));
  if (!vel_values_get_bool (own, "json")) {
    vel_verb_print (unfinished->recipe);
    printf ("\n");
  }
  return VEL_EXIT_DONE;
}

static VelExit
show (VelHistory *history, const char *argument, VelValues *own)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (VelHistoryItem) item = NULL;

  if (*argument == 'u')
    return show_unfinished (history, argument, own);
  item = find (history, argument, &error);
  if (!item)
    return vel_verb_fail (error);
  print_item (item, vel_values_get_bool (own, "json"));
  if (!vel_values_get_bool (own, "json")) {
    printf ("%s\n", item->path);
    vel_verb_print (item->recipe);
    printf ("\n");
  }
  return VEL_EXIT_DONE;
}

static gboolean
copy (const char *from, const char *to, gboolean force, GError **error)
{
  g_autofree char *bytes = NULL, *folder = g_path_get_dirname (to);
  g_autoptr (VelDurable) file = NULL;
  gsize length;

  if (!g_file_get_contents (from, &bytes, &length, error) || !(file = vel_durable_new (folder, error)) ||
      !vel_durable_write (file, bytes, length, error))
    return FALSE;
  return vel_durable_finish (file, to, force, error);
}

/* output: a file, a folder or "" */
static char *
export_path (const char *output, const char *picture)
{
  g_autofree char *name = g_path_get_basename (picture);

  if (*output && !g_file_test (output, G_FILE_TEST_IS_DIR))
    return g_strdup (output);
  return g_build_filename (*output ? output : ".", name, NULL);
}

static VelExit
export (VelHistory *history, const char *argument, VelValues *own)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (VelHistoryItem) item = find (history, argument, &error);
  g_autofree char *to = item ? export_path (vel_values_get (own, "output"), item->path) : NULL;

  if (!item || !copy (item->path, to, vel_values_get_bool (own, "force"), &error))
    return vel_verb_fail (error);
  printf ("%s\n", to);
  return VEL_EXIT_DONE;
}

static VelExit
tell_report (gboolean done, VelHistoryReport *report, const GError *error)
{
  VelExit status = VEL_EXIT_DONE;

  for (guint i = 0; report->problems && report->problems[i]; i++)
    fprintf (stderr, "velatura: %s\n", report->problems[i]);
  if (!done)
    status = vel_verb_fail (error);
  else
    printf (_ ("%u pictures, %u missing, %u damaged, %u without a recipe, %u unfinished\n"), report->pictures, report->missing, report->damaged,
            report->foreign, report->unfinished);
  if (report->missing || report->damaged)
    status = VEL_EXIT_FAILED;
  vel_history_report_clear (report);
  return status;
}

static VelExit
verify (VelHistory *history, const char *argument, VelValues *own)
{
  VelHistoryReport report = { 0 };
  g_autoptr (GError) error = NULL;
  gboolean done = vel_history_verify (history, &report, &error);

  return tell_report (done, &report, error);
}

static VelExit
rebuild (VelHistory *history, const char *argument, VelValues *own)
{
  VelHistoryReport report = { 0 };
  g_autoptr (GError) error = NULL;
  gboolean done = vel_history_rebuild (history, &report, NULL, &error);

  return tell_report (done, &report, error);
}

static const struct {
  const char *name;
  const char *argument; /* what it wants, or NULL */
  ActionFunc act;
} actions[] = {
  { "list", NULL, list },
  { "search", N_ ("a text"), list },
  { "show", N_ ("a picture's number"), show },
  { "export", N_ ("a picture's number"), export },
  { "finish", N_ ("an unfinished picture's number or “all”"), vel_unfinished_finish },
  { "discard", N_ ("an unfinished picture's number or “all”"), vel_unfinished_remove },
  { "verify", NULL, verify },
  { "rebuild", NULL, rebuild },
};

static VelExit
act (const char *name, const char *argument, VelValues *own)
{
  g_autoptr (VelHistory) history = NULL;
  g_autoptr (GError) error = NULL;

  for (guint i = 0; i < G_N_ELEMENTS (actions); i++) {
    if (!g_str_equal (name, actions[i].name))
      continue;
    if (!actions[i].argument && *argument)
      return vel_verb_misused (_ ("history %s needs no further words"), name);
    if (actions[i].argument && !*argument)
      /* Translators: a word of the command line; “a text” or “a picture's number” */
      return vel_verb_misused (_ ("history %s needs %s"), name, gettext (actions[i].argument));
    if (!(history = vel_history_open (NULL, NULL, &error)))
      return vel_verb_fail (error);
    return actions[i].act (history, actions[i].argument ? argument : NULL, own);
  }
  return vel_verb_misused (_ ("“%s” is nothing history can do: list, search, show, export, finish, discard, verify or rebuild"), name);
}

static VelExit
run (int argc, char **argv)
{
  g_autoptr (VelValues) own = vel_values_new (own_table);
  g_autoptr (VelFlags) flags = vel_flags_new (&usage, own, NULL);
  int status = vel_flags_read (flags, argc, argv);
  g_autofree char *argument = NULL;

  if (status >= 0)
    return status;
  g_ptr_array_add (flags->words, NULL);
  if (!flags->words->pdata[0])
    return act ("list", "", own);
  argument = g_strjoinv (" ", (char **) flags->words->pdata + 1);
  return act (flags->words->pdata[0], argument, own);
}

const VelVerb vel_verb_history = { "history", N_ ("lists, finds, exports and checks pictures"), run };
