/* The reference table: memory, weights, and where its ops are.  SPDX-License-Identifier: Apache-2.0 */
#include "kernels/reference/reference.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static VelBackend *
reference_open (const VelBackendOptions *options, char *why, size_t why_size)
{
  VelBackend *backend = calloc (1, sizeof *backend);

  if (backend == NULL)
    snprintf (why, why_size, "There is not enough memory to start the reference kernels.");
  else
    snprintf (backend->description, sizeof backend->description, "reference, 1 thread");
  return backend;
}

static void
reference_close (VelBackend *backend)
{
  free (backend);
}

static const char *
reference_describe (VelBackend *backend)
{
  return backend->description;
}

static unsigned
reference_threads (VelBackend *backend)
{
  return 1;
}

static void *
reference_alloc (VelBackend *backend, size_t bytes)
{
  if (bytes > SIZE_MAX - 64)
    return NULL;
  return aligned_alloc (64, (bytes + 64) / 64 * 64);
}

static void
reference_free (VelBackend *backend, void *memory)
{
  free (memory);
}

static void
reference_upload (VelBackend *backend, void *device, const void *host, size_t bytes)
{
  memcpy (device, host, bytes);
}

static void
reference_download (VelBackend *backend, void *host, const void *device, size_t bytes)
{
  memcpy (host, device, bytes);
}

static VelPacked *
packed_new (size_t out, size_t in, size_t taps)
{
  size_t count, bytes;
  VelPacked *packed;

  if (__builtin_mul_overflow (out, in, &count) || __builtin_mul_overflow (count, taps, &count) ||
      __builtin_mul_overflow (count, sizeof (float), &bytes))
    return NULL;
  packed = calloc (1, sizeof *packed);
  if (packed == NULL)
    return NULL;
  packed->out = out;
  packed->in = in;
  packed->taps = taps;
  packed->values = malloc (bytes > 0 ? bytes : 1);
  if (packed->values == NULL) {
    free (packed);
    return NULL;
  }
  return packed;
}

static void
copy_values (float *values, const void *data, VelType type, size_t count)
{
  for (size_t i = 0; i < count; i++)
    values[i] = (float) vel_reference_load (data, type, i);
}

static VelPacked *
reference_pack_linear (VelBackend *backend, const VelPackLinear *args)
{
  size_t out = 0, done = 0;
  VelPacked *packed;

  for (unsigned i = 0; i < args->n_parts; i++)
    if (__builtin_add_overflow (out, args->parts[i].out, &out))
      return NULL;
  packed = packed_new (out, args->in, 1);
  if (packed == NULL)
    return NULL;
  packed->gated = args->gated;
  for (unsigned i = 0; i < args->n_parts; i++) {
    const VelWeightRows *part = &args->parts[i];

    copy_values (packed->values + done, part->data, part->type, part->out * args->in);
    done += part->out * args->in;
  }
  return packed;
}

static VelPacked *
reference_pack_conv (VelBackend *backend, const VelPackConv *args)
{
  VelPacked *packed = packed_new (args->out, args->in, args->kernel * args->kernel);

  if (packed != NULL)
    copy_values (packed->values, args->data, args->type, packed->out * packed->in * packed->taps);
  return packed;
}

static VelPacked *
reference_pack_like (VelBackend *backend, const VelPacked *original)
{
  VelPacked *packed = packed_new (original->out, original->in, original->taps);

  if (packed != NULL)
    packed->gated = original->gated;
  return packed;
}

static void
reference_unpack (VelBackend *backend, VelPacked *packed)
{
  if (packed == NULL)
    return;
  free (packed->values);
  free (packed);
}

static size_t
reference_packed_bytes (const VelPacked *packed)
{
  return packed->out * packed->in * packed->taps * sizeof (float);
}

const VelKernels *
vel_kernels_reference (void)
{
  static const VelKernels table = {
    .abi = VEL_KERNELS_ABI,
    .name = "reference",
    .features = VEL_FEATURE_TWO_INPUTS,
    .open = reference_open,
    .close = reference_close,
    .describe = reference_describe,
    .threads = reference_threads,
    .alloc = reference_alloc,
    .free = reference_free,
    .upload = reference_upload,
    .download = reference_download,
    .pack_linear = reference_pack_linear,
    .pack_conv = reference_pack_conv,
    .pack_like = reference_pack_like,
    .unpack = reference_unpack,
    .packed_bytes = reference_packed_bytes,
    .linear = vel_reference_linear,
    .conv = vel_reference_conv,
    .attention = vel_reference_attention,
    .group_norm = vel_reference_group_norm,
    .layer_norm = vel_reference_layer_norm,
    .activate = vel_reference_activate,
    .combine = vel_reference_combine,
    .blend = vel_reference_blend,
    .concat = vel_reference_concat,
    .sinusoid = vel_reference_sinusoid,
    .transpose = vel_reference_transpose,
    .convert = vel_reference_convert,
    .rearrange = vel_reference_rearrange,
    .merge = vel_reference_merge,
  };

  return &table;
}
