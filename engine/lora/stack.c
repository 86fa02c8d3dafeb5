/* Changes of several files, layer by layer.  SPDX-License-Identifier: Apache-2.0 */
#include "config.h"

#include "engine/lora/stack.h"

#include <glib/gi18n-lib.h>
#include <string.h>

#include "engine/error.h"
#include "engine/formats/shown.h"
#include "engine/lora/terms.h"

#define SHOWN 3 /* names of a list in a sentence */

typedef struct {
  VelLora *lora;
  double text, unet;
  VelLoraBlocks *blocks; /* (nullable) */
} Use;

struct VelLoraStack {
  GPtrArray *uses; /* Use, in the order of their files' names: sums are the same in whatever order they are asked for */
};

/* One layer of one file on its slot. */
typedef struct {
  VelTensorFile *file;
  const VelLoraLayer *layer;
  const VelLoraTarget *target;
  double strength;
} Change;

/* One call of apply. */
typedef struct {
  VelLoraOriginals originals;
  gpointer data;
  GCancellable *cancellable;
  VelWeights *weights;         /* once asked for */
  const VelLoraTarget *target; /* of the layer at hand */
} Run;

void
vel_lora_wish_free (gpointer data)
{
  VelLoraWish *wish = data;

  g_free (wish->path);
  g_free (wish->blocks);
  g_free (wish);
}

static void
free_use (gpointer data)
{
  Use *use = data;

  vel_lora_free (use->lora);
  g_free (use->blocks);
  g_free (use);
}

VelLoraStack *
vel_lora_stack_new (void)
{
  VelLoraStack *self = g_new0 (VelLoraStack, 1);

  self->uses = g_ptr_array_new_with_free_func (free_use);
  return self;
}

void
vel_lora_stack_free (VelLoraStack *self)
{
  if (!self)
    return;
  g_ptr_array_unref (self->uses);
  g_free (self);
}

static int
compare_blocks (const VelLoraBlocks *a, const VelLoraBlocks *b)
{
  return a && b ? memcmp (a, b, sizeof *a) : (a != NULL) - (b != NULL);
}

static Use *
find_file (GPtrArray *uses, const char *path)
{
  for (guint i = 0; i < uses->len; i++)
    if (g_str_equal (((Use *) uses->pdata[i])->lora->path, path))
      return uses->pdata[i];
  return NULL;
}

static Use *
find_use (GPtrArray *uses, const VelLoraWish *wish)
{
  for (guint i = 0; i < uses->len; i++) {
    Use *use = uses->pdata[i];

    if (g_str_equal (use->lora->path, wish->path) && compare_blocks (use->blocks, wish->blocks) == 0)
      return use;
  }
  return NULL;
}

/* Returns: (transfer full) the file, already open where it was and is the same still */
static VelLora *
take_lora (GPtrArray *before, const char *path, GCancellable *cancellable, GError **error)
{
  Use *use = find_file (before, path);
  VelLora *lora;

  if (!use || !vel_lora_is_current (use->lora))
    return vel_lora_open (path, cancellable, error);
  lora = g_steal_pointer (&use->lora);
  g_ptr_array_remove_fast (before, use);
  for (guint i = 0; i < lora->layers->len; i++)
    ((VelLoraLayer *) lora->layers->pdata[i])->applied = FALSE; /* the model may be another one */
  return lora;
}

static int
compare_uses (gconstpointer a, gconstpointer b)
{
  const Use *x = *(Use *const *) a, *y = *(Use *const *) b;
  int order = strcmp (x->lora->path, y->lora->path);

  return order != 0 ? order : compare_blocks (x->blocks, y->blocks);
}

gboolean
vel_lora_stack_set (VelLoraStack *self, const GPtrArray *wishes, GCancellable *cancellable, GError **error)
{
  g_autoptr (GPtrArray) before = g_steal_pointer (&self->uses);

  self->uses = g_ptr_array_new_with_free_func (free_use);
  for (guint i = 0; i < wishes->len; i++) {
    const VelLoraWish *wish = wishes->pdata[i];
    Use *use = find_use (self->uses, wish);

    if (!use) {
      VelLora *lora = take_lora (before, wish->path, cancellable, error);

      if (!lora) {
        g_ptr_array_set_size (self->uses, 0);
        return FALSE;
      }
      use = g_new0 (Use, 1);
      use->lora = lora;
      use->blocks = g_memdup2 (wish->blocks, sizeof *wish->blocks);
      g_ptr_array_add (self->uses, use);
    }
    use->text += wish->text;
    use->unet += wish->unet;
  }
  g_ptr_array_sort (self->uses, compare_uses);
  return TRUE;
}

static double
strength_of (const Use *use, VelLoraNetwork network)
{
  return network == VEL_LORA_UNET ? use->unet : use->text;
}

