/* Numbers that another program computed, from tests/golden.
 * SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <glib.h>
#include <jansson.h>
#include <math.h>

static inline json_t *
golden_load (const char *folder, const char *name)
{
  g_autofree char *path = g_test_build_filename (G_TEST_DIST, "golden", folder, name, NULL);
  json_error_t error;
  json_t *root = json_load_file (path, JSON_REJECT_DUPLICATES, &error);

  if (root == NULL)
    g_error ("%s: %s in line %d", path, error.text, error.line);
  return root;
}

static inline double
golden_number (const json_t *array, gsize i)
{
  return json_number_value (json_array_get (array, i));
}

static inline double
relative_difference (double got, double wanted)
{
  return wanted == 0 ? fabs (got) : fabs (got - wanted) / fabs (wanted);
}
