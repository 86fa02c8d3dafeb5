/* Scopes, reuse, and what happens after an error.  SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include "engine/tensor/ops.h"

typedef struct {
  VelDevice *device;
  GCancellable *cancellable;
  VelContext *ctx;
} Fixture;

static void
set_up (Fixture *self, gconstpointer data)
{
  self->device = vel_device_new_reference ();
  self->cancellable = g_cancellable_new ();
  self->ctx = vel_context_new (self->device, self->cancellable);
}

static void
tear_down (Fixture *self, gconstpointer data)
{
  vel_context_free (self->ctx);
  g_object_unref (self->cancellable);
  vel_device_unref (self->device);
}

static VelTensor *
filled (Fixture *self, gint64 count, float value)
{
  VelTensor *tensor = vel_context_tensor (self->ctx, VEL_F32, VEL_SHAPE (count));
  g_autofree float *host = g_new (float, count);

  for (gint64 i = 0; i < count; i++)
    host[i] = value;
  if (tensor->data)
    vel_tensor_upload (tensor, host);
  return tensor;
}

static float
first (const VelTensor *tensor)
{
  g_autofree float *host = g_malloc (tensor->bytes);

  vel_tensor_download (tensor, host);
  return host[0];
}

/* A closed scope's memory serves the next one, so the peak does not grow. */
static void
test_reuse (Fixture *self, gconstpointer data)
{
  size_t peak;

  vel_context_open (self->ctx);
  filled (self, 1000, 1);
  vel_context_close (self->ctx, NULL);
  peak = vel_context_get_peak (self->ctx);
  for (int i = 0; i < 10; i++) {
    vel_context_open (self->ctx);
    filled (self, 900, 2);
    vel_context_close (self->ctx, NULL);
  }
  g_assert_cmpuint (vel_context_get_peak (self->ctx), ==, peak);
  filled (self, 100, 3); /* far smaller: wasting the large block on it would cost more than a new one */
  g_assert_cmpuint (vel_context_get_peak (self->ctx), >, peak);
}

static void
test_kept_tensors_survive (Fixture *self, gconstpointer data)
{
  VelTensor *kept;

  vel_context_open (self->ctx);
  vel_context_open (self->ctx);
  kept = vel_context_close (self->ctx, filled (self, 64, 5));
  filled (self, 64, 6);
  g_assert_cmpfloat (first (kept), ==, 5);
  kept = vel_context_close (self->ctx, kept);
  filled (self, 64, 7);
  g_assert_cmpfloat (first (kept), ==, 5);
}

static void
test_drop (Fixture *self, gconstpointer data)
{
  VelTensor *a = filled (self, 256, 1);
  void *memory = a->data;

  vel_context_drop (self->ctx, a);
  g_assert_true (filled (self, 256, 2)->data == memory);
  vel_context_drop (self->ctx, NULL);
}

static void
test_lean_gives_large_blocks_back (Fixture *self, gconstpointer data)
{
  size_t peak;

  vel_context_set_lean (self->ctx, TRUE);
  for (int i = 0; i < 4; i++) {
    vel_context_open (self->ctx);
    vel_context_tensor (self->ctx, VEL_F32, VEL_SHAPE (1 << 20 << i));
    vel_context_close (self->ctx, NULL);
  }
  peak = vel_context_get_peak (self->ctx);
  g_assert_cmpuint (peak, ==, 4u << 20 << 3); /* the largest one alone */
}

/* After an error every op is inert: right shapes, no memory, the first sentence kept. */
static void
test_errors_stick (Fixture *self, gconstpointer data)
{
  VelTensor *a = filled (self, 8, 1), *sum;
  g_autoptr (GError) error = NULL;

  vel_context_fail (self->ctx, VEL_ERROR_NUMBERS, "first");
  vel_context_fail (self->ctx, VEL_ERROR_MEMORY, "second");
  sum = vel_op_combine (self->ctx, 2, (double[]) { 1, 1 }, (VelTensor *[]) { a, a });
  g_assert_null (sum->data);
  g_assert_cmpint (sum->shape.size[0], ==, 8);
  g_assert_false (vel_context_check (self->ctx, &error));
  g_assert_error (error, VEL_ERROR, VEL_ERROR_NUMBERS);
  g_assert_cmpstr (error->message, ==, "first");
  g_assert_true (vel_context_ok (self->ctx));
}

