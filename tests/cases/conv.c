/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/cases/cases.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

enum { BIAS = 1, RESIDUAL = 2, IN_PLACE = 4, EMBEDDING = 8, SHARED = 16, WRAP_X = 32, WRAP_Y = 64, WRAP = 96 }; /* SHARED: one embedding for all pictures */

typedef struct {
  size_t batch, height, width, in, out;
  unsigned kernel, stride, pad_before, pad_after;
  size_t up_height, up_width;
  VelType type;
  unsigned flags;
  size_t second; /* of the `in` channels, those that come as a second input */
} Shape;

static const Shape shapes[] = {
  { 1, 1, 1, 1, 1, 3, 1, 1, 1 },
  { 1, 1, 1, 4, 4, 1, 1, 0, 0, 0, 0, VEL_F32, BIAS },
  { 1, 3, 3, 1, 1, 3, 1, 0, 0, 0, 0, VEL_F16, BIAS },
  { 2, 8, 8, 4, 32, 3, 1, 1, 1, 0, 0, VEL_F16, BIAS },
  { 1, 16, 16, 9, 40, 3, 1, 1, 1, 0, 0, VEL_F16, BIAS },
  { 1, 32, 32, 32, 3, 3, 1, 1, 1, 0, 0, VEL_F32, BIAS },
  { 3, 16, 16, 32, 4, 3, 1, 1, 1, 0, 0, VEL_BF16, BIAS },
  { 2, 16, 16, 48, 32, 3, 1, 1, 1, 0, 0, VEL_F16, BIAS | EMBEDDING | RESIDUAL },
  { 2, 16, 16, 320, 64, 3, 1, 1, 1, 0, 0, VEL_F16, BIAS | EMBEDDING },
  { 1, 8, 8, 64, 64, 3, 1, 1, 1, 0, 0, VEL_F16, BIAS | RESIDUAL | IN_PLACE },
  { 2, 8, 8, 200, 72, 3, 1, 1, 1, 0, 0, VEL_F32, BIAS | EMBEDDING },
  { 3, 17, 19, 20, 24, 3, 1, 1, 1, 0, 0, VEL_F16, BIAS | EMBEDDING | RESIDUAL },
  { 1, 23, 5, 33, 17, 3, 1, 1, 1, 0, 0, VEL_BF16, BIAS | RESIDUAL | IN_PLACE },
  { 1, 2, 9, 16, 16, 3, 1, 1, 1, 0, 0, VEL_F32, BIAS },
  { 1, 40, 40, 24, 48, 3, 1, 1, 1, 0, 0, VEL_F16, BIAS },
  { 1, 21, 30, 16, 40, 3, 1, 2, 0, 0, 0, VEL_F16, BIAS },
  { 1, 20, 20, 16, 16, 3, 1, 0, 0, 0, 0, VEL_F16, BIAS },
  { 2, 16, 16, 32, 32, 3, 2, 1, 1, 0, 0, VEL_F16, BIAS },
  { 1, 16, 16, 32, 32, 3, 2, 0, 1, 0, 0, VEL_F16, BIAS },
  { 1, 15, 17, 8, 24, 3, 2, 0, 1, 0, 0, VEL_F32, BIAS },
  { 1, 15, 17, 8, 24, 3, 2, 1, 1, 0, 0, VEL_F32, BIAS },
  { 1, 1, 1, 8, 24, 3, 2, 1, 1, 0, 0, VEL_F32, BIAS },
  { 2, 8, 8, 24, 24, 3, 1, 1, 1, 16, 16, VEL_F16, BIAS },
  { 1, 16, 16, 40, 24, 3, 1, 1, 1, 32, 32, VEL_F16, BIAS },
  { 1, 5, 7, 16, 16, 3, 1, 1, 1, 9, 13, VEL_F16, BIAS },
  { 1, 9, 9, 16, 16, 3, 1, 1, 1, 17, 18, VEL_F32, BIAS },
  { 2, 10, 11, 24, 56, 1, 1, 0, 0, 0, 0, VEL_F16, BIAS | RESIDUAL },
  { 1, 10, 11, 24, 56, 1, 2, 0, 0, 0, 0, VEL_BF16, BIAS },
  { 1, 64, 64, 4, 4, 1, 1, 0, 0, 0, 0, VEL_F32, BIAS },
  { 1, 68, 68, 32, 16, 3, 1, 1, 1, 0, 0, VEL_F32, BIAS },
  { 2, 6, 6, 40, 24, 3, 1, 1, 1, 0, 0, VEL_F16, BIAS | EMBEDDING | RESIDUAL },
  { 2, 4, 4, 24, 40, 3, 1, 1, 1, 0, 0, VEL_BF16, BIAS },
  { 1, 100, 90, 64, 24, 3, 1, 1, 1, 0, 0, VEL_F16, BIAS },
  { 1, 12, 12, 520, 48, 3, 1, 1, 1, 0, 0, VEL_F16, BIAS | RESIDUAL },
  { 2, 8, 8, 64, 64, 3, 1, 1, 1, 0, 0, VEL_F16, BIAS | SHARED },
  { 3, 5, 5, 12, 20, 3, 1, 1, 1, 0, 0, VEL_F32, BIAS | SHARED | RESIDUAL },
  { 2, 8, 8, 96, 64, 1, 1, 0, 0, 0, 0, VEL_F16, BIAS, 32 },
  { 1, 8, 6, 48, 40, 3, 1, 1, 1, 0, 0, VEL_F16, BIAS | RESIDUAL, 16 },
  { 1, 7, 5, 13, 9, 1, 1, 0, 0, 0, 0, VEL_F32, BIAS, 5 },
  { 1, 5, 5, 21, 8, 3, 2, 1, 1, 0, 0, VEL_BF16, BIAS, 10 },
  /* Padding that is the other end: of odd sides, resized, strided, as small as the padding, two inputs. */
  { 2, 16, 16, 24, 32, 3, 1, 1, 1, 0, 0, VEL_F16, BIAS | WRAP },
  { 1, 17, 19, 20, 24, 3, 1, 1, 1, 0, 0, VEL_F16, BIAS | EMBEDDING | RESIDUAL | WRAP_X },
  { 1, 23, 5, 33, 17, 3, 1, 1, 1, 0, 0, VEL_BF16, BIAS | WRAP_Y },
  { 2, 16, 16, 32, 32, 3, 2, 1, 1, 0, 0, VEL_F16, BIAS | WRAP },
  { 1, 15, 17, 8, 24, 3, 2, 1, 1, 0, 0, VEL_F32, BIAS | WRAP },
  { 1, 9, 9, 16, 16, 3, 1, 1, 1, 17, 18, VEL_F32, BIAS | WRAP },
  { 2, 8, 8, 24, 24, 3, 1, 1, 1, 16, 16, VEL_F16, BIAS | WRAP_Y },
  { 1, 1, 1, 4, 4, 3, 1, 1, 1, 0, 0, VEL_F32, BIAS | WRAP },
  { 1, 1, 2, 64, 64, 3, 1, 1, 1, 0, 0, VEL_F16, BIAS | WRAP },
  { 1, 8, 6, 48, 40, 3, 1, 1, 1, 0, 0, VEL_F16, BIAS | RESIDUAL | WRAP, 16 },
  { 1, 40, 40, 24, 48, 3, 1, 1, 1, 0, 0, VEL_F16, BIAS | WRAP },
  { 2, 9, 11, 72, 160, 3, 1, 1, 1, 0, 0, VEL_F16, BIAS | WRAP },
  { 1, 13, 13, 104, 336, 3, 1, 1, 1, 26, 26, VEL_BF16, BIAS | WRAP, 40 },
  { 1, 11, 12, 64, 136, 3, 2, 1, 1, 0, 0, VEL_F32, BIAS | WRAP_X },
  /* Wide ones, for tiles of 128 to 256 columns. */
  { 2, 9, 11, 72, 160, 3, 1, 1, 1, 0, 0, VEL_F16, BIAS | EMBEDDING | RESIDUAL },
  { 1, 13, 13, 104, 336, 3, 1, 1, 1, 26, 26, VEL_BF16, BIAS, 40 },
  { 1, 6, 6, 64, 256, 3, 1, 1, 1, 9, 10, VEL_F16, BIAS },
  { 1, 11, 12, 64, 136, 3, 2, 0, 1, 0, 0, VEL_F32, BIAS | RESIDUAL },
  { 3, 12, 12, 128, 264, 1, 1, 0, 0, 0, 0, VEL_F16, BIAS | RESIDUAL | IN_PLACE, 64 },
};

