/* A device: a table of kernels and one open instance of it.
 * SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "engine/tensor/tensor.h"

struct VelDevice {
  int references;
  const VelKernels *kernels;
  VelBackend *backend;
  char *name; /* "cpu", "reference" */
};

/* threads: 0 = all.  nice: see VelBackendOptions.  Returns: (transfer full); NULL with VEL_ERROR_DEVICE */
VelDevice *vel_device_new_cpu (unsigned threads, int nice, GError **error);
/* The plain loops of kernels/reference, for tests. Returns: (transfer full) */
VelDevice *vel_device_new_reference (void);
VelDevice *vel_device_ref (VelDevice *self);
void vel_device_unref (VelDevice *self);
/* One line for people, borrowed: "AVX2, 2 threads". */
const char *vel_device_describe (VelDevice *self);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (VelDevice, vel_device_unref)
