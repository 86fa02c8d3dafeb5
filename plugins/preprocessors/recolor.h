/* Grey from a table of 256 levels, as recolouring networks want it.  SPDX-License-Identifier: Apache-2.0
 * sd-webui-controlnet raises v / 255 to the power of gamma in single precision and cuts off what is behind the point. */
#pragma once

#include <math.h>

#include "plugins/preprocessors/each.h"

#define GAMMA_ROW(help)                                                                                                                    \
  {                                                                                                                                        \
    "gamma", "Gamma", help, 0.1, 2, 1                                                                                                      \
  }

static inline void
gamma_table (uint8_t table[256], double gamma)
{
  for (int i = 0; i < 256; i++) {
    float share = (float) i / 255.0f, raised = gamma == 1 ? share : (float) pow (share, (float) gamma);

    table[i] = (uint8_t) (raised * 255.0f);
  }
}
