/* The request as it was left.
 * SPDX-License-Identifier: Apache-2.0 */
#include "config.h"

#include "ui/draft.h"
#include "engine/paths.h"

#include <errno.h>
#include <glib/gstdio.h>

#define DELAY_MILLISECONDS 500
#define MAX_BYTES (1 << 20)

struct _VelDraft {
  GObject parent_instance;
  VelValues *request;
  char *path;
  guint timer;
};

G_DEFINE_FINAL_TYPE (VelDraft, vel_draft, G_TYPE_OBJECT)

typedef struct {
  char *path, *json;
  guint64 turn;
} Text;

static void
text_free (gpointer data)
{
  Text *self = data;

  g_free (self->path);
  g_free (self->json);
  g_free (self);
}

/* A temporary file and a rename: a crash leaves the old draft or the new one. A thread that comes late must not undo a newer draft. */
static void
write_text (const Text *text)
{
  static GMutex one_writer;
  static guint64 newest;
  g_autoptr (GMutexLocker) locker = g_mutex_locker_new (&one_writer);
  g_autofree char *folder = g_path_get_dirname (text->path);
  g_autoptr (GError) error = NULL;

  if (text->turn < newest)
    return;
  newest = text->turn;
  if (g_mkdir_with_parents (folder, 0700) != 0)
    g_message ("The draft was not written: %s: %s", folder, g_strerror (errno));
  else if (!g_file_set_contents_full (text->path, text->json, -1, G_FILE_SET_CONTENTS_CONSISTENT, 0600, &error))
    g_message ("The draft was not written: %s", error->message);
}

static Text *
text_of (VelDraft *self)
{
  static guint64 turn;
  Text *text = g_new0 (Text, 1);

  text->turn = ++turn;
  text->path = g_strdup (self->path);
  text->json = vel_values_to_json (self->request);
  return text;
}

static void
write_in_thread (GTask *task, gpointer source, gpointer text, GCancellable *cancellable)
{
  write_text (text);
  g_task_return_boolean (task, TRUE);
}

static gboolean
on_timer (gpointer data)
{
  VelDraft *self = VEL_DRAFT (data);
  g_autoptr (GTask) task = g_task_new (self, NULL, NULL, NULL);

  self->timer = 0;
  g_task_set_task_data (task, text_of (self), text_free);
  g_task_run_in_thread (task, write_in_thread);
  return G_SOURCE_REMOVE;
}

/* The first change starts the clock and later ones do not put it off, so that steady typing is saved too. */
static void
on_changed (VelDraft *self)
{
  if (self->timer == 0)
    self->timer = g_timeout_add (DELAY_MILLISECONDS, on_timer, self);
}

void
vel_draft_flush (VelDraft *self)
{
  Text *text;

  if (self->timer == 0)
    return;
  g_clear_handle_id (&self->timer, g_source_remove);
  text = text_of (self);
  write_text (text);
  text_free (text);
}

static void
read_draft (VelDraft *self)
{
  g_autofree char *json = NULL;
  g_autoptr (GError) error = NULL;
  GStatBuf info;

  if (g_stat (self->path, &info) != 0 || info.st_size > MAX_BYTES || !g_file_get_contents (self->path, &json, NULL, NULL))
    return;
  if (!g_utf8_validate (json, -1, NULL) || !vel_values_from_json (self->request, json, NULL, &error))
    g_message ("%s: the draft can not be read%s%s", self->path, error != NULL ? ": " : "", error != NULL ? error->message : "");
}

VelDraft *
vel_draft_new (VelValues *request, const char *path)
{
  VelDraft *self = g_object_new (VEL_TYPE_DRAFT, NULL);

  self->request = g_object_ref (request);
  self->path = path != NULL ? g_strdup (path) : g_build_filename (vel_paths_get_state (), "draft.json", NULL);
  read_draft (self);
  g_signal_connect_object (request, "changed", G_CALLBACK (on_changed), self, G_CONNECT_SWAPPED);
  return self;
}

static void
vel_draft_dispose (GObject *object)
{
  VelDraft *self = VEL_DRAFT (object);

  if (self->request != NULL)
    vel_draft_flush (self);
  g_clear_object (&self->request);
  G_OBJECT_CLASS (vel_draft_parent_class)->dispose (object);
}

static void
vel_draft_finalize (GObject *object)
{
  g_free (VEL_DRAFT (object)->path);
  G_OBJECT_CLASS (vel_draft_parent_class)->finalize (object);
}

static void
vel_draft_class_init (VelDraftClass *klass)
{
  G_OBJECT_CLASS (klass)->dispose = vel_draft_dispose;
  G_OBJECT_CLASS (klass)->finalize = vel_draft_finalize;
}

static void
vel_draft_init (VelDraft *self)
{
}
