/* Recognising parts of models.  SPDX-License-Identifier: Apache-2.0 */
#include "config.h"

#include "engine/formats/parts.h"

#include <glib/gi18n-lib.h>
#include <string.h>

#define MOST_CANDIDATES 32u /* places in a file that look like a part; each costs a pass over all names */

/* A tensor that every part of a kind has, and what else has to begin some name beside it. */
static const struct {
  VelPartKind kind;
  VelDialect dialect;
  const char *landmark, *companions[2];
} marks[] = {
  { VEL_PART_UNET, VEL_DIALECT_ORIGINAL, "input_blocks.0.0.weight", { "output_blocks.", "time_embed." } },
  { VEL_PART_UNET, VEL_DIALECT_DIFFUSERS, "conv_in.weight", { "up_blocks.", "time_embedding." } },
  { VEL_PART_TEXT_ENCODER, VEL_DIALECT_TRANSFORMERS, "embeddings.token_embedding.weight", { "encoder.layers.", "final_layer_norm." } },
  { VEL_PART_TEXT_ENCODER, VEL_DIALECT_OPENCLIP, "token_embedding.weight", { "transformer.resblocks.", "ln_final." } },
  { VEL_PART_VAE, VEL_DIALECT_DIFFUSERS, "decoder.conv_in.weight", { "decoder.mid_block." } },
  { VEL_PART_VAE, VEL_DIALECT_DIFFUSERS, "decoder.conv_in.weight", { "decoder.up_blocks." } },
  { VEL_PART_VAE, VEL_DIALECT_ORIGINAL, "decoder.conv_in.weight" },
};

/* What a part's names begin with, which matters where its root is nothing. */
static const struct {
  VelPartKind kind;
  VelDialect dialect;
  const char *starts[10];
} starts[] = {
  { VEL_PART_UNET, VEL_DIALECT_ORIGINAL, { "input_blocks.", "middle_block.", "output_blocks.", "time_embed.", "label_emb.", "out." } },
  { VEL_PART_UNET,
    VEL_DIALECT_DIFFUSERS,
    { "conv_in.", "down_blocks.", "mid_block.", "up_blocks.", "time_embedding.", "add_embedding.", "conv_norm_out.", "conv_out." } },
  { VEL_PART_TEXT_ENCODER,
    VEL_DIALECT_TRANSFORMERS,
    { "text_model.", "embeddings.", "encoder.layers.", "final_layer_norm.", "text_projection" } },
  { VEL_PART_TEXT_ENCODER,
    VEL_DIALECT_OPENCLIP,
    { "transformer.resblocks.", "token_embedding.", "positional_embedding", "ln_final.", "text_projection", "logit_scale", "attn_mask" } },
  { VEL_PART_VAE, VEL_DIALECT_DIFFUSERS, { "encoder.", "decoder.", "quant_conv.", "post_quant_conv." } },
  { VEL_PART_VAE, VEL_DIALECT_ORIGINAL, { "encoder.", "decoder.", "quant_conv.", "post_quant_conv." } },
};

static const char *const kinds[VEL_N_PARTS] = { "unet", "text-encoder", "vae" };

const char *
vel_part_kind_get_id (VelPartKind kind)
{
  return kinds[kind];
}

static gboolean
any_begins (GPtrArray *names, const char *root, const char *rest)
{
  gsize n = strlen (root);

  for (guint i = 0; i < names->len; i++) {
    const char *name = names->pdata[i];

    if (strncmp (name, root, n) == 0 && g_str_has_prefix (name + n, rest))
      return TRUE;
  }
  return FALSE;
}

static const VelTensorEntry *
find_entry (GPtrArray *files, const char *root, const char *rest)
{
  g_autofree char *name = g_strconcat (root, rest, NULL);
  const VelTensorEntry *entry = NULL;

  for (guint f = 0; f < files->len && !entry; f++)
    entry = vel_tensor_file_find (files->pdata[f], name);
  return entry;
}

static gint64
size (GPtrArray *files, const char *root, const char *rest, guint axis)
{
  const VelTensorEntry *entry = find_entry (files, root, rest);

  return entry && axis < entry->n_axes ? entry->axes[axis] : 0;
}

/* OpenCLIP stores the projection as [width, pooled], transformers its transpose; stable-diffusion.cpp keeps the former under the other
 * name. */
