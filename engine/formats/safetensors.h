/* The safetensors container: a JSON header and raw little-endian tensors, memory-mapped.
 * SPDX-License-Identifier: Apache-2.0
 * https://github.com/huggingface/safetensors: header length in 8 bytes, at most 100 MB, no duplicate names, no overlaps or holes. */
#pragma once

#include <gio/gio.h>

#include "engine/tensor/tensor.h"

typedef struct VelSafetensors VelSafetensors;

typedef struct {
  const char *name;   /* as in the file */
  const char *dtype;  /* as in the file: "F16" */
  VelType type;       /* valid if `known` */
  gboolean known;     /* a type this engine computes with */
  VelShape shape;     /* valid if `known`; more than VEL_MAX_AXES axes are not known */
  const void *data;   /* in the mapping */
  gsize bytes;
} VelTensorEntry;

/* Checks the whole header before returning. cancellable: (nullable).
 * Returns: (transfer full); NULL with VEL_ERROR_FORMAT naming the file and what was wrong where, or a GFileError. */
VelSafetensors *vel_safetensors_open (const char *path, GCancellable *cancellable, GError **error);
VelSafetensors *vel_safetensors_ref (VelSafetensors *self);
void vel_safetensors_unref (VelSafetensors *self);
gsize vel_safetensors_get_count (VelSafetensors *self);
/* In file order. */
const VelTensorEntry *vel_safetensors_get (VelSafetensors *self, gsize index);
/* (nullable) */
const VelTensorEntry *vel_safetensors_find (VelSafetensors *self, const char *name);
/* Value of a key of __metadata__. (nullable) */
const char *vel_safetensors_get_metadata (VelSafetensors *self, const char *key);
/* All of __metadata__, string to string; borrowed. */
GHashTable *vel_safetensors_get_all_metadata (VelSafetensors *self);
/* Whether all bytes read so far were the file's: one that shrinks while it is in use gives zeros. Ask once an entry has been copied.
 * Returns: FALSE with VEL_ERROR_FORMAT */
gboolean vel_safetensors_check_intact (VelSafetensors *self, GError **error);
/* Tells the kernel that the pages of an entry are not needed any more (they come back from the file if touched again). */
void vel_safetensors_release (VelSafetensors *self, const VelTensorEntry *entry);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (VelSafetensors, vel_safetensors_unref)

/* Writes a file: temporary name, fsync, rename. Tensors in host memory. */
typedef struct {
  const char *name;
  VelType type;
  VelShape shape;
  const void *data;
} VelTensorOut;
gboolean vel_safetensors_write (const char *path, const VelTensorOut *tensors, gsize count, GHashTable *metadata, GError **error);
