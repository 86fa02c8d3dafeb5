/* The set of tensors behind a VelWeights, for those that fill it.
 * SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "engine/formats/names.h"
#include "engine/formats/weights.h"

typedef struct {
  VelTensorEntry stored; /* name: in the original layout; shape as in the file */
  VelTensorEntry view;   /* as it was asked for */
  VelTensorFile *file;   /* kept alive by VelWeights.files */
  char *name;            /* stored.name, owned */
  char *own_name;        /* "unet/conv_in.weight" if the file says something else, or NULL */
  void *copy;            /* of data that is not plain as it lies in the file */
  const VelTensorEntry *base; /* (nullable) what it is a difference to, of VelWeights.base */
  gboolean used;
} VelWeightsItem;

struct VelWeights {
  gatomicrefcount references;
  char *path, *shown;
  gboolean folder;
  GPtrArray *files;                       /* VelTensorFile; the first is the unet's */
  GPtrArray *items;                       /* VelWeightsItem, sorted by name */
  GPtrArray *replaced;                    /* VelWeightsItem, alive for those who borrowed them */
  VelNames *components[VEL_N_COMPONENTS]; /* of those in another layout; NULL for others */
  char *roots[VEL_N_COMPONENTS];          /* what stands before their own names: "unet/", "unet."; NULL likewise */
  char *sources[VEL_N_COMPONENTS];        /* to show, of those that are from another file; NULL for others */
  gboolean difference;                    /* it says that it holds differences */
  VelWeights *base;                       /* (nullable) to this model's UNet */
  const char *what;                       /* as vel_weights_describe */
  const char **names;                     /* of the items */
};

/* Takes both names. own_name: (nullable) */
void vel_weights_add (GPtrArray *items, VelTensorFile *file, const VelTensorEntry *entry, char *name, char *own_name);
/* Everything of a component's files. A tensor whose name the original layout does not have stays under its own, so that it is found among
 * the unused. names: (nullable) NULL if the files are in the original layout. strip: what to take off every name, and only tensors under it
 * count;
 * "": all. where: put before own names. */
void vel_weights_add_component (GPtrArray *items, GPtrArray *files, VelComponent component, VelNames *names, const char *strip,
                                const char *where);
/* Names of several files' tensors, as add_component sees them. Returns: (transfer container) */
const char **vel_weights_collect_names (GPtrArray *files, const char *strip);
void vel_weights_item_free (gpointer item);
/* Sorts, and refuses two tensors that come to the same name. */
gboolean vel_weights_settle (VelWeights *self, GPtrArray *items, GError **error);
/* Takes items in place of those it has, or sorts and lists its own; those it had must have moved. */
void vel_weights_take (VelWeights *self, GPtrArray *items);

/* A file, or those of a component's folder, sharded or not. Returns: (transfer full) (element-type VelTensorFile); NULL with error */
GPtrArray *vel_weights_open_part_files (const char *path, GCancellable *cancellable, GError **error);
/* Returns: (transfer full) an empty one */
VelWeights *vel_weights_new (const char *path);
/* The sum of two tensors of one shape, of any type. out: floats */
void vel_weights_sum (const VelTensorEntry *a, const VelTensorEntry *b, float *out);

/* Fill a new set. */
gboolean vel_weights_open_file (VelWeights *self, GCancellable *cancellable, GError **error);
gboolean vel_weights_open_folder (VelWeights *self, GCancellable *cancellable, GError **error);
