/* The plugin ABI: what a shared object exports to become a sampler, a schedule or a preprocessor of Velatura.
 * SPDX-License-Identifier: Apache-2.0
 *
 * C, no library but libc. A module exports one of
 *     const VelSampler  vel_sampler;
 *     const VelSchedule vel_schedule;
 *     const VelPreprocessor vel_preprocessor;
 * The first member is always VEL_PLUGIN_ABI; a module built for another number is named and left out.
 * Members are only ever added at the end of a struct together with a new number. Strings are UTF-8 and live as long as the module.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define VEL_PLUGIN_ABI 4
#define VEL_PLUGIN_EXPORT __attribute__ ((visibility ("default")))

/* Since 3. What a number stands for. */
typedef enum {
  VEL_PLUGIN_REAL,
  VEL_PLUGIN_WHOLE,  /* 1, 2, 3 */
  VEL_PLUGIN_YES_NO, /* 1 or 0 */
  VEL_PLUGIN_CHOICE, /* 0, 1, 2 ...: the place of a name in `choices` */
} VelPluginKind;

/* A number a person may set: one row becomes an option of the command line, a row of the window, an entry of the recipe. Where two plugins
 * have one of the same name it is one option, in which each keeps its own default. */
typedef struct {
  const char *name;  /* "eta" */
  const char *label; /* "Eta" */
  const char *help;  /* a sentence */
  double minimum, maximum, standard;
  VelPluginKind kind;  /* since 3 */
  const char *choices; /* since 3: "bh1|bh2", or NULL */
} VelPluginParam;

typedef struct VelRun VelRun;       /* one sampling run, owned by the host */
typedef struct VelTensor VelTensor; /* a latent, on whatever device the host uses; opaque here */

/* What the host does for a sampler. Tensors made here live until the run ends. */
typedef struct {
  uint32_t abi;

  /* A tensor shaped like x, contents undefined. */
  VelTensor *(*new_like) (VelRun *run, const VelTensor *x);

  /* The network's guess of the clean latent behind x at noise level sigma, guidance and control included.
   * Asking about the tensor that was handed to `run` begins its next step: progress, preview and trace follow from that.
   * False: cancelled or failed; return false at once. */
  bool (*denoise) (VelRun *run, VelTensor *out, VelTensor *x, double sigma);

  /* out = sum of weights[i] * terms[i], n <= 8; out may be one of the terms. */
  void (*combine) (VelRun *run, VelTensor *out, unsigned n, const double *weights, VelTensor *const *terms);

  /* The next unit noise of each picture's own stream, in the order the reference programs draw it. */
  void (*noise) (VelRun *run, VelTensor *out);

  /* A param of this sampler by its name, as the person set it. */
  double (*param) (VelRun *run, const char *name);

  /* Since 2. The unit noise of a step between two different noise levels, on a Brownian path of each picture's own: the same whatever
   * steps are taken along it. Both levels are above 0 and among those of the run, or between them. */
  void (*brownian) (VelRun *run, VelTensor *out, double sigma_from, double sigma_to);

  /* Since 2. How far two guesses of one step are apart: the root of the mean square of
   * (a - b) / max (absolute, relative * max (|a|, |before|)) over all values. */
  double (*distance) (VelRun *run, const VelTensor *a, const VelTensor *b, const VelTensor *before, double absolute, double relative);

  /* Since 3. The training timestep of a noise level, and back: exact for those of the network's table, in between log sigma is linear in t.
   * Both ends hold beyond them: 0 is timestep 0, and timestep 0 is the lowest level of the table. */
  double (*sigma_to_t) (VelRun *run, double sigma);
  double (*t_to_sigma) (VelRun *run, double t);
} VelSamplerHost;

typedef enum {
  VEL_SAMPLER_NONE = 0,
  VEL_SAMPLER_VARIANCE_PRESERVING = 1 << 0, /* x is scaled by 1/sqrt (1 + sigma^2), as DDIM's papers have it; the host converts */
  VEL_SAMPLER_OWN_TIMESTEPS = 1 << 1,       /* sigmas are those of DDIM's evenly spaced timesteps, whatever the schedule; the last is not 0 */
  VEL_SAMPLER_DISCARD_PENULTIMATE = 1 << 2, /* takes the schedule of one step more without its last but one sigma */
  VEL_SAMPLER_ANCESTRAL = 1 << 3,           /* adds noise on the way */
  VEL_SAMPLER_OWN_STEPS = 1 << 4,           /* since 2: takes as many steps as it finds necessary, not n_steps */
  VEL_SAMPLER_TWO_CALLS = 1 << 5,           /* since 2: asks twice a step; a prompt that changes counts both, as A1111 does ("second_order") */
  VEL_SAMPLER_OWN_SCHEDULE = 1 << 6,        /* since 3: "automatic" means `schedule` whichever program's rules hold: its networks learned no other levels */
} VelSamplerFlags;

