/* A model's architecture, sizes and metadata.
 * SPDX-License-Identifier: Apache-2.0 */
#include "app/inspect.h"

#include <string.h>

#include "engine/catalog.h"
#include "engine/control/controlnet.h"
#include "engine/formats/weights.h"
#include "engine/lora/lora.h"
#include "engine/models/family.h"
#include "engine/models/upscaler.h"
#include "engine/pipeline/presets.h"

static const struct {
  const char *name, *prefix;
} parts[] = {
  { "unet", "model.diffusion_model." },
  { "vae", "first_stage_model." },
  { "text", "cond_stage_model." },
  { "text", "conditioner." },
};

static const char *
part_of (const char *name)
{
  for (guint i = 0; i < G_N_ELEMENTS (parts); i++)
    if (g_str_has_prefix (name, parts[i].prefix))
      return parts[i].name;
  return "other";
}

static gint64
count_elements (const VelTensorEntry *entry)
{
  gint64 count = 1;

  for (guint i = 0; i < entry->n_axes; i++)
    count *= entry->axes[i];
  return count;
}

static void
add (json_t *object, const char *key, gint64 count)
{
  json_object_set_new (object, key, json_integer (json_integer_value (json_object_get (object, key)) + count));
}

/* Parameters by part of the network and by stored type. */
static void
count_parameters (json_t *found, VelWeights *weights)
{
  const char *const *names = vel_weights_get_names (weights);
  json_t *by_part = json_object (), *by_type = json_object ();
  const char *type, *main_type = NULL;
  json_t *count;
  gint64 most = -1;
  guint n = 0, n_scaled = 0;

  for (; names[n]; n++) {
    const VelTensorEntry *entry = vel_weights_find (weights, names[n]);

    add (by_part, part_of (names[n]), count_elements (entry));
    add (by_type, entry->dtype, count_elements (entry));
    n_scaled += entry->scale != 0;
  }
  json_object_foreach (by_type, type, count) {
    if (json_integer_value (count) > most) {
      most = json_integer_value (count);
      main_type = type;
    }
  }
  json_object_set_new (found, "tensors", json_integer (n));
  json_object_set_new (found, "bytes", json_integer (vel_weights_get_stored_bytes (weights)));
  json_object_set_new (found, "dtype", main_type ? json_string (main_type) : json_null ());
  json_object_set_new (found, "scaled_tensors", n_scaled ? json_integer (n_scaled) : json_null ());
  json_object_set_new (found, "parameters_by_dtype", by_type);
  json_object_set_new (found, "parameters", by_part);
}

/* Changes of weights, if it is such a file: what of a model it changes. */
static gboolean
describe_lora (json_t *found, const char *path, GError **error)
{
  g_autoptr (VelLora) lora = NULL;
  g_autofree char *kind = NULL;
  gint64 counts[VEL_LORA_ANY + 1] = { 0 };
  json_t *unknown = json_array ();

  if (!(lora = vel_lora_open (path, NULL, error)))
    return FALSE;
  kind = vel_lora_describe (lora);
  for (guint i = 0; i < lora->layers->len; i++)
    counts[((const VelLoraLayer *) lora->layers->pdata[i])->network]++;
  for (guint i = 0; lora->unknown[i]; i++)
    json_array_append_new (unknown, json_string (lora->unknown[i]));
  json_object_set_new (found, "lora", json_pack ("{s:s,s:i,s:I,s:I,s:I,s:I,s:o}", "kind", kind, "layers", (int) lora->layers->len, "unet",
                                                 counts[VEL_LORA_UNET], "text_1", counts[VEL_LORA_TEXT_1], "text_2", counts[VEL_LORA_TEXT_2],
                                                 "other", counts[VEL_LORA_ANY], "unknown", unknown));
  return TRUE;
}