static size_t
out_side (size_t side, size_t up_side, const Shape *shape)
{
  return ((up_side > 0 ? up_side : side) + shape->pad_before + shape->pad_after - shape->kernel) / shape->stride + 1;
}

static size_t
out_count (const Shape *shape)
{
  return shape->batch * out_side (shape->height, shape->up_height, shape) * out_side (shape->width, shape->up_width, shape) * shape->out;
}

static void
run (const void *data, const VelCaseTarget *target, float *out)
{
  const VelKernels *kernels = target->kernels;
  const Shape *shape = data;
  size_t patch = shape->in * shape->kernel * shape->kernel, pixels = shape->batch * shape->height * shape->width;
  void *values = vel_case_weight (target, shape->out * patch, shape->type, 2, 1 / sqrt ((double) patch));
  void *x = vel_case_input (target, pixels * (shape->in - shape->second), 1, 1), *x2 = vel_case_input (target, pixels * shape->second, 6, 1);
  void *embedding = vel_case_input (target, shape->batch * shape->out, 4, 1);
  float *bias = vel_case_table (target, shape->out, 3, 0.5), *start = vel_case_values (out_count (shape), 5, 1);
  void *residual = vel_case_input_of (target, out_count (shape), start);
  void *result = vel_case_result (target, out_count (shape), shape->flags & IN_PLACE ? start : NULL);
  VelPacked *weight
      = kernels->pack_conv (target->backend, &(VelPackConv){ values, shape->type, shape->out, shape->in, shape->kernel, target->type });

  kernels->conv (target->backend, &(VelConvArgs){
                                      .type = target->type,
                                      .batch = shape->batch,
                                      .height = shape->height,
                                      .width = shape->width,
                                      .up_height = shape->up_height,
                                      .up_width = shape->up_width,
                                      .stride = shape->stride,
                                      .pad_before = shape->pad_before,
                                      .pad_after = shape->pad_after,
                                      .wrap_x = (shape->flags & WRAP_X) != 0,
                                      .wrap_y = (shape->flags & WRAP_Y) != 0,
                                      .weight = weight,
                                      .x = x,
                                      .x2 = shape->second > 0 ? x2 : NULL,
                                      .x2_channels = shape->second,
                                      .bias = shape->flags & BIAS ? bias : NULL,
                                      .embedding = shape->flags & (EMBEDDING | SHARED) ? embedding : NULL,
                                      .embedding_stride = shape->flags & SHARED ? 0 : shape->out,
                                      .residual = shape->flags & IN_PLACE   ? result
                                                  : shape->flags & RESIDUAL ? residual
                                                                            : NULL,
                                      .out = result,
                                  });
  vel_case_take (target, result, out_count (shape), out);
  kernels->unpack (target->backend, weight);
  free (values);
  free (start);
  vel_case_free (target, x);
  vel_case_free (target, x2);
  vel_case_free (target, embedding);
  vel_case_free (target, bias);
  vel_case_free (target, residual);
}

