/* What is asked for of one ControlNet: "MODEL:IMAGE[:key=value,…]", as --control takes it.
 * SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "engine/control/use.h"
#include "engine/params.h"
#include "engine/pixels/resample.h"
#include "plugins/plugin.h"

typedef struct {
  char *model;   /* as it was named: a path or a name */
  char *picture; /* path; "" where settings name none */
  VelControlUse use;
  VelResizeMode resize;
  const VelPreprocessor *preprocessor; /* (nullable) what makes the network's hint of the picture */
  VelValues *params;                   /* of it: keys that the preprocessor has itself; NULL without one */
  VelParam *table;                     /* theirs */
} VelControlWish;

/* Paths may hold colons where the files are there. Returns: (transfer full); NULL with VEL_ERROR_REQUEST naming what was found and wanted
 */
VelControlWish *vel_control_wish_parse (const char *text, GError **error);
/* The same, back; what is usual is left out. Returns: (transfer full) */
char *vel_control_wish_to_string (const VelControlWish *self);
void vel_control_wish_free (gpointer wish);
/* Lines of them. Returns: (transfer full) (element-type VelControlWish); NULL likewise */
GPtrArray *vel_control_wishes_parse (const char *lines, GError **error);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (VelControlWish, vel_control_wish_free)
