/* Scopes over a pool of device memory, and the first error.  SPDX-License-Identifier: Apache-2.0 */
#include "config.h"

#include "engine/tensor/context.h"

#include <glib/gi18n-lib.h>

#define LARGE (1 << 20)     /* what a lean context does not hoard */
#define ACCEPTABLE_WASTE 2  /* a reused block may be this many times larger than asked, but for a large one of a lean context */

typedef struct {
  void *data;
  size_t bytes;
} Block;

/* A tensor with what the scope needs to take it back; `tensor` is first, so that one pointer serves both. */
typedef struct {
  VelTensor tensor;
  size_t block_bytes; /* 0: a view */
} Entry;

struct VelContext {
  VelDevice *device;
  GCancellable *cancellable;
  GError *error;
  gboolean lean, watch;
  gboolean wrap_x, wrap_y;
  gboolean unsettled;
  const char *culprit;
  GArray *idle;      /* Block */
  GPtrArray *scopes; /* GPtrArray of Entry */
  size_t held, peak;
  double flops;
};

static void
entry_free (VelContext *self, Entry *entry)
{
  if (entry->block_bytes && entry->tensor.data) {
    Block block = { entry->tensor.data, entry->block_bytes };

    g_array_append_val (self->idle, block);
  }
  g_free (entry);
}

VelContext *
vel_context_new (VelDevice *device, GCancellable *cancellable)
{
  VelContext *self = g_new0 (VelContext, 1);

  self->device = vel_device_ref (device);
  self->cancellable = cancellable ? g_object_ref (cancellable) : NULL;
  self->idle = g_array_new (FALSE, FALSE, sizeof (Block));
  self->scopes = g_ptr_array_new_with_free_func ((GDestroyNotify) g_ptr_array_unref);
  vel_context_open (self);
  return self;
}

VelContext *
vel_context_new_inside (VelContext *self)
{
  return vel_context_new_beside (self, self->device);
}

VelContext *
vel_context_new_beside (VelContext *self, VelDevice *device)
{
  VelContext *other = vel_context_new (device, self->cancellable);

  vel_context_set_wrap (other, self->wrap_x, self->wrap_y);
  return other;
}

void
vel_context_free (VelContext *self)
{
  if (!self)
    return;
  while (self->scopes->len)
    vel_context_close (self, NULL);
  for (guint i = 0; i < self->idle->len; i++)
    self->device->kernels->free (self->device->backend, g_array_index (self->idle, Block, i).data);
  g_array_unref (self->idle);
  g_ptr_array_unref (self->scopes);
  g_clear_object (&self->cancellable);
  g_clear_error (&self->error);
  vel_device_unref (self->device);
  g_free (self);
}

VelDevice *
vel_context_get_device (VelContext *self)
{
  return self->device;
}

void
vel_context_set_lean (VelContext *self, gboolean lean)
{
  self->lean = lean;
}

void
vel_context_set_wrap (VelContext *self, gboolean x, gboolean y)
{
  self->wrap_x = x;
  self->wrap_y = y;
}

gboolean
vel_context_get_wrap_x (VelContext *self)
{
  return self->wrap_x;
}

gboolean
vel_context_get_wrap_y (VelContext *self)
{
  return self->wrap_y;
}

void
vel_context_open (VelContext *self)
{
  g_ptr_array_add (self->scopes, g_ptr_array_new ());
}

VelTensor *
vel_context_close (VelContext *self, VelTensor *keep)
{
  GPtrArray *scope = g_ptr_array_steal_index (self->scopes, self->scopes->len - 1);

  for (guint i = 0; i < scope->len; i++) {
    Entry *entry = g_ptr_array_index (scope, i);

    if (keep && &entry->tensor == keep && self->scopes->len)
      g_ptr_array_add (g_ptr_array_index (self->scopes, self->scopes->len - 1), entry);
    else
      entry_free (self, entry);
  }
  g_ptr_array_unref (scope);
  return keep;
}

static Entry *
entry_new (VelContext *self, VelType type, VelShape shape)
{
  Entry *entry = g_new0 (Entry, 1);

  entry->tensor.type = type;
  entry->tensor.shape = shape;
  entry->tensor.bytes = (size_t) vel_shape_count (shape) * vel_type_size (type);
  entry->tensor.device = self->device;
  entry->tensor.references = 1;
  g_ptr_array_add (g_ptr_array_index (self->scopes, self->scopes->len - 1), entry);
  return entry;
}

/* The smallest idle block that is large enough and not wastefully so. */
static gboolean
take_idle (VelContext *self, size_t bytes, Block *block)
{
  guint best = G_MAXUINT;
  size_t waste = self->lean && bytes >= LARGE ? 1 : ACCEPTABLE_WASTE;

  for (guint i = 0; i < self->idle->len; i++) {
    size_t size = g_array_index (self->idle, Block, i).bytes;

    if (size >= bytes && size / waste <= bytes
        && (best == G_MAXUINT || size < g_array_index (self->idle, Block, best).bytes))
      best = i;
  }
  if (best == G_MAXUINT)
    return FALSE;
  *block = g_array_index (self->idle, Block, best);
  g_array_remove_index_fast (self->idle, best);
  return TRUE;
}

