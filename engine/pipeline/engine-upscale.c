/* The engine's upscaler, and room for it.  SPDX-License-Identifier: Apache-2.0 */
#include "config.h"

#include "engine/pipeline/engine.h"

#include <glib/gi18n-lib.h>

typedef struct {
  VelEngine *engine;
  const char *path;
  const VelBitmap *rgb;
  guint width, height;
  VelUpscaleOptions options;
  GPtrArray *notes;
  GCancellable *cancellable;
} Job;

/* The file may have changed since, but no picture hangs on that: the engine lives as long as the window. */
static gboolean
need_network (Job *self, VelType type, GError **error)
{
  VelEngine *engine = self->engine;

  if (engine->upscaler && engine->upscaler_type == type && g_str_equal (engine->upscaler_path, self->path))
    return TRUE;
  g_clear_pointer (&engine->upscaler, vel_upscaler_free);
  engine->upscaler = vel_upscale_load (self->path, engine->device, type, self->cancellable, error);
  g_free (engine->upscaler_path);
  engine->upscaler_path = g_strdup (self->path);
  engine->upscaler_type = type;
  return engine->upscaler != NULL;
}

static VelBitmap *
run_here (Job *self, VelType type, GError **error)
{
  VelBitmap *large;
  guint tile = self->options.tile;

  if (!need_network (self, type, error))
    return NULL;
  large = vel_upscale_to (self->engine->upscaler, self->engine->device, self->rgb, self->width, self->height, &self->options,
                          self->cancellable, error);
  if (large && self->options.tile != tile)
    g_ptr_array_add (self->notes, g_strdup_printf (_ ("Memory is short on %s: the picture was enlarged in tiles of %u pixels"),
                                                   self->engine->device->name, self->options.tile));
  self->options.tile = tile;
  return large;
}

/* In a higher precision where numbers leave the bounds. */
static VelBitmap *
run_in_bounds (Job *self, VelType type, GError **error)
{
  for (;;) {
    g_autoptr (GError) failure = NULL;
    VelBitmap *large = run_here (self, type, &failure);
    VelType higher = vel_precision_higher (type, self->engine->device);

    if (large)
      return large;
    if (type == VEL_F32 || !g_error_matches (failure, VEL_ERROR, VEL_ERROR_NUMBERS)) {
      g_propagate_error (error, g_steal_pointer (&failure));
      return NULL;
    }
    g_ptr_array_add (self->notes, g_strdup_printf (_ ("%s went out of bounds, so this was computed again in %s"), vel_precision_name (type),
                                                   vel_precision_name (higher)));
    type = higher;
  }
}

static VelBitmap *
run_on_processor (Job *self, GError **error)
{
  const VelDeviceOptions *options = &self->engine->options;
  g_autoptr (VelDevice) processor = vel_device_new_cpu (options->threads, options->nice, error);
  g_autoptr (VelUpscaler) network = processor ? vel_upscale_load (self->path, processor, VEL_F32, self->cancellable, error) : NULL;

  if (!network)
    return NULL;
  g_ptr_array_add (self->notes,
                   g_strdup_printf (_ ("Memory is short on %s: the processor enlarged the picture"), self->engine->device->name));
  return vel_upscale_to (network, processor, self->rgb, self->width, self->height, &self->options, self->cancellable, error);
}

VelBitmap *
vel_engine_upscale (VelEngine *self, const char *path, const char *precision, const VelBitmap *rgb, guint width, guint height,
                    const VelUpscaleOptions *options, GPtrArray *notes, GCancellable *cancellable, GError **error)
{
  Job job = { self, path, rgb, width, height, *options, notes, cancellable };
  g_autoptr (GError) failure = NULL;
  gboolean card = (self->device->kernels->features & VEL_FEATURE_OUTSIDE) != 0;
  VelPrecision types;
  VelBitmap *large;

  if (!vel_precision_choose (&types, precision, self->device, error))
    return NULL;
  large = run_in_bounds (&job, types.vae, &failure);
  if (!large && card && g_error_matches (failure, VEL_ERROR, VEL_ERROR_MEMORY) && vel_device_check (self->device, NULL)) {
    if (self->model) {
      vel_model_drop_text (self->model);
      vel_model_drop_unet (self->model);
    }
    g_clear_error (&failure);
    large = run_in_bounds (&job, types.vae, &failure);
    g_clear_pointer (&self->upscaler, vel_upscaler_free); /* what is painted next needs the room */
    if (!large && g_error_matches (failure, VEL_ERROR, VEL_ERROR_MEMORY) && vel_device_check (self->device, NULL)) {
      g_clear_error (&failure);
      large = run_on_processor (&job, &failure);
    }
  }
  if (failure)
    g_propagate_error (error, g_steal_pointer (&failure));
  return large;
}