/* A ControlNet: what it fits. */
static gboolean
describe_control (json_t *found, const char *path, GError **error)
{
  g_autoptr (VelWeights) weights = vel_weights_open_control (path, NULL, error);

  if (!weights)
    return FALSE;
  json_object_set_new (found, "controlnet",
                       json_pack ("{s:s?,s:I,s:b}", "family", vel_controlnet_guess_family (weights), "context_dim",
                                  (json_int_t) vel_unet_find_context_dim (weights, vel_component_get_prefix (VEL_COMPONENT_CONTROL)), "difference",
                                  vel_weights_is_difference (weights)));
  return TRUE;
}

/* A network that enlarges pictures, if it is one. */
static gboolean
describe_upscaler (json_t *found, VelWeights *weights, GError **error)
{
  g_autoptr (GError) problem = NULL;
  VelUpscalerFacts is;

  if (vel_upscaler_look (weights, &is, &problem))
    json_object_set_new (found, "upscaler", json_pack ("{s:s,s:i,s:i,s:I}", "kind", is.kind, "scale", (int) is.scale, "blocks", (int) is.blocks,
                                                       "features", (json_int_t) is.features));
  if (!problem)
    return TRUE;
  g_propagate_error (error, g_steal_pointer (&problem));
  return FALSE;
}

/* Which parts of a model it holds; of text encoders alone which families have such. */
static void
describe_parts (json_t *found, VelWeights *weights)
{
  json_t *found_parts = json_array (), *widths = json_array (), *fits = json_array ();
  const char *other = vel_weights_get_other (weights);

  for (VelPartKind kind = 0; kind < VEL_N_PARTS; kind++)
    if (vel_weights_has_part (weights, kind))
      json_array_append_new (found_parts, json_string (vel_part_kind_get_id (kind)));
  if (json_array_size (found_parts) == 0 && other)
    json_array_append_new (found_parts, json_string (other));
  for (VelComponent c = VEL_COMPONENT_TEXT_ENCODER; c <= VEL_COMPONENT_TEXT_ENCODER_2; c++) {
    gint64 width = vel_weights_get_text_width (weights, c);

    if (width == 0)
      continue;
    json_array_append_new (widths, json_integer (width));
    for (const VelFamily *const *family = vel_family_get_all (); *family && !vel_weights_has_part (weights, VEL_PART_UNET); family++)
      for (const VelTextUse *text = (*family)->text; text->prefix; text++)
        if (text->width == width)
          json_array_append_new (fits, json_string ((*family)->id));
  }
  json_object_set_new (found, "parts", found_parts);
  json_object_set_new (found, "text_encoder_widths", widths);
  json_object_set_new (found, "fits", fits);
}

/* Of a UNet alone what its shapes say; what keeps a model from painting is a sentence in "problem". */
static gboolean
describe_architecture (json_t *found, VelWeights *weights, GError **error)
{
  g_autoptr (GError) problem = NULL;
  VelArchitecture is;

  describe_parts (found, weights);
  if (!vel_family_match (weights)) {
    json_object_set_new (found, "family", json_null ());
    if (vel_lora_is_one (vel_weights_get_names (weights)))
      return describe_lora (found, vel_weights_get_path (weights), error);
    if (g_strcmp0 (vel_weights_get_other (weights), "controlnet") == 0)
      return describe_control (found, vel_weights_get_path (weights), error);
    return describe_upscaler (found, weights, error);
  }
  if (!vel_architecture_read (&is, weights, NULL, &problem))
    json_object_set_new (found, "problem", json_string (problem->message));
  json_object_set_new (found, "family", json_string (is.family->id));
  json_object_set_new (found, "family_label", json_string (is.family->label));
  json_object_set_new (found, "prediction", json_string (vel_prediction_to_string (is.prediction)));
  json_object_set_new (found, "prediction_source", json_string (is.prediction_source));
  json_object_set_new (found, "told_guidance", json_boolean (is.told_guidance));
  json_object_set_new (found, "zero_terminal_snr", json_boolean (is.zero_terminal_snr));
  json_object_set_new (found, "in_channels", json_integer (is.in_channels));
  json_object_set_new (found, "out_channels", json_integer (is.out_channels));
  json_object_set_new (found, "model_channels", json_integer (is.model_channels));
  json_object_set_new (found, "levels", json_integer (is.n_levels));
  json_object_set_new (found, "context_dim", json_integer (is.context_dim));
  json_object_set_new (found, "text_width", json_integer (is.text_width));
  json_object_set_new (found, "text_layers", json_integer (is.text_layers));
  json_object_set_new (found, "vae_channels", json_integer (is.vae_channels));
  return TRUE;
}

