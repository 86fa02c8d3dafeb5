/* Layers by all the names that trainers give them.  SPDX-License-Identifier: Apache-2.0
 *
 * kohya-ss/sd-scripts networks/lora.py; huggingface/diffusers loaders/lora_conversion_utils.py; ComfyUI comfy/lora.py; AUTOMATIC1111
 * extensions-builtin/Lora/networks.py. */
#include "engine/lora/names.h"

#include <string.h>

#include "engine/formats/names.h"

struct VelLoraNames {
  GHashTable *targets; /* name to VelLoraTarget */
};

/* The longest that fits is taken. */
static const struct {
  const char *text;
  VelLoraNetwork network;
} prefixes[] = {
  { "lora_unet_", VEL_LORA_UNET },
  { "oft_unet_", VEL_LORA_UNET },
  { "unet_", VEL_LORA_UNET },
  { "diffusion_model_", VEL_LORA_UNET },
  { "model_diffusion_model_", VEL_LORA_UNET },
  { "lora_te_", VEL_LORA_TEXT_1 },
  { "lora_te1_", VEL_LORA_TEXT_1 },
  { "oft_te_", VEL_LORA_TEXT_1 },
  { "oft_te1_", VEL_LORA_TEXT_1 },
  { "te1_", VEL_LORA_TEXT_1 },
  { "text_encoder_", VEL_LORA_TEXT_1 },
  { "text_encoder_1_", VEL_LORA_TEXT_1 },
  { "clip_l_", VEL_LORA_TEXT_1 },
  { "clip_l_transformer_", VEL_LORA_TEXT_1 },
  { "0_transformer_", VEL_LORA_TEXT_1 },
  { "cond_stage_model_transformer_", VEL_LORA_TEXT_1 },
  { "cond_stage_model_model_", VEL_LORA_TEXT_1 },
  { "conditioner_embedders_0_transformer_", VEL_LORA_TEXT_1 },
  { "lora_te2_", VEL_LORA_TEXT_2 },
  { "oft_te2_", VEL_LORA_TEXT_2 },
  { "te2_", VEL_LORA_TEXT_2 },
  { "text_encoder_2_", VEL_LORA_TEXT_2 },
  { "clip_g_", VEL_LORA_TEXT_2 },
  { "clip_g_transformer_", VEL_LORA_TEXT_2 },
  { "1_model_", VEL_LORA_TEXT_2 },
  { "conditioner_embedders_1_model_", VEL_LORA_TEXT_2 },
};

/* What stands before any of these and says nothing. */
static const char *const wrappers[] = { "base_model_model_", "lycoris_", NULL };

static char *
with_underscores (const char *name)
{
  return g_strdelimit (g_strdup (name), ".", '_');
}

/* The layer "to_q" was called "processor.to_q" before diffusers 0.22, and "to_out.0" "processor.to_out" then. */
static char *
without_processor (const char *name)
{
  const char *processor = strstr (name, "_processor_to_"), *rest;

  if (!processor)
    return g_strdup (name);
  rest = processor + strlen ("_processor_");
  return g_strdup_printf ("%.*s_%s%s", (int) (processor - name), name, rest, g_str_equal (rest, "to_out") ? "_0" : "");
}

char *
vel_lora_names_split (const char *name, VelLoraNetwork *network)
{
  g_autofree char *plain = with_underscores (name);
  const char *rest = plain;
  gsize longest = 0;

  for (guint i = 0; wrappers[i]; i++)
    if (g_str_has_prefix (rest, wrappers[i]))
      rest += strlen (wrappers[i]);
  *network = VEL_LORA_ANY;
  for (guint i = 0; i < G_N_ELEMENTS (prefixes); i++)
    if (g_str_has_prefix (rest, prefixes[i].text) && strlen (prefixes[i].text) > longest) {
      longest = strlen (prefixes[i].text);
      *network = prefixes[i].network;
    }
  return without_processor (rest + longest);
}

static VelLoraNames *
names_new (void)
{
  VelLoraNames *self = g_new0 (VelLoraNames, 1);

  self->targets = g_hash_table_new_full (g_str_hash, g_str_equal, g_free, g_free);
  return self;
}

void
vel_lora_names_free (VelLoraNames *self)
{
  if (!self)
    return;
  g_hash_table_unref (self->targets);
  g_free (self);
}

/* name: dots allowed, (transfer full); the first owner of a name keeps it. */
static void
add (VelLoraNames *self, char *name, VelLoraTarget target)
{
  g_autofree char *given = name;
  g_autofree char *plain = with_underscores (given);

  if (!g_hash_table_contains (self->targets, plain))
    g_hash_table_insert (self->targets, g_steal_pointer (&plain), g_memdup2 (&target, sizeof target));
}

