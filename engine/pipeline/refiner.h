/* A second model that takes over on the way (Podell et al. 2023, section 2.5).
 * SPDX-License-Identifier: Apache-2.0
 * AUTOMATIC1111 1.10 modules/sd_samplers_common.py apply_refiner: the share of the way that lies behind is read off the noise level, or the
 * steps are counted, as it did before 1.8. */
#pragma once

#include "engine/pipeline/prompts.h"

typedef struct VelRefiner VelRefiner;

/* What it paints with; all borrowed. */
typedef struct {
  VelDevice *device;
  VelModelKey key;            /* as the first model's but for the path; no other parts */
  VelPictureSize size;
  VelConditioner conditioner; /* without its model and embeddings; not traced */
  VelPromptsAsked prompts;
  gboolean nearest_time;      /* see VelRules */
  double rescale;             /* see vel_guidance_set_rescale */
  VelShape shape;             /* of the latents */
  const double *sigmas;       /* of the run, [n_sigmas] */
  unsigned n_sigmas;
} VelRefinerTask;

/* path: of the model.  at: the share of the way, 0..1.  step: how many steps lie before it instead, or 0.  Returns: (transfer full) */
VelRefiner *vel_refiner_new (const char *path, double at, unsigned step);
void vel_refiner_free (VelRefiner *self);
/* Whether an evaluation at this noise level is its own. levels: the first model's.  finished: steps behind it. */
gboolean vel_refiner_is_due (const VelRefiner *self, const VelNoiseLevels *levels, double sigma, unsigned finished);
/* Loads it; the first model's networks should have made room. first: for whose latents.  evaluations: that lie behind.
 * Returns: (transfer full) what goes on from here, valid as long as self; NULL after an error of the context */
VelGuidance *vel_refiner_take_over (VelContext *ctx, VelRefiner *self, const VelRefinerTask *task, const VelModel *first, unsigned evaluations,
                                    GCancellable *cancellable);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (VelRefiner, vel_refiner_free)
