/* What PEFT and diffusers say of a LoRA's layers. That it is what they mean by it, pictures tell: lora-peft and lora-xl-peft.
 * SPDX-License-Identifier: Apache-2.0 */
#include <glib/gstdio.h>
#include <math.h>
#include <string.h>

#include "engine/formats/safetensors.h"
#include "engine/lora/lora.h"
#include "tests/support/tiny-model.h"

static char *folder;

/* A file of one tensor. config: (nullable) of its metadata. Returns: (transfer full) */
static char *
write_file (const char *name, const char *config)
{
  static const float value[] = { 1 };
  const VelTensorOut tensors[] = { { "unet.a.to_q.lora_A.weight", VEL_F32, VEL_SHAPE (1, 1), value },
                                   { "unet.b.to_q.lora_A.weight", VEL_F32, VEL_SHAPE (1, 1), value },
                                   { "text_encoder.c.fc.lora_A.weight", VEL_F32, VEL_SHAPE (1, 1), value } };
  char *path = g_build_filename (folder, name, NULL);
  g_autoptr (GHashTable) metadata = g_hash_table_new (g_str_hash, g_str_equal);
  g_autoptr (GError) error = NULL;

  if (config)
    g_hash_table_insert (metadata, (char *) "lora_adapter_metadata", (char *) config);
  vel_safetensors_write (path, tensors, G_N_ELEMENTS (tensors), metadata, &error);
  g_assert_no_error (error);
  return path;
}

/* Layers are in the order of their names: c, a, b. */
static void
assert_alphas (const char *path, double c, double a, double b, gboolean stabilised)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (VelLora) lora = vel_lora_open (path, NULL, &error);
  const double wanted[] = { c, a, b };

  g_assert_no_error (error);
  g_assert_null (lora->problem);
  for (guint i = 0; i < 3; i++)
    g_assert_cmpfloat (((VelLoraLayer *) lora->layers->pdata[i])->parts.alpha, ==, wanted[i]);
  g_assert_cmpint (((VelLoraLayer *) lora->layers->pdata[1])->parts.stabilised, ==, stabilised);
}

static void
test_inside (void)
{
  g_autofree char *path = write_file (
      "inside.safetensors", "{\"unet.lora_alpha\": 4, \"unet.use_rslora\": true, \"unet.alpha_pattern\": {\"b.to_q\": 7, \"q\": 9},"
                            " \"text_encoder.lora_alpha\": 0.5}");
  g_autofree char *none = write_file ("none.safetensors", NULL);
  g_autofree char *other = write_file ("other.safetensors", "{\"transformer.lora_alpha\": 4, \"lora_alpha\": 3, \"unet.lora_alpha\": [1],"
                                                            " \"text_encoder.lora_alpha\": 1e300}");

  assert_alphas (path, 0.5, 4, 7, TRUE);
  assert_alphas (none, 0, 0, 0, FALSE);
  assert_alphas (other, 0, 0, 0, FALSE);
}

/* Beside a file of that name only. */
static void
test_beside (void)
{
  g_autofree char *config = g_build_filename (folder, "adapter_config.json", NULL);
  g_autofree char *path = write_file ("adapter_model.safetensors", NULL), *other = write_file ("some.safetensors", NULL);

  g_assert_true (g_file_set_contents (config, "{\"r\": 1, \"lora_alpha\": 16, \"alpha_pattern\": {\"a.to_q\": 2}, \"peft_type\": \"LORA\"}",
                                      -1, NULL));
  assert_alphas (path, 16, 2, 16, FALSE);
  assert_alphas (other, 0, 0, 0, FALSE);
}

/* What is no object of settings changes nothing and is told; the file is used. */
static void
test_hostile (void)
{
  g_autofree char *deep = g_strnfill (100000, '['), *long_name = g_strnfill (100000, '.');
  g_autofree char *many = g_strdup_printf ("{\"unet.alpha_pattern\": {\"%s\": 1}}", long_name);
  const char *const texts[] = { "", "{", "[]", "7", "null", "{\"a\": \"\xff\"}", deep };
  g_autofree char *odd = write_file ("odd.safetensors", many);

  for (guint i = 0; i < G_N_ELEMENTS (texts); i++) {
    g_autofree char *config = g_build_filename (folder, "adapter_config.json", NULL),
                    *path = write_file ("adapter_model.safetensors", NULL);
    g_autoptr (GError) error = NULL;
    g_autoptr (VelLora) lora = NULL;

    g_assert_true (g_file_set_contents (config, texts[i], -1, NULL));
    lora = vel_lora_open (path, NULL, &error);
    g_assert_no_error (error);
    g_assert_nonnull (lora->problem);
    g_test_message ("%s", lora->problem);
    g_assert_true (g_utf8_validate (lora->problem, -1, NULL));
    g_assert_cmpuint (lora->layers->len, ==, 3);
    g_assert_cmpfloat (((VelLoraLayer *) lora->layers->pdata[0])->parts.alpha, ==, 0);
  }
  assert_alphas (odd, 0, 0, 0, FALSE);
}

int
main (int argc, char **argv)
{
  int status;

  g_test_init (&argc, &argv, NULL);
  folder = g_dir_make_tmp ("velatura-adapter-XXXXXX", NULL);
  g_test_add_func ("/lora/adapter/inside", test_inside);
  g_test_add_func ("/lora/adapter/beside", test_beside);
  g_test_add_func ("/lora/adapter/hostile", test_hostile);
  status = g_test_run ();
  tiny_remove_tree (folder);
  g_free (folder);
  return status;
}
