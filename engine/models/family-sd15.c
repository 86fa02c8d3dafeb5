/* Stable Diffusion 1.x (Rombach et al. 2022).  SPDX-License-Identifier: Apache-2.0 */
#include "engine/models/family-list.h"

const VelFamily vel_family_sd15 = {
  .id = "sd1",
  .label = "Stable Diffusion 1",
  .markers = { { "cond_stage_model.transformer." } },
  .text = { { "cond_stage_model.", "CLIP-L", 768, .layer = VEL_TEXT_LAYER_ASKED, .final_norm = TRUE } },
  .context_dim = 768,
  .unet_heads = 8,
  .latent_scale = 0.18215,
  .clip_skip = 1,
  .width = 512,
  .height = 512,
  .vae_channels = 128,
  .latent_to_rgb = VEL_SD1_LATENT_TO_RGB,
};
