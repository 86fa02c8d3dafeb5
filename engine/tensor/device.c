/* Opening devices.  SPDX-License-Identifier: Apache-2.0 */
#include "config.h"

#include "engine/tensor/device.h"

#include "engine/error.h"
#include "engine/paths.h"
#include "engine/tensor/cuda-module.h"

#include <gio/gio.h>
#include <glib/gi18n-lib.h>
#include <glib/gstdio.h>
#include <string.h>

#define MAX_CARDS 64

static VelDevice *
device_new (const char *name, const VelKernels *kernels, const VelBackendOptions *options, GError **error)
{
  char why[320] = "";
  VelBackend *backend = kernels->open (options, why, sizeof why);
  VelDevice *self;

  if (!backend) {
    /* Translators: a device; a sentence that says why, perhaps in English */
    g_set_error (error, VEL_ERROR, VEL_ERROR_DEVICE, _ ("The device \"%s\" can not be used: %s"), name, why);
    return NULL;
  }
  self = g_new0 (VelDevice, 1);
  self->references = 1;
  self->kernels = kernels;
  self->backend = backend;
  self->name = g_strdup (name);
  return self;
}

static VelDevice *
open_cpu (const VelDeviceOptions *options, GError **error)
{
  return device_new ("cpu", vel_kernels_cpu (),
                     &(VelBackendOptions) { .threads = options->threads, .nice = options->nice, .memory = options->memory }, error);
}

VelDevice *
vel_device_new_cpu (unsigned threads, int nice, GError **error)
{
  return open_cpu (&(VelDeviceOptions) { .threads = threads, .nice = nice }, error);
}

VelDevice *
vel_device_new_reference (void)
{
  return device_new ("reference", vel_kernels_reference (), &(VelBackendOptions) { .threads = 1 }, NULL);
}

static VelDevice *
open_card (unsigned number, const VelDeviceOptions *options, GError **error)
{
  g_autofree char *name = g_strdup_printf ("cuda:%u", number);
  const char *why, *cache = vel_paths_get_cache ();
  const VelKernels *kernels = vel_cuda_module_get (&why);

  if (!kernels) {
    g_set_error (error, VEL_ERROR, VEL_ERROR_DEVICE, _ ("The device \"%s\" can not be used: %s"), name, why);
    return NULL;
  }
  g_mkdir_with_parents (cache, 0700);
  return device_new (
    name, kernels,
    &(VelBackendOptions) { .threads = options->threads, .nice = options->nice, .device = number, .memory = options->memory, .cache = cache },
    error);
}

/* The first card that can be opened; else the processor, which knows why. */
static VelDevice *
open_any (const VelDeviceOptions *options, GError **error)
{
  g_autofree char *why = NULL;
  g_autoptr (GArray) cards = vel_device_list_cards (&why);
  VelDevice *self;

  for (guint i = 0; i < cards->len; i++) {
    guint number = (options->card + i) % cards->len;
    const VelDeviceInfo *card = &g_array_index (cards, VelDeviceInfo, number);
    g_autoptr (GError) failure = NULL;

    if (!*card->usable && (self = open_card (number, options, &failure)))
      return self;
    if (!why)
      why = *card->usable ? g_strdup_printf ("%s: %s", card->name, card->usable) : g_strdup (failure->message);
  }
  self = open_cpu (options, error);
  if (self)
    self->note = g_steal_pointer (&why);
  return self;
}

VelDevice *
vel_device_open (const char *spec, const VelDeviceOptions *options, GError **error)
{
  const VelDeviceOptions standard = { 0 };
  guint64 number = 0;

  options = options ? options : &standard;
  if (g_str_equal (spec, "auto"))
    return open_any (options, error);
  if (g_str_equal (spec, "cpu"))
    return open_cpu (options, error);
  if (g_str_equal (spec, "cuda")
      || (g_str_has_prefix (spec, "cuda:") && g_ascii_string_to_unsigned (spec + strlen ("cuda:"), 10, 0, MAX_CARDS - 1, &number, NULL)))
    return open_card ((unsigned) number, options, error);
  g_set_error (error, VEL_ERROR, VEL_ERROR_DEVICE, _ ("There is no device \"%s\"; there are auto, cpu, cuda and cuda:N, see `velatura list devices`"),
               spec);
  return NULL;
}

VelDevice *
vel_device_ref (VelDevice *self)
{
  g_atomic_int_inc (&self->references);
  return self;
}

void
vel_device_unref (VelDevice *self)
{
  if (!self || !g_atomic_int_dec_and_test (&self->references))
    return;
  self->kernels->close (self->backend);
  g_free (self->name);
  g_free (self->note);
  g_free (self);
}

gboolean
vel_device_check (VelDevice *self, GError **error)
{
  const char *failure = self->kernels->failure ? self->kernels->failure (self->backend) : NULL;

  if (!failure)
    return TRUE;
  /* Translators: a device; a sentence that says what happened, perhaps in English */
  g_set_error (error, VEL_ERROR, VEL_ERROR_LOST, _ ("The device \"%s\" was lost: %s Try again, or go on with the processor (device cpu)"), self->name,
               failure);
  return FALSE;
}

void
vel_device_blame (VelDevice *self, GError **error)
{
  g_autoptr (GError) lost = NULL;

  if (!*error || g_error_matches (*error, G_IO_ERROR, G_IO_ERROR_CANCELLED) || vel_device_check (self, &lost))
    return;
  g_clear_error (error);
  *error = g_steal_pointer (&lost);
}

gboolean
vel_device_takes (VelDevice *self, VelType type)
{
  return self->kernels->takes ? self->kernels->takes (self->backend, type) : type == VEL_F32;
}

void
vel_device_get_memory (VelDevice *self, guint64 *free_bytes, guint64 *total_bytes)
{
  size_t free_now = 0, total = 0;

  if (self->kernels->memory)
    self->kernels->memory (self->backend, &free_now, &total);
  *free_bytes = free_now;
  *total_bytes = total;
}

const char *
vel_device_describe (VelDevice *self)
{
  return self->kernels->describe (self->backend);
}

GArray *
vel_device_list_cards (char **why)
{
  g_autoptr (GArray) cards = g_array_new (FALSE, TRUE, sizeof (VelDeviceInfo));
  const char *missing = NULL;
  const VelKernels *kernels = vel_cuda_module_get (&missing);
  char reason[256] = "";
  guint found = 0;

  if (kernels) {
    g_array_set_size (cards, MAX_CARDS);
    found = kernels->devices ((VelDeviceInfo *) (gpointer) cards->data, MAX_CARDS, reason, sizeof reason);
  }
  g_array_set_size (cards, MIN (found, MAX_CARDS));
  *why = found ? NULL : g_strdup (kernels ? reason : missing);
  return g_steal_pointer (&cards);
}
