/* debug noise, brownian and sigmas: small tensors, written to a file.
 * SPDX-License-Identifier: Apache-2.0 */
#include "app/debug.h"

#include <gio/gio.h>
#include <glib/gi18n.h>
#include <math.h>
#include <string.h>

#include "app/flags.h"
#include "engine/formats/safetensors.h"
#include "engine/registry.h"
#include "engine/sampling/brownian.h"
#include "engine/sampling/noise-levels.h"
#include "engine/tensor/random.h"

/* A sheet: tensors made one after the other and written together, a GArray of VelTensorOut. */

static void
clear_out (gpointer data)
{
  VelTensorOut *out = data;

  g_free ((char *) out->name);
  g_free ((void *) out->data);
}

static GArray *
sheet_new (void)
{
  GArray *sheet = g_array_new (FALSE, FALSE, sizeof (VelTensorOut));

  g_array_set_clear_func (sheet, clear_out);
  return sheet;
}

/* name: (transfer full). Returns: borrowed memory for the shape's floats, to be filled */
static float *
sheet_add (GArray *sheet, char *name, VelShape shape)
{
  VelTensorOut out = { name, VEL_F32, shape, g_new (float, vel_shape_count (shape)) };

  g_array_append_val (sheet, out);
  return (float *) out.data;
}

/* All but the first have to be said. Returns: an exit status, or < 0 to go on */
static int
read_options (const VelUsage *usage, VelValues *options, int argc, char **argv)
{
  g_autoptr (VelFlags) flags = vel_flags_new (usage, options, NULL);
  const VelParam *table = vel_values_get_table (options);
  int status;

  if ((status = vel_flags_read (flags, argc, argv)) >= 0 || (status = vel_flags_refuse_words (flags)) >= 0)
    return status;
  for (guint i = 1; table[i].name; i++)
    if (!vel_values_is_set (options, table[i].name))
      return vel_verb_misused ("%s needs --%s", usage->verb, table[i].name);
  return -1;
}

static VelRandomKind
random_kind (VelValues *options)
{
  VelRandomKind kind;

  if (!vel_random_kind_parse (vel_values_get (options, "rng"), &kind))
    g_assert_not_reached ();
  return kind;
}

static VelExit
sheet_write (GArray *sheet, const char *path)
{
  g_autoptr (GError) error = NULL;

  if (!vel_safetensors_write (path, (const VelTensorOut *) sheet->data, sheet->len, NULL, &error))
    return vel_verb_fail (error);
  return VEL_EXIT_DONE;
}

/* noise */

#define MAX_VALUES (64 << 20)

static const VelParam noise_table[] = {
  { "rng", N_ ("Noise source"), "", N_ ("Which program's noise."), VEL_PARAM_CHOICE, .standard = "cpu", .choices = "cpu|nv",
    .check = vel_random_kind_check, .wanted = N_ ("cpu, nv, or a card with so many multiprocessors as cuda:SMS or cuda:SMSxTHREADS") },
  { "seed", N_ ("Seed"), "", N_ ("Where the stream begins."), VEL_PARAM_SEED, .standard = "" },
  { "shapes", N_ ("Shapes"), "", N_ ("Sides of each tensor, drawn in turn: \"4,8,8;4,8,8\"."), VEL_PARAM_TEXT, .standard = "" },
  { "output", N_ ("Output"), "", N_ ("The tensor file to write."), VEL_PARAM_FILE, .standard = "" },
  { NULL },
};

static const VelUsage noise_usage = { "debug noise", "--seed N --shapes \"4,8,8;…\" --output FILE [options]",
                                      N_ ("Writes noise.000, noise.001, … drawn from one generator.") };

static gboolean
parse_shape (const char *text, VelShape *shape)
{
  g_auto (GStrv) sides = g_strsplit (text, ",", -1);
  gint64 count = 1;

  *shape = (VelShape) { 0 };
  for (guint i = 0; sides[i]; i++) {
    guint64 side;

    if (i == VEL_MAX_AXES || !g_ascii_string_to_unsigned (g_strstrip (sides[i]), 10, 1, MAX_VALUES, &side, NULL))
      return FALSE;
    count *= side;
    if (count > MAX_VALUES)
      return FALSE;
    shape->size[shape->n++] = side;
  }
  return shape->n > 0;
}

