/* The GGUF container, read without trusting a single number in it.  SPDX-License-Identifier: Apache-2.0 */
#include "config.h"

#include "engine/formats/gguf.h"

#include "engine/formats/gguf-blocks.h"
#include "engine/formats/gguf-k-blocks.h"
#include "engine/formats/shown.h"

#include <glib/gi18n-lib.h>
#include <inttypes.h>
#include <string.h>

#define MOST_METADATA 10000
#define MOST_NAME 1024
#define MOST_TEXT (64u << 20) /* bytes of all values; what is beyond is not kept */
#define MOST_AXES 4
#define MOST_ORIGINAL_AXES 8

/* Types of metadata. */
enum { U8, I8, U16, I16, U32, I32, F32, BOOL, TEXT, LIST, U64, I64, F64, N_KINDS };

static const guint8 kind_bytes[N_KINDS] = { 1, 1, 2, 2, 4, 4, 4, 1, 0, 0, 8, 8, 8 };

/* Types of tensors, by number. Those that are not decoded are known by their size, so that a file can be told from a damaged one. */
static const struct {
  guint number;
  const char *name;
  guint block, bytes; /* elements, and bytes that they take */
  gboolean known;
  VelType type;
  VelTensorDecode decode;
} types[] = {
  { 0, "F32", 1, 4, TRUE, VEL_F32 },
  { 1, "F16", 1, 2, TRUE, VEL_F16 },
  { 2, "Q4_0", VEL_BLOCK, 18, TRUE, VEL_F32, vel_blocks_decode_q4_0 },
  { 3, "Q4_1", VEL_BLOCK, 20, TRUE, VEL_F32, vel_blocks_decode_q4_1 },
  { 6, "Q5_0", VEL_BLOCK, 22, TRUE, VEL_F32, vel_blocks_decode_q5_0 },
  { 7, "Q5_1", VEL_BLOCK, 24, TRUE, VEL_F32, vel_blocks_decode_q5_1 },
  { 8, "Q8_0", VEL_BLOCK, VEL_Q8_0_BYTES, TRUE, VEL_F32, vel_blocks_decode_q8_0 },
  { 10, "Q2_K", VEL_K_BLOCK, 84, TRUE, VEL_F32, vel_blocks_decode_q2_k },
  { 11, "Q3_K", VEL_K_BLOCK, 110, TRUE, VEL_F32, vel_blocks_decode_q3_k },
  { 12, "Q4_K", VEL_K_BLOCK, 144, TRUE, VEL_F32, vel_blocks_decode_q4_k },
  { 13, "Q5_K", VEL_K_BLOCK, 176, TRUE, VEL_F32, vel_blocks_decode_q5_k },
  { 14, "Q6_K", VEL_K_BLOCK, 210, TRUE, VEL_F32, vel_blocks_decode_q6_k },
  { 15, "Q8_K", 256, 292 },
  { 16, "IQ2_XXS", 256, 66 },
  { 17, "IQ2_XS", 256, 74 },
  { 18, "IQ3_XXS", 256, 98 },
  { 19, "IQ1_S", 256, 50 },
  { 20, "IQ4_NL", 32, 18 },
  { 21, "IQ3_S", 256, 110 },
  { 22, "IQ2_S", 256, 82 },
  { 23, "IQ4_XS", 256, 136 },
  { 24, "I8", 1, 1 },
  { 25, "I16", 1, 2 },
  { 26, "I32", 1, 4, TRUE, VEL_I32 },
  { 27, "I64", 1, 8, TRUE, VEL_I64 },
  { 28, "F64", 1, 8, TRUE, VEL_F64 },
  { 29, "IQ1_M", 256, 56 },
  { 30, "BF16", 1, 2, TRUE, VEL_BF16 },
  { 34, "TQ1_0", 256, 54 },
  { 35, "TQ2_0", 256, 66 },
  { 39, "MXFP4", 32, 17 },
};

