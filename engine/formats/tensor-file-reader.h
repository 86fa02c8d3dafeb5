/* What the reader of a container fills a VelTensorFile with.
 * SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "engine/formats/tensor-file.h"

typedef struct {
  const char *name;  /* of the container, for inspect */
  const char *label; /* what a damaged one is said not to be: N_("safetensors file") */
  gboolean (*matches) (const guint8 *data, gsize size);
  /* Adds every tensor, in the order in which they are to be listed. Returns: FALSE with the error of vel_tensor_file_damaged. */
  gboolean (*read) (VelTensorFile *file, GCancellable *cancellable, GError **error);
} VelContainer;

/* Opens the file as this container, without asking whether it matches. */
VelTensorFile *vel_tensor_file_open_as (const VelContainer *container, const char *path, GCancellable *cancellable, GError **error);
const guint8 *vel_tensor_file_get_data (VelTensorFile *self);
gsize vel_tensor_file_get_size (VelTensorFile *self);
/* The path, fit for a message. */
const char *vel_tensor_file_get_shown (VelTensorFile *self);
/* Sets VEL_ERROR_FORMAT: the file is not what it seems to be, and why. Returns: FALSE */
gboolean vel_tensor_file_damaged (VelTensorFile *self, GError **error, const char *format, ...) G_GNUC_PRINTF (3, 4);
/* name, axes, strides: copied; `shape` and `known` are made from the axes, `bytes` for entries that are not decoded. `data`, `span` and,
 * for decoded ones, `bytes` have been checked by the reader. */
void vel_tensor_file_add (VelTensorFile *self, const VelTensorEntry *entry);
/* Takes both. Returns: FALSE if the key is there already */
gboolean vel_tensor_file_take_metadata (VelTensorFile *self, char *key, char *value);

/* A type that elements can have in a file. */
typedef struct {
  const char *name; /* as safetensors calls it: "F16" */
  guint bits;       /* a multiple of 8 but for the packed ones */
  gboolean known;   /* `type` is valid */
  VelType type;     /* once decoded */
  VelTensorDecode decode;
  gboolean foreign; /* not a type of safetensors */
} VelTensorType;

/* (nullable): NULL for a name that no reader has */
const VelTensorType *vel_tensor_type_find (const char *name);
