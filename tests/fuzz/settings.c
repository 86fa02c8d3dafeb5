/* Any bytes as the settings of any program.  SPDX-License-Identifier: Apache-2.0 */
#include "tests/fuzz/fuzz.h"

#include "engine/formats/settings.h"
#include "engine/pipeline/request.h"

int
LLVMFuzzerTestOneInput (const uint8_t *data, size_t size)
{
  g_autofree char *raw = g_strndup ((const char *) data, size), *text = g_utf8_make_valid (raw, -1), *again = NULL;
  g_autoptr (VelSettings) settings = vel_settings_read_text (text), same = NULL;
  g_autoptr (VelValues) request = vel_request_new ();
  g_autoptr (GPtrArray) problems = g_ptr_array_new_with_free_func (g_free);

  if (!settings)
    return 0;
  vel_recipe_fields_apply (settings->fields, request, problems);
  for (guint i = 0; settings->fields->keys[i]; i++)
    g_assert (g_utf8_validate (settings->fields->keys[i], -1, NULL) && g_utf8_validate (settings->fields->values[i], -1, NULL));
  for (guint i = 0; i < problems->len; i++)
    g_assert (g_utf8_validate (problems->pdata[i], -1, NULL));
  for (guint i = 0; i < settings->notes->len; i++)
    g_assert (g_utf8_validate (settings->notes->pdata[i], -1, NULL));
  again = vel_recipe_fields_to_a1111 (settings->fields);
  same = vel_settings_read_text (again);
  return 0;
}
