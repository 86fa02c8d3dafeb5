/* Reading a model's sizes from its tensors.  SPDX-License-Identifier: Apache-2.0 */
#include "config.h"

#include "engine/models/family.h"

#include "engine/error.h"

#include <glib/gi18n-lib.h>
#include <inttypes.h>

#define UNET "model.diffusion_model."

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

  return MAX (vel_weights_get_size (weights, one, axis), vel_weights_get_size (weights, other, axis));
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

  return use->pooled ? MAX (vel_weights_get_size (weights, one, 0), vel_weights_get_size (weights, other, 1)) : 0;
}

static void
read_text (VelArchitecture *self, VelWeights *weights)
{
  const VelTextUse *text = self->family->text;

  self->text_layers = count_layers (weights, &text[0]);
  for (guint i = 0; text[i].prefix; i++) {
    gint64 width = text_size (weights, &text[i], "text_model.embeddings.token_embedding.weight", "token_embedding.weight", 1);

    self->n_texts += width > 0;
    self->text_width += width;
    self->pooled_width += pooled_size (weights, &text[i]);
  }
  self->vector_width = self->pooled_width + vel_family_sizes_width (self->family);
}

/* A level ends where "input_blocks.N.0.op" stands. */
static void
read_unet (VelArchitecture *self, VelWeights *weights)
{
  const char *const *names = vel_weights_get_names (weights);

  self->in_channels = vel_weights_get_size (weights, UNET "input_blocks.0.0.weight", 1);
  self->model_channels = vel_weights_get_size (weights, UNET "input_blocks.0.0.weight", 0);
  self->out_channels = vel_weights_get_size (weights, UNET "out.2.weight", 0);
  self->context_dim = vel_family_context_dim (weights);
  self->n_levels = 1;
  for (gsize i = 0; names[i]; i++) {
    if (!g_str_has_prefix (names[i], UNET))
      continue;
    if (g_str_has_prefix (names[i], UNET "input_blocks.") && g_str_has_suffix (names[i], ".0.op.weight"))
      self->n_levels++;
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

static const struct {
  gint64 in_channels;
  VelExtra extra;
} known_inputs[] = { { 4, VEL_EXTRA_NONE }, { 9, VEL_EXTRA_MASK }, { 8, VEL_EXTRA_EDIT } };

static void
read_extra (VelArchitecture *self)
{
  for (guint i = 0; i < G_N_ELEMENTS (known_inputs); i++)
    if (known_inputs[i].in_channels == self->in_channels)
      self->extra = known_inputs[i].extra;
}

static gboolean
check_channels (const VelArchitecture *self, VelWeights *weights, GError **error)
{
  for (guint i = 0; i < G_N_ELEMENTS (known_inputs) && self->out_channels == 4; i++)
    if (known_inputs[i].in_channels == self->in_channels)
      return TRUE;
  g_set_error (error, VEL_ERROR, VEL_ERROR_FAMILY,
               _ ("The UNet of \"%s\" takes %" PRId64 " channels and makes %" PRId64
                  "; this version paints with 4, 8 (to change a picture) or 9 "
                  "(to fill a mask) and 4"),
               vel_weights_get_source (weights, VEL_COMPONENT_UNET), self->in_channels, self->out_channels);
  return FALSE;
}

/* Whether what the text encoders make is what the UNet reads. */
static gboolean
check_text (const VelArchitecture *self, VelWeights *weights, GError **error)
{
  gint64 vector = vel_weights_get_size (weights, UNET "label_emb.0.0.weight", 1);

  if (self->context_dim != self->text_width) {
    g_set_error (error, VEL_ERROR, VEL_ERROR_FAMILY,
                 _ ("The UNet of \"%s\" reads text states of width %" PRId64 ", its text encoder makes %" PRId64),
                 vel_weights_get_source (weights, VEL_COMPONENT_UNET), self->context_dim, self->text_width);
    return FALSE;
  }
  if (vector != self->vector_width) {
    g_set_error (error, VEL_ERROR, VEL_ERROR_FAMILY,
                 _ ("The UNet of \"%s\" reads %" PRId64 " numbers beside the text states, %s makes %" PRId64),
                 vel_weights_get_source (weights, VEL_COMPONENT_UNET), vector, self->family->label, self->vector_width);
    return FALSE;
  }
  return TRUE;
}

/* What the family's text encoders are called: "CLIP-L and OpenCLIP-bigG". Returns: (transfer full) */
static char *
text_labels (const VelFamily *family)
{
  const VelTextUse *text = family->text;

  /* Translators: two text encoders */
  return text[1].prefix ? g_strdup_printf (_ ("%s and %s"), text[0].label, text[1].label) : g_strdup (text[0].label);
}

static gboolean
refuse_without_unet (VelWeights *weights, GError **error)
{
  const char *what = vel_weights_describe (weights);

  if (vel_weights_has_part (weights, VEL_PART_UNET))
    g_set_error (error, VEL_ERROR, VEL_ERROR_FAMILY,
                 _ ("The UNet of \"%s\" is of no family this version knows (Stable Diffusion 1, 2 and XL)"),
                 vel_weights_get_source (weights, VEL_COMPONENT_UNET));
  else if (what)
    /* Translators: a file; a phrase such as “a VAE, which --vae takes” */
    g_set_error (error, VEL_ERROR, VEL_ERROR_FAMILY, _ ("\"%s\" has no UNet: it is %s"), vel_weights_get_path (weights), what);
  else
    g_set_error (error, VEL_ERROR, VEL_ERROR_FAMILY,
                 _ ("\"%s\" is no complete Stable Diffusion model: it has no UNet (model.diffusion_model.*); name one with --unet"),
                 vel_weights_get_path (weights));
  return FALSE;
}

/* One of two text encoders is there. */
static gboolean
refuse_half (const VelArchitecture *self, VelWeights *weights, GError **error)
{
  const VelTextUse *text = self->family->text;

  g_set_error (
      error, VEL_ERROR, VEL_ERROR_FAMILY,
      _ ("\"%s\" is of %s, which has two text encoders; there is one of width %" PRId64 ": name the other, %s, with --text-encoder"),
      vel_weights_get_path (weights), self->family->label, self->text_width, text[self->text_width == text[1].width ? 0 : 1].label);
  return FALSE;
}

/* What is missing, in one sentence with the option that gives it. */
static gboolean
check_parts (const VelArchitecture *self, VelWeights *weights, GError **error)
{
  gboolean text = vel_weights_has_part (weights, VEL_PART_TEXT_ENCODER), vae = vel_weights_has_part (weights, VEL_PART_VAE);
  g_autofree char *labels = text_labels (self->family);
  const char *path = vel_weights_get_path (weights), *label = self->family->label;

  if (!text && !vae)
    g_set_error (error, VEL_ERROR, VEL_ERROR_FAMILY,
                 _ ("\"%s\" is a UNet of %s, with no text encoder and no VAE: name %s with --text-encoder and a VAE with --vae"), path,
                 label, labels);
  else if (!text)
    g_set_error (error, VEL_ERROR, VEL_ERROR_FAMILY, _ ("\"%s\" is of %s and has no text encoder: name %s with --text-encoder"), path,
                 label, labels);
  else if (self->n_texts == 1 && self->family->text[1].prefix)
    return refuse_half (self, weights, error);
  else if (!vae)
    g_set_error (error, VEL_ERROR, VEL_ERROR_FAMILY, _ ("\"%s\" is of %s and has no VAE: name one with --vae"), path, label);
  return text && vae;
}

gboolean
vel_architecture_look (VelArchitecture *self, VelWeights *weights, const char *prediction_option)
{
  *self = (VelArchitecture){ .family = vel_family_match (weights) };
  if (!self->family)
    return FALSE;
  read_unet (self, weights);
  read_text (self, weights);
  self->vae_channels = vel_weights_get_size (weights, "first_stage_model.decoder.norm_out.weight", 0);
  read_extra (self);
  read_prediction (self, weights, prediction_option);
  read_noise (self, weights);
  read_size (self, weights);
  return TRUE;
}

gboolean
vel_architecture_read (VelArchitecture *self, VelWeights *weights, const char *prediction_option, GError **error)
{
  if (!vel_architecture_look (self, weights, prediction_option))
    return refuse_without_unet (weights, error);
  return check_channels (self, weights, error) && check_parts (self, weights, error) && check_text (self, weights, error);
}

const char *
vel_prediction_to_string (VelPrediction prediction)
{
  return prediction == VEL_PREDICTION_V ? "v" : "eps";
}
