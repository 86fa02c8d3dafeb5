/* Changes of one weight as terms of a sum.  SPDX-License-Identifier: Apache-2.0 */
#include "engine/lora/terms.h"

#include <string.h>

#include "engine/lora/delta-job.h"

void
vel_lora_terms_init (VelLoraTerms *self, gsize rows, gsize columns)
{
  *self = (VelLoraTerms){ .rows = rows, .columns = columns };
}

/* whole += scale * change; delta's up is scaled on the way. */
static void
fold (const VelLoraTerms *self, float *whole, const VelDelta *delta, const VelMergeTerm *term)
{
  gsize count = term->rows * (delta->rank > 0 ? delta->rank : self->columns);
  float *out = whole + term->first * self->columns;

  for (gsize i = 0; i < count; i++)
    delta->up[i] *= (float) term->scale;
  if (delta->rank > 0)
    vel_delta_add_product (out, delta->up, delta->down, term->rows, delta->rank, self->columns);
  else
    for (gsize i = 0; i < count; i++)
      out[i] += delta->up[i];
}

/* The last term in the place of a whole one, so that more can be added to it. */
static gboolean
make_whole (VelLoraTerms *self, const VelDeltaParts *parts, GError **error)
{
  VelDelta *last = &self->deltas[VEL_MAX_MERGE_TERMS - 1];
  VelMergeTerm *term = &self->terms[VEL_MAX_MERGE_TERMS - 1];
  float *whole = vel_delta_new (&(VelDeltaJob){ .parts = parts }, self->rows, self->columns, error);

  if (!whole)
    return FALSE;
  memset (whole, 0, self->rows * self->columns * sizeof *whole);
  fold (self, whole, last, term);
  vel_delta_clear (last);
  last->up = whole;
  *term = (VelMergeTerm){ .scale = 1, .type = VEL_F32, .up = whole, .rows = self->rows };
  return TRUE;
}

gboolean
vel_lora_terms_take (VelLoraTerms *self, VelDelta *delta, double strength, gsize first, gsize rows, const VelDeltaParts *parts,
                     GError **error)
{
  VelMergeTerm term = { .rank = delta->rank,
                        .scale = delta->scale * strength,
                        .type = VEL_F32,
                        .up = delta->up,
                        .down = delta->down,
                        .first = first,
                        .rows = rows };

  g_assert (first + rows <= self->rows);
  if (self->n < VEL_MAX_MERGE_TERMS) {
    self->deltas[self->n] = *delta;
    self->terms[self->n++] = term;
    *delta = (VelDelta){ 0 };
    return TRUE;
  }
  if (self->surplus == 0 && !make_whole (self, parts, error)) {
    vel_delta_clear (delta);
    return FALSE;
  }
  self->surplus++;
  fold (self, self->deltas[VEL_MAX_MERGE_TERMS - 1].up, delta, &term);
  vel_delta_clear (delta);
  return TRUE;
}

void
vel_lora_terms_clear (VelLoraTerms *self)
{
  for (guint i = 0; i < self->n; i++)
    vel_delta_clear (&self->deltas[i]);
  self->n = 0;
}
