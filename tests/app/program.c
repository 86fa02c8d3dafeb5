/* The program from outside.  SPDX-License-Identifier: Apache-2.0 */
#include "program.h"

#include <string.h>

#include "tests/support/tiny-model.h"

static char *home;
static VelOutcome last;

void
vel_program_init (int *argc, char ***argv)
{
  static const char *const folders[] = { "XDG_DATA_HOME", "XDG_CONFIG_HOME", "XDG_CACHE_HOME", "XDG_STATE_HOME" };

  g_test_init (argc, argv, NULL);
  home = g_dir_make_tmp ("velatura-XXXXXX", NULL);
  g_setenv ("HOME", home, TRUE);
  for (guint i = 0; i < G_N_ELEMENTS (folders); i++) {
    g_autofree char *path = g_build_filename (home, folders[i], NULL);

    g_setenv (folders[i], path, TRUE);
  }
  g_setenv ("LC_ALL", "C.UTF-8", TRUE);
  g_unsetenv ("LANGUAGE");
  g_unsetenv ("DISPLAY");
  g_unsetenv ("WAYLAND_DISPLAY");
}

void
vel_program_speak (const char *language)
{
  if (language)
    g_setenv ("LANGUAGE", language, TRUE);
  else
    g_unsetenv ("LANGUAGE");
}

char *
vel_program_path (const char *name)
{
  return g_build_filename (home, name, NULL);
}

static char *
to_text (GBytes *bytes)
{
  GString *text = g_string_new (NULL);

  g_string_append_len (text, g_bytes_get_data (bytes, NULL) ?: "", g_bytes_get_size (bytes));
  return g_string_free (text, FALSE);
}

const VelOutcome *
vel_program_run (const char *input, const char *word, ...)
{
  g_autoptr (GPtrArray) words = g_ptr_array_new ();
  g_autoptr (GSubprocess) process = NULL;
  g_autoptr (GBytes) in = g_bytes_new (input ? input : "", input ? strlen (input) : 0), out = NULL, err = NULL;
  g_autoptr (GError) error = NULL;
  va_list rest;

  g_ptr_array_add (words, (char *) g_getenv ("VELATURA_PROGRAM"));
  va_start (rest, word);
  for (; word; word = va_arg (rest, const char *))
    g_ptr_array_add (words, (char *) word);
  va_end (rest);
  g_ptr_array_add (words, NULL);
  process = g_subprocess_newv ((const char *const *) words->pdata,
                               G_SUBPROCESS_FLAGS_STDIN_PIPE | G_SUBPROCESS_FLAGS_STDOUT_PIPE | G_SUBPROCESS_FLAGS_STDERR_PIPE, &error);
  g_assert_no_error (error);
  g_subprocess_communicate (process, in, NULL, &out, &err, &error);
  if (g_error_matches (error, G_IO_ERROR, G_IO_ERROR_BROKEN_PIPE)) /* it did not want its input */
    g_clear_error (&error);
  g_assert_no_error (error);
  g_free (last.out);
  g_free (last.err);
  last.status = g_subprocess_get_if_exited (process) ? g_subprocess_get_exit_status (process) : -1;
  last.out = to_text (out);
  last.err = to_text (err);
  g_test_message ("exit status %d, standard error: %s", last.status, last.err);
  return &last;
}

void
vel_assert_refused (const VelOutcome *outcome, int status, const char *part)
{
  g_assert_cmpint (outcome->status, ==, status);
  g_assert_cmpstr (outcome->out, ==, "");
  g_assert_true (g_str_has_prefix (outcome->err, "velatura: "));
  g_assert_true (strchr (outcome->err, '\n') == outcome->err + strlen (outcome->err) - 1);
  g_assert_nonnull (strstr (outcome->err, part));
}

int
vel_program_finish (void)
{
  int status = g_test_run ();

  tiny_remove_tree (home);
  return status;
}
