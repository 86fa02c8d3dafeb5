/* Prompts that change from step to step, against the reference's grammar.  SPDX-License-Identifier: Apache-2.0 */
#include "engine/text/prompt-plan.h"

#include <string.h>

#include "engine/error.h"
#include "tests/engine/golden.h"
#include "tests/support/worst.h"

/* "3 'a ' 10 'a b'" */
static char *
describe (const VelTimeline *timeline)
{
  GString *out = g_string_new (NULL);

  for (guint i = 0; i < vel_timeline_get_length (timeline); i++) {
    g_autofree char *text = vel_timeline_dup_text (timeline, i);

    g_string_append_printf (out, "%s%u '%s'", i > 0 ? " " : "", vel_timeline_get_last_step (timeline, i), text);
  }
  return g_string_free (out, FALSE);
}

/* The examples the reference documents, 10 steps. */
static void
test_documented (void)
{
  static const struct {
    const char *prompt, *wanted;
    guint hires_steps;
  } cases[] = {
    { "test", "10 'test'" },
    { "a [b:3]", "3 'a ' 10 'a b'" },
    { "a [b: 3]", "3 'a ' 10 'a b'" },
    { "a [[[b]]:2]", "2 'a ' 10 'a [[b]]'" },
    { "[(a:2):3]", "3 '' 10 '(a:2)'" },
    { "a [b : c : 1] d", "1 'a b  d' 10 'a  c  d'" },
    { "a[b:[c:d:2]:1]e", "1 'abe' 2 'ace' 10 'ade'" },
    { "a [unbalanced", "10 'a [unbalanced'" },
    { "a [b:.5] c", "5 'a  c' 10 'a b c'" },
    { "a [{b|d{:.5] c", "10 'a [{b|d{:.5] c'" }, /* documented otherwise, but this is what it does */
    { "((a][:b:c [d:3]", "3 '((a][:b:c ' 10 '((a][:b:c d'" },
    { "[a|(b:1.1)]", "1 'a' 2 '(b:1.1)' 3 'a' 4 '(b:1.1)' 5 'a' 6 '(b:1.1)' 7 'a' 8 '(b:1.1)' 9 'a' 10 '(b:1.1)'" },
    { "[fe|]male", "1 'female' 2 'male' 3 'female' 4 'male' 5 'female' 6 'male' 7 'female' 8 'male' 9 'female' 10 'male'" },
    { "[fe|||]male", "1 'female' 2 'male' 3 'male' 4 'male' 5 'female' 6 'male' 7 'male' 8 'male' 9 'female' 10 'male'" },
    { "a [b:.5] c", "10 'a b c'", 10 },
    { "a [b:1.5] c", "5 'a  c' 10 'a b c'", 10 },
  };

  for (gsize i = 0; i < G_N_ELEMENTS (cases); i++) {
    VelTimelineRules rules = { 10, cases[i].hires_steps, FALSE };
    g_autoptr (VelTimeline) timeline = vel_timeline_new (cases[i].prompt, &rules);
    g_autofree char *got = describe (timeline);

    g_assert_cmpstr (got, ==, cases[i].wanted);
  }
}

/* The documented picture of one hundred steps. */
static void
test_landscape (void)
{
  VelTimelineRules rules = { 100 };
  g_autoptr (VelTimeline) timeline =
      vel_timeline_new ("fantasy landscape with a [mountain:lake:0.25] and [an oak:a christmas tree:0.75][ in foreground::0.6]"
                        "[: in background:0.25] [shoddy:masterful:0.5]",
                        &rules);
  g_autofree char *got = describe (timeline);

  g_assert_cmpstr (got, ==,
                   "25 'fantasy landscape with a mountain and an oak in foreground shoddy' "
                   "50 'fantasy landscape with a lake and an oak in foreground in background shoddy' "
                   "60 'fantasy landscape with a lake and an oak in foreground in background masterful' "
                   "75 'fantasy landscape with a lake and an oak in background masterful' "
                   "100 'fantasy landscape with a lake and a christmas tree in background masterful'");
}

static void
compare_part (const VelPromptPart *part, const json_t *wanted)
{
  const json_t *entries = json_object_get (wanted, "schedule");

  g_assert_cmpfloat (part->weight, ==, json_number_value (json_object_get (wanted, "weight")));
  g_assert_cmpuint (vel_timeline_get_length (part->timeline), ==, json_array_size (entries));
  for (guint i = 0; i < json_array_size (entries); i++) {
    const json_t *entry = json_array_get (entries, i);
    g_autofree char *text = vel_timeline_dup_text (part->timeline, i);

    g_assert_cmpuint (vel_timeline_get_last_step (part->timeline, i), ==, (guint) golden_number (entry, 0));
    g_assert_cmpstr (text, ==, json_string_value (json_array_get (entry, 1)));
  }
}

