/* Which model files are on disk.  SPDX-License-Identifier: Apache-2.0
 *
 * A file is a model if its tensors match a family; extensions only keep pictures and archives from being opened. */
#include "config.h"

#include "engine/catalog.h"

#include "engine/error.h"
#include "engine/formats/diffusers.h"
#include "engine/models/family.h"
#include "engine/paths.h"

#include <glib/gi18n-lib.h>
#include <stdlib.h>
#include <string.h>

#define MAX_DEPTH 4 /* folders within a models folder */

void
vel_catalog_entry_free (VelCatalogEntry *self)
{
  g_free (self->name);
  g_free (self->path);
  g_free (self->family);
  g_free (self);
}

/* What a name may end in: a model's files always, other kinds of files only if a model is in them. */
static const struct {
  const char *suffix;
  gboolean always;
} endings[] = {
  { ".safetensors", TRUE }, { ".ckpt", TRUE }, { ".pt", FALSE }, { ".pth", FALSE }, { ".bin", FALSE }, { ".gguf", FALSE },
};

/* (nullable): NULL for one that no model has. always: (out) (optional) */
static const char *
ending_of (const char *name, gboolean *always)
{
  for (guint i = 0; i < G_N_ELEMENTS (endings); i++)
    if (g_str_has_suffix (name, endings[i].suffix)) {
      if (always)
        *always = endings[i].always;
      return endings[i].suffix;
    }
  return NULL;
}

char *
vel_catalog_name_of (const char *path)
{
  g_autofree char *base = g_filename_display_basename (path);
  const char *ending = ending_of (base, NULL);

  if (ending)
    base[strlen (base) - strlen (ending)] = 0;
  return g_steal_pointer (&base);
}

/* (nullable): NULL for a whole model, and for what is not recognised */
static const char *
part_of (VelWeights *weights)
{
  gboolean unet = vel_weights_has_part (weights, VEL_PART_UNET), text = vel_weights_has_part (weights, VEL_PART_TEXT_ENCODER);
  gboolean vae = vel_weights_has_part (weights, VEL_PART_VAE);

  if (unet + text + vae != 1)
    return NULL;
  return vel_part_kind_get_id (unet ? VEL_PART_UNET : text ? VEL_PART_TEXT_ENCODER : VEL_PART_VAE);
}

/* Opening reads headers only. A file that is none of ours, or damaged, stays in the list without a family if `always`: it is there, and
 * using it says what is wrong. */
static void
add_model (GPtrArray *entries, const char *path, const char *name, gboolean always)
{
  g_autoptr (VelWeights) weights = vel_weights_open (path, NULL, NULL);
  const VelFamily *family = weights ? vel_family_match (weights) : NULL;
  const char *part = weights ? part_of (weights) : NULL;
  VelCatalogEntry *entry;

  if (!family && !part && !always)
    return;
  entry = g_new0 (VelCatalogEntry, 1);
  entry->name = name ? g_strdup (name) : vel_catalog_name_of (path);
  entry->path = g_strdup (path);
  entry->family = family ? g_strdup (family->id) : NULL;
  entry->part = part;
  entry->bytes = weights ? vel_weights_get_stored_bytes (weights) : 0;
  g_ptr_array_add (entries, entry);
}

static void
scan (GPtrArray *entries, const char *folder, int depth)
{
  g_autoptr (GDir) dir = g_dir_open (folder, 0, NULL);
  const char *name;

  while (dir && (name = g_dir_read_name (dir))) {
    g_autofree char *path = g_build_filename (folder, name, NULL);
    gboolean always = TRUE;

    if (*name == '.')
      continue;
    if (vel_diffusers_is_model (path) || (ending_of (name, &always) && g_file_test (path, G_FILE_TEST_IS_REGULAR)))
      add_model (entries, path, NULL, always);
    else if (depth > 1 && g_file_test (path, G_FILE_TEST_IS_DIR)) /* a link, too: large models live on other disks */
      scan (entries, path, depth - 1);
  }
}

static int
compare_entries (gconstpointer a, gconstpointer b)
{
  const VelCatalogEntry *x = *(VelCatalogEntry *const *) a, *y = *(VelCatalogEntry *const *) b;
  int order = g_utf8_collate (x->name, y->name);

  return order ? order : strcmp (x->path, y->path);
}

