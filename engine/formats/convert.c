/* A model in another type and container: a plan first, then tensor after tensor.  SPDX-License-Identifier: Apache-2.0 */
#include "config.h"

#include "engine/formats/convert.h"

#include "engine/error.h"
#include "engine/formats/convert-layout.h"
#include "engine/formats/float8-scales.h"
#include "engine/formats/float8.h"
#include "engine/formats/gguf-blocks.h"
#include "engine/formats/shown.h"
#include "engine/formats/tensor-file-reader.h"
#include "engine/formats/tensor-plan.h"
#include "kernels/half.h"

#include <glib/gi18n-lib.h>
#include <math.h>
#include <string.h>

/* A tensor to be written. `stored` also where its own type stays. */
typedef enum { AS_STORED, AS_F32, AS_F16, AS_BF16, AS_F8, AS_Q8_0 } Form;

static const char *const dtypes[] = { NULL, "F32", "F16", "BF16", "F8_E4M3", "Q8_0" };

typedef struct {
  VelWeights *weights;
  const VelConvert *how;
  GCancellable *cancellable;
  VelTensorPlan *plan;
  GPtrArray *written; /* VelWritten, of each */
  Form *forms;
  gboolean bare; /* a part alone: without the prefix that it has in a whole model */
  gsize count, n_done;
  void *out; /* the tensor in its new form */
} Job;

static gboolean
is_floating (const VelTensorEntry *entry)
{
  const VelTensorType *type = vel_tensor_type_find (entry->dtype);

  return entry->decode || (type && type->known && type->type <= VEL_F64); /* with any number of axes */
}

static guint64
count_elements (const VelTensorEntry *entry)
{
  guint64 count = 1;

  for (guint i = 0; i < entry->n_axes; i++)
    count *= entry->axes[i];
  return count;
}

/* Whether 8 bits are enough for it: norms, biases and the VAE are small, and much depends on them. */
static gboolean
is_sturdy (const char *name, const VelTensorEntry *entry)
{
  return entry->n_axes >= 2 && !g_str_has_prefix (name, "first_stage_model.");
}

/* What stays as it is keeps its type, unless it is one that only an 8-bit file has. */
static Form
choose_form (const VelConvert *how, const char *name, const VelTensorEntry *entry)
{
  static const Form plain[] = { AS_F32, AS_F16, AS_BF16 };

  if (!is_floating (entry))
    return AS_STORED;
  if (how->type <= VEL_CONVERT_BF16)
    return plain[how->type];
  if (how->type == VEL_CONVERT_FP8 && is_sturdy (name, entry))
    return AS_F8;
  if (how->type == VEL_CONVERT_Q8_0 && is_sturdy (name, entry) && entry->axes[entry->n_axes - 1] % VEL_BLOCK == 0)
    return AS_Q8_0;
  return entry->decode ? AS_F16 : AS_STORED;
}

static guint64
form_bytes (Form form, const VelTensorEntry *entry)
{
  guint64 count = count_elements (entry);

  switch (form) {
  case AS_F32:
    return count * 4;
  case AS_F16:
  case AS_BF16:
    return count * 2;
  case AS_F8:
    return count;
  case AS_Q8_0:
    return count / VEL_BLOCK * VEL_Q8_0_BYTES;
  default:
    return entry->bytes;
  }
}

/* One for all parts of a tensor that is made of several. */
static Form
choose_form_of (const Job *job, const VelWritten *written)
{
  const VelTensorEntry *first = vel_weights_find (job->weights, written->parts[0]);
  Form form = choose_form (job->how, written->parts[0], first);

  for (guint i = 1; i < written->n_parts; i++)
    if (!g_str_equal (vel_weights_find (job->weights, written->parts[i])->dtype, first->dtype) && form == AS_STORED)
      form = AS_F32;
  if (written->transposed && (form == AS_STORED || (form == AS_Q8_0 && written->axes[1] % VEL_BLOCK != 0)))
    form = AS_F16; /* rows and columns change places number by number */
  return form;
}

static guint64
bytes_of (const Job *job, const VelWritten *written, Form form)
{
  guint64 bytes = 0;

  for (guint i = 0; i < written->n_parts; i++)
    bytes += form_bytes (form, vel_weights_find (job->weights, written->parts[i]));
  return bytes;
}

/* Programs read a part's file without the prefix that its names have in a whole model; a file that has it keeps it. */
static gboolean
is_bare (VelWeights *weights)
{
  guint n = 0;

  for (VelPartKind kind = 0; kind < VEL_N_PARTS; kind++)
    n += vel_weights_has_part (weights, kind);
  return n == 1 && vel_weights_are_translated (weights) && !vel_weights_get_text_width (weights, VEL_COMPONENT_TEXT_ENCODER_2);
}

