/* velatura list: what there is to choose from.
 * SPDX-License-Identifier: Apache-2.0 */
#include "config.h"

#include <gio/gio.h>
#include <glib/gi18n.h>
#include <jansson.h>
#include <stdio.h>

#include "app/flags.h"
#include "engine/catalog.h"
#include "engine/collection.h"
#include "engine/lora/files.h"
#include "engine/pipeline/control-nets.h"
#include "engine/models/upscaler.h"
#include "engine/paths.h"
#include "engine/pipeline/presets.h"
#include "engine/registry.h"
#include "engine/tensor/device.h"
#include "engine/text/embedding-files.h"
#include "engine/upscalers.h"

static const VelParam own_table[] = {
  { "json", N_ ("JSON"), "", N_ ("One JSON object per line."), VEL_PARAM_BOOL, .standard = "false" },
  { NULL },
};

static const VelUsage usage = {
  "list", "models|parts|loras|controlnets|upscalers|embeddings|presets|samplers|schedules|preprocessors|devices [--json]",
  N_ ("Lists what there is to choose from; the first word of a line is what options take.")
};

/* row: (transfer full), its first members are columns for people */
static void
print_row (json_t *row, gboolean as_json, const char *id, const char *label)
{
  if (as_json) {
    json_dumpf (row, stdout, JSON_COMPACT);
    printf ("\n");
  } else
    printf ("%-20s %s\n", id, label);
  json_decref (row);
}

static VelExit
list_registered (VelRegistryKind kind, gboolean as_json)
{
  g_autofree const char **ids = vel_registry_list (kind);
  const char *const *problems = vel_registry_get_problems ();

  for (guint i = 0; ids[i]; i++) {
    const char *label = vel_registry_get_label (kind, ids[i]);

    print_row (json_pack ("{s:s,s:s}", "id", ids[i], "label", label), as_json, ids[i], label);
  }
  for (guint i = 0; problems[i]; i++)
    fprintf (stderr, "velatura: %s\n", problems[i]);
  return VEL_EXIT_DONE;
}

/* With what each sets, as options are given. */
static VelExit
list_presets (gboolean as_json)
{
  for (const VelPreset *preset = vel_preset_get_table (); preset->id; preset++) {
    g_autoptr (GString) text = g_string_new (NULL);
    json_t *values = json_object ();

    g_string_printf (text, "%s:", gettext (preset->label));
    for (const VelPresetValue *value = preset->values; value->name; value++) {
      g_string_append_printf (text, " --%s %s", value->name, value->value);
      json_object_set_new (values, value->name, json_string (value->value));
    }
    print_row (json_pack ("{s:s,s:s,s:s,s:o}", "id", preset->id, "label", gettext (preset->label), "help", gettext (preset->help), "values",
                          values),
               as_json, preset->id, text->str);
  }
  return VEL_EXIT_DONE;
}

/* Of whole models and UNets, or of parts: UNets, text encoders, VAEs. Takes entries. */
static VelExit
list_entries (GPtrArray *entries, gboolean as_json)
{
  for (guint i = 0; i < entries->len; i++) {
    const VelCatalogEntry *entry = entries->pdata[i];
    g_autofree char *size = g_format_size (entry->bytes);
    g_autofree char *label = g_strdup_printf ("%-6s %-12s %10s  %s", entry->family ? entry->family : "?", entry->part ? entry->part : "", size,
                                              entry->path);

    print_row (json_pack ("{s:s,s:s?,s:s?,s:I,s:s}", "name", entry->name, "family", entry->family, "part", entry->part, "bytes",
                          (json_int_t) entry->bytes, "path", entry->path),
               as_json, entry->name, label);
  }
  g_ptr_array_unref (entries);
  return VEL_EXIT_DONE;
}

