/* The options of a picture.  SPDX-License-Identifier: Apache-2.0 */
#include "engine/pipeline/request.h"

#include "engine/pipeline/hires.h"
#include "engine/registry.h"
#include "engine/sampling/first-noise.h"
#include "engine/sampling/plugin-params.h"
#include "engine/tensor/random.h"
#include "engine/upscalers.h"

#define N_(text) text /* for the translators' tools; shown through gettext */

/* Options every version has. A plugin's own numbers that are among them need no row of their own. */
static const VelParam fixed[] = {
  { "prompt", N_ ("Prompt"), "positive text describe", N_ ("What the picture should show."), VEL_PARAM_TEXT, VEL_PARAM_MULTILINE,
    .standard = "", .group = "prompt" },
  { "negative", N_ ("Negative prompt"), "avoid without exclude", N_ ("What the picture should not show."), VEL_PARAM_TEXT,
    VEL_PARAM_MULTILINE, .standard = "", .group = "prompt" },
  { "emphasis", N_ ("Emphasis"), "weights attention", N_ ("How weights like (word:1.2) act on the text."), VEL_PARAM_CHOICE, VEL_PARAM_NONE,
    .standard = "original", .choices = "original|no-norm|ignore|none", .group = "prompt" },

  { "old_timelines", N_ ("Old timelines"), "prompt editing scheduling 1.5 compatibility",
    N_ ("Read the times of [from:to:when] as A1111 did before 1.6: below 1 they are a share, and the second pass repeats them."),
    VEL_PARAM_BOOL, VEL_PARAM_HIDDEN, .standard = "false", .group = "prompt" },
  { "model", N_ ("Model"), "checkpoint", N_ ("The model that paints: a file, a folder or a name."), VEL_PARAM_FILE, VEL_PARAM_NONE,
    .standard = "", .group = "model" },
  { "refiner", N_ ("Refiner"), "second model checkpoint", N_ ("A second model that goes on where the first one stops."), VEL_PARAM_FILE,
    VEL_PARAM_NONE, .standard = "", .group = "model" },
  { "refiner_at", N_ ("Refiner from"), "switch at", N_ ("The share of the way after which the refiner takes over."), VEL_PARAM_REAL,
    VEL_PARAM_NONE, 0, 1, 0.05, .standard = "0.8", .group = "model" },
  { "refiner_step", N_ ("Refiner after step"), "switch at start_at_step end_at_step",
    N_ ("After how many steps the refiner takes over; unset, the share of the way says when."), VEL_PARAM_INT, VEL_PARAM_NONE, 1, 150, 1, 1,
    60, "", .group = "model", .unset = N_ ("By the share") },
  { "unet", N_ ("UNet"), "diffusion model part", N_ ("Replaces the model's own UNet; without a model it is the one that paints."),
    VEL_PARAM_FILE, VEL_PARAM_NONE, .standard = "", .group = "model" },
  { "text_encoder", N_ ("Text encoder"), "clip openclip part",
    N_ ("Replaces the model's own text encoder, or gives what a UNet alone has none of; SDXL has two."), VEL_PARAM_FILE, VEL_PARAM_LIST,
    .standard = "", .group = "model" },
  { "vae", N_ ("VAE"), "autoencoder decoder", N_ ("Replaces the model's own picture decoder."), VEL_PARAM_FILE, VEL_PARAM_NONE,
    .standard = "", .group = "model" },
  { "tokenizer", N_ ("Tokenizer"), "vocabulary bpe", N_ ("Where the text encoder's vocabulary is."), VEL_PARAM_FILE, VEL_PARAM_HIDDEN,
    .standard = "", .group = "model" },
  { "embedding", N_ ("Embeddings"), "textual inversion",
    N_ ("Words learned as vectors: a file whose name is the word. Those in the data folder's “embeddings” are found by their name."),
    VEL_PARAM_FILE, VEL_PARAM_HIDDEN | VEL_PARAM_LIST, .standard = "", .group = "model" },
  { "lora", N_ ("LoRAs"), "lycoris style network",
    N_ ("Changes the model by a file: FILE, FILE:STRENGTH or FILE:UNET:TEXT. Those in the data folder's “loras” are found by their name, and by "
        "<lora:name:strength> in the prompt."),
    VEL_PARAM_FILE, VEL_PARAM_HIDDEN | VEL_PARAM_LIST, .standard = "", .group = "model" },
  { "control", N_ ("ControlNets"), "controlnet pose depth canny scribble guide sketch",
    N_ ("Lets the picture follow another one: MODEL:IMAGE, or MODEL:IMAGE:weight=0.8,start=0,end=0.5,mode=balanced,resize=stretch,preprocessor=canny. Those in the data "
        "folder's “controlnets” are found by their name."),
    VEL_PARAM_FILE, VEL_PARAM_HIDDEN | VEL_PARAM_LIST, .standard = "", .group = "model" },
  { "prediction", N_ ("Prediction"), "epsilon v-prediction parameterization",
    N_ ("What the network was trained to predict, where the file does not say."), VEL_PARAM_CHOICE, VEL_PARAM_NONE, .standard = "",
    .choices = "eps|v", .group = "model" },
  { "clip_skip", N_ ("Clip skip"), "text encoder layer", N_ ("How many of the text encoder's last layers are left out; 1 uses all."),
    VEL_PARAM_INT, VEL_PARAM_NONE, 1, 12, 1, .standard = "", .group = "model" },

  { "width", N_ ("Width"), "size resolution", N_ ("Width of the picture; unset, what the model was trained on."), VEL_PARAM_INT,
    VEL_PARAM_NONE, 8, 4096, 8, 64, 1024, "", N_ ("px"), .group = "size" },
  { "height", N_ ("Height"), "size resolution", N_ ("Height of the picture; unset, what the model was trained on."), VEL_PARAM_INT,
    VEL_PARAM_NONE, 8, 4096, 8, 64, 1024, "", N_ ("px"), .group = "size" },
  { "batch", N_ ("Batch"), "count number images", N_ ("How many pictures, each with the next seed."), VEL_PARAM_INT, VEL_PARAM_NONE, 1, 64,
    1, 1, 8, "1", .group = "size" },
  { "tiling", N_ ("Tiling"), "seamless tile texture pattern circular", N_ ("Paint a picture whose edges meet, so that it can be laid side by side."),
    VEL_PARAM_BOOL, VEL_PARAM_NONE, .standard = "false", .group = "size" },
  { "tiling_axes", N_ ("Edges"), "seamless tile x y panorama", N_ ("Which edges of a tiling picture meet."), VEL_PARAM_CHOICE, VEL_PARAM_NONE,
    .standard = "both", .choices = "both|x|y", .group = "size" },

  { "steps", N_ ("Steps"), "sampling iterations", N_ ("How many times the network refines the picture."), VEL_PARAM_INT, VEL_PARAM_NONE, 1,
    150, 1, 1, 60, "20", .group = "sampling" },
  { "cfg", N_ ("Guidance"), "CFG scale", N_ ("How closely the picture follows the prompt."), VEL_PARAM_REAL, VEL_PARAM_NONE, 0, 30, 0.5, 1,
    20, "7", .group = "sampling" },
  { "cfg_rescale", N_ ("Guidance rescale"), "cfg rescale phi overexposure contrast",
    N_ ("How much of the contrast that strong guidance adds is taken back; 0.7 suits models of zero terminal SNR."), VEL_PARAM_REAL,
    VEL_PARAM_NONE, 0, 1, 0.05, .standard = "0", .group = "sampling" },
  { "image_cfg", N_ ("Picture guidance"), "image CFG scale instruct edit pix2pix",
    N_ ("How closely a model that changes pictures keeps to the start picture."), VEL_PARAM_REAL, VEL_PARAM_HIDDEN, 0, 10, 0.05, 1, 3, "1.5",
    .group = "start" },
  { "sampler", N_ ("Sampler"), "sampling method", N_ ("The path from noise to picture."), VEL_PARAM_CHOICE, VEL_PARAM_NONE,
    .standard = "euler_a", .choices = "registry:samplers", .group = "sampling" },
  { "schedule", N_ ("Schedule"), "scheduler schedule type sigmas", N_ ("How the steps are spread over the noise levels."), VEL_PARAM_CHOICE,
    VEL_PARAM_NONE, .standard = "automatic", .choices = "registry:schedules", .group = "sampling" },
  { "seed", N_ ("Seed"), "random noise", N_ ("The number the noise grows from; unset, a new one each time."), VEL_PARAM_SEED, VEL_PARAM_NONE,
    .standard = "", .group = "sampling" },
  { "variation_seed", N_ ("Vary towards"), "variation seed subseed random noise", N_ ("Another seed to move towards; unset, a new one each time."),
    VEL_PARAM_SEED, VEL_PARAM_NONE, .standard = "", .group = "sampling" },
  { "variation_strength", N_ ("Vary by"), "variation strength subseed slerp", N_ ("How far the noise moves from the seed's to the variation seed's."),
    VEL_PARAM_REAL, VEL_PARAM_NONE, 0, 1, 0.01, .standard = "0", .group = "sampling" },
  { "seed_resize", N_ ("Seed of size"), "seed resize from",
    N_ ("The size of a picture whose noise is laid into the middle of this one, to keep its composition."), VEL_PARAM_TEXT, VEL_PARAM_NONE,
    .standard = "", .group = "sampling", .check = vel_seed_resize_check, .wanted = N_ ("a width and a height from 8 to 4096 as 512x768"),
    .unset = N_ ("This picture's own") },
  { "rng", N_ ("Noise source"), "random generator gpu philox", N_ ("Whose random numbers: PyTorch's on a CPU, or an NVIDIA card's."),
    VEL_PARAM_CHOICE, VEL_PARAM_NONE, .standard = "cpu", .choices = "cpu|nv|cuda:30|cuda:28|cuda:82|cuda:46|cuda:128|cuda:170",
    .group = "sampling", .check = vel_random_kind_check,
    .wanted = N_ ("cpu, nv, or a card with so many multiprocessors as cuda:SMS or cuda:SMSxTHREADS") },
  { "render_as", N_ ("Render as"), "compatibility program a1111 comfyui diffusers rules",
    N_ ("Whose rules hold where programs make different pictures of the same settings."), VEL_PARAM_CHOICE, VEL_PARAM_NONE,
    .standard = "a1111", .choices = "a1111|comfyui|diffusers", .group = "sampling" },
  { "eta", N_ ("Eta"), "ancestral noise multiplier", N_ ("How much fresh noise a step adds; unset, the sampler's own."), VEL_PARAM_REAL,
    VEL_PARAM_NONE, 0, 1, 0.05, .standard = "", .group = "sampling" },
  { "ensd", N_ ("Noise seed offset"), "ensd eta noise seed delta", N_ ("Added to the seed of the noise that steps add; 31337 is a known look."),
    VEL_PARAM_INT, VEL_PARAM_NONE, 0, 4294967295, 1, .standard = "0", .group = "sampling" },
  { "s_churn", N_ ("Churn"), "sigma churn stochasticity", N_ ("How much noise is added back before steps; unset, the sampler's own."),
    VEL_PARAM_REAL, VEL_PARAM_NONE, 0, 100, 0.5, .standard = "", .group = "sampling" },
  { "s_tmin", N_ ("Churn from"), "sigma tmin", N_ ("Lowest noise level at which churn acts; unset, the sampler's own."), VEL_PARAM_REAL,
    VEL_PARAM_NONE, 0, 1000, 0.05, 0, 10, "", .group = "sampling" },
  { "s_tmax", N_ ("Churn up to"), "sigma tmax", N_ ("Highest noise level at which churn acts; unset, the sampler's own."), VEL_PARAM_REAL,
    VEL_PARAM_NONE, 0, 1000, 0.5, 0, 100, "", .group = "sampling" },
  { "s_noise", N_ ("Noise strength"), "sigma noise", N_ ("Multiplies the noise that is added; unset, the sampler's own."), VEL_PARAM_REAL,
    VEL_PARAM_NONE, 0, 2, 0.005, 0.9, 1.1, "", .group = "sampling" },
  { "sigma_min", N_ ("Lowest noise level"), "schedule min sigma",
    N_ ("Where a schedule that spans the network's noise levels ends instead; 0 is the network's own."),
    VEL_PARAM_REAL, VEL_PARAM_NONE, 0, 1000, 0.01, 0, 1, "", .group = "sampling" },
  { "sigma_max", N_ ("Highest noise level"), "schedule max sigma",
    N_ ("Where a schedule that spans the network's noise levels begins instead; 0 is the network's own."),
    VEL_PARAM_REAL, VEL_PARAM_NONE, 0, 1000, 0.5, 0, 100, "", .group = "sampling" },
  { "discard_penultimate", N_ ("Discard last but one"), "always discard next-to-last penultimate sigma",
    N_ ("Leave out the last noise level above 0 of a schedule of one step more; some samplers always do."), VEL_PARAM_BOOL, VEL_PARAM_NONE,
    .standard = "false", .group = "sampling" },
  { "sgm_noise", N_ ("SGM noise"), "sgm noise multiplier sdxl",
    N_ ("Make the first noise as strong as XL's first program did: by the root of 1 + sigma² instead of sigma."),
    VEL_PARAM_BOOL, VEL_PARAM_NONE, .standard = "false", .group = "sampling" },

  { "init", N_ ("Start picture"), "image to image img2img", N_ ("The picture to start from instead of noise."), VEL_PARAM_FILE,
    VEL_PARAM_NONE, .standard = "", .group = "start" },
  { "strength", N_ ("Strength"), "denoising", N_ ("How far the result may move from the start picture."), VEL_PARAM_REAL, VEL_PARAM_NONE, 0,
    1, 0.01, .standard = "0.75", .group = "start" },
  { "resize", N_ ("Resizing"), "resize mode crop outpaint", N_ ("How a start picture of another size becomes as large as the picture."),
    VEL_PARAM_CHOICE, VEL_PARAM_NONE, .standard = "stretch", .choices = "fit|fill|stretch|latent", .group = "start" },
  { "mask", N_ ("Mask"), "inpaint repaint", N_ ("A picture that is white where the start picture is painted anew, and black where it stays."),
    VEL_PARAM_FILE, VEL_PARAM_NONE, .standard = "", .group = "start" },
  { "mask_blur", N_ ("Mask blur"), "inpaint feather edge", N_ ("How wide the mask's edge is; 0 keeps it sharp and lays nothing of the start over the result."),
    VEL_PARAM_INT, VEL_PARAM_NONE, 0, 64, 1, .standard = "4", .unit = N_ ("px"), .group = "start" },
  { "mask_invert", N_ ("Invert mask"), "inpaint mask mode not masked", N_ ("Paint where the mask is black instead."), VEL_PARAM_BOOL,
    VEL_PARAM_NONE, .standard = "false", .group = "start" },
  { "fill", N_ ("Mask content"), "inpaint masked content fill latent noise nothing", N_ ("What the masked part holds before it is painted; where a picture grows and nothing is chosen, colours from around."),
    VEL_PARAM_CHOICE, VEL_PARAM_NONE, .standard = "original", .choices = "original|fill|noise|nothing", .group = "start" },
  { "inpaint_area", N_ ("Mask area"), "inpaint area only masked whole picture full resolution",
    N_ ("Paint in the whole picture, or enlarge the masked part alone and put it back."), VEL_PARAM_CHOICE, VEL_PARAM_NONE,
    .standard = "whole", .choices = "whole|masked", .group = "start" },
  { "masked_padding", N_ ("Mask padding"), "only masked padding context", N_ ("How much around the masked part is taken along."), VEL_PARAM_INT,
    VEL_PARAM_NONE, 0, 1024, 1, 0, 256, "32", N_ ("px"), .group = "start" },
  { "mask_weight", N_ ("Mask weight"), "inpainting conditioning conditional mask strength",
    N_ ("How much of the start picture a model made for inpainting does not see under the mask; 1 hides all of it."), VEL_PARAM_REAL,
    VEL_PARAM_NONE, 0, 1, 0.01, .standard = "1", .group = "start" },
  { "soft_inpainting", N_ ("Soft inpainting"), "inpaint blend seamless differential diffusion",
    N_ ("The mask's greys say how much of the start stays, so that no edge shows; give the mask a wide blur."), VEL_PARAM_BOOL, VEL_PARAM_NONE,
    .standard = "false", .group = "start" },
  { "soft_bias", N_ ("Soft: schedule bias"), "soft inpainting schedule bias",
    N_ ("Above 1 the start is held on to in the first steps, below 1 in the last ones."), VEL_PARAM_REAL, VEL_PARAM_NONE, 0, 8, 0.1,
    .standard = "1", .group = "start" },
  { "soft_preservation", N_ ("Soft: preservation"), "soft inpainting preservation strength",
    N_ ("How strongly grey parts of the mask keep what is there."), VEL_PARAM_REAL, VEL_PARAM_NONE, 0, 8, 0.05, .standard = "0.5",
    .group = "start" },
  { "soft_boost", N_ ("Soft: contrast boost"), "soft inpainting transition contrast boost",
    N_ ("Gives grey parts of the mask the contrast back that mixing takes; much of it makes colours gaudy."), VEL_PARAM_REAL, VEL_PARAM_NONE,
    1, 32, 0.5, .standard = "4", .group = "start" },
  { "soft_influence", N_ ("Soft: mask influence"), "soft inpainting mask influence",
    N_ ("How much the mask, beside what has changed, decides where the start's own pixels stay."), VEL_PARAM_REAL, VEL_PARAM_NONE, 0, 1, 0.05,
    .standard = "0", .group = "start" },
  { "soft_threshold", N_ ("Soft: threshold"), "soft inpainting difference threshold",
    N_ ("How far a place may change until half of the start's own pixels are gone."), VEL_PARAM_REAL, VEL_PARAM_NONE, 0, 8, 0.25,
    .standard = "0.5", .group = "start" },
  { "soft_contrast", N_ ("Soft: edge"), "soft inpainting difference contrast",
    N_ ("How sudden the change from the start's own pixels to painted ones is."), VEL_PARAM_REAL, VEL_PARAM_NONE, 0, 8, 0.25,
    .standard = "2", .group = "start" },
  { "outpaint_left", N_ ("Grow left"), "outpaint outpainting extend expand canvas uncrop left",
    N_ ("How far the start picture grows to the left; how large the picture becomes follows from that."), VEL_PARAM_INT, VEL_PARAM_NONE, 0, 2048, 8, 0, 256, "0",
    N_ ("px"), .group = "start" },
  { "outpaint_right", N_ ("Grow right"), "outpaint outpainting extend expand canvas uncrop right",
    N_ ("How far the start picture grows to the right; how large the picture becomes follows from that."), VEL_PARAM_INT, VEL_PARAM_NONE, 0, 2048, 8, 0, 256, "0",
    N_ ("px"), .group = "start" },
  { "outpaint_top", N_ ("Grow up"), "outpaint outpainting extend expand canvas uncrop top",
    N_ ("How far the start picture grows upwards; how large the picture becomes follows from that."), VEL_PARAM_INT, VEL_PARAM_NONE, 0, 2048, 8, 0, 256, "0",
    N_ ("px"), .group = "start" },
  { "outpaint_bottom", N_ ("Grow down"), "outpaint outpainting extend expand canvas uncrop bottom",
    N_ ("How far the start picture grows downwards; how large the picture becomes follows from that."), VEL_PARAM_INT, VEL_PARAM_NONE, 0, 2048, 8, 0, 256, "0",
    N_ ("px"), .group = "start" },
  { "noise_multiplier", N_ ("Noise multiplier"), "initial noise multiplier img2img",
    N_ ("How many times the usual noise is laid over the start picture; less keeps it calmer, more adds detail."), VEL_PARAM_REAL, VEL_PARAM_NONE,
    0, 1.5, 0.01, .standard = "1", .group = "start" },
  { "extra_noise", N_ ("Extra noise"), "img2img hires extra noise multiplier detail",
    N_ ("Noise besides that which a step expects, over a start picture and before a second pass: it becomes detail."), VEL_PARAM_REAL,
    VEL_PARAM_NONE, 0, 1, 0.01, .standard = "0", .group = "start" },
  { "exact_steps", N_ ("Exact steps"), "img2img fix steps",
    N_ ("Run as many steps as asked for, whatever the strength; else strength says how many of them are run."), VEL_PARAM_BOOL,
    VEL_PARAM_NONE, .standard = "false", .group = "start" },

  { "hires", N_ ("Enlarge by"), "hires fix upscale scale second pass", N_ ("Paints a second time in so many times the size; unset, not at all."),
    VEL_PARAM_REAL, VEL_PARAM_NONE, 1, 8, 0.05, 1, 4, "", .group = "hires", .unset = N_ ("Off") },
  { "hires_upscaler", N_ ("Enlarging"), "hires fix upscaler latent lanczos nearest esrgan", N_ ("How the first picture is enlarged before it is painted on."),
    VEL_PARAM_CHOICE, VEL_PARAM_NONE, .standard = "latent",
    .choices = "latent|latent-antialiased|latent-bicubic|latent-bicubic-antialiased|latent-nearest|latent-nearest-exact|lanczos|nearest",
    .group = "hires", .check = vel_upscalers_check, .more = vel_upscalers_list_names,
    .wanted = N_ ("latent, latent-antialiased, latent-bicubic, latent-bicubic-antialiased, latent-nearest, latent-nearest-exact, lanczos, nearest, or the "
                  "name or file of a network as `velatura list upscalers` has them") },
  { "hires_steps", N_ ("Steps"), "hires steps", N_ ("How many steps the second pass runs; unset, as many as the first."), VEL_PARAM_INT,
    VEL_PARAM_NONE, 1, 150, 1, 1, 60, "", .group = "hires" },
  { "hires_strength", N_ ("Strength"), "hires denoising", N_ ("How far the second pass may move from the enlarged picture."), VEL_PARAM_REAL,
    VEL_PARAM_NONE, 0.01, 1, 0.01, .standard = "0.7", .group = "hires" },
  { "hires_resize", N_ ("Enlarge to"), "hires fix resize", N_ ("A size in place of the factor; where it is of other proportions the picture is cut."),
    VEL_PARAM_TEXT, VEL_PARAM_NONE, .standard = "", .group = "hires", .check = vel_hires_check_size,
    .wanted = N_ ("a width and a height up to 8192 as 1024x1536, where one of them may be 0"), .unset = N_ ("As the factor says") },
  { "hires_sampler", N_ ("Sampler"), "hires sampler", N_ ("The second pass's sampler; unset, the first one's."), VEL_PARAM_CHOICE,
    VEL_PARAM_NONE, .standard = "", .choices = "registry:samplers", .group = "hires" },
  { "hires_schedule", N_ ("Schedule"), "hires schedule type", N_ ("The second pass's schedule; unset, the first one's."), VEL_PARAM_CHOICE,
    VEL_PARAM_NONE, .standard = "", .choices = "registry:schedules", .group = "hires" },
  { "hires_prompt", N_ ("Prompt"), "hires prompt", N_ ("What the second pass should show; unset, the same."), VEL_PARAM_TEXT,
    VEL_PARAM_MULTILINE, .standard = "", .group = "hires", .unset = N_ ("As in the first pass") },
  { "hires_negative", N_ ("Without"), "hires negative prompt", N_ ("What the second pass should not show; unset, the same."),
    VEL_PARAM_TEXT, VEL_PARAM_MULTILINE, .standard = "", .group = "hires", .unset = N_ ("As in the first pass") },

  { "device", N_ ("Device"), "cpu gpu", N_ ("Where to compute."), VEL_PARAM_CHOICE, VEL_PARAM_HIDDEN | VEL_PARAM_TECHNICAL,
    .standard = "auto", .choices = "auto|cpu|cuda|cuda:0|cuda:1|cuda:2|cuda:3|cuda:4|cuda:5|cuda:6|cuda:7", .group = "output" },
  { "device2", N_ ("Second device"), "gpu multi", N_ ("Where one half of guidance is computed at the same time; unset, on the first device."),
    VEL_PARAM_TEXT, VEL_PARAM_HIDDEN | VEL_PARAM_TECHNICAL, .standard = "", .group = "output" },
  { "precision", N_ ("Precision"), "float", N_ ("Arithmetic of the networks; fp32 is the exact reference."), VEL_PARAM_CHOICE,
    VEL_PARAM_HIDDEN, .standard = "auto", .choices = "auto|fp32|bf16|fp16", .group = "output" },
  { "memory", N_ ("Memory"), "vram bytes", N_ ("How many bytes of a card's memory to use at most, or on the processor to decode within; 0 uses what is free."), VEL_PARAM_INT,
    VEL_PARAM_HIDDEN | VEL_PARAM_TECHNICAL, 0, 1e15, 1, .standard = "0", .group = "output" },
  { "threads", N_ ("Threads"), "cores", N_ ("How many processor cores to use; 0 uses all."), VEL_PARAM_INT,
    VEL_PARAM_HIDDEN | VEL_PARAM_TECHNICAL, 0, 1024, 1, .standard = "0", .group = "output" },
  { "output", N_ ("Output"), "file path", N_ ("Where the picture goes; unset, into the history."), VEL_PARAM_FILE,
    VEL_PARAM_HIDDEN | VEL_PARAM_TECHNICAL, .standard = "", .group = "output" },
};