typedef struct {
  char *name;
  guint type; /* index in `types` */
  guint n_axes;
  gint64 axes[MOST_AXES];
  guint64 count, offset, bytes;
} Tensor;

/* What a tensor's shape was before somebody made its rows fit into blocks. */
typedef struct {
  guint n_axes;
  gint64 axes[MOST_ORIGINAL_AXES];
} Shape;

typedef struct {
  VelTensorFile *file;
  GHashTable *shapes; /* name to Shape */
  const guint8 *data;
  guint64 at, size;
  gboolean ended;               /* something was read beyond the end */
  guint64 alignment, text_left; /* text_left: bytes of values that may still be kept */
  GArray *tensors;
} Reader;

/* Returns: (nullable): NULL if the file ends before */
static const guint8 *
take (Reader *self, guint64 bytes)
{
  const guint8 *at = self->data + self->at;

  if (self->ended || bytes > self->size - self->at) {
    self->ended = TRUE;
    return NULL;
  }
  self->at += bytes;
  return at;
}

static guint64
take_number (Reader *self, guint bytes)
{
  const guint8 *at = take (self, bytes);
  guint64 number = 0;

  for (guint i = bytes; at && i-- > 0;)
    number = number << 8 | at[i];
  return number;
}

static gboolean
is_ended (Reader *self, GError **error)
{
  if (self->ended)
    vel_tensor_file_damaged (self->file, error, _ ("it ends within its header: perhaps it was not downloaded whole"));
  return self->ended;
}

/* A name of a reasonable length, as text. Returns: (transfer full); NULL with an error */
static char *
take_name (Reader *self, GError **error)
{
  guint64 length = take_number (self, 8);
  const char *at = (const char *) take (self, length);
  g_autofree char *name = at && length <= MOST_NAME ? g_strndup (at, length) : NULL;

  if (is_ended (self, error))
    return NULL;
  if (!name || length == 0 || strlen (name) != length || !g_utf8_validate (name, -1, NULL)) {
    vel_tensor_file_damaged (self->file, error, _ ("a name in it at byte %" PRIu64 " is no text of 1 to %d bytes"), self->at, MOST_NAME);
    return NULL;
  }
  return g_steal_pointer (&name);
}

static char *
number_to_text (guint kind, guint64 bits)
{
  static const guint shift[N_KINDS] = { [I8] = 56, [I16] = 48, [I32] = 32 };
  char text[G_ASCII_DTOSTR_BUF_SIZE];
  guint32 low = (guint32) bits;
  float single;
  double number;

  switch (kind) {
  case BOOL:
    return g_strdup (bits ? "true" : "false");
  case F32:
    memcpy (&single, &low, sizeof single);
    return g_strdup (g_ascii_formatd (text, sizeof text, "%.9g", (double) single));
  case F64:
    memcpy (&number, &bits, sizeof number);
    return g_strdup (g_ascii_dtostr (text, sizeof text, number));
  case I8:
  case I16:
  case I32:
  case I64:
    return g_strdup_printf ("%" PRId64, (gint64) (bits << shift[kind]) >> shift[kind]);
  default:
    return g_strdup_printf ("%" PRIu64, bits);
  }
}

/* Everything in a list is passed over. */
static gboolean
skip_list (Reader *self, const char *key, GError **error)
{
  guint64 kind = take_number (self, 4), count = take_number (self, 8), bytes;
  g_autofree char *shown = vel_shown (key);

  if (is_ended (self, error))
    return FALSE;
  if (kind >= N_KINDS || kind == LIST)
    return vel_tensor_file_damaged (self->file, error, _ ("metadata “%s” is of the unknown type %" PRIu64), shown, kind);
  if (kind == TEXT)
    for (; count > 0 && !self->ended; count--)
      take (self, take_number (self, 8));
  else if (g_uint64_checked_mul (&bytes, count, kind_bytes[kind]))
    take (self, bytes);
  else
    self->ended = TRUE;
  return !is_ended (self, error);
}

