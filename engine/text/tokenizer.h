/* CLIP's byte-pair tokenizer.
 * SPDX-License-Identifier: Apache-2.0
 * Radford et al. 2021; rules in the words of transformers' CLIPTokenizer: NFC, white space to one space, lower case, split, bytes, merges. */
#pragma once

#include <gio/gio.h>

#include "engine/error.h"

typedef struct VelTokenizer VelTokenizer;

/* path: a folder with vocab.json and merges.txt, a merges file (bpe_simple_vocab_16e6.txt, plain or gzip), or such a folder's parent
 * with a `tokenizer` folder. Returns: (transfer full); NULL with VEL_ERROR_FORMAT or VEL_ERROR_VOCABULARY */
VelTokenizer *vel_tokenizer_open (const char *path, GError **error);
/* For a model at model_path: option (nullable) if given, in the model folder, beside the file, in the data folder.
 * NULL with VEL_ERROR_VOCABULARY whose sentence says what to do. */
VelTokenizer *vel_tokenizer_find (const char *option, const char *model_path, GError **error);
VelTokenizer *vel_tokenizer_ref (VelTokenizer *self);
void vel_tokenizer_unref (VelTokenizer *self);

/* Ids without start and end, not cut. Any bytes are accepted; invalid UTF-8 becomes U+FFFD. Returns: (transfer full) guint32 */
GArray *vel_tokenizer_encode (VelTokenizer *self, const char *text);
guint32 vel_tokenizer_get_start (VelTokenizer *self); /* 49406 in the standard vocabulary */
guint32 vel_tokenizer_get_end (VelTokenizer *self);   /* 49407 */
guint32 vel_tokenizer_get_comma (VelTokenizer *self); /* id of ",</w>" */
guint32 vel_tokenizer_get_size (VelTokenizer *self);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (VelTokenizer, vel_tokenizer_unref)
