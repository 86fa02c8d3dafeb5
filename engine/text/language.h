/* Whose prompt language it is.  SPDX-License-Identifier: Apache-2.0 */
#pragma once

typedef enum {
  VEL_PROMPT_A1111,     /* emphasis, timelines, AND, BREAK, tags, remarks */
  VEL_PROMPT_PLAIN,     /* as A1111, but brackets and BREAK are text to the text encoder */
  VEL_PROMPT_COMFYUI,   /* round brackets only; weights lead away from the empty prompt's states */
  VEL_PROMPT_DIFFUSERS, /* text, as much as one chunk holds */
} VelPromptLanguage;
