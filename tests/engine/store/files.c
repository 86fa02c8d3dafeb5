/* Files that appear whole or not at all, the list of models, small pictures.  SPDX-License-Identifier: Apache-2.0 */
#include "engine/catalog.h"
#include "engine/durable.h"
#include "engine/error.h"
#include "engine/formats/png.h"
#include "engine/formats/recipe.h"
#include "engine/formats/safetensors.h"
#include "engine/paths.h"
#include "engine/pipeline/request.h"
#include "engine/thumbnail.h"
#include "tests/engine/formats/scratch.h"

#include <fcntl.h>
#include <math.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static guint
count_files (const char *folder)
{
  g_autoptr (GDir) dir = g_dir_open (folder, 0, NULL);
  guint n = 0;

  while (g_dir_read_name (dir))
    n++;
  return n;
}

static void
test_durable (void)
{
  g_autofree char *folder = scratch_path ("durable"), *path = g_build_filename (folder, "x", NULL), *text = NULL;
  g_autoptr (GError) error = NULL;
  VelDurable *file, *second;

  g_mkdir_with_parents (folder, 0700);
  file = vel_durable_new (folder, &error);
  g_assert_true (vel_durable_write (file, "one", 3, &error));
  g_assert_false (g_file_test (path, G_FILE_TEST_EXISTS));
  vel_durable_sweep (folder); /* its writer lives */
  g_assert_true (vel_durable_finish (file, path, FALSE, &error));
  g_assert_no_error (error);
  vel_durable_free (file);
  g_assert_cmpuint (count_files (folder), ==, 1);

  second = vel_durable_new (folder, &error);
  g_assert_true (vel_durable_write (second, "two", 3, &error));
  g_assert_false (vel_durable_finish (second, path, FALSE, &error));
  g_assert_error (error, G_IO_ERROR, G_IO_ERROR_EXISTS);
  g_clear_error (&error);
  g_file_get_contents (path, &text, NULL, NULL);
  g_assert_cmpstr (text, ==, "one");
  g_clear_pointer (&text, g_free);
  g_assert_true (vel_durable_finish (second, path, TRUE, &error));
  vel_durable_free (second);
  g_file_get_contents (path, &text, NULL, NULL);
  g_assert_cmpstr (text, ==, "two");

  vel_durable_free (vel_durable_new (folder, &error)); /* given up */
  g_free (scratch_file ("durable/.velatura-0123456789abcdef.tmp", "dead", 4));
  g_free (scratch_file ("durable/.velatura-notes", "mine", 4));
  vel_durable_sweep (folder);
  g_assert_cmpuint (count_files (folder), ==, 2);
  g_assert_null (vel_durable_new ("/nowhere", &error));
  g_assert_error (error, VEL_ERROR, VEL_ERROR_STORAGE);
}

/* The mean over the exact area, in doubles. */
static double
naive (const guint8 *rgb, guint width, guint height, guint small_width, guint small_height, guint x, guint y, guint c)
{
  double left = (double) x * width / small_width, right = (double) (x + 1) * width / small_width;
  double top = (double) y * height / small_height, bottom = (double) (y + 1) * height / small_height, sum = 0;

  for (guint v = top; v < bottom; v++)
    for (guint u = left; u < right; u++)
      sum += rgb[(v * width + u) * 3 + c] * (MIN (right, u + 1) - MAX (left, u)) * (MIN (bottom, v + 1) - MAX (top, v));
  return sum / ((right - left) * (bottom - top));
}

static void
test_thumbnail (void)
{
  static const guint sizes[][4] = { { 300, 300, 256, 256 }, { 640, 400, 256, 160 }, { 257, 1000, 65, 256 }, { 512, 1, 256, 1 },
    { 256, 100, 256, 100 }, { 3, 5, 3, 5 } };

  for (gsize i = 0; i < G_N_ELEMENTS (sizes); i++) {
    guint width = sizes[i][0], height = sizes[i][1], small_width = sizes[i][2], small_height = sizes[i][3];
    g_autofree guint8 *rgb = g_malloc (width * height * 3);
    g_autoptr (GRand) random = g_rand_new_with_seed (3);
    g_autoptr (GBytes) bytes = NULL;
    g_autoptr (VelPng) png = NULL;
    double worst = 0;

    for (guint p = 0; p < width * height * 3; p++)
      rgb[p] = g_rand_int (random);
    bytes = vel_thumbnail_make (rgb, width, height);
    png = vel_png_read_bytes (bytes, "thumbnail", FALSE, NULL);
    g_assert_cmpuint (png->width, ==, small_width);
    g_assert_cmpuint (png->height, ==, small_height);
    for (guint y = 0; y < small_height; y++)
      for (guint x = 0; x < small_width; x++)
        for (guint c = 0; c < 3; c++)
          worst = MAX (worst, fabs (png->rgb[(y * small_width + x) * 3 + c] -
                                    naive (rgb, width, height, small_width, small_height, x, y, c)));
    g_test_message ("%u × %u: largest difference %.3f", width, height, worst);
    g_assert_cmpfloat (worst, <=, 1.001); /* rounded once each way */
  }
}

