/* How large the picture is.
 * SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "ui/widgets/section.h"

#define VEL_TYPE_SIZE_PANEL (vel_size_panel_get_type ())
G_DECLARE_FINAL_TYPE (VelSizePanel, vel_size_panel, VEL, SIZE_PANEL, VelSection)
