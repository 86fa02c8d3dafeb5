/* ControlNets in A1111's settings, as the extension sd-webui-controlnet writes them: "ControlNet 0".
 * SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "engine/control/wish.h"

/* title: (nullable) the model's name with its hash; NULL: as it was named. Returns: (transfer full) the value */
char *vel_recipe_control_to_a1111 (const VelControlWish *wish, const char *title);
/* Whether a key is one of them. */
gboolean vel_recipe_control_is_key (const char *key);
/* value: as the extension writes it, today's form or that of 2023. Its picture is not among the settings, so that a person has to give it.
 * Returns: (transfer full) the sentence that says so, with the option's text */
char *vel_recipe_control_explain (const char *key, const char *value);
/* Of a request that comes out of a picture: what follows files that are not here is left out, a sentence each. problems: (element-type
 * utf8) */
void vel_recipe_control_leave_out (VelValues *request, GPtrArray *problems);
