/* diffusers' names and those of the original layout, both ways by one list of pairs.
 * SPDX-License-Identifier: Apache-2.0
 * The blocks as in diffusers scripts/convert_diffusers_to_original_stable_diffusion.py, but counted instead of assumed. */
#include "engine/formats/names.h"

#include <string.h>

#define MOST 32 /* levels, blocks per level, and numbered blocks; the largest known have 4, 3 and 12 */

typedef struct {
  const char *original, *stored;
} Inner;

/* Within a block. The first of two rows with the same original is today's name, the second an older one. */
static const Inner unet_resnet[] = {
  { "in_layers.0.", "norm1." }, { "in_layers.2.", "conv1." }, { "emb_layers.1.", "time_emb_proj." }, { "out_layers.0.", "norm2." },
  { "out_layers.3.", "conv2." }, { "skip_connection.", "conv_shortcut." }, { NULL },
};
static const Inner vae_resnet[] = {
  { "norm1.", "norm1." }, { "conv1.", "conv1." }, { "norm2.", "norm2." }, { "conv2.", "conv2." },
  { "nin_shortcut.", "conv_shortcut." }, { NULL },
};
static const Inner vae_attention[] = {
  { "norm.", "group_norm." }, { "q.", "to_q." }, { "q.", "query." }, { "k.", "to_k." }, { "k.", "key." },
  { "v.", "to_v." }, { "v.", "value." }, { "proj_out.", "to_out.0." }, { "proj_out.", "proj_attn." }, { NULL },
};

typedef struct {
  char *original, *stored; /* prefixes, each ending with a dot */
  const Inner *inner;      /* NULL: what follows is the same in both */
} Pair;

struct VelNames {
  const char *prefix;
  GArray *pairs;
};

static void
clear_pair (gpointer pair)
{
  g_free (((Pair *) pair)->original);
  g_free (((Pair *) pair)->stored);
}

/* Takes both strings. */
static void
add (VelNames *self, const Inner *inner, char *original, char *stored)
{
  g_array_append_val (self->pairs, ((Pair) { original, stored, inner }));
}

static void
add_same (VelNames *self, const char *original, const char *stored)
{
  add (self, NULL, g_strdup (original), g_strdup (stored));
}

static gboolean G_GNUC_PRINTF (2, 3)
has (const char *const *names, const char *format, ...)
{
  va_list arguments;
  g_autofree char *prefix = NULL;

  va_start (arguments, format);
  prefix = g_strdup_vprintf (format, arguments);
  va_end (arguments);
  for (; *names; names++)
    if (g_str_has_prefix (*names, prefix))
      return TRUE;
  return FALSE;
}

/* One more than the largest number that follows the prefix. */
static guint G_GNUC_PRINTF (2, 3)
count (const char *const *names, const char *format, ...)
{
  va_list arguments;
  g_autofree char *prefix = NULL;
  guint n = 0;

  va_start (arguments, format);
  prefix = g_strdup_vprintf (format, arguments);
  va_end (arguments);
  for (; *names; names++)
    if (g_str_has_prefix (*names, prefix)) {
      const char *digits = *names + strlen (prefix);
      char *end;
      guint64 index = g_ascii_strtoull (digits, &end, 10);

      if (end != digits && *end == '.' && index < MOST)
        n = MAX (n, (guint) index + 1);
    }
  return n;
}

/* What is outside of the blocks that are counted. */
static void
add_unet_ends (VelNames *self)
{
  add_same (self, "input_blocks.0.0.", "conv_in.");
  add_same (self, "time_embed.0.", "time_embedding.linear_1.");
  add_same (self, "time_embed.2.", "time_embedding.linear_2.");
  add_same (self, "time_embed.cond_proj.", "time_embedding.cond_proj.");
  add_same (self, "label_emb.0.0.", "add_embedding.linear_1.");
  add_same (self, "label_emb.0.2.", "add_embedding.linear_2.");
  add_same (self, "out.0.", "conv_norm_out.");
  add_same (self, "out.2.", "conv_out.");
  add (self, unet_resnet, g_strdup ("middle_block.0."), g_strdup ("mid_block.resnets.0."));
  add_same (self, "middle_block.1.", "mid_block.attentions.0.");
  add (self, unet_resnet, g_strdup ("middle_block.2."), g_strdup ("mid_block.resnets.1."));
}

