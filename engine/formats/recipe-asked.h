/* What was asked for, as both texts of settings say it.  SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "engine/formats/recipe.h"

static inline gboolean
vel_recipe_varies (VelValues *request)
{
  return vel_values_get_real (request, "variation_strength") != 0;
}

static inline guint
vel_recipe_asked_width (const VelRecipeFacts *facts)
{
  return facts->painted_width > 0 ? facts->painted_width : facts->width;
}

static inline guint
vel_recipe_asked_height (const VelRecipeFacts *facts)
{
  return facts->painted_height > 0 ? facts->painted_height : facts->height;
}
