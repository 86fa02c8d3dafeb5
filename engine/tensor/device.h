/* A device: a table of kernels and one open instance of it.
 * SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "engine/tensor/tensor.h"

struct VelDevice {
  int references;
  const VelKernels *kernels;
  VelBackend *backend;
  char *name; /* "cpu", "cuda:0", "reference" */
  char *note; /* (nullable) why "auto" means this one, for people */
  size_t wanted; /* the piece of memory that could not be had the last time */
};

typedef struct {
  unsigned threads; /* 0: all */
  int nice;         /* see VelBackendOptions */
  unsigned card;    /* that "auto" tries first */
  guint64 memory;   /* bytes to use at most; 0: what is free. A card keeps to it, the processor plans with it */
} VelDeviceOptions;

/* spec: "cpu", "cuda" (the first card), "cuda:N", or "auto": the first card that can be used from options->card on, else the processor.
 * Returns: (transfer full); NULL with VEL_ERROR_DEVICE */
VelDevice *vel_device_open (const char *spec, const VelDeviceOptions *options, GError **error);
/* threads: 0 = all.  nice: see VelBackendOptions.  Returns: (transfer full); NULL with VEL_ERROR_DEVICE */
VelDevice *vel_device_new_cpu (unsigned threads, int nice, GError **error);
/* The plain loops of kernels/reference, for tests. Returns: (transfer full) */
VelDevice *vel_device_new_reference (void);
VelDevice *vel_device_ref (VelDevice *self);
void vel_device_unref (VelDevice *self);

/* Returns: FALSE with VEL_ERROR_DEVICE if the device broke down; it has to be opened anew then */
gboolean vel_device_check (VelDevice *self, GError **error);
/* What a lost device leads to looks like short memory or broken numbers: then *error, if there is one and it is no cancel, becomes what
 * vel_device_check says. */
void vel_device_blame (VelDevice *self, GError **error);
/* Whether networks can compute in this type. */
gboolean vel_device_takes (VelDevice *self, VelType type);
/* Bytes that can still be had, and all there are; 0 where that is not known. */
void vel_device_get_memory (VelDevice *self, guint64 *free_bytes, guint64 *total_bytes);
/* One line for people, borrowed: "AVX2, 2 threads". */
const char *vel_device_describe (VelDevice *self);

/* All cards, also those that can not be used. why: (out) (transfer full) a sentence if there is none.
 * Returns: (transfer full) (element-type VelDeviceInfo) */
GArray *vel_device_list_cards (char **why);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (VelDevice, vel_device_unref)
