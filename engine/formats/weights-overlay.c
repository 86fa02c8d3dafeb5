/* Parts of a model from other files.  SPDX-License-Identifier: Apache-2.0 */
#include "config.h"

#include "engine/formats/weights-set.h"

#include "engine/error.h"
#include "engine/formats/diffusers.h"

#include <glib/gi18n-lib.h>
#include <inttypes.h>

#define UNET "model.diffusion_model."

/* A part and the files it is in. */
typedef struct {
  GPtrArray *files;
  GArray *parts; /* has the part */
  const VelPart *part;
  const char *path; /* borrowed */
} Source;

static void
free_source (gpointer data)
{
  Source *self = data;

  g_clear_pointer (&self->files, g_ptr_array_unref);
  g_clear_pointer (&self->parts, g_array_unref);
  g_free (self);
}

static gboolean
is_folder (const char *path, const char *name)
{
  g_autofree char *inner = g_build_filename (path, name, NULL);

  return g_file_test (inner, G_FILE_TEST_IS_DIR);
}

GPtrArray *
vel_weights_open_part_files (const char *path, GCancellable *cancellable, GError **error)
{
  VelTensorFile *file;
  GPtrArray *files;

  if (g_file_test (path, G_FILE_TEST_IS_DIR))
    return vel_diffusers_open (path, "", cancellable, error);
  file = vel_tensor_file_open (path, cancellable, error);
  if (!file)
    return NULL;
  files = g_ptr_array_new_with_free_func ((GDestroyNotify) vel_tensor_file_unref);
  g_ptr_array_add (files, file);
  return files;
}

static gboolean
refuse_kind (VelPartKind kind, GPtrArray *files, GArray *parts, const char *path, GError **error)
{
  static const char *const sentences[VEL_N_PARTS] = { N_ ("“%s” holds no UNet: it is %s"), N_ ("“%s” holds no text encoder: it is %s"),
                                                      N_ ("“%s” holds no VAE: it is %s") };
  g_autofree char *shown = g_filename_display_name (path);
  g_autofree const char **names = vel_weights_collect_names (files, "");

  /* Translators: a file; a phrase such as “a VAE, which --vae takes” */
  g_set_error (error, VEL_ERROR, VEL_ERROR_FORMAT, _ (sentences[kind]), shown, vel_parts_describe (parts, names));
  return FALSE;
}

/* Takes files. Each part of the kind is a source. */
static gboolean
add_sources (GPtrArray *sources, VelPartKind kind, GPtrArray *files, const char *path, GError **error)
{
  g_autoptr (GArray) parts = vel_parts_find (files);
  guint n = vel_parts_count (parts, kind);
  gboolean found = n > 0 || refuse_kind (kind, files, parts, path, error);

  for (guint i = 0; i < n; i++) {
    Source *source = g_new0 (Source, 1);

    *source = (Source){ g_ptr_array_ref (files), g_array_ref (parts), vel_parts_get (parts, kind, i), path };
    g_ptr_array_add (sources, source);
  }
  g_ptr_array_unref (files);
  return found;
}

/* A file, a component's folder, or a whole model's, which may have two text encoders. */
static gboolean
open_sources (GPtrArray *sources, VelPartKind kind, const char *path, GCancellable *cancellable, GError **error)
{
  static const char *const folders[VEL_N_PARTS][2] = { { "unet" }, { "text_encoder", "text_encoder_2" }, { "vae" } };
  GPtrArray *files;

  if (!vel_diffusers_is_model (path))
    return (files = vel_weights_open_part_files (path, cancellable, error)) && add_sources (sources, kind, files, path, error);
  for (guint i = 0; i < 2 && folders[kind][i]; i++) {
    if (i > 0 && !is_folder (path, folders[kind][i]))
      continue;
    files = vel_diffusers_open (path, folders[kind][i], cancellable, error);
    if (!files || !add_sources (sources, kind, files, path, error))
      return FALSE;
  }
  return TRUE;
}

/* Which of the two that the model has gives way. */
static gboolean
choose_of_two (VelWeights *self, const Source *source, VelComponent *component, GError **error)
{
  gint64 first = vel_weights_get_text_width (self, VEL_COMPONENT_TEXT_ENCODER_1),
         second = vel_weights_get_text_width (self, VEL_COMPONENT_TEXT_ENCODER_2);
  gint64 width = source->part->width;
  gboolean is_second = width == second && (width != first || source->part->dialect == VEL_DIALECT_OPENCLIP || source->part->pooled > 0);
  g_autofree char *shown = NULL;

  *component = is_second ? VEL_COMPONENT_TEXT_ENCODER_2 : VEL_COMPONENT_TEXT_ENCODER_1;
  if (is_second || width == first)
    return TRUE;
  shown = g_filename_display_name (source->path);
  g_set_error (error, VEL_ERROR, VEL_ERROR_FAMILY,
               _ ("“%s” is a text encoder of width %" PRId64 "; those of “%s” are of width %" PRId64 " and %" PRId64), shown, width,
               self->shown, first, second);
  return FALSE;
}

static int
compare_sources (gconstpointer a, gconstpointer b)
{
  return vel_part_compare ((*(Source *const *) a)->part, (*(Source *const *) b)->part);
}

static gboolean
refuse_two (VelWeights *self, const Source *a, const Source *b, const char *sentence, GError **error)
{
  g_autofree char *one = g_filename_display_name (a->path), *other = g_filename_display_name (b->path);

  g_set_error (error, VEL_ERROR, VEL_ERROR_FAMILY, sentence, one, other, self->shown);
  return FALSE;
}

