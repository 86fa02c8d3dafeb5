/* Strengths of blocks.  SPDX-License-Identifier: Apache-2.0 */
#include "engine/lora/blocks.h"

#include <math.h>
#include <string.h>

#define INPUT 1
#define MIDDLE 13
#define OUTPUT 14

/* Which blocks a list of so many numbers is about. */
static const struct {
  guint n;
  guint8 blocks[VEL_LORA_BLOCKS];
} lists[] = {
  { 12, { 0, 5, 6, 8, 9, 13, 14, 15, 16, 17, 18, 19 } },                            /* SDXL: where there is attention */
  { 17, { 0, 2, 3, 5, 6, 8, 9, 13, 17, 18, 19, 20, 21, 22, 23, 24, 25 } },          /* SD 1 and 2, likewise */
  { 20, { 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 13, 14, 15, 16, 17, 18, 19, 20, 21, 22 } }, /* SDXL */
  { 26, { 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20, 21, 22, 23, 24, 25 } },
};

static const struct {
  const char *name, *numbers;
} presets[] = {
  { "NONE", "0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0" },   { "ALL", "1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1" },
  { "INS", "1,1,1,1,0,0,0,0,0,0,0,0,0,0,0,0,0" },    { "IND", "1,0,0,0,1,1,1,0,0,0,0,0,0,0,0,0,0" },
  { "INALL", "1,1,1,1,1,1,1,0,0,0,0,0,0,0,0,0,0" },  { "MIDD", "1,0,0,0,1,1,1,1,1,1,1,1,0,0,0,0,0" },
  { "OUTD", "1,0,0,0,0,0,0,0,1,1,1,1,0,0,0,0,0" },   { "OUTS", "1,0,0,0,0,0,0,0,0,0,0,0,1,1,1,1,1" },
  { "OUTALL", "1,0,0,0,0,0,0,0,1,1,1,1,1,1,1,1,1" }, { "ALL0.5", "0.5,0.5,0.5,0.5,0.5,0.5,0.5,0.5,0.5,0.5,0.5,0.5,0.5,0.5,0.5,0.5,0.5" },
};

static gboolean
read_numbers (VelLoraBlocks *self, char **words)
{
  guint n = g_strv_length (words);

  for (guint i = 0; i < G_N_ELEMENTS (lists); i++) {
    if (lists[i].n != n)
      continue;
    for (guint k = 0; k < n; k++) {
      char *end;
      const char *word = g_strstrip (words[k]);
      double number = g_ascii_strtod (word, &end);

      if (!*word || *end || strpbrk (word, "xXnN") || !isfinite (number))
        return FALSE;
      self->factors[lists[i].blocks[k]] = number;
    }
    return TRUE;
  }
  return FALSE;
}

gboolean
vel_lora_blocks_parse (VelLoraBlocks *self, const char *text)
{
  g_auto (GStrv) words = NULL;

  *self = (VelLoraBlocks){ { 0 } };
  if (strlen (text) > 1000)
    return FALSE;
  for (guint i = 0; i < G_N_ELEMENTS (presets); i++)
    if (g_str_equal (text, presets[i].name))
      text = presets[i].numbers;
  words = g_strsplit (text, ",", -1);
  return read_numbers (self, words);
}

/* The number behind a prefix that ends before it; G_MAXUINT if the name has another. */
static guint
block_of (const char *tensor, const char *prefix)
{
  if (!g_str_has_prefix (tensor, prefix))
    return G_MAXUINT;
  return (guint) g_ascii_strtoull (tensor + strlen (prefix), NULL, 10);
}

double
vel_lora_blocks_factor (const VelLoraBlocks *self, const char *tensor)
{
  guint input = block_of (tensor, "model.diffusion_model.input_blocks."),
        output = block_of (tensor, "model.diffusion_model.output_blocks.");

  if (!g_str_has_prefix (tensor, "model.diffusion_model."))
    return self->factors[0];
  if (input < MIDDLE - INPUT)
    return self->factors[INPUT + input];
  if (output < VEL_LORA_BLOCKS - OUTPUT)
    return self->factors[OUTPUT + output];
  return g_str_has_prefix (tensor, "model.diffusion_model.middle_block.") ? self->factors[MIDDLE] : 1;
}