/* Those of the data folder, which prompts and --lora ask for by their names. */
static VelExit
list_loras (gboolean as_json)
{
  g_autoptr (GPtrArray) paths = vel_loras_list ();

  for (guint i = 0; i < paths->len; i++) {
    g_autoptr (GError) error = NULL;
    g_autoptr (VelLora) lora = vel_lora_open (paths->pdata[i], NULL, &error);
    g_autofree char *kind = NULL, *label = NULL;

    if (!lora) {
      fprintf (stderr, "velatura: %s\n", error->message);
      continue;
    }
    kind = vel_lora_describe (lora);
    label = g_strdup_printf ("%s, %u layers  %s", kind, lora->layers->len, lora->path);
    print_row (json_pack ("{s:s,s:s,s:i,s:s}", "name", lora->name, "kind", kind, "layers", (int) lora->layers->len, "path", lora->path), as_json,
               lora->name, label);
  }
  return VEL_EXIT_DONE;
}

/* Those of the data folder, which --control asks for by their names. */
static VelExit
list_controlnets (gboolean as_json)
{
  g_autoptr (GPtrArray) paths = vel_control_nets_list ();

  for (guint i = 0; i < paths->len; i++) {
    g_autoptr (GError) error = NULL;
    g_autoptr (VelWeights) weights = vel_weights_open_control (paths->pdata[i], NULL, &error);
    g_autofree char *name = NULL, *label = NULL;
    const char *family;

    if (!weights) {
      fprintf (stderr, "velatura: %s\n", error->message);
      continue;
    }
    name = vel_collection_dup_stem (paths->pdata[i]);
    family = vel_controlnet_guess_family (weights);
    label = g_strdup_printf ("%-6s %s", family ? family : "?", (const char *) paths->pdata[i]);
    print_row (json_pack ("{s:s,s:s?,s:b,s:s}", "name", name, "family", family, "difference", vel_weights_is_difference (weights), "path",
                          paths->pdata[i]),
               as_json, name, label);
  }
  return VEL_EXIT_DONE;
}

/* Those of the data folder, which prompts ask for by their names. */
static VelExit
list_embeddings (gboolean as_json)
{
  g_autofree char *folder = g_build_filename (vel_paths_get_data (), "embeddings", NULL);
  g_autoptr (GPtrArray) paths = vel_embeddings_list (folder);

  for (guint i = 0; i < paths->len; i++) {
    const char *path = paths->pdata[i];
    g_autofree char *name = vel_embeddings_name_of (path), *label = NULL;
    g_autoptr (GError) error = NULL;
    VelEmbeddingFacts facts;

    if (!vel_embedding_look (path, &facts, NULL, &error)) {
      fprintf (stderr, "velatura: %s\n", error->message);
      continue;
    }
    label = g_strdup_printf ("%-18s %3d  %s", facts.family ? facts.family : "?", (int) facts.count, path);
    print_row (json_pack ("{s:s,s:s?,s:I,s:I,s:s}", "name", name, "family", facts.family, "vectors", (json_int_t) facts.count, "width",
                          (json_int_t) facts.width, "path", path),
               as_json, name, label);
  }
  return VEL_EXIT_DONE;
}

static void
print_upscaler (const char *path, gboolean as_json)
{
  g_autofree char *name = vel_upscalers_name_of (path), *label = NULL;
  g_autoptr (GError) error = NULL;
  g_autoptr (VelWeights) weights = vel_weights_open (path, NULL, &error);
  VelUpscalerFacts facts = { .kind = NULL };

  if (!weights || !vel_upscaler_look (weights, &facts, &error)) {
    if (error)
      fprintf (stderr, "velatura: %s\n", error->message);
    return; /* files of other networks may lie there too */
  }
  label = g_strdup_printf ("%-8s %ux  %s", facts.kind, facts.scale, path);
  print_row (json_pack ("{s:s,s:s,s:i,s:s}", "id", name, "kind", facts.kind, "scale", (int) facts.scale, "path", path), as_json, name, label);
}

/* The program's own ways, then the files of the data folder. */
static VelExit
list_upscalers (gboolean as_json)
{
  g_autoptr (GPtrArray) files = vel_upscalers_list_files ();

  for (const VelUpscalerWay *way = vel_upscalers_get_ways (); way->word; way++)
    print_row (json_pack ("{s:s,s:s}", "id", way->word, "label", way->label), as_json, way->word, way->label);
  for (guint i = 0; i < files->len; i++)
    print_upscaler (files->pdata[i], as_json);
  return VEL_EXIT_DONE;
}

