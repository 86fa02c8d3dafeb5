/* The descriptors family.c chooses from.
 * SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "engine/models/family.h"

extern const VelFamily vel_family_sd15, vel_family_sd2, vel_family_sdxl, vel_family_sdxl_refiner;

/* A least-squares fit of decoded colours to the latents of the VAE that Stable Diffusion 1 and 2 share, as previews have used since 2022. */
#define VEL_SD1_LATENT_TO_RGB                                                                                                           \
  {                                                                                                                                     \
    { 0.1495, 0.1035, 0.1040 }, { 0.0935, 0.1430, 0.0865 }, { -0.0790, 0.0945, 0.1320 }, { -0.0920, -0.1355, -0.2365 }, { 0.5, 0.5, 0.5 } \
  }
/* The VAE of SDXL has its lightness in the first channel; colours wait for a fit. */
#define VEL_SDXL_LATENT_TO_RGB                                                                \
  {                                                                                           \
    { 0.19, 0.2, 0.19 }, { 0 }, { 0 }, { 0 }, { 0.5, 0.5, 0.5 }                                \
  }
