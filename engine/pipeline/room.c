/* Memory for the autoencoder.  SPDX-License-Identifier: Apache-2.0 */
#include "engine/pipeline/room.h"

#include "engine/paths.h"

#define LEAST_STRIP ((guint64) 4 << 20)
#define MOST_STRIP ((guint64) 64 << 20) /* of the host's memory: larger ones are not faster */

static gboolean
is_card (VelDevice *device)
{
  return (device->kernels->features & VEL_FEATURE_OUTSIDE) != 0;
}

gboolean
vel_room_has (VelDevice *device, guint64 bytes)
{
  guint64 free_bytes, total;

  if (is_card (device))
    return TRUE;
  vel_device_get_memory (device, &free_bytes, &total);
  return total == 0 || bytes <= free_bytes;
}

/* The kernels want some too, and a third of a card's memory leaves it. */
VelStripPlace
vel_room_find_place (VelDevice *device, gboolean on_disk, gboolean narrow)
{
  guint64 free_bytes, total, room;

  vel_device_get_memory (device, &free_bytes, &total);
  room = is_card (device) ? free_bytes / 3 : CLAMP (free_bytes / 8, LEAST_STRIP, MOST_STRIP);
  return (VelStripPlace){ narrow ? 0 : room, on_disk ? vel_paths_get_cache () : NULL };
}

/* One way of encoding, the last one as narrow as can be. Returns: (nullable) NULL if memory ran out, and then `ctx` is as before */
static VelTensor *
try_strips (VelContext *ctx, const VelVae *vae, VelTensor *image, gboolean on_disk, gboolean last)
{
  VelStripPlace place = vel_room_find_place (vel_context_get_device (ctx), on_disk, last);
  VelTensor *latent = vel_vae_encode_in_strips (ctx, vae, image, &place);
  g_autoptr (GError) failure = NULL;

  if (last || vel_context_check (ctx, &failure))
    return latent;
  if (g_error_matches (failure, VEL_ERROR, VEL_ERROR_MEMORY))
    return NULL;
  vel_context_set_error (ctx, g_steal_pointer (&failure));
  return latent;
}

VelTensor *
vel_room_encode (VelContext *ctx, const VelVae *vae, VelTensor *image)
{
  VelDevice *device = vel_context_get_device (ctx);
  guint width = (guint) image->shape.size[2], height = (guint) image->shape.size[1];
  VelTensor *latent = NULL;

  if (image->shape.size[0] != 1 || !vel_context_ok (ctx))
    return vel_vae_encode (ctx, vae, image);
  if (vel_room_has (device, vel_vae_get_encode_bytes (vae, width, height, FALSE))) {
    g_autoptr (GError) failure = NULL;

    latent = vel_vae_encode (ctx, vae, image);
    if (vel_context_check (ctx, &failure))
      return latent;
    if (!g_error_matches (failure, VEL_ERROR, VEL_ERROR_MEMORY) || is_card (device)) { /* a card has a ladder of its own */
      vel_context_set_error (ctx, g_steal_pointer (&failure));
      return latent;
    }
    latent = NULL;
  }
  if (vel_room_has (device, vel_vae_get_encode_bytes (vae, width, height, TRUE)))
    latent = try_strips (ctx, vae, image, FALSE, FALSE);
  if (!latent)
    latent = try_strips (ctx, vae, image, TRUE, FALSE);
  return latent ? latent : try_strips (ctx, vae, image, TRUE, TRUE);
}
