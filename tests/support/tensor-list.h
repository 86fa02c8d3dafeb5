/* Tensors of floats on their way into a file.  SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "engine/formats/safetensors.h"

static inline void
tensor_list_clear (gpointer data)
{
  VelTensorOut *tensor = data;

  g_free ((char *) tensor->name);
  g_free ((void *) tensor->data);
}

/* Returns: (transfer full) (element-type VelTensorOut) */
static inline GArray *
tensor_list_new (void)
{
  GArray *tensors = g_array_new (FALSE, FALSE, sizeof (VelTensorOut));

  g_array_set_clear_func (tensors, tensor_list_clear);
  return tensors;
}

/* name: (transfer full). Returns: its numbers, to be written */
static inline float *
tensor_list_add (GArray *tensors, char *name, VelShape shape)
{
  float *values = g_new (float, MAX (vel_shape_count (shape), 1));

  g_array_append_val (tensors, ((VelTensorOut){ name, VEL_F32, shape, values }));
  return values;
}

static inline void
tensor_list_write (GArray *tensors, const char *path)
{
  g_autoptr (GError) error = NULL;

  vel_safetensors_write (path, (const VelTensorOut *) (gpointer) tensors->data, tensors->len, NULL, &error);
  g_assert_no_error (error);
}

/* Some numbers around 0. */
static inline void
tensor_list_fill (float *values, gint64 count, guint seed, double scale)
{
  g_autoptr (GRand) random = g_rand_new_with_seed (seed);

  for (gint64 i = 0; i < count; i++)
    values[i] = (float) (scale * g_rand_double_range (random, -1, 1));
}
