/* The vocabulary of the model that is chosen, for counting a prompt's tokens.
 * SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "engine/params.h"
#include "ui/models.h"

/* Signal "changed": another vocabulary, or none. */
#define VEL_TYPE_VOCABULARY (vel_vocabulary_get_type ())
G_DECLARE_FINAL_TYPE (VelVocabulary, vel_vocabulary, VEL, VOCABULARY, GObject)

/* Follows the request's model; read on another thread. */
VelVocabulary *vel_vocabulary_new (VelValues *request, VelModels *models);
/* FALSE while there is no vocabulary. count, limit: as vel_prompt_count_longest. */
gboolean vel_vocabulary_count (VelVocabulary *self, const char *prompt, guint *count, guint *limit);
/* Why there is none, and what to do. (nullable) */
const char *vel_vocabulary_get_problem (VelVocabulary *self);
