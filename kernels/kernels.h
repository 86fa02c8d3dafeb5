/* The op interface: arithmetic on plain memory, one table of functions per backend.
 * SPDX-License-Identifier: Apache-2.0
 *
 * Conventions
 *   Layout   Row-major and contiguous unless a stride is named. Pictures are NHWC: [batch, height, width, channels];
 *            sequences are [batch, tokens, channels]. Weights come as PyTorch stores them and are packed once.
 *   Types    Activations have the `type` of the call; biases, norm parameters, statistics and accumulation are fp32.
 *            The CPU backends take VEL_F32 activations only; a card takes VEL_F32 (no TF32), VEL_F16 or VEL_BF16, see `takes`.
 *            Weights may be fp32, fp16 or bf16 in the file; on the CPU they keep their values exactly, on a card they are rounded
 *            once to the type of the activations that they will meet.
 *   Where    Activations, biases, norm parameters and tables lie in device memory (`alloc`); what is in host memory says so.
 *   Aliasing `out` may be `residual` or, where said, `x`; nothing else overlaps.
 *   Order    Ops of one backend happen in the order of the calls, but on a card a call may return before its op is done: `download`
 *            and `wait` see everything before them. The same calls give the same bits, run after run.
 *   Errors   Shapes are checked by engine/tensor/ops.c before a call. A NULL member means "not provided"; the engine then runs the
 *            reference. A device can fail: its ops then do nothing and `failure` says why.
 *   Memory   No op allocates device memory; scratch belongs to the backend and grows to the largest call.
 * A VelBackend is used from one thread at a time; it has its own worker threads.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#define VEL_KERNELS_ABI 7

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
  VEL_ACTIVATION_LEAKY,      /* x, or where it is not above 0 x times its channel's slope; of `activate` alone */
} VelActivation;

typedef struct VelBackend VelBackend; /* one device: threads or a stream, scratch memory */
typedef struct VelPacked VelPacked;   /* a weight in the order a backend's kernels read it */
typedef struct VelGraph VelGraph;     /* a recorded sequence of ops */

/* Some rows of a weight matrix, as they lie in a file. */
typedef struct {
  const void *data; /* [out, in], in host memory */
  VelType type;     /* VEL_F32, VEL_F16 or VEL_BF16 */
  size_t out;
} VelWeightRows;

/* Several matrices over the same input become one product (q, k, v). */
typedef struct {
  size_t in;
  unsigned n_parts;
  const VelWeightRows *parts; /* stacked in this order */
  bool gated;                 /* GEGLU: the first half of all rows is the value, the second its gate */
  VelType compute;            /* the type of the activations it will meet */
  bool outside;               /* see VEL_FEATURE_OUTSIDE */
} VelPackLinear;

