/* Stable Diffusion 1.x (Rombach et al. 2022).  SPDX-License-Identifier: Apache-2.0 */
#include "engine/models/family-list.h"

const VelFamily vel_family_sd15 = {
  .id = "sd1",
  .label = "Stable Diffusion 1",
  .marker = "cond_stage_model.transformer.",
  .unet_heads = 8,
  .latent_scale = 0.18215,
  .clip_skip = 1,
  .width = 512,
  .height = 512,
  .vae_channels = 128,
  /* A least-squares fit of decoded colours to latents, as previews of this family have used since 2022. */
  .latent_to_rgb = {
    { 0.1495, 0.1035, 0.1040 },
    { 0.0935, 0.1430, 0.0865 },
    { -0.0790, 0.0945, 0.1320 },
    { -0.0920, -0.1355, -0.2365 },
    { 0.5, 0.5, 0.5 },
  },
};