/* input_blocks and output_blocks are numbered through: every residual block and every downsampling is one; an upsampling is the last
 * part of the block before it. */
static void
add_unet (VelNames *self, const char *const *names)
{
  guint down = count (names, "down_blocks."), up = count (names, "up_blocks."), block = 1;

  add_unet_ends (self);
  for (guint l = 0; l < down; l++) {
    guint blocks = count (names, "down_blocks.%u.resnets.", l);

    for (guint k = 0; k < blocks; k++, block++) {
      add (self, unet_resnet, g_strdup_printf ("input_blocks.%u.0.", block), g_strdup_printf ("down_blocks.%u.resnets.%u.", l, k));
      add (self, NULL, g_strdup_printf ("input_blocks.%u.1.", block), g_strdup_printf ("down_blocks.%u.attentions.%u.", l, k));
    }
    if (l + 1 < down || has (names, "down_blocks.%u.downsamplers.", l))
      add (self, NULL, g_strdup_printf ("input_blocks.%u.0.op.", block++), g_strdup_printf ("down_blocks.%u.downsamplers.0.conv.", l));
  }
  block = 0;
  for (guint l = 0; l < up; l++) {
    guint blocks = count (names, "up_blocks.%u.resnets.", l);
    gboolean attention = has (names, "up_blocks.%u.attentions.", l);

    for (guint k = 0; k < blocks; k++, block++) {
      add (self, unet_resnet, g_strdup_printf ("output_blocks.%u.0.", block), g_strdup_printf ("up_blocks.%u.resnets.%u.", l, k));
      if (attention)
        add (self, NULL, g_strdup_printf ("output_blocks.%u.1.", block), g_strdup_printf ("up_blocks.%u.attentions.%u.", l, k));
    }
    if (blocks > 0 && (l + 1 < up || has (names, "up_blocks.%u.upsamplers.", l)))
      add (self, NULL, g_strdup_printf ("output_blocks.%u.%d.conv.", block - 1, attention ? 2 : 1),
           g_strdup_printf ("up_blocks.%u.upsamplers.0.conv.", l));
  }
}

/* A UNet's first half, what reads the picture, and a 1x1 convolution for each result. */
static void
add_control (VelNames *self, const char *const *names)
{
  guint results = count (names, "controlnet_down_blocks."), hints = count (names, "controlnet_cond_embedding.blocks.");

  add_unet (self, names);
  add_same (self, "input_hint_block.0.", "controlnet_cond_embedding.conv_in.");
  for (guint i = 0; i < hints; i++)
    add (self, NULL, g_strdup_printf ("input_hint_block.%u.", 2 * (i + 1)), g_strdup_printf ("controlnet_cond_embedding.blocks.%u.", i));
  add (self, NULL, g_strdup_printf ("input_hint_block.%u.", 2 * (hints + 1)), g_strdup ("controlnet_cond_embedding.conv_out."));
  for (guint i = 0; i < results; i++)
    add (self, NULL, g_strdup_printf ("zero_convs.%u.0.", i), g_strdup_printf ("controlnet_down_blocks.%u.", i));
  add_same (self, "middle_block_out.0.", "controlnet_mid_block.");
}

static void
add_unet_block (VelNames *self, const char *side, guint block, const char *level, guint l, guint k)
{
  add (self, unet_resnet, g_strdup_printf ("%s.%u.0.", side, block), g_strdup_printf ("%s.%u.resnets.%u.", level, l, k));
  add (self, NULL, g_strdup_printf ("%s.%u.1.", side, block), g_strdup_printf ("%s.%u.attentions.%u.", level, l, k));
}

