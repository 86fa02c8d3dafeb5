/* Recognising a family, and reading its sizes from the tensors.  SPDX-License-Identifier: Apache-2.0 */
#include "config.h"

#include "engine/models/family.h"

#include "engine/error.h"
#include "engine/models/family-list.h"

#include <glib/gi18n-lib.h>
#include <inttypes.h>

#define UNET "model.diffusion_model."

static const VelFamily *const families[] = { &vel_family_sdxl, &vel_family_sdxl_refiner, &vel_family_sd2, &vel_family_sd15 };

static gboolean
has_prefix (VelWeights *weights, const char *prefix)
{
  for (const char *const *names = vel_weights_get_names (weights); *names; names++)
    if (g_str_has_prefix (*names, prefix))
      return TRUE;
  return FALSE;
}

static gboolean
marks (const VelMarker *self, VelWeights *weights)
{
  g_autofree char *hidden_act = NULL;

  if (!self->prefix || !has_prefix (weights, self->prefix))
    return FALSE;
  if (!self->hidden_act)
    return TRUE;
  hidden_act = vel_weights_get_config (weights, "text_encoder/config.json", "hidden_act");
  return g_strcmp0 (hidden_act, self->hidden_act) == 0;
}

const VelFamily *
vel_family_match (VelWeights *weights)
{
  if (!vel_weights_has (weights, UNET "input_blocks.0.0.weight"))
    return NULL;
  for (gsize f = 0; f < G_N_ELEMENTS (families); f++)
    for (gsize i = 0; i < G_N_ELEMENTS (families[f]->markers); i++)
      if (marks (&families[f]->markers[i], weights))
        return families[f];
  return NULL;
}

/* Size of an axis, or 0 where there is no such tensor. */
static gint64
size (VelWeights *weights, const char *name, unsigned axis)
{
  const VelTensorEntry *entry = vel_weights_find (weights, name);

  return entry && entry->known && axis < entry->shape.n ? entry->shape.size[axis] : 0;
}

static gboolean
is_v (const char *text)
{
  return text && (g_ascii_strcasecmp (text, "v") == 0 || g_ascii_strcasecmp (text, "v_prediction") == 0);
}

static void
read_prediction (VelArchitecture *self, VelWeights *weights, const char *option)
{
  g_autofree char *scheduler = vel_weights_get_config (weights, "scheduler/scheduler_config.json", "prediction_type");
  const VelFamily *family = self->family;
  const char *type = vel_weights_get_metadata (weights, "modelspec.prediction_type");
  const char *key = vel_weights_get_metadata (weights, "modelspec.predict_key");
  gboolean v;

  if (!key)
    key = vel_weights_get_metadata (weights, "predict_key");
  self->prediction = VEL_PREDICTION_EPSILON;
  self->prediction_source = "family";
  if (option && *option) {
    self->prediction = is_v (option) ? VEL_PREDICTION_V : VEL_PREDICTION_EPSILON;
    self->prediction_source = "option";
  } else if (vel_weights_has (weights, "v_pred")) {
    self->prediction = VEL_PREDICTION_V;
    self->prediction_source = "tensor";
  } else if (is_v (type) || is_v (key)) {
    self->prediction = VEL_PREDICTION_V;
    self->prediction_source = "metadata";
  } else if (scheduler) {
    self->prediction = is_v (scheduler) ? VEL_PREDICTION_V : VEL_PREDICTION_EPSILON;
    self->prediction_source = "scheduler";
  } else if (family->predicts_v && self->extra == VEL_EXTRA_NONE && family->predicts_v (weights, &v)) {
    self->prediction = v ? VEL_PREDICTION_V : VEL_PREDICTION_EPSILON;
    self->prediction_source = "weights";
  }
}

/* Axis of a tensor of a text encoder, whichever layout it is in. */
static gint64
text_size (VelWeights *weights, const VelTextUse *use, const char *transformers, const char *openclip, unsigned axis)
{
  g_autofree char *one = g_strconcat (use->prefix, "transformer.", transformers, NULL);
  g_autofree char *other = g_strconcat (use->prefix, "model.", openclip, NULL);

  return MAX (size (weights, one, axis), size (weights, other, axis));
}

static gint64
count_layers (VelWeights *weights, const VelTextUse *use)
{
  for (gint64 i = 0;; i++) {
    g_autofree char *one = g_strdup_printf ("text_model.encoder.layers.%" PRId64 ".layer_norm1.weight", i);
    g_autofree char *other = g_strdup_printf ("transformer.resblocks.%" PRId64 ".ln_1.weight", i);

    if (text_size (weights, use, one, other, 0) == 0)
      return i;
  }
}

/* OpenCLIP stores the projection as [width, pooled width], transformers its transpose. */
static gint64
pooled_size (VelWeights *weights, const VelTextUse *use)
{
  g_autofree char *one = g_strconcat (use->prefix, "transformer.text_projection.weight", NULL);
  g_autofree char *other = g_strconcat (use->prefix, "model.text_projection", NULL);

  return use->pooled ? MAX (size (weights, one, 0), size (weights, other, 1)) : 0;
}

static void
read_text (VelArchitecture *self, VelWeights *weights)
{
  const VelTextUse *text = self->family->text;

  self->text_layers = count_layers (weights, &text[0]);
  for (guint i = 0; text[i].prefix; i++) {
    self->text_width += text_size (weights, &text[i], "text_model.embeddings.token_embedding.weight", "token_embedding.weight", 1);
    self->pooled_width += pooled_size (weights, &text[i]);
  }
  self->vector_width = self->pooled_width;
  for (const VelSizeNumber *number = self->family->sizes; *number != VEL_SIZE_END; number++)
    self->vector_width += VEL_SIZE_CHANNELS;
}