static void
read_sizes (VelPart *self, GPtrArray *files)
{
  g_autofree char *inner = g_strconcat (self->root, "text_model.", NULL);

  if (self->kind == VEL_PART_UNET)
    self->vector =
        find_entry (files, self->root, "label_emb.0.0.weight") || find_entry (files, self->root, "add_embedding.linear_1.weight");
  if (self->kind != VEL_PART_TEXT_ENCODER)
    return;
  self->width =
      MAX (size (files, self->root, "embeddings.token_embedding.weight", 1), size (files, inner, "embeddings.token_embedding.weight", 1));
  self->width = MAX (self->width, size (files, self->root, "token_embedding.weight", 1));
  self->pooled = MAX (size (files, self->root, "text_projection.weight", 0), size (files, self->root, "text_projection", 1));
  self->pooled = MAX (self->pooled, size (files, inner, "text_projection", 1));
}

static void
clear_part (gpointer part)
{
  g_free (((VelPart *) part)->root);
}

gboolean
vel_part_is_in_place (const VelPart *self)
{
  static const char *const roots[VEL_N_PARTS][2] = { { "model.diffusion_model." },
                                                     { "cond_stage_model.", "conditioner." },
                                                     { "first_stage_model." } };

  if (self->dialect == VEL_DIALECT_DIFFUSERS)
    return FALSE;
  for (guint i = 0; i < 2 && roots[self->kind][i]; i++)
    if (g_str_has_prefix (self->root, roots[self->kind][i]))
      return self->kind == VEL_PART_TEXT_ENCODER || g_str_equal (self->root, roots[self->kind][i]);
  return FALSE;
}

/* Of two UNets or VAEs the one in place, else the one with the shorter root: copies and averages have longer names. */
static gboolean
is_better (const VelPart *a, const VelPart *b)
{
  gboolean x = vel_part_is_in_place (a), y = vel_part_is_in_place (b);

  return x != y ? x : strlen (a->root) < strlen (b->root);
}

/* SDXL's second text encoder is OpenCLIP's: by its names, by the projection that the first has no need of, or by its width. */
int
vel_part_compare (const VelPart *a, const VelPart *b)
{
  gboolean x = a->dialect == VEL_DIALECT_OPENCLIP, y = b->dialect == VEL_DIALECT_OPENCLIP;

  if (x != y)
    return x - y;
  if (a->pooled != b->pooled)
    return a->pooled < b->pooled ? -1 : 1;
  if (a->width != b->width)
    return a->width < b->width ? -1 : 1;
  return strcmp (a->root, b->root);
}

static int
compare_parts (gconstpointer a, gconstpointer b)
{
  const VelPart *x = a, *y = b;

  if (x->kind != y->kind)
    return x->kind < y->kind ? -1 : 1;
  return x->kind == VEL_PART_TEXT_ENCODER ? vel_part_compare (x, y) : is_better (x, y) ? -1 : is_better (y, x);
}

/* root: what stands before the landmark. Returns: FALSE if the companions are missing */
static gboolean
add_candidate (GArray *parts, GPtrArray *files, GPtrArray *names, guint mark, const char *name)
{
  VelPart part = { marks[mark].kind, marks[mark].dialect, g_strndup (name, strlen (name) - strlen (marks[mark].landmark)) };

  for (guint i = 0; i < G_N_ELEMENTS (marks[mark].companions) && marks[mark].companions[i]; i++)
    if (!any_begins (names, part.root, marks[mark].companions[i])) {
      g_free (part.root);
      return FALSE;
    }
  if (part.dialect == VEL_DIALECT_TRANSFORMERS && g_str_has_suffix (part.root, "text_model."))
    part.root[strlen (part.root) - strlen ("text_model.")] = '\0';
  read_sizes (&part, files);
  g_array_append_val (parts, part);
  return TRUE;
}

/* A landmark counts at the start of a name or behind a dot. */
static gboolean
ends_with (const char *name, const char *landmark)
{
  gsize n = strlen (name), k = strlen (landmark);

  return n >= k && strcmp (name + n - k, landmark) == 0 && (n == k || name[n - k - 1] == '.');
}

static void
keep_best (GArray *parts)
{
  guint counts[VEL_N_PARTS] = { 0 };

  g_array_sort (parts, compare_parts);
  for (guint i = 0; i < parts->len;) {
    const VelPart *part = &g_array_index (parts, VelPart, i);

    if (++counts[part->kind] > (part->kind == VEL_PART_TEXT_ENCODER ? 2 : 1))
      g_array_remove_index (parts, i);
    else
      i++;
  }
}

