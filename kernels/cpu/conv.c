/* Convolution: Winograd where it pays, else a product whose rows are the pixels under each tap.
 * SPDX-License-Identifier: Apache-2.0 */
#include "kernels/cpu/picture.h"
#include "kernels/cpu/product.h"

#include <string.h>

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
  float *zeros = vel_cpu_shared_scratch (backend, weight->in * sizeof *zeros);

  if (zeros == NULL) {
    vel_cpu_give_up (args->out, args->batch * pixels * weight->out);
    return;
  }
  memset (zeros, 0, weight->in * sizeof *zeros);
  vel_isa_product (&(VelProduct) {
    .backend = backend,
    .weight = weight,
    .rows = args->batch * pixels,
    .find_rows = find_rows,
    .data = &(Source) { args, size, zeros },
    .store = {
      .out = args->out,
      .columns = weight->out,
      .bias = args->bias,
      .embedding = args->embedding,
      .pixels = pixels,
      .residual = args->residual,
    },
  });
}
