/* Pictures that are painted and can not be decoded: kept, listed, finished, discarded.  SPDX-License-Identifier: Apache-2.0 */
#include <glib/gstdio.h>
#include <string.h>

#include "engine/formats/png.h"
#include "program.h"
#include "tests/support/tiny-model.h"

static char *model, *healthy; /* bytes that can be decoded are in `healthy` */

/* The picture is painted as ever, and its decoding leaves the numbers that floats have. */
static void
break_model (void)
{
  const float huge = 3e38f;
  g_autofree char *bytes = NULL;
  const char *place;
  guint64 length, offset;
  gsize size;

  g_assert_true (g_file_get_contents (healthy, &bytes, &size, NULL));
  memcpy (&length, bytes, sizeof length);
  place = g_strstr_len (bytes + sizeof length, (gssize) length, "\"first_stage_model.decoder.conv_out.weight\"");
  place = g_strstr_len (place, -1, "data_offsets");
  offset = g_ascii_strtoull (strchr (place, '[') + 1, NULL, 10);
  for (guint i = 0; i < 64; i++)
    memcpy (bytes + sizeof length + length + offset + i * sizeof huge, &huge, sizeof huge);
  g_assert_true (g_file_set_contents (model, bytes, (gssize) size, NULL));
}

static void
copy (const char *from, const char *to)
{
  g_autofree char *bytes = NULL;
  gsize size;

  g_assert_true (g_file_get_contents (from, &bytes, &size, NULL));
  g_assert_true (g_file_set_contents (to, bytes, (gssize) size, NULL));
}

static void
mend_model (void)
{
  copy (healthy, model);
}

#define PAINT(...)                                                                                                                         \
  vel_program_run (NULL, "generate", "--model", model, "--prompt", "a lighthouse", "--width", "64", "--height", "48", "--steps", "2",      \
                   "--seed", "5", __VA_ARGS__, NULL)
#define HISTORY(...) vel_program_run (NULL, "history", __VA_ARGS__, NULL)

static char *
kept_path (const char *name)
{
  return g_build_filename (g_getenv ("XDG_DATA_HOME"), "velatura", "unfinished", name, NULL);
}

static guint
count_kept (void)
{
  g_autofree char *folder = kept_path ("");
  g_autoptr (GDir) dir = g_dir_open (folder, 0, NULL);
  guint count = 0;

  while (dir && g_dir_read_name (dir))
    count++;
  return count;
}

static VelPng *
read_picture (const char *path)
{
  g_autoptr (GError) error = NULL;
  VelPng *png = vel_png_read (path, FALSE, &error);

  g_assert_no_error (error);
  return png;
}

static void
assert_same (const char *a, const char *b)
{
  g_autoptr (VelPng) first = read_picture (a), second = read_picture (b);

  g_assert_cmpuint (first->width, ==, second->width);
  g_assert_cmpuint (first->height, ==, second->height);
  g_assert_cmpmem (first->rgb, first->width * first->height * 3, second->rgb, first->width * first->height * 3);
  g_assert_cmpstr (g_hash_table_lookup (first->text, "parameters"), ==, g_hash_table_lookup (second->text, "parameters"));
  g_assert_cmpstr (g_hash_table_lookup (first->text, "velatura"), ==, g_hash_table_lookup (second->text, "velatura"));
}

/* A batch that can not be decoded: every picture of it waits, says what it is, and is finished where it was meant to go, to the last bit.
 */
