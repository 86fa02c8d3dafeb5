/* Weights on their way to the card: rounded once, padded, in the order the kernels read.  SPDX-License-Identifier: Apache-2.0 */
#include "kernels/cuda/backend.cuh"
#include "kernels/half.h"

#include <stdlib.h>
#include <string.h>

#define STAGING_BYTES ((size_t) 4 << 20) /* of host memory at a time; at least a row */

static float
load_value (const void *data, VelType type, size_t i)
{
  return type == VEL_F16    ? vel_half_to_float (((const uint16_t *) data)[i])
         : type == VEL_BF16 ? vel_bfloat_to_float (((const uint16_t *) data)[i])
                            : ((const float *) data)[i];
}

static void
store_value (void *to, VelType type, size_t i, float value)
{
  if (type == VEL_F32)
    ((float *) to)[i] = value;
  else
    ((uint16_t *) to)[i] = type == VEL_F16 ? vel_half_from_float (value) : vel_bfloat_from_float (value);
}

/* Room for `rows` rows of `taps` times in_padded numbers, all zero. */
static VelPacked *
packed_new (VelBackend *backend, VelType type, size_t out, size_t rows, size_t in, size_t kernel, bool gated, bool outside)
{
  size_t taps = kernel > 0 ? kernel * kernel : 1, in_padded, count;
  VelPacked *packed;

  if ((type != VEL_F32 && type != VEL_F16 && type != VEL_BF16) || in > SIZE_MAX - 8)
    return NULL;
  in_padded = vel_round_up (in, 8);
  if (__builtin_mul_overflow (rows, in_padded, &count) || __builtin_mul_overflow (count, taps * vel_type_size (type), &count))
    return NULL;
  packed = (VelPacked *) calloc (1, sizeof *packed);
  if (packed == NULL)
    return NULL;
  packed->type = type;
  packed->out = out;
  packed->rows = rows;
  packed->in = in;
  packed->in_padded = in_padded;
  packed->kernel = kernel;
  packed->gated = gated;
  packed->bytes = count;
  packed->outside = outside;
  if (!outside)
    packed->data = vel_runtime_alloc (backend->runtime, count > 0 ? count : 1);
  else if (vel_cuda_make_places (backend, count > 0 ? count : 1))
    packed->data = vel_runtime_pin (backend->runtime, count);
  if (packed->data == NULL) {
    free (packed);
    return NULL;
  }
  if (outside) {
    packed->older = backend->outside;
    backend->outside = packed;
  }
  return packed;
}

VelPacked *
vel_cuda_pack_like (VelBackend *backend, const VelPacked *original)
{
  if (original->outside)
    return NULL;
  return packed_new (backend, original->type, original->out, original->rows, original->in, original->kernel, original->gated, false);
}

void
vel_cuda_unpack (VelBackend *backend, VelPacked *packed)
{
  if (packed == NULL)
    return;
  if (packed->outside) {
    vel_cuda_forget (backend, packed);
    vel_runtime_unpin (backend->runtime, packed->data);
  } else
    vel_runtime_free (backend->runtime, packed->data);
  free (packed);
}

size_t
vel_cuda_packed_bytes (const VelPacked *packed)
{
  return packed->outside ? 0 : packed->bytes;
}

/* Where the rows come from: one of the two. */
typedef struct {
  const VelPackLinear *linear;
  const VelPackConv *conv;
} Source;

static void
fill_linear_row (void *to, const VelPacked *packed, const VelPackLinear *args, size_t row)
{
  for (unsigned i = 0; i < args->n_parts; i++) {
    const VelWeightRows *part = &args->parts[i];

    if (row >= part->out) {
      row -= part->out;
      continue;
    }
    if (part->type == packed->type)
      memcpy (to, (const char *) part->data + row * args->in * vel_type_size (part->type), args->in * vel_type_size (part->type));
    else
      for (size_t k = 0; k < args->in; k++)
        store_value (to, packed->type, k, load_value (part->data, part->type, row * args->in + k));
    return;
  }
}

/* [in, kernel, kernel] of one output channel to [kernel, kernel, in_padded] */
static void
fill_conv_row (void *to, const VelPacked *packed, const VelPackConv *args, size_t row)
{
  size_t taps = args->kernel * args->kernel;

  for (size_t tap = 0; tap < taps; tap++)
    for (size_t c = 0; c < args->in; c++)
      store_value (to, packed->type, tap * packed->in_padded + c, load_value (args->data, args->type, (row * args->in + c) * taps + tap));
}

/* The file's row behind a stored one; SIZE_MAX: one of zeros. The inverse of vel_cuda_stored_row. */
static size_t
file_row (const VelPacked *packed, size_t stored)
{
  size_t half;

  if (!packed->gated)
    return stored;
  half = stored / 16 * 8 + stored % 8;
  return half >= packed->out ? SIZE_MAX : stored % 16 < 8 ? half : packed->out + half;
}

static bool
upload_rows (VelBackend *backend, VelPacked *packed, Source source)
{
  size_t taps = packed->kernel > 0 ? packed->kernel * packed->kernel : 1;
  size_t row_bytes = taps * packed->in_padded * vel_type_size (packed->type);
  size_t at_once = row_bytes > 0 && row_bytes < STAGING_BYTES ? STAGING_BYTES / row_bytes : 1;
  char *staging;

  at_once = at_once < packed->rows ? at_once : packed->rows;
  staging = (char *) malloc (at_once * row_bytes + 1);
  if (staging == NULL)
    return false;
  for (size_t first = 0; first < packed->rows; first += at_once) {
    size_t count = packed->rows - first < at_once ? packed->rows - first : at_once;

    memset (staging, 0, count * row_bytes);
    for (size_t i = 0; i < count; i++) {
      size_t row = file_row (packed, first + i);

      if (row != SIZE_MAX && source.linear != NULL)
        fill_linear_row (staging + i * row_bytes, packed, source.linear, row);
      else if (row != SIZE_MAX)
        fill_conv_row (staging + i * row_bytes, packed, source.conv, row);
    }
    if (packed->outside)
      memcpy ((char *) packed->data + first * row_bytes, staging, count * row_bytes);
    else
      vel_runtime_upload (backend->runtime, (char *) packed->data + first * row_bytes, staging, count * row_bytes);
  }
  free (staging);
  return true;
}

static VelPacked *
finish (VelBackend *backend, VelPacked *packed, Source source)
{
  if (packed != NULL && !upload_rows (backend, packed, source)) {
    vel_cuda_unpack (backend, packed);
    return NULL;
  }
  return packed;
}

VelPacked *
vel_cuda_pack_linear (VelBackend *backend, const VelPackLinear *args)
{
  size_t rows = 0, out;

  for (unsigned i = 0; i < args->n_parts; i++)
    if (__builtin_add_overflow (rows, args->parts[i].out, &rows) || rows > SIZE_MAX / 4)
      return NULL;
  out = args->gated ? rows / 2 : rows;
  return finish (backend,
                 packed_new (backend, args->compute, out, args->gated ? 2 * vel_round_up (out, 8) : rows, args->in, 0, args->gated, args->outside),
                 { args, NULL });
}

VelPacked *
vel_cuda_pack_conv (VelBackend *backend, const VelPackConv *args)
{
  return finish (backend, packed_new (backend, args->compute, args->out, args->out, args->in, args->kernel, false, args->outside), { NULL, args });
}