/* Whole rows of a weight, with the bias of the same layer. Returns: FALSE for what is no weight */
static gboolean
whole (VelSlots *slots, const VelSlotPart *part, VelLoraTarget *target, char **layer)
{
  g_autofree char *bias = NULL;

  if (!g_str_has_suffix (part->name, ".weight"))
    return FALSE;
  *layer = g_strndup (part->name, strlen (part->name) - strlen (".weight"));
  bias = g_strconcat (*layer, ".bias", NULL);
  *target = (VelLoraTarget){ part, vel_slots_find (slots, bias), 0, part->rows };
  return TRUE;
}

VelLoraNames *
vel_lora_names_new_unet (VelSlots *slots)
{
  VelLoraNames *self = names_new ();
  const char *prefix = vel_component_get_prefix (VEL_COMPONENT_UNET);
  g_autoptr (GPtrArray) all = g_ptr_array_new ();
  g_autoptr (VelNames) names = NULL;

  for (guint i = 0; i < vel_slots_get_n_parts (slots); i++)
    g_ptr_array_add (all, (gpointer) vel_slots_get_part (slots, i)->name);
  g_ptr_array_add (all, NULL);
  names = vel_names_new_from_original ((const char *const *) all->pdata);
  for (guint i = 0; i < vel_slots_get_n_parts (slots); i++) {
    const VelSlotPart *part = vel_slots_get_part (slots, i);
    g_autofree char *layer = NULL, *stored = NULL;
    VelLoraTarget target;

    if (!g_str_has_prefix (part->name, prefix) || !whole (slots, part, &target, &layer))
      continue;
    add (self, g_strdup (layer + strlen (prefix)), target);
    stored = vel_names_to_stored (names, part->name);
    if (stored)
      add (self, g_strndup (stored, strlen (stored) - strlen (".weight")), target);
  }
  return self;
}

/* OpenCLIP's layers as transformers calls them, behind "resblocks.N.". */
static const struct {
  const char *openclip, *transformers;
} layers[] = {
  { "attn.out_proj", "self_attn.out_proj" },
  { "ln_1", "layer_norm1" },
  { "ln_2", "layer_norm2" },
  { "mlp.c_fc", "mlp.fc1" },
  { "mlp.c_proj", "mlp.fc2" },
};

/* rest: of a layer or a part of one, behind its number. */
static void
add_text_layer (VelLoraNames *self, guint64 number, const char *rest, VelLoraTarget target)
{
  add (self, g_strdup_printf ("text_model.encoder.layers.%" G_GUINT64_FORMAT ".%s", number, rest), target);
  add (self, g_strdup_printf ("encoder.layers.%" G_GUINT64_FORMAT ".%s", number, rest), target);
}

/* The fused matrix of queries, keys and values is three layers elsewhere. */
static void
add_thirds (VelLoraNames *self, VelSlots *slots, const VelSlotPart *part, guint64 number)
{
  static const char *const parts[] = { "self_attn.q_proj", "self_attn.k_proj", "self_attn.v_proj" };
  g_autofree char *bias = g_strdup (part->name);
  gsize third = part->rows / 3;

  memcpy (bias + strlen (bias) - strlen ("weight"), "bias", sizeof "bias");
  for (guint i = 0; i < 3; i++)
    add_text_layer (self, number, parts[i], (VelLoraTarget){ part, vel_slots_find (slots, bias), i * third, third });
}

static void
add_openclip (VelLoraNames *self, VelSlots *slots, const VelSlotPart *part, const char *blocks)
{
  char *end;
  guint64 number = g_ascii_strtoull (blocks, &end, 10);
  g_autofree char *layer = NULL;
  VelLoraTarget target;

  if (*end++ != '.')
    return;
  if (g_str_equal (end, "attn.in_proj_weight")) {
    add_thirds (self, slots, part, number);
    return;
  }
  if (!whole (slots, part, &target, &layer))
    return;
  add (self, g_strdup_printf ("transformer.resblocks.%.*s", (int) (strlen (blocks) - strlen (".weight")), blocks), target);
  for (guint i = 0; i < G_N_ELEMENTS (layers); i++)
    if (strlen (layers[i].openclip) == strlen (end) - strlen (".weight") && g_str_has_prefix (end, layers[i].openclip))
      add_text_layer (self, number, layers[i].transformers, target);
}

VelLoraNames *
vel_lora_names_new_text (VelSlots *slots)
{
  VelLoraNames *self = names_new ();

  for (guint i = 0; i < vel_slots_get_n_parts (slots); i++) {
    const VelSlotPart *part = vel_slots_get_part (slots, i);
    const char *blocks = strstr (part->name, ".transformer.resblocks."), *model = strstr (part->name, "text_model.");
    g_autofree char *layer = NULL;
    VelLoraTarget target;

    if (blocks)
      add_openclip (self, slots, part, blocks + strlen (".transformer.resblocks."));
    else if (model && whole (slots, part, &target, &layer)) {
      const char *name = layer + (model - part->name);

      add (self, g_strdup (name), target);
      add (self, g_strdup (name + strlen ("text_model.")), target);
    }
  }
  return self;
}

const VelLoraTarget *
vel_lora_names_find (VelLoraNames *self, const char *layer)
{
  return g_hash_table_lookup (self->targets, layer);
}