static json_t *
describe_metadata (VelWeights *weights)
{
  GHashTable *all = vel_weights_get_all_metadata (weights);
  g_autoptr (GList) keys = g_list_sort (g_hash_table_get_keys (all), (GCompareFunc) strcmp);
  json_t *metadata = json_object ();

  for (GList *key = keys; key; key = key->next)
    json_object_set_new (metadata, key->data, json_string (g_hash_table_lookup (all, key->data)));
  return metadata;
}

/* By the file's name, else by the title its maker wrote into it. */
static void
suggest_preset (json_t *found, const char *path, VelWeights *weights)
{
  g_autofree char *name = g_path_get_basename (path);
  const VelPreset *preset = vel_preset_guess (name);

  if (!preset)
    preset = vel_preset_guess (g_hash_table_lookup (vel_weights_get_all_metadata (weights), "modelspec.title"));
  if (preset)
    json_object_set_new (found, "preset", json_string (preset->id));
}

/* A LoRA's is what A1111 calls it by, which its trainer may have written into it. */
static gboolean
describe_hashes (json_t *found, const char *path, GError **error)
{
  static const struct {
    VelHashKind kind;
    const char *key;
  } hashes[] = { { VEL_HASH_AUTOV1, "hash_autov1" }, { VEL_HASH_AUTOV2, "hash_autov2" }, { VEL_HASH_AUTOV3, "hash_autov3" },
                 { VEL_HASH_LORA, "hash_lora" } };
  const char *whole, *data;

  for (gsize i = 0; i < G_N_ELEMENTS (hashes); i++) {
    g_autoptr (GError) problem = NULL;
    g_autofree char *hash = vel_catalog_hash_kind (hashes[i].kind, path, NULL, &problem);

    if (problem) {
      g_propagate_error (error, g_steal_pointer (&problem));
      return FALSE;
    }
    if (hashes[i].kind != VEL_HASH_LORA || g_strcmp0 (hash, json_string_value (json_object_get (found, "hash_autov3"))) != 0)
      json_object_set_new (found, hashes[i].key, hash ? json_string (hash) : json_null ());
  }
  whole = json_string_value (json_object_get (found, "hash_autov2"));
  data = json_string_value (json_object_get (found, "hash_autov3"));
  if (whole && data && g_str_has_prefix (data, whole)) /* no header to leave out: programs know it by its whole alone */
    json_object_set_new (found, "hash_autov3", json_null ());
  return TRUE;
}

json_t *
vel_inspect_model (const char *path, GError **error)
{
  g_autoptr (VelWeights) weights = vel_weights_open (path, NULL, error);
  g_autofree char *shown = g_filename_display_name (path);
  json_t *found;

  if (!weights)
    return NULL;
  found = json_pack ("{s:s,s:s}", "file", shown, "container", vel_weights_get_container (weights));
  if (!describe_architecture (found, weights, error)) {
    json_decref (found);
    return NULL;
  }
  suggest_preset (found, path, weights);
  count_parameters (found, weights);
  if (!describe_hashes (found, path, error)) {
    json_decref (found);
    return NULL;
  }
  json_object_set_new (found, "metadata", describe_metadata (weights));
  return found;
}