/* Returns: an exit status, or < 0 to go on */
static int
read_shape (const char *text, VelShape *shape)
{
  if (parse_shape (text, shape))
    return -1;
  return vel_verb_misused ("“%s” is no shape of at most %d axes and %d values, like 4,8,8", text, VEL_MAX_AXES, MAX_VALUES);
}

VelExit
vel_debug_noise (int argc, char **argv)
{
  g_autoptr (VelValues) options = vel_values_new (noise_table);
  g_autoptr (GArray) sheet = sheet_new ();
  g_auto (GStrv) shapes = NULL;
  VelRandom random;
  int status;

  if ((status = read_options (&noise_usage, options, argc, argv)) >= 0)
    return status;
  vel_random_init (&random, random_kind (options), vel_values_get_seed (options, "seed"));
  shapes = g_strsplit (vel_values_get (options, "shapes"), ";", -1);
  for (guint i = 0; shapes[i]; i++) {
    VelShape shape;

    if ((status = read_shape (shapes[i], &shape)) >= 0)
      return status;
    vel_random_normal (&random, sheet_add (sheet, g_strdup_printf ("noise.%03u", i), shape), vel_shape_count (shape));
  }
  return sheet_write (sheet, vel_values_get (options, "output"));
}

/* brownian */

static const VelParam brownian_table[] = {
  { "rng", N_ ("Noise source"), "", N_ ("Which program's noise."), VEL_PARAM_CHOICE, .standard = "cpu", .choices = "cpu|nv",
    .check = vel_random_kind_check, .wanted = N_ ("cpu, nv, or a card with so many multiprocessors as cuda:SMS or cuda:SMSxTHREADS") },
  { "seed", N_ ("Seed"), "", N_ ("Where the path begins."), VEL_PARAM_SEED, .standard = "" },
  { "shape", N_ ("Shape"), "", N_ ("Sides of each tensor: \"4,8,8\"."), VEL_PARAM_TEXT, .standard = "" },
  { "sigmas", N_ ("Noise levels"), "", N_ ("The path spans the lowest above 0 to the highest of them: \"14.6,3,0.1\"."), VEL_PARAM_TEXT,
    .standard = "" },
  { "pairs", N_ ("Pairs"), "", N_ ("Steps, each from one of the noise levels to another, counted from 0: \"0:1,1:2\"."), VEL_PARAM_TEXT,
    .standard = "" },
  { "output", N_ ("Output"), "", N_ ("The tensor file to write."), VEL_PARAM_FILE, .standard = "" },
  { NULL },
};

static const VelUsage brownian_usage = { "debug brownian", "--seed N --shape 4,8,8 --sigmas A,B,… --pairs I:J,… --output FILE [options]",
                                         N_ ("Writes noise.000, noise.001, … of steps along one Brownian path.") };

/* Returns: (transfer full) (element-type double); NULL if the text is no list of numbers from 0 on */
static GArray *
parse_levels (const char *text)
{
  g_auto (GStrv) words = g_strsplit (text, ",", -1);
  g_autoptr (GArray) levels = g_array_new (FALSE, FALSE, sizeof (double));

  for (guint i = 0; words[i]; i++) {
    char *end;
    double level = g_ascii_strtod (g_strstrip (words[i]), &end);

    if (end == words[i] || *end || !(level >= 0 && level <= 1e6))
      return NULL;
    g_array_append_val (levels, level);
  }
  return g_steal_pointer (&levels);
}

/* "2:3" to two different levels above 0 */
static gboolean
parse_pair (const char *text, const GArray *levels, double *from, double *to)
{
  g_auto (GStrv) ends = g_strsplit (text, ":", -1);
  guint64 i, j;

  if (levels->len == 0 || g_strv_length (ends) != 2 || !g_ascii_string_to_unsigned (g_strstrip (ends[0]), 10, 0, levels->len - 1, &i, NULL)
      || !g_ascii_string_to_unsigned (g_strstrip (ends[1]), 10, 0, levels->len - 1, &j, NULL))
    return FALSE;
  *from = g_array_index (levels, double, i);
  *to = g_array_index (levels, double, j);
  return (float) *from != (float) *to && *from > 0 && *to > 0;
}

