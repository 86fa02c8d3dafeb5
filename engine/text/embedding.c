/* Textual inversion.  SPDX-License-Identifier: Apache-2.0 */
#include "config.h"

#include "engine/text/embedding.h"

#include <glib/gi18n-lib.h>
#include <inttypes.h>
#include <math.h>
#include <string.h>

#include "engine/formats/weights.h"
#include "engine/text/prompt.h"
#include "kernels/half.h"

#define MOST_VECTORS (VEL_CHUNK_TOKENS - 2) /* they are never split over chunks */

typedef struct {
  char *name;
  GArray *ids; /* (element-type guint32) the name's tokens */
  guint first, count;
} Word;

struct VelEmbeddings {
  VelTokenizer *tokenizer;
  guint n_encoders;
  gint64 widths[VEL_EMBEDDING_ENCODERS];
  GArray *vectors[VEL_EMBEDDING_ENCODERS]; /* (element-type float) [n, width] */
  GPtrArray *words;                        /* (element-type Word) */
  GHashTable *by_first;                    /* first token to GPtrArray of borrowed Word, those of most tokens first */
};

static void
word_free (gpointer data)
{
  Word *word = data;

  g_free (word->name);
  g_array_unref (word->ids);
  g_free (word);
}

VelEmbeddings *
vel_embeddings_new (VelTokenizer *tokenizer, guint n_encoders, const gint64 *widths)
{
  VelEmbeddings *self = g_new0 (VelEmbeddings, 1);

  g_assert (n_encoders >= 1 && n_encoders <= VEL_EMBEDDING_ENCODERS);
  self->tokenizer = vel_tokenizer_ref (tokenizer);
  self->n_encoders = n_encoders;
  for (guint i = 0; i < n_encoders; i++) {
    self->widths[i] = widths[i];
    self->vectors[i] = g_array_new (FALSE, FALSE, sizeof (float));
  }
  self->words = g_ptr_array_new_with_free_func (word_free);
  self->by_first = g_hash_table_new_full (NULL, NULL, NULL, (GDestroyNotify) g_ptr_array_unref);
  return self;
}

void
vel_embeddings_free (VelEmbeddings *self)
{
  if (self == NULL)
    return;
  g_hash_table_unref (self->by_first);
  g_ptr_array_unref (self->words);
  for (guint i = 0; i < self->n_encoders; i++)
    g_array_unref (self->vectors[i]);
  vel_tokenizer_unref (self->tokenizer);
  g_free (self);
}

/* ------------------------------------------------------------------ files */

/* The names of the tensors that hold vectors, one for each encoder. Returns: how many, 0 if the file is none */
static guint
find_tensors (VelWeights *file, const char *names[VEL_EMBEDDING_ENCODERS])
{
  const char *const *all = vel_weights_get_names (file);

  if (vel_weights_has (file, "clip_l") && vel_weights_has (file, "clip_g")) {
    names[0] = "clip_l";
    names[1] = "clip_g";
    return 2;
  }
  names[0] = vel_weights_has (file, "emb_params") ? "emb_params" : NULL;
  for (guint i = 0; names[0] == NULL && all[i] != NULL; i++)
    if (g_str_has_prefix (all[i], "string_to_param.") || all[1] == NULL)
      names[0] = all[i];
  return names[0] != NULL;
}

/* For what models vectors of this width are made. */
static const char *
name_family (guint n_tensors, gint64 width)
{
  if (n_tensors > 1)
    return "Stable Diffusion XL";
  return width == 768 ? "Stable Diffusion 1" : width == 1024 ? "Stable Diffusion 2" : width == 1280 ? "SDXL Refiner" : NULL;
}

static gboolean
refuse_width (const char *shown, guint n_tensors, gint64 width, gint64 wanted, GError **error)
{
  const char *family = name_family (n_tensors, width);

  if (family != NULL)
    g_set_error (error, VEL_ERROR, VEL_ERROR_REQUEST,
                 _ ("The embedding “%s” is made for %s, its vectors have %" PRId64 " numbers; this model wants %" PRId64), shown, family,
                 width, wanted);
  else
    g_set_error (error, VEL_ERROR, VEL_ERROR_REQUEST,
                 _ ("The embedding “%s” does not fit: its vectors have %" PRId64 " numbers; this model wants %" PRId64), shown, width,
                 wanted);
  return FALSE;
}

