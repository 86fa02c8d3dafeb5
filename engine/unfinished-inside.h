/* What reading and writing unfinished pictures share.  SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "engine/unfinished.h"

#define VEL_UNFINISHED_FORMAT "velatura-unfinished"
#define VEL_UNFINISHED_VERSION "1"
#define VEL_UNFINISHED_SUFFIX ".safetensors"

/* Numbers in the metadata, by name. */
typedef struct {
  const char *name;
  gsize offset; /* in VelUnfinished */
  gsize bytes;  /* 4: guint or int, 8: guint64 or gint64 */
  gint64 least; /* of what is accepted */
  guint64 most;
} VelUnfinishedNumber;

/* Ends with a row without a name. */
extern const VelUnfinishedNumber vel_unfinished_numbers[];

/* Locks a file that is there. Returns: (transfer full); NULL if somebody else has it, or with an errno's error */
VelKept *vel_kept_take (const char *path, gboolean *taken, GError **error);
/* "u3" to 3; 0 if it is no id. */
guint64 vel_unfinished_parse_id (const char *id);
/* "u3.safetensors" to 3; 0 if it is no such name. */
guint64 vel_unfinished_parse_name (const char *name);
char *vel_unfinished_build_path (const char *folder, guint64 number);