static void
test_generated (void)
{
  json_t *root = golden_load ("text", "timelines.json"), *rows = json_object_get (root, "cases"), *row;
  gsize i;

  g_assert_cmpuint (json_array_size (rows), >=, 300);
  json_array_foreach (rows, i, row)
  {
    VelTimelineRules rules = { json_integer_value (json_object_get (row, "steps")),
                               json_integer_value (json_object_get (row, "hires_steps")),
                               json_is_true (json_object_get (row, "old_timelines")) };
    const json_t *wanted = json_object_get (row, "parts");
    g_autoptr (GError) error = NULL;
    g_autoptr (VelPromptPlan) plan = NULL;

    g_test_message ("“%s”", json_string_value (json_object_get (row, "prompt")));
    plan = vel_prompt_plan_new (json_string_value (json_object_get (row, "prompt")), &rules, &error);
    g_assert_no_error (error);
    g_assert_cmpuint (plan->parts->len, ==, json_array_size (wanted));
    for (guint k = 0; k < plan->parts->len; k++)
      compare_part (&g_array_index (plan->parts, VelPromptPart, k), json_array_get (wanted, k));
  }
  json_decref (root);
}

static void
test_remarks (void)
{
  json_t *root = golden_load ("text", "timelines.json"), *rows = json_object_get (root, "remarks"), *row;
  gsize i;

  g_assert_cmpuint (json_array_size (rows), >=, 60);
  json_array_foreach (rows, i, row)
  {
    g_autofree char *got = vel_prompt_strip_remarks (json_string_value (json_array_get (row, 0)));

    g_assert_cmpstr (got, ==, json_string_value (json_array_get (row, 1)));
  }
  json_decref (root);
}

static void
test_tags (void)
{
  static const struct {
    const char *prompt, *rest, *networks;
  } cases[] = {
    { "a <lora:x> b", "a  b", "lora x 1 1 -1;" },
    { "<lora:x:0.5>", "", "lora x 0.5 0.5 -1;" },
    { "<lora:x:0.5:0.75:8>c", "c", "lora x 0.5 0.75 8;" },
    { "<lora:x:unet=0.25>", "", "lora x 1 0.25 -1;" },
    { "<lora:x:te=0:unet=-1:dyn=4>", "", "lora x 0 -1 4;" },
    { "<lora:te=0.5:x:2:3>", "", "lora x 0.5 3 -1;" },
    { "<lora:a=b=c: .5 >", "", "lora a=b=c 0.5 0.5 -1;" },
    { "1girl, <hypernet:agm:1.5> <lyco:m:1> <hypernet:ray>", "1girl,   ", "hypernet agm 1.5 1.5 -1;lyco m 1 1 -1;hypernet ray 1 1 -1;" },
    { "<lora:a<b:2>d", "d", "lora a<b 2 2 -1;" },
    { "<segment:a face>b", "b", "segment a face 1 1 -1;" },
    { "<lora:é日>", "", "lora é日 1 1 -1;" },
    { "<lora:> <:x> <a b:c> < lora:x> <lora:x", "<lora:> <:x> <a b:c> < lora:x> <lora:x", "" },
    { "i <3 you <lora:x:1e-1>", "i <3 you ", "lora x 0.1 0.1 -1;" },
  };

  for (gsize i = 0; i < G_N_ELEMENTS (cases); i++) {
    g_autoptr (GPtrArray) networks = g_ptr_array_new_with_free_func (vel_prompt_network_free);
    g_autoptr (GString) got = g_string_new (NULL);
    g_autoptr (GError) error = NULL;
    g_autofree char *rest = vel_prompt_take_tags (cases[i].prompt, networks, &error);

    g_assert_no_error (error);
    g_assert_cmpstr (rest, ==, cases[i].rest);
    for (guint k = 0; k < networks->len; k++) {
      const VelPromptNetwork *network = networks->pdata[k];

      g_string_append_printf (got, "%s %s %g %g %d;", network->kind, network->name, network->te, network->unet, network->dyn);
    }
    g_assert_cmpstr (got->str, ==, cases[i].networks);
  }
}

/* In another kind of tag anything may stand anywhere. */
static void
test_other_kind (void)
{
  VelTimelineRules rules = { 4 };
  g_autoptr (GError) error = NULL;
  g_autoptr (VelPromptPlan) plan = vel_prompt_plan_new ("<segment:face:left:eye>a", &rules, &error);
  g_autofree char *text = NULL;

  g_assert_no_error (error);
  text = vel_timeline_dup_text (g_array_index (plan->parts, VelPromptPart, 0).timeline, 0);
  g_assert_cmpstr (text, ==, "a");
}

static void
test_no_weight (void)
{
  static const char *const prompts[] = { "<lora:x:heavy>", "<lora:x:1:>",      "<lora:x:0x10>", "<lora:x:nan>",
                                         "<lora:x:1e999>", "<lora:x:dyn=1.5>", "<lora:x:te=>" };

  for (gsize i = 0; i < G_N_ELEMENTS (prompts); i++) {
    VelTimelineRules rules = { 4 };
    g_autoptr (GError) error = NULL;

    g_assert_null (vel_prompt_plan_new (prompts[i], &rules, &error));
    g_assert_error (error, VEL_ERROR, VEL_ERROR_REQUEST);
    g_assert_nonnull (strstr (error->message, prompts[i]));
  }
}

