/* Any bytes as the settings of any program.  SPDX-License-Identifier: Apache-2.0 */
#include "tests/fuzz/fuzz.h"

#include "engine/formats/settings.h"
#include "engine/pipeline/request.h"

static void
check (VelSettings *settings)
{
  g_autoptr (VelValues) request = vel_request_new ();
  g_autoptr (GPtrArray) problems = g_ptr_array_new_with_free_func (g_free);
  g_autoptr (VelSettings) same = NULL;
  g_autofree char *again = NULL;

  vel_recipe_fields_apply (settings->fields, request, problems);
  for (guint i = 0; settings->fields->keys[i]; i++)
    g_assert (g_utf8_validate (settings->fields->keys[i], -1, NULL) && g_utf8_validate (settings->fields->values[i], -1, NULL));
  for (guint i = 0; i < problems->len; i++)
    g_assert (g_utf8_validate (problems->pdata[i], -1, NULL));
  for (guint i = 0; i < settings->notes->len; i++)
    g_assert (g_utf8_validate (settings->notes->pdata[i], -1, NULL));
  again = vel_recipe_fields_to_a1111 (settings->fields);
  same = vel_settings_read_text (again);
}

/* Under each of the keywords that programs use. */
int
LLVMFuzzerTestOneInput (const uint8_t *data, size_t size)
{
  static const char *const keywords[] = { VEL_RECIPE_A1111, "prompt", "workflow", "Comment", "invokeai_metadata", "sd-metadata", "Dream",
                                          "XML:com.adobe.xmp" };
  g_autofree char *raw = g_strndup ((const char *) data, size), *text = g_utf8_make_valid (raw, -1);

  for (gsize i = 0; i < G_N_ELEMENTS (keywords); i++) {
    g_autoptr (GHashTable) texts = g_hash_table_new (g_str_hash, g_str_equal);
    const VelMetadata metadata = { "png", 64, 64, texts };
    g_autoptr (VelSettings) settings = NULL;

    g_hash_table_insert (texts, (char *) keywords[i], text);
    settings = vel_settings_read (&metadata);
    if (settings)
      check (settings);
  }
  return 0;
}