static void
test_batch (void)
{
  g_autofree char *pattern = vel_program_path ("broken-{seed}.png"), *good = vel_program_path ("good-{seed}.png");
  const VelOutcome *outcome;

  break_model ();
  outcome = PAINT ("--batch", "2", "--output", pattern);
  g_assert_cmpint (outcome->status, ==, 1);
  g_assert_nonnull (strstr (outcome->err, "velatura history finish u1"));
  g_assert_nonnull (strstr (outcome->err, "velatura history finish u2"));
  g_assert_nonnull (strstr (HISTORY ("list")->out, "    u2 "));
  g_assert_nonnull (strstr (HISTORY ("list", "--json")->out, "\"unfinished\":true"));
  g_assert_nonnull (strstr (HISTORY ("show", "u1")->out, "\"prompt\":\"a lighthouse\""));
  g_assert_nonnull (strstr (HISTORY ("verify")->out, "0 damaged, 0 without a recipe, 2 unfinished"));
  g_assert_nonnull (strstr (HISTORY ("rebuild")->out, "2 unfinished"));
  vel_assert_refused (HISTORY ("finish", "u1", "--quiet"), 1, "out of bounds"); /* not mended yet */
  g_assert_cmpuint (count_kept (), ==, 2);

  mend_model ();
  outcome = HISTORY ("finish", "all");
  g_assert_cmpint (outcome->status, ==, 0);
  g_assert_nonnull (strstr (outcome->out, "broken-6.png"));
  g_assert_cmpuint (count_kept (), ==, 0);
  g_assert_cmpint (PAINT ("--batch", "2", "--output", good)->status, ==, 0);
  g_assert_cmpuint (count_kept (), ==, 0);
  for (guint i = 5; i < 7; i++) {
    g_autofree char *a = g_strdup_printf ("broken-%u.png", i), *b = g_strdup_printf ("good-%u.png", i);
    g_autofree char *first = vel_program_path (a), *second = vel_program_path (b);

    assert_same (first, second);
  }
}

/* Without --output it goes into the history, and what is discarded is gone. */
static void
test_history (void)
{
  g_autofree char *good = vel_program_path ("history.png"), *path = NULL;

  break_model ();
  g_assert_cmpint (PAINT ("--quiet")->status, ==, 1);
  g_assert_cmpint (PAINT ("--quiet")->status, ==, 1);
  mend_model ();
  g_assert_cmpint (PAINT ("--output", good)->status, ==, 0);
  path = g_strchomp (g_strdup (HISTORY ("finish", "u1", "--quiet")->out));
  assert_same (good, path);
  g_assert_nonnull (strstr (HISTORY ("list", "--json")->out, path));
  g_assert_cmpint (HISTORY ("discard", "u2")->status, ==, 0);
  g_assert_cmpuint (count_kept (), ==, 0);
  vel_assert_refused (HISTORY ("finish", "u2"), 1, "u2");
  vel_assert_refused (HISTORY ("finish", "../u2"), 1, "u2");
  vel_assert_refused (HISTORY ("discard", "u0"), 1, "u0");
}

/* The start picture and the mask may be gone: the pixels that lie over the result are kept. A second pass is not painted again. */
static void
test_start_gone (void)
{
  g_autofree char *golden = tiny_model_golden ("start.png"), *golden_mask = tiny_model_golden ("mask.png");
  g_autofree char *start = vel_program_path ("start.png"), *mask = vel_program_path ("mask.png");
  g_autofree char *good = vel_program_path ("masked.png"), *broken = vel_program_path ("masked-again.png");
  static const char *const areas[] = { "masked", "whole", "masked" };

  for (guint i = 0; i < G_N_ELEMENTS (areas); i++) {
    copy (golden, start);
    copy (golden_mask, mask);
    g_unlink (good);
    g_unlink (broken);
#define MASKED(path)                                                                                                                       \
  PAINT ("--init", start, "--mask", mask, "--inpaint-area", areas[i], "--mask-blur", "2", i == 2 ? "--soft-inpainting" : "--quiet",        \
         "--output", path)
    g_assert_cmpint (MASKED (good)->status, ==, 0);
    break_model ();
    g_assert_cmpint (MASKED (broken)->status, ==, 1);
    mend_model ();
    g_unlink (start);
    g_unlink (mask);
    g_assert_cmpint (HISTORY ("finish", "all")->status, ==, 0);
    assert_same (good, broken);
  }
}

static void
test_second_pass (void)
{
  g_autofree char *good = vel_program_path ("large.png"), *broken = vel_program_path ("large-again.png");

#define LARGE(path) PAINT ("--hires", "1.5", "--hires-steps", "2", "--output", path)
  g_assert_cmpint (LARGE (good)->status, ==, 0);
  break_model ();
  g_assert_cmpint (LARGE (broken)->status, ==, 1);
  mend_model ();
  g_assert_cmpint (HISTORY ("finish", "all")->status, ==, 0);
  assert_same (good, broken);
}

