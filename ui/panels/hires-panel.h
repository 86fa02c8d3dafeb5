/* The second pass, in a larger size.
 * SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "ui/widgets/section.h"

#define VEL_TYPE_HIRES_PANEL (vel_hires_panel_get_type ())
G_DECLARE_FINAL_TYPE (VelHiresPanel, vel_hires_panel, VEL, HIRES_PANEL, VelSection)
