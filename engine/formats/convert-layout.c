/* Tensors of other layouts as the original has them.  SPDX-License-Identifier: Apache-2.0
 * Stability-AI/generative-models and open_clip's names; diffusers scripts/convert_diffusers_to_original_sdxl.py does the same. */
#include "engine/formats/convert-layout.h"

#include <string.h>

#include "engine/formats/names.h"

/* Of layers, behind their number. */
static const struct {
  const char *transformers, *openclip;
} leaves[] = {
  { "layer_norm1.", "ln_1." }, { "layer_norm2.", "ln_2." },   { "self_attn.out_proj.", "attn.out_proj." },
  { "mlp.fc1.", "mlp.c_fc." }, { "mlp.fc2.", "mlp.c_proj." },
};

static const char *
after (const char *text, const char *prefix)
{
  return g_str_has_prefix (text, prefix) ? text + strlen (prefix) : NULL;
}

/* One tensor as it is. name: (transfer full) */
static VelWritten *
as_it_is (const char *own, char *name, const VelTensorEntry *entry)
{
  VelWritten *self = g_new0 (VelWritten, 1);

  self->name = name;
  self->parts[self->n_parts++] = own;
  self->n_axes = entry->n_axes;
  self->axes = entry->axes;
  return self;
}

/* Its axes are those of one to four that are given. */
static VelWritten *
with_axes (VelWritten *self, guint n, gint64 a, gint64 b, gint64 c, gint64 d)
{
  memcpy (self->own_axes, (gint64[]){ a, b, c, d }, sizeof self->own_axes);
  self->axes = self->own_axes;
  self->n_axes = n;
  return self;
}

/* "weight" or "bias" of queries, keys and values. own: the queries'. prefix: of the layer's attention, in the new name */
static VelWritten *
fuse (VelWeights *weights, const char *own, const char *prefix, const char *leaf)
{
  const VelTensorEntry *queries = vel_weights_find (weights, own);
  VelWritten *self = as_it_is (own, g_strconcat (prefix, "in_proj_", leaf, NULL), queries);
  gint64 rows = queries->n_axes > 0 ? queries->axes[0] : 0;

  for (const char *letter = "kv"; *letter && queries->n_axes <= 2; letter++) {
    g_autofree char *other = g_strdup (own);
    const VelTensorEntry *entry;

    *strstr (other, "q_proj") = *letter;
    entry = vel_weights_find (weights, other);
    if (!entry || entry->n_axes != queries->n_axes || rows == 0 ||
        memcmp (entry->axes + 1, queries->axes + 1, (entry->n_axes - 1) * sizeof *entry->axes) != 0)
      continue; /* such a model is incomplete, which whoever loads it is told */
    self->parts[self->n_parts++] = entry->name;
    rows += entry->axes[0];
  }
  return queries->n_axes == 1 || queries->n_axes == 2 ? with_axes (self, queries->n_axes, rows, queries->axes[queries->n_axes - 1], 0, 0)
                                                      : self;
}

/* rest: of a layer's tensor, from its number on. Returns: (nullable): NULL for keys and values, which go along with queries */
static VelWritten *
translate_layer (VelWeights *weights, const char *own, const char *prefix, const char *rest)
{
  const char *leaf = strchr (rest, '.');
  g_autofree char *layer = NULL, *attention = NULL;
  const char *part;

  if (!leaf)
    return as_it_is (own, g_strdup (own), vel_weights_find (weights, own));
  leaf++;
  layer = g_strdup_printf ("%smodel.transformer.resblocks.%.*s", prefix, (int) (leaf - rest), rest);
  attention = g_strconcat (layer, "attn.", NULL);
  if ((part = after (leaf, "self_attn.q_proj.")))
    return fuse (weights, own, attention, part);
  if (g_str_has_prefix (leaf, "self_attn.k_proj.") || g_str_has_prefix (leaf, "self_attn.v_proj."))
    return NULL;
  for (guint i = 0; i < G_N_ELEMENTS (leaves); i++)
    if ((part = after (leaf, leaves[i].transformers)))
      return as_it_is (own, g_strconcat (layer, leaves[i].openclip, part, NULL), vel_weights_find (weights, own));
  return as_it_is (own, g_strdup (own), vel_weights_find (weights, own));
}

/* rest: behind the encoder's prefix, in transformers' names. */
static VelWritten *
translate_text (VelWeights *weights, const char *own, const char *prefix, const char *rest)
{
  const VelTensorEntry *entry = vel_weights_find (weights, own);
  const char *model = after (rest, "transformer.text_model."), *part;

  if (g_str_equal (rest, "transformer.text_projection.weight") && entry->n_axes == 2) {
    VelWritten *self = as_it_is (own, g_strconcat (prefix, "model.text_projection", NULL), entry);

    self->transposed = TRUE;
    return with_axes (self, 2, entry->axes[1], entry->axes[0], 0, 0);
  }
  if (model && (part = after (model, "encoder.layers.")))
    return translate_layer (weights, own, prefix, part);
  if (model && g_str_equal (model, "embeddings.token_embedding.weight"))
    return as_it_is (own, g_strconcat (prefix, "model.token_embedding.weight", NULL), entry);
  if (model && g_str_equal (model, "embeddings.position_embedding.weight"))
    return as_it_is (own, g_strconcat (prefix, "model.positional_embedding", NULL), entry);
  if (model && (part = after (model, "final_layer_norm.")))
    return as_it_is (own, g_strconcat (prefix, "model.ln_final.", part, NULL), entry);
  return g_str_has_suffix (rest, ".position_ids") ? NULL : as_it_is (own, g_strdup (own), entry);
}

/* Whether the original of this encoder is OpenCLIP's: SDXL's second one; those as wide as SD2's and the refiner's. */
static gboolean
was_openclip (VelWeights *weights, VelComponent component)
{
  gint64 width = vel_weights_get_text_width (weights, component);

  return component == VEL_COMPONENT_TEXT_ENCODER_2 || width == 1024 || width == 1280;
}

VelWritten *
vel_written_new (VelWeights *weights, const char *name)
{
  const VelTensorEntry *entry = vel_weights_find (weights, name);

  for (VelComponent c = VEL_COMPONENT_TEXT_ENCODER; c < VEL_N_COMPONENTS; c++) {
    const char *prefix = vel_component_get_prefix (c), *rest = after (name, prefix);

    if (rest && g_str_has_prefix (rest, "transformer.text_") && was_openclip (weights, c))
      return translate_text (weights, name, prefix, rest);
  }
  if (entry->n_axes == 2 && g_str_has_prefix (name, "first_stage_model.") && strstr (name, ".attn_1."))
    return with_axes (as_it_is (name, g_strdup (name), entry), 4, entry->axes[0], entry->axes[1], 1, 1);
  return as_it_is (name, g_strdup (name), entry);
}

void
vel_written_free (VelWritten *self)
{
  g_free (self->name);
  g_free (self);
}