/* What `auto` takes is marked; without a card one line says why. */
static void
list_cards (gboolean as_json)
{
  g_autofree char *why = NULL;
  g_autoptr (GArray) cards = vel_device_list_cards (&why);
  gboolean taken = FALSE;

  for (guint i = 0; i < cards->len; i++) {
    const VelDeviceInfo *card = &g_array_index (cards, VelDeviceInfo, i);
    gboolean used = !*card->usable && !taken;
    g_autofree char *id = g_strdup_printf ("cuda:%u", i), *size = g_format_size (card->memory), *left = g_format_size (card->free_memory);
    g_autofree char *label
      = *card->usable
          ? g_strdup_printf ("%s, %s: %s", card->name, size, card->usable)
          /* Translators: a card's name, its memory, how much of it is free, its compute capability (two numbers), the driver, a mark */
          : g_strdup_printf (_ ("%s, %s, %s free, compute capability %u.%u, driver %s%s"), card->name, size, left, card->capability / 10,
                             card->capability % 10, card->driver, used ? _ (" — used") : "");

    taken |= used;
    print_row (json_pack ("{s:s,s:s,s:I,s:I,s:i,s:s,s:s,s:b}", "id", id, "label", card->name, "memory", (json_int_t) card->memory,
                          "free_memory", (json_int_t) card->free_memory, "capability", (int) card->capability, "driver", card->driver,
                          "problem", card->usable, "used", used),
               as_json, id, label);
  }
  if (why && !as_json)
    fprintf (stderr, "velatura: %s\n", why);
}

static VelExit
list_devices (gboolean as_json)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (VelDevice) cpu = vel_device_new_cpu (0, 0, &error);

  if (!cpu)
    return vel_verb_fail (error);
  print_row (json_pack ("{s:s,s:s}", "id", cpu->name, "label", vel_device_describe (cpu)), as_json, cpu->name, vel_device_describe (cpu));
  list_cards (as_json);
  return VEL_EXIT_DONE;
}

static VelExit
run (int argc, char **argv)
{
  g_autoptr (VelValues) own = vel_values_new (own_table);
  g_autoptr (VelFlags) flags = vel_flags_new (&usage, own, NULL);
  int status = vel_flags_read (flags, argc, argv);
  gboolean as_json = vel_values_get_bool (own, "json");
  VelRegistryKind kind;
  const char *what;

  if (status >= 0)
    return status;
  if (flags->words->len != 1)
    return vel_verb_misused (_ ("list needs to know what: models, parts, loras, controlnets, upscalers, embeddings, presets, samplers, schedules, preprocessors or devices"));
  what = flags->words->pdata[0];
  if (g_str_equal (what, "models"))
    return list_entries (vel_catalog_list_models (NULL), as_json);
  if (g_str_equal (what, "parts"))
    return list_entries (vel_catalog_list_parts (NULL), as_json);
  if (g_str_equal (what, "upscalers"))
    return list_upscalers (as_json);
  if (g_str_equal (what, "loras"))
    return list_loras (as_json);
  if (g_str_equal (what, "controlnets"))
    return list_controlnets (as_json);
  if (g_str_equal (what, "embeddings"))
    return list_embeddings (as_json);
  if (g_str_equal (what, "presets"))
    return list_presets (as_json);
  if (g_str_equal (what, "devices"))
    return list_devices (as_json);
  if (vel_registry_kind_from_string (what, &kind))
    return list_registered (kind, as_json);
  return vel_verb_misused (_ ("“%s” can not be listed: there are models, parts, loras, controlnets, upscalers, embeddings, presets, samplers, schedules, preprocessors and devices"), what);
}

const VelVerb vel_verb_list = { "list", N_ ("lists models, parts, loras, controlnets, upscalers, embeddings, presets, samplers, schedules, preprocessors or devices"), run };