/* [count, width], or [width] for one vector */
static gboolean
check_shape (const VelTensorEntry *entry, const char *shown, guint n_tensors, gint64 wanted, gint64 *count, GError **error)
{
  VelShape shape = entry->shape;

  *count = shape.n == 1 ? 1 : shape.size[0];
  if (!entry->known || shape.n < 1 || shape.n > 2 || *count < 1 ||
      (entry->type != VEL_F32 && entry->type != VEL_F16 && entry->type != VEL_BF16)) {
    g_set_error (error, VEL_ERROR, VEL_ERROR_FORMAT, _ ("The embedding “%s” is no list of vectors in fp32, fp16 or bf16"), shown);
    return FALSE;
  }
  if (shape.size[shape.n - 1] != wanted)
    return refuse_width (shown, n_tensors, shape.size[shape.n - 1], wanted, error);
  if (*count > MOST_VECTORS) {
    g_set_error (error, VEL_ERROR, VEL_ERROR_REQUEST, _ ("The embedding “%s” has %" PRId64 " vectors; a prompt has room for %d together"),
                 shown, *count, MOST_VECTORS);
    return FALSE;
  }
  return TRUE;
}

static float
read_value (const VelTensorEntry *entry, gint64 i)
{
  if (entry->type == VEL_F32)
    return ((const float *) entry->data)[i];
  return entry->type == VEL_F16 ? vel_half_to_float (((const guint16 *) entry->data)[i])
                                : vel_bfloat_to_float (((const guint16 *) entry->data)[i]);
}

/* One encoder's vectors, to the end of what the set has. count: -1, or as many as they have to be */
static gboolean
read_vectors (VelEmbeddings *self, guint encoder, VelWeights *file, const char *name, guint n_tensors, const char *shown, gint64 *count,
              GError **error)
{
  const VelTensorEntry *stored = vel_weights_find (file, name), *entry;
  gint64 n;

  if (!check_shape (stored, shown, n_tensors, self->widths[encoder], &n, error))
    return FALSE;
  if (*count >= 0 && n != *count) {
    g_set_error (error, VEL_ERROR, VEL_ERROR_FORMAT,
                 _ ("The embedding “%s” has %" PRId64 " vectors for one text encoder and %" PRId64 " for the other"), shown, *count, n);
    return FALSE;
  }
  *count = n;
  if ((entry = vel_weights_get (file, name, stored->shape, error)) == NULL)
    return FALSE;
  for (gint64 i = 0; i < n * self->widths[encoder]; i++) {
    float value = read_value (entry, i);

    if (!isfinite (value)) {
      g_set_error (error, VEL_ERROR, VEL_ERROR_NUMBERS, _ ("The embedding “%s” has numbers that are out of bounds; the file is damaged"),
                   shown);
      return FALSE;
    }
    g_array_append_val (self->vectors[encoder], value);
  }
  return vel_weights_release (file, entry, error);
}

static gint
compare_words (gconstpointer a, gconstpointer b)
{
  const Word *left = *(Word *const *) a, *right = *(Word *const *) b;

  if (left->ids->len != right->ids->len)
    return left->ids->len > right->ids->len ? -1 : 1;
  return (left->first > right->first) - (left->first < right->first); /* names of the same tokens: the first stays first */
}

static void
add_word (VelEmbeddings *self, const char *name, guint first, guint count)
{
  Word *word = g_new0 (Word, 1);
  GPtrArray *alike;
  gpointer key;

  word->name = g_strdup (name);
  word->ids = vel_tokenizer_encode (self->tokenizer, name);
  word->first = first;
  word->count = count;
  g_ptr_array_add (self->words, word);
  if (word->ids->len == 0)
    return;
  key = GUINT_TO_POINTER (g_array_index (word->ids, guint32, 0));
  alike = g_hash_table_lookup (self->by_first, key);
  if (alike == NULL) {
    alike = g_ptr_array_new ();
    g_hash_table_insert (self->by_first, key, alike);
  }
  for (guint i = 0; i < alike->len; i++)
    if (g_str_equal (((Word *) alike->pdata[i])->name, name))
      g_ptr_array_remove_index (alike, i--);
  g_ptr_array_add (alike, word);
  g_ptr_array_sort (alike, compare_words);
}

