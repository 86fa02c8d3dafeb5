/* Collecting and writing a trace.  SPDX-License-Identifier: Apache-2.0 */
#include "engine/pipeline/trace.h"

#include "engine/formats/safetensors.h"

struct VelTrace {
  GArray *tensors; /* VelTensorOut; names and data are owned */
};

static void
clear_out (VelTensorOut *out)
{
  g_free ((char *) out->name);
  g_free ((void *) out->data);
}

VelTrace *
vel_trace_new (void)
{
  VelTrace *self = g_new0 (VelTrace, 1);

  self->tensors = g_array_new (FALSE, FALSE, sizeof (VelTensorOut));
  g_array_set_clear_func (self->tensors, (GDestroyNotify) clear_out);
  return self;
}

void
vel_trace_free (VelTrace *self)
{
  if (!self)
    return;
  g_array_unref (self->tensors);
  g_free (self);
}

static void
take (VelTrace *self, const char *name, VelType type, VelShape shape, gpointer data)
{
  VelTensorOut out = { g_strdup (name), type, shape, data };

  for (guint i = 0; i < self->tensors->len; i++) /* computed once more, in a higher precision */
    if (g_str_equal (g_array_index (self->tensors, VelTensorOut, i).name, name)) {
      g_array_remove_index (self->tensors, i);
      break;
    }
  g_array_append_val (self->tensors, out);
}

void
vel_trace_add_picture (VelTrace *self, VelTensor *tensor, const char *format, ...)
{
  gint64 height, width, channels, pixels;
  g_autofree float *host = NULL;
  g_autofree char *name = NULL;
  float *planes;
  va_list args;

  if (!self || !tensor || !tensor->data)
    return;
  va_start (args, format);
  name = g_strdup_vprintf (format, args);
  va_end (args);
  height = tensor->shape.size[1];
  width = tensor->shape.size[2];
  channels = tensor->shape.size[3];
  pixels = height * width;
  host = g_malloc (tensor->bytes);
  vel_tensor_download (tensor, host);
  planes = g_new (float, pixels * channels);
  for (gint64 p = 0; p < pixels; p++)
    for (gint64 c = 0; c < channels; c++)
      planes[c * pixels + p] = host[p * channels + c];
  take (self, name, VEL_F32, VEL_SHAPE (1, channels, height, width), planes);
}

void
vel_trace_add (VelTrace *self, VelTensor *tensor, const char *name)
{
  gpointer host;

  if (!self || !tensor || !tensor->data)
    return;
  host = g_malloc (tensor->bytes);
  vel_tensor_download (tensor, host);
  take (self, name, tensor->type, tensor->shape, host);
}

void
vel_trace_add_floats (VelTrace *self, const float *values, VelShape shape, const char *name)
{
  if (self)
    take (self, name, VEL_F32, shape, g_memdup2 (values, (gsize) vel_shape_count (shape) * sizeof *values));
}

void
vel_trace_add_ints (VelTrace *self, const gint32 *values, VelShape shape, const char *name)
{
  if (self)
    take (self, name, VEL_I32, shape, g_memdup2 (values, (gsize) vel_shape_count (shape) * sizeof *values));
}

gboolean
vel_trace_write (VelTrace *self, const char *path, GError **error)
{
  g_autoptr (GHashTable) metadata = g_hash_table_new (g_str_hash, g_str_equal);

  g_hash_table_insert (metadata, (gpointer) "format", (gpointer) "velatura-trace");
  g_hash_table_insert (metadata, (gpointer) "version", (gpointer) "1");
  return vel_safetensors_write (path, (const VelTensorOut *) self->tensors->data, self->tensors->len, metadata, error);
}
