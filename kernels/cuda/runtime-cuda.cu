/* The CUDA runtime behind runtime.h.  SPDX-License-Identifier: Apache-2.0
 *
 * cudart is linked statically and finds the driver by itself; without one, the first call says so. */
#include "kernels/cuda/runtime.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define OLDEST_CAPABILITY 75

/* What was given out, newest first: a handful of large blocks, or a network's weights, which are freed newest first too. */
typedef struct Block {
  void *memory;
  size_t bytes;
  struct Block *next;
} Block;

struct VelRuntime {
  int device;
  cudaStream_t stream, beside;             /* beside: of fetch, from its first use */
  cudaEvent_t done, arrived[VEL_RUNTIME_PLACES];
  size_t budget, used;
  Block *blocks;
  Block *pinned; /* bytes: 1 if its pages are locked */
  size_t shared_limit;
  bool recording;
  char failure[256]; /* "" while all is well */
};

struct VelGraph {
  cudaGraphExec_t graph;
};

static __global__ void
probe (void)
{
}

static bool
note (VelRuntime *self, cudaError_t status, const char *what)
{
  if (status == cudaSuccess)
    return true;
  if (self->failure[0] == '\0')
    snprintf (self->failure, sizeof self->failure, "The card stopped working while it should %s (%s).", what, cudaGetErrorString (status));
  return false;
}

/* The version of the kernel's part of the driver, which the runtime does not tell. */
static void
read_driver (char *text, size_t size)
{
  FILE *file = fopen ("/proc/driver/nvidia/version", "r");
  char line[256] = "", version[32] = "";
  int cuda = 0;

  if (file != NULL) {
    if (fgets (line, sizeof line, file) != NULL)
      for (char *word = strtok (line, " \t\n"); word != NULL; word = strtok (NULL, " \t\n"))
        if (strchr (word, '.') != NULL && strspn (word, "0123456789.") == strlen (word)) {
          snprintf (version, sizeof version, "%.20s, ", word);
          break;
        }
    fclose (file);
  }
  cudaDriverGetVersion (&cuda);
  snprintf (text, size, "%sCUDA %d.%d", version, cuda / 1000, cuda % 1000 / 10);
}

/* Whether this build has code for the card that is current: a developer's build may be for one kind only. */
static bool
has_code (void)
{
  cudaFuncAttributes attributes;
  bool found = cudaFuncGetAttributes (&attributes, probe) == cudaSuccess;

  cudaGetLastError (); /* a missing image must not be taken for a broken card later */
  return found;
}

static void
describe (unsigned device, VelDeviceInfo *info)
{
  cudaDeviceProp properties;
  cudaError_t status = cudaGetDeviceProperties (&properties, (int) device);

  memset (info, 0, sizeof *info);
  read_driver (info->driver, sizeof info->driver);
  if (status != cudaSuccess) {
    snprintf (info->name, sizeof info->name, "card %u", device);
    snprintf (info->usable, sizeof info->usable, "The driver can not describe it (%s).", cudaGetErrorString (status));
    cudaGetLastError ();
    return;
  }
  snprintf (info->name, sizeof info->name, "%.90s", properties.name);
  info->memory = properties.totalGlobalMem;
  info->capability = (unsigned) (properties.major * 10 + properties.minor);
  info->multiprocessors = (unsigned) properties.multiProcessorCount;
  if (info->capability < OLDEST_CAPABILITY) {
    snprintf (info->usable, sizeof info->usable, "It has compute capability %d.%d, and 7.5 (GTX 16, RTX 20) or newer is needed.",
              properties.major, properties.minor);
    return;
  }
  status = cudaSetDevice ((int) device);
  if (status == cudaSuccess)
    status = cudaMemGetInfo (&info->free_memory, &info->memory);
  if (status != cudaSuccess)
    snprintf (info->usable, sizeof info->usable, "It does not answer (%s).", cudaGetErrorString (status));
  else if (!has_code ())
    snprintf (info->usable, sizeof info->usable, "This build has no code for compute capability %d.%d.", properties.major,
              properties.minor);
  cudaGetLastError ();
}

unsigned
vel_runtime_devices (VelDeviceInfo *infos, unsigned room, char *why, size_t why_size)
{
  int count = 0;
  cudaError_t status = cudaGetDeviceCount (&count);

  if (why_size > 0)
    why[0] = '\0';
  if (status == cudaErrorInsufficientDriver)
    snprintf (why, why_size, "There is no NVIDIA driver that is new enough; CUDA %d.%d needs a newer one.", CUDART_VERSION / 1000,
              CUDART_VERSION % 1000 / 10);
  else if (status != cudaSuccess || count == 0)
    snprintf (why, why_size, "There is no NVIDIA card that can be used (%s).", cudaGetErrorString (status));
  if (status != cudaSuccess) {
    cudaGetLastError ();
    return 0;
  }
  for (unsigned i = 0; i < (unsigned) count && i < room; i++)
    describe (i, &infos[i]);
  return (unsigned) count;
}

