/* cuBLASLt behind dlopen, and the memory of what is fastest: one of its algorithms or our own kernel.  SPDX-License-Identifier: Apache-2.0
 *
 * Row-major matrices are column-major ones transposed, so out [M, N] = x [M, K] W [N, K]^T is asked for as D (N x M) = W^T (N x K) x (K x M):
 * the bias is then one of the rows, as the library's epilogue wants it. The library takes biases in the type of the result only, so 16-bit
 * layers have theirs rounded on the way. */
#include "kernels/cuda/lt.h"
#include "kernels/cuda/product.cuh"

#include <cublasLt.h>
#include <dlfcn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define WORKSPACE_BYTES ((size_t) 32 << 20)
#define BIAS_BYTES ((size_t) 64 << 10)
#define MAX_CANDIDATES 8
#define TIMED_RUNS 5
#define MAX_ENTRIES 4096
#define OWN "own" /* in place of an algorithm: our kernel is faster */

typedef struct {
  uint64_t m, n, k, weight_stride;
  int type, bias, residual;
} Key;

typedef struct {
  Key key;
  bool checked, usable; /* usable: the library has an algorithm for it, and a faster one than we */
  cublasLtMatmulAlgo_t algorithm;
} Entry;

/* The functions that are used, by their names without "cublasLt". */
#define FUNCTIONS(_) \
  _ (Create) _ (Destroy) _ (GetVersion) _ (Matmul) _ (MatmulDescCreate) _ (MatmulDescDestroy) _ (MatmulDescSetAttribute) \
  _ (MatrixLayoutCreate) _ (MatrixLayoutDestroy) _ (MatmulPreferenceCreate) _ (MatmulPreferenceDestroy) _ (MatmulPreferenceSetAttribute) \
  _ (MatmulAlgoGetHeuristic) _ (MatmulAlgoCheck)

struct VelLt {
  void *library;
#define MEMBER(name) decltype (&cublasLt##name) name;
  FUNCTIONS (MEMBER)
#undef MEMBER
  cublasLtHandle_t handle;
  void *workspace, *bias; /* bias: room for one of 16 bits */
  VelRuntime *runtime;
  Entry *entries;
  size_t n;
  bool changed;
  char path[512]; /* "" where nothing is remembered */
};

/* What one call of the library needs. */
typedef struct {
  cublasLtMatmulDesc_t product;
  cublasLtMatrixLayout_t a, b, c;
} Plan;

/* The library of the toolkit that this was compiled with. */
static const char *
library_name (void)
{
  static char name[32];

  snprintf (name, sizeof name, "libcublasLt.so.%d", CUDART_VERSION / 1000);
  return name;
}

