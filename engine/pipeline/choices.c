/* Choices in prompts.  SPDX-License-Identifier: Apache-2.0 */
#include "config.h"

#include "engine/pipeline/choices.h"

#include <glib/gi18n-lib.h>
#include <inttypes.h>

#include "engine/paths.h"
#include "engine/sampling/rules.h"
#include "engine/text/wildcards.h"

static const char *const prompts[] = { "prompt", "negative", "hires_prompt", "hires_negative" };

static gboolean
has_choices (VelValues *request)
{
  for (gsize i = 0; i < G_N_ELEMENTS (prompts); i++)
    if (vel_wildcards_are_in (vel_values_get (request, prompts[i])))
      return TRUE;
  return FALSE;
}

/* Returns: (transfer full) the request with its choices made by a seed; NULL with an error */
static VelValues *
choose (VelValues *request, guint64 seed, GPtrArray *missing, GError **error)
{
  g_autofree char *folder = g_build_filename (vel_paths_get_data (), "wildcards", NULL), *text = g_strdup_printf ("%" PRIu64, seed);
  g_autoptr (VelValues) chosen = vel_values_dup (request);

  for (gsize i = 0; i < G_N_ELEMENTS (prompts); i++) {
    g_autofree char *prompt = vel_wildcards_resolve (vel_values_get (request, prompts[i]), folder, seed, missing, error);

    if (!prompt || !vel_values_set (chosen, prompts[i], prompt, error))
      return NULL;
  }
  if (!vel_values_set (chosen, "seed", text, error))
    return NULL;
  return g_steal_pointer (&chosen);
}

static gboolean
are_alike (const GPtrArray *requests)
{
  for (guint k = 1; k < requests->len; k++)
    for (gsize i = 0; i < G_N_ELEMENTS (prompts); i++)
      if (!g_str_equal (vel_values_get (requests->pdata[0], prompts[i]), vel_values_get (requests->pdata[k], prompts[i])))
        return FALSE;
  return TRUE;
}

static void
note_missing (const GPtrArray *missing, GPtrArray *notes)
{
  for (guint i = 0; i < missing->len; i++) {
    const char *name = missing->pdata[i];

    g_ptr_array_add (notes, g_strdup_printf (_ ("There is no file “%s.txt” in the data folder's “wildcards”: “__%s__” was painted as it stands"),
                                             name, name));
  }
}

GPtrArray *
vel_choices_make (VelValues *request, GPtrArray *notes, GError **error)
{
  g_autoptr (GPtrArray) requests = g_ptr_array_new_with_free_func (g_object_unref), missing = g_ptr_array_new_with_free_func (g_free);
  gboolean shared = vel_values_get_real (request, "variation_strength") > 0 || vel_rules_find (vel_values_get (request, "render_as"))->together;
  guint64 seed = vel_values_is_set (request, "seed") ? vel_values_get_seed (request, "seed") : g_random_int ();
  guint batch = (guint) vel_values_get_int (request, "batch");

  if (!has_choices (request)) {
    g_ptr_array_add (requests, g_object_ref (request));
    return g_steal_pointer (&requests);
  }
  for (guint i = 0; i < (shared ? 1 : batch); i++) {
    VelValues *chosen = choose (request, seed + i, missing, error);

    if (!chosen)
      return NULL;
    g_ptr_array_add (requests, chosen);
  }
  note_missing (missing, notes);
  if (are_alike (requests))
    g_ptr_array_set_size (requests, 1);
  else
    for (guint i = 0; i < batch; i++)
      vel_values_set_int (requests->pdata[i], "batch", 1);
  return g_steal_pointer (&requests);
}
