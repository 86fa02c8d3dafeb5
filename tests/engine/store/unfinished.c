/* Processes that die between the last step and the saved picture: it is there, or its latent is, and gives the same picture.
 * SPDX-License-Identifier: Apache-2.0
 *
 * test-unfinished PAINTER: the path of the helper program. */
#include "engine/history.h"

#include <stdbool.h>
#include <string.h>
#include <sys/wait.h>

#include "engine/formats/png.h"
#include "engine/pipeline/request.h"
#include "tests/engine/formats/scratch.h"
#include "tests/support/tiny-model.h"

#define MANY 300 /* more calls than there are */

static const char *painter;
static char *model;

typedef struct {
  bool killed, painted, saved;
} Outcome;

static Outcome
run (const char *mode, int moment)
{
  g_autofree char *data = scratch_path ("data"), *pictures = scratch_path ("pictures"), *when = g_strdup_printf ("%d", moment);
  const char *words[] = { painter, mode, data, pictures, model, when, NULL };
  g_autofree char *out = NULL, *err = NULL;
  g_autoptr (GError) error = NULL;
  int status;

  g_spawn_sync (NULL, (char **) words, NULL, G_SPAWN_DEFAULT, NULL, NULL, &out, &err, &status, &error);
  g_assert_no_error (error);
  if (!WIFSIGNALED (status) && status != 0)
    g_error ("%s at %d: %s", mode, moment, err);
  return (Outcome){ WIFSIGNALED (status), strstr (out, "painted") != NULL, strstr (out, "saved") != NULL };
}

static void
start_anew (void)
{
  g_autofree char *data = scratch_path ("data"), *pictures = scratch_path ("pictures");

  tiny_remove_tree (data);
  tiny_remove_tree (pictures);
}

static VelHistory *
open_history (void)
{
  g_autofree char *data = scratch_path ("data"), *pictures = scratch_path ("pictures");
  g_autoptr (GError) error = NULL;
  VelHistory *history = vel_history_open (data, pictures, &error);

  g_assert_no_error (error);
  return history;
}

static guint
count_unfinished (VelHistory *history)
{
  g_autoptr (GPtrArray) problems = g_ptr_array_new_with_free_func (g_free);
  g_autoptr (GPtrArray) found = vel_unfinished_list (vel_history_get_unfinished (history), problems);

  g_assert_cmpuint (problems->len, ==, 0); /* whole or not there */
  return found->len;
}

/* Every picture of the history is whole and this one. want: (nullable). Returns: (transfer full): the last one's pixels */
static guint8 *
check_pictures (VelHistory *history, const guint8 *want)
{
  g_autoptr (GArray) ids = vel_history_list (history, NULL, 0, NULL);
  guint8 *rgb = NULL;

  for (guint i = 0; i < ids->len; i++) {
    g_autoptr (VelHistoryItem) item = vel_history_get (history, g_array_index (ids, gint64, i), NULL);
    g_autoptr (GError) error = NULL;
    g_autoptr (VelPng) png = vel_png_read (item->path, FALSE, &error);

    g_assert_no_error (error);
    if (want)
      g_assert_cmpmem (png->rgb, 64 * 48 * 3, want, 64 * 48 * 3);
    g_free (rgb);
    rgb = g_steal_pointer (&png->rgb);
  }
  return rgb;
}

/* What is left is finished, and then there is the picture and nothing else. */
static void
finish_rest (const guint8 *want)
{
  g_autoptr (VelHistory) history = open_history ();

  for (guint left = count_unfinished (history); left > 0; left--)
    g_assert_true (run ("finish", 0).saved);
  g_assert_cmpuint (count_unfinished (history), ==, 0);
  g_assert_cmpuint (vel_history_count (history), >, 0);
  g_free (check_pictures (history, want));
}

static guint8 *
paint_whole (void)
{
  g_autoptr (VelHistory) history = NULL;

  start_anew ();
  g_assert_true (run ("paint", 0).saved);
  history = open_history ();
  g_assert_cmpuint (count_unfinished (history), ==, 0);
  return check_pictures (history, NULL);
}

static void
test_paint (void)
{
  g_autofree guint8 *want = paint_whole ();
  guint with_latent = 0, with_picture = 0, without = 0, n = 1;

  for (; n < MANY; n++) {
    g_autoptr (VelHistory) history = NULL;
    Outcome outcome;
    guint pictures, latents;

    start_anew ();
    outcome = run ("paint", (int) n);
    if (!outcome.killed)
      break;
    history = open_history ();
    pictures = vel_history_count (history);
    latents = count_unfinished (history);
    g_free (check_pictures (history, want));
    with_picture += pictures > 0;
    with_latent += latents > 0;
    without += pictures + latents == 0;
    if (outcome.painted)
      g_assert_cmpuint (pictures + latents, >, 0);
    if (outcome.saved)
      g_assert_cmpuint (pictures, ==, 1);
    g_clear_object (&history);
    if (pictures + latents > 0)
      finish_rest (want);
  }
  g_test_message ("killed at %u moments: %u before the latent was there, %u with the latent, %u with the picture", n - 1, without,
                  with_latent, with_picture);
  g_assert_cmpuint (n, >, 12);
  g_assert_cmpuint (n, <, MANY);
  g_assert_cmpuint (with_latent, >, n / 2);
}