/* Where the picture was to go something else is by now: a sentence, and the picture still waits. Models that are gone likewise. */
static void
test_refused (void)
{
  g_autofree char *path = vel_program_path ("taken.png"), *other = vel_program_path ("other.png"), *away = vel_program_path ("away");

  break_model ();
  g_assert_cmpint (PAINT ("--output", path)->status, ==, 1);
  mend_model ();
  g_assert_true (g_file_set_contents (path, "precious", -1, NULL));
  vel_assert_refused (HISTORY ("finish", "u1", "--quiet"), 1, "exists already");
  g_assert_cmpint (g_rename (model, away), ==, 0);
  vel_assert_refused (HISTORY ("finish", "u1", "--quiet", "--output", other), 1, "is gone");
  g_assert_cmpint (g_rename (away, model), ==, 0);
  g_assert_cmpuint (count_kept (), ==, 1);
  g_assert_cmpint (HISTORY ("finish", "u1", "--output", other)->status, ==, 0);
  g_assert_cmpuint (count_kept (), ==, 0);
}

/* Cut short, changed, or of somebody else's making: named, left alone, and no harm to the others. */
static void
test_hostile (void)
{
  g_autofree char *whole_path = kept_path ("u1.safetensors"), *bad_path = kept_path ("u2.safetensors"), *whole = NULL;
  gsize size;

  break_model ();
  g_assert_cmpint (PAINT ("--quiet")->status, ==, 1);
  mend_model ();
  g_assert_true (g_file_get_contents (whole_path, &whole, &size, NULL));
  for (gsize cut = 0; cut < size; cut += 1 + size / 40) {
    g_assert_true (g_file_set_contents (bad_path, whole, (gssize) cut, NULL));
    g_assert_nonnull (strstr (HISTORY ("list")->err, "u2.safetensors"));
    g_assert_nonnull (strstr (HISTORY ("list")->out, "    u1 "));
  }
  for (gsize at = 8; at < size; at += 1 + size / 60) { /* a changed byte: read as it is, or named; never a crash */
    const VelOutcome *outcome;
    char before = whole[at];

    whole[at] = (char) (whole[at] ^ 0x55);
    g_assert_true (g_file_set_contents (bad_path, whole, (gssize) size, NULL));
    whole[at] = before;
    outcome = HISTORY ("show", "u2");
    g_assert_cmpint (outcome->status, >=, 0);
    g_assert_cmpint (outcome->status, <=, 1);
  }
  g_assert_true (g_file_set_contents (bad_path, "nothing of ours", -1, NULL));
  vel_assert_refused (HISTORY ("finish", "u2"), 1, "u2.safetensors");
  g_assert_cmpint (HISTORY ("verify")->status, ==, 1);
  g_assert_true (g_file_test (bad_path, G_FILE_TEST_EXISTS));
  g_assert_cmpint (HISTORY ("discard", "u2")->status, ==, 0);
  g_assert_cmpint (HISTORY ("finish", "all", "--quiet")->status, ==, 0);
  g_assert_cmpuint (count_kept (), ==, 0);
}

int
main (int argc, char **argv)
{
  g_autofree char *folder = NULL;

  vel_program_init (&argc, &argv);
  folder = vel_program_path ("model");
  model = tiny_model_write ("one-block", folder);
  healthy = vel_program_path ("healthy");
  g_assert_cmpint (g_rename (model, healthy), ==, 0);
  mend_model ();
  g_test_add_func ("/unfinished/batch", test_batch);
  g_test_add_func ("/unfinished/history", test_history);
  g_test_add_func ("/unfinished/start-gone", test_start_gone);
  g_test_add_func ("/unfinished/second-pass", test_second_pass);
  g_test_add_func ("/unfinished/refused", test_refused);
  g_test_add_func ("/unfinished/hostile", test_hostile);
  return vel_program_finish ();
}