static const char *
name_to_write (const Job *job, const char *name)
{
  static const char *const layouts[] = { "transformer.text_model.", "transformer.text_projection.", "model." };

  for (VelComponent c = 0; job->bare && c < VEL_N_COMPONENTS; c++) {
    const char *rest = name + strlen (vel_component_get_prefix (c));

    if (!g_str_has_prefix (name, vel_component_get_prefix (c)))
      continue;
    for (guint i = 0; c >= VEL_COMPONENT_TEXT_ENCODER && i < G_N_ELEMENTS (layouts); i++)
      if (g_str_has_prefix (rest, layouts[i]))
        return strchr (rest, '.') + 1;
    return rest;
  }
  return name;
}

static gboolean
plan_tensor (Job *job, const char *name, GError **error)
{
  const VelTensorEntry *entry = vel_weights_find (job->weights, name);
  VelWritten *written = vel_float8_scale_is_name (name) ? NULL : vel_written_new (job->weights, name);
  Form form = written ? choose_form_of (job, written) : AS_STORED;
  const char *dtype = form == AS_STORED ? entry->dtype : dtypes[form];
  g_autofree char *shown = vel_shown (name);

  if (!written)
    return TRUE;
  g_ptr_array_add (job->written, written);
  if (form == AS_STORED && (entry->element == 0 || !vel_tensor_type_find (dtype) || vel_tensor_type_find (dtype)->foreign)) {
    g_set_error (error, VEL_ERROR, VEL_ERROR_FORMAT, _ ("tensor “%s” can not be converted: it is stored as %s"), shown, dtype);
    return FALSE;
  }
  if (job->how->type == VEL_CONVERT_Q8_0 && (!vel_gguf_has_type (dtype) || entry->n_axes > 4)) {
    g_set_error (error, VEL_ERROR, VEL_ERROR_FORMAT,
                 _ ("tensor “%s” can not be converted: it is stored as %s with %u axes, which a GGUF file does not have"), shown, dtype,
                 entry->n_axes);
    return FALSE;
  }
  job->forms[job->count] = form;
  job->plan[job->count++] =
      (VelTensorPlan){ name_to_write (job, written->name), dtype, written->n_axes, written->axes, bytes_of (job, written, form) };
  return TRUE;
}

/* Element i, such that rounding it once more to 16 or 8 bits is as if the stored number had been rounded in one go. */
static float
element (const VelTensorEntry *entry, gsize i)
{
  switch (entry->type) {
  case VEL_F16:
    return vel_half_to_float (((const guint16 *) entry->data)[i]);
  case VEL_BF16:
    return vel_bfloat_to_float (((const guint16 *) entry->data)[i]);
  case VEL_F64:
    return vel_float_round_to_odd (((const double *) entry->data)[i]);
  default:
    return ((const float *) entry->data)[i];
  }
}

/* Returns: FALSE if a number became infinite that was not */
static gboolean
convert (const VelTensorEntry *entry, Form form, guint8 *out)
{
  gsize count = count_elements (entry);
  guint16 *halves = (guint16 *) (gpointer) out;
  float *floats = (float *) (gpointer) out;
  gboolean fits = TRUE;

  for (gsize i = 0; i < count; i++) {
    float value = element (entry, i);

    if (form == AS_F32)
      floats[i] = entry->type == VEL_F64 ? (float) ((const double *) entry->data)[i] : value;
    else if (form == AS_F16)
      halves[i] = vel_half_from_float (value);
    else if (form == AS_BF16)
      halves[i] = vel_bfloat_from_float (value);
    else
      out[i] = vel_float8_from_float (value);
    if (form == AS_F16 && (halves[i] & 0x7fff) == 0x7c00 && isfinite (value))
      fits = FALSE;
  }
  return fits;
}

static void
convert_to_blocks (const VelTensorEntry *entry, guint8 *out)
{
  gsize count = count_elements (entry);
  float block[VEL_BLOCK];

  for (gsize i = 0; i < count; i += VEL_BLOCK, out += VEL_Q8_0_BYTES) {
    for (gsize j = 0; j < VEL_BLOCK; j++)
      block[j] = element (entry, i + j);
    vel_blocks_encode_q8_0 (block, VEL_BLOCK, out);
  }
}

/* Already in its form. */
static gboolean
is_same (const VelTensorEntry *entry, Form form)
{
  return form == AS_STORED || (form == AS_F32 && entry->type == VEL_F32) || (form == AS_F16 && entry->type == VEL_F16) ||
         (form == AS_BF16 && entry->type == VEL_BF16);
}

/* Columns as rows, in a copy. floats: [count] */
static VelTensorEntry
transpose (const VelTensorEntry *entry, float *floats)
{
  VelTensorEntry turned = *entry;
  gsize rows = (gsize) entry->axes[0], columns = (gsize) entry->axes[1];

  for (gsize i = 0; i < rows; i++)
    for (gsize k = 0; k < columns; k++)
      floats[k * rows + i] = element (entry, i * columns + k);
  turned.type = VEL_F32;
  turned.data = floats;
  turned.bytes = rows * columns * sizeof *floats;
  return turned;
}