/* Where each source goes. */
static gboolean
place_text_encoders (VelWeights *self, GPtrArray *sources, VelComponent *components, GError **error)
{
  gboolean vector = vel_weights_has (self, UNET "label_emb.0.0.weight");
  const Source *first = sources->pdata[0], *second = sources->len > 1 ? sources->pdata[1] : NULL;

  components[0] = vector ? VEL_COMPONENT_TEXT_ENCODER_1 : VEL_COMPONENT_TEXT_ENCODER;
  components[1] = VEL_COMPONENT_TEXT_ENCODER_2;
  if (!second)
    return !vector || vel_weights_get_text_width (self, VEL_COMPONENT_TEXT_ENCODER_2) == 0 ||
           choose_of_two (self, first, components, error);
  if (sources->len > 2)
    return refuse_two (self, first, second, _ ("“%s”, “%s” and others are more text encoders than “%s” has; at most two are wanted"),
                       error);
  if (!vector)
    return refuse_two (self, first, second, _ ("“%s” and “%s” are two text encoders; the UNet of “%s” reads one"), error);
  if (first->part->width == second->part->width && first->part->pooled == second->part->pooled)
    return refuse_two (self, first, second, _ ("“%s” and “%s” are text encoders of the same kind; “%s” reads two different ones"), error);
  g_ptr_array_sort (sources, compare_sources);
  return TRUE;
}

/* A UNet's training is told by tensors of no part. */
static gboolean
is_mark (const char *name)
{
  return g_str_equal (name, "v_pred") || g_str_equal (name, "ztsnr");
}

static void
add_source (VelWeights *self, GPtrArray *items, const Source *source, VelComponent component)
{
  VelNames *names = vel_part_make_names (source->part, component, source->files);

  for (guint f = 0; f < source->files->len; f++)
    for (gsize i = 0; i < vel_tensor_file_get_count (source->files->pdata[f]); i++) {
      const VelTensorEntry *entry = vel_tensor_file_get (source->files->pdata[f], i);

      if (vel_part_owns (source->part, entry->name))
        vel_weights_add (items, source->files->pdata[f], entry, vel_part_to_original (source->part, component, names, entry->name),
                         g_strdup (entry->name));
      else if (component == VEL_COMPONENT_UNET && is_mark (entry->name))
        vel_weights_add (items, source->files->pdata[f], entry, g_strdup (entry->name), NULL);
    }
  g_clear_pointer (&self->components[component], vel_names_free);
  g_free (self->roots[component]);
  g_free (self->sources[component]);
  self->components[component] = names;
  self->roots[component] = g_strdup (source->part->root);
  self->sources[component] = g_filename_display_name (source->path);
}

static gboolean
is_replaced (const char *name, const VelComponent *components, guint n)
{
  for (guint i = 0; i < n; i++)
    if (g_str_has_prefix (name, vel_component_get_prefix (components[i])) || (components[i] == VEL_COMPONENT_UNET && is_mark (name)))
      return TRUE;
  return FALSE;
}

/* The files of the UNet stay first: theirs is the metadata. */
static void
keep_files (VelWeights *self, const Source *source)
{
  for (guint f = 0; f < source->files->len; f++)
    g_ptr_array_insert (self->files, source->part->kind == VEL_PART_UNET ? (int) f : -1, vel_tensor_file_ref (source->files->pdata[f]));
}

gboolean
vel_weights_overlay (VelWeights *self, VelPartKind kind, const char *const *paths, GCancellable *cancellable, GError **error)
{
  VelComponent components[2] = { kind == VEL_PART_UNET ? VEL_COMPONENT_UNET : VEL_COMPONENT_VAE };
  g_autoptr (GPtrArray) sources = g_ptr_array_new_with_free_func (free_source);
  GPtrArray *items;
  guint n;

  for (; *paths; paths++)
    if (!open_sources (sources, kind, *paths, cancellable, error))
      return FALSE;
  n = sources->len;
  if (n == 0 || (kind == VEL_PART_TEXT_ENCODER && !place_text_encoders (self, sources, components, error)))
    return n == 0;
  items = g_ptr_array_new_with_free_func (vel_weights_item_free);
  for (guint i = 0; i < n; i++) {
    add_source (self, items, sources->pdata[i], components[i]);
    keep_files (self, sources->pdata[i]);
  }
  for (guint i = 0; i < self->items->len; i++) {
    VelWeightsItem *item = self->items->pdata[i];

    g_ptr_array_add (is_replaced (item->name, components, n) ? self->replaced : items, item);
  }
  vel_weights_take (self, items);
  return vel_weights_settle (self, items, error);
}

/* The UNet first: it decides what text encoders there can be. */
VelWeights *
vel_weights_open_with (const char *path, const char *const parts[VEL_N_PARTS], GCancellable *cancellable, GError **error)
{
  g_autoptr (VelWeights) self = vel_weights_open (path ? path : parts[VEL_PART_UNET], cancellable, error);

  for (VelPartKind kind = path ? 0 : VEL_PART_UNET + 1; self && kind < VEL_N_PARTS; kind++) {
    g_auto (GStrv) paths = g_strsplit (parts[kind], "\n", -1);

    if (!vel_weights_overlay (self, kind, (const char *const *) paths, cancellable, error))
      return NULL;
  }
  return g_steal_pointer (&self);
}
