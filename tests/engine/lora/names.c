/* Which layer every dialect's names mean, by names as they stand in published files.  SPDX-License-Identifier: Apache-2.0 */
#include <glib.h>
#include <string.h>

#include "engine/lora/names.h"

/* Slots of nothing but names, laid out as the real networks are. */
typedef struct {
  VelDevice *device;
  VelSlots *unet, *text;
} Model;

static VelPacked *nothing;

static void G_GNUC_PRINTF (3, 4) add (VelSlots *slots, gsize rows, const char *format, ...)
{
  g_autofree char *name = NULL;
  va_list arguments;

  va_start (arguments, format);
  name = g_strdup_vprintf (format, arguments);
  va_end (arguments);
  vel_slots_add_weight (slots, &nothing, (const char *[]){ name }, &rows, 1, 8, 1);
}

#define UNET "model.diffusion_model."

static void
add_res_block (VelSlots *slots, const char *prefix)
{
  static const char *const leaves[] = { "in_layers.0", "in_layers.2", "emb_layers.1", "out_layers.0", "out_layers.3", "skip_connection" };

  for (guint i = 0; i < G_N_ELEMENTS (leaves); i++)
    add (slots, 8, "%s.%s.weight", prefix, leaves[i]);
}

static void
add_transformer (VelSlots *slots, const char *prefix, guint depth)
{
  static const char *const leaves[] = { "attn1.to_q", "attn1.to_out.0", "attn2.to_k", "ff.net.0.proj", "ff.net.2", "norm1" };

  add (slots, 8, "%s.proj_in.weight", prefix);
  for (guint k = 0; k < depth; k++)
    for (guint i = 0; i < G_N_ELEMENTS (leaves); i++)
      add (slots, 8, "%s.transformer_blocks.%u.%s.weight", prefix, k, leaves[i]);
}

/* depth: [levels], transformer blocks at each */
static VelSlots *
make_unet (VelDevice *device, const guint *depth, guint levels, guint middle)
{
  VelSlots *slots = vel_slots_new (device);
  guint block = 1;

  add (slots, 8, UNET "input_blocks.0.0.weight");
  for (guint l = 0; l < levels; l++) {
    for (guint k = 0; k < 2; k++, block++) {
      g_autofree char *res = g_strdup_printf (UNET "input_blocks.%u.0", block),
                      *attention = g_strdup_printf (UNET "input_blocks.%u.1", block);

      add_res_block (slots, res);
      if (depth[l])
        add_transformer (slots, attention, depth[l]);
    }
    if (l + 1 < levels)
      add (slots, 8, UNET "input_blocks.%u.0.op.weight", block++);
  }
  add_res_block (slots, UNET "middle_block.0");
  add_transformer (slots, UNET "middle_block.1", middle);
  add_res_block (slots, UNET "middle_block.2");
  block = 0;
  for (guint l = levels; l-- > 0;)
    for (guint k = 0; k < 3; k++, block++) {
      g_autofree char *res = g_strdup_printf (UNET "output_blocks.%u.0", block),
                      *attention = g_strdup_printf (UNET "output_blocks.%u.1", block);

      add_res_block (slots, res);
      if (depth[l])
        add_transformer (slots, attention, depth[l]);
      if (l > 0 && k == 2)
        add (slots, 8, UNET "output_blocks.%u.%u.conv.weight", block, depth[l] ? 2 : 1);
    }
  add (slots, 8, UNET "time_embed.0.weight");
  add (slots, 8, UNET "out.2.weight");
  return slots;
}

static VelSlots *
make_text (VelDevice *device, gboolean openclip)
{
  static const char *const transformers[] = { "self_attn.q_proj", "self_attn.k_proj", "self_attn.out_proj", "mlp.fc1", "layer_norm1" };
  static const char *const open[] = { "attn.out_proj.weight", "mlp.c_fc.weight", "mlp.c_proj.weight", "ln_1.weight" };
  VelSlots *slots = vel_slots_new (device);

  for (guint i = 0; i < 2; i++)
    for (guint k = 0; !openclip && k < G_N_ELEMENTS (transformers); k++)
      add (slots, 8, "cond_stage_model.transformer.text_model.encoder.layers.%u.%s.weight", i, transformers[k]);
  for (guint i = 0; openclip && i < 2; i++) {
    add (slots, 24, "conditioner.embedders.1.model.transformer.resblocks.%u.attn.in_proj_weight", i);
    for (guint k = 0; k < G_N_ELEMENTS (open); k++)
      add (slots, 8, "conditioner.embedders.1.model.transformer.resblocks.%u.%s", i, open[k]);
  }
  return slots;
}

