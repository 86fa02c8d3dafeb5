/* Recognising a family, and reading its sizes from the tensors.  SPDX-License-Identifier: Apache-2.0 */
#include "config.h"

#include "engine/models/family.h"

#include "engine/error.h"
#include "engine/models/family-list.h"

#include <glib/gi18n-lib.h>
#include <inttypes.h>

#define UNET "model.diffusion_model."

static const VelFamily *const families[] = { &vel_family_sd15 };

const VelFamily *
vel_family_match (VelWeights *weights)
{
  const char *const *names = vel_weights_get_names (weights);

  if (!vel_weights_has (weights, UNET "input_blocks.0.0.weight"))
    return NULL;
  for (gsize f = 0; f < G_N_ELEMENTS (families); f++)
    for (gsize i = 0; names[i]; i++)
      if (g_str_has_prefix (names[i], families[f]->marker))
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
  const char *type = vel_weights_get_metadata (weights, "modelspec.prediction_type");
  const char *key = vel_weights_get_metadata (weights, "modelspec.predict_key");

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
  }
}

static void
read_text (VelArchitecture *self, VelWeights *weights)
{
  self->text_width = size (weights, "cond_stage_model.transformer.text_model.embeddings.token_embedding.weight", 1);
  for (;; self->text_layers++) {
    g_autofree char *name = g_strdup_printf (
      "cond_stage_model.transformer.text_model.encoder.layers.%" G_GINT64_FORMAT ".layer_norm1.weight", self->text_layers);

    if (!vel_weights_has (weights, name))
      break;
  }
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
}

gboolean
vel_architecture_read (VelArchitecture *self, VelWeights *weights, const char *prediction_option, GError **error)
{
  *self = (VelArchitecture) { .family = vel_family_match (weights) };
  if (!self->family) {
    gboolean unet = vel_weights_has (weights, UNET "input_blocks.0.0.weight");

    g_set_error (error, VEL_ERROR, VEL_ERROR_FAMILY,
                 unet ? _ ("\"%s\" has a UNet but no text encoder of a family this version knows (Stable Diffusion 1)")
                      : _ ("\"%s\" is no complete Stable Diffusion model: it has no UNet (model.diffusion_model.*)"),
                 vel_weights_get_path (weights));
    return FALSE;
  }
  read_unet (self, weights);
  read_text (self, weights);
  self->vae_channels = size (weights, "first_stage_model.decoder.norm_out.weight", 0);
  read_prediction (self, weights, prediction_option);
  read_size (self, weights);
  if (self->in_channels != 4 || self->out_channels != 4) {
    g_set_error (error, VEL_ERROR, VEL_ERROR_FAMILY,
                 _ ("The UNet of \"%s\" takes %" PRId64 " channels and makes %" PRId64 "; this version paints with 4 and 4"),
                 vel_weights_get_path (weights), self->in_channels, self->out_channels);
    return FALSE;
  }
  if (self->context_dim != self->text_width) {
    g_set_error (error, VEL_ERROR, VEL_ERROR_FAMILY,
                 _ ("The UNet of \"%s\" reads text states of width %" PRId64 ", its text encoder makes %" PRId64),
                 vel_weights_get_path (weights), self->context_dim, self->text_width);
    return FALSE;
  }
  return TRUE;
}

const char *
vel_prediction_to_string (VelPrediction prediction)
{
  return prediction == VEL_PREDICTION_V ? "v" : "eps";
}
