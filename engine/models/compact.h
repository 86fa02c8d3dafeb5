/* Real-ESRGAN's compact network: convolutions in the small size, whose last makes all pixels of the large one.
 * SPDX-License-Identifier: Apache-2.0
 *
 * Real-ESRGAN realesrgan/archs/srvgg_arch.py SRVGGNetCompact, as in realesr-general-x4v3 and realesr-animevideov3. */
#pragma once

#include "engine/models/layers.h"

typedef struct VelCompact VelCompact;

typedef struct {
  unsigned layers; /* convolutions between the first and the last */
  gint64 features;
  unsigned scale;
} VelCompactFacts;

/* As of vel_rrdb_…, which see. */
gboolean vel_compact_is_in (VelLoader *loader, const char *prefix);
gboolean vel_compact_look (VelLoader *loader, const char *prefix, VelCompactFacts *facts);
VelCompact *vel_compact_load (VelLoader *loader, const char *prefix);
void vel_compact_free (VelCompact *self);
/* x: [1, h, w, 3] in the type it was loaded for -> [1, h scale, w scale, 3] */
VelTensor *vel_compact_forward (VelContext *ctx, const VelCompact *self, VelTensor *x);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (VelCompact, vel_compact_free)
