/* Stable Diffusion XL, base (Podell et al. 2023): two text encoders side by side; pooled text, size and crop go in with the time.
 * SPDX-License-Identifier: Apache-2.0 */
#include "engine/models/family-list.h"

const VelFamily vel_family_sdxl = {
  .id = "sdxl",
  .label = "Stable Diffusion XL",
  .markers = { { "conditioner.embedders.1." } },
  .text = { { "conditioner.embedders.0.", "CLIP-L", 768, .layer = VEL_TEXT_LAYER_PENULTIMATE },
            { "conditioner.embedders.1.", "OpenCLIP-bigG", 1280, .exact_gelu = TRUE, .pad_with_zero = TRUE,
              .layer = VEL_TEXT_LAYER_PENULTIMATE, .pooled = TRUE } },
  .sizes = { VEL_SIZE_HEIGHT, VEL_SIZE_WIDTH, VEL_SIZE_CROP, VEL_SIZE_CROP, VEL_SIZE_HEIGHT, VEL_SIZE_WIDTH },
  .zero_for_empty = TRUE,
  .context_dim = 2048,
  .matrices = TRUE,
  .unet_head_dim = 64,
  .latent_scale = 0.13025,
  .clip_skip = 1,
  .width = 1024,
  .height = 1024,
  .latent_to_rgb = VEL_SDXL_LATENT_TO_RGB,
};
