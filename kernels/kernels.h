/* The op interface: arithmetic on plain memory, one table of functions per backend.
 * SPDX-License-Identifier: Apache-2.0
 *
 * Conventions
 *   Layout   Row-major and contiguous unless a stride is named. Pictures are NHWC: [batch, height, width, channels];
 *            sequences are [batch, tokens, channels]. Weights come as PyTorch stores them and are packed once.
 *   Types    Activations have the `type` of the call; biases, norm parameters, statistics and accumulation are fp32.
 *            The CPU backends take VEL_F32 activations only; weights may be fp32, fp16 or bf16 and keep their values exactly.
 *   Aliasing `out` may be `residual` or, where said, `x`; nothing else overlaps.
 *   Errors   None: shapes are checked by engine/tensor/ops.c before a call. A NULL member means "not provided";
 *            the engine then runs the reference.
 *   Memory   No op allocates device memory; scratch belongs to the backend and grows to the largest call.
 * A VelBackend is used from one thread at a time; it has its own worker threads.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define VEL_KERNELS_ABI 1

typedef enum {
  VEL_F32,
  VEL_F16,
  VEL_BF16,
  VEL_F64,
  VEL_I32,
  VEL_I64,
  VEL_U8,
} VelType;

typedef enum {
  VEL_ACTIVATION_NONE,
  VEL_ACTIVATION_SILU,       /* x sigmoid(x) */
  VEL_ACTIVATION_GELU,       /* x Phi(x), exact (erf) */
  VEL_ACTIVATION_QUICK_GELU, /* x sigmoid(1.702 x), CLIP ViT-L */
} VelActivation;

typedef struct VelBackend VelBackend; /* one device: threads or a stream, scratch memory */
typedef struct VelPacked VelPacked;   /* a weight in the order a backend's kernels read it */

/* Some rows of a weight matrix, as they lie in a file. */
typedef struct {
  const void *data; /* [out, in] */
  VelType type;     /* VEL_F32, VEL_F16 or VEL_BF16 */
  size_t out;
} VelWeightRows;

/* Several matrices over the same input become one product (q, k, v). */
typedef struct {
  size_t in;
  unsigned n_parts;
  const VelWeightRows *parts; /* stacked in this order */
  bool gated;                 /* GEGLU: the first half of all rows is the value, the second its gate */
} VelPackLinear;

typedef struct {
  const void *data; /* [out, in, kernel, kernel] */
  VelType type;
  size_t out, in, kernel; /* kernel 1 or 3 */
} VelPackConv;

/* out = activation (x W^T + bias) + residual;  gated: value * gelu (gate) + residual */
typedef struct {
  VelType type;
  size_t rows;
  const VelPacked *weight; /* from pack_linear: in -> out columns (out = half the packed rows if gated) */
  const void *x;           /* [rows, in] */
  const float *bias;       /* [packed rows] or NULL, in the order of the stacked parts */
  VelActivation activation; /* NONE if gated */
  const void *residual;    /* [rows, out] or NULL; may be out */
  void *out;               /* [rows, out] */
} VelLinearArgs;

/* out = conv (pad (nearest (x))) + bias + embedding + residual
 * Output side: (side + pad before + pad after - kernel) / stride + 1, side after nearest. */
typedef struct {
  VelType type;
  size_t batch, height, width;    /* of x */
  size_t up_height, up_width;     /* x is first resized to this by nearest neighbour (source = floor (i * height / up_height)); 0: not */
  unsigned stride;                /* 1 or 2 */
  unsigned pad_before, pad_after; /* zeros above and left, below and right */
  const VelPacked *weight;        /* from pack_conv */
  const void *x;                  /* [batch, height, width, in] */
  const float *bias;              /* [out] or NULL */
  const void *embedding;          /* [batch, out], added to every pixel, or NULL */
  const void *residual;           /* like out, or NULL; may be out */
  void *out;                      /* [batch, oh, ow, out] */
} VelConvArgs;

/* softmax (scale q k^T + mask) v, head by head; head h lies at columns h*head_dim of a row. */
typedef struct {
  VelType type;
  size_t batch, heads, head_dim, rows, keys;
  double scale;
  bool causal; /* row i sees keys 0..i (rows == keys) */
  const void *q, *k, *v;
  size_t q_stride, k_stride, v_stride; /* elements from one token to the next; pictures follow one another */
  void *out;                           /* [batch, rows, heads * head_dim] */
} VelAttentionArgs;

/* Wu & He 2018. Mean and variance over all pixels and channels of a group, then gamma x + beta, then SiLU if asked. */
typedef struct {
  VelType type;
  size_t batch, pixels, channels, groups;
  double eps;
  const float *gamma, *beta; /* [channels] */
  bool silu;
  const void *x;
  void *out; /* may be x */
} VelGroupNormArgs;

