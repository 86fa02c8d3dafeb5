/* Named things people choose from: samplers, schedules and preprocessors, from plugins.
 * SPDX-License-Identifier: Apache-2.0
 *
 * Built-in plugins come through the same loader as a user's. Directories, first hit of an id wins: VELATURA_PLUGIN_PATH
 * (colon separated), the user's data folder, the program's own. Filled once, on first use; safe from any thread after that. */
#pragma once

#include <glib.h>

#include "plugins/plugin.h"

typedef enum {
  VEL_REGISTRY_SAMPLERS,
  VEL_REGISTRY_SCHEDULES,
  VEL_REGISTRY_PREPROCESSORS,
} VelRegistryKind;

/* (nullable) borrowed; name is an id, a label or an alias, in any case. */
const VelSampler *vel_registry_find_sampler (const char *name);
const VelSchedule *vel_registry_find_schedule (const char *name);
const VelPreprocessor *vel_registry_find_preprocessor (const char *name);

/* The sampler's usual schedule if name is "automatic", else the one of that name. (nullable) */
const VelSchedule *vel_registry_resolve_schedule (const char *name, const VelSampler *sampler);
/* (nullable) borrowed id of whatever has this id, label or alias, in any case. "automatic" is a schedule here: it can be chosen, though
 * no plugin has the name and vel_registry_find_schedule does not find it. */
const char *vel_registry_find_id (VelRegistryKind kind, const char *name);

/* Ids in the order they are shown. Returns: (transfer container): NULL-terminated, strings borrowed */
const char **vel_registry_list (VelRegistryKind kind);
/* (nullable) borrowed label of an id, translated where it is a word */
const char *vel_registry_get_label (VelRegistryKind kind, const char *id);
/* The kind's plural as the command line says it: "samplers". Returns FALSE for an unknown one. */
gboolean vel_registry_kind_from_string (const char *plural, VelRegistryKind *kind);
/* Plugins left out, one sentence each. (transfer none): NULL-terminated */
const char *const *vel_registry_get_problems (void);
