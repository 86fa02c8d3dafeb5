/* Stable Diffusion 2.0 and 2.1: OpenCLIP's text encoder, epsilon or v.  SPDX-License-Identifier: Apache-2.0 */
#include "engine/models/family-list.h"

#include <math.h>

#include "kernels/half.h"

#define TELLING "model.diffusion_model.output_blocks.11.1.transformer_blocks.0.norm1.bias"
#define SPREAD_OF_V 0.09

static double
value_at (const VelTensorEntry *entry, gsize i)
{
  switch (entry->type) {
  case VEL_F16:
    return vel_half_to_float (((const guint16 *) entry->data)[i]);
  case VEL_BF16:
    return vel_bfloat_to_float (((const guint16 *) entry->data)[i]);
  default:
    return ((const float *) entry->data)[i];
  }
}

/* Files of this family do not say what they predict; training for v spread the biases of one norm, which AUTOMATIC1111
 * (modules/sd_models_config.py) found by running the network and stable-diffusion.cpp, as here, by looking. */
static gboolean
predicts_v (VelWeights *weights, gboolean *v)
{
  const VelTensorEntry *entry = vel_weights_get (weights, TELLING, VEL_SHAPE (-1), NULL);
  gsize count = entry ? (gsize) vel_shape_count (entry->shape) : 0;
  double sum = 0, squares = 0, mean;

  if (count == 0)
    return FALSE;
  for (gsize i = 0; i < count; i++) {
    double value = value_at (entry, i);

    sum += value;
    squares += value * value;
  }
  mean = sum / (double) count;
  *v = sqrt (fmax (squares / (double) count - mean * mean, 0)) > SPREAD_OF_V;
  return TRUE;
}

const VelFamily vel_family_sd2 = {
  .id = "sd2",
  .label = "Stable Diffusion 2",
  .markers = { { "cond_stage_model.model." }, { "cond_stage_model.transformer.", "gelu" } },
  .text = { { "cond_stage_model.", "OpenCLIP-H", 1024, .exact_gelu = TRUE, .pad_with_zero = TRUE, .layer = VEL_TEXT_LAYER_KEPT,
              .final_norm = TRUE } },
  .context_dim = 1024,
  .matrices = TRUE,
  .unet_head_dim = 64,
  .latent_scale = 0.18215,
  .clip_skip = 1,
  .predicts_v = predicts_v,
  .width = 512,
  .height = 512,
  .side_of_v = 768,
  .vae_channels = 128,
  .latent_to_rgb = VEL_SD1_LATENT_TO_RGB,
};
