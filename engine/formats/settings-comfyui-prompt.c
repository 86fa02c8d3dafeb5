/* The prompt of a ComfyUI graph: texts, and what combines them.  SPDX-License-Identifier: Apache-2.0 */
#include "config.h"

#include "engine/formats/settings-comfyui.h"

#include "engine/formats/shown.h"

#include <glib/gi18n-lib.h>
#include <string.h>

#define MAX_PROMPT (256 << 10) /* a graph can say the same text again and again */

/* Prompts. What is gathered on the way: parts that are combined share the guidance evenly. */
typedef struct {
  GString *text;
  guint parts;
  const json_t *clip; /* (nullable) link to the text encoder of the first part */
} Prompt;

static void
add_part (Prompt *self, const char *text, const char *between)
{
  if (self->text->len + strlen (between) + strlen (text) > MAX_PROMPT)
    return;
  if (self->parts++ > 0)
    g_string_append (self->text, between);
  g_string_append (self->text, text);
}

/* SDXL's two encoders may read different texts. */
static void
add_sdxl (VelComfyuiWalk *self, Prompt *prompt, const json_t *node, const char *between)
{
  const char *g = vel_comfyui_string (self, node, "text_g"), *l = vel_comfyui_string (self, node, "text_l");

  add_part (prompt, g && *g ? g : l ? l : "", between);
  if (g && l && *g && *l && !g_str_equal (g, l)) {
    g_autofree char *shown = vel_shown (l);

    vel_settings_note (self->settings, _ ("The first text encoder was given another text, which is not done here: %s"), shown);
  }
}

/* link: to a conditioning. negative: which output of a node that has two, or an unknown one's inputs. */
static void
read_prompt (VelComfyuiWalk *self, Prompt *prompt, const json_t *link, gboolean negative, const char *between, int depth)
{
  static const char *const silent[] = {
    "Reroute", "ConditioningCombine", "ConditioningConcat", "ConditioningZeroOut", "FluxGuidance", NULL
  };
  static const char *const texts[] = { "text", "text_g", "prompt", "string", "wildcard_text", "positive", NULL };
  static const char *const forward[] = { "conditioning", "conditioning_1", "conditioning_to", "positive", "", NULL };
  static const char *const backward[] = { "conditioning", "conditioning_1", "conditioning_to", "negative", "", NULL };
  int output;
  const json_t *node = depth < VEL_COMFYUI_MAX_DEPTH ? vel_comfyui_follow (self, link, &output) : NULL;
  const char *type = vel_comfyui_class (node);

  if (!node)
    return;
  if (!vel_comfyui_is_bypassed (node)) {
    if (g_str_equal (type, "ConditioningZeroOut"))
      return;
    if (vel_comfyui_input (node, "clip") && !prompt->clip)
      prompt->clip = vel_comfyui_input (node, "clip");
    if (g_str_equal (type, "CLIPTextEncodeSDXL")) {
      add_sdxl (self, prompt, node, between);
      return;
    }
    for (const char *const *name = texts; *name; name++)
      if (vel_comfyui_string (self, node, *name) && (vel_comfyui_input (node, "clip") || !vel_comfyui_input (node, "positive"))) {
        add_part (prompt, vel_comfyui_string (self, node, *name), between);
        return;
      }
    if (g_str_equal (type, "ConditioningCombine") || g_str_equal (type, "ConditioningConcat")) {
      gboolean combine = g_str_equal (type, "ConditioningCombine");

      read_prompt (self, prompt, vel_comfyui_input (node, combine ? "conditioning_1" : "conditioning_to"), negative, between, depth + 1);
      read_prompt (self, prompt, vel_comfyui_input (node, combine ? "conditioning_2" : "conditioning_from"), negative,
                   combine ? "\nAND " : "\nBREAK\n", depth + 1);
      return;
    }
    if (g_str_equal (type, "FluxGuidance"))
      vel_settings_set_json (self->settings, "Distilled CFG Scale", vel_comfyui_value (self, node, "guidance"));
    if (!g_strv_contains (silent, type))
      vel_comfyui_note_node (self, node);
  }
  read_prompt (self, prompt,
               vel_comfyui_link_back (self, node, negative || (output == 1 && vel_comfyui_input (node, "negative")) ? backward : forward),
               negative, between, depth + 1);
}

/* The text is painted in ComfyUI's own language; only "embedding:styles/ink.pt" becomes "embedding:ink", for it has another folder here.
 * Returns: (transfer full) */
static char *
name_embeddings (const char *text)
{
  static const char mark[] = "embedding:";
  GString *out = g_string_new (NULL);

  while (*text)
    if (g_str_has_prefix (text, mark)) {
      gsize n = strcspn (text + strlen (mark), " ,():\n");
      g_autofree char *name = g_strndup (text + strlen (mark), n), *stem = vel_settings_stem (name);

      g_string_append_printf (out, "%s%s", mark, stem);
      text += strlen (mark) + n;
    } else {
      g_string_append_c (out, *text++);
    }
  return g_string_free (out, FALSE);
}

/* Returns: the link to the text encoder, or NULL */
const json_t *
vel_comfyui_read_prompt (VelComfyuiWalk *self, const char *key, const json_t *link, gboolean negative)
{
  Prompt prompt = { g_string_new (NULL) };
  g_autofree char *plain = NULL;
  guint n = 1;

  read_prompt (self, &prompt, link, negative, "\nAND ", 0);
  for (const char *at = prompt.text->str; (at = strstr (at, "\nAND ")); at++)
    n++;
  if (n > 1) { /* combined conditionings share the guidance evenly; sub-prompts would add up */
    g_autofree char *weight = g_strdup_printf (" :%.4g", 1.0 / n), *between = g_strconcat (weight, "\nAND ", NULL);
    GString *weighted = g_string_new (prompt.text->str);

    for (char *c = weight; *c; c++)
      *c = *c == ',' ? '.' : *c;
    g_string_replace (weighted, "\nAND ", between, 0);
    g_string_append (weighted, weight);
    g_string_free (prompt.text, TRUE);
    prompt.text = weighted;
  }
  if (n > 1 || strstr (prompt.text->str, "\nBREAK\n"))
    vel_settings_note (self->settings, _ ("Its prompts are combined, which is written as AND and BREAK here; by ComfyUI's rules these are words, by "
                                          "A1111's they combine"));
  plain = name_embeddings (g_strstrip (prompt.text->str));
  vel_settings_set (self->settings, key, plain);
  g_string_free (prompt.text, TRUE);
  return prompt.clip;
}
