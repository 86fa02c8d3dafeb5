/* One control for each type of option; a row puts its label before it.
 * SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <gtk/gtk.h>

#include "engine/params.h"

/* Each follows the value and stores what a person enters. Returns: (transfer floating) */
GtkWidget *vel_param_number_new (VelValues *values, const VelParam *param); /* slider and figure; only a figure without a range */
GtkWidget *vel_param_choice_new (VelValues *values, const VelParam *param); /* a list of labels */
GtkWidget *vel_param_text_new (VelValues *values, const VelParam *param);   /* a line */
GtkWidget *vel_param_file_new (VelValues *values, const VelParam *param);   /* a chooser */
/* What choosing a file in the chooser does: it takes the place of the one that is there, or, where there may be several, its place behind it. */
void vel_param_file_choose (GtkWidget *control, const char *path);
GtkWidget *vel_param_switch_new (VelValues *values, const VelParam *param);
GtkWidget *vel_param_seed_new (VelValues *values, const VelParam *param);   /* figure, lock, die */
