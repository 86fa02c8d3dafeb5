/* A request whose prompts leave choices, as requests that leave none.  SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "engine/params.h"

/* Wildcards come from the data folder's "wildcards". Each picture's choices are made by its own seed: where they differ every picture of the
 * batch is a request of its own. Pictures that share a seed, or a stream of noise, share the choices.
 * notes: (element-type utf8) gets a sentence for each wildcard without a file.
 * Returns: (transfer full) (element-type VelValues), in the order of the pictures: the request itself if there is nothing to choose; NULL with an
 * error of vel_wildcards_resolve */
GPtrArray *vel_choices_make (VelValues *request, GPtrArray *notes, GError **error);