/* ComfyUI-GGUF's tools lay kernels out in rows of 256, and keep the shape here. */
static const char original_shape[] = "comfy.gguf.orig_shape.";

static gboolean
read_original_shape (Reader *self, const char *key, GError **error)
{
  guint64 kind = take_number (self, 4), count = take_number (self, 8);
  g_autofree Shape *shape = g_new0 (Shape, 1);
  g_autofree char *shown = vel_shown (key);

  if (is_ended (self, error))
    return FALSE;
  if ((kind != I32 && kind != U32) || count > MOST_ORIGINAL_AXES)
    return vel_tensor_file_damaged (self->file, error, _ ("metadata “%s” is no shape"), shown);
  for (; shape->n_axes < count; shape->n_axes++) {
    guint64 size = take_number (self, 4);

    if (size > G_MAXINT32)
      return vel_tensor_file_damaged (self->file, error, _ ("metadata “%s” is no shape"), shown);
    shape->axes[shape->n_axes] = (gint64) size;
  }
  if (!g_hash_table_insert (self->shapes, g_strdup (key + strlen (original_shape)), g_steal_pointer (&shape)))
    return vel_tensor_file_damaged (self->file, error, _ ("metadata “%s” is given twice"), shown);
  return !is_ended (self, error);
}

/* Takes both. */
static gboolean
keep (Reader *self, char *key, char *value, GError **error)
{
  g_autofree char *shown = vel_shown (key);

  if (!vel_tensor_file_take_metadata (self->file, key, value))
    return vel_tensor_file_damaged (self->file, error, _ ("metadata “%s” is given twice"), shown);
  return TRUE;
}

static gboolean
read_value (Reader *self, char *key, GError **error)
{
  g_autofree char *owned = key, *shown = vel_shown (key);
  guint64 kind = take_number (self, 4), number;
  gboolean is_alignment = g_str_equal (key, "general.alignment");

  if (!self->ended && (kind >= N_KINDS || (is_alignment && kind != U32)))
    return vel_tensor_file_damaged (self->file, error, _ ("metadata “%s” is of the unknown type %" PRIu64), shown, kind);
  if (kind == LIST)
    return (g_str_has_prefix (key, original_shape) ? read_original_shape : skip_list) (self, key, error);
  number = take_number (self, kind == TEXT ? 8 : kind_bytes[kind]);
  if (kind == TEXT) {
    const char *text = (const char *) take (self, number);

    if (is_ended (self, error))
      return FALSE;
    if (number > self->text_left)
      return TRUE;
    self->text_left -= number;
    return keep (self, g_steal_pointer (&owned), g_utf8_make_valid (text, number), error);
  }
  if (is_ended (self, error))
    return FALSE;
  if (is_alignment) {
    if (number == 0 || (number & (number - 1)) != 0 || number > 1 << 20)
      return vel_tensor_file_damaged (self->file, error, _ ("its alignment of %" PRIu64 " is no power of two up to 1048576"), number);
    self->alignment = number;
  }
  return keep (self, g_steal_pointer (&owned), number_to_text (kind, number), error);
}

/* Axes are written from the inner one out, and shown here from the outer one in, as everywhere else. */
static gboolean
read_axes (Reader *self, Tensor *tensor, const char *shown, GError **error)
{
  tensor->n_axes = take_number (self, 4);
  if (is_ended (self, error))
    return FALSE;
  if (tensor->n_axes > MOST_AXES)
    return vel_tensor_file_damaged (self->file, error, _ ("tensor “%s” has %u axes, up to %d are allowed"), shown, tensor->n_axes,
                                    MOST_AXES);
  tensor->count = 1;
  for (guint i = tensor->n_axes; i-- > 0;) {
    guint64 size = take_number (self, 8);

    tensor->axes[i] = (gint64) size;
    if (size > G_MAXINT64 || !g_uint64_checked_mul (&tensor->count, tensor->count, size) || tensor->count > G_MAXINT64)
      return vel_tensor_file_damaged (self->file, error, _ ("tensor “%s” has more elements than any file"), shown);
  }
  return !is_ended (self, error);
}

