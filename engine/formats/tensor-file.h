/* A file of named tensors, whatever its container: the mapping, the names, and how each tensor lies in it.
 * SPDX-License-Identifier: Apache-2.0
 *
 * Opened by content, never by extension; tensor-file.c has the list of containers. Nothing is copied: an entry says where its bytes are
 * and, where they are not plain, how they become plain ones. */
#pragma once

#include <gio/gio.h>

#include "engine/tensor/tensor.h"

typedef struct VelTensorFile VelTensorFile;

/* Turns `count` stored elements into floats. Quantised types come in whole blocks. */
typedef void (*VelTensorDecode) (const guint8 *stored, gsize count, float *out);

typedef struct {
  const char *name;
  const char *dtype;      /* as the container's readers call it: "F16", "Q8_0" */
  VelType type;           /* valid if `known`; of the elements as vel_tensor_entry_read gives them */
  gboolean known;         /* a type this engine computes with */
  VelShape shape;         /* valid if `known`; more than VEL_MAX_AXES axes are not known */
  guint n_axes;           /* known or not */
  const gint64 *axes;     /* their sizes */
  const gint64 *strides;  /* in elements, one an axis; NULL: contiguous */
  VelTensorDecode decode; /* NULL: stored as `type` */
  float scale;            /* what decoded elements are multiplied by; 0: nothing */
  guint element;          /* bytes of a stored element; 0 if several share bytes */
  const void *data;       /* in the mapping */
  gsize span;             /* bytes from the first element to the last one */
  gsize bytes;            /* as they are once contiguous and decoded */
} VelTensorEntry;

/* Checks everything that the file says of its tensors before returning. cancellable: (nullable).
 * Returns: (transfer full); NULL with VEL_ERROR_FORMAT naming the file and what was wrong where, or a GFileError. */
VelTensorFile *vel_tensor_file_open (const char *path, GCancellable *cancellable, GError **error);
VelTensorFile *vel_tensor_file_ref (VelTensorFile *self);
void vel_tensor_file_unref (VelTensorFile *self);
/* "safetensors", "torch-zip", "torch-legacy", "gguf" */
const char *vel_tensor_file_get_container (VelTensorFile *self);
gsize vel_tensor_file_get_count (VelTensorFile *self);
/* In file order. */
const VelTensorEntry *vel_tensor_file_get (VelTensorFile *self, gsize index);
/* (nullable) */
const VelTensorEntry *vel_tensor_file_find (VelTensorFile *self, const char *name);
/* (nullable) */
const char *vel_tensor_file_get_metadata (VelTensorFile *self, const char *key);
/* String to string; borrowed. */
GHashTable *vel_tensor_file_get_all_metadata (VelTensorFile *self);
/* Whether all bytes read so far were the file's: one that shrinks while it is in use gives zeros. Ask once an entry has been copied.
 * Returns: FALSE with VEL_ERROR_FORMAT */
gboolean vel_tensor_file_check_intact (VelTensorFile *self, GError **error);
/* Tells the kernel that the pages of an entry are not needed any more (they come back from the file if touched again). */
void vel_tensor_file_release (VelTensorFile *self, const VelTensorEntry *entry);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (VelTensorFile, vel_tensor_file_unref)

/* Whether `data` can be used as it is: contiguous, not encoded, aligned to its elements. */
gboolean vel_tensor_entry_is_plain (const VelTensorEntry *entry);
/* Fills `bytes` bytes, aligned as malloc does, with the elements, contiguous and decoded. */
void vel_tensor_entry_read (const VelTensorEntry *entry, void *out);
/* Some of the elements of a plain entry of type F32, F16 or BF16, as floats. out: [count] */
void vel_tensor_entry_widen (const VelTensorEntry *entry, gsize first, gsize count, float *out);
