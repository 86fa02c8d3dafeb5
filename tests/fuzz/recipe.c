/* Any bytes as the text of a picture.  SPDX-License-Identifier: Apache-2.0 */
#include "tests/fuzz/fuzz.h"

#include "engine/formats/recipe.h"
#include "engine/pipeline/request.h"

#include <string.h>

static void
check_utf8 (const char *const *texts)
{
  for (; texts && *texts; texts++)
    g_assert (g_utf8_validate (*texts, -1, NULL));
}

int
LLVMFuzzerTestOneInput (const uint8_t *data, size_t size)
{
  g_autofree char *text = g_strndup ((const char *) data, size), *own = NULL, *theirs = NULL;
  g_autoptr (VelRecipeFields) fields = vel_recipe_parse_a1111 (text);
  g_autoptr (VelValues) request = vel_request_new (), back = vel_request_new ();
  g_auto (GStrv) problems = NULL;
  const VelRecipeFacts facts = { .seed = 1, .width = 64, .height = 64, .version = "Velatura" };

  g_assert (g_strv_length (fields->keys) == g_strv_length (fields->values));
  check_utf8 ((const char *const *) fields->keys);
  check_utf8 ((const char *const *) fields->values);
  if (!vel_recipe_apply (text, request, &problems, NULL))
    return 0;
  check_utf8 ((const char *const *) problems);
  own = vel_recipe_to_json (request, &facts);
  theirs = vel_recipe_to_a1111 (request, &facts);
  g_assert (vel_recipe_apply (own, back, NULL, NULL));
  g_assert (strcmp (vel_values_get (back, "prompt"), vel_values_get (request, "prompt")) == 0);
  g_assert (vel_recipe_apply (theirs, back, NULL, NULL));
  return 0;
}
