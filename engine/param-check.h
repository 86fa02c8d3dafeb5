/* One option's text: is it allowed, and how is it written.
 * SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "engine/params.h"

/* The text as it is stored: numbers in their plain form, choices by id. "" if the text means "unset" ("", and 0 where a whole number's
 * range begins above 0 and its default is unset; "-1" and "random" of a seed).
 * Returns: (transfer full); NULL with VEL_ERROR_REQUEST naming the option, the text found and what is allowed */
char *vel_param_check (const VelParam *row, const char *text, GError **error);