void
vel_cases_conv (VelCaseVisit visit, void *data)
{
  for (size_t i = 0; i < sizeof shapes / sizeof *shapes; i++) {
    const Shape *shape = &shapes[i];
    VelCase self = { .bound = shape->kernel == 3 && shape->stride == 1 ? 3e-6 : 1e-6,
                     .features = shape->second > 0 ? VEL_FEATURE_TWO_INPUTS : 0,
                     .shape = shape,
                     .run = run };

    self.count = out_count (shape);
    snprintf (self.name, sizeof self.name, "conv %zux%zux%zux%zu->%zu kernel %u stride %u pad %u,%u up %zux%zu second %zu %s%s%s%s%s",
              shape->batch, shape->height, shape->width, shape->in, shape->out, shape->kernel, shape->stride, shape->pad_before, shape->pad_after,
              shape->up_height, shape->up_width, shape->second, vel_case_type_name (shape->type),
              shape->flags & EMBEDDING ? " embedding"
              : shape->flags & SHARED  ? " shared embedding"
                                       : "",
              shape->flags & IN_PLACE   ? " in place"
              : shape->flags & RESIDUAL ? " residual"
                                        : "",
              shape->flags & WRAP_X ? " wrapped x" : "", shape->flags & WRAP_Y ? " wrapped y" : "");
    visit (&self, data);
  }
}
