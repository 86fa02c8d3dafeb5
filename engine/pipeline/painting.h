/* One request on its way through the stages: what they share. Each stage is a file, painting-<stage>.c.
 * SPDX-License-Identifier: Apache-2.0
 *
 * plan, text, sample, perhaps again (the second pass), decode; room is what happens where memory runs out between them. Every stage may be
 * run anew after that. */
#pragma once

#include "engine/pipeline/engine.h"
#include "engine/pipeline/hires.h"
#include "engine/pipeline/inpaint.h"
#include "engine/pipeline/prompts.h"
#include "engine/pipeline/refiner.h"
#include "engine/pipeline/soft.h"
#include "engine/pipeline/start.h"
#include "engine/sampling/first-noise.h"

typedef struct {
  VelEngine *engine;
  VelModel *model;
  VelValues *request;
  VelProgressFunc progress;
  gpointer progress_data;
  GCancellable *cancellable;
  VelTrace *trace;

  VelFirstNoise first; /* seeds, and how noise is made of them */
  VelRandomKind kind;  /* of the noise of steps */
  guint width, height; /* of the pass at hand */
  guint first_width, first_height; /* of the first one */
  gint64 batch;
  const VelRules *rules;
  const VelSampler *sampler;
  GArray *sigmas; /* (element-type double) of the whole descent */
  VelStart start; /* the part of it that is gone */
  VelHires hires;
  gboolean second;               /* the second pass is at hand; */
  gboolean between;              /* it is being prepared */
  guint base_steps; /* of the first pass, as prompts count them */
  unsigned steps_before, n_steps; /* progress: of the first pass when the second is at hand; of both */
  VelModelKey key;
  char *parts[VEL_N_PARTS]; /* paths, for the key */
  GPtrArray *notes; /* (element-type utf8) */
  VelGuidance *guidance; /* while sampling, owned */
  char *refiner_path;    /* (nullable) of the second model */
  char *upscaler_path;   /* (nullable) of the network that enlarges before the second pass */
  VelRefiner *refiner;   /* (nullable) while sampling */
  gboolean refining;     /* it has taken over */
  unsigned finished;     /* steps of the pass at hand */
  GPtrArray *controls;           /* (element-type VelControlWish) ControlNets */
  const VelElsewhere *elsewhere; /* (nullable) for one half of it */
  VelPrompts *prompts;
  VelInpaint *before;       /* (nullable) the start picture, */
  VelTensor *latent_before; /* (nullable) and its latent, in the size of the pass at hand; */
  VelTensor *latent_start;  /* (nullable) what is painted over: that, or in the second pass what the first one has made of it */
  VelTensor *latents;       /* [B, h, w, 4] */
  GPtrArray *changed;       /* (nullable) (element-type VelBitmap) of soft inpainting, where each has moved */
  gboolean sampled;         /* they are done, */
  GPtrArray *kept;          /* (nullable) (element-type VelKept) and on disk; NULL once a picture has it */
  gboolean in_strips;       /* memory is too small to decode whole pictures; */
  gboolean on_disk;         /* even for what lies between the strips, */
  gboolean narrow;          /* and for strips of more than two rows; */
  VelDevice *spare;         /* (nullable) where decoding goes on when it is too small even for strips, */
  VelVae *spare_vae;        /* with a VAE there */

  gint64 sampling_began, shown; /* monotonic time; shown: of the latest preview */
  guint8 *preview; /* [h, w, 3], the latest, */
  guint preview_width, preview_height; /* and its size */
} VelPainting;

void vel_painting_clear (VelPainting *self);
void vel_painting_tell (VelPainting *self, VelProgress progress);
/* Where networks run: with edges that meet, if that is asked for. Returns: (transfer full) */
VelContext *vel_painting_new_context (const VelPainting *self, VelDevice *device);
/* Whether `failure` is of numbers that a higher precision may hold; says so in a note. */
gboolean vel_painting_may_retry (VelPainting *self, const GError *failure, VelType type, VelType higher);
/* Returns: (transfer full) what a person should know */
GStrv vel_painting_dup_notes (const VelPainting *self);

/* The model, kept from the last request where it is the same. */
gboolean vel_painting_load (VelPainting *self, GError **error);
/* Options to numbers. */
gboolean vel_painting_plan (VelPainting *self, GError **error);
/* sampler, schedule: names of options; of the second pass they may be unset, which means the first one's. */
gboolean vel_painting_plan_descent (VelPainting *self, const char *sampler, const char *schedule, VelReach reach, GError **error);

/* Prompts to conditions, of the pass at hand. */
gboolean vel_painting_encode_text (VelPainting *self, GError **error);
VelConditioner vel_painting_make_conditioner (const VelPainting *self);
VelPromptsAsked vel_painting_ask_prompts (const VelPainting *self);
/* The LoRAs that the request and the prompt of the pass at hand ask for, opened. */
gboolean vel_painting_choose_loras (VelPainting *self, GError **error);
/* What they did is said, and what else the prompt asks for. Returns: FALSE with an error if one did nothing */
gboolean vel_painting_report_loras (VelPainting *self, GError **error);
/* The ControlNets that the request asks for, opened; their pictures are looked at. */
gboolean vel_painting_choose_controls (VelPainting *self, GError **error);
/* And on the device, beside the model's UNet, which is there. */
gboolean vel_painting_load_controls (VelPainting *self, GError **error);
/* For the pass at hand. Returns: (transfer full) (element-type VelControl) */
GArray *vel_painting_make_controls (VelPainting *self, VelContext *ctx, GError **error);
const char *vel_painting_get_text (const VelPainting *self, const char *name, const char *hires);
/* The start picture, if there is one. */
gboolean vel_painting_encode_start (VelPainting *self, GError **error);
/* What the network reads beside the latent; the second guidance of models that change pictures. */
gboolean vel_painting_make_extra (VelPainting *self, GError **error);

/* Noise to latents, in a higher precision where numbers leave the bounds. */
gboolean vel_painting_sample (VelPainting *self, GError **error);
/* The picture once more, larger, if that was asked for. */
gboolean vel_painting_paint_again (VelPainting *self, GError **error);

/* What is painted, on disk until it is saved. Not being able to keep it is a note, no error. */
void vel_painting_keep (VelPainting *self);
/* The stages that are left; pictures that are complete are kept even if a later one is stopped. trace_path: (nullable). Ends `self`.
 * Returns: (transfer full) */
VelResult *vel_painting_run (VelPainting *self, const char *trace_path, gboolean keep_partial, GError **error);

/* One latent to a picture. Returns: (transfer full) */
VelPicture *vel_painting_decode (VelPainting *self, gint64 index, GError **error);
/* The latest preview as a picture. Returns: (transfer full) */
VelPicture *vel_painting_take_preview (VelPainting *self);
void vel_picture_free (VelPicture *self);

/* Before decoding on the processor: strips, where whole pictures would not fit. */
void vel_painting_foresee_decode (VelPainting *self);
/* The next rung of the ladder after memory ran out. Returns: FALSE at its end, with an error or none */
gboolean vel_painting_make_room (VelPainting *self, GError **error);
/* At the end of the ladder: what is missing, in numbers. */
void vel_painting_explain_memory (VelPainting *self, GError **failure);
