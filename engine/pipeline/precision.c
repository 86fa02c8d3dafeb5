/* Precisions by name.  SPDX-License-Identifier: Apache-2.0 */
#include "config.h"

#include "engine/pipeline/precision.h"

#include <glib/gi18n-lib.h>

static const struct {
  const char *name;
  VelType type;
} names[] = { { "fp32", VEL_F32 }, { "bf16", VEL_BF16 }, { "fp16", VEL_F16 } };

gboolean
vel_precision_choose (VelPrecision *self, const char *name, VelDevice *device, GError **error)
{
  VelType type = VEL_F32;

  if (g_str_equal (name, "auto"))
    type = vel_device_takes (device, VEL_F16) ? VEL_F16 : VEL_F32;
  for (guint i = 0; i < G_N_ELEMENTS (names); i++)
    if (g_str_equal (name, names[i].name))
      type = names[i].type;
  if (!vel_device_takes (device, type)) {
    g_set_error (error, VEL_ERROR, VEL_ERROR_REQUEST, _ ("The device \"%s\" can not compute in %s; leave the precision at auto"), device->name,
                 vel_precision_name (type));
    return FALSE;
  }
  *self = (VelPrecision) { type, type, type };
  return TRUE;
}

VelType
vel_precision_higher (VelType type, VelDevice *device)
{
  return type == VEL_F16 && vel_device_takes (device, VEL_BF16) ? VEL_BF16 : VEL_F32;
}

const char *
vel_precision_name (VelType type)
{
  for (guint i = 0; i < G_N_ELEMENTS (names); i++)
    if (names[i].type == type)
      return names[i].name;
  return "?";
}
