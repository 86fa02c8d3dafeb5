/* Runs a preprocessor.  SPDX-License-Identifier: Apache-2.0 */
#include "config.h"

#include "engine/control/hint.h"

#include <glib/gi18n-lib.h>
#include <string.h>

#include "engine/sampling/plugin-params.h"

#define MAX_SIDE 16384
#define MAX_PIXELS (64u << 20)
#define MAX_MEMORY ((gsize) 1 << 30)

struct VelPreparation {
  const VelPreprocessor *preprocessor;
  const VelHintOptions *options;
  GCancellable *cancellable;
  GPtrArray *blocks;
  gsize bytes; /* of all blocks */
  GError **error;
  gboolean failed; /* and why is in error */
};

static double
get_param (VelPreparation *run, const char *name)
{
  for (const VelPluginParam *row = run->preprocessor->params; row != NULL && row->name != NULL; row++)
    if (g_str_equal (row->name, name))
      return vel_plugin_param_get (row, run->options->params);
  return 0;
}

static void *
get_memory (VelPreparation *run, size_t count, size_t size)
{
  gsize bytes;
  gpointer block = NULL;

  if (g_size_checked_mul (&bytes, count, size) && bytes <= MAX_MEMORY - run->bytes)
    block = g_try_malloc0 (MAX (bytes, 1));
  if (block != NULL) {
    run->bytes += bytes;
    g_ptr_array_add (run->blocks, block);
    return block;
  }
  if (!run->failed)
    g_set_error (run->error, VEL_ERROR, VEL_ERROR_MEMORY,
                 _ ("The preprocessor “%s” needs %zu times %zu bytes of memory, which it can not get; take a smaller picture"),
                 run->preprocessor->id, count, size);
  run->failed = TRUE;
  return NULL;
}

static bool
proceed (VelPreparation *run, double done)
{
  if (run->failed)
    return false;
  if (g_cancellable_set_error_if_cancelled (run->cancellable, run->error)) {
    run->failed = TRUE;
    return false;
  }
  if (run->options->progress != NULL)
    run->options->progress (CLAMP (done, 0, 1), run->options->data);
  return true;
}

static void
fail (VelPreparation *run, const char *sentence)
{
  g_autofree char *said = g_utf8_make_valid (sentence != NULL ? _ (sentence) : "", -1);

  if (!run->failed)
    /* Translators: a preprocessor's id; what it says, such as “it needs a mask, …” */
    g_set_error (run->error, VEL_ERROR, VEL_ERROR_REQUEST, _ ("The preprocessor “%s” can not do this: %.300s"), run->preprocessor->id,
                 said);
  run->failed = TRUE;
}

static gboolean
is_size (guint width, guint height)
{
  return MIN (width, height) >= 1 && MAX (width, height) <= MAX_SIDE && (guint64) width * height <= MAX_PIXELS;
}

/* Of what a preprocessor may be given. */
static gboolean
check_picture (const VelBitmap *picture, const VelBitmap *mask, GError **error)
{
  g_assert (picture->channels == 3 && (mask == NULL || mask->channels == 1));
  if (!is_size (picture->width, picture->height)) {
    g_set_error (
        error, VEL_ERROR, VEL_ERROR_REQUEST,
        _ ("A picture of %u x %u can not be prepared: each side has to be from 1 to %d, and both together at most %u million pixels"),
        picture->width, picture->height, MAX_SIDE, MAX_PIXELS / 1000000);
    return FALSE;
  }
  if (mask == NULL || (mask->width == picture->width && mask->height == picture->height))
    return TRUE;
  g_set_error (error, VEL_ERROR, VEL_ERROR_REQUEST, _ ("The mask is %u x %u, the picture %u x %u; both have to be as large"), mask->width,
               mask->height, picture->width, picture->height);
  return FALSE;
}

/* Colours and marks side by side. */
static VelBitmap *
with_marks (const VelBitmap *rgb, const guint8 *marks)
{
  VelBitmap *both = vel_bitmap_new (rgb->width, rgb->height, 4);

  for (gsize i = 0; i < (gsize) rgb->width * rgb->height; i++) {
    memcpy (both->data + i * 4, rgb->data + i * 3, 3);
    both->data[i * 4 + 3] = marks[i];
  }
  return both;
}

static VelBitmap *
prepare (VelPreparation *run, const VelPluginPicture *picture)
{
  static const VelPreprocessorHost host = { VEL_PLUGIN_ABI, get_param, get_memory, proceed, fail };
  const VelPreprocessor *plugin = run->preprocessor;
  guint32 width = picture->width, height = picture->height;
  gboolean marked = (plugin->flags & VEL_PREPROCESSOR_MARKS) != 0;
  g_autoptr (VelBitmap) hint = NULL;
  guint8 *marks = NULL;

  if (plugin->size != NULL)
    plugin->size (&host, run, picture, &width, &height);
  if (run->failed)
    return NULL;
  if (!is_size (width, height)) {
    g_set_error (run->error, VEL_ERROR, VEL_ERROR_PLUGIN, _ ("The preprocessor “%s” wants to make a picture of %u x %u, which can not be"),
                 plugin->id, width, height);
    return NULL;
  }
  if (marked && (marks = get_memory (run, width, height)) == NULL)
    return NULL;
  hint = vel_bitmap_new (width, height, 3);
  if (!plugin->run (&host, run, picture, hint->data, marks) || run->failed) {
    if (!run->failed)
      g_set_error (run->error, VEL_ERROR, VEL_ERROR_PLUGIN, _ ("The preprocessor “%s” gave up without saying why"), plugin->id);
    return NULL;
  }
  return marked ? with_marks (hint, marks) : g_steal_pointer (&hint);
}

VelBitmap *
vel_hint_make (const VelPreprocessor *preprocessor, const VelBitmap *picture, const VelHintOptions *options, GCancellable *cancellable,
               GError **error)
{
  static const VelHintOptions none = { NULL };
  g_autoptr (GPtrArray) blocks = g_ptr_array_new_with_free_func (g_free);
  VelPreparation run = { preprocessor, options != NULL ? options : &none, cancellable, blocks, 0, error };
  const VelBitmap *mask = run.options->mask;
  const VelPluginPicture given = { picture->width, picture->height, picture->data, mask != NULL ? mask->data : NULL };

  if (!check_picture (picture, mask, error) || !proceed (&run, 0))
    return NULL;
  return prepare (&run, &given);
}

VelParam *
vel_hint_dup_table (const VelPreprocessor *preprocessor)
{
  GArray *table = g_array_new (TRUE, TRUE, sizeof (VelParam));

  for (const VelPluginParam *row = preprocessor->params; row != NULL && row->name != NULL; row++) {
    VelParam param = vel_plugin_param_to_row (row);

    g_array_append_val (table, param);
  }
  return (VelParam *) g_array_free (table, FALSE);
}
