/* A list to choose from: a registry's entries or words of the table.
 * SPDX-License-Identifier: Apache-2.0 */
#include "config.h"

#include "ui/widgets/param-binding.h"
#include "ui/widgets/param-control.h"
#include "engine/registry.h"

#include <glib/gi18n.h>

/* ids: NULL-terminated, in the order shown. */
static GStrv
list_ids (const VelParam *param, gboolean *registered, VelRegistryKind *kind)
{
  const char *choices = param->choices != NULL ? param->choices : "";

  *registered = g_str_has_prefix (choices, "registry:") && vel_registry_kind_from_string (choices + strlen ("registry:"), kind);
  if (*registered) {
    g_autofree const char **ids = vel_registry_list (*kind);

    return g_strdupv ((char **) ids);
  }
  return g_strsplit (choices, "|", -1);
}

/* How the words of the tables are said; one that is not here is shown as it is written. */
static const struct {
  const char *word, *label, *option; /* option: of which it is one; NULL: of any that has no label of its own before */
} words[] = {
  { "fit", N_ ("Fit, edges drawn out"), "resize" },
  { "fill", N_ ("Fill, cut off"), "resize" },
  { "stretch", N_ ("Stretch"), "resize" },
  { "latent", N_ ("Stretch the latent"), "resize" },
  { "fill", N_ ("Colours from around"), "fill" },
  { "noise", N_ ("Noise"), "fill" },
  { "nothing", N_ ("Nothing"), "fill" },
  { "whole", N_ ("Whole picture"), "inpaint_area" },
  { "masked", N_ ("Masked part alone"), "inpaint_area" },
  { "latent", N_ ("Latent"), "hires_upscaler" },
  { "latent-antialiased", N_ ("Latent, antialiased"), "hires_upscaler" },
  { "latent-bicubic", N_ ("Latent, bicubic"), "hires_upscaler" },
  { "latent-bicubic-antialiased", N_ ("Latent, bicubic, antialiased"), "hires_upscaler" },
  { "latent-nearest", N_ ("Latent, nearest"), "hires_upscaler" },
  { "latent-nearest-exact", N_ ("Latent, nearest exact"), "hires_upscaler" },
  { "lanczos", N_ ("Pixels, Lanczos"), "hires_upscaler" },
  { "nearest", N_ ("Pixels, nearest"), "hires_upscaler" },
  { "both", N_ ("All four"), "tiling_axes" },
  { "x", N_ ("Left and right"), "tiling_axes" },
  { "y", N_ ("Top and bottom"), "tiling_axes" },
  { "", N_ ("As in the first pass"), "hires_sampler" },
  { "", N_ ("As in the first pass"), "hires_schedule" },
  { "", N_ ("Automatic") },
  { "original", N_ ("Original") },
  { "no-norm", N_ ("Without normalising") },
  { "ignore", N_ ("Ignored") },
  { "none", N_ ("None, read as plain text") },
  { "eps", N_ ("Noise (epsilon)") },
  { "v", N_ ("Velocity (v)") },
  { "cpu", N_ ("CPU, as PyTorch") },
  { "nv", N_ ("NVIDIA, Philox") },
  { "a1111", "AUTOMATIC1111" },
  { "comfyui", "ComfyUI" },
  { "cuda:30", N_ ("As a GeForce RTX 2060") },
  { "cuda:28", N_ ("As a GeForce RTX 3060") },
  { "cuda:82", N_ ("As a GeForce RTX 3090") },
  { "cuda:46", N_ ("As a GeForce RTX 4070") },
  { "cuda:128", N_ ("As a GeForce RTX 4090") },
  { "cuda:170", N_ ("As a GeForce RTX 5090") },
};

static char *
dup_word_label (const VelParam *param, const char *word)
{
  for (guint i = 0; i < G_N_ELEMENTS (words); i++)
    if (g_str_equal (words[i].word, word) && (words[i].option == NULL || g_str_equal (words[i].option, param->name)))
      return g_strdup (_(words[i].label));
  return g_strdup (word);
}

/* A value that is allowed without being one of the list, from a recipe or a command line, joins it. */
static void
show_choice (GtkWidget *list, VelValues *values, const VelParam *param)
{
  GPtrArray *ids = g_object_get_data (G_OBJECT (list), "ids");
  const char *value = vel_values_get (values, param->name);
  guint selected;

  if (!g_ptr_array_find_with_equal_func (ids, value, g_str_equal, &selected)) {
    selected = param->check != NULL ? ids->len : GTK_INVALID_LIST_POSITION;
    if (param->check != NULL) {
      g_ptr_array_add (ids, g_strdup (value));
      gtk_string_list_append (GTK_STRING_LIST (gtk_drop_down_get_model (GTK_DROP_DOWN (list))), value);
    }
  }
  gtk_drop_down_set_selected (GTK_DROP_DOWN (list), selected);
}

static void
on_selected (GtkDropDown *list)
{
  GPtrArray *ids = g_object_get_data (G_OBJECT (list), "ids");
  guint selected = gtk_drop_down_get_selected (list);

  if (selected != GTK_INVALID_LIST_POSITION)
    vel_param_binding_store (vel_param_binding_of (GTK_WIDGET (list)), g_ptr_array_index (ids, selected));
}

/* An unset choice is one of the list: what the model or the program would take. */
static gboolean
needs_automatic (const VelParam *param, GStrv ids)
{
  return param->standard[0] == '\0' && !g_strv_contains ((const char *const *) ids, "");
}

GtkWidget *
vel_param_choice_new (VelValues *values, const VelParam *param)
{
  gboolean registered;
  VelRegistryKind kind = VEL_REGISTRY_SAMPLERS;
  g_auto (GStrv) found = list_ids (param, &registered, &kind);
  GPtrArray *ids = g_ptr_array_new_with_free_func (g_free);
  GtkStringList *labels = gtk_string_list_new (NULL);
  GtkWidget *list;

  if (needs_automatic (param, found))
    g_ptr_array_add (ids, g_strdup (""));
  for (guint i = 0; found[i] != NULL; i++)
    g_ptr_array_add (ids, g_strdup (found[i]));
  if (param->more != NULL) {
    g_auto (GStrv) more = param->more ();

    for (guint i = 0; more[i] != NULL; i++)
      g_ptr_array_add (ids, g_strdup (more[i]));
  }
  for (guint i = 0; i < ids->len; i++) {
    const char *id = g_ptr_array_index (ids, i), *label = registered && *id != '\0' ? vel_registry_get_label (kind, id) : NULL;

    gtk_string_list_take (labels, label != NULL ? g_strdup (label) : dup_word_label (param, id));
  }
  list = gtk_drop_down_new (G_LIST_MODEL (labels), NULL);
  gtk_widget_set_hexpand (list, TRUE);
  gtk_widget_set_valign (list, GTK_ALIGN_CENTER);
  g_object_set_data_full (G_OBJECT (list), "ids", ids, (GDestroyNotify) g_ptr_array_unref);
  vel_param_describe (list, param);
  vel_param_binding_new (list, values, param, show_choice);
  g_signal_connect (list, "notify::selected", G_CALLBACK (on_selected), NULL);
  return list;
}
