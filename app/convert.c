/* velatura convert: a model in another type and container.
 * SPDX-License-Identifier: Apache-2.0 */
#include "config.h"

#include <gio/gio.h>
#include <glib/gi18n.h>
#include <stdio.h>
#include <unistd.h>

#include "app/flags.h"
#include "app/interrupt.h"
#include "app/output.h"
#include "engine/catalog.h"
#include "engine/formats/convert.h"
#include "engine/models/family.h"

static const VelParam own_table[] = {
  { "to", N_ ("Type"), "", N_ ("The type of the numbers; q8_0 is written as GGUF, the others as safetensors."), VEL_PARAM_CHOICE,
    .standard = "fp16", .choices = "fp32|fp16|bf16|fp8|q8_0" },
  { "unet", N_ ("UNet"), "", N_ ("A UNet to take in place of the model's own; without a model it is the first part."), VEL_PARAM_FILE,
    .standard = "" },
  { "text_encoder", N_ ("Text encoder"), "", N_ ("A text encoder, likewise; SDXL has two."), VEL_PARAM_FILE, VEL_PARAM_LIST,
    .standard = "" },
  { "vae", N_ ("VAE"), "", N_ ("A VAE, likewise."), VEL_PARAM_FILE, .standard = "" },
  { "output", N_ ("Output"), "", N_ ("The new file."), VEL_PARAM_FILE, .standard = "" },
  { "force", N_ ("Replace"), "", N_ ("Replace an existing file."), VEL_PARAM_BOOL, .standard = "false" },
  { "quiet", N_ ("Quiet"), "", N_ ("No progress."), VEL_PARAM_BOOL, .standard = "false" },
  { NULL },
};

static const VelUsage usage = {
  "convert", "[FILE] [--unet FILE] [--text-encoder FILE]… [--vae FILE] --to TYPE --output FILE",
  N_ ("Writes a model of any kind that is read, a diffusers folder too, as one file of another type. Its names and "
      "its metadata are kept; a checkpoint becomes a file that can not run code.")
};

static const struct {
  const char *id;
  VelConvertType type;
} types[] = {
  { "fp32", VEL_CONVERT_FP32 }, { "fp16", VEL_CONVERT_FP16 }, { "bf16", VEL_CONVERT_BF16 },
  { "fp8", VEL_CONVERT_FP8 },   { "q8_0", VEL_CONVERT_Q8_0 },
};

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

/* Returns: (transfer full) */
static VelWeights *
open_model (const char *name, VelValues *own, GCancellable *cancellable, GError **error)
{
  static const char *const options[VEL_N_PARTS] = { "unet", "text_encoder", "vae" };
  g_autofree char *path = !name ? NULL : g_file_test (name, G_FILE_TEST_EXISTS) ? g_strdup (name) : vel_catalog_resolve (name, NULL, error);
  char *parts[VEL_N_PARTS] = { NULL };
  VelWeights *weights = NULL;
  gboolean found = path || !name;

  for (VelPartKind kind = 0; found && kind < VEL_N_PARTS; kind++)
    found = (parts[kind] = vel_catalog_resolve_parts (kind, vel_values_get (own, options[kind]), NULL, error)) != NULL;
  if (found)
    weights = vel_weights_open_with (path, (const char *const *) parts, cancellable, error);
  for (VelPartKind kind = 0; kind < VEL_N_PARTS; kind++)
    g_free (parts[kind]);
  return weights;
}

static gboolean
convert (const char *name, VelValues *own, VelConvert *how, GCancellable *cancellable, GError **error)
{
  g_autoptr (VelWeights) weights = open_model (name, own, cancellable, error);
  const VelFamily *family = weights ? vel_family_match (weights) : NULL;
  gboolean done;

  how->architecture = family ? family->id : NULL;
  done = weights && vel_convert (weights, how, cancellable, error);
  if (how->progress)
    fprintf (stderr, "\r     \r");
  return done;
}

static VelExit
run (int argc, char **argv)
{
  g_autoptr (VelValues) own = vel_values_new (own_table);
  g_autoptr (VelFlags) flags = vel_flags_new (&usage, own, NULL);
  g_autoptr (GCancellable) cancellable = g_cancellable_new ();
  g_autoptr (GError) error = NULL;
  VelOutput output = { 0 };
  VelConvert how = { 0 };
  gboolean done;
  int status = vel_flags_read (flags, argc, argv);

  if (status >= 0)
    return status;
  how.output = vel_values_get (own, "output");
  how.replace = output.force = vel_values_get_bool (own, "force");
  if (flags->words->len > 1 || (flags->words->len == 0 && !vel_values_is_set (own, "unet")))
    return vel_verb_misused (_ ("convert needs one model, or a --unet"));
  if (!*how.output)
    return vel_verb_misused (_ ("convert needs --output, the new file"));
  for (guint i = 0; i < G_N_ELEMENTS (types); i++)
    if (g_str_equal (types[i].id, vel_values_get (own, "to")))
      how.type = types[i].type;
  if (isatty (STDERR_FILENO) && !vel_values_get_bool (own, "quiet"))
    how.progress = on_progress;
  if (!vel_output_check (&output, (const char *[]){ how.output, NULL }, &error))
    return vel_verb_fail (error);
  vel_interrupt_watch (on_interrupt, cancellable);
  done = convert (flags->words->len ? flags->words->pdata[0] : NULL, own, &how, cancellable, &error);
  vel_interrupt_forget ();
  if (g_error_matches (error, G_IO_ERROR, G_IO_ERROR_CANCELLED))
    return VEL_EXIT_INTERRUPTED;
  return done ? VEL_EXIT_DONE : vel_verb_fail (error);
}

const VelVerb vel_verb_convert = { "convert", N_ ("writes a model in another type"), run };
