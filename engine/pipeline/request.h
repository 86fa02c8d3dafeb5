/* Everything that is asked of a picture: one table of options, for the window, the command line and the recipe alike.
 * SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "engine/params.h"

/* Names: prompt negative model unet text_encoder vae tokenizer seed steps cfg width height batch sampler schedule clip_skip rng variation_seed variation_strength seed_resize emphasis prediction
 * init strength resize mask mask_blur mask_invert fill inpaint_area masked_padding mask_weight noise_multiplier extra_noise exact_steps
 * outpaint_left outpaint_right outpaint_top outpaint_bottom
 * soft_inpainting soft_bias soft_preservation soft_boost soft_influence soft_threshold soft_contrast
 * hires hires_resize hires_upscaler hires_steps hires_strength hires_sampler hires_schedule hires_prompt hires_negative
 * refiner refiner_at refiner_step eta s_churn s_tmin s_tmax s_noise sigma_min sigma_max discard_penultimate sgm_noise
 * device precision threads output. A hyphen in a flag is an underscore here.
 * Then whatever other numbers the samplers and schedules found by the registry ask for. */
const VelParam *vel_request_get_table (void);
/* Returns: (transfer full) */
VelValues *vel_request_new (void);
