/* A byte-pair vocabulary: symbols of single bytes, and which two symbols merge into which, in what order.
 * SPDX-License-Identifier: Apache-2.0
 *
 * Symbols are token ids. Files are read by whole, at most VEL_VOCABULARY_MOST_BYTES of them; pairs are found in a sorted array, so
 * that no file can make that slow. */
#pragma once

#include <gio/gio.h>

#include "engine/error.h"

#define VEL_VOCABULARY_MOST_BYTES (64 << 20)
#define VEL_VOCABULARY_START "<|startoftext|>"
#define VEL_VOCABULARY_END "<|endoftext|>"
#define VEL_NO_SYMBOL G_MAXUINT32

typedef struct {
  guint64 pair;           /* left symbol << 32 | right symbol */
  guint32 rank, result;
} VelMerge;

typedef struct {
  guint32 size;           /* one more than the largest id */
  guint32 start, end;     /* <|startoftext|>, <|endoftext|> */
  guint32 comma;          /* ",</w>", or VEL_NO_SYMBOL */
  guint32 bytes[2][256];  /* symbol of a byte, inside a word and at its end; VEL_NO_SYMBOL if there is none */
  GArray *merges;         /* (element-type VelMerge) by pair */
} VelVocabulary;

/* vocab.json and merges.txt, as transformers writes them. Returns FALSE with VEL_ERROR_FORMAT */
gboolean vel_vocabulary_read_folder (VelVocabulary *self, const char *vocab_path, const char *merges_path, GError **error);
/* CLIP's own file, plain or gzip: a line of version, then merges. Ids are the bytes, the bytes at a word's end, the merges, start and end.
 * Of more than 48894 merges only the first are used, as by CLIP. Returns FALSE with VEL_ERROR_FORMAT */
gboolean vel_vocabulary_read_merges (VelVocabulary *self, const char *path, GError **error);
void vel_vocabulary_clear (VelVocabulary *self);
/* (nullable) borrowed */
const VelMerge *vel_vocabulary_find_merge (const VelVocabulary *self, guint32 left, guint32 right);
