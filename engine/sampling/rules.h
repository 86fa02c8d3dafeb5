/* What the programs do differently with the same settings, as values.  SPDX-License-Identifier: Apache-2.0
 *
 * AUTOMATIC1111 1.10; ComfyUI comfy/sample.py, samplers.py, model_sampling.py, k_diffusion/sampling.py; diffusers
 * StableDiffusionPipeline with its EulerDiscreteScheduler and the configuration of Stable Diffusion 1.5. */
#pragma once

#include <glib.h>

#include "engine/text/language.h"

typedef enum {
  VEL_SCALE_SIGMA,       /* first noise is unit noise times sigma */
  VEL_SCALE_ROOT_AT_TOP, /* times sqrt (1 + sigma^2), where sigma is the network's largest */
  VEL_SCALE_ROOT,        /* so at any sigma, if there is no picture below */
} VelStartScale;

typedef enum {
  VEL_OVER_PICTURE_AND_ONE, /* over a picture as many steps as the strength's share comes to, and one */
  VEL_OVER_PICTURE_ALL,     /* all steps: the last of as many more as are left out */
  VEL_OVER_PICTURE_SHARE,   /* the strength's share */
} VelOverPicture;

/* One thing by another name. */
typedef struct {
  const char *asked, *meant;
} VelMeaning;

typedef struct {
  const char *id; /* "a1111" */
  gboolean together;       /* the noise of a batch is one tensor of one stream, not a stream for each picture */
  gboolean first_from_cpu; /* first noise and Brownian paths are the processor's, whatever the noise source */
  gboolean steps_anew;     /* noise of steps comes from a new stream: of the same seed, on the processor of the next one */
  gboolean path_of_run;    /* Brownian paths span the run's own levels, not those of the schedule it is a part of */
  gboolean nearest_time;   /* the network is told the nearest timestep of its training, not one in between */
  gboolean colours_reversed; /* upscalers are given blue, green, red, whatever they were trained on */
  gboolean mask_input;     /* of samplers with timesteps of their own a mask acts on what the network sees, not on what it says */
  gboolean zero_for_empty; /* an empty negative prompt is zeros where the family says so */
  VelPromptLanguage language;
  VelOverPicture over_picture;
  VelStartScale start;
  const char *const *discard; /* ids of samplers that take the schedule of one step more without its last but one level; NULL: those
                                 that say so themselves */
  const VelMeaning *samplers, *schedules; /* each ends with NULLs; "automatic" may be among the schedules */
} VelRules;

/* Returns: borrowed; the first one for an unknown id */
const VelRules *vel_rules_find (const char *id);
/* Returns: what is meant by a name under these rules, maybe the name itself */
const char *vel_rules_mean (const VelMeaning *meanings, const char *name);
