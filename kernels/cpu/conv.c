/* Convolution: Winograd where it pays, else a product whose rows are the pixels under each tap.
 * SPDX-License-Identifier: Apache-2.0 */
#include "kernels/cpu/picture.h"
#include "kernels/cpu/product.h"
#include "kernels/cpu/winograd.h"

typedef struct {
  const VelConvArgs *args;
  VelPictureSize size;
  const float *zeros; /* [in] */
} Source;

static void
find_rows (const void *data, size_t first, size_t count, const float **pointers)
{
  const Source *source = data;
  const VelConvArgs *args = source->args;
  size_t pixels = source->size.out_height * source->size.out_width, kernel = args->weight->taps == 1 ? 1 : 3;

  for (size_t i = 0; i < count; i++) {
    size_t picture = (first + i) / pixels, pixel = (first + i) % pixels;
    size_t y = pixel / source->size.out_width * args->stride, x = pixel % source->size.out_width * args->stride;

    for (size_t tap = 0; tap < args->weight->taps; tap++)
      pointers[tap * count + i] = vel_picture_pixel (args, &source->size, picture, y + tap / kernel, x + tap % kernel, source->zeros);
  }
}

void
vel_isa_conv (VelBackend *backend, const VelConvArgs *args)
{
  const VelPacked *weight = args->weight;
  VelPictureSize size = vel_picture_size (args);
  size_t pixels = size.out_height * size.out_width;
  const float *zeros = vel_cpu_zeros (backend, weight->in);
  unsigned side = vel_winograd_side (args, &size);
  VelStore store = {
    .out = args->out,
    .columns = weight->out,
    .bias = args->bias,
    .embedding = args->embedding,
    .embedding_stride = args->embedding_stride,
    .pixels = pixels,
    .residual = args->residual,
  };

  if (zeros == NULL)
    vel_cpu_give_up (args->out, args->batch * pixels * weight->out);
  else if (side > 0)
    vel_isa_winograd (backend, args, &size, side, zeros, &store);
  else
    vel_isa_product (&(VelProduct){ backend, weight, args->batch * pixels, find_rows, &(Source){ args, size, zeros }, store });
}
