/* ControlNet (Zhang, Rao & Agrawala 2023): a copy of the UNet's first half that reads a picture too, and adds what it makes of it to every
 * skip connection and to the middle. SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "engine/models/family.h"
#include "engine/models/unet.h"

typedef struct VelControlNet VelControlNet;

/* Whether it fits a model, by the shapes alone: before anything is loaded. weights: as vel_weights_open_control gives them. name: of the
 * model. Returns: FALSE with VEL_ERROR_FAMILY, naming both and what differs */
gboolean vel_controlnet_check (VelWeights *weights, const char *name, const VelArchitecture *model, GError **error);

/* Whose it is, by the width of the texts it reads: "sd1". Returns: (nullable) where that is nobody's usual one */
const char *vel_controlnet_guess_family (VelWeights *weights);

/* heads, head_dim: as of the model's UNet. Returns: (transfer full); NULL after an error of the loader */
VelControlNet *vel_controlnet_load (VelLoader *loader, gint64 heads, gint64 head_dim);
void vel_controlnet_free (VelControlNet *self);
const VelTimeEmbedding *vel_controlnet_get_times (const VelControlNet *self);
/* Whether it adds as many channels to as many places as this UNet has. */
gboolean vel_controlnet_fits (const VelControlNet *self, const VelUNet *unet);
/* Results: one for each skip connection, then the middle's. */
unsigned vel_controlnet_get_n_results (const VelControlNet *self);
/* For latents [B, h, w, 4]: each halving rounds up. */
VelShape vel_controlnet_get_result_shape (const VelControlNet *self, unsigned i, VelShape latents);

/* pixels: [1, H, W, 3] in 0..1, in fp32; both sides multiples of 8. -> [1, H / 8, W / 8, channels], what every step adds to the latent's
 * first features */
VelTensor *vel_controlnet_read_picture (VelContext *ctx, const VelControlNet *self, VelTensor *pixels);

/* context: [B, T, context_dim], of any type; text: the first time as vel_text_keys_new gives it. */
void vel_controlnet_set_text (VelContext *ctx, const VelControlNet *self, VelTextKeys *text, VelTensor *context);

/* x: [B, h, w, 4], of the network's type; hint: [B, h, w, channels], of vel_controlnet_read_picture; shifts: [B or 1, width].
 * results: (out) [n_results], tensors of the innermost scope, [B, ...] each */
void vel_controlnet_forward (VelContext *ctx, const VelControlNet *self, VelTensor *x, VelTensor *hint, VelTensor *shifts,
                             const VelTextKeys *text, VelTensor **results);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (VelControlNet, vel_controlnet_free)
