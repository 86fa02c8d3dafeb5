/* Reading unfinished pictures.  SPDX-License-Identifier: Apache-2.0 */
#include "config.h"

#include "engine/unfinished-inside.h"

#include "engine/durable.h"
#include "engine/formats/safetensors.h"
#include "engine/formats/shown.h"
#include "engine/pipeline/request.h"

#include <errno.h>
#include <fcntl.h>
#include <glib/gi18n-lib.h>
#include <glib/gstdio.h>
#include <inttypes.h>
#include <math.h>
#include <string.h>
#include <sys/file.h>
#include <unistd.h>

#define MAX_SIDE 16384 /* of a picture */
#define MAX_LATENT_SIDE 4096

struct VelKept {
  char *path;
  int fd; /* with the lock */
};

#define NUMBER(member, least, most)                                                                                                        \
  {                                                                                                                                        \
#member, G_STRUCT_OFFSET(VelUnfinished, member), sizeof(((VelUnfinished *) 0)->member), least, most                                    \
  }

const VelUnfinishedNumber vel_unfinished_numbers[] = {
  NUMBER (created, 0, G_MAXINT64),      NUMBER (seed, 0, G_MAXUINT64),     NUMBER (variation_seed, 0, G_MAXUINT64),
  NUMBER (width, 1, MAX_SIDE),          NUMBER (height, 1, MAX_SIDE),      NUMBER (painted_width, 1, MAX_SIDE),
  NUMBER (painted_height, 1, MAX_SIDE), NUMBER (x, -MAX_SIDE, MAX_SIDE),   NUMBER (y, -MAX_SIDE, MAX_SIDE),
  NUMBER (part_width, 0, MAX_SIDE),     NUMBER (part_height, 0, MAX_SIDE), { NULL },
};

static void
kept_free (VelKept *self)
{
  close (self->fd);
  g_free (self->path);
  g_free (self);
}

void
vel_kept_release (VelKept *self)
{
  if (self)
    kept_free (self);
}

void
vel_kept_discard (VelKept *self)
{
  if (!self)
    return;
  g_unlink (self->path);
  kept_free (self);
}

char *
vel_kept_dup_id (const VelKept *self)
{
  g_autofree char *name = g_path_get_basename (self->path);

  return g_strdup_printf ("u%" PRIu64, vel_unfinished_parse_name (name));
}

VelKept *
vel_kept_take (const char *path, gboolean *taken, GError **error)
{
  g_autofree char *shown = g_filename_display_name (path);
  VelKept *self;
  int fd = g_open (path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK, 0);

  *taken = FALSE;
  if (fd < 0) {
    g_set_error (error, VEL_ERROR, VEL_ERROR_STORAGE, _ ("“%s” can not be read: %s"), shown, g_strerror (errno));
    return NULL;
  }
  if (flock (fd, LOCK_EX | LOCK_NB) != 0 && errno == EWOULDBLOCK) { /* a file system without locks is used without them */
    *taken = TRUE;
    close (fd);
    g_set_error (error, VEL_ERROR, VEL_ERROR_REQUEST, _ ("“%s” is being worked on"), shown);
    return NULL;
  }
  self = g_new (VelKept, 1);
  *self = (VelKept){ g_strdup (path), fd };
  return self;
}

guint64
vel_unfinished_parse_id (const char *id)
{
  guint64 number;

  return *id == 'u' && g_ascii_string_to_unsigned (id + 1, 10, 1, G_MAXINT64, &number, NULL) ? number : 0;
}

guint64
vel_unfinished_parse_name (const char *name)
{
  g_autofree char *id =
      g_str_has_suffix (name, VEL_UNFINISHED_SUFFIX) ? g_strndup (name, strlen (name) - strlen (VEL_UNFINISHED_SUFFIX)) : NULL;

  return id ? vel_unfinished_parse_id (id) : 0;
}

char *
vel_unfinished_build_path (const char *folder, guint64 number)
{
  g_autofree char *name = g_strdup_printf ("u%" PRIu64 VEL_UNFINISHED_SUFFIX, number);

  return g_build_filename (folder, name, NULL);
}

void
vel_unfinished_free (VelUnfinished *self)
{
  if (!self)
    return;
  vel_kept_release (self->kept);
  g_clear_object (&self->request);
  g_clear_pointer (&self->preview, vel_bitmap_free);
  g_clear_pointer (&self->overlay, vel_bitmap_free);
  g_free (self->id);
  g_free (self->recipe);
  g_free (self->model_path);
  g_free (self->model_name);
  g_free (self->device);
  g_free (self->output);
  g_free (self->latent);
  g_free (self);
}

