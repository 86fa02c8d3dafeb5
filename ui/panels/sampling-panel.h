/* How the picture is worked out: steps, guidance, sampler, seed.
 * SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "ui/widgets/section.h"

#define VEL_TYPE_SAMPLING_PANEL (vel_sampling_panel_get_type ())
G_DECLARE_FINAL_TYPE (VelSamplingPanel, vel_sampling_panel, VEL, SAMPLING_PANEL, VelSection)

/* The seed of the picture just painted. */
void vel_sampling_panel_show_seed (VelSamplingPanel *self, guint64 seed);
