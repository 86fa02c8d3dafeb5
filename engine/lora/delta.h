/* The change of one layer's weight, from what a file holds for that layer: LoRA and its kin.
 * SPDX-License-Identifier: Apache-2.0
 *
 * Hu et al. 2021 (LoRA); Hyeon-Woo et al. 2021 (LoHa); Edalati et al. 2022 and Yeh et al. 2023 (LoKr, LyCORIS, with whose arithmetic this
 * agrees); Liu et al. 2024 (DoRA); Liu et al. 2022 ((IA)3); Chavan et al. 2023 (GLoRA); Qiu et al. 2023 (OFT), Liu et al. 2023 (BOFT).
 * Every change is taken from the untouched weight W0, so that W0 + the sum of s * change does not depend on any order. */
#pragma once

#include "engine/formats/tensor-file.h"

/* What a tensor of the file is to its layer; the usual end of its name beside it. */
typedef enum {
  VEL_DELTA_DOWN,       /* lora_down.weight [rank, in(, k, k)] */
  VEL_DELTA_UP,         /* lora_up.weight [out, rank(, 1, 1)] */
  VEL_DELTA_MID,        /* lora_mid.weight [rank, rank, k, k]; down is [rank, in, 1, 1] then */
  VEL_DELTA_ALPHA,      /* alpha, a scalar */
  VEL_DELTA_DORA_SCALE, /* dora_scale [out, 1(, 1, 1)] or [1, in(, 1, 1)]: one axis longer than 1, along which norms are kept; [out] */
  VEL_DELTA_HADA_W1A, VEL_DELTA_HADA_W1B, VEL_DELTA_HADA_W2A, VEL_DELTA_HADA_W2B, /* LoHa: (w1a w1b) * (w2a w2b), element by element */
  VEL_DELTA_HADA_T1, VEL_DELTA_HADA_T2,                                           /* its Tucker form */
  VEL_DELTA_LOKR_W1, VEL_DELTA_LOKR_W1A, VEL_DELTA_LOKR_W1B,                      /* LoKr: kron (w1, w2), each whole or a product */
  VEL_DELTA_LOKR_W2, VEL_DELTA_LOKR_W2A, VEL_DELTA_LOKR_W2B, VEL_DELTA_LOKR_T2,
  VEL_DELTA_IA3, VEL_DELTA_IA3_ON_INPUT,                                          /* weight and on_input */
  VEL_DELTA_GLORA_A1, VEL_DELTA_GLORA_A2, VEL_DELTA_GLORA_B1, VEL_DELTA_GLORA_B2, VEL_DELTA_GLORA_BM,
  VEL_DELTA_OFT_BLOCKS, /* [blocks, b, b]; of BOFT [stages, blocks, b, b]; alpha bounds their norm at alpha times out, 0 and none do not */
  VEL_DELTA_OFT_DIAG,   /* oft_diag, of older LyCORIS: the rotations themselves instead */
  VEL_DELTA_OFT_RESCALE,
  VEL_DELTA_DIFF,       /* diff, w_norm: the change itself */
  VEL_DELTA_DIFF_BIAS,  /* diff_b, b_norm: that of the layer's bias [out] */
  VEL_N_DELTA_ROLES
} VelDeltaRole;

typedef struct {
  const char *name; /* of the layer as the file calls it, for errors */
  const char *path; /* of the file, likewise */
  const VelTensorEntry *tensors[VEL_N_DELTA_ROLES]; /* NULL: not there */
  double alpha;        /* of what the file says beside its tensors, where it has no such tensor; 0: nothing */
  gboolean stabilised; /* that alpha is over the root of the rank */
  gboolean peft_magnitude; /* dora_scale is peft's lora_magnitude_vector: along out whatever its axes; a convolution's is [1, out, 1, 1] */
} VelDeltaParts;

/* Of the weight that is changed: [out, in] with kernel 1, [out, in, kernel, kernel]; a norm's gamma is [out] with in 1. */
typedef struct {
  gsize out, in, kernel;
} VelDeltaShape;

/* scale * up down, or scale * up where rank is 0: what is added at strength 1. A strength s multiplies it, W0 + s * change, so that files
 * can be summed in any order and 0 is W0. LyCORIS agrees for all s but in three places, where it does at s = 1 only: DoRA (it takes V, not
 * W0, for s = 0), BOFT (it takes every stage s times) and rescale (it takes it whole). */
typedef struct {
  gsize rank;
  double scale; /* alpha and rank are in it, the person's strength is not */
  float *up;    /* [out, rank]; [out, in * kernel * kernel] */
  float *down;  /* [rank, in * kernel * kernel] or NULL */
} VelDelta;

/* Writes W0 as floats to `out` [out, in * kernel * kernel]. Returns: FALSE with error set */
typedef gboolean (*VelDeltaOriginal) (float *out, gpointer data, GError **error);

/* "LoRA", "LoCon", "LoHa", "LoKr", "(IA)3", "GLoRA", "OFT", "BOFT", "full", each with ", DoRA" behind it where there is a dora_scale; for
 * people. Returns: borrowed; NULL if the tensors make nothing of these, a bias alone included in "full" */
const char *vel_delta_get_kind (const VelDeltaParts *parts);
/* Whether anything but a bias is changed. */
gboolean vel_delta_has_weight (const VelDeltaParts *parts);
/* Number of ranks of the kinds that have them, for people; or 0. */
gsize vel_delta_get_rank (const VelDeltaParts *parts);
/* All sizes are checked before anything is computed: nothing in the file is trusted. original is called only by kinds that need W0.
 * Returns: FALSE with VEL_ERROR_WEIGHT naming layer, file, what was found and what was wanted; VEL_ERROR_MEMORY, VEL_ERROR_NUMBERS */
gboolean vel_delta_make (VelDelta *self, const VelDeltaParts *parts, VelDeltaShape shape, VelDeltaOriginal original, gpointer data,
                         GError **error);
/* The change of the bias. Returns: (transfer full) [n] floats; NULL with an error as above */
float *vel_delta_make_bias (const VelDeltaParts *parts, gsize n, GError **error);
void vel_delta_clear (VelDelta *self);