typedef struct {
  const void *data; /* [out, in, kernel, kernel], in host memory */
  VelType type;
  size_t out, in, kernel; /* kernel 1 or 3 */
  VelType compute;        /* the type of the activations it will meet */
  bool outside;           /* see VEL_FEATURE_OUTSIDE */
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

/* out = conv (pad (nearest (x then x2))) + bias + embedding + residual
 * Output side: (side + pad before + pad after - kernel) / stride + 1, side after nearest. */
typedef struct {
  VelType type;
  size_t batch, height, width;    /* of x */
  size_t up_height, up_width;     /* x is first resized to this by nearest neighbour (source = floor (i * height / up_height)); 0: not */
  unsigned stride;                /* 1 or 2 */
  unsigned pad_before, pad_after; /* zeros above and left, below and right; neither is larger than a side that is wrapped */
  bool wrap_x, wrap_y;            /* left and right, above and below: not zeros but the picture's other end, as it is after resizing */
  const VelPacked *weight;        /* from pack_conv */
  const void *x;                  /* [batch, height, width, in - x2_channels] */
  const void *x2;                 /* [batch, height, width, x2_channels]: channels that follow those of x; or NULL */
  size_t x2_channels;             /* 0 without x2; not 0 only if VEL_FEATURE_TWO_INPUTS */
  const float *bias;              /* [out] or NULL */
  const void *embedding;          /* [out] for each picture, added to every pixel, or NULL */
  size_t embedding_stride;        /* elements from one picture's embedding to the next; 0: all pictures share one */
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
  const void *x;      /* [batch, pixels, channels - x2_channels] */
  void *out;          /* [batch, pixels, channels]; may be x if there is no x2 */
  const void *x2;     /* [batch, pixels, x2_channels]: channels that follow those of x; or NULL */
  size_t x2_channels; /* 0 without x2; not 0 only if VEL_FEATURE_TWO_INPUTS */
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
  void *out;           /* may be x */
  size_t channels;     /* LEAKY: element i is of channel i % channels; */
  const float *slopes; /* [channels]; else NULL */
} VelActivateArgs;

/* out = sum of weights[i] * terms[i]; each product and the sum in fp32, in order. What samplers and guidance are made of. */
typedef struct {
  VelType type; /* of out */
  size_t count;
  unsigned n;               /* 1..8 */
  const double *weights;    /* [n], in host memory */
  const void *const *terms; /* [n], the list in host memory */
  void *out;                /* may be any of the terms of its type */
  const VelType *types;     /* [n], of the terms, in host memory; NULL: as out */
} VelCombineArgs;

/* out = x * share + rest, element by element in fp32; each product and each sum rounded. What a mask lets through. */
typedef struct {
  size_t count;
  const float *x, *share, *rest; /* [count] */
  float *out;                    /* [count]; may be x */
} VelBlendArgs;

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

/* out[i0, i1, i2, i3, i4] = scale * x[sum of i * strides] + shift, rounded to `to`: pictures to planes and back, patches, crops, copies.
 * In fp32. */
typedef struct {
  VelType from, to;
  size_t size[5];       /* of out, which is contiguous; 1 where an axis is not used */
  ptrdiff_t strides[5]; /* of x, in elements */
  float scale, shift;
  const void *x; /* where index 0 of every axis is */
  void *out;     /* does not overlap x */
} VelRearrangeArgs;

/* One change of some rows of a weight: scale * up down, or scale * up. */
typedef struct {
  size_t rank; /* 0: `up` is the change itself, there is no `down` */
  double scale;
  VelType type;     /* of up and down */
  const void *up;   /* [rows, rank]; or [rows, in * kernel * kernel] */
  const void *down; /* [rank, in * kernel * kernel], in the order of the weight in the file */
  size_t first, rows; /* which rows, counted as the weight was packed from the file */
} VelMergeTerm;

/* Changes of one weight that are merged together. */
#define VEL_MAX_MERGE_TERMS 64

/* weight = round (original + sum of terms): the sum in fp32, in order, rounded once, always from the original, so that no term leaves a
 * trace behind. The weight's address stays, and with it every recorded graph. */
typedef struct {
  VelPacked *weight;         /* from pack_like */
  const VelPacked *original; /* what it was made like; never changed */
  unsigned n;                /* up to VEL_MAX_MERGE_TERMS; 0: back to the original, bit for bit */
  const VelMergeTerm *terms; /* the list in host memory, what it points to in device memory */
} VelMergeArgs;

typedef struct {
  unsigned threads;    /* 0: all processors this process may use */
  int nice;            /* added to the worker threads' priority; 0 for a command line, 10 beside a window */
  const char *isa;     /* NULL: the best this machine has; "portable", "avx2" */
  unsigned device;     /* which card, from 0 */
  size_t memory;       /* bytes of device memory to use at most; 0: what is free */
  const char *cache;   /* folder where what was tuned on this card is remembered; NULL: not */
} VelBackendOptions;

typedef enum {
  VEL_FEATURE_TWO_INPUTS = 1 << 0, /* conv and group_norm read two tensors side by side */
  VEL_FEATURE_GRAPHS = 1 << 1,     /* record, recorded, replay, graph_free */
  /* Weights may be packed `outside`: they lie in the host's memory and come to the device for each use, into one of two places; while one is
   * used, the one that followed it the last time is on its way to the other. Ops with such weights can not be recorded, and they can not be
   * merged into. Elsewhere the wish is ignored. */
  VEL_FEATURE_OUTSIDE = 1 << 2,
} VelFeatures;

/* A card as it can be told from outside. */
typedef struct {
  char name[96];
  size_t memory, free_memory; /* bytes */
  unsigned capability;        /* 90 for 9.0 */
  unsigned multiprocessors;
  char driver[32];            /* "580.65, CUDA 13.0" */
  char usable[160];           /* "" if it can be used; else why not, a sentence */
} VelDeviceInfo;

typedef struct VelKernels {
  uint32_t abi; /* VEL_KERNELS_ABI */
  const char *name;
  unsigned features; /* VelFeatures */

  /* How many cards there are, and the first `room` of them. NULL: not a table for cards. `why` (why_size bytes): a sentence that says why
   * there is none, "" if there is one. */
  unsigned (*devices) (VelDeviceInfo *infos, unsigned room, char *why, size_t why_size);

  /* Returns NULL and a sentence in `why` (why_size bytes) if the device can not be used. */
  VelBackend *(*open) (const VelBackendOptions *options, char *why, size_t why_size);
  void (*close) (VelBackend *backend);
  /* One line for people: instruction set and threads, or card and memory. Borrowed. */
  const char *(*describe) (VelBackend *backend);
  unsigned (*threads) (VelBackend *backend);
  /* Whether activations may have this type. NULL: VEL_F32 only. */
  bool (*takes) (VelBackend *backend, VelType type);
  /* Bytes that `alloc` can still give, and what the device has in all. NULL: not known. */
  void (*memory) (VelBackend *backend, size_t *free_bytes, size_t *total_bytes);
  /* NULL while the device works, else a sentence on what happened to it; it will not work again until it is opened anew. The member
   * itself is NULL where a device can not fail. */
  const char *(*failure) (VelBackend *backend);
  /* Bytes of scratch that an op wanted and did not get, so that its result is not a number; 0 if all is well, and again after it was asked.
   * NULL: never so. */
  size_t (*lacking) (VelBackend *backend);
  /* Returns when everything asked for so far is done. NULL: always so. */
  void (*wait) (VelBackend *backend);

  /* Device memory, 64-byte aligned; NULL if there is not enough. */
  void *(*alloc) (VelBackend *backend, size_t bytes);
  void (*free) (VelBackend *backend, void *memory);
  void (*upload) (VelBackend *backend, void *device, const void *host, size_t bytes); /* host may be reused at once */
  void (*download) (VelBackend *backend, void *host, const void *device, size_t bytes); /* waits */

  /* Weights. NULL if there is not enough memory. The source is not needed afterwards. */
  VelPacked *(*pack_linear) (VelBackend *backend, const VelPackLinear *args);
  VelPacked *(*pack_conv) (VelBackend *backend, const VelPackConv *args);
  /* A weight to merge into: like another, contents undefined. As exact as the sums are on a backend that takes any type, else as the other
   * is. NULL too if that one lies outside. The member is there if `merge` is. */
  VelPacked *(*pack_like) (VelBackend *backend, const VelPacked *original);
  void (*unpack) (VelBackend *backend, VelPacked *packed); /* frees */
  size_t (*packed_bytes) (const VelPacked *packed); /* of device memory: 0 if it lies outside */

  void (*linear) (VelBackend *backend, const VelLinearArgs *args);
  void (*conv) (VelBackend *backend, const VelConvArgs *args);
  void (*attention) (VelBackend *backend, const VelAttentionArgs *args);
  void (*group_norm) (VelBackend *backend, const VelGroupNormArgs *args);
  void (*layer_norm) (VelBackend *backend, const VelLayerNormArgs *args);
  void (*activate) (VelBackend *backend, const VelActivateArgs *args);
  void (*combine) (VelBackend *backend, const VelCombineArgs *args);
  void (*blend) (VelBackend *backend, const VelBlendArgs *args);
  void (*concat) (VelBackend *backend, const VelConcatArgs *args);
  void (*sinusoid) (VelBackend *backend, const VelSinusoidArgs *args);
  void (*transpose) (VelBackend *backend, const VelTransposeArgs *args);
  void (*convert) (VelBackend *backend, const VelConvertArgs *args);
  void (*rearrange) (VelBackend *backend, const VelRearrangeArgs *args);
  /* All changes of a model at once. */
  void (*merge) (VelBackend *backend, const VelMergeArgs *args, size_t n);

  /* With VEL_FEATURE_GRAPHS: ops between `record` and `recorded` are written down instead of done, with their addresses. The same ops must
   * have run once before, so that scratch has its size. No upload, download, alloc, free or wait in between. `recorded` returns NULL if
   * that failed; nothing is lost by it but speed. */
  void (*record) (VelBackend *backend);
  VelGraph *(*recorded) (VelBackend *backend);
  void (*replay) (VelBackend *backend, VelGraph *graph);
  void (*graph_free) (VelBackend *backend, VelGraph *graph);
} VelKernels;

/* Plain loops, one thread: what every other table is tested against. */
const VelKernels *vel_kernels_reference (void);

/* Threads, AVX2 and FMA where the processor has them; else portable C. */
const VelKernels *vel_kernels_cpu (void);

/* NVIDIA cards. Not in the program: the module velatura-cuda holds it, which is loaded at run time. */
const VelKernels *vel_kernels_cuda (void);

/* The same kernels on the host, for tests: threads as fibers, slow. */
const VelKernels *vel_kernels_emulated (void);

/* Bytes of one element. */
size_t vel_type_size (VelType type);

#ifdef __cplusplus
}
#endif
