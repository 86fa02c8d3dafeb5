/* A model in memory: the networks of one file or folder, packed for a device, with its tokenizer.
 * SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "engine/lora/stack.h"
#include "engine/models/clip.h"
#include "engine/models/family.h"
#include "engine/models/unet.h"
#include "engine/models/vae.h"
#include "engine/pipeline/memory-plan.h"
#include "engine/pipeline/precision.h"
#include "engine/sampling/noise-levels.h"
#include "engine/text/tokenizer.h"

/* What decides whether a loaded model can be used again. */
typedef struct {
  const char *path;       /* of the model, resolved */
  const char *unet;       /* "" = the model's own, or it is the model */
  const char *text;       /* text encoders, a line each; "" = the model's own */
  const char *vae;        /* "" = its own */
  const char *tokenizer;  /* "" = found */
  const char *prediction; /* "" = the file's */
  VelPrecision precision;
} VelModelKey;

typedef struct {
  char *path, *name; /* name: the file's stem or the folder's name */
  VelArchitecture architecture;
  VelNoiseLevels *levels;
  VelTokenizer *tokenizer; /* NULL until texts are to be read */
  VelClip *text[VEL_MAX_TEXTS + 1]; /* ends with NULL; they may all be away, and so may the UNet: what is not needed now may make room */
  VelUNet *unet;
  VelSlots *text_slots[VEL_MAX_TEXTS], *unet_slots; /* of each that is there */
  VelLoraStack *loras; /* (nullable) borrowed: what is in force wherever a network is needed */
  VelVae *vae;
  VelMemoryPlan plan;
  VelMemoryNeeds needs;
  gsize text_bytes, unet_bytes; /* that they take of the device's memory, if they are there */
  VelPrecision precision; /* of the networks as they are now */
  GStrv unused;          /* tensors nobody asked for */
  gsize packed_bytes;
  double latent_to_rgb[5][3]; /* see VelFamily */
  char *identity;        /* what the key and the files' sizes and times came to */
  GThread *hasher;       /* reads the whole file once while the first picture is being painted */
  GCancellable *hasher_stop;
  char *hash;
} VelModel;

/* Opens, recognises and packs what the plan for a picture of this size has on the device, from `rung` of the ladder on. progress,
 * cancellable: (nullable).
 * Returns: (transfer full); NULL with VEL_ERROR_FORMAT, _WEIGHT, _FAMILY, _VOCABULARY, _MEMORY, _NUMBERS, or cancelled */
VelModel *vel_model_load (VelDevice *device, VelModelKey key, VelPictureSize size, guint rung, void (*progress) (double fraction, void *data), void *data,
                          GCancellable *cancellable, GError **error);
void vel_model_free (VelModel *self);
/* Takes one network from the files anew, to compute in `type` from now on. On an error the model can not be used any more.
 * key: as it was loaded with. */
gboolean vel_model_reload_unet (VelModel *self, VelDevice *device, VelModelKey key, VelType type, GCancellable *cancellable, GError **error);
gboolean vel_model_reload_vae (VelModel *self, VelDevice *device, VelModelKey key, VelType type, GCancellable *cancellable, GError **error);
/* Another plan, if a picture of this size needs one; networks that it moves are taken from the device, and come back by vel_model_need. */
gboolean vel_model_fit (VelModel *self, VelDevice *device, VelModelKey key, VelPictureSize size, guint rung, GCancellable *cancellable,
                        GError **error);
/* Brings networks that are not there, and LoRAs into force in those that are asked for. */
gboolean vel_model_need (VelModel *self, VelDevice *device, VelModelKey key, gboolean text, gboolean unet, GCancellable *cancellable,
                         GError **error);
void vel_model_drop_text (VelModel *self);
void vel_model_drop_unet (VelModel *self);
/* The VAE once more, on another device, in fp32. Returns: (transfer full) */
VelVae *vel_model_load_vae_elsewhere (VelModel *self, VelDevice *device, VelModelKey key, GCancellable *cancellable, GError **error);
/* The UNet once more, likewise, to compute in `type`. slots: (out) (transfer full) its weights. Returns: (transfer full) */
VelUNet *vel_model_load_unet_elsewhere (const VelModel *self, VelDevice *device, VelModelKey key, VelType type, VelSlots **slots,
                                        GCancellable *cancellable, GError **error);
/* LoRAs into force there. */
gboolean vel_model_change_unet_elsewhere (const VelModel *self, VelSlots *slots, VelModelKey key, GCancellable *cancellable, GError **error);
/* AutoV2, waiting for it if it is still being computed. (nullable) borrowed */
const char *vel_model_get_hash (VelModel *self);
/* FALSE if the key differs or a file changed since. */
gboolean vel_model_is (const VelModel *self, VelModelKey key);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (VelModel, vel_model_free)
