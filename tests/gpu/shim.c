/* The op table as plain functions, for kernels.py to call through ctypes.  SPDX-License-Identifier: Apache-2.0
 *
 * One function per op, its arguments in the order of OPS in kernels.py: type, then the members of the op's struct. Pointers are device
 * memory, whoever allocated it, unless kernels.h says host. Compiled against kernels.h, so that a changed struct is noticed here and not
 * guessed at there; which is also why no header repeats these. */
#include "kernels/half.h"
#include "kernels/kernels.h"
#include "tests/gpu/clock.h"
#include "tests/gpu/fill.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

typedef struct {
  const VelKernels *kernels;
  VelBackend *backend;
  VelClock *clock;
} Shim;

/* table: "cuda", "emulated" or "reference". Returns: NULL and a sentence in `why` */
Shim *
vel_shim_open (const char *table, unsigned device, char *why, size_t why_size)
{
  const VelKernels *kernels = vel_clock_find_table (table);
  Shim *self = calloc (1, sizeof *self);

  snprintf (why, why_size, "This library has no table \"%s\".", table);
  if (self != NULL && kernels != NULL) {
    self->kernels = kernels;
    self->backend = kernels->open (&(VelBackendOptions){ .device = device }, why, why_size);
    self->clock = self->backend != NULL ? vel_clock_new (kernels, self->backend) : NULL;
  }
  if (self != NULL && self->clock != NULL)
    return self;
  if (self != NULL && self->backend != NULL)
    kernels->close (self->backend);
  free (self);
  return NULL;
}

void
vel_shim_close (Shim *self)
{
  vel_clock_free (self->clock);
  self->kernels->close (self->backend);
  free (self);
}

const char *
vel_shim_describe (Shim *self)
{
  return self->kernels->describe (self->backend);
}

unsigned
vel_shim_features (Shim *self)
{
  return self->kernels->features;
}

int
vel_shim_takes (Shim *self, int type)
{
  return self->kernels->takes != NULL ? self->kernels->takes (self->backend, (VelType) type) : type == VEL_F32;
}

/* NULL while all is well. */
const char *
vel_shim_failure (Shim *self)
{
  return self->kernels->failure != NULL ? self->kernels->failure (self->backend) : NULL;
}

void
vel_shim_wait (Shim *self)
{
  if (self->kernels->wait != NULL)
    self->kernels->wait (self->backend);
}

void
vel_shim_start (Shim *self)
{
  vel_clock_start (self->clock);
}

double
vel_shim_stop (Shim *self)
{
  return vel_clock_stop (self->clock);
}

/* data: [out, in] in host memory */
VelPacked *
vel_shim_pack_linear (Shim *self, int type, const void *data, size_t out, size_t in, int gated)
{
  VelWeightRows rows = { data, (VelType) type, out };

  return self->kernels->pack_linear (self->backend, &(VelPackLinear){ in, 1, &rows, gated, (VelType) type });
}

/* data: [out, in, kernel, kernel] in host memory */
VelPacked *
vel_shim_pack_conv (Shim *self, int type, const void *data, size_t out, size_t in, size_t kernel)
{
  return self->kernels->pack_conv (self->backend, &(VelPackConv){ data, (VelType) type, out, in, kernel, (VelType) type });
}

void
vel_shim_unpack (Shim *self, VelPacked *packed)
{
  self->kernels->unpack (self->backend, packed);
}

void
vel_shim_record (Shim *self)
{
  self->kernels->record (self->backend);
}

VelGraph *
vel_shim_recorded (Shim *self)
{
  return self->kernels->recorded (self->backend);
}

void
vel_shim_replay (Shim *self, VelGraph *graph)
{
  self->kernels->replay (self->backend, graph);
}

void
vel_shim_graph_free (Shim *self, VelGraph *graph)
{
  self->kernels->graph_free (self->backend, graph);
}

/* count numbers in host memory, as fp32 or rounded to bf16 */
void
vel_shim_fill (int type, void *out, const char *name, size_t count, float offset, float spread)
{
  uint64_t key = vel_fnv (name, strlen (name));

  for (size_t i = 0; i < count; i++) {
    float value = vel_fill_value (key, (uint32_t) i, offset, spread);

    if (type == VEL_BF16)
      ((uint16_t *) out)[i] = vel_bfloat_from_float (value);
    else
      ((float *) out)[i] = value;
  }
}

/* The ops. */