/* A folder that was named twice, lies within another or is linked to shows its models once. */
static void
drop_repeated (GPtrArray *entries)
{
  g_autoptr (GHashTable) seen = g_hash_table_new_full (g_str_hash, g_str_equal, free, NULL);

  for (guint i = 0; i < entries->len;) {
    const VelCatalogEntry *entry = entries->pdata[i];
    char *real = realpath (entry->path, NULL);

    if (!real || g_hash_table_add (seen, real))
      i++;
    else
      g_ptr_array_remove_index (entries, i);
  }
}

/* Of all folders; the starter first. */
static GPtrArray *
list_all (const char *const *folders)
{
  GPtrArray *entries = g_ptr_array_new_with_free_func ((GDestroyNotify) vel_catalog_entry_free);
  g_autofree char *own = g_build_filename (vel_paths_get_data (), "models", NULL);

  scan (entries, own, MAX_DEPTH);
  for (; folders && *folders; folders++)
    if (vel_diffusers_is_model (*folders))
      add_model (entries, *folders, NULL, TRUE);
    else
      scan (entries, *folders, MAX_DEPTH);
  g_ptr_array_sort (entries, compare_entries);
  drop_repeated (entries);
  if (vel_diffusers_is_model (vel_paths_get_starter ())) {
    add_model (entries, vel_paths_get_starter (), "starter", TRUE);
    g_ptr_array_insert (entries, 0, g_ptr_array_steal_index (entries, entries->len - 1));
  }
  return entries;
}

static gboolean
paints (const VelCatalogEntry *entry)
{
  return !entry->part || g_str_equal (entry->part, vel_part_kind_get_id (VEL_PART_UNET));
}

GPtrArray *
vel_catalog_list_models (const char *const *folders)
{
  GPtrArray *entries = list_all (folders);

  for (guint i = 0; i < entries->len;)
    if (paints (entries->pdata[i]))
      i++;
    else
      g_ptr_array_remove_index (entries, i);
  return entries;
}

GPtrArray *
vel_catalog_list_parts (const char *const *folders)
{
  GPtrArray *entries = list_all (folders);

  for (guint i = 0; i < entries->len;)
    if (((VelCatalogEntry *) entries->pdata[i])->part)
      i++;
    else
      g_ptr_array_remove_index (entries, i);
  return entries;
}

/* Entries of an exact name, else of one in another case. */
static const VelCatalogEntry *
find_name (GPtrArray *entries, const char *name)
{
  g_autofree char *folded = g_utf8_casefold (name, -1);

  for (guint i = 0; i < entries->len; i++)
    if (g_str_equal (((VelCatalogEntry *) entries->pdata[i])->name, name))
      return entries->pdata[i];
  for (guint i = 0; i < entries->len; i++) {
    g_autofree char *other = g_utf8_casefold (((VelCatalogEntry *) entries->pdata[i])->name, -1);

    if (g_str_equal (other, folded))
      return entries->pdata[i];
  }
  return NULL;
}

const VelCatalogEntry *
vel_catalog_recognise (GPtrArray *entries, const char *name, const char *hash)
{
  const VelCatalogEntry *found = name && *name ? find_name (entries, name) : NULL;

  return found || !hash ? found : vel_catalog_find_hash (entries, hash, FALSE, NULL);
}

static void
say_what_there_is (GPtrArray *entries, const char *name, GError **error)
{
  g_autofree char *shown = g_filename_display_name (name), *models = g_build_filename (vel_paths_get_data (), "models", NULL);
  g_autoptr (GString) names = g_string_new (NULL);

  for (guint i = 0; i < MIN (entries->len, 10); i++)
    /* Translators: between the names of a list */
    g_string_append_printf (names, "%s“%s”", i ? C_ ("list", ", ") : "", ((VelCatalogEntry *) entries->pdata[i])->name);
  if (entries->len > 10)
    /* Translators: after a list of names */
    g_string_append_printf (names, _ (" and %u more"), entries->len - 10);
  if (entries->len > 0)
    /* Translators: the second is a list of names */
    g_set_error (error, VEL_ERROR, VEL_ERROR_REQUEST, _ ("There is no model “%s”; there are %s"), shown, names->str);
  else
    g_set_error (error, VEL_ERROR, VEL_ERROR_REQUEST, _ ("There is no model “%s”, and none at all: put one into “%s”"), shown, models);
}

