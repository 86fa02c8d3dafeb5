/* What the CUDA backend asks of a driver: memory, copies, one stream, graphs, errors.
 * SPDX-License-Identifier: Apache-2.0
 *
 * runtime-cuda.cu does it with the CUDA runtime, emulator/runtime-host.cpp on the host for tests. One VelRuntime is one card with one
 * stream; used from one thread at a time. After the first error everything does nothing and `failure` tells. */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "kernels/cuda/dialect.cuh"
#include "kernels/kernels.h"

typedef struct VelRuntime VelRuntime;

/* As VelKernels.devices. */
unsigned vel_runtime_devices (VelDeviceInfo *infos, unsigned room, char *why, size_t why_size);

/* budget: bytes that alloc may hand out in all; 0: what the card has. Returns: NULL with a sentence in `why` */
VelRuntime *vel_runtime_open (unsigned device, size_t budget, VelDeviceInfo *info, char *why, size_t why_size);
void vel_runtime_close (VelRuntime *self);
VelStream vel_runtime_stream (VelRuntime *self);
/* Bytes of shared memory that one block may ask for. */
size_t vel_runtime_shared_limit (VelRuntime *self);

/* 256-byte aligned. NULL if there is not enough, which is no error. */
void *vel_runtime_alloc (VelRuntime *self, size_t bytes);
void vel_runtime_free (VelRuntime *self, void *memory);
void vel_runtime_memory (VelRuntime *self, size_t *free_bytes, size_t *total_bytes);

void vel_runtime_upload (VelRuntime *self, void *device, const void *host, size_t bytes);
void vel_runtime_download (VelRuntime *self, void *host, const void *device, size_t bytes);
/* Fills with one byte, in the stream's order. */
void vel_runtime_fill (VelRuntime *self, void *device, int byte, size_t bytes);
void vel_runtime_wait (VelRuntime *self);
/* NULL, or a sentence on the first error. Also notes errors of kernel launches so far. */
const char *vel_runtime_failure (VelRuntime *self);

/* Host memory that the card can read while it computes, or as good as there is. NULL if there is not enough. */
void *vel_runtime_pin (VelRuntime *self, size_t bytes);
void vel_runtime_unpin (VelRuntime *self, void *memory);
/* Two places that are filled beside the stream. fetch: a copy that begins when everything asked for so far is done; arrive: what is asked
 * for from now on waits for it. Neither may be recorded. */
#define VEL_RUNTIME_PLACES 2
void vel_runtime_fetch (VelRuntime *self, unsigned place, void *device, const void *host, size_t bytes);
void vel_runtime_arrive (VelRuntime *self, unsigned place);

bool vel_runtime_recording (const VelRuntime *self);
void vel_runtime_record (VelRuntime *self);
VelGraph *vel_runtime_recorded (VelRuntime *self);
void vel_runtime_replay (VelRuntime *self, VelGraph *graph);
void vel_runtime_graph_free (VelRuntime *self, VelGraph *graph);
