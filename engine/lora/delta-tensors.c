/* The tensors of one layer's change as checked floats.  SPDX-License-Identifier: Apache-2.0 */
#include "config.h"

#include "engine/lora/delta-job.h"

#include <glib/gi18n-lib.h>
#include <math.h>

#include "engine/error.h"
#include "engine/formats/shown.h"
#include "kernels/half.h"

static const char *const role_names[VEL_N_DELTA_ROLES] = {
  [VEL_DELTA_DOWN] = "lora_down.weight",
  [VEL_DELTA_UP] = "lora_up.weight",
  [VEL_DELTA_MID] = "lora_mid.weight",
  [VEL_DELTA_ALPHA] = "alpha",
  [VEL_DELTA_DORA_SCALE] = "dora_scale",
  [VEL_DELTA_HADA_W1A] = "hada_w1_a",
  [VEL_DELTA_HADA_W1B] = "hada_w1_b",
  [VEL_DELTA_HADA_W2A] = "hada_w2_a",
  [VEL_DELTA_HADA_W2B] = "hada_w2_b",
  [VEL_DELTA_HADA_T1] = "hada_t1",
  [VEL_DELTA_HADA_T2] = "hada_t2",
  [VEL_DELTA_LOKR_W1] = "lokr_w1",
  [VEL_DELTA_LOKR_W1A] = "lokr_w1_a",
  [VEL_DELTA_LOKR_W1B] = "lokr_w1_b",
  [VEL_DELTA_LOKR_W2] = "lokr_w2",
  [VEL_DELTA_LOKR_W2A] = "lokr_w2_a",
  [VEL_DELTA_LOKR_W2B] = "lokr_w2_b",
  [VEL_DELTA_LOKR_T2] = "lokr_t2",
  [VEL_DELTA_IA3] = "weight",
  [VEL_DELTA_IA3_ON_INPUT] = "on_input",
  [VEL_DELTA_GLORA_A1] = "a1.weight",
  [VEL_DELTA_GLORA_A2] = "a2.weight",
  [VEL_DELTA_GLORA_B1] = "b1.weight",
  [VEL_DELTA_GLORA_B2] = "b2.weight",
  [VEL_DELTA_GLORA_BM] = "bm.weight",
  [VEL_DELTA_OFT_BLOCKS] = "oft_blocks",
  [VEL_DELTA_OFT_DIAG] = "oft_diag",
  [VEL_DELTA_OFT_RESCALE] = "rescale",
  [VEL_DELTA_DIFF] = "diff",
  [VEL_DELTA_DIFF_BIAS] = "diff_b",
};

const char *
vel_delta_role_name (VelDeltaRole role)
{
  return role_names[role];
}

gboolean
vel_delta_has (const VelDeltaParts *parts, VelDeltaRole role)
{
  return parts->tensors[role] != NULL;
}

gsize
vel_delta_axis (const VelDeltaParts *parts, VelDeltaRole role, guint axis)
{
  const VelTensorEntry *entry = parts->tensors[role];

  return entry && entry->known && axis < entry->shape.n && entry->shape.size[axis] > 0 ? (gsize) entry->shape.size[axis] : 0;
}

VelShape
vel_delta_shape (const VelDeltaJob *job, gsize rows, gsize columns)
{
  gint64 kernel = (gint64) job->shape.kernel;

  return kernel > 1 ? VEL_SHAPE ((gint64) rows, (gint64) columns, kernel, kernel) : VEL_SHAPE ((gint64) rows, (gint64) columns);
}

void
vel_delta_set_shape_error (const VelDeltaJob *job, VelDeltaRole role, const char *wanted, GError **error)
{
  const VelTensorEntry *entry = job->parts->tensors[role];
  g_autofree char *name = vel_shown (entry->name), *path = vel_shown (job->parts->path), *found = vel_shape_to_string (entry->shape);

  g_set_error (error, VEL_ERROR, VEL_ERROR_WEIGHT, _ ("tensor “%s” in “%s” has the shape %s; %s was wanted"), name, path, found, wanted);
}