static void
write_model (const char *path, const char *name)
{
  g_autofree char *folder = g_path_get_dirname (path);
  const VelTensorOut out[] = { { name, VEL_F32, VEL_SHAPE (1), (float[]) { 1 } } };

  g_mkdir_with_parents (folder, 0700);
  g_assert_true (vel_safetensors_write (path, out, 1, NULL, NULL));
}

static const VelCatalogEntry *
find (GPtrArray *entries, const char *name)
{
  for (guint i = 0; i < entries->len; i++)
    if (g_str_equal (((VelCatalogEntry *) entries->pdata[i])->name, name))
      return entries->pdata[i];
  return NULL;
}

/* vel_paths asks once for the whole program: the data folder is the one of main. */
static void
test_catalog (void)
{
  g_autofree char *own = g_build_filename (vel_paths_get_data (), "models", NULL), *more = scratch_path ("more");
  g_autofree char *a = g_build_filename (own, "alpha.safetensors", NULL), *b = g_build_filename (own, "below", "Beta.safetensors", NULL);
  g_autofree char *broken = g_build_filename (own, "broken.safetensors", NULL), *text = g_build_filename (own, "notes.txt", NULL);
  g_autofree char *unet = g_build_filename (more, "folder", "unet", "diffusion_pytorch_model.safetensors", NULL);
  g_autofree char *folder = g_build_filename (more, "folder", NULL), *loop = g_build_filename (more, "loop", NULL), *found = NULL;
  g_autofree char *checkpoint = g_build_filename (own, "gamma.1.ckpt", NULL), *other = g_build_filename (own, "delta.pt", NULL);
  g_autofree char *bin = g_build_filename (own, "epsilon.bin", NULL);
  const VelTensorOut sd1[] = {
    { "model.diffusion_model.input_blocks.0.0.weight", VEL_F32, VEL_SHAPE (1), (float[]) { 1 } },
    { "cond_stage_model.transformer.text_model.embeddings.token_embedding.weight", VEL_F32, VEL_SHAPE (1), (float[]) { 1 } },
  };
  const char *folders[] = { more, more, "/nowhere", NULL };
  g_autoptr (GPtrArray) entries = NULL;
  g_autoptr (GError) error = NULL;
  const char *previous = NULL;

  write_model (a, "model.diffusion_model.out.2.weight");
  write_model (b, "something");
  write_model (unet, "conv_out.weight");
  g_file_set_contents (broken, "rubbish", -1, NULL);
  g_file_set_contents (text, "rubbish", -1, NULL);
  g_file_set_contents (checkpoint, "rubbish", -1, NULL);
  g_file_set_contents (other, "rubbish", -1, NULL);
  g_assert_true (vel_safetensors_write (bin, sd1, 2, NULL, NULL));
  g_assert_cmpint (symlink (".", loop), ==, 0);
  entries = vel_catalog_list_models (folders);
  g_assert_nonnull (find (entries, "alpha"));
  g_assert_nonnull (find (entries, "Beta"));
  g_assert_nonnull (find (entries, "broken"));
  g_assert_null (find (entries, "broken")->family);
  g_assert_null (find (entries, "notes"));
  g_assert_null (find (entries, "gamma.1")->family);
  g_assert_null (find (entries, "delta")); /* a file of this kind is a model only if one is in it */
  g_assert_nonnull (find (entries, "epsilon"));
  g_assert_cmpuint (find (entries, "alpha")->bytes, ==, 4);
  g_assert_cmpstr (find (entries, "folder")->path, ==, folder);
  for (guint i = 0; i < entries->len; i++) {
    const VelCatalogEntry *entry = entries->pdata[i];

    if (g_str_equal (entry->name, "starter")) {
      g_assert_cmpuint (i, ==, 0);
      continue;
    }
    g_assert_cmpint (previous ? g_utf8_collate (previous, entry->name) : -1, <, 0);
    previous = entry->name;
  }

  found = vel_catalog_resolve ("beta", folders, &error);
  g_assert_cmpstr (found, ==, b);
  g_clear_pointer (&found, g_free);
  found = vel_catalog_resolve ("folder", folders, &error);
  g_assert_cmpstr (found, ==, folder);
  g_clear_pointer (&found, g_free);
  found = vel_catalog_resolve (a, NULL, &error);
  g_assert_cmpstr (found, ==, a);
  g_assert_no_error (error);
  g_assert_null (vel_catalog_resolve ("gamma", folders, &error));
  g_assert_error (error, VEL_ERROR, VEL_ERROR_REQUEST);
  g_assert_nonnull (strstr (error->message, "“alpha”"));
  g_clear_error (&error);
  g_assert_null (vel_catalog_resolve ("/nowhere/x.safetensors", folders, &error));
  g_assert_error (error, VEL_ERROR, VEL_ERROR_REQUEST);
}

