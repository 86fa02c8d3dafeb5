/* velatura preprocess: of a picture, the hint that a control network was trained on.
 * SPDX-License-Identifier: Apache-2.0 */
#include "config.h"

#include <gio/gio.h>
#include <glib/gi18n.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "app/flags.h"
#include "app/interrupt.h"
#include "app/output.h"
#include "engine/control/hint.h"
#include "engine/durable.h"
#include "engine/formats/photo.h"
#include "engine/formats/png.h"
#include "engine/pixels/compose.h"
#include "engine/registry.h"

static const VelParam own_table[] = {
  { "preprocessor", N_ ("Preprocessor"), "", N_ ("What is made of the picture; `velatura list preprocessors` has the names."),
    VEL_PARAM_CHOICE, .standard = "", .choices = "registry:preprocessors" },
  { "mask", N_ ("Mask"), "", N_ ("A picture, light where the network is to paint anew."), VEL_PARAM_FILE, .standard = "" },
  { "output", N_ ("Output"), "", N_ ("The new picture, a PNG."), VEL_PARAM_FILE, .standard = "" },
  { "force", N_ ("Replace"), "", N_ ("Replace an existing file."), VEL_PARAM_BOOL, .standard = "false" },
  { "quiet", N_ ("Quiet"), "", N_ ("No progress."), VEL_PARAM_BOOL, .standard = "false" },
  { NULL },
};

static const VelUsage usage = {
  "preprocess",
  "PICTURE --preprocessor NAME --output FILE [options of the preprocessor]",
  N_ ("Makes of a picture what a control network takes: its edges, lines or colours. With --preprocessor and --help, its options are "
      "listed too."),
};

static void
on_interrupt (gpointer cancellable)
{
  g_cancellable_cancel (cancellable);
}

static void
on_progress (double done, gpointer data)
{
  int *shown = data, percent = (int) (done * 100);

  if (percent != *shown)
    fprintf (stderr, "\r%3d %%", percent);
  *shown = percent;
}

/* Which options there are depends on the preprocessor, so it is looked for before they are read. Returns: (nullable) */
static const VelPreprocessor *
find_preprocessor (int argc, char **argv)
{
  const char *name = NULL;

  for (int i = 1; i < argc; i++) {
    if (g_str_has_prefix (argv[i], "--preprocessor="))
      name = argv[i] + strlen ("--preprocessor=");
    else if (g_str_equal (argv[i], "--preprocessor") && i + 1 < argc)
      name = argv[i + 1];
  }
  return name != NULL ? vel_registry_find_preprocessor (name) : NULL;
}

/* Returns: (transfer full) grey, or NULL with an error */
static VelBitmap *
read_mask (const char *path, GError **error)
{
  g_autoptr (VelPhoto) photo = vel_photo_read (path, FALSE, error);

  if (photo == NULL)
    return NULL;
  return vel_bitmap_grey (&(VelBitmap){ photo->width, photo->height, 3, photo->rgb });
}

/* A PNG of colours alone: what the network is left to is black in it. */
static gboolean
save (const VelBitmap *hint, VelValues *own, GError **error)
{
  static const char *const no_texts[] = { NULL };
  const char *output = vel_values_get (own, "output");
  g_autofree char *folder = g_path_get_dirname (output);
  g_autoptr (VelBitmap) rgb = vel_bitmap_with_channels (hint, 3);
  g_autoptr (GBytes) bytes = vel_png_encode (rgb->data, rgb->width, rgb->height, no_texts);
  g_autoptr (VelDurable) file = vel_durable_new (folder, error);

  return file && vel_durable_write (file, g_bytes_get_data (bytes, NULL), g_bytes_get_size (bytes), error) &&
         vel_durable_finish (file, output, vel_values_get_bool (own, "force"), error);
}

static gboolean
preprocess (const VelPreprocessor *preprocessor, const char *picture, VelValues *own, VelValues *params, GCancellable *cancellable,
            GError **error)
{
  const char *paths[] = { vel_values_get (own, "output"), NULL };
  const VelOutput output = { .force = vel_values_get_bool (own, "force") };
  int shown = -1;
  gboolean watched = isatty (STDERR_FILENO) && !vel_values_get_bool (own, "quiet");
  VelHintOptions options = { .params = params, .progress = watched ? on_progress : NULL, .data = &shown };
  g_autoptr (VelPhoto) photo = NULL;
  g_autoptr (VelBitmap) mask = NULL, hint = NULL;

  if (!vel_output_check (&output, paths, error) || !(photo = vel_photo_read (picture, FALSE, error)))
    return FALSE;
  if (vel_values_is_set (own, "mask") && !(mask = read_mask (vel_values_get (own, "mask"), error)))
    return FALSE;
  options.mask = mask;
  hint = vel_hint_make (preprocessor, &(VelBitmap){ photo->width, photo->height, 3, photo->rgb }, &options, cancellable, error);
  if (watched)
    fprintf (stderr, "\r     \r");
  return hint && save (hint, own, error);
}

/* Returns: what the verb returns */
static VelExit
run_with (const VelPreprocessor *preprocessor, VelValues *params, int argc, char **argv)
{
  g_autoptr (VelValues) own = vel_values_new (own_table);
  g_autoptr (VelFlags) flags = vel_flags_new (&usage, own, params);
  g_autoptr (GCancellable) cancellable = g_cancellable_new ();
  g_autoptr (GError) error = NULL;
  gboolean done;
  int status = vel_flags_read (flags, argc, argv);

  if (status >= 0)
    return status;
  if (flags->words->len != 1)
    return vel_verb_misused (_ ("preprocess needs one picture"));
  if (preprocessor == NULL || !vel_values_is_set (own, "output"))
    return vel_verb_misused (_ ("preprocess needs --preprocessor, and --output, the new picture"));
  vel_interrupt_watch (on_interrupt, cancellable);
  done = preprocess (preprocessor, flags->words->pdata[0], own, params, cancellable, &error);
  vel_interrupt_forget ();
  if (g_error_matches (error, G_IO_ERROR, G_IO_ERROR_CANCELLED))
    return VEL_EXIT_INTERRUPTED;
  return done ? VEL_EXIT_DONE : vel_verb_fail (error);
}

static VelExit
run (int argc, char **argv)
{
  const VelPreprocessor *preprocessor = find_preprocessor (argc, argv);
  g_autofree VelParam *table = preprocessor != NULL ? vel_hint_dup_table (preprocessor) : NULL;
  g_autoptr (VelValues) params = table != NULL ? vel_values_new (table) : NULL; /* goes before its table */

  return run_with (preprocessor, params, argc, argv);
}

const VelVerb vel_verb_preprocess = { "preprocess", N_ ("makes edges, lines and other hints of a picture"), run };
