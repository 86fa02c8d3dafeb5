/* Loading layers by name.  SPDX-License-Identifier: Apache-2.0 */
#include "config.h"

#include "engine/models/layers.h"

#include <glib/gi18n-lib.h>
#include <string.h>

#define FORMAT_NAME(name, format) \
  g_autofree char *name = NULL; \
  do { \
    va_list args_; \
    va_start (args_, format); \
    name = g_strdup_vprintf (format, args_); \
    va_end (args_); \
  } while (0)

gboolean
vel_loader_ok (VelLoader *self)
{
  if (!self->error)
    g_cancellable_set_error_if_cancelled (self->cancellable, &self->error);
  return self->error == NULL;
}

gboolean
vel_loader_has (VelLoader *self, const char *format, ...)
{
  FORMAT_NAME (name, format);
  return vel_weights_has (self->weights, name);
}

gint64
vel_loader_size (VelLoader *self, unsigned axis, const char *format, ...)
{
  const VelTensorEntry *entry;

  FORMAT_NAME (name, format);
  entry = vel_weights_find (self->weights, name);
  return entry && entry->known && axis < entry->shape.n ? entry->shape.size[axis] : 0;
}

void
vel_loader_expect (VelLoader *self, VelShape shape, const char *format, ...)
{
  FORMAT_NAME (name, format);
  if (vel_loader_ok (self))
    vel_weights_get (self->weights, name, shape, &self->error);
}

unsigned
vel_loader_count (VelLoader *self, const char *prefix)
{
  const char *const *names = vel_weights_get_names (self->weights);
  gsize length = strlen (prefix);
  guint64 count = 0;

  for (gsize i = 0; names[i]; i++) {
    char *end;
    guint64 number;

    if (strncmp (names[i], prefix, length) != 0 || !g_ascii_isdigit (names[i][length]))
      continue;
    number = g_ascii_strtoull (names[i] + length, &end, 10);
    if (*end == '.' && number < 1000)
      count = MAX (count, number + 1);
  }
  return (unsigned) count;
}

/* Adding one to a full exponent carries into the sign's place, which the mask cleared: any such carry is a value that is not finite. No
 * branches, so that the compiler uses vectors; this reads every byte of a model. */
static gboolean
has_infinities (const VelTensorEntry *entry)
{
  gsize count = (gsize) vel_shape_count (entry->shape);

  if (entry->type == VEL_F32) {
    const guint32 *bits = entry->data;
    guint32 carries = 0;

    for (gsize i = 0; i < count; i++)
      carries |= (bits[i] & 0x7f800000) + 0x00800000;
    return carries >> 31;
  } else {
    const guint16 *bits = entry->data, exponent = entry->type == VEL_F16 ? 0x7c00 : 0x7f80;
    const guint16 one = exponent & -exponent;
    guint16 carries = 0;

    for (gsize i = 0; i < count; i++)
      carries |= (guint16) ((bits[i] & exponent) + one);
    return carries >> 15;
  }
}

/* The entry, checked: shape, a floating type, finite values. */
static const VelTensorEntry *
loader_get (VelLoader *self, const char *name, VelShape shape)
{
  const VelTensorEntry *entry;

  if (!vel_loader_ok (self))
    return NULL;
  entry = vel_weights_get (self->weights, name, shape, &self->error);
  if (!entry)
    return NULL;
  if (entry->type != VEL_F32 && entry->type != VEL_F16 && entry->type != VEL_BF16) {
    g_set_error (&self->error, VEL_ERROR, VEL_ERROR_WEIGHT, _ ("The tensor \"%s\" of \"%s\" is stored as %s; F32, F16 or BF16 is wanted"),
                 name, vel_weights_get_path (self->weights), entry->dtype);
    return NULL;
  }
  if (has_infinities (entry)) {
    g_set_error (&self->error, VEL_ERROR, VEL_ERROR_NUMBERS,
                 _ ("The tensor \"%s\" of \"%s\" holds values that are not finite; the file is damaged, fetch it again"), name,
                 vel_weights_get_path (self->weights));
    return NULL;
  }
  return entry;
}

static void
loader_done (VelLoader *self, const VelTensorEntry *entry)
{
  vel_weights_release (self->weights, entry, self->error ? NULL : &self->error);
  self->bytes += entry->bytes;
  if (self->progress && self->total_bytes)
    self->progress (MIN ((double) self->bytes / (double) self->total_bytes, 1.0), self->progress_data);
}

float *
vel_loader_floats (VelLoader *self, const char *name, VelShape shape)
{
  const VelTensorEntry *entry = loader_get (self, name, shape);
  float *values;

  if (!entry)
    return NULL;
  values = g_try_new (float, MAX ((gsize) vel_shape_count (entry->shape), 1));
  if (!values) {
    g_set_error (&self->error, VEL_ERROR, VEL_ERROR_MEMORY, _ ("There is not enough memory to load \"%s\""), name);
    return NULL;
  }
  vel_tensor_entry_widen (entry, 0, (gsize) vel_shape_count (entry->shape), values);
  loader_done (self, entry);
  return values;
}

