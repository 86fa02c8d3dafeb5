/* Tensors: shapes, and memory on a device.  SPDX-License-Identifier: Apache-2.0 */
#include "engine/tensor/tensor.h"

#include "engine/tensor/device.h"

gint64
vel_shape_count (VelShape shape)
{
  gint64 count = 1;

  for (unsigned i = 0; i < shape.n; i++)
    count *= shape.size[i];
  return count;
}

gboolean
vel_shape_equal (VelShape a, VelShape b)
{
  if (a.n != b.n)
    return FALSE;
  for (unsigned i = 0; i < a.n; i++)
    if (a.size[i] != b.size[i])
      return FALSE;
  return TRUE;
}

char *
vel_shape_to_string (VelShape shape)
{
  GString *text = g_string_new ("[");

  for (unsigned i = 0; i < shape.n; i++)
    g_string_append_printf (text, i ? ", %" G_GINT64_FORMAT : "%" G_GINT64_FORMAT, shape.size[i]);
  g_string_append_c (text, ']');
  return g_string_free (text, FALSE);
}

VelTensor *
vel_tensor_new (VelDevice *device, VelType type, VelShape shape)
{
  size_t bytes = (size_t) vel_shape_count (shape) * vel_type_size (type);
  void *data = device->kernels->alloc (device->backend, MAX (bytes, 1));
  VelTensor *self;

  if (!data) {
    device->wanted = bytes;
    return NULL;
  }
  self = g_new0 (VelTensor, 1);
  self->shape = shape;
  self->type = type;
  self->data = data;
  self->bytes = bytes;
  self->device = vel_device_ref (device);
  self->references = 1;
  return self;
}

VelTensor *
vel_tensor_ref (VelTensor *self)
{
  g_atomic_int_inc (&self->references);
  return self;
}

void
vel_tensor_unref (VelTensor *self)
{
  if (!self || !g_atomic_int_dec_and_test (&self->references))
    return;
  if (self->base)
    vel_tensor_unref (self->base);
  else if (self->data)
    self->device->kernels->free (self->device->backend, self->data);
  vel_device_unref (self->device);
  g_free (self);
}

VelTensor *
vel_tensor_slice (VelTensor *self, gint64 first, gint64 count)
{
  VelTensor *view = g_new0 (VelTensor, 1);
  size_t row;

  g_assert (self->shape.n > 0 && first >= 0 && count > 0 && first + count <= self->shape.size[0]);
  row = self->bytes / (size_t) self->shape.size[0];
  *view = *self;
  view->shape.size[0] = count;
  view->bytes = row * (size_t) count;
  view->data = self->data ? (char *) self->data + row * (size_t) first : NULL;
  view->base = vel_tensor_ref (self);
  view->device = vel_device_ref (self->device);
  view->references = 1;
  return view;
}

void
vel_tensor_upload (VelTensor *self, const void *host)
{
  self->device->kernels->upload (self->device->backend, self->data, host, self->bytes);
}

void
vel_tensor_download (const VelTensor *self, void *host)
{
  self->device->kernels->download (self->device->backend, host, self->data, self->bytes);
}

/* An exponent of all ones is infinity or no number. */
gboolean
vel_tensor_is_finite (const VelTensor *self)
{
  g_autofree guint8 *host = g_malloc (self->bytes);
  gsize count = (gsize) vel_shape_count (self->shape);
  guint16 mask = self->type == VEL_F16 ? 0x7c00 : 0x7f80;

  vel_tensor_download (self, host);
  for (gsize i = 0; i < count; i++)
    if (self->type == VEL_F32 ? (((const guint32 *) (gpointer) host)[i] & 0x7f800000) == 0x7f800000
                              : (((const guint16 *) (gpointer) host)[i] & mask) == mask)
      return FALSE;
  return TRUE;
}
