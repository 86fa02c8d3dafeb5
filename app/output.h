/* Where `generate` puts its pictures: a path in which {seed} {index} {date} {model} are filled in.
 * SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "engine/formats/recipe.h"
#include "engine/pipeline/generate.h"

typedef struct {
  const char *pattern; /* as given: "fox-{seed}.png" */
  const char *model;   /* a name without folders */
  const char *date;    /* "2026-11-22" */
  guint64 seed;        /* of the first picture */
  guint batch;
  gboolean force;      /* existing files may be replaced */
  gboolean one_seed;   /* all pictures have the first one's seed: they are variations */
} VelOutput;

/* Paths of all pictures of the batch. Without {index} or {seed} (which says nothing where all have one seed) those of a batch end in -1, -2 …; {index} counts from 1 too.
 * Returns: (transfer full): NULL-terminated; NULL with VEL_ERROR_REQUEST naming what stands in braces and is not known */
GStrv vel_output_paths (const VelOutput *self, GError **error);
/* FALSE with VEL_ERROR_STORAGE if a path is taken or can not be written: before any work is done. */
gboolean vel_output_check (const VelOutput *self, const char *const *paths, GError **error);
/* Writes a PNG with its recipe, whole or not at all. comment: (nullable) a sentence for people. */
gboolean vel_output_save (const VelOutput *self, const char *path, const VelPicture *picture, VelValues *request,
                          const VelRecipeFacts *facts, const char *comment, GError **error);
