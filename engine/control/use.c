/* Ranges and modes.  SPDX-License-Identifier: Apache-2.0 */
#include "engine/control/use.h"

#include <math.h>

const char *
vel_control_mode_get_id (VelControlMode mode)
{
  static const char *const ids[VEL_N_CONTROL_MODES] = { "balanced", "prompt", "control" };

  return ids[mode];
}

gboolean
vel_control_use_is_active (const VelControlUse *self, unsigned step, unsigned n_steps)
{
  if (self->weight == 0)
    return FALSE;
  return n_steps == 0 || ((double) step / n_steps >= self->start && (double) (step + 1) / n_steps <= self->end);
}

double
vel_control_use_get_scale (const VelControlUse *self, unsigned i, gboolean negative)
{
  if (self->mode == VEL_CONTROL_CONTROL && negative)
    return 0;
  return self->mode == VEL_CONTROL_BALANCED ? self->weight : self->weight * pow (0.825, 12 - (double) i);
}
