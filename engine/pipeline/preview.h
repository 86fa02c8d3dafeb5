/* Cheap previews: a latent to colours by one matrix.
 * SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "engine/pipeline/model.h"

/* Fills model->latent_to_rgb: the family's own matrix, or, for a VAE of other widths (whose latents mean other colours), one fitted by
 * least squares to what that VAE makes of random patches. */
gboolean vel_preview_fit (VelModel *model, VelDevice *device, GCancellable *cancellable, GError **error);
/* latent: [B, h, w, 4]; the first picture. Returns: (transfer full): RGB [h, w, 3] */
guint8 *vel_preview_make (const VelModel *model, VelTensor *latent);
/* Bilinear enlargement by a whole factor. Returns: (transfer full): RGB [factor height, factor width, 3] */
guint8 *vel_preview_enlarge (const guint8 *rgb, guint width, guint height, guint factor);
