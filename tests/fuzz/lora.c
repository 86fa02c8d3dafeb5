/* Any bytes as a LoRA, and as the change of a layer.  SPDX-License-Identifier: Apache-2.0 */
#define _GNU_SOURCE /* memfd_create */
#include "tests/fuzz/fuzz.h"

#include "engine/lora/lora.h"

#include <math.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

/* Small, so that the sizes in a changed file fit now and then. */
static const VelDeltaShape shape = { 4, 4, 1 };

static gboolean
original (float *out, gpointer data, GError **error)
{
  for (gsize i = 0; i < shape.out * shape.in; i++)
    out[i] = (float) i / 8 - 1;
  return TRUE;
}

static void
check_error (const GError *error)
{
  g_assert (error && g_utf8_validate (error->message, -1, NULL) && !strchr (error->message, '\n'));
}

/* A change is of numbers; what is none is an error. */
static void
make (const VelDeltaParts *parts)
{
  g_autoptr (GError) error = NULL, problem = NULL;
  g_autofree float *bias = NULL;
  VelDelta delta;

  if (!vel_delta_has_weight (parts))
    g_assert (parts->tensors[VEL_DELTA_DIFF_BIAS]);
  else if (!vel_delta_make (&delta, parts, shape, original, NULL, &error))
    check_error (error);
  else {
    gsize columns = delta.rank ? delta.rank : shape.in;

    g_assert (isfinite (delta.scale));
    for (gsize i = 0; i < shape.out * columns; i++)
      g_assert (isfinite (delta.up[i]));
    for (gsize i = 0; i < delta.rank * shape.in; i++)
      g_assert (isfinite (delta.down[i]));
    vel_delta_clear (&delta);
  }
  if (!parts->tensors[VEL_DELTA_DIFF_BIAS])
    return;
  bias = vel_delta_make_bias (parts, shape.out, &problem);
  if (!bias)
    check_error (problem);
}

int
LLVMFuzzerTestOneInput (const uint8_t *data, size_t size)
{
  int fd = memfd_create ("fuzz", MFD_CLOEXEC);
  g_autofree char *path = g_strdup_printf ("/proc/self/fd/%d", fd);
  g_autoptr (GError) error = NULL;
  g_autoptr (VelLora) lora = NULL;

  g_assert (write (fd, data, size) == (gssize) size);
  lora = vel_lora_open (path, NULL, &error);
  if (!lora)
    check_error (error);
  for (guint i = 0; lora && i < lora->layers->len; i++) {
    const VelLoraLayer *layer = lora->layers->pdata[i];
    g_autofree char *described = vel_lora_describe (lora);

    g_assert (layer->layer && g_utf8_validate (described, -1, NULL));
    make (&layer->parts);
  }
  close (fd);
  return 0;
}
