/* Where a prompt's emphasis is, for tinting it; what it means is the engine's business.
 * SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <glib.h>

typedef enum {
  VEL_SPAN_UP,    /* (x), (x:1.2) */
  VEL_SPAN_DOWN,  /* [x], (x:0.8) */
  VEL_SPAN_ERROR, /* a bracket without its partner */
} VelSpanKind;

typedef struct {
  guint start, end; /* characters, brackets included */
  double weight;    /* of outermost brackets alone */
  VelSpanKind kind;
} VelSpan;

/* Outermost emphasis, in order of its start. Returns: (transfer full) (element-type VelSpan) */
GArray *vel_prompt_find_spans (const char *prompt);
