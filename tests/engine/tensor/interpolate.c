/* Latents in other sizes against torch's.  SPDX-License-Identifier: Apache-2.0 */
#include "engine/tensor/interpolate.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "engine/formats/safetensors.h"

static const char *const kinds[] = { "nearest", "nearest-exact", "bilinear", "bicubic" };

static double
compare (const VelTensorEntry *in, const VelTensorEntry *want)
{
  const char *slash = strchr (want->name, '/');
  gboolean smooth = strstr (want->name, "-antialias") != NULL;
  g_autofree char *name = g_strndup (want->name, (gsize) (slash - want->name) - (smooth ? strlen ("-antialias") : 0));
  g_autofree float *got = NULL;
  guint kind = 0, height, width;
  double largest = 0;

  while (!g_str_equal (kinds[kind], name))
    kind++;
  g_assert_cmpint (sscanf (slash + 1, "%ux%u", &height, &width), ==, 2);
  got = vel_interpolate (in->data, in->shape.size[0], in->shape.size[1], in->shape.size[2], height, width, kind, smooth);
  for (gsize i = 0; i < want->bytes / sizeof *got; i++)
    largest = fmax (largest, fabs (got[i] - ((const float *) want->data)[i]));
  return largest;
}

static void
test_torch (void)
{
  g_autofree char *path = g_test_build_filename (G_TEST_DIST, "golden", "interpolate", "interpolate.safetensors", NULL);
  g_autoptr (GError) error = NULL;
  g_autoptr (VelTensorFile) file = vel_safetensors_open (path, NULL, &error);
  const VelTensorEntry *in;

  g_assert_no_error (error);
  in = vel_tensor_file_find (file, "in");
  g_assert_cmpuint (vel_tensor_file_get_count (file), ==, 49);
  for (gsize i = 0; i < vel_tensor_file_get_count (file); i++) {
    const VelTensorEntry *want = vel_tensor_file_get (file, i);
    double largest = want == in ? 0 : compare (in, want);

    g_test_message ("%s: largest difference %.2e", want->name, largest);
    g_assert_cmpfloat (largest, <, g_str_has_prefix (want->name, "nearest") ? 1e-30 : 3e-6);
  }
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/interpolate/torch", test_torch);
  return g_test_run ();
}