GArray *
vel_parts_find (GPtrArray *files)
{
  GArray *parts = g_array_new (FALSE, FALSE, sizeof (VelPart));
  g_autoptr (GPtrArray) names = g_ptr_array_new ();
  guint n_candidates = 0;

  g_array_set_clear_func (parts, clear_part);
  for (guint f = 0; f < files->len; f++)
    for (gsize i = 0; i < vel_tensor_file_get_count (files->pdata[f]); i++)
      g_ptr_array_add (names, (gpointer) vel_tensor_file_get (files->pdata[f], i)->name);
  for (guint i = 0; i < names->len; i++)
    for (guint m = 0; m < G_N_ELEMENTS (marks) && n_candidates < MOST_CANDIDATES; m++)
      if (ends_with (names->pdata[i], marks[m].landmark)) {
        n_candidates++;
        if (add_candidate (parts, files, names, m, names->pdata[i]))
          break;
      }
  keep_best (parts);
  return parts;
}

const VelPart *
vel_parts_get (GArray *parts, VelPartKind kind, guint index)
{
  for (guint i = 0; i < parts->len; i++) {
    const VelPart *part = &g_array_index (parts, VelPart, i);

    if (part->kind == kind && index-- == 0)
      return part;
  }
  return NULL;
}

guint
vel_parts_count (GArray *parts, VelPartKind kind)
{
  guint n = 0;

  while (vel_parts_get (parts, kind, n))
    n++;
  return n;
}

gboolean
vel_part_owns (const VelPart *self, const char *name)
{
  if (!g_str_has_prefix (name, self->root))
    return FALSE;
  if (*self->root)
    return TRUE;
  for (guint i = 0; i < G_N_ELEMENTS (starts); i++)
    if (starts[i].kind == self->kind && starts[i].dialect == self->dialect)
      for (const char *const *start = starts[i].starts; *start; start++)
        if (g_str_has_prefix (name, *start))
          return TRUE;
  return FALSE;
}

VelNames *
vel_part_make_names (const VelPart *self, VelComponent component, GPtrArray *files)
{
  g_autoptr (GPtrArray) own = NULL;

  if (self->dialect != VEL_DIALECT_DIFFUSERS && self->dialect != VEL_DIALECT_TRANSFORMERS)
    return NULL;
  own = g_ptr_array_new ();
  for (guint f = 0; f < files->len; f++)
    for (gsize i = 0; i < vel_tensor_file_get_count (files->pdata[f]); i++) {
      const char *name = vel_tensor_file_get (files->pdata[f], i)->name;

      if (vel_part_owns (self, name))
        g_ptr_array_add (own, (gpointer) (name + strlen (self->root)));
    }
  g_ptr_array_add (own, NULL);
  return vel_names_new (component, (const char *const *) own->pdata);
}

char *
vel_part_to_original (const VelPart *self, VelComponent component, VelNames *names, const char *name)
{
  const char *rest = name + strlen (self->root);
  char *original = names ? vel_names_to_original (names, rest) : NULL;

  if (original)
    return original;
  return g_strconcat (vel_component_get_prefix (component), self->dialect == VEL_DIALECT_OPENCLIP ? "model." : "", rest, NULL);
}

/* By a piece of any of its names. */
static const struct {
  const char *piece;
  VelOther other;
} others[] = {
  { ".lora_down.", { "lora", N_ ("a LoRA, which changes a model and is none") } },
  { ".lora_A.", { "lora", N_ ("a LoRA, which changes a model and is none") } },
  { "_lora.down.", { "lora", N_ ("a LoRA, which changes a model and is none") } },
  { ".hada_w1_", { "lora", N_ ("a LoRA, which changes a model and is none") } },
  { ".lokr_w1", { "lora", N_ ("a LoRA, which changes a model and is none") } },
  { "input_hint_block.", { "controlnet", N_ ("a ControlNet, which guides a model and is none") } },
  { "controlnet_cond_embedding.", { "controlnet", N_ ("a ControlNet, which guides a model and is none") } },
  { "emb_params", { "embedding", N_ ("an embedding, which --embedding takes") } },
  { "string_to_param", { "embedding", N_ ("an embedding, which --embedding takes") } },
};

const VelOther *
vel_other_find (const char *const *names)
{
  for (; *names; names++)
    for (guint i = 0; i < G_N_ELEMENTS (others); i++)
      if (strstr (*names, others[i].piece))
        return &others[i].other;
  return NULL;
}

const char *
vel_parts_describe (GArray *parts, const char *const *names)
{
  static const char *const phrases[VEL_N_PARTS] = { N_ ("a UNet, which --unet takes"), N_ ("a text encoder, which --text-encoder takes"),
                                                    N_ ("a VAE, which --vae takes") };
  const VelOther *other = parts->len == 0 ? vel_other_find (names) : NULL;

  if (parts->len > 0)
    return _ (phrases[g_array_index (parts, VelPart, 0).kind]);
  return other ? _ (other->phrase) : _ ("something that is not known here");
}