/* Takes a weight's bytes out of the room there is. Returns: TRUE if there are too many */
static gboolean
goes_outside (VelLoader *self, gint64 count)
{
  guint64 bytes = (guint64) count * vel_type_size (self->compute);

  if (!self->limited)
    return FALSE;
  if (bytes > self->room)
    return TRUE;
  self->room -= bytes;
  return FALSE;
}

static gboolean
check_packed (VelLoader *self, VelPacked *packed, const char *name)
{
  if (!packed) {
    g_set_error (&self->error, VEL_ERROR, VEL_ERROR_MEMORY,
                 _ ("There is not enough memory to load \"%s\" of \"%s\"; close other programs or choose a smaller model"), name,
                 vel_weights_get_path (self->weights));
    return FALSE;
  }
  self->packed_bytes += self->device->kernels->packed_bytes (packed);
  return TRUE;
}

/* Takes host floats to the device. values: (transfer full) (nullable) */
static float *
to_device (VelLoader *self, float *values, gint64 count)
{
  g_autofree float *host = values;
  gsize bytes = (gsize) count * sizeof *host;
  float *table;

  if (!host)
    return NULL;
  table = self->device->kernels->alloc (self->device->backend, MAX (bytes, sizeof *host));
  if (!table) {
    g_set_error (&self->error, VEL_ERROR, VEL_ERROR_MEMORY,
                 _ ("There is not enough memory to load \"%s\"; close other programs or choose a smaller model"),
                 vel_weights_get_path (self->weights));
    return NULL;
  }
  self->device->kernels->upload (self->device->backend, table, host, bytes);
  self->packed_bytes += bytes;
  return table;
}

/* [count] as floats in device memory; NULL after an error */
static float *
load_table (VelLoader *self, const char *name, gint64 count)
{
  return to_device (self, vel_loader_floats (self, name, VEL_SHAPE (count)), count);
}

float *
vel_loader_table (VelLoader *self, gint64 count, const char *format, ...)
{
  FORMAT_NAME (name, format);
  return load_table (self, name, count);
}

float *
vel_loader_fill (VelLoader *self, gint64 count, float value)
{
  float *values = vel_loader_ok (self) ? g_new (float, count) : NULL;

  for (gint64 i = 0; values && i < count; i++)
    values[i] = value;
  return to_device (self, values, count);
}

/* "weight" or "bias" of a layer. PyTorch's fused attention joins them to "in_proj_" without a dot. Returns: (transfer full) */
static char *
name_of (const char *layer, const char *leaf)
{
  return g_strconcat (layer, g_str_has_suffix (layer, "_") ? "" : ".", leaf, NULL);
}

/* Tells what changes weights where those of some layers are: one of the two. rows: [n] */
static void
note (VelLoader *self, VelPacked **weight, float **table, const char *const *layers, const gsize *rows, unsigned n, const char *leaf, gint64 in,
      gint64 kernel)
{
  g_auto (GStrv) names = NULL;

  if (!self->slots)
    return;
  names = g_new0 (char *, n + 1);
  for (unsigned i = 0; i < n; i++)
    names[i] = name_of (layers[i], leaf);
  if (weight)
    vel_slots_add_weight (self->slots, weight, (const char *const *) names, rows, n, (gsize) in, (gsize) kernel);
  else if (*table)
    vel_slots_add_table (self->slots, table, (const char *const *) names, rows, n);
}

/* The biases of stacked layers follow one another. */
static float *
load_biases (VelLoader *loader, const char *const *names, const VelWeightRows *parts, unsigned n, gint64 rows)
{
  float *all = g_new (float, MAX (rows, 1));

  for (gint64 i = 0, row = 0; i < n; row += (gint64) parts[i++].out) {
    g_autofree char *name = name_of (names[i], "bias");
    g_autofree float *part = vel_loader_floats (loader, name, VEL_SHAPE ((gint64) parts[i].out));

    if (!part) {
      g_free (all);
      return NULL;
    }
    memcpy (all + row, part, parts[i].out * sizeof (float));
  }
  return to_device (loader, all, rows);
}