static const struct {
  const char *name, *tensor; /* tensor: without its prefix and ".weight"; NULL: there is none */
  VelLoraNetwork network;
  gboolean sdxl;
} unet_names[] = {
  { "lora_unet_down_blocks_0_attentions_0_transformer_blocks_0_attn1_to_q", "input_blocks.1.1.transformer_blocks.0.attn1.to_q",
    VEL_LORA_UNET },
  { "lora_unet_down_blocks_2_attentions_1_transformer_blocks_0_ff_net_0_proj", "input_blocks.8.1.transformer_blocks.0.ff.net.0.proj",
    VEL_LORA_UNET },
  { "lora_unet_mid_block_attentions_0_transformer_blocks_0_attn2_to_k", "middle_block.1.transformer_blocks.0.attn2.to_k", VEL_LORA_UNET },
  { "lora_unet_up_blocks_1_attentions_0_transformer_blocks_0_attn1_to_out_0", "output_blocks.3.1.transformer_blocks.0.attn1.to_out.0",
    VEL_LORA_UNET },
  { "lora_unet_up_blocks_3_attentions_2_proj_in", "output_blocks.11.1.proj_in", VEL_LORA_UNET },
  { "lora_unet_down_blocks_1_resnets_0_conv1", "input_blocks.4.0.in_layers.2", VEL_LORA_UNET },
  { "lora_unet_down_blocks_1_resnets_0_conv_shortcut", "input_blocks.4.0.skip_connection", VEL_LORA_UNET },
  { "lora_unet_up_blocks_0_resnets_2_time_emb_proj", "output_blocks.2.0.emb_layers.1", VEL_LORA_UNET },
  { "lora_unet_down_blocks_0_downsamplers_0_conv", "input_blocks.3.0.op", VEL_LORA_UNET },
  { "lora_unet_up_blocks_0_upsamplers_0_conv", "output_blocks.2.1.conv", VEL_LORA_UNET },
  { "lora_unet_up_blocks_2_upsamplers_0_conv", "output_blocks.8.2.conv", VEL_LORA_UNET },
  { "lora_unet_conv_in", "input_blocks.0.0", VEL_LORA_UNET },
  { "lora_unet_conv_out", "out.2", VEL_LORA_UNET },
  { "lora_unet_time_embedding_linear_1", "time_embed.0", VEL_LORA_UNET },
  { "lora_unet_input_blocks_1_1_transformer_blocks_0_attn1_to_q", "input_blocks.1.1.transformer_blocks.0.attn1.to_q", VEL_LORA_UNET },
  { "unet.down_blocks.0.attentions.0.transformer_blocks.0.attn1.to_q", "input_blocks.1.1.transformer_blocks.0.attn1.to_q", VEL_LORA_UNET },
  { "unet.down_blocks.0.attentions.0.transformer_blocks.0.attn1.processor.to_q", "input_blocks.1.1.transformer_blocks.0.attn1.to_q",
    VEL_LORA_UNET },
  { "unet.mid_block.attentions.0.transformer_blocks.0.attn1.processor.to_out", "middle_block.1.transformer_blocks.0.attn1.to_out.0",
    VEL_LORA_UNET },
  { "down_blocks.0.attentions.0.transformer_blocks.0.attn2.processor.to_k", "input_blocks.1.1.transformer_blocks.0.attn2.to_k",
    VEL_LORA_ANY },
  { "base_model.model.up_blocks.3.attentions.0.transformer_blocks.0.norm1", "output_blocks.9.1.transformer_blocks.0.norm1", VEL_LORA_ANY },
  { "base_model.model.unet.conv_in", "input_blocks.0.0", VEL_LORA_UNET },
  { "diffusion_model.middle_block.1.proj_in", "middle_block.1.proj_in", VEL_LORA_UNET },
  { "model.diffusion_model.middle_block.0.in_layers.0", "middle_block.0.in_layers.0", VEL_LORA_UNET },
  { "oft_unet_mid_block_attentions_0_proj_in", "middle_block.1.proj_in", VEL_LORA_UNET },
  { "lycoris_unet_mid_block_resnets_1_conv2", "middle_block.2.out_layers.3", VEL_LORA_UNET },
  { "lora_unet_input_blocks_4_1_transformer_blocks_1_attn1_to_q", "input_blocks.4.1.transformer_blocks.1.attn1.to_q", VEL_LORA_UNET, TRUE },
  { "lora_unet_output_blocks_5_1_transformer_blocks_1_ff_net_2", "output_blocks.5.1.transformer_blocks.1.ff.net.2", VEL_LORA_UNET, TRUE },
  { "unet.down_blocks.2.attentions.1.transformer_blocks.9.attn2.to_k", "input_blocks.8.1.transformer_blocks.9.attn2.to_k", VEL_LORA_UNET,
    TRUE },
  { "lora_unet_up_blocks_0_attentions_2_transformer_blocks_9_attn1_to_q", "output_blocks.2.1.transformer_blocks.9.attn1.to_q",
    VEL_LORA_UNET, TRUE },
  { "lora_unet_up_blocks_1_upsamplers_0_conv", "output_blocks.5.2.conv", VEL_LORA_UNET, TRUE },
  { "lora_unet_down_blocks_9_attentions_0_proj_in", NULL, VEL_LORA_UNET },
  { "lora_unet_down_blocks_0_attentions_0_transformer_blocks_1_attn1_to_q", NULL, VEL_LORA_UNET },
  { "lora_unet_", NULL, VEL_LORA_UNET },
};

