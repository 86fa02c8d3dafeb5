/* CLIP's text encoder (Radford et al. 2021): causal, pre-norm. ViT-L/14's with quick-GELU in Stable Diffusion 1 and XL, OpenCLIP's with
 * exact GELU in Stable Diffusion 2 and XL.  SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "engine/models/layers.h"

/* Which layer's states the UNet reads. */
typedef enum {
  VEL_TEXT_LAYER_ASKED,       /* the last, or an earlier one by clip skip */
  VEL_TEXT_LAYER_PENULTIMATE, /* always the last but one */
  VEL_TEXT_LAYER_KEPT,        /* the last but one of OpenCLIP's; diffusers' folders lack the last, and the projection with it */
} VelTextLayer;

/* How a family uses one of its text encoders. */
typedef struct {
  const char *prefix;        /* of its tensors: "cond_stage_model."; NULL ends a list */
  const char *label;         /* "CLIP-L" */
  gint64 width;              /* usual, of its states */
  gboolean exact_gelu;       /* else x sigmoid (1.702 x) */
  gboolean pad_with_zero;    /* what follows the end token: 0, or the end token again */
  VelTextLayer layer;
  gboolean final_norm;       /* of those states */
  gboolean pooled;           /* also gives one vector for the whole text */
} VelTextUse;

typedef struct VelClip VelClip;

/* Reads widths and layer count from the tensors, in the layout of transformers (<prefix>transformer.text_model.) or of OpenCLIP
 * (<prefix>model.), whichever is there. use: borrowed, of static storage.
 * Returns: (transfer full); NULL after an error of the loader */
VelClip *vel_clip_load (VelLoader *loader, const VelTextUse *use);
void vel_clip_free (VelClip *self);
const VelTextUse *vel_clip_get_use (const VelClip *self);
gint64 vel_clip_get_width (const VelClip *self);
gint64 vel_clip_get_pooled_width (const VelClip *self); /* 0: gives none */
gint64 vel_clip_get_n_layers (const VelClip *self);
gint64 vel_clip_get_n_tokens (const VelClip *self); /* of the vocabulary */

/* The states of the layer that the family uses; skip: of VEL_TEXT_LAYER_ASKED, 1 = the last layer.
 * tokens: [n] ids, n = 77.  vectors: (nullable) [n], what stands in a token's place: [width] host memory, or NULL for the token's own.
 * end: where the first end token stands.  pooled: (nullable) [pooled width] host memory, for the last layer's normed state there times the
 * projection. -> [1, n, width], in fp32 whatever the network computes in */
VelTensor *vel_clip_encode (VelContext *ctx, const VelClip *self, const guint32 *tokens, const float *const *vectors, gint64 n, unsigned skip,
                            gint64 end, float *pooled);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (VelClip, vel_clip_free)