static gboolean
has_row (const GArray *table, const char *name)
{
  for (guint i = 0; i < table->len; i++)
    if (g_str_equal (g_array_index (table, VelParam, i).name, name))
      return TRUE;
  return FALSE;
}

static void
add_plugin_params (GArray *table, const VelPluginParam *params)
{
  for (; params != NULL && params->name != NULL; params++) {
    VelParam row = vel_plugin_param_to_row (params);

    if (!has_row (table, row.name))
      g_array_append_val (table, row);
  }
}

static gpointer
make_table (gpointer data)
{
  GArray *table = g_array_new (TRUE, TRUE, sizeof (VelParam));
  g_autofree const char **samplers = vel_registry_list (VEL_REGISTRY_SAMPLERS);
  g_autofree const char **schedules = vel_registry_list (VEL_REGISTRY_SCHEDULES);

  g_array_append_vals (table, fixed, G_N_ELEMENTS (fixed));
  for (gsize i = 0; samplers[i] != NULL; i++)
    add_plugin_params (table, vel_registry_find_sampler (samplers[i])->params);
  for (gsize i = 0; schedules[i] != NULL; i++) { /* "automatic" is no plugin */
    const VelSchedule *schedule = vel_registry_find_schedule (schedules[i]);

    add_plugin_params (table, schedule != NULL ? schedule->params : NULL);
  }
  return g_array_free (table, FALSE); /* ends with a row of zeros */
}

const VelParam *
vel_request_get_table (void)
{
  static GOnce once = G_ONCE_INIT;

  return g_once (&once, make_table, NULL);
}

VelValues *
vel_request_new (void)
{
  return vel_values_new (vel_request_get_table ());
}
