/* velatura history finish, discard: pictures that are painted and not saved yet.
 * SPDX-License-Identifier: Apache-2.0 */
#include "config.h"

#include "app/history-unfinished.h"

#include <glib/gi18n.h>
#include <jansson.h>
#include <stdio.h>

#include "app/output.h"
#include "app/report.h"
#include "engine/pipeline/facts.h"

void
vel_unfinished_print (const VelUnfinished *self, gboolean as_json)
{
  g_autoptr (GDateTime) utc = g_date_time_new_from_unix_utc (self->created / G_USEC_PER_SEC);
  g_autoptr (GDateTime) local = utc ? g_date_time_to_local (utc) : NULL;
  g_autofree char *when = local ? g_date_time_format (local, "%Y-%m-%d %H:%M") : g_strdup ("?");
  g_autofree char *seed = g_strdup_printf ("%" G_GUINT64_FORMAT, self->seed);
  json_t *row;

  if (!as_json) {
    printf ("%6s  %s  %4ux%-4u  ", self->id, when, self->width, self->height);
    /* Translators: before the prompt of a picture */
    printf ("%s  ", _ ("(unfinished)"));
    vel_verb_print (vel_values_get (self->request, "prompt"));
    printf ("\n");
    return;
  }
  row =
      json_pack ("{s:s,s:b,s:I,s:i,s:i,s:s,s:s?,s:s?,s:s?}", "id", self->id, "unfinished", 1, "created", (json_int_t) self->created,
                 "width", (int) self->width, "height", (int) self->height, "seed", seed, "prompt", vel_values_get (self->request, "prompt"),
                 "negative", vel_values_get (self->request, "negative"), "model", self->model_name);
  json_dumpf (row, stdout, JSON_COMPACT);
  printf ("\n");
  json_decref (row);
}

void
vel_unfinished_print_all (VelHistory *history, gboolean as_json)
{
  g_autoptr (GPtrArray) problems = g_ptr_array_new_with_free_func (g_free);
  g_autoptr (GPtrArray) pictures = vel_unfinished_list (vel_history_get_unfinished (history), problems);

  for (guint i = 0; i < problems->len; i++)
    fprintf (stderr, "velatura: %s\n", (const char *) problems->pdata[i]);
  for (guint i = pictures->len; i-- > 0;) /* the newest first, as pictures are */
    vel_unfinished_print (pictures->pdata[i], as_json);
}

/* One id or all of them, those that can not be read told apart. Returns: (transfer full) */
static GStrv
list_ids (VelHistory *history, const char *argument)
{
  g_autoptr (GStrvBuilder) ids = g_strv_builder_new ();

  if (g_str_equal (argument, VEL_UNFINISHED_ALL)) {
    g_autoptr (GPtrArray) pictures = vel_unfinished_list (vel_history_get_unfinished (history), NULL);

    for (guint i = 0; i < pictures->len; i++)
      g_strv_builder_add (ids, ((VelUnfinished *) pictures->pdata[i])->id);
  } else
    g_strv_builder_add (ids, argument);
  return g_strv_builder_end (ids);
}

static void
on_progress (const VelProgress *progress, gpointer data)
{
  vel_report_progress (data, progress);
}

/* Returns: (transfer full) (nullable): where it is now */
static char *
save (VelHistory *history, const VelOutput *output, const char *place, const VelResult *result, GError **error)
{
  VelPicture *picture = result->pictures->pdata[0];
  g_autoptr (VelFacts) facts = vel_facts_new (result, picture->request);
  const VelRecipeFacts own = vel_facts_of (facts, picture);
  g_autoptr (VelHistoryItem) item = NULL;
  gint64 id;

  if (place)
    return vel_output_save (output, place, picture, picture->request, &own, NULL, error) ? g_strdup (place) : NULL;
  id = vel_history_save (history, picture->rgb, picture->request, &own, error);
  item = id < 0 ? NULL : vel_history_get (history, id, error);
  return item ? g_strdup (item->path) : NULL;
}

/* The work of `finish`, for all its pictures. */
typedef struct {
  VelHistory *history;
  VelValues *own;
  VelEngine *engine;
  VelReport report;
  guint n; /* pictures so far */
} Finishing;

static gboolean
finish_one (Finishing *self, const char *id, GError **error)
{
  g_autoptr (VelUnfinished) unfinished = vel_unfinished_open (vel_history_get_unfinished (self->history), id, error);
  const char *device = vel_values_get (self->own, "device"), *asked = vel_values_get (self->own, "output");
  const VelOutput output = { .force = vel_values_get_bool (self->own, "force") };
  const char *place[] = { unfinished ? *asked ? asked : unfinished->output : NULL, NULL };
  g_autoptr (VelResult) result = NULL;
  g_autofree char *path = NULL;
  VelPicture *picture;

  if (!unfinished || !vel_output_check (&output, place, error))
    return FALSE;
  result = vel_engine_finish (self->engine, unfinished, *device ? device : NULL, (guint64) vel_values_get_int (self->own, "memory"),
                              on_progress, &self->report, NULL, error);
  if (!result || !(path = save (self->history, &output, place[0], result, error)))
    return FALSE;
  picture = result->pictures->pdata[0];
  vel_kept_discard (g_steal_pointer (&picture->kept));
  for (guint i = 0; result->notes[i]; i++)
    vel_report_note (&self->report, "%s", result->notes[i]);
  if (!self->report.json)
    printf ("%s\n", path);
  vel_report_picture (&self->report, self->n++, picture, path);
  return TRUE;
}

static VelEngine *
open_engine (VelValues *own, GError **error)
{
  VelDeviceOptions options = { .threads = (unsigned) vel_values_get_int (own, "threads"),
                               .memory = (guint64) vel_values_get_int (own, "memory") };

  /* Which device it will be each picture says; until then the one that is always there. */
  return vel_engine_new ("cpu", &options, error);
}

VelExit
vel_unfinished_finish (VelHistory *history, const char *argument, VelValues *own)
{
  g_auto (GStrv) ids = list_ids (history, argument);
  g_autoptr (GError) error = NULL;
  g_autoptr (VelEngine) engine = open_engine (own, &error);
  Finishing finishing = { history, own, engine };
  VelExit status = VEL_EXIT_DONE;

  if (!engine)
    return vel_verb_fail (error);
  if (*vel_values_get (own, "output") && g_strv_length (ids) > 1)
    return vel_verb_misused (_ ("--output has room for one picture, and %u are unfinished; name one of them"), g_strv_length (ids));
  vel_report_init (&finishing.report, vel_values_get_bool (own, "quiet"), vel_values_get_bool (own, "json"));
  for (guint i = 0; ids[i]; i++)
    if (!finish_one (&finishing, ids[i], &error)) {
      vel_report_end (&finishing.report, "failed", 0, error->message);
      status = vel_verb_fail (error);
      g_clear_error (&error);
    }
  if (status == VEL_EXIT_DONE)
    vel_report_end (&finishing.report, "done", 0, NULL);
  return status;
}

VelExit
vel_unfinished_remove (VelHistory *history, const char *argument, VelValues *own)
{
  g_auto (GStrv) ids = list_ids (history, argument);
  VelExit status = VEL_EXIT_DONE;

  for (guint i = 0; ids[i]; i++) {
    g_autoptr (GError) error = NULL;

    if (!vel_unfinished_discard (vel_history_get_unfinished (history), ids[i], &error))
      status = vel_verb_fail (error);
  }
  return status;
}
