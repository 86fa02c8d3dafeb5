/* Weights in the order the micro-kernel reads them, sixteen output channels side by side; no number changes.
 * SPDX-License-Identifier: Apache-2.0 */
#include "kernels/cpu/backend.h"

#include "kernels/half.h"

#include <stdlib.h>
#include <string.h>

#define CHANNELS 32 /* input channels of a convolution packed at once */

/* Where the rows of one panel come from: NULL is a row of zeros. */
typedef struct {
  const char *rows[VEL_PANEL];
  VelType types[VEL_PANEL];
} Sources;

typedef struct {
  VelPacked *packed;
  const VelPackLinear *linear; /* one of the two */
  const VelPackConv *conv;
  size_t panel_bytes;
} Job;

static VelPacked *
packed_new (VelBackend *backend, size_t out, size_t in, size_t taps, size_t panels, VelType type)
{
  size_t bytes;
  VelPacked *packed;

  if (__builtin_mul_overflow (panels, in, &bytes) || __builtin_mul_overflow (bytes, taps, &bytes) ||
      __builtin_mul_overflow (bytes, VEL_PANEL * vel_type_size (type), &bytes))
    return NULL;
  packed = calloc (1, sizeof *packed);
  if (packed == NULL)
    return NULL;
  packed->out = out;
  packed->in = in;
  packed->taps = taps;
  packed->panels = panels;
  packed->type = type;
  packed->bytes = bytes;
  packed->data = vel_cpu_alloc (backend, bytes);
  if (packed->data == NULL) {
    free (packed);
    return NULL;
  }
  return packed;
}

/* n: elements in a row of the file; stride, between those wanted. Rows in a file need not be aligned. */
static void
pack_halves (uint16_t *to, const char *const *rows, size_t n, size_t stride)
{
  for (size_t i = 0; i < n; i++, to += VEL_PANEL)
    for (unsigned j = 0; j < VEL_PANEL; j++)
      memcpy (to + j, rows[j] + i * stride * sizeof *to, sizeof *to);
}

static void
pack_singles (float *to, const char *const *rows, size_t n, size_t stride)
{
  for (size_t i = 0; i < n; i++, to += VEL_PANEL)
    for (unsigned j = 0; j < VEL_PANEL; j++)
      memcpy (to + j, rows[j] + i * stride * sizeof *to, sizeof *to);
}

static float
to_float (const char *from, VelType type)
{
  uint16_t half;
  float single;

  if (type == VEL_F32) {
    memcpy (&single, from, sizeof single);
    return single;
  }
  memcpy (&half, from, sizeof half);
  return type == VEL_F16 ? vel_half_to_float (half) : vel_bfloat_to_float (half);
}

/* A panel with missing rows, or of several types, which becomes fp32. */
static void
pack_mixed (void *to, VelType type, const Sources *sources, size_t n, size_t stride)
{
  for (size_t i = 0; i < n; i++)
    for (unsigned j = 0; j < VEL_PANEL; j++) {
      size_t at = i * VEL_PANEL + j;
      const char *from = sources->rows[j];

      if (type == VEL_F32)
        ((float *) to)[at] = from != NULL ? to_float (from + i * stride * vel_type_size (sources->types[j]), sources->types[j]) : 0;
      else if (from != NULL)
        memcpy ((uint16_t *) to + at, from + i * stride * 2, 2);
      else
        ((uint16_t *) to)[at] = 0;
    }
}

static void
pack_rows (void *to, VelType type, const Sources *sources, size_t n, size_t stride)
{
  bool plain = true;

  for (unsigned j = 0; j < VEL_PANEL; j++)
    plain = plain && sources->rows[j] != NULL && sources->types[j] == type;
  if (!plain)
    pack_mixed (to, type, sources, n, stride);
  else if (type == VEL_F32)
    pack_singles (to, sources->rows, n, stride);
  else
    pack_halves (to, sources->rows, n, stride);
}

