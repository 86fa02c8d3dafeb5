/* Convolution as an implicit product.  SPDX-License-Identifier: Apache-2.0 */
#include "kernels/cuda/product.cuh"

void
vel_cuda_conv (VelBackend *backend, const VelConvArgs *args)
{
  VelPacked here;
  const VelPacked *weight = vel_cuda_bring (backend, args->weight, &here);
  size_t up_height = args->up_height > 0 ? args->up_height : args->height, up_width = args->up_width > 0 ? args->up_width : args->width;
  size_t pad = args->pad_before + args->pad_after;
  VelProduct p = {};

  p.x = args->x;
  p.x2 = args->x2;
  p.weight = weight->data;
  p.embedding = args->embedding;
  p.residual = args->residual;
  p.bias = args->bias;
  p.out = args->out;
  p.out_height = (int) ((up_height + pad - weight->kernel) / args->stride + 1);
  p.out_width = (int) ((up_width + pad - weight->kernel) / args->stride + 1);
  p.m = (unsigned) (args->batch * (size_t) p.out_height * (size_t) p.out_width);
  p.n = p.out_columns = (unsigned) weight->out;
  p.first = (unsigned) (weight->in - args->x2_channels);
  p.second = (unsigned) args->x2_channels;
  p.x_stride = weight->in - args->x2_channels;
  p.in_padded = (unsigned) weight->in_padded;
  p.weight_stride = weight->in_padded;
  p.out_stride = weight->out;
  p.height = (int) args->height;
  p.width = (int) args->width;
  p.up_height = (int) up_height;
  p.up_width = (int) up_width;
  p.resized = up_height != args->height || up_width != args->width;
  p.kernel = (int) weight->kernel;
  p.stride = (int) args->stride;
  p.pad = (int) args->pad_before;
  p.wrap_x = args->wrap_x ? (int) up_width : 0;
  p.wrap_y = args->wrap_y ? (int) up_height : 0;
  p.embedding_stride = args->embedding_stride;
  vel_product_run (backend, args->type, p);
}
