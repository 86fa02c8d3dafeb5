/* What a finished picture's recipe says beyond its request.  SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "engine/formats/recipe.h"
#include "engine/pipeline/generate.h"

typedef struct VelFacts VelFacts;

/* Computes hashes of the files that the request names, or remembers them. result: has to live longer. Returns: (transfer full) */
VelFacts *vel_facts_new (const VelResult *result, VelValues *request);
void vel_facts_free (VelFacts *self);
/* Borrows from both. */
VelRecipeFacts vel_facts_of (const VelFacts *self, const VelPicture *picture);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (VelFacts, vel_facts_free)
