/* A tensor: shape, type and memory on a device.
 * SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <glib.h>

#include "kernels/kernels.h"
#include "plugins/plugin.h"

typedef struct VelDevice VelDevice;

#define VEL_MAX_AXES 4

typedef struct {
  unsigned n;                 /* axes, 0..VEL_MAX_AXES */
  gint64 size[VEL_MAX_AXES];  /* -1 in a request: any */
} VelShape;

#define VEL_SHAPE(...) \
  ((VelShape) { sizeof ((gint64[]) { __VA_ARGS__ }) / sizeof (gint64), { __VA_ARGS__ } })

gint64 vel_shape_count (VelShape shape);
gboolean vel_shape_equal (VelShape a, VelShape b);
/* Returns: (transfer full): "[2, 64, 64, 4]" */
char *vel_shape_to_string (VelShape shape);

/* Opaque to plugins, open to the engine. Contiguous. */
struct VelTensor {
  VelShape shape;
  VelType type;
  void *data;       /* on the device; NULL in a tensor handed out after an error */
  VelDevice *device;
  VelTensor *base;  /* of a view */
  size_t bytes;
  int references;
};

/* Device memory of its own. Returns: (transfer full) (nullable): NULL if there is not enough memory. */
VelTensor *vel_tensor_new (VelDevice *device, VelType type, VelShape shape);
VelTensor *vel_tensor_ref (VelTensor *self);
void vel_tensor_unref (VelTensor *self);
/* Elements first .. first+count-1 of axis 0, sharing memory. Returns: (transfer full) */
VelTensor *vel_tensor_slice (VelTensor *self, gint64 first, gint64 count);
/* Copies to or from host memory of exactly the tensor's bytes. */
void vel_tensor_upload (VelTensor *self, const void *host);
void vel_tensor_download (const VelTensor *self, void *host);
/* Whether all elements of a tensor of a floating type are numbers. */
gboolean vel_tensor_is_finite (const VelTensor *self);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (VelTensor, vel_tensor_unref)