static gboolean
damaged (const char *path, const char *what, GError **error)
{
  g_autofree char *shown = g_filename_display_name (path);

  /* Translators: a file; what is wrong with it: "latent" */
  g_set_error (error, VEL_ERROR, VEL_ERROR_FORMAT,
               _ ("“%s” is no unfinished picture of this version, or damaged (%s); it stays where it is"), shown, what);
  return FALSE;
}

static gboolean
read_numbers (VelUnfinished *self, VelTensorFile *file, const char *path, GError **error)
{
  for (const VelUnfinishedNumber *row = vel_unfinished_numbers; row->name; row++) {
    const char *text = vel_tensor_file_get_metadata (file, row->name);
    char *at = (char *) self + row->offset;
    guint64 natural;
    gint64 number;

    if (text && row->bytes == sizeof natural && g_ascii_string_to_unsigned (text, 10, 0, row->most, &natural, NULL))
      *(guint64 *) (gpointer) at = natural;
    else if (text && row->bytes == sizeof (int) && g_ascii_string_to_signed (text, 10, row->least, (gint64) row->most, &number, NULL))
      *(int *) (gpointer) at = (int) number;
    else
      return damaged (path, row->name, error);
  }
  return TRUE;
}

static gboolean
read_texts (VelUnfinished *self, VelTensorFile *file, const char *path, GError **error)
{
  struct {
    const char *name;
    char **to;
    gboolean needed;
  } texts[] = {
    { "velatura", &self->recipe, TRUE }, { "model_path", &self->model_path, TRUE }, { "model_name", &self->model_name, TRUE },
    { "device", &self->device, TRUE },   { "output", &self->output, FALSE },
  };
  const char *request = vel_tensor_file_get_metadata (file, "request");

  if (g_strcmp0 (vel_tensor_file_get_metadata (file, "format"), VEL_UNFINISHED_FORMAT) != 0 ||
      g_strcmp0 (vel_tensor_file_get_metadata (file, "version"), VEL_UNFINISHED_VERSION) != 0)
    return damaged (path, "format", error);
  for (gsize i = 0; i < G_N_ELEMENTS (texts); i++) {
    *texts[i].to = g_strdup (vel_tensor_file_get_metadata (file, texts[i].name));
    if (!*texts[i].to && texts[i].needed)
      return damaged (path, texts[i].name, error);
  }
  self->request = vel_request_new ();
  return (request && vel_values_from_json (self->request, request, NULL, NULL)) || damaged (path, "request", error);
}

/* Returns: FALSE if it is there and of no use. */
static gboolean
read_bitmap (VelTensorFile *file, const char *name, guint channels, gint64 most, VelBitmap **bitmap)
{
  const VelTensorEntry *entry = vel_tensor_file_find (file, name);
  guint8 *data;

  if (!entry)
    return TRUE;
  if (!g_str_equal (entry->dtype, "U8") || entry->n_axes != 3 || entry->axes[0] < 1 || entry->axes[0] > most || entry->axes[1] < 1 ||
      entry->axes[1] > most || entry->axes[2] != channels || !(data = g_try_malloc (entry->bytes)))
    return FALSE;
  memcpy (data, entry->data, entry->bytes);
  *bitmap = vel_bitmap_new_take ((guint) entry->axes[1], (guint) entry->axes[0], channels, data);
  return TRUE;
}

/* Its shape, and with `values` all that decoding needs. */
static gboolean
read_latent (VelUnfinished *self, VelTensorFile *file, gboolean values, const char *path, GError **error)
{
  const VelTensorEntry *entry = vel_tensor_file_find (file, "latent");
  gsize pixels;
  const float *planes;

  if (!entry || !g_str_equal (entry->dtype, "F32") || entry->n_axes != 4 || entry->axes[0] != 1 ||
      entry->axes[1] != VEL_UNFINISHED_CHANNELS || entry->axes[2] < 1 || entry->axes[2] > MAX_LATENT_SIDE || entry->axes[3] < 1 ||
      entry->axes[3] > MAX_LATENT_SIDE || !vel_tensor_entry_is_plain (entry))
    return damaged (path, "latent", error);
  self->latent_height = (guint) entry->axes[2];
  self->latent_width = (guint) entry->axes[3];
  if (!values)
    return TRUE;
  pixels = (gsize) self->latent_height * self->latent_width;
  planes = entry->data;
  self->latent = g_try_new (float, pixels *VEL_UNFINISHED_CHANNELS);
  for (gsize i = 0; self->latent && i < pixels * VEL_UNFINISHED_CHANNELS; i++) {
    self->latent[i % pixels * VEL_UNFINISHED_CHANNELS + i / pixels] = planes[i];
    if (!isfinite (planes[i]))
      return damaged (path, "latent", error);
  }
  return self->latent || damaged (path, "latent", error);
}

