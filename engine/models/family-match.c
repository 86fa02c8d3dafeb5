/* Which family a model is of.  SPDX-License-Identifier: Apache-2.0 */
#include "engine/models/family-list.h"

#define UNET "model.diffusion_model."

static const VelFamily *const families[] = { &vel_family_sdxl, &vel_family_sdxl_refiner, &vel_family_sd2, &vel_family_sd15, NULL };

const VelFamily *const *
vel_family_get_all (void)
{
  return families;
}

static gboolean
has_prefix (VelWeights *weights, const char *prefix)
{
  for (const char *const *names = vel_weights_get_names (weights); *names; names++)
    if (g_str_has_prefix (*names, prefix))
      return TRUE;
  return FALSE;
}

gint64
vel_family_context_dim (VelWeights *weights)
{
  const char *const *names = vel_weights_get_names (weights);

  for (gsize i = 0; names[i]; i++)
    if (g_str_has_prefix (names[i], UNET) && g_str_has_suffix (names[i], ".attn2.to_k.weight"))
      return vel_weights_get_size (weights, names[i], 1);
  return 0;
}

/* Whether the UNet's transformers begin with a matrix. */
static gboolean
has_matrices (VelWeights *weights)
{
  const char *const *names = vel_weights_get_names (weights);

  for (gsize i = 0; names[i]; i++)
    if (g_str_has_prefix (names[i], UNET) && g_str_has_suffix (names[i], ".1.proj_in.weight"))
      return vel_weights_find (weights, names[i])->n_axes == 2;
  return FALSE;
}

gint64
vel_family_sizes_width (const VelFamily *family)
{
  gint64 width = 0;

  for (const VelSizeNumber *number = family->sizes; *number != VEL_SIZE_END; number++)
    width += VEL_SIZE_CHANNELS;
  return width;
}

/* Whether a UNet that reads text states of this width and a vector can be of the family: the vector is the sizes and a pooled text, which
 * is as wide as the states where there is one text encoder, and less where there are two. */
static gboolean
reads_as (const VelFamily *family, gint64 context, gint64 vector)
{
  gint64 sizes = vel_family_sizes_width (family);

  if (sizes == 0 || vector == 0)
    return sizes == 0 && vector == 0;
  return family->text[1].prefix ? vector > sizes && vector - sizes < context : vector - sizes == context;
}

static const VelFamily *
match_unet (VelWeights *weights)
{
  gint64 context = vel_family_context_dim (weights), vector = vel_weights_get_size (weights, UNET "label_emb.0.0.weight", 1);
  gboolean matrices = has_matrices (weights);
  const VelFamily *found = NULL;

  for (gsize f = 0; families[f]; f++)
    if (families[f]->context_dim == context && reads_as (families[f], context, vector))
      return families[f];
  for (gsize f = 0; families[f]; f++) /* that of one text encoder asks for more */
    if (context > 0 && families[f]->matrices == matrices && reads_as (families[f], context, vector) &&
        (!found || !families[f]->text[1].prefix))
      found = families[f];
  return found;
}

static gboolean
marks (const VelFamily *family, const VelMarker *self, VelWeights *weights)
{
  g_autofree char *hidden_act = NULL;

  if (!self->prefix || !has_prefix (weights, self->prefix))
    return FALSE;
  if (!self->hidden_act)
    return TRUE;
  hidden_act = vel_weights_get_config (weights, "text_encoder/config.json", "hidden_act");
  return hidden_act ? g_str_equal (hidden_act, self->hidden_act) : match_unet (weights) == family;
}

/* Half of the text encoders of a family that has two look like all of one that has the first alone; its UNet tells. */
static const VelFamily *
of_both_halves (const VelFamily *self, VelWeights *weights)
{
  const VelFamily *other = match_unet (weights);

  return !self->text[1].prefix && other && other->text[1].prefix && g_str_equal (other->text[0].prefix, self->text[0].prefix) ? other
                                                                                                                              : self;
}

const VelFamily *
vel_family_match (VelWeights *weights)
{
  if (!vel_weights_has (weights, UNET "input_blocks.0.0.weight"))
    return NULL;
  for (gsize f = 0; families[f]; f++)
    for (gsize i = 0; i < G_N_ELEMENTS (families[f]->markers); i++)
      if (marks (families[f], &families[f]->markers[i], weights))
        return of_both_halves (families[f], weights);
  return match_unet (weights);
}