/* Packs the rows of several tensors as one. rows_each: -1 takes what is there */
static void
load_rows (VelLinear *self, VelLoader *loader, const char *const *names, unsigned n, gint64 in, gint64 rows_each, gboolean bias,
           gboolean gated)
{
  g_autofree const VelTensorEntry **entries = g_new (const VelTensorEntry *, n);
  g_autofree VelWeightRows *parts = g_new (VelWeightRows, n);
  g_autofree gsize *part_rows = g_new (gsize, n);
  gint64 rows = 0;

  for (unsigned i = 0; i < n; i++) {
    g_autofree char *name = name_of (names[i], "weight");

    entries[i] = loader_get (loader, name, VEL_SHAPE (rows_each, in));
    if (!entries[i])
      return;
    in = entries[i]->shape.size[1];
    parts[i] = (VelWeightRows) { entries[i]->data, entries[i]->type, (size_t) entries[i]->shape.size[0] };
    rows += entries[i]->shape.size[0];
  }
  self->device = vel_device_ref (loader->device);
  self->weight = self->device->kernels->pack_linear (
    self->device->backend,
    &(VelPackLinear) { .in = (size_t) in,
                       .n_parts = n,
                       .parts = parts,
                       .gated = gated,
                       .compute = loader->compute,
                       .outside = goes_outside (loader, rows * in) });
  if (!check_packed (loader, self->weight, names[0]))
    return;
  self->name = g_intern_string (names[0]);
  self->in = in;
  self->out = gated ? rows / 2 : rows;
  for (unsigned i = 0; i < n; i++) {
    loader_done (loader, entries[i]);
    part_rows[i] = parts[i].out;
  }
  note (loader, &self->weight, NULL, names, part_rows, n, "weight", in, 1);
  if (!bias)
    return;
  self->bias = load_biases (loader, names, parts, n, rows);
  note (loader, NULL, &self->bias, names, part_rows, n, "bias", 1, 1);
}

void
vel_linear_load_parts (VelLinear *self, VelLoader *loader, const char *const *names, unsigned n, gint64 in)
{
  load_rows (self, loader, names, n, in, -1, TRUE, FALSE);
}

void
vel_linear_load (VelLinear *self, VelLoader *loader, gint64 in, gint64 out, gboolean bias, const char *format, ...)
{
  FORMAT_NAME (name, format);
  load_rows (self, loader, (const char *[]) { name }, 1, in, out, bias, FALSE);
}

void
vel_linear_load_gated (VelLinear *self, VelLoader *loader, gint64 in, gint64 out, const char *format, ...)
{
  FORMAT_NAME (name, format);
  load_rows (self, loader, (const char *[]) { name }, 1, in, 2 * out, TRUE, TRUE);
}

void
vel_linear_load_stacked (VelLinear *self, VelLoader *loader, gint64 in, gint64 out_each, gboolean bias, const char *leaves,
                         const char *format, ...)
{
  g_auto (GStrv) names = g_strsplit (leaves, " ", -1);
  unsigned n = g_strv_length (names);

  FORMAT_NAME (prefix, format);
  for (unsigned i = 0; i < n; i++) {
    g_autofree char *leaf = names[i];
    names[i] = g_strconcat (prefix, leaf, NULL);
  }
  load_rows (self, loader, (const char *const *) names, n, in, out_each, bias, FALSE);
}

void
vel_conv_load (VelConv *self, VelLoader *loader, gint64 in, gint64 out, gint64 kernel, const char *format, ...)
{
  const VelTensorEntry *entry;
  g_autofree char *weight = NULL, *bias = NULL;

  FORMAT_NAME (name, format);
  weight = g_strconcat (name, ".weight", NULL);
  bias = g_strconcat (name, ".bias", NULL);
  entry = loader_get (loader, weight, VEL_SHAPE (out, in, kernel, kernel));
  if (!entry)
    return;
  self->device = vel_device_ref (loader->device);
  self->name = g_intern_string (name);
  self->out = entry->shape.size[0];
  self->in = entry->shape.size[1];
  self->kernel = kernel;
  self->weight = self->device->kernels->pack_conv (self->device->backend, &(VelPackConv) { .data = entry->data,
                                                                                           .type = entry->type,
                                                                                           .out = (size_t) self->out,
                                                                                           .in = (size_t) self->in,
                                                                                           .kernel = (size_t) kernel,
                                                                                           .compute = loader->compute,
                                                                                           .outside = goes_outside (loader, vel_shape_count (entry->shape)) });
  if (!check_packed (loader, self->weight, weight))
    return;
  loader_done (loader, entry);
  note (loader, &self->weight, NULL, (const char *[]) { name }, (gsize[]) { (gsize) self->out }, 1, "weight", self->in, kernel);
  self->bias = load_table (loader, bias, self->out);
  note (loader, NULL, &self->bias, (const char *[]) { name }, (gsize[]) { (gsize) self->out }, 1, "bias", 1, 1);
}

void
vel_norm_load (VelNorm *self, VelLoader *loader, gint64 channels, double eps, const char *format, ...)
{
  g_autofree char *gamma = NULL, *beta = NULL;

  FORMAT_NAME (name, format);
  gamma = g_strconcat (name, ".weight", NULL);
  beta = g_strconcat (name, ".bias", NULL);
  self->name = g_intern_string (name);
  self->channels = channels;
  self->eps = eps;
  self->gamma = load_table (loader, gamma, channels);
  if (!self->gamma)
    return;
  self->device = vel_device_ref (loader->device);
  self->beta = load_table (loader, beta, channels);
  note (loader, NULL, &self->gamma, (const char *[]) { name }, (gsize[]) { (gsize) channels }, 1, "weight", 1, 1);
  note (loader, NULL, &self->beta, (const char *[]) { name }, (gsize[]) { (gsize) channels }, 1, "bias", 1, 1);
}