static const struct {
  const char *name, *tensor;
  VelLoraNetwork network;
  gboolean openclip;
  gsize first, rows;
} text_names[] = {
  { "lora_te_text_model_encoder_layers_0_self_attn_q_proj", "0.self_attn.q_proj.weight", VEL_LORA_TEXT_1, FALSE, 0, 8 },
  { "lora_te1_text_model_encoder_layers_1_mlp_fc1", "1.mlp.fc1.weight", VEL_LORA_TEXT_1, FALSE, 0, 8 },
  { "text_encoder.text_model.encoder.layers.0.self_attn.k_proj", "0.self_attn.k_proj.weight", VEL_LORA_TEXT_1, FALSE, 0, 8 },
  { "text_encoder.encoder.layers.0.self_attn.k_proj", "0.self_attn.k_proj.weight", VEL_LORA_TEXT_1, FALSE, 0, 8 },
  { "0_transformer_text_model_encoder_layers_0_self_attn_out_proj", "0.self_attn.out_proj.weight", VEL_LORA_TEXT_1, FALSE, 0, 8 },
  { "clip_l.transformer.text_model.encoder.layers.1.layer_norm1", "1.layer_norm1.weight", VEL_LORA_TEXT_1, FALSE, 0, 8 },
  { "base_model.model.text_model.encoder.layers.1.mlp.fc1", "1.mlp.fc1.weight", VEL_LORA_ANY, FALSE, 0, 8 },
  { "lora_te2_text_model_encoder_layers_1_self_attn_k_proj", "1.attn.in_proj_weight", VEL_LORA_TEXT_2, TRUE, 8, 8 },
  { "lora_te2_text_model_encoder_layers_0_self_attn_v_proj", "0.attn.in_proj_weight", VEL_LORA_TEXT_2, TRUE, 16, 8 },
  { "text_encoder_2.text_model.encoder.layers.1.mlp.fc2", "1.mlp.c_proj.weight", VEL_LORA_TEXT_2, TRUE, 0, 8 },
  { "1_model_transformer_resblocks_0_mlp_c_fc", "0.mlp.c_fc.weight", VEL_LORA_TEXT_2, TRUE, 0, 8 },
  { "clip_g.text_model.encoder.layers.0.layer_norm1", "0.ln_1.weight", VEL_LORA_TEXT_2, TRUE, 0, 8 },
  { "lora_te2_text_model_encoder_layers_2_self_attn_k_proj", NULL, VEL_LORA_TEXT_2, TRUE, 0, 0 },
};

static void
test_unet (void)
{
  g_autoptr (VelDevice) device = vel_device_new_reference ();
  g_autoptr (VelSlots) sd1 = make_unet (device, (const guint[]){ 1, 1, 1, 0 }, 4, 1),
                       sdxl = make_unet (device, (const guint[]){ 0, 2, 10 }, 3, 10);
  g_autoptr (VelLoraNames) sd1_names = vel_lora_names_new_unet (sd1), sdxl_names = vel_lora_names_new_unet (sdxl);

  for (guint i = 0; i < G_N_ELEMENTS (unet_names); i++) {
    VelLoraNetwork network;
    g_autofree char *layer = vel_lora_names_split (unet_names[i].name, &network);
    g_autofree char *wanted = g_strdup_printf (UNET "%s.weight", unet_names[i].tensor);
    const VelLoraTarget *target = vel_lora_names_find (unet_names[i].sdxl ? sdxl_names : sd1_names, layer);

    g_test_message ("%s", unet_names[i].name);
    g_assert_cmpint (network, ==, unet_names[i].network);
    g_assert_cmpstr (target ? target->weight->name : NULL, ==, unet_names[i].tensor ? wanted : NULL);
  }
}

static void
test_text (void)
{
  g_autoptr (VelDevice) device = vel_device_new_reference ();
  g_autoptr (VelSlots) plain = make_text (device, FALSE), open = make_text (device, TRUE);
  g_autoptr (VelLoraNames) plain_names = vel_lora_names_new_text (plain), open_names = vel_lora_names_new_text (open);

  for (guint i = 0; i < G_N_ELEMENTS (text_names); i++) {
    VelLoraNetwork network;
    g_autofree char *layer = vel_lora_names_split (text_names[i].name, &network);
    const VelLoraTarget *target = vel_lora_names_find (text_names[i].openclip ? open_names : plain_names, layer);

    g_test_message ("%s", text_names[i].name);
    g_assert_cmpint (network, ==, text_names[i].network);
    g_assert_cmpint (target != NULL, ==, text_names[i].tensor != NULL);
    if (target) {
      g_assert_true (g_str_has_suffix (target->weight->name, text_names[i].tensor));
      g_assert_cmpuint (target->first, ==, text_names[i].first);
      g_assert_cmpuint (target->rows, ==, text_names[i].rows);
    }
  }
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/lora/names/unet", test_unet);
  g_test_add_func ("/lora/names/text", test_text);
  return g_test_run ();
}
