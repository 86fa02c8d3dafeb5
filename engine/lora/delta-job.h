/* What the kinds of change share: a layer's tensors as floats, checked, and products of them. For the files of this folder only.
 * SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "engine/lora/delta.h"

typedef struct {
  const VelDeltaParts *parts;
  VelDeltaShape shape;
  gsize columns; /* in * kernel * kernel: the weight's row */
  VelDeltaOriginal original;
  gpointer data;
} VelDeltaJob;

/* Larger ones are a file's mistake: the widest layers of these models have 10240 rows, and what costs memory and time grows with it. */
enum { VEL_DELTA_MAX_RANK = 4096 };

/* Whether all tensors are numbers with few enough axes; the functions below rely on it. Returns: FALSE with error set */
gboolean vel_delta_check_known (const VelDeltaJob *job, GError **error);
/* Its usual name, "lora_down.weight". */
const char *vel_delta_role_name (VelDeltaRole role);
gboolean vel_delta_has (const VelDeltaParts *parts, VelDeltaRole role);
/* Of a tensor that may be missing or have fewer axes: 0 then. */
gsize vel_delta_axis (const VelDeltaParts *parts, VelDeltaRole role, guint axis);
/* [out, in] or [out, in, kernel, kernel] for `rows` and `columns` in the place of out and in. */
VelShape vel_delta_shape (const VelDeltaJob *job, gsize rows, gsize columns);

/* Returns: FALSE with an error naming the first of `roles` (ended by VEL_N_DELTA_ROLES) that is missing */
gboolean vel_delta_need (const VelDeltaJob *job, const VelDeltaRole *roles, GError **error);
/* Returns: the size of an axis, from 1 to VEL_DELTA_MAX_RANK; 0 with error set */
gsize vel_delta_find_rank (const VelDeltaJob *job, VelDeltaRole role, guint axis, GError **error);
/* The tensor's first axis has to be the wanted one, the others multiply to the wanted ones: [8, 16], [8, 16, 1, 1] are the same.
 * Returns: (transfer full); NULL with error set */
float *vel_delta_read (const VelDeltaJob *job, VelDeltaRole role, VelShape wanted, GError **error);
/* One axis is n long, any others 1. */
float *vel_delta_read_vector (const VelDeltaJob *job, VelDeltaRole role, gsize n, GError **error);
gboolean vel_delta_read_number (const VelDeltaJob *job, VelDeltaRole role, double *number, GError **error);
/* alpha / rank, or over the rank's root where the file's settings say so; 1 without alpha, and for an alpha of 0, by which trainers mean the rank. */
gboolean vel_delta_read_scale (const VelDeltaJob *job, gsize rank, double *scale, GError **error);
/* W0. Returns: (transfer full); NULL with error set */
float *vel_delta_read_original (const VelDeltaJob *job, GError **error);
/* Values not set. Returns: (transfer full); NULL with VEL_ERROR_MEMORY */
float *vel_delta_new (const VelDeltaJob *job, gsize rows, gsize columns, GError **error);
/* Says that a tensor has not the shape that was wanted. */
void vel_delta_set_shape_error (const VelDeltaJob *job, VelDeltaRole role, const char *wanted, GError **error);
/* Largest magnitude; infinity or no number if there is such a value. */
float vel_delta_get_largest (const float *values, gsize count);

/* out[j] += sum over k of a[k] b[k, j], four k at a time, in this order. b's rows are `stride` apart. */
void vel_delta_add_row (float *out, const float *a, const float *b, gsize stride, gsize inner, gsize n);
/* out [rows, columns] = a [rows, inner] b [inner, columns]; or that much more */
void vel_delta_add_product (float *out, const float *a, const float *b, gsize rows, gsize inner, gsize columns);
void vel_delta_product (float *out, const float *a, const float *b, gsize rows, gsize inner, gsize columns);
/* out [rows, columns, taps] = sum over n of mid [rows, inner, taps] down [inner, columns]: a Tucker core, or W0, times a matrix.
 * Returns: FALSE with error set */
gboolean vel_delta_fold (const VelDeltaJob *job, float *out, const float *mid, const float *down, gsize rows, gsize inner, gsize columns,
                         gsize taps, GError **error);
/* out [columns, rows] from a [rows, columns] */
void vel_delta_transpose (float *out, const float *a, gsize rows, gsize columns);

/* Each fills `self`, which is empty, leaving behind what it made if it fails. */
typedef gboolean (*VelDeltaMake) (VelDelta *self, const VelDeltaJob *job, GError **error);
gboolean vel_delta_make_lora (VelDelta *self, const VelDeltaJob *job, GError **error);
gboolean vel_delta_make_loha (VelDelta *self, const VelDeltaJob *job, GError **error);
gboolean vel_delta_make_lokr (VelDelta *self, const VelDeltaJob *job, GError **error);
gboolean vel_delta_make_ia3 (VelDelta *self, const VelDeltaJob *job, GError **error);
gboolean vel_delta_make_glora (VelDelta *self, const VelDeltaJob *job, GError **error);
gboolean vel_delta_make_oft (VelDelta *self, const VelDeltaJob *job, GError **error);
gboolean vel_delta_make_full (VelDelta *self, const VelDeltaJob *job, GError **error);
/* V * dora_scale / norm (V) - W0 in the place of the change. */
gboolean vel_delta_decompose (VelDelta *self, const VelDeltaJob *job, GError **error);