typedef struct {
  VelType type;
  size_t rows, channels;
  double eps;
  const float *gamma, *beta; /* [channels] */
  const void *x;
  void *out; /* may be x */
} VelLayerNormArgs;

typedef struct {
  VelType type;
  size_t count;
  VelActivation activation;
  const void *x;
  void *out; /* may be x */
} VelActivateArgs;

/* out = sum of weights[i] * terms[i]; each product and the sum in fp32, in order. What samplers and guidance are made of. */
typedef struct {
  VelType type;
  size_t count;
  unsigned n; /* 1..8 */
  const double *weights;
  const void *const *terms;
  void *out; /* may be any of the terms */
} VelCombineArgs;

/* out[r] = a[r] then b[r] */
typedef struct {
  VelType type;
  size_t rows, a_channels, b_channels;
  const void *a, *b;
  void *out; /* [rows, a_channels + b_channels] */
} VelConcatArgs;

/* Timesteps as cosines then sines: out[i] = cos (t[i] f_0) .. cos (t[i] f_{h-1}), sin (...), f_j = 10000^(-j/h), h = channels / 2. */
typedef struct {
  VelType type;
  size_t n, channels;
  const float *timesteps; /* [n], in host memory */
  void *out;              /* [n, channels] */
} VelSinusoidArgs;

/* [batch, channels, pixels] <-> [batch, pixels, channels] */
typedef struct {
  VelType type;
  size_t batch, rows, columns;
  const void *x; /* [batch, rows, columns] */
  void *out;     /* [batch, columns, rows] */
} VelTransposeArgs;

typedef struct {
  size_t count;
  VelType from, to; /* floating types; rounds to nearest even */
  const void *x;
  void *out;
} VelConvertArgs;

typedef struct {
  unsigned threads;    /* 0: all processors this process may use */
  int nice;            /* added to the worker threads' priority; 0 for a command line, 10 beside a window */
  const char *isa;     /* NULL: the best this machine has; "portable", "avx2" */
} VelBackendOptions;

typedef struct VelKernels {
  uint32_t abi; /* VEL_KERNELS_ABI */
  const char *name;

  /* Returns NULL and a sentence in `why` (why_size bytes) if the device can not be used. */
  VelBackend *(*open) (const VelBackendOptions *options, char *why, size_t why_size);
  void (*close) (VelBackend *backend);
  /* One line for people: instruction set and threads, or card and memory. Borrowed. */
  const char *(*describe) (VelBackend *backend);
  unsigned (*threads) (VelBackend *backend);

  /* Device memory, 64-byte aligned; NULL if there is not enough. */
  void *(*alloc) (VelBackend *backend, size_t bytes);
  void (*free) (VelBackend *backend, void *memory);
  void (*upload) (VelBackend *backend, void *device, const void *host, size_t bytes);
  void (*download) (VelBackend *backend, void *host, const void *device, size_t bytes); /* waits */

  /* Weights. NULL if there is not enough memory. The source is not needed afterwards. */
  VelPacked *(*pack_linear) (VelBackend *backend, const VelPackLinear *args);
  VelPacked *(*pack_conv) (VelBackend *backend, const VelPackConv *args);
  void (*unpack) (VelBackend *backend, VelPacked *packed); /* frees */
  size_t (*packed_bytes) (const VelPacked *packed);

  void (*linear) (VelBackend *backend, const VelLinearArgs *args);
  void (*conv) (VelBackend *backend, const VelConvArgs *args);
  void (*attention) (VelBackend *backend, const VelAttentionArgs *args);
  void (*group_norm) (VelBackend *backend, const VelGroupNormArgs *args);
  void (*layer_norm) (VelBackend *backend, const VelLayerNormArgs *args);
  void (*activate) (VelBackend *backend, const VelActivateArgs *args);
  void (*combine) (VelBackend *backend, const VelCombineArgs *args);
  void (*concat) (VelBackend *backend, const VelConcatArgs *args);
  void (*sinusoid) (VelBackend *backend, const VelSinusoidArgs *args);
  void (*transpose) (VelBackend *backend, const VelTransposeArgs *args);
  void (*convert) (VelBackend *backend, const VelConvertArgs *args);
} VelKernels;

/* Plain loops, one thread: what every other table is tested against. */
const VelKernels *vel_kernels_reference (void);

/* Threads, AVX2 and FMA where the processor has them; else portable C. */
const VelKernels *vel_kernels_cpu (void);

/* Bytes of one element. */
size_t vel_type_size (VelType type);