static void
init_path (VelBrownian *path, VelValues *options, const GArray *levels)
{
  double low = HUGE_VAL, high = 0;

  for (guint i = 0; i < levels->len; i++) {
    double level = g_array_index (levels, double, i);

    low = level > 0 ? MIN (low, level) : low;
    high = MAX (high, level);
  }
  vel_brownian_init (path, random_kind (options), vel_values_get_seed (options, "seed"), low, high);
}

VelExit
vel_debug_brownian (int argc, char **argv)
{
  g_autoptr (VelValues) options = vel_values_new (brownian_table);
  g_autoptr (GArray) sheet = sheet_new ();
  g_autoptr (GArray) levels = NULL;
  g_auto (GStrv) pairs = NULL;
  VelBrownian path;
  VelShape shape;
  int status;

  if ((status = read_options (&brownian_usage, options, argc, argv)) >= 0)
    return status;
  if ((status = read_shape (vel_values_get (options, "shape"), &shape)) >= 0)
    return status;
  if (!(levels = parse_levels (vel_values_get (options, "sigmas"))))
    return vel_verb_misused ("“%s” is no list of noise levels, like 14.6,3,0.1", vel_values_get (options, "sigmas"));
  init_path (&path, options, levels);
  pairs = g_strsplit (vel_values_get (options, "pairs"), ",", -1);
  for (guint i = 0; pairs[i]; i++) {
    gsize count = (gsize) vel_shape_count (shape);
    double from, to;
    float *noise;

    if (!parse_pair (pairs[i], levels, &from, &to))
      return vel_verb_misused ("“%s” is no pair of two different noise levels above 0, like 0:1", pairs[i]);
    noise = sheet_add (sheet, g_strdup_printf ("noise.%03u", i), shape);
    vel_brownian_step (&path, from, to, noise, count);
    memcpy (sheet_add (sheet, g_strdup_printf ("noise.%u", i), shape), noise, count * sizeof *noise); /* some look for it so */
  }
  return sheet_write (sheet, vel_values_get (options, "output"));
}

/* sigmas */

#define MAX_STEPS 10000

static const VelParam sigmas_table[] = {
  { "schedule", N_ ("Schedule"), "", N_ ("How the noise levels are spaced."), VEL_PARAM_CHOICE, .standard = "normal", .choices = "registry:schedules" },
  { "steps", N_ ("Steps"), "", N_ ("Numbers of steps, one tensor each: \"10,20\"."), VEL_PARAM_TEXT, .standard = "" },
  { "output", N_ ("Output"), "", N_ ("The tensor file to write."), VEL_PARAM_FILE, .standard = "" },
  { NULL },
};

static const VelUsage sigmas_usage = { "debug sigmas", "--schedule ID --steps N,M,… --output FILE",
                                       N_ ("Writes sigmas.N, N + 1 falling noise levels, for the training noise of Stable Diffusion.") };

VelExit
vel_debug_sigmas (int argc, char **argv)
{
  g_autoptr (VelValues) options = vel_values_new (sigmas_table);
  g_autoptr (GArray) sheet = sheet_new ();
  g_auto (GStrv) counts = NULL;
  const VelSchedule *schedule;
  int status;

  if ((status = read_options (&sigmas_usage, options, argc, argv)) >= 0)
    return status;
  if (!(schedule = vel_registry_find_schedule (vel_values_get (options, "schedule"))))
    return vel_verb_misused ("“%s” stands for each sampler's own schedule; debug sigmas needs to know which", vel_values_get (options, "schedule"));
  counts = g_strsplit (vel_values_get (options, "steps"), ",", -1);
  for (guint i = 0; counts[i]; i++) {
    g_autofree double *sigmas = NULL;
    guint64 n;
    unsigned count;
    float *out;

    if (!g_ascii_string_to_unsigned (g_strstrip (counts[i]), 10, 1, MAX_STEPS, &n, NULL))
      return vel_verb_misused ("“%s” is no number of steps from 1 to %d", counts[i], MAX_STEPS);
    count = vel_noise_levels_count (vel_noise_levels_sd (), schedule, NULL, n);
    sigmas = g_new (double, count + 1);
    schedule->sigmas (vel_noise_levels_sd (), NULL, n, sigmas);
    out = sheet_add (sheet, g_strdup_printf ("sigmas.%u", (guint) n), VEL_SHAPE (count + 1));
    for (unsigned j = 0; j <= count; j++)
      out[j] = sigmas[j];
  }
  return sheet_write (sheet, vel_values_get (options, "output"));
}
