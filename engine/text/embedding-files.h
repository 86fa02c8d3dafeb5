/* Which embeddings a picture's prompts ask for.  SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "engine/text/embedding.h"

/* Adds the files that are named, then those of a folder whose name stands in a prompt, whatever its case. One that is named has to fit; one
 * of the folder that does not is left out, and `notes` says so.
 * paths: a file's path or its name in the folder, a line each, "" for none.  folder: may be missing.  prompts: NULL-terminated.
 * notes: (element-type utf8) gets sentences.  Returns: FALSE with an error of vel_embeddings_add */
gboolean vel_embeddings_gather (VelEmbeddings *self, const char *paths, const char *folder, const char *const *prompts, GPtrArray *notes,
                                GCancellable *cancellable, GError **error);
/* Returns: (transfer full) (element-type utf8) paths of a folder's files that may be embeddings, by their endings, sorted */
GPtrArray *vel_embeddings_list (const char *folder);
/* Returns: (transfer full) the name by which prompts ask for the file at a path */
char *vel_embeddings_name_of (const char *path);
