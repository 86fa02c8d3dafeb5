/* A1111's prompt language: emphasis, and chunks of 75 tokens.
 * SPDX-License-Identifier: Apache-2.0
 * AUTOMATIC1111 1.10: modules/prompt_parser.py parse_prompt_attention, modules/sd_hijack_clip.py tokenize_line. */
#pragma once

#include "engine/text/tokenizer.h"

typedef struct {
  char *text;
  double weight; /* a BREAK is text "BREAK", weight -1 */
} VelEmphasis;

/* Never empty: "" gives one part of weight 1. Returns: (transfer full) (element-type VelEmphasis) */
GArray *vel_prompt_parse_emphasis (const char *prompt);

#define VEL_CHUNK_TOKENS 77 /* start, 75, end */

typedef struct {
  guint32 tokens[VEL_CHUNK_TOKENS]; /* padded with the end token */
  float weights[VEL_CHUNK_TOKENS];
} VelChunk;

/* Never empty. A chunk that is full after a comma at most 20 tokens back moves what follows the comma to the next one.
 * Returns: (transfer full) (element-type VelChunk) */
GArray *vel_prompt_chunk (VelTokenizer *tokenizer, const char *prompt);
/* Tokens in use, without start, end and padding: what the window's counter shows; `limit`: 75 per chunk in use. */
guint vel_prompt_count (VelTokenizer *tokenizer, const char *prompt, guint *limit);