static gboolean
read_tensor (Reader *self, Tensor *tensor, GError **error)
{
  g_autofree char *shown = vel_shown (tensor->name);
  guint64 number, row;

  if (!read_axes (self, tensor, shown, error))
    return FALSE;
  number = take_number (self, 4);
  tensor->offset = take_number (self, 8);
  if (is_ended (self, error))
    return FALSE;
  while (tensor->type < G_N_ELEMENTS (types) && types[tensor->type].number != number)
    tensor->type++;
  if (tensor->type == G_N_ELEMENTS (types)) {
    g_autofree char *unknown = number_to_text (U64, number);

    return vel_tensor_file_damaged (self->file, error, _ ("tensor “%s” has the unknown type “%s”"), shown, unknown);
  }
  row = tensor->n_axes ? tensor->axes[tensor->n_axes - 1] : 1;
  if (row % types[tensor->type].block != 0)
    return vel_tensor_file_damaged (self->file, error, _ ("tensor “%s” has rows of %" PRIu64 " elements, which are no whole blocks of %s"),
                                    shown, row, types[tensor->type].name);
  if (!g_uint64_checked_mul (&tensor->bytes, tensor->count / types[tensor->type].block, types[tensor->type].bytes) ||
      tensor->count > G_MAXINT64 / sizeof (double))
    return vel_tensor_file_damaged (self->file, error, _ ("tensor “%s” has more elements than any file"), shown);
  return TRUE;
}

static void
clear_tensor (gpointer tensor)
{
  g_free (((Tensor *) tensor)->name);
}

static gboolean
read_header (Reader *self, GCancellable *cancellable, GError **error)
{
  guint64 version, n_tensors, n_values;

  take (self, 4);
  version = take_number (self, 4);
  n_tensors = take_number (self, 8);
  n_values = take_number (self, 8);
  if (is_ended (self, error))
    return FALSE;
  if (version != 2 && version != 3)
    return vel_tensor_file_damaged (self->file, error, _ ("it is of version %" PRIu64 "; 2 and 3 are read"), version);
  if (n_values > MOST_METADATA)
    return vel_tensor_file_damaged (self->file, error, _ ("there are more than 10000 metadata keys"));
  for (; n_values > 0; n_values--) {
    char *key = take_name (self, error);

    if (!key || !read_value (self, key, error))
      return FALSE;
  }
  for (; n_tensors > 0; n_tensors--) { /* as many as there are bytes for: each is added once it was read */
    Tensor tensor = { .name = take_name (self, error) };

    if (!tensor.name)
      return FALSE;
    g_array_append_val (self->tensors, tensor);
    if (g_cancellable_set_error_if_cancelled (cancellable, error) ||
        !read_tensor (self, &g_array_index (self->tensors, Tensor, self->tensors->len - 1), error))
      return FALSE;
  }
  return TRUE;
}

static int
compare_offsets (gconstpointer a, gconstpointer b)
{
  const Tensor *x = a, *y = b;

  return x->offset != y->offset ? (x->offset < y->offset ? -1 : 1) : (x->bytes > y->bytes) - (x->bytes < y->bytes);
}

/* `at`, rounded up. Returns: FALSE beyond the end of the file */
static gboolean
pad (const Reader *self, guint64 at, guint64 *padded)
{
  *padded = (at + self->alignment - 1) & ~(self->alignment - 1);
  return *padded <= self->size;
}