/* SHA-256 of "abc" is a published example (FIPS 180-4); what was hashed once is not read again until it changes. */
static void
test_hash (void)
{
  g_autofree char *path = scratch_file ("abc.safetensors", "abc", 3), *folder = scratch_path ("model"), *missing = scratch_path ("none");
  g_autofree char *unet = scratch_file ("model/unet/diffusion_pytorch_model.safetensors", "abc", 3);
  g_autofree char *hash = NULL;
  g_autoptr (GError) error = NULL;
  g_autoptr (GCancellable) cancellable = g_cancellable_new ();
  struct stat status;

  hash = vel_catalog_hash (path, NULL, &error);
  g_assert_no_error (error);
  g_assert_cmpstr (hash, ==, "ba7816bf8f");
  g_clear_pointer (&hash, g_free);
  hash = vel_catalog_hash (folder, NULL, &error);
  g_assert_cmpstr (hash, ==, "ba7816bf8f");
  g_clear_pointer (&hash, g_free);

  stat (path, &status);
  g_assert_cmpint (truncate (path, 0), ==, 0);
  g_free (scratch_file ("abc.safetensors", "xyz", 3));
  g_assert_cmpint (utimensat (AT_FDCWD, path, (struct timespec[]) { status.st_atim, status.st_mtim }, 0), ==, 0);
  hash = vel_catalog_hash (path, NULL, &error);
  g_assert_cmpstr (hash, ==, "ba7816bf8f"); /* remembered */
  g_clear_pointer (&hash, g_free);
  status.st_mtim.tv_sec++;
  g_assert_cmpint (utimensat (AT_FDCWD, path, (struct timespec[]) { status.st_atim, status.st_mtim }, 0), ==, 0);
  hash = vel_catalog_hash (path, NULL, &error);
  g_assert_cmpstr (hash, ==, "3608bca1e4");

  /* AutoV3 leaves the header out: here the tensors are "abc", behind an empty object. */
  g_free (scratch_file ("header.safetensors", "\2\0\0\0\0\0\0\0{}abc", 13));
  g_clear_pointer (&path, g_free);
  g_clear_pointer (&hash, g_free);
  path = scratch_path ("header.safetensors");
  hash = vel_catalog_hash_data (path, NULL, &error);
  g_assert_no_error (error);
  g_assert_cmpstr (hash, ==, "ba7816bf8f01");
  g_clear_pointer (&hash, g_free);
  hash = vel_catalog_hash (path, NULL, &error);
  g_assert_cmpstr (hash, ==, "6c89478bb1");

  g_assert_null (vel_catalog_hash (missing, NULL, &error));
  g_assert_error (error, VEL_ERROR, VEL_ERROR_STORAGE);
  g_clear_error (&error);
  g_cancellable_cancel (cancellable);
  g_free (scratch_file ("other.safetensors", "other", 5));
  g_clear_pointer (&path, g_free);
  path = scratch_path ("other.safetensors");
  g_assert_null (vel_catalog_hash (path, cancellable, &error));
  g_assert_error (error, G_IO_ERROR, G_IO_ERROR_CANCELLED);
}

