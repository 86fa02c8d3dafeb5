/* The real window in a test: started, waited for, walked, photographed.
 * SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "app/application.h"
#include "ui/window.h"

/* The program with its window, as large as asked. One at a time; the program is the same each time, its window and session are new. */
typedef struct {
  VelApplication *application;
  VelWindow *window;
} VelHarness;
void vel_harness_start (VelHarness *self, int width, int height);
/* Closes the window as a person would, and waits until all is gone. */
void vel_harness_stop (VelHarness *self);

/* Runs the main loop for so long. */
void vel_harness_spin (guint milliseconds);
/* Runs the main loop until it is so; the test fails after `seconds`. */
typedef gboolean (*VelCondition) (gpointer data);
void vel_harness_wait (VelCondition condition, gpointer data, guint seconds, const char *what);

/* First descendant with this type, or with this buildable id. (nullable) */
GtkWidget *vel_harness_find_type (GtkWidget *root, GType type);
GtkWidget *vel_harness_find_id (GtkWidget *root, const char *id);

/* Into tests/ui/screenshots/NAME.png of the build folder; no X tool is needed. Returns: (transfer full) its path */
char *vel_harness_photograph (GtkWidget *window, const char *name);
/* Fails with the path of every widget that takes focus and has no name for assistive tools. Returns: how many it looked at */
guint vel_harness_check_names (GtkWidget *root);
