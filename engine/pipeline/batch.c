/* A request whose pictures are painted together, or each by itself where their prompts differ.  SPDX-License-Identifier: Apache-2.0 */
#include "engine/pipeline/choices.h"
#include "engine/pipeline/engine.h"

static void
take_notes (VelResult *self, const GPtrArray *notes)
{
  g_autoptr (GStrvBuilder) all = g_strv_builder_new ();

  g_strv_builder_addv (all, (const char **) self->notes);
  for (guint i = 0; i < notes->len; i++)
    g_strv_builder_add (all, notes->pdata[i]);
  g_strfreev (self->notes);
  self->notes = g_strv_builder_end (all);
}

/* more: (transfer full) of the next request */
static void
take_pictures (VelResult *self, VelResult *more)
{
  while (more->pictures->len > 0 && !(more->partial && self->pictures->len > 0))
    g_ptr_array_add (self->pictures, g_ptr_array_steal_index (more->pictures, 0));
  self->partial = more->partial;
  self->seconds += more->seconds;
  vel_result_free (more);
}

VelResult *
vel_engine_generate (VelEngine *self, VelValues *request, VelProgressFunc progress, gpointer data, const char *trace_path,
                     gboolean keep_partial, GCancellable *cancellable, GError **error)
{
  g_autoptr (GPtrArray) notes = g_ptr_array_new_with_free_func (g_free), requests = vel_choices_make (request, notes, error);
  g_autoptr (VelResult) result = NULL;

  self->n_kept = 0;
  g_ptr_array_set_size (self->left, 0);
  for (guint i = 0; requests && i < requests->len && !(result && result->partial); i++) {
    VelValues *chosen = requests->pdata[i];
    VelResult *made = vel_engine_generate_chosen (self, chosen, progress, data, i == 0 ? trace_path : NULL, keep_partial, cancellable, error);

    if (!made) {
      if (result)
        vel_engine_leave (self, result);
      return NULL;
    }
    for (guint k = 0; chosen != request && k < made->pictures->len; k++)
      g_set_object (&((VelPicture *) made->pictures->pdata[k])->request, chosen);
    if (result)
      take_pictures (result, made);
    else
      result = made;
  }
  if (result && notes->len > 0)
    take_notes (result, notes);
  return g_steal_pointer (&result);
}