/* What a network has once all is applied: the same words, the same weights. */
static char *
state_of (const VelLoraStack *self, VelLoraNetwork network)
{
  GString *state = g_string_new (NULL);

  for (guint i = 0; i < self->uses->len; i++) {
    const Use *use = self->uses->pdata[i];

    g_string_append_printf (state, "%s|%a", use->lora->identity, strength_of (use, network));
    for (guint k = 0; use->blocks && k < VEL_LORA_BLOCKS; k++)
      g_string_append_printf (state, ",%a", use->blocks->factors[k]);
    g_string_append_c (state, ';');
  }
  return g_string_free (state, FALSE);
}

static void
note_change (GHashTable *changes, VelSlot *slot, Change change)
{
  GArray *list = g_hash_table_lookup (changes, slot);

  if (!list) {
    list = g_array_new (FALSE, FALSE, sizeof (Change));
    g_hash_table_insert (changes, slot, list);
  }
  g_array_append_val (list, change);
}

static guint
hash_target (gconstpointer data)
{
  const VelLoraTarget *target = data;

  return g_direct_hash (target->weight) ^ (guint) target->first;
}

static gboolean
is_same_target (gconstpointer a, gconstpointer b)
{
  const VelLoraTarget *x = a, *y = b;

  return x->weight == y->weight && x->first == y->first;
}

/* Every layer of one file that the network has, on the slots that it changes. */
static void
gather_file (const Use *use, VelLoraNames *names, VelLoraNetwork network, GHashTable *changes)
{
  g_autoptr (GHashTable) taken = g_hash_table_new (hash_target, is_same_target);
  double strength = strength_of (use, network);

  for (guint i = 0; i < use->lora->layers->len; i++) {
    VelLoraLayer *layer = use->lora->layers->pdata[i];
    gboolean meant = layer->network == network || layer->network == VEL_LORA_ANY;
    const VelLoraTarget *target = meant ? vel_lora_names_find (names, layer->layer) : NULL;
    Change change = { use->lora->file, layer, target, strength };

    if (!target || !g_hash_table_add (taken, (gpointer) target))
      continue;
    layer->applied = TRUE;
    if (use->blocks)
      change.strength *= vel_lora_blocks_factor (use->blocks, target->weight->name);
    if (change.strength == 0)
      continue;
    if (vel_delta_has_weight (&layer->parts))
      note_change (changes, target->weight->slot, change);
    if (layer->parts.tensors[VEL_DELTA_DIFF_BIAS] && target->bias)
      note_change (changes, target->bias->slot, change);
  }
}

/* What it points to is the names'. Returns: (transfer full) (element-type VelSlot GArray) */
static GHashTable *
gather (VelLoraStack *self, VelLoraNames *names, VelLoraNetwork network)
{
  GHashTable *changes = g_hash_table_new_full (NULL, NULL, NULL, (GDestroyNotify) g_array_unref);

  for (guint i = 0; i < self->uses->len; i++)
    gather_file (self->uses->pdata[i], names, network, changes);
  return changes;
}

/* A VelDeltaOriginal: the untouched rows of the layer at hand, from the model's files. */
static gboolean
read_original (float *out, gpointer data, GError **error)
{
  Run *run = data;
  const VelSlotPart *part = run->target->weight;
  gsize row = part->in * part->kernel * part->kernel;
  const VelTensorEntry *entry;

  if (!run->weights && !(run->weights = run->originals (run->data, run->cancellable, error)))
    return FALSE;
  entry = vel_weights_load (run->weights, part->name, error);
  if (!entry)
    return FALSE;
  if ((gsize) vel_shape_count (entry->shape) != part->rows * row || entry->type > VEL_BF16) {
    g_set_error (error, VEL_ERROR, VEL_ERROR_WEIGHT, _ ("“%s” changed in the model's file while it was in use; open the model anew"),
                 part->name);
    return FALSE;
  }
  vel_tensor_entry_widen (entry, run->target->first * row, run->target->rows * row, out);
  return vel_weights_release (run->weights, entry, error);
}

/* Whether a change is that of the layer's bias, which lies in a table. */
static gboolean
is_bias (const Change *change, const VelSlot *slot)
{
  return slot != change->target->weight->slot;
}

static const VelSlotPart *
part_of (const Change *change, const VelSlot *slot)
{
  return is_bias (change, slot) ? change->target->bias : change->target->weight;
}

/* What the layer's tensors say, which must have been the file's. */
static gboolean
make_delta (Run *run, const Change *change, gboolean bias, VelDelta *delta, GError **error)
{
  const VelLoraTarget *target = change->target;
  const VelDeltaParts *parts = &change->layer->parts;
  VelDeltaShape shape = { target->rows, target->weight->in, target->weight->kernel };

  *delta = (VelDelta){ .scale = 1 };
  run->target = target;
  if (bias)
    delta->up = vel_delta_make_bias (parts, target->rows, error);
  else if (!vel_delta_make (delta, parts, shape, read_original, run, error))
    return FALSE;
  if (delta->up && vel_tensor_file_check_intact (change->file, error))
    return TRUE;
  vel_delta_clear (delta);
  return FALSE;
}

