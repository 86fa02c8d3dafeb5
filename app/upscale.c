/* velatura upscale: an existing picture, larger.
 * SPDX-License-Identifier: Apache-2.0
 * AUTOMATIC1111 1.10 modules/postprocessing.py, scripts/postprocessing_upscale.py: what is written into the picture. */
#include "config.h"

#include <gio/gio.h>
#include <glib/gi18n.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "app/flags.h"
#include "app/interrupt.h"
#include "app/output.h"
#include "engine/durable.h"
#include "engine/formats/png.h"
#include "engine/formats/recipe-spelling.h"
#include "engine/pipeline/upscale.h"
#include "engine/pixels/resample.h"
#include "engine/upscalers.h"

static const VelParam own_table[] = {
  { "upscaler", N_ ("Upscaler"), "", N_ ("lanczos, nearest, or a network: a file, or a name of `velatura list upscalers`."), VEL_PARAM_FILE,
    .standard = "lanczos" },
  { "scale", N_ ("Scale"), "", N_ ("How many times as large; unset, the network's own, else 2."), VEL_PARAM_REAL, VEL_PARAM_NONE, 0.05, 8,
    .standard = "" },
  { "tile", N_ ("Tile"), "", N_ ("The side of the tiles a network works in, in pixels; 0 takes the picture whole."), VEL_PARAM_INT,
    VEL_PARAM_NONE, 0, 4096, 16, .standard = "192" },
  { "output", N_ ("Output"), "", N_ ("The new picture, a PNG."), VEL_PARAM_FILE, .standard = "" },
  { "force", N_ ("Replace"), "", N_ ("Replace an existing file."), VEL_PARAM_BOOL, .standard = "false" },
  { "device", N_ ("Device"), "", N_ ("Where to compute: auto, cpu, cuda or cuda:N."), VEL_PARAM_TEXT, .standard = "auto" },
  { "precision", N_ ("Precision"), "", N_ ("Arithmetic of the network; fp32 is the exact reference."), VEL_PARAM_CHOICE, .standard = "auto",
    .choices = "auto|fp32|bf16|fp16" },
  { "threads", N_ ("Threads"), "", N_ ("How many processor cores to use; 0 uses all."), VEL_PARAM_INT, VEL_PARAM_NONE, 0, 1024, 1,
    .standard = "0" },
  { "quiet", N_ ("Quiet"), "", N_ ("No progress."), VEL_PARAM_BOOL, .standard = "false" },
  { NULL },
};

static const VelUsage usage = { "upscale", "PICTURE --upscaler NAME|FILE --output FILE",
                                N_ ("Makes an existing picture larger. The settings it was painted with stay in it.") };

typedef struct {
  VelValues *own;
  VelPng *picture;
  const VelUpscalerWay *way; /* NULL: a network */
  char *path;                /* its file */
  GCancellable *cancellable;
  GPtrArray *notes;
} Job;

static void
on_interrupt (gpointer cancellable)
{
  g_cancellable_cancel (cancellable);
}

static void
on_progress (double fraction, gpointer data)
{
  fprintf (stderr, "\r%3.0f %%", fraction * 100);
}

/* The size in the end. Returns: FALSE with VEL_ERROR_REQUEST */
static gboolean
plan_size (const Job *self, double *scale, guint *width, guint *height, GError **error)
{
  VelUpscalerFacts facts = { .scale = 2 };

  if (self->path) {
    g_autoptr (VelWeights) weights = vel_weights_open (self->path, self->cancellable, error);
    g_autoptr (GError) problem = NULL;

    if (!weights)
      return FALSE;
    if (!vel_upscaler_look (weights, &facts, &problem)) {
      if (problem)
        g_propagate_error (error, g_steal_pointer (&problem));
      else
        g_set_error (error, VEL_ERROR, VEL_ERROR_FAMILY,
                     _ ("“%s” is no upscaler that is known here; ESRGAN, Real-ESRGAN and its compact networks are"),
                     vel_weights_get_path (weights));
      return FALSE;
    }
  }
  *scale = vel_values_is_set (self->own, "scale") ? vel_values_get_real (self->own, "scale") : facts.scale;
  *width = (guint) (self->picture->width * *scale);
  *height = (guint) (self->picture->height * *scale);
  if (MIN (*width, *height) >= 1 && MAX (*width, *height) <= VEL_PNG_MAX_SIDE && (guint64) *width * *height <= VEL_PNG_MAX_PIXELS)
    return TRUE;
  g_set_error (error, VEL_ERROR, VEL_ERROR_REQUEST,
               _ ("The picture would be %u x %u: each side has to be from 1 to %d, and both together at most %u million pixels"), *width,
               *height, VEL_PNG_MAX_SIDE, VEL_PNG_MAX_PIXELS / 1000000);
  return FALSE;
}

static VelBitmap *
enlarge (const Job *self, guint width, guint height, GError **error)
{
  const VelDeviceOptions device = { .threads = (unsigned) vel_values_get_int (self->own, "threads") };
  VelUpscaleOptions options = { .tile = (guint) vel_values_get_int (self->own, "tile"), .overlap = VEL_UPSCALE_OVERLAP, .reversed = TRUE };
  const VelBitmap rgb = { self->picture->width, self->picture->height, 3, self->picture->rgb };
  g_autoptr (VelEngine) engine = NULL;
  VelBitmap *large;

  if (self->way)
    return vel_bitmap_resample (&rgb, width, height, g_str_equal (self->way->word, "nearest") ? VEL_FILTER_NEAREST : VEL_FILTER_LANCZOS);
  if (isatty (STDERR_FILENO) && !vel_values_get_bool (self->own, "quiet"))
    options.progress = on_progress;
  engine = vel_engine_new (vel_values_get (self->own, "device"), &device, error);
  if (!engine)
    return NULL;
  large = vel_engine_upscale (engine, self->path, vel_values_get (self->own, "precision"), &rgb, width, height, &options, self->notes,
                              self->cancellable, error);
  if (options.progress)
    fprintf (stderr, "\r     \r");
  return large;
}