/* A level ends where "input_blocks.N.0.op" stands. */
static void
read_unet (VelArchitecture *self, VelWeights *weights)
{
  const char *const *names = vel_weights_get_names (weights);

  self->in_channels = size (weights, UNET "input_blocks.0.0.weight", 1);
  self->model_channels = size (weights, UNET "input_blocks.0.0.weight", 0);
  self->out_channels = size (weights, UNET "out.2.weight", 0);
  self->n_levels = 1;
  for (gsize i = 0; names[i]; i++) {
    if (!g_str_has_prefix (names[i], UNET))
      continue;
    if (g_str_has_prefix (names[i], UNET "input_blocks.") && g_str_has_suffix (names[i], ".0.op.weight"))
      self->n_levels++;
    if (g_str_has_suffix (names[i], ".attn2.to_k.weight") && self->context_dim == 0)
      self->context_dim = size (weights, names[i], 1);
  }
}

/* A folder may name the side its UNet was trained at; latent pixels there, eight picture pixels each. */
static void
read_size (VelArchitecture *self, VelWeights *weights)
{
  g_autofree char *side = vel_weights_get_config (weights, "unet/config.json", "sample_size");
  guint64 latents = side ? g_ascii_strtoull (side, NULL, 10) : 0;

  self->width = self->family->width;
  self->height = self->family->height;
  if (latents >= 8 && latents <= 256)
    self->width = self->height = (guint) latents * 8;
  else if (self->family->side_of_v && self->prediction == VEL_PREDICTION_V)
    self->width = self->height = self->family->side_of_v;
}

static void
read_noise (VelArchitecture *self, VelWeights *weights)
{
  g_autofree char *rescaled = vel_weights_get_config (weights, "scheduler/scheduler_config.json", "rescale_betas_zero_snr");

  self->told_guidance = vel_weights_has (weights, UNET "time_embed.cond_proj.weight");
  self->zero_terminal_snr = vel_weights_has (weights, "ztsnr") || g_strcmp0 (rescaled, "true") == 0;
}

static gboolean
read_extra (VelArchitecture *self, VelWeights *weights, GError **error)
{
  static const struct {
    gint64 in_channels;
    VelExtra extra;
  } known[] = { { 4, VEL_EXTRA_NONE }, { 9, VEL_EXTRA_MASK }, { 8, VEL_EXTRA_EDIT } };

  for (guint i = 0; i < G_N_ELEMENTS (known) && self->out_channels == 4; i++)
    if (known[i].in_channels == self->in_channels) {
      self->extra = known[i].extra;
      return TRUE;
    }
  g_set_error (error, VEL_ERROR, VEL_ERROR_FAMILY,
               _ ("The UNet of \"%s\" takes %" PRId64 " channels and makes %" PRId64 "; this version paints with 4, 8 (to change a picture) or 9 "
                  "(to fill a mask) and 4"),
               vel_weights_get_path (weights), self->in_channels, self->out_channels);
  return FALSE;
}

/* Whether what the text encoders make is what the UNet reads. */
static gboolean
check_text (const VelArchitecture *self, VelWeights *weights, GError **error)
{
  gint64 vector = size (weights, UNET "label_emb.0.0.weight", 1);

  if (self->context_dim != self->text_width) {
    g_set_error (error, VEL_ERROR, VEL_ERROR_FAMILY,
                 _ ("The UNet of \"%s\" reads text states of width %" PRId64 ", its text encoder makes %" PRId64),
                 vel_weights_get_path (weights), self->context_dim, self->text_width);
    return FALSE;
  }
  if (vector != self->vector_width) {
    g_set_error (error, VEL_ERROR, VEL_ERROR_FAMILY,
                 _ ("The UNet of \"%s\" reads %" PRId64 " numbers beside the text states, %s makes %" PRId64), vel_weights_get_path (weights),
                 vector, self->family->label, self->vector_width);
    return FALSE;
  }
  return TRUE;
}

gboolean
vel_architecture_read (VelArchitecture *self, VelWeights *weights, const char *prediction_option, GError **error)
{
  *self = (VelArchitecture) { .family = vel_family_match (weights) };
  if (!self->family) {
    gboolean unet = vel_weights_has (weights, UNET "input_blocks.0.0.weight");

    g_set_error (error, VEL_ERROR, VEL_ERROR_FAMILY,
                 unet ? _ ("\"%s\" has a UNet but no text encoder of a family this version knows (Stable Diffusion 1, 2 and XL)")
                      : _ ("\"%s\" is no complete Stable Diffusion model: it has no UNet (model.diffusion_model.*)"),
                 vel_weights_get_path (weights));
    return FALSE;
  }
  read_unet (self, weights);
  read_text (self, weights);
  self->vae_channels = size (weights, "first_stage_model.decoder.norm_out.weight", 0);
  if (!read_extra (self, weights, error))
    return FALSE;
  read_prediction (self, weights, prediction_option);
  read_noise (self, weights);
  read_size (self, weights);
  return check_text (self, weights, error);
}

const char *
vel_prediction_to_string (VelPrediction prediction)
{
  return prediction == VEL_PREDICTION_V ? "v" : "eps";
}