static gboolean
change_slot (Run *run, VelSlot *slot, const GArray *changes, GError **error)
{
  g_auto (VelLoraTerms) terms;
  gsize rows = 0, columns = 1;

  for (guint i = 0; i < changes->len; i++) {
    const Change *change = &g_array_index (changes, Change, i);
    const VelSlotPart *part = part_of (change, slot);

    rows = MAX (rows, part->first + change->target->first + change->target->rows);
    columns = part->in * part->kernel * part->kernel;
  }
  vel_lora_terms_init (&terms, rows, columns);
  for (guint i = 0; i < changes->len; i++) {
    const Change *change = &g_array_index (changes, Change, i);
    gsize first = part_of (change, slot)->first + change->target->first;
    VelDelta delta;

    if (g_cancellable_set_error_if_cancelled (run->cancellable, error) ||
        !make_delta (run, change, is_bias (change, slot), &delta, error) ||
        !vel_lora_terms_take (&terms, &delta, change->strength, first, change->target->rows, &change->layer->parts, error))
      return FALSE;
  }
  return vel_slot_change (slot, terms.terms, terms.n, error);
}

/* In the order of the model, so that memory runs out at the same place every time. */
static gboolean
change_all (Run *run, VelSlots *slots, GHashTable *changes, GError **error)
{
  VelSlot *before = NULL;

  for (guint i = 0; i < vel_slots_get_n_parts (slots); i++) {
    VelSlot *slot = vel_slots_get_part (slots, i)->slot;
    const GArray *list = g_hash_table_lookup (changes, slot);

    if (slot == before)
      continue;
    before = slot;
    if (g_cancellable_set_error_if_cancelled (run->cancellable, error))
      return FALSE;
    if (list ? !change_slot (run, slot, list, error) : !vel_slot_change (slot, NULL, 0, error))
      return FALSE;
  }
  return TRUE;
}

gboolean
vel_lora_stack_apply (VelLoraStack *self, VelSlots *slots, VelLoraNetwork network, VelLoraOriginals originals, gpointer data,
                      GCancellable *cancellable, GError **error)
{
  g_autofree char *state = state_of (self, network);
  g_autoptr (VelLoraNames) names = NULL;
  g_autoptr (GHashTable) changes = NULL;
  Run run = { originals, data, cancellable };
  gboolean ok;

  if (self->uses->len > 0)
    names = network == VEL_LORA_UNET ? vel_lora_names_new_unet (slots) : vel_lora_names_new_text (slots);
  changes = gather (self, names, network); /* for the report too, of a model that has them already */
  if (g_str_equal (state, vel_slots_get_state (slots)))
    return TRUE;
  vel_slots_set_state (slots, "?");
  ok = change_all (&run, slots, changes, error);
  if (ok)
    vel_slots_set_state (slots, state);
  g_clear_pointer (&run.weights, vel_weights_unref);
  return ok;
}

static void
list_one (GString *list, const char *name)
{
  g_autofree char *shown = vel_shown (name);

  g_string_append_printf (list, "%s%s", list->len > 0 ? ", " : "", shown);
}

/* The first few of what was left out. */
static char *
list_left (const VelLora *lora)
{
  GString *list = g_string_new (NULL);
  guint n = 0;

  for (guint i = 0; i < lora->layers->len && n <= SHOWN; i++) {
    const VelLoraLayer *layer = lora->layers->pdata[i];

    if (!layer->applied && n++ < SHOWN)
      list_one (list, layer->name);
  }
  for (guint i = 0; lora->unknown[i] && n <= SHOWN; i++)
    if (n++ < SHOWN)
      list_one (list, lora->unknown[i]);
  if (n > SHOWN)
    g_string_append (list, ", …");
  return g_string_free (list, FALSE);
}

static guint
count_applied (const VelLora *lora)
{
  guint n = 0;

  for (guint i = 0; i < lora->layers->len; i++)
    n += ((VelLoraLayer *) lora->layers->pdata[i])->applied;
  return n;
}

gboolean
vel_lora_stack_report (VelLoraStack *self, GPtrArray *notes, GError **error)
{
  for (guint i = 0; i < self->uses->len; i++) {
    const VelLora *lora = ((Use *) self->uses->pdata[i])->lora;
    g_autofree char *kind = vel_lora_describe (lora), *left = list_left (lora), *note = NULL;
    guint applied = count_applied (lora);

    if (applied == 0) {
      g_set_error (error, VEL_ERROR, VEL_ERROR_REQUEST,
                   _ ("The LoRA “%s” changes nothing in this model, which has none of its layers (%s); choose a model of the family it was "
                      "trained for"),
                   lora->name, left);
      return FALSE;
    }
    note = g_strdup_printf (_ ("LoRA “%s”: %u of %u layers applied (%s)"), lora->name, applied, lora->layers->len, kind);
    if (lora->problem)
      g_ptr_array_add (notes, g_strdup (lora->problem));
    if (*left)
      /* Translators: “LoRA “NAME”: N of M layers applied (KIND)”; names of what was left out */
      g_ptr_array_add (notes, g_strdup_printf (_ ("%s; left out: %s"), note, left));
    else
      g_ptr_array_add (notes, g_steal_pointer (&note));
  }
  return TRUE;
}