static bool
find_functions (VelLt *self)
{
#define FIND(name) \
  self->name = (decltype (&cublasLt##name)) dlsym (self->library, "cublasLt" #name); \
  if (self->name == NULL) \
    return false;
  FUNCTIONS (FIND)
#undef FIND
  return true;
}

static void
choose_path (VelLt *self, const VelBackend *backend, const char *cache)
{
  int length = snprintf (self->path, sizeof self->path, "%s/cublaslt-%s-%zu-%s.txt", cache, backend->info.name, self->GetVersion (),
                         backend->info.driver);

  if (length < 0 || (size_t) length >= sizeof self->path) {
    self->path[0] = '\0';
    return;
  }
  for (char *at = self->path + strlen (cache) + 1; *at != '\0'; at++)
    if (strchr (" ,/", *at) != NULL)
      *at = '_';
}

/* A line: the key's numbers, then the algorithm's bytes. One that does not read so is left out; the library checks the rest at first use. */
static void
read_entries (VelLt *self)
{
  FILE *file = self->path[0] != '\0' ? fopen (self->path, "r") : NULL;
  Entry entry;
  char hex[2 * sizeof entry.algorithm + 1];

  if (file == NULL)
    return;
  memset (&entry, 0, sizeof entry);
  entry.usable = true;
  while (self->n < MAX_ENTRIES
         && fscanf (file, "%lu %lu %lu %lu %d %d %d %128s", &entry.key.m, &entry.key.n, &entry.key.k, &entry.key.weight_stride,
                    &entry.key.type, &entry.key.bias, &entry.key.residual, hex)
              == 8) {
    bool good = strlen (hex) == sizeof hex - 1 && strspn (hex, "0123456789abcdef") == sizeof hex - 1;

    if (strcmp (hex, OWN) == 0) {
      self->entries[self->n] = entry;
      self->entries[self->n].checked = true;
      self->entries[self->n++].usable = false;
      continue;
    }

    for (size_t i = 0; good && i < sizeof entry.algorithm; i++) {
      unsigned byte = 0;

      sscanf (hex + 2 * i, "%2x", &byte);
      ((unsigned char *) &entry.algorithm)[i] = (unsigned char) byte;
    }
    if (good)
      self->entries[self->n++] = entry;
  }
  fclose (file);
}

/* To a temporary file first: a half-written one is never read. */
static void
write_entries (const VelLt *self)
{
  char temporary[sizeof self->path + 32];
  FILE *file;
  bool good;

  snprintf (temporary, sizeof temporary, "%s.%ld", self->path, (long) getpid ());
  file = fopen (temporary, "w");
  if (file == NULL)
    return;
  for (size_t i = 0; i < self->n; i++) {
    const Entry *entry = &self->entries[i];

    if (!entry->checked)
      continue;
    fprintf (file, "%lu %lu %lu %lu %d %d %d ", entry->key.m, entry->key.n, entry->key.k, entry->key.weight_stride, entry->key.type,
             entry->key.bias, entry->key.residual);
    for (size_t b = 0; entry->usable && b < sizeof entry->algorithm; b++)
      fprintf (file, "%02x", ((const unsigned char *) &entry->algorithm)[b]);
    fprintf (file, "%s\n", entry->usable ? "" : OWN);
  }
  good = ferror (file) == 0;
  good = fclose (file) == 0 && good;
  if (!good || rename (temporary, self->path) != 0)
    unlink (temporary);
}

VelLt *
vel_lt_open (VelBackend *backend, const char *cache)
{
  VelLt *self = (VelLt *) calloc (1, sizeof *self);

  if (self == NULL)
    return NULL;
  self->runtime = backend->runtime;
  self->library = dlopen (library_name (), RTLD_NOW | RTLD_LOCAL);
  if (self->library != NULL && find_functions (self) && self->Create (&self->handle) == CUBLAS_STATUS_SUCCESS)
    self->workspace = vel_runtime_alloc (backend->runtime, WORKSPACE_BYTES + BIAS_BYTES);
  if (self->workspace != NULL)
    self->bias = (char *) self->workspace + WORKSPACE_BYTES;
  if (self->workspace != NULL)
    self->entries = (Entry *) malloc (MAX_ENTRIES * sizeof *self->entries);
  if (self->entries == NULL) {
    vel_lt_close (self);
    return NULL;
  }
  if (cache != NULL) {
    choose_path (self, backend, cache);
    read_entries (self);
  }
  return self;
}

void
vel_lt_close (VelLt *self)
{
  if (self == NULL)
    return;
  if (self->changed && self->path[0] != '\0')
    write_entries (self);
  if (self->handle != NULL)
    self->Destroy (self->handle);
  vel_runtime_free (self->runtime, self->workspace);
  free (self->entries);
  if (self->library != NULL)
    dlclose (self->library);
  free (self);
}

static cudaDataType
data_type (VelType type)
{
  return type == VEL_F16 ? CUDA_R_16F : type == VEL_BF16 ? CUDA_R_16BF : CUDA_R_32F;
}

static void
plan_free (VelLt *self, Plan *plan)
{
  if (plan->product != NULL)
    self->MatmulDescDestroy (plan->product);
  if (plan->a != NULL)
    self->MatrixLayoutDestroy (plan->a);
  if (plan->b != NULL)
    self->MatrixLayoutDestroy (plan->b);
  if (plan->c != NULL)
    self->MatrixLayoutDestroy (plan->c);
}

static bool
plan_make (VelLt *self, Plan *plan, const Key *key, const void *bias)
{
  cublasOperation_t transposed = CUBLAS_OP_T;
  cublasLtEpilogue_t epilogue = CUBLASLT_EPILOGUE_BIAS;
  cudaDataType type = data_type ((VelType) key->type);
  bool good;

  memset (plan, 0, sizeof *plan);
  good = self->MatmulDescCreate (&plan->product, CUBLAS_COMPUTE_32F, CUDA_R_32F) == CUBLAS_STATUS_SUCCESS
         && self->MatmulDescSetAttribute (plan->product, CUBLASLT_MATMUL_DESC_TRANSA, &transposed, sizeof transposed)
              == CUBLAS_STATUS_SUCCESS
         && self->MatrixLayoutCreate (&plan->a, type, key->k, key->n, (int64_t) key->weight_stride) == CUBLAS_STATUS_SUCCESS
         && self->MatrixLayoutCreate (&plan->b, type, key->k, key->m, (int64_t) key->k) == CUBLAS_STATUS_SUCCESS
         && self->MatrixLayoutCreate (&plan->c, type, key->n, key->m, (int64_t) key->n) == CUBLAS_STATUS_SUCCESS;
  if (good && key->bias)
    good = self->MatmulDescSetAttribute (plan->product, CUBLASLT_MATMUL_DESC_EPILOGUE, &epilogue, sizeof epilogue) == CUBLAS_STATUS_SUCCESS
           && self->MatmulDescSetAttribute (plan->product, CUBLASLT_MATMUL_DESC_BIAS_POINTER, &bias, sizeof bias)
                == CUBLAS_STATUS_SUCCESS;
  return good;
}

/* Biases of 16-bit layers become as narrow in `narrow`, each time. algorithm: NULL, our own kernel */
static bool
multiply (VelBackend *backend, const Plan *plan, const VelLinearArgs *args, void *narrow, void *out, const cublasLtMatmulAlgo_t *algorithm)
{
  VelLt *self = backend->lt;
  float one = 1, beta = args->residual != NULL ? 1 : 0;

  if (algorithm == NULL) {
    vel_product_linear (backend, args, out);
    return true;
  }
  if (narrow != NULL) {
    VelConvertArgs convert = { args->weight->out, VEL_F32, args->type, args->bias, narrow };

    vel_cuda_convert (backend, &convert);
  }
  return self->Matmul (self->handle, plan->product, &one, args->weight->data, plan->a, args->x, plan->b, &beta,
                       args->residual != NULL ? args->residual : out, plan->c, out, plan->c, algorithm, self->workspace, WORKSPACE_BYTES,
                       backend->stream)
         == CUBLAS_STATUS_SUCCESS;
}

/* Milliseconds of one run, or a negative number. out: somewhere, since a residual in place would be added again and again */
static float
time_one (VelBackend *backend, const Plan *plan, const VelLinearArgs *args, void *narrow, void *out, const cublasLtMatmulAlgo_t *algorithm)
{
  cudaEvent_t begin = NULL, end = NULL;
  float milliseconds = -1;

  if (cudaEventCreate (&begin) == cudaSuccess && cudaEventCreate (&end) == cudaSuccess
      && multiply (backend, plan, args, narrow, out, algorithm)) { /* once to warm up */
    bool good = cudaEventRecord (begin, backend->stream) == cudaSuccess;

    for (int i = 0; i < TIMED_RUNS; i++)
      good = multiply (backend, plan, args, narrow, out, algorithm) && good;
    if (!good || cudaEventRecord (end, backend->stream) != cudaSuccess || cudaEventSynchronize (end) != cudaSuccess
        || cudaEventElapsedTime (&milliseconds, begin, end) != cudaSuccess)
      milliseconds = -1;
  }
  if (begin != NULL)
    cudaEventDestroy (begin);
  if (end != NULL)
    cudaEventDestroy (end);
  return milliseconds;
}

/* Asks the library for candidates and takes the fastest, or our own kernel; the first one where nothing may be timed. spare: for a result */
static void
choose (VelBackend *backend, const Plan *plan, const VelLinearArgs *args, void *narrow, void *spare, Entry *entry)
{
  VelLt *self = backend->lt;
  cublasLtMatmulHeuristicResult_t found[MAX_CANDIDATES];
  cublasLtMatmulPreference_t preference = NULL;
  size_t workspace = WORKSPACE_BYTES;
  float best = -1;
  int n = 0;

  if (self->MatmulPreferenceCreate (&preference) == CUBLAS_STATUS_SUCCESS
      && self->MatmulPreferenceSetAttribute (preference, CUBLASLT_MATMUL_PREF_MAX_WORKSPACE_BYTES, &workspace, sizeof workspace)
           == CUBLAS_STATUS_SUCCESS
      && self->MatmulAlgoGetHeuristic (self->handle, plan->product, plan->a, plan->b, plan->c, plan->c, preference, MAX_CANDIDATES, found, &n)
           != CUBLAS_STATUS_SUCCESS)
    n = 0;
  if (preference != NULL)
    self->MatmulPreferenceDestroy (preference);
  entry->usable = n > 0;
  entry->checked = true;
  if (n > 0)
    entry->algorithm = found[0].algo;
  for (int i = 0; i < n && spare != NULL; i++) {
    float milliseconds = time_one (backend, plan, args, narrow, spare, &found[i].algo);

    if (milliseconds >= 0 && (best < 0 || milliseconds < best)) {
      best = milliseconds;
      entry->algorithm = found[i].algo;
    }
  }
  if (best >= 0) {
    float own = time_one (backend, plan, args, NULL, spare, NULL);

    entry->usable = !(own >= 0 && own < best);
    self->changed = true;
  }
}

static bool
still_good (VelLt *self, const Plan *plan, const Entry *entry)
{
  cublasLtMatmulHeuristicResult_t result;

  return self->MatmulAlgoCheck (self->handle, plan->product, plan->a, plan->b, plan->c, plan->c, &entry->algorithm, &result)
           == CUBLAS_STATUS_SUCCESS
         && result.workspaceSize <= WORKSPACE_BYTES;
}

static Entry *
find_entry (VelLt *self, const Key *key)
{
  for (size_t i = 0; i < self->n; i++)
    if (memcmp (&self->entries[i].key, key, sizeof *key) == 0)
      return &self->entries[i];
  if (self->n == MAX_ENTRIES)
    return NULL;
  memset (&self->entries[self->n], 0, sizeof *self->entries);
  self->entries[self->n].key = *key;
  return &self->entries[self->n++];
}

bool
vel_lt_linear (VelBackend *backend, const VelLinearArgs *args)
{
  VelLt *self = backend->lt;
  const VelPacked *weight = args->weight;
  bool recording = vel_runtime_recording (backend->runtime), narrow_bias = args->bias != NULL && args->type != VEL_F32, done = false;
  size_t size = vel_type_size (args->type);
  void *narrow = NULL;
  Entry *entry;
  Plan plan;
  Key key;

  if (weight->gated || args->activation != VEL_ACTIVATION_NONE || weight->in % 8 != 0 || weight->out % 8 != 0 || args->rows < 16
      || (uintptr_t) args->x % 16 != 0 || (uintptr_t) args->out % 16 != 0 || (uintptr_t) args->residual % 16 != 0)
    return false;
  memset (&key, 0, sizeof key); /* compared as bytes */
  key.m = args->rows;
  key.n = weight->out;
  key.k = weight->in;
  key.weight_stride = weight->in_padded;
  key.type = args->type;
  key.bias = args->bias != NULL;
  key.residual = args->residual != NULL;
  entry = find_entry (self, &key);
  if (entry == NULL || (entry->checked && !entry->usable))
    return false;
  if (narrow_bias) {
    if (weight->out * size > BIAS_BYTES)
      return false;
    narrow = self->bias;
  }
  if (plan_make (self, &plan, &key, narrow_bias ? narrow : args->bias)) {
    if (!entry->checked && entry->usable)
      entry->checked = still_good (self, &plan, entry);
    if (!entry->checked) {
      void *spare = recording ? NULL : vel_runtime_alloc (backend->runtime, args->rows * weight->out * size);

      choose (backend, &plan, args, narrow, spare, entry);
      vel_runtime_free (backend->runtime, spare);
    }
    done = entry->usable && multiply (backend, &plan, args, narrow, args->out, &entry->algorithm);
  }
  plan_free (self, &plan);
  return done;
}
