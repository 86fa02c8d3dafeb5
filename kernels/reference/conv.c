/* Convolution as its definition says, summed in double.  SPDX-License-Identifier: Apache-2.0 */
#include "kernels/reference/reference.h"

/* The pixel of x behind row or column i of the padded, resized picture; -1 in the padding, if that is not the other end. */
static ptrdiff_t
source (size_t i, size_t pad, size_t side, size_t up_side, bool wrap)
{
  ptrdiff_t whole = (ptrdiff_t) (up_side > 0 ? up_side : side), place = (ptrdiff_t) i - (ptrdiff_t) pad;

  if (wrap)
    place = (place + whole) % whole;
  if (place < 0 || place >= whole)
    return -1;
  return up_side > 0 ? place * (ptrdiff_t) side / whole : place;
}

static double
pixel (const VelConvArgs *args, size_t picture, size_t y, size_t x, size_t channel)
{
  const VelPacked *weight = args->weight;
  size_t kernel = weight->taps == 1 ? 1 : 3;
  const float *values = weight->values + channel * weight->in * weight->taps; /* [in, kernel, kernel] */
  double sum = 0;

  for (size_t ky = 0; ky < kernel; ky++)
    for (size_t kx = 0; kx < kernel; kx++) {
      ptrdiff_t sy = source (y * args->stride + ky, args->pad_before, args->height, args->up_height, args->wrap_y);
      ptrdiff_t sx = source (x * args->stride + kx, args->pad_before, args->width, args->up_width, args->wrap_x);

      if (sy < 0 || sx < 0)
        continue;
      for (size_t c = 0; c < weight->in; c++)
        sum += (double) vel_reference_two (args->x, args->x2, weight->in - args->x2_channels, args->x2_channels,
                                           (picture * args->height + (size_t) sy) * args->width + (size_t) sx, c)
               * values[c * weight->taps + ky * kernel + kx];
    }
  return sum;
}

void
vel_reference_conv (VelBackend *backend, const VelConvArgs *args)
{
  const VelPacked *weight = args->weight;
  size_t kernel = weight->taps == 1 ? 1 : 3, out_channels = weight->out;
  size_t pad = args->pad_before + args->pad_after;
  size_t height = ((args->up_height > 0 ? args->up_height : args->height) + pad - kernel) / args->stride + 1;
  size_t width = ((args->up_width > 0 ? args->up_width : args->width) + pad - kernel) / args->stride + 1;
  const float *embedding = args->embedding, *residual = args->residual;
  float *out = args->out;
  size_t i = 0;

  for (size_t picture = 0; picture < args->batch; picture++)
    for (size_t y = 0; y < height; y++)
      for (size_t x = 0; x < width; x++)
        for (size_t channel = 0; channel < out_channels; channel++, i++) {
          double value = pixel (args, picture, y, x, channel);

          if (args->bias != NULL)
            value += args->bias[channel];
          if (embedding != NULL)
            value += embedding[picture * args->embedding_stride + channel];
          out[i] = (float) (residual != NULL ? value + residual[i] : value);
        }
}
