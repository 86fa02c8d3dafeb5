/* The request as it was left: written within a second of the last change, there again at the next start.
 * SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "engine/params.h"

#define VEL_TYPE_DRAFT (vel_draft_get_type ())
G_DECLARE_FINAL_TYPE (VelDraft, vel_draft, VEL, DRAFT, GObject)

/* path: (nullable) = draft.json in the state folder. Reads it into the request, then follows the request. A file that is missing or
 * damaged leaves the request as it is. */
VelDraft *vel_draft_new (VelValues *request, const char *path);
/* Writes now what is not yet written. */
void vel_draft_flush (VelDraft *self);
