/* Which kind of change a file holds for a layer.  SPDX-License-Identifier: Apache-2.0 */
#include "config.h"

#include "engine/lora/delta.h"

#include <float.h>
#include <glib/gi18n-lib.h>
#include <math.h>

#include "engine/error.h"
#include "engine/formats/shown.h"
#include "engine/lora/delta-job.h"

typedef struct {
  const char *name, *name_dora;
  VelDeltaRole first, last; /* its tensors */
  VelDeltaMake make;
} Kind;

enum { LORA, LOHA, LOKR, IA3, GLORA, OFT, FULL, N_KINDS };

static const Kind kinds[N_KINDS] = {
  [LORA] = { "LoRA", "LoRA, DoRA", VEL_DELTA_DOWN, VEL_DELTA_MID, vel_delta_make_lora },
  [LOHA] = { "LoHa", "LoHa, DoRA", VEL_DELTA_HADA_W1A, VEL_DELTA_HADA_T2, vel_delta_make_loha },
  [LOKR] = { "LoKr", "LoKr, DoRA", VEL_DELTA_LOKR_W1, VEL_DELTA_LOKR_T2, vel_delta_make_lokr },
  [IA3] = { "(IA)3", "(IA)3, DoRA", VEL_DELTA_IA3, VEL_DELTA_IA3_ON_INPUT, vel_delta_make_ia3 },
  [GLORA] = { "GLoRA", "GLoRA, DoRA", VEL_DELTA_GLORA_A1, VEL_DELTA_GLORA_BM, vel_delta_make_glora },
  [OFT] = { "OFT", "OFT, DoRA", VEL_DELTA_OFT_BLOCKS, VEL_DELTA_OFT_RESCALE, vel_delta_make_oft },
  [FULL] = { "full", "full, DoRA", VEL_DELTA_DIFF, VEL_DELTA_DIFF, vel_delta_make_full },
};

/* The first kind from `kind` on of which there is a tensor; N_KINDS: none. */
static guint
find_kind (const VelDeltaParts *parts, guint kind)
{
  for (; kind < N_KINDS; kind++)
    for (VelDeltaRole role = kinds[kind].first; role <= kinds[kind].last; role++)
      if (vel_delta_has (parts, role))
        return kind;
  return N_KINDS;
}

gboolean
vel_delta_has_weight (const VelDeltaParts *parts)
{
  return find_kind (parts, 0) < N_KINDS;
}

/* A LoRA of a convolution that sees more than its own point. */
static gboolean
is_locon (const VelDeltaParts *parts)
{
  return vel_delta_has (parts, VEL_DELTA_MID) || vel_delta_axis (parts, VEL_DELTA_DOWN, 2) > 1;
}

const char *
vel_delta_get_kind (const VelDeltaParts *parts)
{
  guint kind = find_kind (parts, 0);
  gboolean dora = vel_delta_has (parts, VEL_DELTA_DORA_SCALE);

  if (kind == N_KINDS)
    return vel_delta_has (parts, VEL_DELTA_DIFF_BIAS) ? kinds[FULL].name : NULL;
  if (kind == LORA && is_locon (parts))
    return dora ? "LoCon, DoRA" : "LoCon";
  if (kind == OFT && vel_delta_axis (parts, VEL_DELTA_OFT_BLOCKS, 3) > 0)
    return dora ? "BOFT, DoRA" : "BOFT";
  return dora ? kinds[kind].name_dora : kinds[kind].name;
}

gsize
vel_delta_get_rank (const VelDeltaParts *parts)
{
  switch (find_kind (parts, 0)) {
  case LORA:
    return vel_delta_axis (parts, VEL_DELTA_DOWN, 0);
  case LOHA:
    return vel_delta_axis (parts, VEL_DELTA_HADA_W1B, 0);
  case LOKR:
    return vel_delta_axis (parts, vel_delta_has (parts, VEL_DELTA_LOKR_W1B) ? VEL_DELTA_LOKR_W1B : VEL_DELTA_LOKR_W2B, 0);
  case GLORA: /* thin matrices either way round */
    return MIN (vel_delta_axis (parts, VEL_DELTA_GLORA_A1, 0), vel_delta_axis (parts, VEL_DELTA_GLORA_A1, 1));
  default:
    return 0;
  }
}

static gboolean
check_kind (const VelDeltaParts *parts, guint kind, GError **error)
{
  g_autofree char *name = vel_shown (parts->name), *path = vel_shown (parts->path);
  guint other = kind < N_KINDS ? find_kind (parts, kind + 1) : N_KINDS;

  if (kind == N_KINDS)
    g_set_error (error, VEL_ERROR, VEL_ERROR_WEIGHT, _ ("layer “%s” in “%s” has no tensor that changes its weight"), name, path);
  else if (other < N_KINDS)
    g_set_error (error, VEL_ERROR, VEL_ERROR_WEIGHT, _ ("layer “%s” in “%s” is changed in two ways at once, %s and %s; one was wanted"),
                 name, path, kinds[kind].name, kinds[other].name);
  return kind < N_KINDS && other == N_KINDS;
}

/* Numbers that are finite in the file need not be once multiplied. */
static gboolean
check_result (const VelDelta *self, const VelDeltaJob *job, GError **error)
{
  gsize columns = self->rank ? self->rank : job->columns;
  double largest = fabs (self->scale) * vel_delta_get_largest (self->up, job->shape.out * columns);
  g_autofree char *name = NULL, *path = NULL;

  if (self->rank)
    largest *= (double) self->rank * vel_delta_get_largest (self->down, self->rank * job->columns);
  if (largest < FLT_MAX)
    return TRUE;
  name = vel_shown (job->parts->name);
  path = vel_shown (job->parts->path);
  g_set_error (error, VEL_ERROR, VEL_ERROR_NUMBERS,
               _ ("the change of layer “%s” by “%s” is too large for a number; the file is damaged, fetch it again"), name, path);
  return FALSE;
}

static gboolean
make (VelDelta *self, const VelDeltaJob *job, GError **error)
{
  guint kind = find_kind (job->parts, 0);

  if (!vel_delta_check_known (job, error) || !check_kind (job->parts, kind, error) || !kinds[kind].make (self, job, error))
    return FALSE;
  if (vel_delta_has (job->parts, VEL_DELTA_DORA_SCALE) && !vel_delta_decompose (self, job, error))
    return FALSE;
  return check_result (self, job, error);
}

gboolean
vel_delta_make (VelDelta *self, const VelDeltaParts *parts, VelDeltaShape shape, VelDeltaOriginal original, gpointer data, GError **error)
{
  VelDeltaJob job = { parts, shape, shape.in * shape.kernel * shape.kernel, original, data };

  g_assert (shape.out > 0 && shape.in > 0 && shape.kernel > 0);
  *self = (VelDelta){ .scale = 1 };
  if (make (self, &job, error))
    return TRUE;
  vel_delta_clear (self);
  return FALSE;
}

float *
vel_delta_make_bias (const VelDeltaParts *parts, gsize n, GError **error)
{
  VelDeltaJob job = { .parts = parts };

  g_assert (vel_delta_has (parts, VEL_DELTA_DIFF_BIAS));
  return vel_delta_check_known (&job, error) ? vel_delta_read_vector (&job, VEL_DELTA_DIFF_BIAS, n, error) : NULL;
}

void
vel_delta_clear (VelDelta *self)
{
  g_clear_pointer (&self->up, g_free);
  g_clear_pointer (&self->down, g_free);
  self->rank = 0;
}
