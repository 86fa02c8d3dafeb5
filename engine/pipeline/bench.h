/* Times the networks of a model, as they run for a picture.
 * SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "engine/pipeline/generate.h"

typedef enum {
  VEL_BENCH_TEXT, /* one chunk of 77 tokens */
  VEL_BENCH_UNET, /* one evaluation */
  VEL_BENCH_VAE,  /* decoding one picture */
} VelBenchPart;

typedef struct {
  const char *model;    /* path or name; "" = the starter */
  const char *tokenizer;/* "" = found; not read, but a model wants one */
  VelBenchPart part;
  guint width, height;  /* of the picture; 0 = the model's own */
  gint64 batch;         /* rows through the UNet: 2 = one picture with guidance */
  unsigned runs;        /* counted ones; one more warms up */
  const char *precision;/* see vel_precision_choose; NULL = "auto" */
  const char *loras;    /* for vel_engine_bench_loras: FILE[:UNET[:TEXT]], a line each */
} VelBenchRequest;

typedef struct {
  GArray *seconds;     /* (element-type double) sorted, one per counted run */
  double gflop;        /* of one run, by the direct algorithm */
  guint width, height;
  gsize peak_bytes;    /* of activations */
  gsize packed_bytes;  /* of all weights of the model */
} VelBenchResult;

void vel_bench_result_clear (VelBenchResult *self);
double vel_bench_result_get_median (const VelBenchResult *self);
/* Inputs are fixed noise. Loads the model into the engine if it is not there. FALSE with any error of loading. */
gboolean vel_engine_bench (VelEngine *self, const VelBenchRequest *request, VelBenchResult *result, GCancellable *cancellable,
                           GError **error);
/* Times what a person waits for who moves a strength: LoRAs on all networks of the model, every run with other strengths than the one before. */
gboolean vel_engine_bench_loras (VelEngine *self, const VelBenchRequest *request, VelBenchResult *result, GCancellable *cancellable,
                                 GError **error);
/* The same for the network in a file that enlarges pictures; of the request size, runs and precision count. A side that is unset is a tile's. */
gboolean vel_engine_bench_upscaler (VelEngine *self, const char *path, const VelBenchRequest *request, VelBenchResult *result,
                                    GCancellable *cancellable, GError **error);