/* The same walk from the other side: a level ends where its downsampling or upsampling stands. names: with the prefix */
static void
add_original_unet (VelNames *self, const char *const *names)
{
  guint n_input = count (names, "%sinput_blocks.", self->prefix), n_output = count (names, "%soutput_blocks.", self->prefix);

  add_unet_ends (self);
  for (guint block = 1, l = 0, k = 0; block < n_input; block++)
    if (has (names, "%sinput_blocks.%u.0.op.", self->prefix, block)) {
      add (self, NULL, g_strdup_printf ("input_blocks.%u.0.op.", block), g_strdup_printf ("down_blocks.%u.downsamplers.0.conv.", l++));
      k = 0;
    } else
      add_unet_block (self, "input_blocks", block, "down_blocks", l, k++);
  for (guint block = 0, l = 0, k = 0; block < n_output; block++) {
    gboolean ends = FALSE;

    for (guint part = 1; part <= 2; part++)
      if (has (names, "%soutput_blocks.%u.%u.conv.", self->prefix, block, part)) {
        add (self, NULL, g_strdup_printf ("output_blocks.%u.%u.conv.", block, part), g_strdup_printf ("up_blocks.%u.upsamplers.0.conv.", l));
        ends = TRUE;
      }
    add_unet_block (self, "output_blocks", block, "up_blocks", l, k++);
    if (ends)
      l++, k = 0;
  }
}

/* side: "encoder" or "decoder". */
static void
add_vae_middle (VelNames *self, const char *side)
{
  add (self, vae_resnet, g_strdup_printf ("%s.mid.block_1.", side), g_strdup_printf ("%s.mid_block.resnets.0.", side));
  add (self, vae_attention, g_strdup_printf ("%s.mid.attn_1.", side), g_strdup_printf ("%s.mid_block.attentions.0.", side));
  add (self, vae_resnet, g_strdup_printf ("%s.mid.block_2.", side), g_strdup_printf ("%s.mid_block.resnets.1.", side));
  add (self, NULL, g_strdup_printf ("%s.norm_out.", side), g_strdup_printf ("%s.conv_norm_out.", side));
  add (self, NULL, g_strdup_printf ("%s.conv_in.", side), g_strdup_printf ("%s.conv_in.", side));
  add (self, NULL, g_strdup_printf ("%s.conv_out.", side), g_strdup_printf ("%s.conv_out.", side));
}

/* The decoder's levels are counted from the other end: up.0 is the last one. */
static void
add_vae (VelNames *self, const char *const *names)
{
  guint down = count (names, "encoder.down_blocks."), up = count (names, "decoder.up_blocks.");

  add_same (self, "quant_conv.", "quant_conv.");
  add_same (self, "post_quant_conv.", "post_quant_conv.");
  add_vae_middle (self, "encoder");
  add_vae_middle (self, "decoder");
  for (guint l = 0; l < down; l++) {
    for (guint k = 0; k < count (names, "encoder.down_blocks.%u.resnets.", l); k++)
      add (self, vae_resnet, g_strdup_printf ("encoder.down.%u.block.%u.", l, k),
           g_strdup_printf ("encoder.down_blocks.%u.resnets.%u.", l, k));
    add (self, NULL, g_strdup_printf ("encoder.down.%u.downsample.conv.", l),
         g_strdup_printf ("encoder.down_blocks.%u.downsamplers.0.conv.", l));
  }
  for (guint l = 0; l < up; l++) {
    guint level = up - 1 - l;

    for (guint k = 0; k < count (names, "decoder.up_blocks.%u.resnets.", l); k++)
      add (self, vae_resnet, g_strdup_printf ("decoder.up.%u.block.%u.", level, k),
           g_strdup_printf ("decoder.up_blocks.%u.resnets.%u.", l, k));
    add (self, NULL, g_strdup_printf ("decoder.up.%u.upsample.conv.", level),
         g_strdup_printf ("decoder.up_blocks.%u.upsamplers.0.conv.", l));
  }
}

/* transformers wrote "text_model." in front of everything but the projection; some versions did not. A projection that is no layer's weight is
 * OpenCLIP's own, not turned: stable-diffusion.cpp keeps it so. */
