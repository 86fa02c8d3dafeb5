/* Where finished pictures go.
 * SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "ui/widgets/section.h"

#define VEL_TYPE_OUTPUT_PANEL (vel_output_panel_get_type ())
G_DECLARE_FINAL_TYPE (VelOutputPanel, vel_output_panel, VEL, OUTPUT_PANEL, VelSection)
