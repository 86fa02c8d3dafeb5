/* Prompts to conditions: chunks through the text encoders, weighted, side by side; pooled text and sizes.
 * SPDX-License-Identifier: Apache-2.0
 * AUTOMATIC1111 1.10 modules/sd_emphasis.py, modules/sd_hijack_clip.py process_tokens, sd_models_xl.py. */
#pragma once

#include "engine/pipeline/model.h"
#include "engine/pipeline/trace.h"
#include "engine/sampling/denoiser.h"
#include "engine/text/embedding.h"
#include "engine/text/prompt.h"

typedef enum {
  VEL_EMPHASIS_ORIGINAL, /* weight the states, then restore the mean of each chunk */
  VEL_EMPHASIS_NO_NORM,  /* weight the states */
  VEL_EMPHASIS_IGNORE,   /* understand the brackets, weight nothing */
  VEL_EMPHASIS_NONE,     /* brackets are text */
} VelEmphasisMode;

/* "original", "no-norm", "ignore", "none"; anything else is the first. */
VelEmphasisMode vel_emphasis_mode_from_string (const char *text);

/* By what, and for what picture. */
typedef struct {
  const VelModel *model; /* with its text encoders */
  unsigned clip_skip;
  VelPromptLanguage language;
  VelEmphasisMode emphasis;
  gboolean zero_for_empty; /* see VelRules */
  guint width, height; /* of the picture */
  const VelEmbeddings *embeddings; /* (nullable) */
  VelTrace *trace;     /* (nullable) */
} VelConditioner;

/* A text of the picture: of one step of one sub-prompt. */
typedef struct {
  const char *text;
  gboolean negative; /* what the picture is not to be */
  gboolean nothing;  /* all of the negative prompt is empty: families that want it so get zeros */
  guint n_chunks;    /* at least so many: empty ones follow */
  gboolean traced;
} VelPassage;

/* How many chunks a text has by itself, at least one. */
guint vel_conditioning_count (const VelConditioner *self, const char *text);

/* condition: gets states [1, 77 * chunks, sum of widths], and the vector where the family has one, of memory of their own.
 * Returns: FALSE if the context failed (ask vel_context_check) */
gboolean vel_conditioning_encode (VelContext *ctx, const VelConditioner *self, const VelPassage *passage, VelCondition *condition);