/* What lies over the result has to fit it. */
static gboolean
is_overlay_sound (const VelUnfinished *self)
{
  const VelBitmap *overlay = self->overlay;

  if (!overlay)
    return self->part_width == 0 && self->part_height == 0;
  if (self->part_width == 0 || self->part_height == 0)
    return self->part_width == self->part_height && overlay->width == self->width && overlay->height == self->height;
  return self->x >= 0 && self->y >= 0 && self->part_width <= overlay->width && self->part_height <= overlay->height &&
         (guint) self->x <= overlay->width - self->part_width && (guint) self->y <= overlay->height - self->part_height;
}

/* whole: with latent and overlay. Returns: (transfer full) */
static VelUnfinished *
read_file (const char *path, gboolean whole, GError **error)
{
  g_autoptr (VelTensorFile) file = vel_safetensors_open (path, NULL, error);
  g_autoptr (VelUnfinished) self = g_new0 (VelUnfinished, 1);
  g_autofree char *name = g_path_get_basename (path);

  if (!file || !read_texts (self, file, path, error) || !read_numbers (self, file, path, error) ||
      !read_latent (self, file, whole, path, error))
    return NULL;
  if (!read_bitmap (file, "preview", 3, MAX_LATENT_SIDE, &self->preview)) {
    damaged (path, "preview", error);
    return NULL;
  }
  if (whole && (!read_bitmap (file, "overlay", 4, MAX_SIDE, &self->overlay) || !is_overlay_sound (self))) {
    damaged (path, "overlay", error);
    return NULL;
  }
  if (!vel_tensor_file_check_intact (file, error))
    return NULL;
  self->id = g_strdup_printf ("u%" PRIu64, vel_unfinished_parse_name (name));
  return g_steal_pointer (&self);
}

static int
compare_created (gconstpointer a, gconstpointer b)
{
  const VelUnfinished *x = *(VelUnfinished *const *) a, *y = *(VelUnfinished *const *) b;

  return x->created != y->created ? (x->created < y->created ? -1 : 1) : g_strcmp0 (x->id, y->id);
}

GPtrArray *
vel_unfinished_list (const char *folder, GPtrArray *problems)
{
  GPtrArray *found = g_ptr_array_new_with_free_func ((GDestroyNotify) vel_unfinished_free);
  g_autoptr (GDir) dir = g_dir_open (folder, 0, NULL);
  const char *name;

  while (dir && (name = g_dir_read_name (dir))) {
    g_autofree char *path = g_build_filename (folder, name, NULL);
    g_autoptr (GError) error = NULL;
    g_autoptr (VelKept) kept = NULL;
    VelUnfinished *picture = NULL;
    gboolean taken;

    if (!vel_unfinished_parse_name (name))
      continue;
    if ((kept = vel_kept_take (path, &taken, &error)) && (picture = read_file (path, FALSE, &error)))
      g_ptr_array_add (found, picture);
    else if (!taken && problems && !g_error_matches (error, VEL_ERROR, VEL_ERROR_STORAGE)) /* else it is gone since */
      g_ptr_array_add (problems, g_strdup (error->message));
  }
  g_ptr_array_sort (found, compare_created);
  return found;
}

/* Returns: (transfer full): its file, locked */
static VelKept *
take (const char *folder, const char *id, char **path, GError **error)
{
  guint64 number = vel_unfinished_parse_id (id);
  g_autofree char *shown = vel_shown (id);
  gboolean taken;

  *path = number ? vel_unfinished_build_path (folder, number) : NULL;
  if (*path && g_file_test (*path, G_FILE_TEST_EXISTS))
    return vel_kept_take (*path, &taken, error);
  g_set_error (error, VEL_ERROR, VEL_ERROR_REQUEST, _ ("There is no unfinished picture “%s”; velatura history lists them"), shown);
  return NULL;
}

VelUnfinished *
vel_unfinished_open (const char *folder, const char *id, GError **error)
{
  g_autofree char *path = NULL;
  g_autoptr (VelKept) kept = take (folder, id, &path, error);
  VelUnfinished *self = kept ? read_file (path, TRUE, error) : NULL;

  if (self)
    self->kept = g_steal_pointer (&kept);
  return self;
}

gboolean
vel_unfinished_discard (const char *folder, const char *id, GError **error)
{
  g_autofree char *path = NULL;
  VelKept *kept = take (folder, id, &path, error);

  vel_kept_discard (kept);
  return kept != NULL;
}

void
vel_unfinished_sweep (const char *folder)
{
  vel_durable_sweep (folder);
}
