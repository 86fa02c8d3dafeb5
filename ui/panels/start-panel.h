/* The picture to start from instead of noise.
 * SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "ui/widgets/section.h"

#define VEL_TYPE_START_PANEL (vel_start_panel_get_type ())
G_DECLARE_FINAL_TYPE (VelStartPanel, vel_start_panel, VEL, START_PANEL, VelSection)
