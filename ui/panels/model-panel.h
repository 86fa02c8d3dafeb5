/* Which model paints.
 * SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "ui/models.h"
#include "ui/widgets/section.h"

#define VEL_TYPE_MODEL_PANEL (vel_model_panel_get_type ())
G_DECLARE_FINAL_TYPE (VelModelPanel, vel_model_panel, VEL, MODEL_PANEL, VelSection)

/* Before vel_section_set_request. */
void vel_model_panel_set_models (VelModelPanel *self, VelModels *models);