static void
expect_hash (VelHashKind kind, const char *path, const char *expected)
{
  g_autoptr (GError) error = NULL;
  g_autofree char *hash = vel_catalog_hash_kind (kind, path, NULL, &error);

  g_assert_no_error (error);
  g_assert_cmpstr (hash, ==, expected);
}

/* Each program's way; the digits are those of sha256sum over the same bytes. */
static void
test_hash_kinds (void)
{
  gsize large = 0x120000;
  g_autofree char *zeros = g_malloc0 (large), *path = scratch_file ("zeros.ckpt", zeros, large);
  g_autofree char *abc = scratch_file ("abc.pt", "abc", 3), *lora = scratch_path ("lora.safetensors"), *hash = NULL;
  const VelTensorOut out[] = { { "x", VEL_F32, VEL_SHAPE (1), (float[]) { 0 } } };
  g_autoptr (GHashTable) metadata = g_hash_table_new (g_str_hash, g_str_equal);

  expect_hash (VEL_HASH_AUTOV1, path, "de2f2560");
  expect_hash (VEL_HASH_AUTOV1, path, "de2f2560"); /* as remembered */
  expect_hash (VEL_HASH_AUTOV2, path, "a76c77fe20");
  expect_hash (VEL_HASH_EMBEDDING, path, "a76c77fe203d");
  expect_hash (VEL_HASH_AUTOV3, path, "a76c77fe203d"); /* no header to leave out */
  expect_hash (VEL_HASH_AUTOV1, abc, NULL);
  expect_hash (VEL_HASH_EMBEDDING, abc, "ba7816bf8f01");

  g_assert_true (vel_safetensors_write (lora, out, 1, metadata, NULL));
  expect_hash (VEL_HASH_AUTOV3, lora, "df3f619804a9"); /* four zeros */
  expect_hash (VEL_HASH_LORA, lora, "df3f619804a9");
  g_hash_table_insert (metadata, "sshs_model_hash", "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef");
  g_assert_true (vel_safetensors_write (lora, out, 1, metadata, NULL));
  expect_hash (VEL_HASH_AUTOV3, lora, "df3f619804a9");
  expect_hash (VEL_HASH_LORA, lora, "0123456789ab");
}

/* Named in a prompt as a word, listed or in the data folder; the digits are those of sha256sum. */
static void
test_hash_embeddings (void)
{
  g_autofree char *own = g_build_filename (vel_paths_get_data (), "embeddings", NULL), *gold = g_build_filename (own, "Gold.pt", NULL);
  g_autofree char *ink = scratch_file ("ink.pt", "abc", 3), *other = g_build_filename (own, "in.pt", NULL), *list = NULL, *hashes = NULL;
  g_autoptr (VelValues) request = vel_request_new ();

  g_mkdir_with_parents (own, 0700);
  g_assert_true (g_file_set_contents (gold, "xyz", 3, NULL) && g_file_set_contents (other, "xyz", 3, NULL));
  hashes = vel_catalog_hash_embeddings (request);
  g_assert_cmpstr (hashes, ==, NULL);
  list = g_strconcat (ink, "\n/nowhere/none.pt", NULL);
  vel_values_set (request, "embedding", list, NULL);
  vel_values_set (request, "prompt", "a fox in winter, (INK:1.2), none", NULL);
  vel_values_set (request, "negative", "golden, gold", NULL);
  hashes = vel_catalog_hash_embeddings (request);
  g_assert_cmpstr (hashes, ==, "ink: ba7816bf8f01, Gold: 3608bca1e44e, in: 3608bca1e44e");
  g_clear_pointer (&hashes, g_free);
  vel_values_set (request, "prompt", "inks", NULL);
  vel_values_set (request, "negative", "", NULL);
  hashes = vel_catalog_hash_embeddings (request);
  g_assert_cmpstr (hashes, ==, NULL);
}

static const char *
found_name (GPtrArray *entries, const char *name, const char *hash)
{
  const VelCatalogEntry *entry = vel_catalog_recognise (entries, name, hash);

  return entry ? entry->name : NULL;
}

