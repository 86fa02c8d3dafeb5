/* How a tensor's bytes in a file become contiguous elements.  SPDX-License-Identifier: Apache-2.0 */
#include "engine/formats/tensor-file.h"

#include <stdint.h>
#include <string.h>

#include "kernels/half.h"

gboolean
vel_tensor_entry_is_plain (const VelTensorEntry *entry)
{
  return !entry->strides && !entry->decode && (uintptr_t) entry->data % CLAMP (entry->element, 1, 8) == 0;
}

/* Elements that are no neighbours. The sizes are written out so that each copy is one instruction. */
static void
copy_elements (const guint8 *data, gint64 step, gint64 count, gsize element, guint8 *out)
{
#define COPY(size)                                                                                                                         \
  for (gint64 i = 0; i < count; i++)                                                                                                       \
  memcpy (out + i * (size), data + i * step, size)

  switch (element) {
  case 1:
    COPY (1);
    break;
  case 2:
    COPY (2);
    break;
  case 4:
    COPY (4);
    break;
  case 8:
    COPY (8);
    break;
  default:
    COPY ((gint64) element);
  }
#undef COPY
}

/* The last axis, element by element, or at once where its elements are neighbours. */
static guint8 *
read_row (const VelTensorEntry *entry, gint64 first, guint8 *out)
{
  gint64 count = entry->n_axes ? entry->axes[entry->n_axes - 1] : 1, stride = entry->n_axes ? entry->strides[entry->n_axes - 1] : 1;
  gsize element = entry->element, step = entry->decode ? sizeof (float) : element;
  const guint8 *data = (const guint8 *) entry->data + first * (gint64) element;

  if (stride == 1 && entry->decode)
    entry->decode (data, count, (float *) (gpointer) out);
  else if (stride == 1)
    memcpy (out, data, count * element);
  else if (!entry->decode)
    copy_elements (data, stride * (gint64) element, count, element, out);
  else
    for (gint64 i = 0; i < count; i++)
      entry->decode (data + i * stride * (gint64) element, 1, (float *) (gpointer) (out + i * step));
  return out + count * step;
}

/* All axes but the last count like an odometer; `first` is the element under its digits. */
static void
gather (const VelTensorEntry *entry, guint8 *out)
{
  g_autofree gint64 *at = g_new0 (gint64, entry->n_axes + 1);
  gint64 first = 0;
  int axis;

  do {
    out = read_row (entry, first, out);
    for (axis = (int) entry->n_axes - 2; axis >= 0; axis--) {
      first += entry->strides[axis];
      if (++at[axis] < entry->axes[axis])
        break;
      first -= at[axis] * entry->strides[axis];
      at[axis] = 0;
    }
  } while (axis >= 0);
}

void
vel_tensor_entry_read (const VelTensorEntry *entry, void *out)
{
  float *values = out;

  if (entry->bytes == 0)
    return;
  if (entry->strides)
    gather (entry, out);
  else if (entry->decode)
    entry->decode (entry->data, entry->bytes / sizeof (float), values);
  else
    memcpy (out, entry->data, entry->bytes);
  if (entry->decode && entry->scale != 0)
    for (gsize i = 0; i < entry->bytes / sizeof (float); i++)
      values[i] *= entry->scale;
}

void
vel_tensor_entry_widen (const VelTensorEntry *entry, gsize first, gsize count, float *out)
{
  const guint16 *halves = (const guint16 *) entry->data + first;

  switch (entry->type) {
  case VEL_F16:
    for (gsize i = 0; i < count; i++)
      out[i] = vel_half_to_float (halves[i]);
    break;
  case VEL_BF16:
    for (gsize i = 0; i < count; i++)
      out[i] = vel_bfloat_to_float (halves[i]);
    break;
  default:
    memcpy (out, (const float *) entry->data + first, count * sizeof *out);
  }
}