typedef struct {
  uint32_t abi;
  const char *id;      /* "dpmpp_2m" */
  const char *label;   /* "DPM++ 2M", as A1111 writes it */
  const char *aliases; /* other spellings, separated by '|', or NULL */
  const char *help;    /* one sentence for a person choosing, or NULL */
  uint32_t flags;      /* VelSamplerFlags */
  const char *schedule; /* id of the schedule that "automatic" means here, or NULL: "normal" */
  const VelPluginParam *params; /* ends with a row whose name is NULL; or NULL */
  /* x: in, the noisy start at sigmas[0]; out, the clean latent.  sigmas: n_steps + 1 values, falling.
   * Returns false only if the host did. */
  bool (*run) (const VelSamplerHost *host, VelRun *run, VelTensor *x, const double *sigmas, unsigned n_steps);
} VelSampler;

/* The noise levels a network was trained on. */
typedef struct {
  uint32_t abi;
  double sigma_min, sigma_max;
  unsigned n_table;     /* 1000 */
  const double *table;  /* sigma of timestep 0 .. n_table - 1, rising */
  double (*t_to_sigma) (const void *model, double t); /* linear in log sigma between entries */
  double (*sigma_to_t) (const void *model, double sigma);
  const void *model;
  const char *family;   /* since 2: "sd1", "sdxl", whose network this is, for schedules that are tuned for one; or NULL */
} VelNoiseLevels;

typedef struct {
  uint32_t abi;
  const char *id;      /* "karras" */
  const char *label;   /* "Karras" */
  const char *aliases; /* or NULL */
  const char *help;    /* or NULL */
  const VelPluginParam *params; /* or NULL */
  /* Writes n_steps + 1 falling sigmas, the last one 0, or more where the noise is not to vanish.  params: in the order of the table
   * above, or NULL. */
  void (*sigmas) (const VelNoiseLevels *levels, const double *params, unsigned n_steps, double *sigmas);
  /* Since 2. How many steps are taken when n_steps are asked for, at least 1: `sigmas` writes one more.  NULL: n_steps. */
  unsigned (*count) (const VelNoiseLevels *levels, const double *params, unsigned n_steps);
} VelSchedule;

/* Since 4. A picture to prepare: rows from the top, without gaps. Each side is 1 to 16384, and there are at most 64 Mi pixels. */
typedef struct {
  uint32_t width, height;
  const uint8_t *rgb;  /* [height, width, 3] */
  const uint8_t *mask; /* [height, width], light where the picture is to be painted anew; or NULL */
} VelPluginPicture;

typedef struct VelPreparation VelPreparation; /* one picture being prepared, owned by the host */

/* Since 4. What the host does for a preprocessor. */
typedef struct {
  uint32_t abi;

  /* A param of this preprocessor by its name, as the person set it. */
  double (*param) (VelPreparation *run, const char *name);

  /* count values of size bytes, all zero, which live until the run ends. NULL: there is not enough, which the host then says; return false
   * at once. malloc is as good for a plugin that frees what it took. */
  void *(*memory) (VelPreparation *run, size_t count, size_t size);

  /* To be asked every few rows. done: 0 .. 1, for the progress. False: cancelled; return false at once. */
  bool (*proceed) (VelPreparation *run, double done);

  /* Why false will be returned, for a person: what is wrong and what is wanted, in half a sentence. It is copied. */
  void (*fail) (VelPreparation *run, const char *sentence);
} VelPreprocessorHost;

typedef enum {
  VEL_PREPROCESSOR_NONE = 0,
  VEL_PREPROCESSOR_MARKS = 1 << 0, /* `run` gets `marks` to write, else NULL */
} VelPreprocessorFlags;

/* Since 4. Makes of a picture the hint that a control network was trained on, such as its edges. The same bytes for the same picture, mask
 * and params, always; any thread, several at once. */
typedef struct {
  uint32_t abi;
  const char *id;      /* "canny" */
  const char *label;   /* "Canny" */
  const char *aliases; /* the names of sd-webui-controlnet's modules among them; or NULL */
  const char *help;    /* or NULL */
  uint32_t flags;      /* VelPreprocessorFlags */
  const VelPluginParam *params; /* or NULL */
  /* Changes width and height, at first the picture's, to those of the hint: within the limits of a picture. NULL: as large as the picture. */
  void (*size) (const VelPreprocessorHost *host, VelPreparation *run, const VelPluginPicture *picture, uint32_t *width, uint32_t *height);
  /* Writes the hint, [height, width, 3] of that size, and the marks, [height, width], 255 for what the network is to be told nothing of.
   * Both are zero at first. */
  bool (*run) (const VelPreprocessorHost *host, VelPreparation *run, const VelPluginPicture *picture, uint8_t *rgb, uint8_t *marks);
} VelPreprocessor;
