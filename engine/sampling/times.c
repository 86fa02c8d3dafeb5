/* A table by noise level.  SPDX-License-Identifier: Apache-2.0 */
#include "engine/sampling/times.h"

#include "engine/sampling/noise-levels.h"

struct VelTimes {
  VelNetwork network;
  const VelTimeEmbedding *embedding;
  unsigned n;
  VelTensor *vectors; /* (nullable) [n, V] */
  GHashTable *rows;   /* of sigma (double *), VelTensor [n or 1, width] */
};

static void
add (VelContext *ctx, VelTimes *self, const double *sigmas, unsigned n)
{
  gint64 width = self->embedding->shift_width, each = self->vectors ? self->vectors->shape.size[0] : 1;
  const VelNoiseLevels *levels = self->network.levels;
  g_autofree float *timesteps = g_new (float, n);
  VelTensor *table;

  vel_context_open (ctx);
  for (unsigned i = 0; i < n; i++)
    timesteps[i] = self->network.nearest_time ? (float) vel_noise_levels_nearest (levels, sigmas[i])
                                              : (float) levels->sigma_to_t (levels->model, sigmas[i]);
  table = vel_time_embedding_run (ctx, self->embedding, timesteps, n, self->network.scale, self->vectors);
  for (unsigned i = 0; i < n; i++) {
    VelTensor *row = vel_context_slice (ctx, table, i * each, each);
    VelTensor *kept = vel_network_tensor (ctx, row->type, VEL_SHAPE (each, width));

    if (!kept)
      break;
    vel_op_combine_into (ctx, kept, 1, (double[]){ 1 }, &row);
    g_hash_table_replace (self->rows, g_memdup2 (&sigmas[i], sizeof *sigmas), kept);
  }
  vel_context_close (ctx, NULL);
}

VelTimes *
vel_times_new (VelContext *ctx, const VelNetwork *network, const VelTimeEmbedding *embedding, unsigned n,
               const VelCondition *const *conditions, const double *sigmas, unsigned n_sigmas)
{
  VelTimes *self = g_new0 (VelTimes, 1);

  self->network = *network;
  self->embedding = embedding;
  self->n = n;
  self->rows = g_hash_table_new_full (g_double_hash, g_double_equal, g_free, (GDestroyNotify) vel_tensor_unref);
  if (conditions[0]->vector && embedding->vector_width > 0)
    self->vectors = vel_conditions_stack (ctx, n, conditions, G_STRUCT_OFFSET (VelCondition, vector), n, VEL_F32);
  if (n_sigmas > 0 && sigmas[n_sigmas - 1] == 0)
    n_sigmas--;
  if (n_sigmas > 0 && vel_context_ok (ctx))
    add (ctx, self, sigmas, n_sigmas);
  return self;
}

void
vel_times_bind (VelContext *ctx, VelTimes *self, const VelCondition *const *conditions)
{
  if (!self->vectors)
    return;
  vel_conditions_fill (ctx, self->vectors, self->n, conditions, G_STRUCT_OFFSET (VelCondition, vector));
  g_hash_table_remove_all (self->rows);
}

void
vel_times_free (VelTimes *self)
{
  if (!self)
    return;
  g_clear_pointer (&self->vectors, vel_tensor_unref);
  g_hash_table_unref (self->rows);
  g_free (self);
}

VelTensor *
vel_times_get (VelContext *ctx, VelTimes *self, double sigma)
{
  VelTensor *row = g_hash_table_lookup (self->rows, &sigma);

  if (!row) {
    add (ctx, self, &sigma, 1);
    row = g_hash_table_lookup (self->rows, &sigma);
  }
  if (!row) /* no memory, which the context knows */
    row = vel_context_tensor (ctx, self->embedding->type,
                              VEL_SHAPE (self->vectors ? self->vectors->shape.size[0] : 1, self->embedding->shift_width));
  return row;
}

void
vel_times_fill (VelContext *ctx, VelTensor *shifts, VelTensor *times)
{
  gint64 rows = shifts->shape.size[0], n = times->shape.size[0];

  for (gint64 i = 0; i < rows; i++) {
    VelTensor *row = vel_context_slice (ctx, times, i * n / rows, 1);

    vel_op_combine_into (ctx, vel_context_slice (ctx, shifts, i, 1), 1, (double[]){ 1 }, &row);
  }
}
