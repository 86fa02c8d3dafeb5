/* The autoencoder between pictures and latents (Rombach et al. 2022, the KL-regularised one).
 * SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "engine/models/strips.h"

typedef struct VelVae VelVae;

/* Everything is read from the tensors under first_stage_model. The encoder may be missing (pruned files).
 * Returns: (transfer full); NULL after an error of the loader */
VelVae *vel_vae_load (VelLoader *loader);
void vel_vae_free (VelVae *self);
gboolean vel_vae_has_encoder (const VelVae *self);
unsigned vel_vae_get_factor (const VelVae *self); /* pixels per latent side: 8 */

/* latent: [B, h, w, 4], unscaled -> [B, factor h, factor w, 3], about -1..1 */
VelTensor *vel_vae_decode (VelContext *ctx, const VelVae *self, VelTensor *latent);
/* The same for one picture that is too large for the device: intermediates lie in the host's memory or on the disk, strips of rows come to the
 * device. Differs by rounding alone. */
VelTensor *vel_vae_decode_in_strips (VelContext *ctx, const VelVae *self, VelTensor *latent, const VelStripPlace *place);
/* image: [B, H, W, 3] in -1..1 -> [B, H/factor, W/factor, 4], the mean, unscaled */
VelTensor *vel_vae_encode (VelContext *ctx, const VelVae *self, VelTensor *image);
VelTensor *vel_vae_encode_in_strips (VelContext *ctx, const VelVae *self, VelTensor *image, const VelStripPlace *place);
/* Bytes that these take for a picture of width x height pixels, without the weights. In strips: of the host's memory, without the strips. */
guint64 vel_vae_get_decode_bytes (const VelVae *self, guint width, guint height, gboolean in_strips);
guint64 vel_vae_get_encode_bytes (const VelVae *self, guint width, guint height, gboolean in_strips);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (VelVae, vel_vae_free)
