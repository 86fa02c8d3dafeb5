/* Writing unfinished pictures.  SPDX-License-Identifier: Apache-2.0 */
#include "config.h"

#include "engine/unfinished-inside.h"

#include "engine/durable.h"
#include "engine/formats/tensor-plan.h"

#include <errno.h>
#include <glib/gi18n-lib.h>
#include <glib/gstdio.h>
#include <inttypes.h>
#include <string.h>

#define MOST 1000 /* that are kept at once */

/* The tensors of a file. */
typedef struct {
  VelTensorPlan plan[3];
  gint64 axes[3][4];
  const void *data[3];
  guint count;
} Tensors;

static const void *
give (gpointer data, gsize index, GError **error)
{
  return ((const Tensors *) data)->data[index];
}

static void
add_bitmap (Tensors *self, const char *name, const VelBitmap *bitmap)
{
  guint i = self->count;

  if (!bitmap)
    return;
  self->axes[i][0] = bitmap->height;
  self->axes[i][1] = bitmap->width;
  self->axes[i][2] = bitmap->channels;
  self->plan[i] = (VelTensorPlan){ name, "U8", 3, self->axes[i], vel_bitmap_bytes (bitmap) };
  self->data[self->count++] = bitmap->data;
}

/* planes: [channels, height, width], as files of other programs have latents */
static void
describe (Tensors *self, const VelUnfinished *picture, const float *planes)
{
  guint64 bytes = (guint64) picture->latent_height * picture->latent_width * VEL_UNFINISHED_CHANNELS * sizeof *planes;

  *self = (Tensors){ .axes = { { 1, VEL_UNFINISHED_CHANNELS, picture->latent_height, picture->latent_width } }, .count = 1 };
  self->plan[0] = (VelTensorPlan){ "latent", "F32", 4, self->axes[0], bytes };
  self->data[0] = planes;
  add_bitmap (self, "preview", picture->preview);
  add_bitmap (self, "overlay", picture->overlay);
}

static float *
to_planes (const VelUnfinished *self)
{
  gsize pixels = (gsize) self->latent_height * self->latent_width;
  float *planes = g_new (float, pixels *VEL_UNFINISHED_CHANNELS);

  for (gsize p = 0; p < pixels; p++)
    for (gsize c = 0; c < VEL_UNFINISHED_CHANNELS; c++)
      planes[c * pixels + p] = self->latent[p * VEL_UNFINISHED_CHANNELS + c];
  return planes;
}

static void
set (GHashTable *metadata, const char *key, const char *value)
{
  if (value)
    g_hash_table_insert (metadata, (gpointer) key, g_utf8_make_valid (value, -1)); /* of a path */
}

static GHashTable *
make_metadata (const VelUnfinished *self)
{
  GHashTable *metadata = g_hash_table_new_full (g_str_hash, g_str_equal, NULL, g_free);
  g_autofree char *request = vel_values_to_json (self->request);

  set (metadata, "format", VEL_UNFINISHED_FORMAT);
  set (metadata, "version", VEL_UNFINISHED_VERSION);
  set (metadata, "request", request);
  set (metadata, "velatura", self->recipe);
  set (metadata, "model_path", self->model_path);
  set (metadata, "model_name", self->model_name);
  set (metadata, "device", self->device);
  set (metadata, "output", self->output);
  for (const VelUnfinishedNumber *row = vel_unfinished_numbers; row->name; row++) {
    const char *at = (const char *) self + row->offset;

    if (row->bytes == sizeof (guint64))
      g_hash_table_insert (metadata, (gpointer) row->name, g_strdup_printf ("%" PRIu64, *(const guint64 *) (gconstpointer) at));
    else
      g_hash_table_insert (metadata, (gpointer) row->name, g_strdup_printf ("%d", *(const int *) (gconstpointer) at));
  }
  return metadata;
}

/* The number after the largest one: one that is taken is not given to another picture while both are in sight. */
static guint64
find_number (const char *folder)
{
  g_autoptr (GDir) dir = g_dir_open (folder, 0, NULL);
  guint64 largest = 0;
  const char *name;

  while (dir && (name = g_dir_read_name (dir)))
    largest = MAX (largest, vel_unfinished_parse_name (name));
  return largest + 1;
}

/* Down to the folder above all that had to be made, so that the new one survives a power cut as well. */
static gboolean
make_folder (const char *folder, GError **error)
{
  g_autofree char *above = g_path_get_dirname (folder), *shown = g_filename_display_name (folder);

  if (g_file_test (folder, G_FILE_TEST_IS_DIR))
    return TRUE;
  if (g_mkdir_with_parents (folder, 0700) == 0)
    return vel_durable_sync_folder (above, error);
  g_set_error (error, VEL_ERROR, VEL_ERROR_STORAGE, _ ("The folder “%s” can not be made: %s"), shown, g_strerror (errno));
  return FALSE;
}

VelKept *
vel_unfinished_keep (const char *folder, const VelUnfinished *self, GError **error)
{
  g_autofree float *planes = to_planes (self);
  g_autoptr (GHashTable) metadata = make_metadata (self);
  Tensors tensors;

  describe (&tensors, self, planes);
  if (!make_folder (folder, error))
    return NULL;
  for (guint64 number = find_number (folder), end = number + MOST; number < end; number++) {
    g_autofree char *path = vel_unfinished_build_path (folder, number);
    g_autoptr (GError) problem = NULL;
    gboolean taken;

    if (vel_safetensors_write_plan (path, FALSE, tensors.plan, tensors.count, metadata, give, &tensors, &problem))
      return vel_kept_take (path, &taken, error);
    if (!g_error_matches (problem, G_IO_ERROR, G_IO_ERROR_EXISTS)) { /* another process took the number meanwhile */
      g_propagate_error (error, g_steal_pointer (&problem));
      return NULL;
    }
  }
  g_set_error (error, VEL_ERROR, VEL_ERROR_STORAGE, _ ("The folder “%s” holds too many unfinished pictures"), folder);
  return NULL;
}
