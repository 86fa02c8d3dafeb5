/* A folding section of the panel: folded, it states what it holds.
 * SPDX-License-Identifier: Apache-2.0
 *
 * A panel is a template with this parent. Its children come first in the body, then a row for every option of its group. Properties:
 * title, icon-name, group (of the option table; several with a space between), expanded. */
#pragma once

#include <gtk/gtk.h>

#include "engine/params.h"

#define VEL_TYPE_SECTION (vel_section_get_type ())
G_DECLARE_DERIVABLE_TYPE (VelSection, vel_section, VEL, SECTION, GtkBox)

struct _VelSectionClass {
  GtkBoxClass parent_class;
  /* What the head says of the request. Returns: (transfer full) */
  char *(*summarise) (VelSection *self, VelValues *request);
  /* The request is there; called once. (nullable) */
  void (*bound) (VelSection *self, VelValues *request);
  /* Options the panel shows in its own way, NULL-terminated. (nullable) */
  const char *const *own_rows;
  /* Options of every day; the others of the group go under "More". NULL: all. */
  const char *const *first_rows;
};

void vel_section_set_request (VelSection *self, VelValues *request);
/* (transfer none) (nullable) */
VelValues *vel_section_get_request (VelSection *self);
/* Puts a widget into the body, before the rows if the request is not yet there. */
void vel_section_add (VelSection *self, GtkWidget *child);
gboolean vel_section_get_expanded (VelSection *self);
void vel_section_set_expanded (VelSection *self, gboolean expanded);
const char *vel_section_get_group (VelSection *self);
/* Asks `summarise` again, when something besides the request changed. */
void vel_section_update_summary (VelSection *self);
/* The control of an option's row. (transfer none) (nullable) */
GtkWidget *vel_section_find_control (VelSection *self, const char *name);
/* Colours the head once for 600 ms: what it holds was changed from elsewhere. */
void vel_section_flash (VelSection *self);
