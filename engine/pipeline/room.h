/* How much memory there is for the autoencoder, and where it works if that is not enough.  SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "engine/models/vae.h"

/* Whether the processor has so many bytes. A card says so itself, and more exactly: for one, and where nothing is known, TRUE. */
gboolean vel_room_has (VelDevice *device, guint64 bytes);
/* A share of what is free for the strips, or with `narrow` next to nothing. on_disk: what lies between them goes to the cache folder. */
VelStripPlace vel_room_find_place (VelDevice *device, gboolean on_disk, gboolean narrow);
/* vel_vae_encode of one picture; where memory is short or runs out, in strips, then on the disk too. */
VelTensor *vel_room_encode (VelContext *ctx, const VelVae *vae, VelTensor *image);
