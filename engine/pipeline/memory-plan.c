/* Estimates and the ladder.  SPDX-License-Identifier: Apache-2.0 */
#include "config.h"

#include "engine/pipeline/memory-plan.h"

#include <glib/gi18n-lib.h>

#include "engine/pipeline/hires.h"

/* Intermediates of the UNet come to 9 or 10 times its model channels for each pixel of the latent (measured on SD 1.5 and SDXL, where they
 * are 52 and 189 MB in 16 bits); what kernels need beside them, to as much again. */
#define PAINTING_CHANNELS 20

static guint64
tensor_bytes (VelWeights *weights, const char *name, VelType type)
{
  const VelTensorEntry *entry = vel_weights_find (weights, name);

  return entry ? (guint64) vel_shape_count (entry->shape) * vel_type_size (type) : 0;
}

/* Of the larger pass. A second one that can not be is refused where it is planned. */
static guint64
count_pixels (const VelArchitecture *architecture, VelPictureSize size)
{
  guint width = size.width ? size.width : architecture->width, height = size.height ? size.height : architecture->height;
  VelHires hires = { .width = 0 };

  if (size.request && !vel_hires_plan (&hires, size.request, width, height, 8, NULL))
    hires.width = hires.height = 0;
  return MAX ((guint64) width * height, (guint64) hires.width * hires.height);
}

void
vel_memory_needs_estimate (VelMemoryNeeds *self, VelWeights *weights, const VelArchitecture *architecture, VelPrecision precision,
                           VelPictureSize size)
{
  const char *const *names = vel_weights_get_names (weights);
  guint64 pixels = count_pixels (architecture, size) / 64;

  *self = (VelMemoryNeeds) { 0 };
  for (gsize i = 0; names[i]; i++)
    if (g_str_has_prefix (names[i], "model.diffusion_model.")) {
      guint64 bytes = tensor_bytes (weights, names[i], precision.unet);

      self->unet += bytes;
      self->largest = MAX (self->largest, bytes);
    } else if (g_str_has_prefix (names[i], "first_stage_model.")) {
      self->vae += tensor_bytes (weights, names[i], precision.vae);
    } else {
      self->text += tensor_bytes (weights, names[i], precision.text);
    }
  self->painting
    = 2 * (guint64) size.batch * pixels * PAINTING_CHANNELS * (guint64) architecture->model_channels * vel_type_size (precision.unet);
  self->controls = size.controls + size.n_controls * (self->painting / 2); /* half a UNet each */
}

static guint
first_rung (const VelMemoryNeeds *needs, guint64 free_bytes)
{
  guint64 always = needs->vae + needs->painting + needs->controls;

  if (free_bytes == 0 || needs->text + needs->unet + always <= free_bytes)
    return 0;
  return needs->unet + always <= free_bytes ? 1 : 2;
}

void
vel_memory_plan_choose (VelMemoryPlan *self, const VelMemoryNeeds *needs, guint64 free_bytes, guint rung)
{
  guint64 others = needs->vae + needs->painting + needs->controls + 2 * needs->largest, room = free_bytes > others ? free_bytes - others : 0;

  self->rung = MIN (MAX (rung, first_rung (needs, free_bytes)), VEL_LAST_RUNG);
  self->fit = self->rung == 0 ? VEL_FIT_WHOLE : self->rung == 1 ? VEL_FIT_IN_TURNS : VEL_FIT_STREAMED;
  self->room = self->fit != VEL_FIT_STREAMED ? G_MAXUINT64 : self->rung == 2 ? room : self->rung == 3 ? room / 2 : 0;
}

char *
vel_memory_plan_describe (const VelMemoryPlan *self, const VelMemoryNeeds *needs, const char *device)
{
  g_autofree char *size = NULL;

  if (self->fit == VEL_FIT_WHOLE)
    return NULL;
  if (self->fit == VEL_FIT_IN_TURNS || needs->unet <= self->room)
    return g_strdup_printf (_ ("Memory is short on %s: the text encoder made room for the UNet"), device);
  size = g_format_size (needs->unet - self->room);
  return g_strdup_printf (_ ("Memory is short on %s: %s of the UNet came from the computer's memory in every step, which is slower"), device, size);
}
