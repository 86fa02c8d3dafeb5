/* From a request to pictures: the stages, one after the other.
 * SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <gio/gio.h>

#include "engine/formats/safetensors.h"
#include "engine/params.h"
#include "engine/tensor/device.h"
#include "engine/unfinished.h"

typedef enum {
  VEL_STAGE_LOADING,  /* fraction */
  VEL_STAGE_TEXT,
  VEL_STAGE_SAMPLING, /* step of n_steps, preview */
  VEL_STAGE_DECODING,
  VEL_STAGE_ENLARGING, /* fraction; by a network */
} VelStage;

typedef struct {
  VelStage stage;
  double fraction;        /* of the stage, 0..1 */
  unsigned step, n_steps; /* steps finished */
  double seconds_left;    /* < 0: not known yet (before the third step) */
  const guint8 *preview;  /* (nullable) RGB of the first picture, [height, width, 3], valid during the call */
  guint preview_width, preview_height;
} VelProgress;

/* Called on the engine's thread; must not block. */
typedef void (*VelProgressFunc) (const VelProgress *progress, gpointer data);

typedef struct {
  guint64 seed;
  guint width, height;
  guint8 *rgb; /* [height, width, 3] */
  guint64 variation_seed; /* where the request asks for a variation */
  guint painted_width, painted_height; /* in what size the network worked, where that is another: a masked part alone */
  VelValues *request; /* (nullable) what it is painted from, where its prompts left choices: they are made there */
  VelKept *kept;      /* (nullable) its latent on disk: discard it once the picture is saved */
} VelPicture;

typedef struct {
  GPtrArray *pictures;     /* (element-type VelPicture) in batch order */
  char *model_path, *model_name, *model_hash; /* hash: AutoV2, or NULL if it could not be computed */
  GStrv notes;             /* what a person should know, a sentence each: tensors that no network asked for */
  gboolean partial;        /* stopped: the first picture's latest preview, enlarged to full size */
  double seconds;
} VelResult;

void vel_result_free (VelResult *self);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (VelResult, vel_result_free)

/* Loads models, keeps the last one, and paints. Owned by one thread. */
typedef struct VelEngine VelEngine;
/* device: see vel_device_open. A request may ask for another one later. Returns: (transfer full); NULL with VEL_ERROR_DEVICE */
VelEngine *vel_engine_new (const char *device, const VelDeviceOptions *options, GError **error);
void vel_engine_free (VelEngine *self);
VelDevice *vel_engine_get_device (VelEngine *self);
/* From now on what is painted lies in this folder until somebody has saved it. outputs: (nullable) where the pictures of the next request are
 * to go, in their order. folder: (nullable) nothing is kept */
void vel_engine_keep_in (VelEngine *self, const char *folder, const char *const *outputs);
/* What the last request painted and did not give, because it failed or was stopped then. Released, such a file is an unfinished picture.
 * Returns: (transfer full) (element-type VelKept) */
GPtrArray *vel_engine_take_left (VelEngine *self);
/* request: not changed. progress, cancellable: (nullable). trace_path: (nullable) see CLI "The trace".
 * An unset seed is drawn here. Cancelling during sampling gives a partial result if a preview exists and keep_partial is TRUE,
 * else G_IO_ERROR_CANCELLED. Returns: (transfer full); NULL with any VEL_ERROR */
VelResult *vel_engine_generate (VelEngine *self, VelValues *request, VelProgressFunc progress, gpointer data, const char *trace_path,
                                gboolean keep_partial, GCancellable *cancellable, GError **error);
/* The same for a request whose prompts leave no choice. */
VelResult *vel_engine_generate_chosen (VelEngine *self, VelValues *request, VelProgressFunc progress, gpointer data, const char *trace_path,
                                       gboolean keep_partial, GCancellable *cancellable, GError **error);
/* Decodes what was painted before. device: (nullable) NULL: the one that painted it, if it is there, else what "auto" means. memory: as the
 * option. The picture's `kept` is that of `unfinished`, which is whole; after an error `unfinished` has it still.
 * Returns: (transfer full) one picture, with its request */
VelResult *vel_engine_finish (VelEngine *self, VelUnfinished *unfinished, const char *device, guint64 memory, VelProgressFunc progress,
                              gpointer data, GCancellable *cancellable, GError **error);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (VelEngine, vel_engine_free)
