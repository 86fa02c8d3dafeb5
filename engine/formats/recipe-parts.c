/* Parts of models in settings.  SPDX-License-Identifier: Apache-2.0 */
#include "config.h"

#include "engine/formats/recipe-parts.h"

#include "engine/catalog.h"
#include "engine/formats/shown.h"

#include <glib/gi18n-lib.h>
#include <string.h>

#define MODULE "Module "

static const char *const options[VEL_N_PARTS] = { "unet", "text_encoder", "vae" };

gboolean
vel_recipe_is_part_key (const char *key)
{
  return g_str_equal (key, "VAE") || g_str_equal (key, "UNet") ||
         (g_str_has_prefix (key, MODULE) && g_ascii_isdigit (key[strlen (MODULE)]));
}

/* A VAE that means the model's own. */
static gboolean
is_none (const char *name)
{
  return g_ascii_strcasecmp (name, "None") == 0 || g_ascii_strcasecmp (name, "Automatic") == 0 ||
         g_ascii_strcasecmp (name, "Built in") == 0;
}

/* kinds: one bit each. (nullable) borrowed */
static const VelCatalogEntry *
find (GPtrArray *parts, const char *name, guint kinds)
{
  g_autofree char *stem = vel_catalog_name_of (name), *folded = g_utf8_casefold (stem, -1);

  for (guint i = 0; i < parts->len; i++) {
    const VelCatalogEntry *entry = parts->pdata[i];
    g_autofree char *other = g_utf8_casefold (entry->name, -1);

    for (VelPartKind kind = 0; kind < VEL_N_PARTS; kind++)
      if ((kinds & 1u << kind) && g_strcmp0 (entry->part, vel_part_kind_get_id (kind)) == 0 && g_str_equal (other, folded))
        return entry;
  }
  return NULL;
}

/* Sets the option of the entry's kind; of text encoders one more. */
static void
take (VelValues *request, const VelCatalogEntry *entry)
{
  for (VelPartKind kind = 0; kind < VEL_N_PARTS; kind++)
    if (g_str_equal (entry->part, vel_part_kind_get_id (kind))) {
      const char *before = kind == VEL_PART_TEXT_ENCODER ? vel_values_get (request, options[kind]) : "";
      g_autofree char *all = *before ? g_strconcat (before, "\n", entry->path, NULL) : g_strdup (entry->path);

      vel_values_set (request, options[kind], all, NULL);
    }
}

static void
tell_missing (const char *key, const char *name, GPtrArray *problems)
{
  g_autofree char *shown = vel_shown (name);

  g_ptr_array_add (problems,
                   g_strdup_printf (g_str_equal (key, "VAE") ? _ ("The picture was made with the VAE “%s”; choose its file to use it too")
                                    : g_str_equal (key, "UNet")
                                        ? _ ("The picture was made with the UNet “%s”; choose its file to use it too")
                                        : _ ("The picture was made with “%s”, a text encoder or a VAE; choose its file to use it too"),
                                    shown));
}

void
vel_recipe_apply_parts (const VelRecipeFields *fields, VelValues *request, GPtrArray *parts, GPtrArray *problems)
{
  for (guint i = 0; fields->keys[i]; i++) {
    const char *key = fields->keys[i], *name = fields->values[i];
    guint kinds = g_str_equal (key, "VAE")    ? 1u << VEL_PART_VAE
                  : g_str_equal (key, "UNet") ? 1u << VEL_PART_UNET
                                              : 1u << VEL_PART_VAE | 1u << VEL_PART_TEXT_ENCODER;
    const VelCatalogEntry *entry;

    if (!vel_recipe_is_part_key (key) || is_none (name))
      continue;
    entry = parts ? find (parts, name, kinds) : NULL;
    if (entry)
      take (request, entry);
    else
      tell_missing (key, name, problems);
  }
}

void
vel_recipe_choose_parts (VelValues *request, GPtrArray *parts, GPtrArray *problems)
{
  static const char *const sentences[VEL_N_PARTS] = { N_ ("There is no UNet named “%s”"), N_ ("There is no text encoder named “%s”"),
                                                      N_ ("There is no VAE named “%s”") };

  for (VelPartKind kind = 0; kind < VEL_N_PARTS; kind++) {
    g_auto (GStrv) names = g_strsplit (vel_values_get (request, options[kind]), "\n", -1);
    g_autofree char *all = NULL;

    for (guint i = 0; names[i]; i++) {
      const VelCatalogEntry *entry = find (parts, names[i], 1u << kind);
      g_autofree char *shown = vel_shown (names[i]);

      if (entry) {
        g_free (names[i]);
        names[i] = g_strdup (entry->path);
      } else if (!g_file_test (names[i], G_FILE_TEST_EXISTS))
        g_ptr_array_add (problems, g_strdup_printf (_ (sentences[kind]), shown));
    }
    all = g_strjoinv ("\n", names);
    vel_values_set (request, options[kind], all, NULL);
  }
}