static gboolean
fill (Job *job, gsize index, const VelTensorEntry *entry, guint8 *out, GError **error)
{
  g_autofree char *shown = NULL;

  if (is_same (entry, job->forms[index]))
    memcpy (out, entry->data, entry->bytes);
  else if (job->forms[index] == AS_Q8_0)
    convert_to_blocks (entry, out);
  else if (!convert (entry, job->forms[index], out)) {
    shown = vel_shown (job->plan[index].name);
    g_set_error (error, VEL_ERROR, VEL_ERROR_NUMBERS, _ ("tensor “%s” has numbers beyond 65504, which fp16 does not hold; convert to bf16"),
                 shown);
    return FALSE;
  }
  return TRUE;
}

/* Always a copy: only what was copied can be known to have been in the file. */
static gboolean
add_part (Job *job, gsize index, const char *name, guint8 *out, GError **error)
{
  const VelWritten *written = job->written->pdata[index];
  const VelTensorEntry *entry = vel_weights_load (job->weights, name, error);
  g_autofree float *floats = NULL;
  VelTensorEntry turned;

  if (!entry)
    return FALSE;
  if (!written->transposed)
    return fill (job, index, entry, out, error) && vel_weights_release (job->weights, entry, error);
  floats = g_try_new (float, MAX (count_elements (entry), 1));
  if (!floats) {
    g_set_error (error, VEL_ERROR, VEL_ERROR_MEMORY, _ ("there is no memory for tensor “%s” of %zu bytes"), name, (gsize) entry->bytes);
    return FALSE;
  }
  turned = transpose (entry, floats);
  return fill (job, index, &turned, out, error) && vel_weights_release (job->weights, entry, error);
}

static const void *
make_tensor (gpointer data, gsize index, GError **error)
{
  Job *job = data;
  const VelTensorPlan *plan = &job->plan[index];
  const VelWritten *written = job->written->pdata[index];
  guint8 *out;

  g_clear_pointer (&job->out, g_free);
  if (g_cancellable_set_error_if_cancelled (job->cancellable, error))
    return NULL;
  if (job->how->progress)
    job->how->progress ((double) job->n_done++ / (double) job->count, job->how->data);
  if (!(job->out = out = g_try_malloc (MAX (plan->bytes, 1)))) {
    g_set_error (error, VEL_ERROR, VEL_ERROR_MEMORY, _ ("there is no memory for tensor “%s” of %zu bytes"), plan->name,
                 (gsize) plan->bytes);
    return NULL;
  }
  for (guint i = 0; i < written->n_parts; i++) {
    if (!add_part (job, index, written->parts[i], out, error))
      return NULL;
    out += form_bytes (job->forms[index], vel_weights_find (job->weights, written->parts[i]));
  }
  return job->out;
}

/* What the file says of itself, and what programs look for in the new container. Returns: (transfer full) */
static GHashTable *
describe (Job *job)
{
  GHashTable *metadata = g_hash_table_new_full (g_str_hash, g_str_equal, g_free, g_free);
  g_autofree char *prediction = NULL;
  GHashTableIter iter;
  gpointer key, value;

  g_hash_table_iter_init (&iter, vel_weights_get_all_metadata (job->weights));
  while (g_hash_table_iter_next (&iter, &key, &value))
    g_hash_table_insert (metadata, g_strdup (key), g_strdup (value));
  prediction = vel_weights_get_config (job->weights, "scheduler/scheduler_config.json", "prediction_type");
  if (prediction && !g_hash_table_contains (metadata, "modelspec.prediction_type")) /* a folder says it elsewhere */
    g_hash_table_insert (metadata, g_strdup ("modelspec.prediction_type"), g_steal_pointer (&prediction));
  if (job->how->type != VEL_CONVERT_Q8_0 && !g_hash_table_contains (metadata, "format"))
    g_hash_table_insert (metadata, g_strdup ("format"), g_strdup ("pt"));
  if (job->how->type == VEL_CONVERT_Q8_0 && job->how->architecture && !g_hash_table_contains (metadata, "general.architecture"))
    g_hash_table_insert (metadata, g_strdup ("general.architecture"), g_strdup (job->how->architecture));
  return metadata;
}

gboolean
vel_convert (VelWeights *weights, const VelConvert *how, GCancellable *cancellable, GError **error)
{
  const char *const *names = vel_weights_get_names (weights);
  guint n = g_strv_length ((char **) names);
  g_autofree VelTensorPlan *plan = g_new (VelTensorPlan, n);
  g_autoptr (GPtrArray) written = g_ptr_array_new_with_free_func ((GDestroyNotify) vel_written_free);
  g_autofree Form *forms = g_new (Form, n);
  Job job = { weights, how, cancellable, plan, written, forms, is_bare (weights) };
  g_autoptr (GHashTable) metadata = describe (&job);
  gboolean done = TRUE;

  for (; done && *names; names++)
    done = plan_tensor (&job, *names, error);
  if (done)
    done = (how->type == VEL_CONVERT_Q8_0 ? vel_gguf_write_plan : vel_safetensors_write_plan) (how->output, how->replace, plan, job.count,
                                                                                               metadata, make_tensor, &job, error);
  g_free (job.out);
  return done;
}
