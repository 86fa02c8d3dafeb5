/* Emphasis as the prompt view finds and changes it.
 * SPDX-License-Identifier: Apache-2.0 */
#include "config.h"

#include <gtk/gtk.h>

#include "ui/widgets/prompt-spans.h"
#include "ui/widgets/prompt-weight.h"

static void
check_span (const VelSpan *span, guint begin, guint end, double weight, VelSpanKind kind)
{
  g_assert_cmpuint (span->start, ==, begin);
  g_assert_cmpuint (span->end, ==, end);
  g_assert_cmpint (span->kind, ==, kind);
  g_assert_cmpfloat_with_epsilon (span->weight, weight, 1e-6);
}

static void
test_spans (void)
{
  g_autoptr (GArray) spans = vel_prompt_find_spans ("天 (cat:1.3), ((dog)), [fog], (mud:0.5) \\(x\\)");

  g_assert_cmpuint (spans->len, ==, 4);
  check_span (&g_array_index (spans, VelSpan, 0), 2, 11, 1.3, VEL_SPAN_UP);
  check_span (&g_array_index (spans, VelSpan, 1), 13, 20, 1.1, VEL_SPAN_UP);
  check_span (&g_array_index (spans, VelSpan, 2), 22, 27, 1 / 1.1, VEL_SPAN_DOWN);
  check_span (&g_array_index (spans, VelSpan, 3), 29, 38, 0.5, VEL_SPAN_DOWN);
}

static void
test_unbalanced (void)
{
  g_autoptr (GArray) spans = vel_prompt_find_spans ("a) (b [c");

  g_assert_cmpuint (spans->len, ==, 3);
  for (guint i = 0; i < spans->len; i++)
    g_assert_cmpint (g_array_index (spans, VelSpan, i).kind, ==, VEL_SPAN_ERROR);
}

static void
test_deep (void)
{
  g_autofree char *open = g_strnfill (100000, '(');
  g_autoptr (GArray) spans = vel_prompt_find_spans (open);

  g_assert_cmpuint (spans->len, <=, 64);
}

/* text with | at the caret, or two of them around the selection; the change; what comes out */
static const struct {
  const char *text, *wanted;
  double change;
} changes[] = {
  { "a c|at b", "a (cat:1.1) b", 0.1 },       { "a |red cat| b", "a (red cat:1.1) b", 0.1 }, { "(c|at:1.1)", "(cat:1.2)", 0.1 },
  { "(c|at:1.1)", "cat", -0.1 },              { "c|at", "(cat:0.9)", -0.1 },                 { " | ", "  ", 0.1 },
  { "(c|at:no)", "((cat:1.1):no)", 0.1 },
};

static void
test_weight (void)
{
  for (guint i = 0; i < G_N_ELEMENTS (changes); i++) {
    g_autoptr (GtkTextBuffer) buffer = gtk_text_buffer_new (NULL);
    g_auto (GStrv) parts = g_strsplit (changes[i].text, "|", 3);
    g_autofree char *joined = g_strjoinv ("", parts), *found = NULL;
    int first = (int) g_utf8_strlen (parts[0], -1);
    int last = g_strv_length (parts) == 3 ? first + (int) g_utf8_strlen (parts[1], -1) : first;
    GtkTextIter begin, end;

    gtk_text_buffer_set_text (buffer, joined, -1);
    gtk_text_buffer_get_iter_at_offset (buffer, &begin, first);
    gtk_text_buffer_get_iter_at_offset (buffer, &end, last);
    gtk_text_buffer_select_range (buffer, &begin, &end);
    vel_prompt_change_weight (buffer, changes[i].change);
    gtk_text_buffer_get_bounds (buffer, &begin, &end);
    found = gtk_text_buffer_get_text (buffer, &begin, &end, TRUE);
    g_assert_cmpstr (found, ==, changes[i].wanted);
  }
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/ui/prompt/spans", test_spans);
  g_test_add_func ("/ui/prompt/unbalanced", test_unbalanced);
  g_test_add_func ("/ui/prompt/deep", test_deep);
  g_test_add_func ("/ui/prompt/weight", test_weight);
  return g_test_run ();
}
