/* LoRAs: those that options name and those of the prompt's tags.  SPDX-License-Identifier: Apache-2.0 */
#include "config.h"

#include "engine/pipeline/painting.h"

#include <glib/gi18n-lib.h>
#include <string.h>

#include "engine/formats/shown.h"
#include "engine/lora/files.h"
#include "engine/text/prompt-tags.h"

static gboolean
is_lora (const VelPromptNetwork *network)
{
  static const char *const kinds[] = { "lora", "lyco", NULL };

  return g_strv_contains (kinds, network->kind);
}

/* "lbw=1,0,0,…" of a tag. Returns: (transfer full) (nullable) */
static VelLoraBlocks *
read_blocks (const VelPromptNetwork *network)
{
  VelLoraBlocks blocks;

  if (!network->more || !g_str_has_prefix (network->more, "lbw=") || !vel_lora_blocks_parse (&blocks, network->more + strlen ("lbw=")))
    return NULL;
  return g_memdup2 (&blocks, sizeof blocks);
}

/* Weights of single steps and ranks are other programs' extensions. */
static void
note_left_out (const VelPainting *self, const VelPromptNetwork *network, gboolean has_blocks)
{
  g_autofree char *rank = network->dyn >= 0 ? g_strdup_printf ("dyn=%d", network->dyn) : NULL;
  g_autofree char *more = network->more && !has_blocks ? vel_shown (network->more) : g_steal_pointer (&rank);

  if (more)
    g_ptr_array_add (self->notes, g_strdup_printf (_ ("The prompt's <%s:%s> also asks for “%s”, which was left out: this version applies "
                                                      "the whole LoRA with one strength, or with one for each block as lbw=1,0,… of 12, 17, 20 "
                                                      "or 26 numbers"),
                                                   network->kind, network->name, more));
}

/* A tag whose file is not there is left out, as the programs do that have tags: the rest of the picture is worth having. */
static gboolean
add_tags (const VelPainting *self, GPtrArray *wishes, GError **error)
{
  g_autoptr (GPtrArray) networks = g_ptr_array_new_with_free_func (vel_prompt_network_free);
  g_autofree char *rest = NULL;

  if (self->rules->language != VEL_PROMPT_A1111 && self->rules->language != VEL_PROMPT_PLAIN)
    return TRUE;
  rest = vel_prompt_take_tags (vel_painting_get_text (self, "prompt", "hires_prompt"), networks, error);
  if (!rest)
    return FALSE;
  for (guint i = 0; i < networks->len; i++) {
    const VelPromptNetwork *network = networks->pdata[i];
    g_autoptr (GError) problem = NULL;
    char *path = is_lora (network) ? vel_loras_find (network->name, &problem) : NULL;

    if (path) {
      VelLoraWish wish = { path, .text = network->te, .unet = network->unet, .blocks = read_blocks (network) };

      note_left_out (self, network, wish.blocks != NULL);
      g_ptr_array_add (wishes, g_memdup2 (&wish, sizeof wish));
    } else if (problem)
      g_ptr_array_add (self->notes, g_strdup_printf (_ ("Left out: %s"), problem->message));
    else
      g_ptr_array_add (self->notes,
                       g_strdup_printf (_ ("The prompt asks for <%s:%s>, which was left out: this version applies no such networks"),
                                        network->kind, network->name));
  }
  return TRUE;
}

gboolean
vel_painting_choose_loras (VelPainting *self, GError **error)
{
  g_autoptr (GPtrArray) wishes = g_ptr_array_new_with_free_func (vel_lora_wish_free);

  return vel_loras_parse_lines (vel_values_get (self->request, "lora"), TRUE, wishes, error) && add_tags (self, wishes, error) &&
         vel_lora_stack_set (self->engine->loras, wishes, self->cancellable, error);
}

gboolean
vel_painting_report_loras (VelPainting *self, GError **error)
{
  g_autoptr (GPtrArray) notes = g_ptr_array_new ();
  gboolean ok = vel_lora_stack_report (self->engine->loras, notes, error);

  for (guint i = 0; i < notes->len; i++)
    if (g_ptr_array_find_with_equal_func (self->notes, notes->pdata[i], g_str_equal, NULL)) /* the second pass has them too */
      g_free (notes->pdata[i]);
    else
      g_ptr_array_add (self->notes, notes->pdata[i]);
  return ok;
}
