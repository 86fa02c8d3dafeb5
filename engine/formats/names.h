/* One component of a diffusers folder: its tensor names, and what the original single-file layout calls them.
 * SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <glib.h>

typedef enum {
  VEL_COMPONENT_UNET,
  VEL_COMPONENT_VAE,
  VEL_COMPONENT_TEXT_ENCODER,   /* the only one */
  VEL_COMPONENT_TEXT_ENCODER_1, /* of two, or of families that may have two */
  VEL_COMPONENT_TEXT_ENCODER_2,
  VEL_COMPONENT_CONTROL,        /* a ControlNet, of no model */
  VEL_N_COMPONENTS
} VelComponent;

typedef struct VelNames VelNames;

/* The prefix of a component's tensors in the original layout: "first_stage_model." */
const char *vel_component_get_prefix (VelComponent component);
/* stored: the component's names as in its files, NULL-terminated; levels and blocks per level are counted in them, so that any depth
 * is understood. Returns: (transfer full) */
VelNames *vel_names_new (VelComponent component, const char *const *stored);
/* The same table for a UNet whose names are known in the original layout. original: with the component's prefix, NULL-terminated.
 * Returns: (transfer full) */
VelNames *vel_names_new_from_original (const char *const *original);
void vel_names_free (VelNames *self);
/* Returns: (transfer full) (nullable): NULL for a name that the original layout does not have */
char *vel_names_to_original (VelNames *self, const char *stored);
/* original: with the component's prefix. Returns: (transfer full) (nullable) */
char *vel_names_to_stored (VelNames *self, const char *original);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (VelNames, vel_names_free)
