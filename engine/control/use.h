/* When a ControlNet acts, and how strongly.  SPDX-License-Identifier: Apache-2.0
 * Mikubill/sd-webui-controlnet scripts/hook.py, soft_injection and cfg_injection. */
#pragma once

#include <glib.h>

typedef enum {
  VEL_CONTROL_BALANCED,
  VEL_CONTROL_PROMPT,  /* "my prompt is more important": the middle's result counts in full, those further up ever less */
  VEL_CONTROL_CONTROL, /* "ControlNet is more important": so too, and only on the side of what is wanted */
  VEL_N_CONTROL_MODES
} VelControlMode;

typedef struct {
  double weight;     /* multiplies every result */
  double start, end; /* shares of the steps */
  VelControlMode mode;
} VelControlUse;

/* "balanced", "prompt", "control" */
const char *vel_control_mode_get_id (VelControlMode mode);
/* In step k (from 0) of n: all of it lies between start and end. n: 0 for a call outside of any steps */
gboolean vel_control_use_is_active (const VelControlUse *self, unsigned step, unsigned n_steps);
/* What result i (of the skip connections from the top, then the middle) is multiplied by. negative: for what is to be avoided */
double vel_control_use_get_scale (const VelControlUse *self, unsigned i, gboolean negative);