/* The same of a process that finishes what another one painted. */
static void
test_finish (void)
{
  g_autofree guint8 *want = paint_whole ();
  guint first = 1, n = 1;

  for (; first < MANY; first++) { /* the first moment after which there is a latent */
    start_anew ();
    if (run ("paint", (int) first).painted)
      break;
  }
  for (; n < MANY; n++) {
    g_autoptr (VelHistory) history = NULL;
    Outcome outcome;

    start_anew ();
    run ("paint", (int) first);
    outcome = run ("finish", (int) n);
    if (!outcome.killed)
      break;
    history = open_history ();
    g_assert_cmpuint (vel_history_count (history) + count_unfinished (history), >, 0);
    g_free (check_pictures (history, want));
    g_clear_object (&history);
    finish_rest (want);
  }
  g_test_message ("killed at %u moments", n - 1);
  g_assert_cmpuint (n, >, 8);
  g_assert_cmpuint (n, <, MANY);
}

static VelUnfinished *
make_unfinished (guint side)
{
  VelUnfinished *self = g_new0 (VelUnfinished, 1);

  *self = (VelUnfinished){ .created = 1700000000123456,
                           .request = vel_request_new (),
                           .recipe = g_strdup ("{}"),
                           .model_path = g_strdup ("/m/a.safetensors"),
                           .model_name = g_strdup ("a"),
                           .device = g_strdup ("cpu"),
                           .output = g_strdup ("/p/b.png"),
                           .seed = G_MAXUINT64,
                           .variation_seed = 3,
                           .width = side * 8,
                           .height = side * 8,
                           .painted_width = side * 8,
                           .painted_height = side * 8,
                           .latent_width = side,
                           .latent_height = side,
                           .latent = g_new (float, side *side * 4),
                           .preview = vel_bitmap_new (side, side, 3),
                           .overlay = vel_bitmap_new (side * 16, side * 12, 4),
                           .x = 5,
                           .y = 7,
                           .part_width = side,
                           .part_height = side };
  vel_values_set (self->request, "prompt", "a “lighthouse”\n(stormy:1.2)", NULL);
  for (guint i = 0; i < side * side * 4; i++)
    self->latent[i] = (float) i / 3 - 1000;
  for (guint i = 0; i < vel_bitmap_bytes (self->preview); i++)
    self->preview->data[i] = (guint8) (i * 7);
  for (guint i = 0; i < vel_bitmap_bytes (self->overlay); i++)
    self->overlay->data[i] = (guint8) (i * 13 >> 3);
  return self;
}

/* What is written is read, to the last bit. How long writing takes is said: it comes before every decoding. */
static void
test_round_trip (void)
{
  g_autofree char *folder = scratch_path ("unfinished");
  g_autoptr (VelUnfinished) written = make_unfinished (64), read = NULL;
  g_autoptr (VelKept) kept = NULL;
  g_autoptr (GError) error = NULL;
  gint64 best = G_MAXINT64;

  g_clear_pointer (&written->overlay, vel_bitmap_free);
  written->part_width = written->part_height = 0;
  for (guint i = 0; i < 20; i++) {
    gint64 began = g_get_monotonic_time ();

    vel_kept_discard (vel_unfinished_keep (folder, written, &error));
    best = MIN (best, g_get_monotonic_time () - began);
  }
  g_test_message ("the latent of 512x512 is on disk after %.2f ms (the least of 20)", (double) best / 1e3);
  g_clear_pointer (&written, vel_unfinished_free);
  written = make_unfinished (9);
  kept = vel_unfinished_keep (folder, written, &error);
  g_assert_no_error (error);
  g_assert_null (vel_unfinished_open (folder, "u1", &error)); /* it is ours */
  g_assert_error (error, VEL_ERROR, VEL_ERROR_REQUEST);
  g_clear_error (&error);
  vel_kept_release (g_steal_pointer (&kept));
  read = vel_unfinished_open (folder, "u1", &error);
  g_assert_no_error (error);
  g_assert_cmpmem (read->latent, 9 * 9 * 16, written->latent, 9 * 9 * 16);
  g_assert_cmpmem (read->preview->data, vel_bitmap_bytes (read->preview), written->preview->data, vel_bitmap_bytes (written->preview));
  g_assert_cmpmem (read->overlay->data, vel_bitmap_bytes (read->overlay), written->overlay->data, vel_bitmap_bytes (written->overlay));
  g_assert_cmpuint (read->seed, ==, G_MAXUINT64);
  g_assert_cmpint (read->created, ==, written->created);
  g_assert_cmpint (read->x, ==, 5);
  g_assert_cmpint (read->y, ==, 7);
  g_assert_cmpuint (read->part_width, ==, 9);
  g_assert_cmpstr (read->output, ==, "/p/b.png");
  g_assert_cmpstr (vel_values_get (read->request, "prompt"), ==, "a “lighthouse”\n(stormy:1.2)");
  vel_kept_discard (g_steal_pointer (&read->kept));
  g_assert_false (vel_unfinished_discard (folder, "u1", NULL));
}

int
main (int argc, char **argv)
{
  g_autofree char *folder = NULL;

  scratch_init (&argc, &argv);
  painter = argv[1];
  folder = scratch_path ("model");
  model = tiny_model_write ("one-block", folder);
  g_test_add_func ("/store/unfinished/round-trip", test_round_trip);
  g_test_add_func ("/store/unfinished/killed-while-painting", test_paint);
  g_test_add_func ("/store/unfinished/killed-while-finishing", test_finish);
  return g_test_run ();
}