void
vel_shim_linear (Shim *self, int type, size_t rows, const VelPacked *weight, const void *x, const float *bias, int activation,
                 const void *residual, void *out)
{
  self->kernels->linear (self->backend, &(VelLinearArgs){ .type = (VelType) type,
                                                          .rows = rows,
                                                          .weight = weight,
                                                          .x = x,
                                                          .bias = bias,
                                                          .activation = (VelActivation) activation,
                                                          .residual = residual,
                                                          .out = out });
}

void
vel_shim_conv (Shim *self, int type, size_t batch, size_t height, size_t width, size_t up_height, size_t up_width, int stride,
               int pad_before, int pad_after, const VelPacked *weight, const void *x, const void *x2, size_t x2_channels, const float *bias,
               const void *embedding, size_t embedding_stride, const void *residual, void *out)
{
  self->kernels->conv (self->backend, &(VelConvArgs){ .type = (VelType) type,
                                                      .batch = batch,
                                                      .height = height,
                                                      .width = width,
                                                      .up_height = up_height,
                                                      .up_width = up_width,
                                                      .stride = (unsigned) stride,
                                                      .pad_before = (unsigned) pad_before,
                                                      .pad_after = (unsigned) pad_after,
                                                      .weight = weight,
                                                      .x = x,
                                                      .x2 = x2,
                                                      .x2_channels = x2_channels,
                                                      .bias = bias,
                                                      .embedding = embedding,
                                                      .embedding_stride = embedding_stride,
                                                      .residual = residual,
                                                      .out = out });
}

void
vel_shim_attention (Shim *self, int type, size_t batch, size_t heads, size_t head_dim, size_t rows, size_t keys, double scale, int causal,
                    const void *q, const void *k, const void *v, size_t q_stride, size_t k_stride, size_t v_stride, void *out)
{
  self->kernels->attention (self->backend, &(VelAttentionArgs){ .type = (VelType) type,
                                                                .batch = batch,
                                                                .heads = heads,
                                                                .head_dim = head_dim,
                                                                .rows = rows,
                                                                .keys = keys,
                                                                .scale = scale,
                                                                .causal = causal,
                                                                .q = q,
                                                                .k = k,
                                                                .v = v,
                                                                .q_stride = q_stride,
                                                                .k_stride = k_stride,
                                                                .v_stride = v_stride,
                                                                .out = out });
}

void
vel_shim_group_norm (Shim *self, int type, size_t batch, size_t pixels, size_t channels, size_t groups, double eps, const float *gamma,
                     const float *beta, int silu, const void *x, const void *x2, size_t x2_channels, void *out)
{
  self->kernels->group_norm (self->backend, &(VelGroupNormArgs){ .type = (VelType) type,
                                                                 .batch = batch,
                                                                 .pixels = pixels,
                                                                 .channels = channels,
                                                                 .groups = groups,
                                                                 .eps = eps,
                                                                 .gamma = gamma,
                                                                 .beta = beta,
                                                                 .silu = silu,
                                                                 .x = x,
                                                                 .out = out,
                                                                 .x2 = x2,
                                                                 .x2_channels = x2_channels });
}

void
vel_shim_layer_norm (Shim *self, int type, size_t rows, size_t channels, double eps, const float *gamma, const float *beta, const void *x,
                     void *out)
{
  self->kernels->layer_norm (
      self->backend,
      &(VelLayerNormArgs){
          .type = (VelType) type, .rows = rows, .channels = channels, .eps = eps, .gamma = gamma, .beta = beta, .x = x, .out = out });
}

void
vel_shim_activate (Shim *self, int type, size_t count, int activation, const void *x, void *out)
{
  self->kernels->activate (
      self->backend,
      &(VelActivateArgs){ .type = (VelType) type, .count = count, .activation = (VelActivation) activation, .x = x, .out = out });
}

void
vel_shim_concat (Shim *self, int type, size_t rows, size_t a_channels, size_t b_channels, const void *a, const void *b, void *out)
{
  self->kernels->concat (
      self->backend,
      &(VelConcatArgs){
          .type = (VelType) type, .rows = rows, .a_channels = a_channels, .b_channels = b_channels, .a = a, .b = b, .out = out });
}

/* timesteps: in host memory */
void
vel_shim_sinusoid (Shim *self, int type, size_t n, size_t channels, const float *timesteps, void *out)
{
  self->kernels->sinusoid (self->backend,
                           &(VelSinusoidArgs){ .type = (VelType) type, .n = n, .channels = channels, .timesteps = timesteps, .out = out });
}

/* type: of x */
void
vel_shim_convert (Shim *self, int type, size_t count, int to, const void *x, void *out)
{
  self->kernels->convert (self->backend,
                          &(VelConvertArgs){ .count = count, .from = (VelType) type, .to = (VelType) to, .x = x, .out = out });
}