static void
test_cancel (Fixture *self, gconstpointer data)
{
  VelTensor *a = filled (self, 8, 1);
  g_autoptr (GError) error = NULL;

  g_cancellable_cancel (self->cancellable);
  g_assert_null (vel_op_combine (self->ctx, 1, (double[]) { 2 }, &a)->data);
  g_assert_false (vel_context_check (self->ctx, &error));
  g_assert_error (error, G_IO_ERROR, G_IO_ERROR_CANCELLED);
}

/* More memory than there can be is a sentence, not the end of the program. */
static void
test_too_large (Fixture *self, gconstpointer data)
{
  g_autoptr (GError) error = NULL;

  g_assert_null (vel_context_tensor (self->ctx, VEL_F32, VEL_SHAPE (1 << 30, 1 << 20))->data);
  g_assert_false (vel_context_check (self->ctx, &error));
  g_assert_error (error, VEL_ERROR, VEL_ERROR_MEMORY);
}

static void
test_views (Fixture *self, gconstpointer data)
{
  VelTensor *pairs = vel_context_tensor (self->ctx, VEL_F32, VEL_SHAPE (3, 2));
  VelTensor *flat;

  vel_tensor_upload (pairs, (float[]) { 1, 2, 3, 4, 5, 6 });
  flat = vel_context_reshape (self->ctx, vel_context_slice (self->ctx, pairs, 1, 2), VEL_SHAPE (4));
  g_assert_cmpfloat (first (flat), ==, 3);
  vel_op_combine_into (self->ctx, vel_context_slice (self->ctx, pairs, 2, 1), 1, (double[]) { 10 },
                       (VelTensor *[]) { vel_context_slice (self->ctx, pairs, 0, 1) });
  g_assert_cmpfloat (first (vel_context_slice (self->ctx, pairs, 2, 1)), ==, 10);
}

/* [B, h, w, C] to [B, C, h, w] and back. */
static void
test_layouts (Fixture *self, gconstpointer data)
{
  float host[2 * 2 * 3 * 4], back[G_N_ELEMENTS (host)], planes[G_N_ELEMENTS (host)];
  VelTensor *x = vel_context_tensor (self->ctx, VEL_F32, VEL_SHAPE (2, 2, 3, 4)), *y;

  for (guint i = 0; i < G_N_ELEMENTS (host); i++)
    host[i] = (float) i;
  vel_tensor_upload (x, host);
  y = vel_op_channels_first (self->ctx, x);
  g_assert_true (vel_shape_equal (y->shape, VEL_SHAPE (2, 4, 2, 3)));
  vel_tensor_download (y, planes);
  for (int b = 0; b < 2; b++)
    for (int c = 0; c < 4; c++)
      for (int p = 0; p < 6; p++)
        g_assert_cmpfloat (planes[(b * 4 + c) * 6 + p], ==, host[(b * 6 + p) * 4 + c]);
  y = vel_op_channels_last (self->ctx, y);
  g_assert_true (vel_shape_equal (y->shape, x->shape));
  vel_tensor_download (y, back);
  g_assert_cmpmem (host, sizeof host, back, sizeof back);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
#define ADD(path, function) g_test_add (path, Fixture, NULL, set_up, function, tear_down)
  ADD ("/tensor/context/reuse", test_reuse);
  ADD ("/tensor/context/kept-tensors-survive", test_kept_tensors_survive);
  ADD ("/tensor/context/drop", test_drop);
  ADD ("/tensor/context/lean-gives-large-blocks-back", test_lean_gives_large_blocks_back);
  ADD ("/tensor/context/errors-stick", test_errors_stick);
  ADD ("/tensor/context/cancel", test_cancel);
  ADD ("/tensor/context/too-large", test_too_large);
  ADD ("/tensor/context/views", test_views);
  ADD ("/tensor/ops/layouts", test_layouts);
  return g_test_run ();
}
