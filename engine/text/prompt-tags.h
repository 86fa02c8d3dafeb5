/* Tags in a prompt that ask for a network: <lora:name:te:unet:dyn>, also with te=, unet=, dyn=; <hypernet:name:weight>.
 * SPDX-License-Identifier: Apache-2.0
 * AUTOMATIC1111 1.10 modules/extra_networks.py parse_prompt, extensions-builtin/Lora/extra_networks_lora.py activate. */
#pragma once

#include <glib.h>

typedef struct {
  char *kind; /* as written: lora, lyco, hypernet, … */
  char *name;
  double te, unet; /* weights for the text encoder and the network; one number sets both, none is 1 */
  int dyn;         /* rank that is used of a network with a variable one; -1: all */
  char *more;      /* (nullable) the first name=value that is none of these: "lbw=OUTALL" */
} VelPromptNetwork;

/* Takes all tags out of a prompt, of whatever kind: <word:anything>.
 * networks: (element-type VelPromptNetwork) in the order of the prompt, are appended.
 * Returns: (transfer full) the prompt without them; NULL with VEL_ERROR_REQUEST, naming the tag, where the weight of a lora, lyco or hypernet is
 * no number */
char *vel_prompt_take_tags (const char *prompt, GPtrArray *networks, GError **error);
/* For g_ptr_array_new_with_free_func. */
void vel_prompt_network_free (gpointer network);