static void
free_idle (VelContext *self)
{
  self->unsettled = TRUE;
  for (guint i = 0; i < self->idle->len; i++) {
    self->device->kernels->free (self->device->backend, g_array_index (self->idle, Block, i).data);
    self->held -= g_array_index (self->idle, Block, i).bytes;
  }
  g_array_set_size (self->idle, 0);
}

static void
fail_for_memory (VelContext *self, size_t bytes)
{
  self->device->wanted = bytes;
  vel_context_fail (self, VEL_ERROR_MEMORY,
                    _ ("There is not enough memory: %zu MB more were needed with %zu MB in use; choose a smaller picture or close "
                       "other programs"),
                    bytes >> 20, self->held >> 20);
}

VelTensor *
vel_context_tensor (VelContext *self, VelType type, VelShape shape)
{
  Entry *entry = entry_new (self, type, shape);
  size_t bytes = MAX ((entry->tensor.bytes + 63) & ~(size_t) 63, 64);
  Block block;

  if (!vel_context_ok (self))
    return &entry->tensor;
  if (!take_idle (self, bytes, &block)) {
    if (self->lean && bytes >= LARGE)
      free_idle (self);
    block = (Block) { self->device->kernels->alloc (self->device->backend, bytes), bytes };
    if (!block.data) {
      free_idle (self);
      block.data = self->device->kernels->alloc (self->device->backend, bytes);
    }
    if (!block.data) {
      fail_for_memory (self, bytes);
      return &entry->tensor;
    }
    self->held += bytes;
    self->peak = MAX (self->peak, self->held);
  }
  entry->tensor.data = block.data;
  entry->block_bytes = block.bytes;
  return &entry->tensor;
}

VelTensor *
vel_context_slice (VelContext *self, VelTensor *tensor, gint64 first, gint64 count)
{
  VelShape shape = tensor->shape;
  Entry *entry;

  g_assert (shape.n > 0 && first >= 0 && count > 0 && first + count <= shape.size[0]);
  shape.size[0] = count;
  entry = entry_new (self, tensor->type, shape);
  if (tensor->data)
    entry->tensor.data = (char *) tensor->data + tensor->bytes / (size_t) tensor->shape.size[0] * (size_t) first;
  return &entry->tensor;
}

VelTensor *
vel_context_reshape (VelContext *self, VelTensor *tensor, VelShape shape)
{
  Entry *entry = entry_new (self, tensor->type, shape);

  g_assert (vel_shape_count (shape) == vel_shape_count (tensor->shape));
  entry->tensor.data = tensor->data;
  return &entry->tensor;
}

void
vel_context_drop (VelContext *self, VelTensor *tensor)
{
  GPtrArray *scope = g_ptr_array_index (self->scopes, self->scopes->len - 1);

  if (tensor && g_ptr_array_remove_fast (scope, tensor))
    entry_free (self, (Entry *) tensor);
}

gboolean
vel_context_ok (VelContext *self)
{
  if (!self->error)
    g_cancellable_set_error_if_cancelled (self->cancellable, &self->error);
  if (!self->error)
    vel_device_check (self->device, &self->error);
  if (!self->error && self->device->kernels->lacking) {
    size_t lacking = self->device->kernels->lacking (self->device->backend);

    if (lacking)
      fail_for_memory (self, lacking);
  }
  return self->error == NULL;
}

void
vel_context_set_error (VelContext *self, GError *error)
{
  if (!self->error)
    self->error = error;
  else
    g_clear_error (&error);
}

void
vel_context_take_error (VelContext *self, VelContext *other)
{
  vel_context_set_error (self, g_steal_pointer (&other->error));
  self->flops += other->flops;
  other->flops = 0;
}

void
vel_context_fail (VelContext *self, VelError code, const char *format, ...)
{
  va_list args;

  if (self->error)
    return;
  va_start (args, format);
  self->error = g_error_new_valist (VEL_ERROR, code, format, args);
  va_end (args);
}

gboolean
vel_context_check (VelContext *self, GError **error)
{
  if (vel_context_ok (self))
    return TRUE;
  g_propagate_error (error, g_steal_pointer (&self->error));
  return FALSE;
}

void
vel_context_set_watch (VelContext *self, gboolean watch)
{
  self->watch = watch;
  self->culprit = NULL;
}

void
vel_context_look (VelContext *self, VelTensor *tensor, const char *layer)
{
  if (self->watch && !self->culprit && vel_context_ok (self) && !vel_tensor_is_finite (tensor))
    self->culprit = layer;
}

const char *
vel_context_get_culprit (VelContext *self)
{
  return self->culprit;
}

void
vel_context_count (VelContext *self, double flops)
{
  self->flops += flops;
}

double
vel_context_get_flops (VelContext *self)
{
  return self->flops;
}

gboolean
vel_context_is_settled (VelContext *self)
{
  gboolean settled = !self->unsettled;

  self->unsettled = FALSE;
  return settled;
}

size_t
vel_context_get_peak (VelContext *self)
{
  return self->peak;
}
