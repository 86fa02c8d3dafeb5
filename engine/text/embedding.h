/* Textual inversion (Gal et al. 2022): words of a prompt whose tokens' vectors come from files.
 * SPDX-License-Identifier: Apache-2.0
 * AUTOMATIC1111 1.10 modules/textual_inversion/textual_inversion.py. */
#pragma once

#include "engine/text/tokenizer.h"

#define VEL_EMBEDDING_ENCODERS 2 /* text encoders one file may have vectors for */

/* What an embedding's file says of itself. family: of models it is made for, or NULL. */
typedef struct {
  gint64 count, width; /* vectors, for each encoder; width: of the first one's */
  const char *family;  /* static */
} VelEmbeddingFacts;

/* Returns: FALSE with VEL_ERROR_FORMAT if the file is no embedding */
gboolean vel_embedding_look (const char *path, VelEmbeddingFacts *facts, GCancellable *cancellable, GError **error);

/* A set, for the text encoders of one model. */
typedef struct VelEmbeddings VelEmbeddings;

/* widths: [n_encoders], of the encoders' token vectors */
VelEmbeddings *vel_embeddings_new (VelTokenizer *tokenizer, guint n_encoders, const gint64 *widths);
void vel_embeddings_free (VelEmbeddings *self);
/* path: a file of any container with the vectors as "emb_params", "string_to_param.*" or its only tensor; "clip_l" and "clip_g" for models
 * with two encoders. It is used where its name, the file's without ending, stands in a prompt; a second one of the same name replaces it.
 * Returns: FALSE with VEL_ERROR_FORMAT, or VEL_ERROR_REQUEST if it does not fit the encoders */
gboolean vel_embeddings_add (VelEmbeddings *self, const char *path, GCancellable *cancellable, GError **error);
/* The longest name that begins at the first of these tokens.
 * ids: [n], n >= 1. n_ids, first, count: (out) how many tokens it takes up, and which of the set's vectors stand for it.
 * Returns: (nullable) the name */
const char *vel_embeddings_match (const VelEmbeddings *self, const guint32 *ids, guint n, guint *n_ids, guint *first, guint *count);
/* One of the names. Returns: FALSE if there is none such */
gboolean vel_embeddings_find (const VelEmbeddings *self, const char *name, guint *first, guint *count);
/* Returns: [width of the encoder], borrowed until the next addition */
const float *vel_embeddings_get_vector (const VelEmbeddings *self, guint encoder, guint vector);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (VelEmbeddings, vel_embeddings_free)