static void
add_text_encoder (VelNames *self, const char *const *names)
{
  add_same (self, "model.text_projection", "text_model.text_projection");
  if (has (names, "text_model."))
    add_same (self, "transformer.text_model.", "text_model.");
  else
    for (const char *const *part = (const char *[]) { "embeddings.", "encoder.", "final_layer_norm.", NULL }; *part; part++)
      add (self, NULL, g_strconcat ("transformer.text_model.", *part, NULL), g_strdup (*part));
  add_same (self, "transformer.text_projection.", "text_projection.");
  add_same (self, "model.text_projection", "text_projection");
}

const char *
vel_component_get_prefix (VelComponent component)
{
  switch (component) {
  case VEL_COMPONENT_UNET:
    return "model.diffusion_model.";
  case VEL_COMPONENT_VAE:
    return "first_stage_model.";
  case VEL_COMPONENT_TEXT_ENCODER:
    return "cond_stage_model.";
  case VEL_COMPONENT_TEXT_ENCODER_1:
    return "conditioner.embedders.0.";
  case VEL_COMPONENT_TEXT_ENCODER_2:
    return "conditioner.embedders.1.";
  case VEL_COMPONENT_CONTROL:
    return "control_model.";
  case VEL_N_COMPONENTS:
    break;
  }
  g_assert_not_reached ();
}

VelNames *
vel_names_new (VelComponent component, const char *const *stored)
{
  VelNames *self = g_new0 (VelNames, 1);

  self->prefix = vel_component_get_prefix (component);
  self->pairs = g_array_new (FALSE, FALSE, sizeof (Pair));
  g_array_set_clear_func (self->pairs, clear_pair);
  if (component == VEL_COMPONENT_UNET)
    add_unet (self, stored);
  else if (component == VEL_COMPONENT_CONTROL)
    add_control (self, stored);
  else if (component == VEL_COMPONENT_VAE)
    add_vae (self, stored);
  else
    add_text_encoder (self, stored);
  return self;
}

VelNames *
vel_names_new_from_original (const char *const *original)
{
  VelNames *self = g_new0 (VelNames, 1);

  self->prefix = vel_component_get_prefix (VEL_COMPONENT_UNET);
  self->pairs = g_array_new (FALSE, FALSE, sizeof (Pair));
  g_array_set_clear_func (self->pairs, clear_pair);
  add_original_unet (self, original);
  return self;
}

void
vel_names_free (VelNames *self)
{
  g_array_unref (self->pairs);
  g_free (self);
}

/* What follows a prefix; NULL if the text has another. */
static const char *
after (const char *text, const char *prefix)
{
  return g_str_has_prefix (text, prefix) ? text + strlen (prefix) : NULL;
}

char *
vel_names_to_original (VelNames *self, const char *stored)
{
  for (guint i = 0; i < self->pairs->len; i++) {
    const Pair *pair = &g_array_index (self->pairs, Pair, i);
    const char *rest = after (stored, pair->stored);

    if (!rest)
      continue;
    if (!pair->inner)
      return g_strconcat (self->prefix, pair->original, rest, NULL);
    for (const Inner *inner = pair->inner; inner->original; inner++)
      if (g_str_has_prefix (rest, inner->stored))
        return g_strconcat (self->prefix, pair->original, inner->original, rest + strlen (inner->stored), NULL);
  }
  return NULL;
}

char *
vel_names_to_stored (VelNames *self, const char *original)
{
  if (!g_str_has_prefix (original, self->prefix))
    return NULL;
  original += strlen (self->prefix);
  for (guint i = 0; i < self->pairs->len; i++) {
    const Pair *pair = &g_array_index (self->pairs, Pair, i);
    const char *rest = after (original, pair->original);

    if (!rest)
      continue;
    if (!pair->inner)
      return g_strconcat (pair->stored, rest, NULL);
    for (const Inner *inner = pair->inner; inner->original; inner++)
      if (g_str_has_prefix (rest, inner->original))
        return g_strconcat (pair->stored, inner->stored, rest + strlen (inner->original), NULL);
  }
  return NULL;
}