static void
test_negative (void)
{
  VelTimelineRules rules = { 4 };
  g_autoptr (VelPromptPlan) plan = vel_prompt_plan_new_negative ("bad AND [ugly:2] : 3 <lora:x:y>", &rules);
  g_autofree char *got = NULL;

  g_assert_cmpuint (plan->parts->len, ==, 1);
  g_assert_cmpuint (plan->networks->len, ==, 0);
  got = describe (g_array_index (plan->parts, VelPromptPart, 0).timeline);
  g_assert_cmpstr (got, ==, "2 'bad AND  : 3 <lora:x:y>' 4 'bad AND ugly : 3 <lora:x:y>'");
}

/* Which entry is in force: the first whose last step is not over; after all of them the first again. */
static void
test_find (void)
{
  VelTimelineRules rules = { 8 };
  g_autoptr (VelTimeline) timeline = vel_timeline_new ("[a:b:0.5]", &rules);

  for (guint step = 0; step <= 10; step++)
    g_assert_cmpuint (vel_timeline_find (timeline, step), ==, step > 4 && step <= 8 ? 1 : 0);
}

/* Times where the reference stops with an error, or that never come. */
static void
test_times (void)
{
  static const struct {
    const char *prompt, *wanted;
  } cases[] = {
    { "[a:b:1e999]", "4 'a'" }, { "[a:b:-1e999]", "4 'b'" }, { "[a:b:99999999999999999999]", "4 'a'" },
    { "[a:b:-3]", "4 'b'" },    { "[a:b:0]", "4 'b'" },      { "[a:b:4]", "4 'a'" },
    { "[a:b:0.24]", "4 'b'" },
  };

  for (gsize i = 0; i < G_N_ELEMENTS (cases); i++) {
    VelTimelineRules rules = { 4 };
    g_autoptr (VelTimeline) timeline = vel_timeline_new (cases[i].prompt, &rules);
    g_autofree char *got = describe (timeline);

    g_assert_cmpstr (got, ==, cases[i].wanted);
  }
}

static char *
repeat (const char *text, gsize bytes)
{
  GString *out = g_string_sized_new (bytes + 64);

  while (out->len < bytes)
    g_string_append (out, text);
  return g_string_free (out, FALSE);
}

/* A megabyte of the worst: every text of two steps. */
static void
test_hostile (void)
{
  static const char *const pieces[] = { "[",       "(",     "]",      "[(", "[a",    "(a", "[a|", "[[",  "[x:y:", "()",
                                        "[a:b:2]", "[a|b]", "<lora:", "<",  " AND ", "\\", "#\n", "[]:", ": ",    "AND:" };
  VelTimelineRules rules = { 2 };

  for (gsize i = 0; i < G_N_ELEMENTS (pieces); i++) {
    g_autofree char *half = repeat (pieces[i], worst_size (1 << 19)), *closing = repeat (strchr (pieces[i], '(') ? ")" : ":1]", worst_size (1 << 19));
    g_autofree char *prompt = g_strconcat (half, closing, NULL);
    g_autoptr (VelPromptPlan) plan = vel_prompt_plan_new (prompt, &rules, NULL);

    for (guint k = 0; k < plan->parts->len; k++) {
      const VelTimeline *timeline = g_array_index (plan->parts, VelPromptPart, k).timeline;

      for (guint entry = 0; entry < vel_timeline_get_length (timeline); entry++)
        g_free (vel_timeline_dup_text (timeline, entry));
    }
  }
}

/* 40 000 edits, each in the one before: every one is still found. */
static void
test_deep (void)
{
  const guint depth = 40000;
  g_autofree char *opening = g_strnfill (depth, '[');
  GString *prompt = g_string_new (opening);
  VelTimelineRules rules = { 3 };
  g_autoptr (VelTimeline) timeline = NULL;
  g_autofree char *before = NULL, *after = NULL;

  for (guint i = 0; i < depth; i++)
    g_string_append (prompt, i == 0 ? "cat:2]" : ":1]");
  timeline = vel_timeline_new (prompt->str, &rules);
  g_string_free (prompt, TRUE);
  g_assert_cmpuint (vel_timeline_get_length (timeline), ==, 3);
  before = vel_timeline_dup_text (timeline, 1);
  after = vel_timeline_dup_text (timeline, 2);
  g_assert_cmpstr (before, ==, "");
  g_assert_cmpstr (after, ==, "cat");
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/timeline/documented", test_documented);
  g_test_add_func ("/timeline/landscape", test_landscape);
  g_test_add_func ("/timeline/generated", test_generated);
  g_test_add_func ("/timeline/remarks", test_remarks);
  g_test_add_func ("/timeline/tags", test_tags);
  g_test_add_func ("/timeline/no-weight", test_no_weight);
  g_test_add_func ("/timeline/other-kind", test_other_kind);
  g_test_add_func ("/timeline/negative", test_negative);
  g_test_add_func ("/timeline/find", test_find);
  g_test_add_func ("/timeline/times", test_times);
  g_test_add_func ("/timeline/hostile", test_hostile);
  g_test_add_func ("/timeline/deep", test_deep);
  return g_test_run ();
}
