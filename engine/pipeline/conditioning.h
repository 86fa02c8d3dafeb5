/* Prompts to text states: chunks through the text encoder, weighted.
 * SPDX-License-Identifier: Apache-2.0
 * AUTOMATIC1111 1.10 modules/sd_emphasis.py, modules/sd_hijack_clip.py process_tokens. */
#pragma once

#include "engine/models/clip.h"
#include "engine/pipeline/trace.h"
#include "engine/text/prompt.h"

typedef enum {
  VEL_EMPHASIS_ORIGINAL, /* weight the states, then restore the mean of each chunk */
  VEL_EMPHASIS_NO_NORM,  /* weight the states */
  VEL_EMPHASIS_IGNORE,   /* understand the brackets, weight nothing */
  VEL_EMPHASIS_NONE,     /* brackets are text */
} VelEmphasisMode;

/* "original", "no-norm", "ignore", "none"; anything else is the first. */
VelEmphasisMode vel_emphasis_mode_from_string (const char *text);

/* -> [1, 77 * chunks, width], of memory of its own. name: "cond" or "uncond", for the trace.
 * Returns: (transfer full); NULL if the context failed (ask vel_context_check) */
VelTensor *vel_conditioning_encode (VelContext *ctx, const VelClip *clip, VelTokenizer *tokenizer, const char *prompt, unsigned clip_skip,
                                    VelEmphasisMode mode, VelTrace *trace, const char *name);
