/* Opening devices.  SPDX-License-Identifier: Apache-2.0 */
#include "config.h"

#include "engine/tensor/device.h"

#include "engine/error.h"

#include <glib/gi18n-lib.h>

static VelDevice *
device_new (const char *name, const VelKernels *kernels, const VelBackendOptions *options, GError **error)
{
  char why[256] = "";
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

VelDevice *
vel_device_new_cpu (unsigned threads, int nice, GError **error)
{
  return device_new ("cpu", vel_kernels_cpu (), &(VelBackendOptions) { .threads = threads, .nice = nice }, error);
}

VelDevice *
vel_device_new_reference (void)
{
  return device_new ("reference", vel_kernels_reference (), &(VelBackendOptions) { .threads = 1 }, NULL);
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
  g_free (self);
}

const char *
vel_device_describe (VelDevice *self)
{
  return self->kernels->describe (self->backend);
}