static bool
prepare (VelRuntime *self)
{
  int shared = 0;

  if (!note (self, cudaSetDevice (self->device), "be chosen")
      || !note (self, cudaStreamCreateWithFlags (&self->stream, cudaStreamNonBlocking), "start a stream")
      || !note (self, cudaDeviceGetAttribute (&shared, cudaDevAttrMaxSharedMemoryPerBlockOptin, self->device), "tell its shared memory"))
    return false;
  self->shared_limit = (size_t) shared;
  return true;
}

VelRuntime *
vel_runtime_open (unsigned device, size_t budget, VelDeviceInfo *info, char *why, size_t why_size)
{
  VelRuntime *self;
  int count = 0;

  if (vel_runtime_devices (NULL, 0, why, why_size) == 0)
    return NULL;
  cudaGetDeviceCount (&count);
  if (device >= (unsigned) count) {
    snprintf (why, why_size, "There is no card %u; there %s %d, counted from 0.", device, count == 1 ? "is" : "are", count);
    return NULL;
  }
  describe (device, info);
  if (info->usable[0] != '\0') {
    snprintf (why, why_size, "%s: %s", info->name, info->usable);
    return NULL;
  }
  self = (VelRuntime *) calloc (1, sizeof *self);
  if (self == NULL) {
    snprintf (why, why_size, "There is not enough memory to start the card's kernels.");
    return NULL;
  }
  self->device = (int) device;
  self->budget = budget;
  if (!prepare (self)) {
    snprintf (why, why_size, "%s", self->failure);
    vel_runtime_close (self);
    return NULL;
  }
  return self;
}

void
vel_runtime_close (VelRuntime *self)
{
  if (self == NULL)
    return;
  cudaSetDevice (self->device);
  while (self->blocks != NULL)
    vel_runtime_free (self, self->blocks->memory);
  while (self->pinned != NULL)
    vel_runtime_unpin (self, self->pinned->memory);
  for (unsigned i = 0; i < VEL_RUNTIME_PLACES; i++)
    if (self->arrived[i] != NULL)
      cudaEventDestroy (self->arrived[i]);
  if (self->done != NULL)
    cudaEventDestroy (self->done);
  if (self->beside != NULL)
    cudaStreamDestroy (self->beside);
  if (self->stream != NULL)
    cudaStreamDestroy (self->stream);
  cudaGetLastError ();
  free (self);
}

VelStream
vel_runtime_stream (VelRuntime *self)
{
  return self->stream;
}

size_t
vel_runtime_shared_limit (VelRuntime *self)
{
  return self->shared_limit;
}

void *
vel_runtime_alloc (VelRuntime *self, size_t bytes)
{
  void *memory = NULL;
  Block *block;
  cudaError_t status;

  if (self->failure[0] != '\0' || (self->budget > 0 && bytes > self->budget - self->used))
    return NULL;
  block = (Block *) malloc (sizeof *block);
  if (block == NULL)
    return NULL;
  status = cudaSetDevice (self->device);
  if (status == cudaSuccess)
    status = cudaMalloc (&memory, bytes > 0 ? bytes : 1);
  if (status == cudaErrorMemoryAllocation)
    cudaGetLastError (); /* no failure: the caller makes do with less */
  else
    note (self, status, "give memory");
  if (memory == NULL) {
    free (block);
    return NULL;
  }
  *block = { memory, bytes, self->blocks };
  self->blocks = block;
  self->used += bytes;
  return memory;
}

void
vel_runtime_free (VelRuntime *self, void *memory)
{
  if (memory == NULL)
    return;
  for (Block **at = &self->blocks; *at != NULL; at = &(*at)->next)
    if ((*at)->memory == memory) {
      Block *block = *at;

      *at = block->next;
      self->used -= block->bytes;
      free (block);
      break;
    }
  vel_runtime_wait (self); /* the stream may still read it */
  if (self->beside != NULL && self->failure[0] == '\0')
    note (self, cudaStreamSynchronize (self->beside), "fetch weights");
  cudaFree (memory);
}

void
vel_runtime_memory (VelRuntime *self, size_t *free_bytes, size_t *total_bytes)
{
  *free_bytes = *total_bytes = 0;
  if (self->failure[0] != '\0' || !note (self, cudaSetDevice (self->device), "be chosen")
      || !note (self, cudaMemGetInfo (free_bytes, total_bytes), "tell its memory"))
    return;
  if (self->budget > 0) {
    size_t left = self->budget - self->used;

    *free_bytes = left < *free_bytes ? left : *free_bytes;
    *total_bytes = self->budget < *total_bytes ? self->budget : *total_bytes;
  }
}

/* From pageable memory the runtime has copied the bytes, at least into its own buffer, before it returns. */
void
vel_runtime_upload (VelRuntime *self, void *device, const void *host, size_t bytes)
{
  if (self->failure[0] == '\0')
    note (self, cudaMemcpyAsync (device, host, bytes, cudaMemcpyHostToDevice, self->stream), "take data");
}

void
vel_runtime_download (VelRuntime *self, void *host, const void *device, size_t bytes)
{
  if (self->failure[0] == '\0'
      && note (self, cudaMemcpyAsync (host, device, bytes, cudaMemcpyDeviceToHost, self->stream), "give data back"))
    vel_runtime_wait (self);
  if (self->failure[0] != '\0')
    memset (host, 0xff, bytes); /* not a number, for whoever does not ask */
}

