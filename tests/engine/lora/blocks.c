/* Which block a number of a list is for.  SPDX-License-Identifier: Apache-2.0 */
#include "engine/lora/blocks.h"

#define UNET "model.diffusion_model."

static void
test_lists (void)
{
  static const struct {
    const char *text, *tensor;
    double factor;
  } cases[] = {
    { "1,2,3,4,5,6,7,8,9,10,11,12,13,14,15,16,17", "cond_stage_model.transformer.text_model.encoder.layers.0.mlp.fc1.weight", 1 },
    { "1,2,3,4,5,6,7,8,9,10,11,12,13,14,15,16,17", UNET "input_blocks.1.1.proj_in.weight", 2 },
    { "1,2,3,4,5,6,7,8,9,10,11,12,13,14,15,16,17", UNET "input_blocks.8.1.proj_in.weight", 7 },
    { "1,2,3,4,5,6,7,8,9,10,11,12,13,14,15,16,17", UNET "middle_block.1.proj_in.weight", 8 },
    { "1,2,3,4,5,6,7,8,9,10,11,12,13,14,15,16,17", UNET "output_blocks.3.1.proj_in.weight", 9 },
    { "1,2,3,4,5,6,7,8,9,10,11,12,13,14,15,16,17", UNET "output_blocks.11.1.proj_in.weight", 17 },
    { "1,2,3,4,5,6,7,8,9,10,11,12,13,14,15,16,17", UNET "input_blocks.3.0.op.weight", 0 },
    { "1,2,3,4,5,6,7,8,9,10,11,12,13,14,15,16,17", UNET "time_embed.0.weight", 1 },
    { "1,2,3,4,5,6,7,8,9,10,11,12", "conditioner.embedders.1.model.transformer.resblocks.0.mlp.c_fc.weight", 1 },
    { "1,2,3,4,5,6,7,8,9,10,11,12", UNET "input_blocks.4.1.proj_in.weight", 2 },
    { "1,2,3,4,5,6,7,8,9,10,11,12", UNET "middle_block.1.proj_in.weight", 6 },
    { "1,2,3,4,5,6,7,8,9,10,11,12", UNET "output_blocks.5.1.proj_in.weight", 12 },
    { "1,2,3,4,5,6,7,8,9,10,11,12,13,14,15,16,17,18,19,20", UNET "input_blocks.0.0.weight", 2 },
    { "1,2,3,4,5,6,7,8,9,10,11,12,13,14,15,16,17,18,19,20", UNET "output_blocks.8.0.in_layers.2.weight", 20 },
    { "1,2,3,4,5,6,7,8,9,10,11,12,13,14,15,16,17,18,19,20,21,22,23,24,25,26", UNET "input_blocks.11.0.in_layers.2.weight", 13 },
    { "1,2,3,4,5,6,7,8,9,10,11,12,13,14,15,16,17,18,19,20,21,22,23,24,25,26", UNET "output_blocks.0.0.in_layers.2.weight", 15 },
    { " 0.5, 0,0,0, 0,0,0,0,0,0,0,-1.25", UNET "output_blocks.5.1.proj_in.weight", -1.25 },
    { "OUTALL", UNET "output_blocks.4.1.proj_in.weight", 1 },
    { "OUTALL", UNET "input_blocks.4.1.proj_in.weight", 0 },
    { "ALL0.5", UNET "input_blocks.4.1.proj_in.weight", 0.5 },
  };

  for (guint i = 0; i < G_N_ELEMENTS (cases); i++) {
    VelLoraBlocks blocks;

    g_test_message ("%s: %s", cases[i].text, cases[i].tensor);
    g_assert_true (vel_lora_blocks_parse (&blocks, cases[i].text));
    g_assert_cmpfloat (vel_lora_blocks_factor (&blocks, cases[i].tensor), ==, cases[i].factor);
  }
}

static void
test_refused (void)
{
  static const char *const texts[] = { "",
                                       "1",
                                       "1,0,0",
                                       "outall",
                                       "1,2,3,4,5,6,7,8,9,10,11,x",
                                       "1,2,3,4,5,6,7,8,9,10,11,",
                                       "1,2,3,4,5,6,7,8,9,10,11,nan",
                                       "1,2,3,4,5,6,7,8,9,10,11,inf",
                                       "1,2,3,4,5,6,7,8,9,10,11,0x1",
                                       "1,2,3,4,5,6,7,8,9,10,11,12,13" };

  for (guint i = 0; i < G_N_ELEMENTS (texts); i++) {
    VelLoraBlocks blocks;

    g_assert_false (vel_lora_blocks_parse (&blocks, texts[i]));
  }
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/lora/blocks/lists", test_lists);
  g_test_add_func ("/lora/blocks/refused", test_refused);
  return g_test_run ();
}
