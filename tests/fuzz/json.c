/* Any bytes as JSON: what jansson accepts, the cursor accepts.  SPDX-License-Identifier: Apache-2.0 */
#include "tests/fuzz/fuzz.h"

#include "engine/formats/json.h"

#include <jansson.h>
#include <string.h>

int
LLVMFuzzerTestOneInput (const uint8_t *data, size_t size)
{
  json_error_t where;
  json_t *root = json_loadb ((const char *) data, size, JSON_DECODE_ANY, &where);
  VelJson json;

  vel_json_init (&json, (const char *) data, size);
  vel_json_skip (&json);
  if (!vel_json_end (&json) && root) /* jansson takes a NUL behind a value for the end */
    g_assert (strstr (json.problem, "too deeply") || memchr (data, 0, size));
  if (!json.problem && !root) /* the cursor only skips numbers, and keys that are given twice or are empty */
    g_assert (json_error_code (&where) == json_error_numeric_overflow || json_error_code (&where) == json_error_stack_overflow);
  g_assert (vel_json_offset (&json) <= size);
  json_decref (root);
  return 0;
}