void
vel_runtime_fill (VelRuntime *self, void *device, int byte, size_t bytes)
{
  if (self->failure[0] == '\0')
    note (self, cudaMemsetAsync (device, byte, bytes, self->stream), "fill memory");
}

void
vel_runtime_wait (VelRuntime *self)
{
  if (self->failure[0] == '\0')
    note (self, cudaStreamSynchronize (self->stream), "compute");
}

const char *
vel_runtime_failure (VelRuntime *self)
{
  if (self->failure[0] == '\0')
    note (self, cudaPeekAtLastError (), "compute");
  return self->failure[0] != '\0' ? self->failure : NULL;
}

/* Where pages can not be locked, ordinary memory does, by way of the driver's own buffer. */
void *
vel_runtime_pin (VelRuntime *self, size_t bytes)
{
  void *memory = NULL;
  Block *block = (Block *) malloc (sizeof *block);
  bool locked;

  if (block == NULL)
    return NULL;
  locked = self->failure[0] == '\0' && cudaSetDevice (self->device) == cudaSuccess
           && cudaHostAlloc (&memory, bytes > 0 ? bytes : 1, cudaHostAllocDefault) == cudaSuccess;
  if (!locked) {
    cudaGetLastError ();
    memory = malloc (bytes > 0 ? bytes : 1);
  }
  if (memory == NULL) {
    free (block);
    return NULL;
  }
  *block = { memory, locked, self->pinned };
  self->pinned = block;
  return memory;
}

void
vel_runtime_unpin (VelRuntime *self, void *memory)
{
  for (Block **at = &self->pinned; memory != NULL && *at != NULL; at = &(*at)->next)
    if ((*at)->memory == memory) {
      Block *block = *at;

      *at = block->next;
      if (self->beside != NULL && self->failure[0] == '\0')
        note (self, cudaStreamSynchronize (self->beside), "fetch weights"); /* it may still be read */
      if (block->bytes)
        cudaFreeHost (memory);
      else
        free (memory);
      free (block);
      return;
    }
}

static bool
prepare_beside (VelRuntime *self)
{
  if (self->beside != NULL)
    return true;
  if (!note (self, cudaStreamCreateWithFlags (&self->beside, cudaStreamNonBlocking), "start a stream")
      || !note (self, cudaEventCreateWithFlags (&self->done, cudaEventDisableTiming), "make an event"))
    return false;
  for (unsigned i = 0; i < VEL_RUNTIME_PLACES; i++)
    if (!note (self, cudaEventCreateWithFlags (&self->arrived[i], cudaEventDisableTiming), "make an event"))
      return false;
  return true;
}

void
vel_runtime_fetch (VelRuntime *self, unsigned place, void *device, const void *host, size_t bytes)
{
  if (self->failure[0] != '\0' || !prepare_beside (self))
    return;
  if (note (self, cudaEventRecord (self->done, self->stream), "compute") && note (self, cudaStreamWaitEvent (self->beside, self->done, 0), "wait")
      && note (self, cudaMemcpyAsync (device, host, bytes, cudaMemcpyHostToDevice, self->beside), "fetch weights"))
    note (self, cudaEventRecord (self->arrived[place], self->beside), "fetch weights");
}

void
vel_runtime_arrive (VelRuntime *self, unsigned place)
{
  if (self->failure[0] == '\0' && self->beside != NULL)
    note (self, cudaStreamWaitEvent (self->stream, self->arrived[place], 0), "wait for weights");
}

bool
vel_runtime_recording (const VelRuntime *self)
{
  return self->recording;
}

void
vel_runtime_record (VelRuntime *self)
{
  if (self->failure[0] == '\0')
    self->recording = note (self, cudaStreamBeginCapture (self->stream, cudaStreamCaptureModeThreadLocal), "record");
}

/* A recording that was broken off is no failure of the card. */
VelGraph *
vel_runtime_recorded (VelRuntime *self)
{
  cudaGraph_t written = NULL;
  cudaGraphExec_t graph = NULL;
  VelGraph *result = NULL;

  if (!self->recording)
    return NULL;
  self->recording = false;
  if (cudaStreamEndCapture (self->stream, &written) == cudaSuccess && cudaGraphInstantiate (&graph, written, 0) == cudaSuccess)
    result = (VelGraph *) malloc (sizeof *result);
  if (result != NULL)
    result->graph = graph;
  else if (graph != NULL)
    cudaGraphExecDestroy (graph);
  if (written != NULL)
    cudaGraphDestroy (written);
  cudaGetLastError ();
  return result;
}

void
vel_runtime_replay (VelRuntime *self, VelGraph *graph)
{
  if (self->failure[0] == '\0')
    note (self, cudaGraphLaunch (graph->graph, self->stream), "replay a recording");
}

void
vel_runtime_graph_free (VelRuntime *self, VelGraph *graph)
{
  if (graph == NULL)
    return;
  vel_runtime_wait (self);
  cudaGraphExecDestroy (graph->graph);
  free (graph);
}
