/* From a request to pictures.  SPDX-License-Identifier: Apache-2.0 */
#include "config.h"

#include "engine/pipeline/generate.h"

#include "engine/pipeline/painting.h"

void
vel_picture_free (VelPicture *self)
{
  g_clear_object (&self->request);
  g_clear_pointer (&self->kept, vel_kept_release);
  g_free (self->rgb);
  g_free (self);
}

void
vel_result_free (VelResult *self)
{
  if (!self)
    return;
  g_clear_pointer (&self->pictures, g_ptr_array_unref);
  g_free (self->model_path);
  g_free (self->model_name);
  g_free (self->model_hash);
  g_strfreev (self->notes);
  g_free (self);
}

/* The stages in order; pictures that are complete are kept even if a later one is stopped. After memory ran out it goes on where it was. */
static gboolean
run_stages (VelPainting *self, VelResult *result, GError **error)
{
  if (!self->sampled) {
    if (!vel_painting_load (self, error) || !vel_painting_plan (self, error) || !vel_painting_encode_text (self, error) || !vel_painting_encode_start (self, error)
        || !vel_painting_make_extra (self, error) || !vel_painting_sample (self, error) || !vel_painting_paint_again (self, error))
      return FALSE;
    g_clear_pointer (&self->prompts, vel_prompts_free);
    self->sampled = TRUE;
    vel_painting_keep (self);
  }
  for (gint64 i = result->pictures->len; i < self->batch; i++) {
    VelPicture *picture = vel_painting_decode (self, i, error);

    if (!picture)
      return FALSE;
    if (self->kept && (guint) i < self->kept->len)
      picture->kept = g_steal_pointer (&self->kept->pdata[i]);
    g_ptr_array_add (result->pictures, picture);
  }
  return TRUE;
}

static gboolean
run (VelPainting *self, VelResult *result, GError **error)
{
  for (;;) {
    g_autoptr (GError) failure = NULL;
    gboolean ok = run_stages (self, result, &failure);

    if (ok) {
      char *note = vel_memory_plan_describe (&self->model->plan, &self->model->needs, self->engine->device->name);

      if (note)
        g_ptr_array_add (self->notes, note);
      return TRUE;
    }
    if (!g_error_matches (failure, VEL_ERROR, VEL_ERROR_MEMORY) || !vel_painting_make_room (self, error)) {
      vel_painting_explain_memory (self, &failure);
      if (!*error)
        g_propagate_error (error, g_steal_pointer (&failure));
      return FALSE;
    }
  }
}

/* What was painted and will not be given. */
static void
leave (VelPainting *self, const VelResult *result)
{
  for (guint i = 0; self->kept && i < self->kept->len; i++)
    if (self->kept->pdata[i])
      g_ptr_array_add (self->engine->left, g_steal_pointer (&self->kept->pdata[i]));
  vel_engine_leave (self->engine, result);
}

VelResult *
vel_painting_run (VelPainting *self, const char *trace_path, gboolean keep_partial, GError **error)
{
  g_autoptr (VelResult) result = g_new0 (VelResult, 1);
  g_autoptr (GError) failure = NULL;
  gint64 began = g_get_monotonic_time ();
  gboolean ok;

  result->pictures = g_ptr_array_new_with_free_func ((GDestroyNotify) vel_picture_free);
  ok = run (self, result, &failure);
  if (!ok && self->engine->device)
    vel_device_blame (self->engine->device, &failure);
  if (!ok && keep_partial && self->preview && g_error_matches (failure, G_IO_ERROR, G_IO_ERROR_CANCELLED)) {
    if (result->pictures->len == 0)
      g_ptr_array_add (result->pictures, vel_painting_take_preview (self));
    result->partial = TRUE;
    ok = TRUE;
    g_clear_error (&failure);
  }
  if (ok && trace_path && !result->partial)
    ok = vel_trace_write (self->trace, trace_path, &failure);
  if (ok) {
    result->model_path = g_strdup (self->model->path);
    result->model_name = g_strdup (self->model->name);
    result->model_hash = g_strdup (vel_model_get_hash (self->model));
    result->notes = vel_painting_dup_notes (self);
    result->seconds = (double) (g_get_monotonic_time () - began) / 1e6;
  } else {
    leave (self, result);
    g_propagate_error (error, g_steal_pointer (&failure));
  }
  vel_painting_clear (self);
  return ok ? g_steal_pointer (&result) : NULL;
}

VelResult *
vel_engine_generate_chosen (VelEngine *self, VelValues *request, VelProgressFunc progress, gpointer data, const char *trace_path,
                            gboolean keep_partial, GCancellable *cancellable, GError **error)
{
  VelPainting job = { .engine = self,
                      .request = request,
                      .progress = progress,
                      .progress_data = data,
                      .cancellable = cancellable,
                      .notes = g_ptr_array_new_with_free_func (g_free),
                      .trace = trace_path ? vel_trace_new () : NULL };

  return vel_painting_run (&job, trace_path, keep_partial, error);
}
