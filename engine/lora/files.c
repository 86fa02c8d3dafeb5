/* Which LoRAs are on disk.  SPDX-License-Identifier: Apache-2.0 */
#include "config.h"

#include "engine/lora/files.h"

#include <glib/gi18n-lib.h>
#include <math.h>
#include <string.h>

#include "engine/catalog.h"
#include "engine/collection.h"
#include "engine/text/prompt-tags.h"

GPtrArray *
vel_loras_list (void)
{
  return vel_collection_list ("loras", FALSE);
}

static gboolean
is_called (const char *path, const char *name)
{
  g_autoptr (VelTensorFile) file = vel_tensor_file_open (path, NULL, NULL);

  return file && g_strcmp0 (vel_tensor_file_get_metadata (file, "ss_output_name"), name) == 0;
}

char *
vel_loras_find (const char *name, GError **error)
{
  g_autoptr (GPtrArray) all = NULL;
  g_autofree char *folder = NULL, *shown = NULL;
  const char *found;

  if (g_file_test (name, G_FILE_TEST_IS_REGULAR))
    return g_canonicalize_filename (name, NULL);
  all = vel_loras_list ();
  found = vel_collection_find (all, name);
  if (found)
    return g_strdup (found);
  for (guint i = 0; i < all->len && !strchr (name, '/'); i++)
    if (is_called (all->pdata[i], name))
      return g_strdup (all->pdata[i]);
  folder = vel_collection_get_folder ("loras");
  shown = g_filename_display_name (folder);
  g_set_error (
      error, VEL_ERROR, VEL_ERROR_REQUEST,
      _ ("There is no LoRA “%.200s”: neither a file of that path nor one of that name in “%s”; `velatura list loras` shows what there is"),
      name, shown);
  return NULL;
}

/* Takes ":NUMBER" off the end. */
static gboolean
take_number (char *text, double *number)
{
  char *colon = strrchr (text, ':'), *end;

  if (!colon || colon == text || !colon[1] || strpbrk (colon + 1, "xXnN"))
    return FALSE;
  *number = g_ascii_strtod (colon + 1, &end);
  if (*end || !isfinite (*number))
    return FALSE;
  *colon = '\0';
  return TRUE;
}

VelLoraWish *
vel_loras_parse (const char *text, GError **error)
{
  g_autofree char *name = g_strdup (text), *path = NULL;
  double last = 1, first = 1;
  VelLoraWish *wish;

  if (!g_file_test (name, G_FILE_TEST_IS_REGULAR) && take_number (name, &last) && !take_number (name, &first))
    first = last;
  path = vel_loras_find (name, error);
  if (!path)
    return NULL;
  wish = g_new (VelLoraWish, 1);
  *wish = (VelLoraWish){ g_steal_pointer (&path), .unet = first, .text = last };
  return wish;
}

gboolean
vel_loras_parse_lines (const char *lines, gboolean strict, GPtrArray *wishes, GError **error)
{
  g_auto (GStrv) named = g_strsplit (lines, "\n", -1);

  for (guint i = 0; named[i]; i++) {
    VelLoraWish *wish = *named[i] ? vel_loras_parse (named[i], strict ? error : NULL) : NULL;

    if (wish)
      g_ptr_array_add (wishes, wish);
    else if (*named[i] && strict)
      return FALSE;
  }
  return TRUE;
}

/* Returns: (transfer full) the stem, without what would end it in a list or a tag */
static char *
dup_plain_name (const char *path)
{
  g_autofree char *leaf = vel_collection_dup_stem (path);
  char *name = g_utf8_make_valid (leaf, -1);
  for (char *from = name, *to = name;; from++)
    if (!*from || !strchr (":,<>", *from)) {
      *to++ = *from;
      if (!*from)
        return name;
    }
}

/* What the options ask for. (element-type VelLoraWish) (transfer full) those that are there */
static GPtrArray *
list_options (VelValues *request)
{
  GPtrArray *wishes = g_ptr_array_new_with_free_func (vel_lora_wish_free);

  vel_loras_parse_lines (vel_values_get (request, "lora"), FALSE, wishes, NULL);
  return wishes;
}

static void
append_hash (GString *all, GHashTable *seen, const char *path)
{
  g_autofree char *name = dup_plain_name (path), *hash = NULL;

  if (g_hash_table_contains (seen, name) || !(hash = vel_catalog_hash_kind (VEL_HASH_LORA, path, NULL, NULL)))
    return;
  g_string_append_printf (all, "%s%s: %s", all->len > 0 ? ", " : "", name, hash);
  g_hash_table_add (seen, g_steal_pointer (&name));
}

char *
vel_loras_hash (VelValues *request)
{
  g_autoptr (GPtrArray) options = list_options (request), networks = g_ptr_array_new_with_free_func (vel_prompt_network_free);
  g_autoptr (GHashTable) seen = g_hash_table_new_full (g_str_hash, g_str_equal, g_free, NULL);
  g_autofree char *rest = vel_prompt_take_tags (vel_values_get (request, "prompt"), networks, NULL);
  GString *all = g_string_new (NULL);

  for (guint i = 0; i < options->len; i++)
    append_hash (all, seen, ((VelLoraWish *) options->pdata[i])->path);
  for (guint i = 0; i < networks->len; i++) {
    const VelPromptNetwork *network = networks->pdata[i];
    g_autofree char *path = g_strcmp0 (network->kind, "lora") == 0 ? vel_loras_find (network->name, NULL) : NULL;

    if (path)
      append_hash (all, seen, path);
  }
  return g_string_free (all, all->len == 0);
}

char *
vel_loras_dup_tags (VelValues *request)
{
  g_autoptr (GPtrArray) options = list_options (request);
  GString *tags = g_string_new (NULL);

  for (guint i = 0; i < options->len; i++) {
    const VelLoraWish *wish = options->pdata[i];
    g_autofree char *name = dup_plain_name (wish->path);
    char unet[G_ASCII_DTOSTR_BUF_SIZE], text[G_ASCII_DTOSTR_BUF_SIZE];

    g_ascii_formatd (unet, sizeof unet, "%.6g", wish->unet);
    g_ascii_formatd (text, sizeof text, "%.6g", wish->text);
    if (g_str_equal (unet, text))
      g_string_append_printf (tags, " <lora:%s:%s>", name, unet);
    else
      g_string_append_printf (tags, " <lora:%s:%s:%s>", name, text, unet);
  }
  return g_string_free (tags, tags->len == 0);
}