/* Returns: (transfer full) the file's name without its ending */
static char *
name_of (const char *path)
{
  char *name = g_path_get_basename (path), *dot = strrchr (name, '.');

  if (dot != NULL && dot > name)
    *dot = '\0';
  return name;
}

static gboolean
refuse_other (const char *shown, GError **error)
{
  g_set_error (error, VEL_ERROR, VEL_ERROR_FORMAT, _ ("“%s” is no embedding: it has neither “emb_params” nor “clip_l” and “clip_g”"), shown);
  return FALSE;
}

gboolean
vel_embedding_look (const char *path, VelEmbeddingFacts *facts, GCancellable *cancellable, GError **error)
{
  g_autofree char *shown = g_filename_display_name (path);
  const char *tensors[VEL_EMBEDDING_ENCODERS];
  g_autoptr (VelWeights) file = vel_weights_open (path, cancellable, error);
  const VelTensorEntry *entry;
  guint n;

  if (file == NULL)
    return FALSE;
  if ((n = find_tensors (file, tensors)) == 0)
    return refuse_other (shown, error);
  entry = vel_weights_find (file, tensors[0]);
  if (!check_shape (entry, shown, n, entry->shape.n > 0 ? entry->shape.size[entry->shape.n - 1] : 0, &facts->count, error))
    return FALSE;
  facts->width = entry->shape.size[entry->shape.n - 1];
  facts->family = name_family (n, facts->width);
  return TRUE;
}

gboolean
vel_embeddings_add (VelEmbeddings *self, const char *path, GCancellable *cancellable, GError **error)
{
  g_autofree char *name = name_of (path), *shown = g_filename_display_name (path);
  const char *tensors[VEL_EMBEDDING_ENCODERS];
  g_autoptr (VelWeights) file = vel_weights_open (path, cancellable, error);
  guint n, first = self->vectors[0]->len / (guint) self->widths[0];
  gint64 count = -1;

  if (file == NULL)
    return FALSE;
  if ((n = find_tensors (file, tensors)) == 0) {
    g_set_error (error, VEL_ERROR, VEL_ERROR_FORMAT, _ ("“%s” is no embedding: it has neither “emb_params” nor “clip_l” and “clip_g”"),
                 shown);
    return FALSE;
  }
  if (n != self->n_encoders) {
    g_set_error (error, VEL_ERROR, VEL_ERROR_REQUEST,
                 n > 1 ? _ ("The embedding “%s” is made for Stable Diffusion XL, with vectors for two text encoders; this model has one")
                       : _ ("The embedding “%s” has vectors for one text encoder; this model has two and wants “clip_l” and “clip_g”"),
                 shown);
    return FALSE;
  }
  for (guint i = 0; i < n; i++)
    if (!read_vectors (self, i, file, tensors[i], n, shown, &count, error)) {
      for (guint k = 0; k < n; k++)
        g_array_set_size (self->vectors[k], first * (guint) self->widths[k]);
      return FALSE;
    }
  add_word (self, name, first, (guint) count);
  return TRUE;
}

/* ------------------------------------------------------------------ prompts */

const char *
vel_embeddings_match (const VelEmbeddings *self, const guint32 *ids, guint n, guint *n_ids, guint *first, guint *count)
{
  const GPtrArray *alike = g_hash_table_lookup (self->by_first, GUINT_TO_POINTER (ids[0]));

  for (guint i = 0; alike != NULL && i < alike->len; i++) {
    const Word *word = alike->pdata[i];

    if (word->ids->len > n || memcmp (ids, word->ids->data, word->ids->len * sizeof *ids) != 0)
      continue;
    *n_ids = word->ids->len;
    *first = word->first;
    *count = word->count;
    return word->name;
  }
  return NULL;
}

gboolean
vel_embeddings_find (const VelEmbeddings *self, const char *name, guint *first, guint *count)
{
  for (guint i = self->words->len; i > 0; i--) {
    const Word *word = self->words->pdata[i - 1];

    if (!g_str_equal (word->name, name))
      continue;
    *first = word->first;
    *count = word->count;
    return TRUE;
  }
  return FALSE;
}

const float *
vel_embeddings_get_vector (const VelEmbeddings *self, guint encoder, guint vector)
{
  return &g_array_index (self->vectors[encoder], float, vector * self->widths[encoder]);
}
