/* Scales beside 8-bit weights.  SPDX-License-Identifier: Apache-2.0 */
#include "config.h"

#include "engine/formats/float8-scales.h"

#include "kernels/half.h"

#include <glib/gi18n-lib.h>
#include <math.h>
#include <string.h>

static const char weight[] = ".weight";

/* (nullable) */
static const VelTensorEntry *
find_beside (VelTensorFile *file, const char *name, const char *suffix)
{
  g_autofree char *beside = g_strdup_printf ("%.*s%s", (int) (strlen (name) - strlen (weight)), name, suffix);

  return vel_tensor_file_find (file, beside);
}

static float
read_number (const VelTensorEntry *entry)
{
  guint16 half;
  float number;

  if (entry->type == VEL_F32) {
    vel_tensor_entry_read (entry, &number);
    return number;
  }
  vel_tensor_entry_read (entry, &half);
  return entry->type == VEL_F16 ? vel_half_to_float (half) : vel_bfloat_to_float (half);
}

gboolean
vel_float8_scale_find (VelTensorFile *file, const VelTensorEntry *entry, float *scale, const char **problem)
{
  const VelTensorEntry *found;

  *scale = 0;
  if (!entry->decode || entry->element != 1 || strlen (entry->name) > G_MAXINT || !g_str_has_suffix (entry->name, weight))
    return TRUE;
  found = find_beside (file, entry->name, ".scale_weight");
  if (!found)
    found = find_beside (file, entry->name, ".weight_scale");
  if (!found)
    return TRUE;
  *problem = _ ("its scale is not one number of type F32, F16 or BF16");
  if (!found->known || found->type > VEL_BF16 || found->decode || vel_shape_count (found->shape) != 1)
    return FALSE;
  *scale = read_number (found);
  *problem = _ ("its scale is no number above zero");
  return isfinite (*scale) && *scale > 0;
}

gboolean
vel_float8_scale_is_name (const char *name)
{
  return g_str_has_suffix (name, ".scale_weight") || g_str_has_suffix (name, ".weight_scale") || g_str_has_suffix (name, ".scale_input") ||
         g_str_has_suffix (name, ".input_scale") || g_str_has_suffix (name, ".comfy_quant") || g_str_equal (name, "scaled_fp8") ||
         g_str_has_suffix (name, ".scaled_fp8");
}
