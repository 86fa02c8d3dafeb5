/* A picture's prompts as terms of guidance, whose conditions change with the steps.
 * SPDX-License-Identifier: Apache-2.0
 * AUTOMATIC1111 1.10 modules/prompt_parser.py reconstruct_multicond_batch, modules/sd_samplers_cfg_denoiser.py combine_denoised. */
#pragma once

#include "engine/pipeline/conditioning.h"
#include "engine/sampling/guidance.h"
#include "engine/text/prompt-plan.h"

typedef struct VelPrompts VelPrompts;

typedef struct {
  const char *positive, *negative;
  VelTimelineRules rules; /* steps: as the sampler's calls count them */
  double scale;           /* of guidance */
  gboolean always_guided; /* even where the negative prompt makes no difference */
} VelPromptsAsked;

/* Every text that occurs in some step is encoded once.
 * Returns: (transfer full); NULL with VEL_ERROR_REQUEST for a tag that makes no sense, or with what the context failed with */
VelPrompts *vel_prompts_new (VelContext *ctx, const VelConditioner *conditioner, const VelPromptsAsked *asked, GError **error);
void vel_prompts_free (VelPrompts *self);
/* Whether the negative prompt is a term. */
gboolean vel_prompts_are_guided (const VelPrompts *self);
/* Networks that the positive prompt asks for. (element-type VelPromptNetwork) */
const GPtrArray *vel_prompts_get_networks (const VelPrompts *self);

/* What the network reads beside the latent, for all conditions.  none: (nullable) the same without a picture: then guidance by the picture is a
 * term more, image_scale its scale (Brooks et al. 2023). */
void vel_prompts_set_extra (VelPrompts *self, VelTensor *extra, VelTensor *none, double image_scale);
/* In the order of the sub-prompts; then the negative prompt, then that without a picture.
 * Returns: (transfer full) [n], of the first evaluation */
VelTerm *vel_prompts_dup_terms (const VelPrompts *self, unsigned *n);
/* A VelChangeFunc; data: the prompts. Step k, from 0, has the first entry of a timeline with k ≤ its last step. */
void vel_prompts_change (unsigned evaluation, const VelCondition **conditions, gpointer data);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (VelPrompts, vel_prompts_free)
