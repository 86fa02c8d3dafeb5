/* Recording and replay.  SPDX-License-Identifier: Apache-2.0 */
#include "engine/sampling/recording.h"

void
vel_recording_init (VelRecording *self, VelContext *ctx)
{
  *self = (VelRecording){ .inside = vel_context_new_inside (ctx) };
}

void
vel_recording_clear (VelRecording *self)
{
  VelDevice *device;

  if (!self->inside)
    return;
  device = vel_context_get_device (self->inside);
  if (self->graph)
    device->kernels->graph_free (device->backend, self->graph);
  g_clear_pointer (&self->inside, vel_context_free);
}

void
vel_recording_run (VelContext *ctx, VelRecording *self, void (*ops) (gpointer data), gpointer data)
{
  VelDevice *device = vel_context_get_device (ctx);
  gboolean may_record = (device->kernels->features & VEL_FEATURE_GRAPHS) != 0;

  if (!vel_context_ok (ctx))
    return;
  if (may_record && self->ran && !self->tried && vel_context_is_settled (self->inside)) {
    self->tried = TRUE;
    device->kernels->record (device->backend);
    ops (data);
    self->graph = device->kernels->recorded (device->backend);
  }
  if (self->graph)
    device->kernels->replay (device->backend, self->graph);
  else
    ops (data);
  self->ran = TRUE;
  vel_context_take_error (ctx, self->inside);
}

const char *
vel_recording_find_culprit (VelRecording *self, void (*ops) (gpointer data), gpointer data)
{
  const char *culprit;

  vel_context_set_watch (self->inside, TRUE);
  ops (data);
  culprit = vel_context_get_culprit (self->inside);
  vel_context_set_watch (self->inside, FALSE);
  return culprit;
}