/* A model that was renamed, or is known by its hash alone. */
static void
test_find_by_hash (void)
{
  g_autofree char *folder = scratch_path ("models"), *path = g_build_filename (folder, "renamed.safetensors", NULL), *found = NULL;
  g_autofree char *picture = scratch_path ("p.png"), *recipe = NULL, *whole = NULL;
  const char *folders[] = { folder, NULL };
  g_autoptr (GPtrArray) entries = NULL;
  g_autoptr (GError) error = NULL;
  g_autoptr (VelValues) request = vel_request_new ();
  g_autoptr (GBytes) png = NULL;
  g_auto (GStrv) problems = NULL;
  const VelTensorOut out[] = { { "model.diffusion_model.out.2.weight", VEL_F32, VEL_SHAPE (1), (float[]) { 2.5f } } };

  g_mkdir_with_parents (folder, 0700);
  g_assert_true (vel_safetensors_write (path, out, 1, NULL, NULL));
  entries = vel_catalog_list_models (folders);
  g_assert_cmpstr (found_name (entries, "renamed", NULL), ==, "renamed");
  g_assert_cmpstr (found_name (entries, "other", "072e3304b034"), ==, NULL); /* nobody has asked for it yet */
  found = vel_catalog_resolve ("072E3304B034", folders, &error);              /* the bytes of 2.5f */
  g_assert_no_error (error);
  g_assert_cmpstr (found, ==, path);
  g_assert_cmpstr (found_name (entries, "other", "072e3304b034"), ==, "renamed");
  whole = vel_catalog_hash (path, NULL, NULL);
  g_assert_cmpstr (found_name (entries, "other", whole), ==, "renamed");
  g_assert_cmpstr (found_name (entries, NULL, "072e3304b0340000"), ==, NULL);
  g_assert_cmpstr (found_name (entries, "", "nothing like a hash"), ==, NULL);
  g_assert_null (vel_catalog_resolve ("0123456789", folders, NULL));

  recipe = g_strdup_printf ("p\nSteps: 1, Sampler: Euler, Seed: 2, Model hash: %s, Model: once", whole);
  png = vel_png_encode ((const guint8 *) "abc", 1, 1, (const char *[]) { VEL_RECIPE_A1111, recipe, NULL });
  g_assert_true (g_file_set_contents (picture, g_bytes_get_data (png, NULL), g_bytes_get_size (png), NULL));
  g_assert_true (vel_recipe_restore (picture, request, entries, NULL, &problems, &error));
  g_assert_cmpstr (vel_values_get (request, "model"), ==, path);
  g_assert_cmpuint (g_strv_length (problems), ==, 0);
  g_clear_pointer (&problems, g_strfreev);
  g_ptr_array_set_size (entries, 0);
  g_assert_true (vel_recipe_restore (picture, request, entries, NULL, &problems, &error));
  g_assert_cmpstr (vel_values_get (request, "model"), ==, "once");
  g_assert_cmpuint (g_strv_length (problems), ==, 1);
  g_assert_nonnull (strstr (problems[0], "There is no model named “once”"));
}

/* Tests run from the build tree. */
static void
test_paths (void)
{
  g_assert_true (g_str_has_suffix (vel_paths_get_plugins (), "/plugins"));
  g_assert_true (g_file_test (vel_paths_get_plugins (), G_FILE_TEST_IS_DIR));
  g_assert_true (g_str_has_suffix (vel_paths_get_starter (), "/resources/starter/model"));
  g_assert_true (g_str_has_suffix (vel_paths_get_data (), "/velatura"));
  g_assert_true (g_str_has_suffix (vel_paths_get_pictures (), "/Velatura"));
  g_assert_true (vel_paths_get_cache () == vel_paths_get_cache ());
}

int
main (int argc, char **argv)
{
  scratch_init (&argc, &argv);
  g_test_add_func ("/store/files/durable", test_durable);
  g_test_add_func ("/store/files/thumbnail", test_thumbnail);
  g_test_add_func ("/store/files/catalog", test_catalog);
  g_test_add_func ("/store/files/hash", test_hash);
  g_test_add_func ("/store/files/hash-kinds", test_hash_kinds);
  g_test_add_func ("/store/files/hash-embeddings", test_hash_embeddings);
  g_test_add_func ("/store/files/find-by-hash", test_find_by_hash);
  g_test_add_func ("/store/files/paths", test_paths);
  return g_test_run ();
}