/* Row `row` of all stacked parts. */
static void
find_row (Sources *sources, unsigned j, const VelPackLinear *args, size_t row)
{
  for (unsigned i = 0; i < args->n_parts; i++) {
    const VelWeightRows *part = &args->parts[i];

    if (row < part->out) {
      sources->rows[j] = (const char *) part->data + row * args->in * vel_type_size (part->type);
      sources->types[j] = part->type;
      return;
    }
    row -= part->out;
  }
}

static void
pack_linear_panel (void *data, size_t panel, unsigned thread)
{
  const Job *job = data;
  const VelPacked *packed = job->packed;
  size_t width = packed->gated ? VEL_PANEL / 2 : VEL_PANEL;
  Sources sources = { { NULL } };

  for (unsigned j = 0; j < VEL_PANEL; j++) {
    size_t column = panel * width + j % width;

    if (column < packed->out)
      find_row (&sources, j, job->linear, column + (j >= width ? packed->out : 0));
  }
  pack_rows ((char *) packed->data + panel * job->panel_bytes, packed->type, &sources, packed->in, 1);
}

VelPacked *
vel_cpu_pack_linear (VelBackend *backend, const VelPackLinear *args)
{
  VelType type = args->n_parts > 0 ? args->parts[0].type : VEL_F32;
  size_t out = 0, width = args->gated ? VEL_PANEL / 2 : VEL_PANEL;
  Job job = { .linear = args };

  for (unsigned i = 0; i < args->n_parts; i++) {
    if (__builtin_add_overflow (out, args->parts[i].out, &out))
      return NULL;
    if (args->parts[i].type != type)
      type = VEL_F32;
  }
  if (args->gated)
    out /= 2;
  job.packed = packed_new (backend, out, args->in, 1, vel_divide_up (out, width), type);
  if (job.packed == NULL)
    return NULL;
  job.packed->gated = args->gated;
  job.panel_bytes = args->in * VEL_PANEL * vel_type_size (type);
  vel_pool_run (backend->pool, job.packed->panels, pack_linear_panel, &job);
  return job.packed;
}

/* Some input channels at a time: a tap takes every ninth number of sixteen rows, which have to be in the first cache nine times. */
static void
pack_conv_panel (void *data, size_t panel, unsigned thread)
{
  const Job *job = data;
  const VelPacked *packed = job->packed;
  size_t size = vel_type_size (packed->type), tap_bytes = packed->in * VEL_PANEL * size;
  char *to = (char *) packed->data + panel * job->panel_bytes;

  for (size_t i = 0; i < packed->in; i += CHANNELS)
    for (size_t tap = 0; tap < packed->taps; tap++) {
      Sources sources = { { NULL } };

      for (unsigned j = 0; j < VEL_PANEL; j++) {
        size_t channel = panel * VEL_PANEL + j;

        if (channel < packed->out)
          sources.rows[j] = (const char *) job->conv->data + ((channel * packed->in + i) * packed->taps + tap) * size;
        sources.types[j] = packed->type;
      }
      pack_rows (to + tap * tap_bytes + i * VEL_PANEL * size, packed->type, &sources, vel_min (CHANNELS, packed->in - i), packed->taps);
    }
}

VelPacked *
vel_cpu_pack_conv (VelBackend *backend, const VelPackConv *args)
{
  size_t taps = args->kernel * args->kernel;
  Job job = { .conv = args };

  job.packed = packed_new (backend, args->out, args->in, taps, vel_divide_up (args->out, VEL_PANEL), args->type);
  if (job.packed == NULL)
    return NULL;
  job.panel_bytes = taps * args->in * VEL_PANEL * vel_type_size (args->type);
  vel_pool_run (backend->pool, job.packed->panels, pack_conv_panel, &job);
  return job.packed;
}

VelPacked *
vel_cpu_pack_like (VelBackend *backend, const VelPacked *original)
{
  VelPacked *packed = packed_new (backend, original->out, original->in, original->taps, original->panels, VEL_F32);

  if (packed != NULL)
    packed->gated = original->gated;
  return packed;
}

void
vel_cpu_unpack (VelBackend *backend, VelPacked *packed)
{
  if (packed == NULL)
    return;
  vel_cpu_free (backend, packed->data);
  free (packed);
}

size_t
vel_cpu_packed_bytes (const VelPacked *packed)
{
  return packed->bytes;
}
