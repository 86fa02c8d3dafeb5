/* Stable Diffusion XL, refiner (Podell et al. 2023): OpenCLIP's text encoder alone, and a score in place of a second size.
 * SPDX-License-Identifier: Apache-2.0 */
#include "engine/models/family-list.h"

const VelFamily vel_family_sdxl_refiner = {
  .id = "sdxl-refiner",
  .label = "Stable Diffusion XL Refiner",
  .markers = { { "conditioner.embedders.0." } },
  .text = { { "conditioner.embedders.0.", "OpenCLIP-bigG", 1280, .exact_gelu = TRUE, .pad_with_zero = TRUE,
              .layer = VEL_TEXT_LAYER_PENULTIMATE, .pooled = TRUE } },
  .sizes = { VEL_SIZE_HEIGHT, VEL_SIZE_WIDTH, VEL_SIZE_CROP, VEL_SIZE_CROP, VEL_SIZE_SCORE },
  .zero_for_empty = TRUE,
  .context_dim = 1280,
  .matrices = TRUE,
  .unet_head_dim = 64,
  .latent_scale = 0.13025,
  .clip_skip = 1,
  .width = 1024,
  .height = 1024,
  .latent_to_rgb = VEL_SDXL_LATENT_TO_RGB,
};