static int
compare_texts (gconstpointer a, gconstpointer b)
{
  return strcmp (*(const char *const *) a, *(const char *const *) b);
}

/* All texts of the picture as they are, but what is said of this. Returns: (transfer container) pairs */
static const char **
list_texts (const Job *self, const char *said)
{
  g_autoptr (GPtrArray) keys = g_ptr_array_new ();
  GPtrArray *texts = g_ptr_array_new ();
  GHashTableIter iter;
  gpointer key;

  g_hash_table_iter_init (&iter, self->picture->text);
  while (g_hash_table_iter_next (&iter, &key, NULL))
    if (!g_str_equal (key, "postprocessing") && !g_str_equal (key, "extras"))
      g_ptr_array_add (keys, key);
  g_ptr_array_sort (keys, compare_texts);
  for (guint i = 0; i < keys->len; i++) {
    g_ptr_array_add (texts, keys->pdata[i]);
    g_ptr_array_add (texts, g_hash_table_lookup (self->picture->text, keys->pdata[i]));
  }
  g_ptr_array_add (texts, (gpointer) "postprocessing");
  g_ptr_array_add (texts, (gpointer) said);
  g_ptr_array_add (texts, (gpointer) "extras"); /* A1111 says it twice */
  g_ptr_array_add (texts, (gpointer) said);
  g_ptr_array_add (texts, NULL);
  return (const char **) g_ptr_array_free (texts, FALSE);
}

static gboolean
save (const Job *self, const VelBitmap *large, double scale, GError **error)
{
  const char *output = vel_values_get (self->own, "output");
  g_autofree char *name = self->path ? vel_upscalers_name_of (self->path) : NULL, *folder = g_path_get_dirname (output);
  g_autofree char *quoted = vel_recipe_quote (self->way ? self->way->label : vel_recipe_their_spelling ("hires_upscaler", name));
  g_autofree char *said = g_strdup_printf ("Postprocess upscale by: %.15g, Postprocess upscaler: %s", scale, quoted);
  g_autofree const char **texts = list_texts (self, said);
  g_autoptr (GBytes) bytes = vel_png_encode (large->data, large->width, large->height, texts);
  g_autoptr (VelDurable) file = vel_durable_new (folder, error);

  return file && vel_durable_write (file, g_bytes_get_data (bytes, NULL), g_bytes_get_size (bytes), error) &&
         vel_durable_finish (file, output, vel_values_get_bool (self->own, "force"), error);
}

static gboolean
upscale (Job *self, GError **error)
{
  g_autoptr (VelBitmap) large = NULL;
  double scale;
  guint width, height;

  if (!plan_size (self, &scale, &width, &height, error))
    return FALSE;
  large = enlarge (self, width, height, error);
  return large && save (self, large, scale, error);
}

/* Returns: FALSE with an error */
static gboolean
open_all (Job *self, const char *picture, GError **error)
{
  const char *paths[] = { vel_values_get (self->own, "output"), NULL }, *upscaler = vel_values_get (self->own, "upscaler");
  const VelOutput output = { .force = vel_values_get_bool (self->own, "force") };

  self->way = vel_upscalers_find_way (upscaler);
  if (self->way && !self->way->pixels) {
    g_set_error (error, VEL_ERROR, VEL_ERROR_REQUEST,
                 _ ("“%s” enlarges what a model paints on, not pictures; take lanczos, nearest or a network"), upscaler);
    return FALSE;
  }
  if (!self->way && !(self->path = vel_upscalers_resolve (vel_recipe_our_spelling ("hires_upscaler", upscaler), error)))
    return FALSE;
  return (self->picture = vel_png_read (picture, FALSE, error)) && vel_output_check (&output, paths, error);
}

static VelExit
run (int argc, char **argv)
{
  g_autoptr (VelValues) own = vel_values_new (own_table);
  g_autoptr (VelFlags) flags = vel_flags_new (&usage, own, NULL);
  g_autoptr (GCancellable) cancellable = g_cancellable_new ();
  g_autoptr (GPtrArray) notes = g_ptr_array_new_with_free_func (g_free);
  g_autoptr (GError) error = NULL;
  Job job = { .own = own, .cancellable = cancellable, .notes = notes };
  gboolean done;
  int status = vel_flags_read (flags, argc, argv);

  if (status >= 0)
    return status;
  if (flags->words->len != 1)
    return vel_verb_misused (_ ("upscale needs one picture"));
  if (!vel_values_is_set (own, "output"))
    return vel_verb_misused (_ ("upscale needs --output, the new picture"));
  done = open_all (&job, flags->words->pdata[0], &error);
  if (done) {
    vel_interrupt_watch (on_interrupt, cancellable);
    done = upscale (&job, &error);
    vel_interrupt_forget ();
  }
  for (guint i = 0; i < notes->len && !vel_values_get_bool (own, "quiet"); i++)
    fprintf (stderr, "%s\n", (const char *) notes->pdata[i]);
  g_clear_pointer (&job.picture, vel_png_free);
  g_free (job.path);
  if (g_error_matches (error, G_IO_ERROR, G_IO_ERROR_CANCELLED))
    return VEL_EXIT_INTERRUPTED;
  return done ? VEL_EXIT_DONE : vel_verb_fail (error);
}

const VelVerb vel_verb_upscale = { "upscale", N_ ("makes a picture larger"), run };
