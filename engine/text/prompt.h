/* The prompt languages of A1111 and ComfyUI: emphasis, and chunks of 75 tokens.
 * SPDX-License-Identifier: Apache-2.0
 * AUTOMATIC1111 1.10: modules/prompt_parser.py parse_prompt_attention, modules/sd_hijack_clip.py tokenize_line. ComfyUI: comfy/sd1_clip.py
 * token_weights, tokenize_with_weights. */
#pragma once

#include "engine/text/embedding.h"
#include "engine/text/language.h"
#include "engine/text/tokenizer.h"

typedef struct {
  char *text;
  double weight; /* a BREAK is text "BREAK", weight -1 */
} VelEmphasis;

/* Never empty: "" gives one part of weight 1. Returns: (transfer full) (element-type VelEmphasis) */
GArray *vel_prompt_parse_emphasis (const char *prompt);
/* ComfyUI's: round brackets only, an inner number replaces an outer one, neighbours are not joined, BREAK is a word like others.
 * Returns: (transfer full) (element-type VelEmphasis), empty for "" */
GArray *vel_prompt_parse_emphasis_comfyui (const char *prompt);

#define VEL_CHUNK_TOKENS 77 /* start, 75, end */

typedef struct {
  guint32 tokens[VEL_CHUNK_TOKENS]; /* padded with the end token; 0 where a vector stands */
  float weights[VEL_CHUNK_TOKENS];
  guint32 vectors[VEL_CHUNK_TOKENS]; /* which of the embeddings' vectors stands there, plus 1; 0: the token's own */
} VelChunk;

/* Never empty. embeddings: (nullable)
 * A1111: a chunk that is full after a comma at most 20 tokens back moves what follows the comma to the next one; an embedding stands where
 * its name does, and is never split. ComfyUI: a part or an embedding of up to seven tokens is never split; an embedding is asked for as
 * "embedding:name". diffusers: one chunk, whatever is cut off.
 * Returns: (transfer full) (element-type VelChunk) */
GArray *vel_prompt_chunk (VelTokenizer *tokenizer, const VelEmbeddings *embeddings, VelPromptLanguage language, const char *prompt);
/* Tokens in use, without start, end and padding; `limit`: 75 per chunk in use. */
guint vel_prompt_count (VelTokenizer *tokenizer, VelPromptLanguage language, const char *text, guint *limit);