char *
vel_catalog_resolve (const char *name, const char *const *folders, GError **error)
{
  g_autoptr (GPtrArray) entries = NULL;
  const VelCatalogEntry *found;

  if (!name || !*name)
    name = "starter";
  if (g_str_equal (name, "starter") && vel_diffusers_is_model (vel_paths_get_starter ()))
    return g_strdup (vel_paths_get_starter ());
  if ((strchr (name, '/') || ending_of (name, NULL)) && g_file_test (name, G_FILE_TEST_EXISTS))
    return g_canonicalize_filename (name, NULL);
  entries = vel_catalog_list_models (folders);
  found = find_name (entries, name);
  if (!found && ending_of (name, NULL)) { /* recipes name files without their folders */
    g_autofree char *stem = vel_catalog_name_of (name);

    found = find_name (entries, stem);
  }
  if (!found)
    found = vel_catalog_find_hash (entries, name, TRUE, NULL);
  if (found)
    return g_strdup (found->path);
  if (vel_diffusers_is_model (name))
    return g_canonicalize_filename (name, NULL);
  say_what_there_is (entries, name, error);
  return NULL;
}

/* Parts of the kind before models, which have one too. Returns: (transfer full); NULL with error */
static char *
resolve_part (GPtrArray *entries, VelPartKind kind, const char *name, GError **error)
{
  static const char *const sentences[VEL_N_PARTS] = { N_ ("There is no UNet “%s”: name its file, or put it into “%s”"),
                                                      N_ ("There is no text encoder “%s”: name its file, or put it into “%s”"),
                                                      N_ ("There is no VAE “%s”: name its file, or put it into “%s”") };
  g_autofree char *stem = vel_catalog_name_of (name), *shown = g_filename_display_name (name);
  g_autofree char *models = g_build_filename (vel_paths_get_data (), "models", NULL);
  g_autoptr (GPtrArray) own = g_ptr_array_new (), whole = g_ptr_array_new ();
  const VelCatalogEntry *found;

  for (guint i = 0; i < entries->len; i++) {
    const VelCatalogEntry *entry = entries->pdata[i];

    if (!entry->part || g_str_equal (entry->part, vel_part_kind_get_id (kind)))
      g_ptr_array_add (entry->part ? own : whole, (gpointer) entry);
  }
  found = find_name (own, stem);
  if (!found)
    found = find_name (whole, stem);
  if (!found)
    found = vel_catalog_find_hash (own, name, TRUE, NULL);
  if (found)
    return g_strdup (found->path);
  g_set_error (error, VEL_ERROR, VEL_ERROR_REQUEST, _ (sentences[kind]), shown, models);
  return NULL;
}

char *
vel_catalog_resolve_parts (VelPartKind kind, const char *names, const char *const *folders, GError **error)
{
  g_auto (GStrv) lines = g_strsplit (names, "\n", -1);
  g_autoptr (GPtrArray) entries = NULL;

  for (guint i = 0; lines[i]; i++) {
    char *path = NULL;

    if (g_file_test (lines[i], G_FILE_TEST_EXISTS))
      path = g_canonicalize_filename (lines[i], NULL);
    else {
      if (!entries)
        entries = list_all (folders);
      path = resolve_part (entries, kind, lines[i], error);
    }
    if (!path)
      return NULL;
    g_free (lines[i]);
    lines[i] = path;
  }
  return g_strjoinv ("\n", lines);
}

char *
vel_catalog_dup_title (const char *name)
{
  g_autofree char *path = *name ? vel_catalog_resolve (name, NULL, NULL) : NULL;
  g_autofree char *stem = path ? vel_catalog_name_of (path) : NULL, *hash = path ? vel_catalog_hash (path, NULL, NULL) : NULL;

  return path ? g_strdup_printf (hash ? "%s [%s]" : "%s", stem, hash) : NULL;
}