/* Both in `entry`, borrowed from the tensor or from the shape that is kept for it. */
static gboolean
find_axes (Reader *self, const Tensor *tensor, VelTensorEntry *entry, GError **error)
{
  const Shape *original = g_hash_table_lookup (self->shapes, tensor->name);
  guint64 count = 1;
  g_autofree char *shown = vel_shown (tensor->name);

  entry->n_axes = original ? original->n_axes : tensor->n_axes;
  entry->axes = original ? original->axes : tensor->axes;
  for (guint i = 0; i < entry->n_axes; i++)
    if (!g_uint64_checked_mul (&count, count, entry->axes[i]))
      count = G_MAXUINT64;
  return count == tensor->count ||
         vel_tensor_file_damaged (self->file, error, _ ("tensor “%s” is said to have had another number of elements"), shown);
}

static gboolean
add_tensor (Reader *self, const Tensor *tensor, guint64 start, GError **error)
{
  VelTensorEntry entry = {
    .name = tensor->name,
    .dtype = types[tensor->type].name,
    .type = types[tensor->type].type,
    .known = types[tensor->type].known,
    .decode = types[tensor->type].decode,
    .element = types[tensor->type].block == 1 ? types[tensor->type].bytes : 0,
    .data = self->data + start + tensor->offset,
    .span = tensor->bytes,
    .bytes = tensor->count * sizeof (float),
  };

  if (!find_axes (self, tensor, &entry, error))
    return FALSE;
  vel_tensor_file_add (self->file, &entry);
  return TRUE;
}

/* One behind the other, with nothing but padding between them. */
static gboolean
add_tensors (Reader *self, GError **error)
{
  guint64 start, next = 0;

  if (!pad (self, self->at, &start)) {
    if (self->tensors->len > 0) {
      self->ended = TRUE;
      return !is_ended (self, error);
    }
    start = self->size;
  }
  g_array_sort (self->tensors, compare_offsets);
  for (guint i = 0; i < self->tensors->len; i++) {
    const Tensor *tensor = &g_array_index (self->tensors, Tensor, i);
    guint64 space = self->size - start;
    g_autofree char *shown = vel_shown (tensor->name);

    if (tensor->offset > space || tensor->bytes > space - tensor->offset)
      return vel_tensor_file_damaged (self->file, error, _ ("tensor “%s” lies at bytes %" PRIu64 " to %" PRIu64 " of %" PRIu64), shown,
                                      tensor->offset, tensor->offset + tensor->bytes, space);
    if (tensor->offset < next)
      return vel_tensor_file_damaged (self->file, error, _ ("tensor “%s” overlaps another"), shown);
    if (tensor->offset % self->alignment != 0 || tensor->offset - next >= self->alignment)
      return vel_tensor_file_damaged (self->file, error, _ ("tensor “%s” comes after bytes that belong to no tensor"), shown);
    next = tensor->offset + tensor->bytes;
    if (!add_tensor (self, tensor, start, error))
      return FALSE;
  }
  if (self->size - start - next >= self->alignment)
    return vel_tensor_file_damaged (self->file, error, _ ("%zu bytes at its end belong to no tensor"), (gsize) (self->size - start - next));
  return TRUE;
}

static gboolean
read_gguf (VelTensorFile *file, GCancellable *cancellable, GError **error)
{
  g_autoptr (GArray) tensors = g_array_new (FALSE, FALSE, sizeof (Tensor));
  g_autoptr (GHashTable) shapes = g_hash_table_new_full (g_str_hash, g_str_equal, g_free, g_free);
  Reader self = {
    .file = file,
    .shapes = shapes,
    .data = vel_tensor_file_get_data (file),
    .size = vel_tensor_file_get_size (file),
    .alignment = 32,
    .text_left = MOST_TEXT,
    .tensors = tensors,
  };

  g_array_set_clear_func (tensors, clear_tensor);
  return read_header (&self, cancellable, error) && add_tensors (&self, error);
}

static gboolean
is_gguf (const guint8 *data, gsize size)
{
  return memcmp (data, "GGUF", 4) == 0;
}

const VelContainer vel_gguf_container = { "gguf", N_ ("GGUF file"), is_gguf, read_gguf };
