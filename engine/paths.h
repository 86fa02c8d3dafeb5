/* Where things are: the program's own files, and the folders of the XDG base directory specification.
 * SPDX-License-Identifier: Apache-2.0
 *
 * Run from its build tree the program uses that tree; installed, its prefix. All strings are owned here. */
#pragma once

#include <glib.h>

const char *vel_paths_get_plugins (void);  /* built-in modules */
const char *vel_paths_get_kernels (void);  /* the CUDA backend's folder */
const char *vel_paths_get_starter (void);  /* the starter model's folder */
const char *vel_paths_get_locale (void);
const char *vel_paths_get_data (void);     /* $XDG_DATA_HOME/velatura: history, models, vocabulary, plugins */
const char *vel_paths_get_state (void);    /* $XDG_STATE_HOME/velatura: drafts */
const char *vel_paths_get_cache (void);    /* $XDG_CACHE_HOME/velatura */
const char *vel_paths_get_pictures (void); /* the user's Pictures folder/Velatura */