gboolean
vel_delta_check_known (const VelDeltaJob *job, GError **error)
{
  for (VelDeltaRole role = 0; role < VEL_N_DELTA_ROLES; role++) {
    const VelTensorEntry *entry = job->parts->tensors[role];
    g_autofree char *name = NULL, *path = NULL;

    if (!entry || entry->known)
      continue;
    name = vel_shown (entry->name);
    path = vel_shown (job->parts->path);
    g_set_error (error, VEL_ERROR, VEL_ERROR_WEIGHT,
                 _ ("tensor “%s” in “%s” is stored as %s with %u axes; numbers with at most %d were wanted"), name, path, entry->dtype,
                 entry->n_axes, VEL_MAX_AXES);
    return FALSE;
  }
  return TRUE;
}

gboolean
vel_delta_need (const VelDeltaJob *job, const VelDeltaRole *roles, GError **error)
{
  const VelDeltaParts *parts = job->parts;

  for (; *roles != VEL_N_DELTA_ROLES; roles++) {
    g_autofree char *name = NULL, *path = NULL;

    if (vel_delta_has (parts, *roles))
      continue;
    name = vel_shown (parts->name);
    path = vel_shown (parts->path);
    g_set_error (error, VEL_ERROR, VEL_ERROR_WEIGHT,
                 _ ("layer “%s” in “%s” has no “%s”, without which its change is incomplete; fetch the file again"), name, path,
                 role_names[*roles]);
    return FALSE;
  }
  return TRUE;
}

gsize
vel_delta_find_rank (const VelDeltaJob *job, VelDeltaRole role, guint axis, GError **error)
{
  gsize rank = vel_delta_axis (job->parts, role, axis);
  g_autofree char *name = NULL, *path = NULL, *found = NULL;

  if (rank > 0 && rank <= VEL_DELTA_MAX_RANK)
    return rank;
  name = vel_shown (job->parts->tensors[role]->name);
  path = vel_shown (job->parts->path);
  found = vel_shape_to_string (job->parts->tensors[role]->shape);
  g_set_error (error, VEL_ERROR, VEL_ERROR_WEIGHT, _ ("tensor “%s” in “%s” has the shape %s, a rank of %zu; one from 1 to %d was wanted"),
               name, path, found, rank, VEL_DELTA_MAX_RANK);
  return 0;
}

/* Number of elements behind axis `first`; 0 if it is none or no gsize. */
static gsize
count_from (VelShape shape, guint first)
{
  gsize count = 1;

  for (guint i = first; i < shape.n; i++)
    if (shape.size[i] <= 0 || !g_size_checked_mul (&count, count, (gsize) shape.size[i]))
      return 0;
  return count;
}

/* Of what is no number the bits are the largest, so that looking for the largest bits finds both; without branches, for vectors. */
float
vel_delta_get_largest (const float *values, gsize count)
{
  gint32 largest = 0;

  for (gsize i = 0; i < count; i++) {
    gint32 bits = (gint32) (vel_float_bits (values[i]) & 0x7fffffff);

    largest = MAX (largest, bits);
  }
  return vel_float_from_bits ((guint32) largest);
}

static gboolean
check_finite (const VelDeltaJob *job, const VelTensorEntry *entry, const float *values, gsize count, GError **error)
{
  g_autofree char *name = NULL, *path = NULL;

  if (isfinite (vel_delta_get_largest (values, count)))
    return TRUE;
  name = vel_shown (entry->name);
  path = vel_shown (job->parts->path);
  g_set_error (error, VEL_ERROR, VEL_ERROR_NUMBERS,
               _ ("tensor “%s” in “%s” holds values that are not finite; the file is damaged, fetch it again"), name, path);
  return FALSE;
}

static void
convert (float *out, const void *stored, VelType type, gsize count)
{
#define CONVERT(ctype, expression)                                                                                                         \
  for (gsize i = 0; i < count; i++) {                                                                                                      \
    ctype x = ((const ctype *) stored)[i];                                                                                                 \
    out[i] = expression;                                                                                                                   \
  }                                                                                                                                        \
  break

  switch (type) {
  case VEL_F32:
    CONVERT (float, x);
  case VEL_F16:
    CONVERT (guint16, vel_half_to_float (x));
  case VEL_BF16:
    CONVERT (guint16, vel_bfloat_to_float (x));
  case VEL_F64:
    CONVERT (double, (float) x);
  case VEL_I32:
    CONVERT (gint32, (float) x);
  case VEL_I64:
    CONVERT (gint64, (float) x);
  case VEL_U8:
    CONVERT (guint8, (float) x);
  }
#undef CONVERT
}

