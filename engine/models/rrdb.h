/* ESRGAN's network: residual blocks in residual blocks of densely connected convolutions.
 * SPDX-License-Identifier: Apache-2.0
 *
 * Wang et al. 2018; basicsr/archs/rrdbnet_arch.py. Four layouts of names: the first release's ("model.1.sub.0.RDB1.conv1.0"), the second's
 * ("RRDB_trunk.0.RDB1.conv1"), Real-ESRGAN's ("body.0.rdb1.conv1"), and ESRGAN+'s, which has 1x1 convolutions beside the first's. */
#pragma once

#include "engine/models/layers.h"

typedef struct VelRrdb VelRrdb;

typedef struct {
  unsigned blocks;
  gint64 features, growth;
  unsigned shuffle; /* so many pixels of each side are channels of one when it begins: 1, 2 or 4 */
  unsigned scale;   /* of the whole */
  gboolean plus;    /* ESRGAN+ */
} VelRrdbFacts;

/* prefix: of all names, "" or "params_ema.". Returns: FALSE if the file holds no such network */
gboolean vel_rrdb_is_in (VelLoader *loader, const char *prefix);
/* From shapes alone. Returns: FALSE with an error of the loader */
gboolean vel_rrdb_look (VelLoader *loader, const char *prefix, VelRrdbFacts *facts);
/* Returns: (transfer full); NULL with an error of the loader */
VelRrdb *vel_rrdb_load (VelLoader *loader, const char *prefix);
void vel_rrdb_free (VelRrdb *self);
/* x: [1, h, w, 3] in the type it was loaded for, both sides multiples of `shuffle` -> [1, h scale, w scale, 3] */
VelTensor *vel_rrdb_forward (VelContext *ctx, const VelRrdb *self, VelTensor *x);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (VelRrdb, vel_rrdb_free)
