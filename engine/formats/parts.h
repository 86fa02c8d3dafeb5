/* The parts of a model that a file holds, by the names and shapes of its tensors.
 * SPDX-License-Identifier: Apache-2.0
 *
 * A part's names begin with a root, which may be anything or nothing ("model.diffusion_model.", "unet.", ""), and go on in one of the
 * dialects that programs write. Where both are those of the original layout, the part is in place: its names are the ones that are asked
 * for. */
#pragma once

#include "engine/formats/names.h"
#include "engine/formats/tensor-file.h"

typedef enum { VEL_PART_UNET, VEL_PART_TEXT_ENCODER, VEL_PART_VAE, VEL_N_PARTS } VelPartKind;

typedef enum {
  VEL_DIALECT_ORIGINAL,
  VEL_DIALECT_DIFFUSERS,
  VEL_DIALECT_TRANSFORMERS, /* of a text encoder, with "text_model." or without */
  VEL_DIALECT_OPENCLIP,
} VelDialect;

typedef struct {
  VelPartKind kind;
  VelDialect dialect;
  char *root;
  gint64 width, pooled; /* of a text encoder's states, of the vector for the whole text (0: none) */
  gboolean vector;      /* a UNet that reads one, as those of SDXL do */
} VelPart;

/* "unet", "text-encoder", "vae" */
const char *vel_part_kind_get_id (VelPartKind kind);
/* At most one UNet, one VAE and two text encoders, of which the second is the one that SDXL has second. files: of VelTensorFile.
 * Returns: (transfer full) (element-type VelPart) */
GArray *vel_parts_find (GPtrArray *files);
/* (nullable) borrowed; index: of the parts of this kind */
const VelPart *vel_parts_get (GArray *parts, VelPartKind kind, guint index);
guint vel_parts_count (GArray *parts, VelPartKind kind);
/* Orders text encoders as SDXL has them. */
int vel_part_compare (const VelPart *a, const VelPart *b);
gboolean vel_part_is_in_place (const VelPart *self);
/* Whether a tensor is the part's. */
gboolean vel_part_owns (const VelPart *self, const char *name);
/* (nullable) (transfer full): NULL where names are not translated one by one */
VelNames *vel_part_make_names (const VelPart *self, VelComponent component, GPtrArray *files);
/* names: (nullable) as made. A name that the original layout does not have follows the component's prefix as it stands.
 * Returns: (transfer full) */
char *vel_part_to_original (const VelPart *self, VelComponent component, VelNames *names, const char *name);

/* What a file is that is no part of a model: what people take for one. */
typedef struct {
  const char *id;     /* "lora" */
  const char *phrase; /* translatable: "a LoRA, which changes a model and is none" */
} VelOther;
/* (nullable) */
const VelOther *vel_other_find (const char *const *names);
/* The first thing a file is, as a translated phrase: "a VAE, which --vae takes". parts: as found. */
const char *vel_parts_describe (GArray *parts, const char *const *names);