/* All elements, `count` by now, as floats. */
static float *
read_floats (const VelDeltaJob *job, const VelTensorEntry *entry, gsize count, GError **error)
{
  g_autofree float *out = vel_delta_new (job, 1, count, error);
  g_autofree void *stored = NULL;

  if (!out)
    return NULL;
  g_assert (entry->bytes == count * vel_type_size (entry->type));
  if (entry->type == VEL_F32)
    vel_tensor_entry_read (entry, out);
  else if (vel_tensor_entry_is_plain (entry))
    convert (out, entry->data, entry->type, count);
  else {
    stored = vel_delta_new (job, 2, count, error); /* the widest type has twice the bytes of a float */
    if (!stored)
      return NULL;
    vel_tensor_entry_read (entry, stored);
    convert (out, stored, entry->type, count);
  }
  return check_finite (job, entry, out, count, error) ? g_steal_pointer (&out) : NULL;
}

float *
vel_delta_read (const VelDeltaJob *job, VelDeltaRole role, VelShape wanted, GError **error)
{
  const VelTensorEntry *entry = job->parts->tensors[role];
  gsize rest = count_from (wanted, 1), count;
  g_autofree char *text = NULL;

  if (entry->shape.n > 0 && entry->shape.size[0] == wanted.size[0] && rest > 0 && count_from (entry->shape, 1) == rest &&
      g_size_checked_mul (&count, rest, (gsize) wanted.size[0]))
    return read_floats (job, entry, count, error);
  text = vel_shape_to_string (wanted);
  vel_delta_set_shape_error (job, role, text, error);
  return NULL;
}

float *
vel_delta_read_vector (const VelDeltaJob *job, VelDeltaRole role, gsize n, GError **error)
{
  const VelTensorEntry *entry = job->parts->tensors[role];
  g_autofree char *text = NULL;
  guint longer = 0;

  for (guint i = 0; i < entry->shape.n; i++)
    longer += entry->shape.size[i] != 1;
  if (longer <= 1 && count_from (entry->shape, 0) == n)
    return read_floats (job, entry, n, error);
  text = vel_shape_to_string (VEL_SHAPE ((gint64) n));
  vel_delta_set_shape_error (job, role, text, error);
  return NULL;
}

gboolean
vel_delta_read_number (const VelDeltaJob *job, VelDeltaRole role, double *number, GError **error)
{
  g_autofree float *value = vel_delta_read_vector (job, role, 1, error);

  if (value)
    *number = value[0];
  return value != NULL;
}

gboolean
vel_delta_read_scale (const VelDeltaJob *job, gsize rank, double *scale, GError **error)
{
  gboolean stored = vel_delta_has (job->parts, VEL_DELTA_ALPHA);
  double alpha = job->parts->alpha, over = job->parts->stabilised && !stored ? sqrt ((double) rank) : (double) rank;

  if (stored && !vel_delta_read_number (job, VEL_DELTA_ALPHA, &alpha, error))
    return FALSE;
  *scale = alpha != 0 ? alpha / over : 1;
  return TRUE;
}

float *
vel_delta_new (const VelDeltaJob *job, gsize rows, gsize columns, GError **error)
{
  g_autofree char *name = NULL, *path = NULL;
  float *values = NULL;
  gsize count;

  if (g_size_checked_mul (&count, rows, columns))
    values = g_try_new (float, MAX (count, 1));
  if (values)
    return values;
  name = vel_shown (job->parts->name);
  path = vel_shown (job->parts->path);
  g_set_error (error, VEL_ERROR, VEL_ERROR_MEMORY,
               _ ("there is not enough memory for the change of layer “%s” by “%s”; close other programs or use fewer such files"), name,
               path);
  return NULL;
}

float *
vel_delta_read_original (const VelDeltaJob *job, GError **error)
{
  g_autofree float *values = vel_delta_new (job, job->shape.out, job->columns, error);

  if (!values || !job->original (values, job->data, error))
    return NULL;
  return g_steal_pointer (&values);
}
