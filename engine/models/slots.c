/* Weights that change while their networks are loaded.  SPDX-License-Identifier: Apache-2.0 */
#include "config.h"

#include "engine/models/slots.h"

#include <glib/gi18n-lib.h>
#include <string.h>

struct VelSlot {
  VelSlots *slots;
  const char *name; /* of its first part */
  guint n_changes;

  VelPacked **weight;  /* of a layer, or NULL */
  VelPacked *original; /* W0 while something else is in the layer */
  gsize in, kernel;

  float **table;    /* of a layer, or NULL */
  float *untouched; /* host memory, once it was changed */
  gsize rows;       /* of weight or table */
};

struct VelSlots {
  VelDevice *device;
  GPtrArray *slots;    /* VelSlot */
  GArray *parts;       /* VelSlotPart */
  GStringChunk *names; /* theirs */
  GHashTable *by_name; /* to their index */
  void *factors;       /* device memory for the changes of one slot */
  gsize factors_size, bytes;
  char *state;
};

VelSlots *
vel_slots_new (VelDevice *device)
{
  VelSlots *self = g_new0 (VelSlots, 1);

  self->device = vel_device_ref (device);
  self->state = g_strdup ("");
  self->slots = g_ptr_array_new ();
  self->parts = g_array_new (FALSE, FALSE, sizeof (VelSlotPart));
  self->names = g_string_chunk_new (4096);
  self->by_name = g_hash_table_new (g_str_hash, g_str_equal);
  return self;
}

static void
upload (VelDevice *device, float *table, const float *values, gsize count)
{
  device->kernels->upload (device->backend, table, values, count * sizeof *values);
}

/* W0 again, and the memory of the changed one back. */
static void
restore (VelSlot *self)
{
  VelDevice *device = self->slots->device;

  self->n_changes = 0;
  if (self->untouched)
    upload (device, *self->table, self->untouched, self->rows);
  if (!self->original)
    return;
  self->slots->bytes -= device->kernels->packed_bytes (*self->weight);
  device->kernels->unpack (device->backend, *self->weight);
  *self->weight = g_steal_pointer (&self->original);
}

void
vel_slots_free (VelSlots *self)
{
  if (!self)
    return;
  for (guint i = 0; i < self->slots->len; i++) {
    VelSlot *slot = self->slots->pdata[i];

    restore (slot);
    g_free (slot->untouched);
    g_free (slot);
  }
  if (self->factors)
    self->device->kernels->free (self->device->backend, self->factors);
  g_ptr_array_unref (self->slots);
  g_array_unref (self->parts);
  g_hash_table_unref (self->by_name);
  g_string_chunk_free (self->names);
  vel_device_unref (self->device);
  g_free (self->state);
  g_free (self);
}

static void
add (VelSlots *self, VelSlot slot, const char *const *names, const gsize *rows, guint n)
{
  VelSlot *added = g_memdup2 (&slot, sizeof slot);

  added->slots = self;
  g_ptr_array_add (self->slots, added);
  for (guint i = 0; i < n; i++) {
    VelSlotPart part = { added, g_string_chunk_insert (self->names, names[i]), added->rows, rows[i], slot.in, slot.kernel };

    added->name = added->name ? added->name : part.name;
    added->rows += rows[i];
    g_hash_table_insert (self->by_name, (gpointer) part.name, GUINT_TO_POINTER (self->parts->len));
    g_array_append_val (self->parts, part);
  }
}

void
vel_slots_add_weight (VelSlots *self, VelPacked **weight, const char *const *names, const gsize *rows, guint n, gsize in, gsize kernel)
{
  add (self, (VelSlot){ .weight = weight, .in = in, .kernel = kernel }, names, rows, n);
}

void
vel_slots_add_table (VelSlots *self, float **table, const char *const *names, const gsize *rows, guint n)
{
  add (self, (VelSlot){ .table = table, .in = 1, .kernel = 1 }, names, rows, n);
}

guint
vel_slots_get_n_parts (VelSlots *self)
{
  return self->parts->len;
}

const VelSlotPart *
vel_slots_get_part (VelSlots *self, guint index)
{
  return &g_array_index (self->parts, VelSlotPart, index);
}

const VelSlotPart *
vel_slots_find (VelSlots *self, const char *name)
{
  gpointer index;

  if (!g_hash_table_lookup_extended (self->by_name, name, NULL, &index))
    return NULL;
  return vel_slots_get_part (self, GPOINTER_TO_UINT (index));
}

const char *
vel_slots_get_state (VelSlots *self)
{
  return self->state;
}

void
vel_slots_set_state (VelSlots *self, const char *state)
{
  g_free (self->state);
  self->state = g_strdup (state);
}

gsize
vel_slots_get_bytes (VelSlots *self)
{
  return self->bytes;
}

guint
vel_slot_get_n_changes (VelSlot *self)
{
  return self->n_changes;
}

static gboolean
fail_for_memory (const VelSlot *self, GError **error)
{
  g_set_error (
      error, VEL_ERROR, VEL_ERROR_MEMORY,
      _ ("There is not enough memory on %s to change “%s” by a LoRA; close other programs, or take fewer LoRAs or a smaller model"),
      self->slots->device->name, self->name);
  return FALSE;
}

/* A weight to merge into, W0 beside it. */
static gboolean
make_changeable (VelSlot *self, GError **error)
{
  VelDevice *device = self->slots->device;
  VelPacked *changed;

  if (self->original)
    return TRUE;
  changed = device->kernels->pack_like (device->backend, *self->weight);
  if (!changed)
    return fail_for_memory (self, error);
  self->slots->bytes += device->kernels->packed_bytes (changed);
  self->original = *self->weight;
  *self->weight = changed;
  return TRUE;
}

static gsize
up_bytes (const VelSlot *self, const VelMergeTerm *term)
{
  return term->rows * (term->rank > 0 ? term->rank : self->in * self->kernel * self->kernel) * sizeof (float);
}

static gsize
down_bytes (const VelSlot *self, const VelMergeTerm *term)
{
  return term->rank * self->in * self->kernel * self->kernel * sizeof (float);
}

/* Room for all factors of a slot's changes, kept for the next slot. */
static gboolean
reserve (const VelSlot *self, gsize bytes)
{
  VelSlots *slots = self->slots;
  VelDevice *device = slots->device;

  if (bytes <= slots->factors_size)
    return TRUE;
  if (slots->factors)
    device->kernels->free (device->backend, slots->factors);
  slots->factors = device->kernels->alloc (device->backend, bytes);
  slots->factors_size = slots->factors ? bytes : 0;
  return slots->factors != NULL;
}

static char *
put (VelDevice *device, char *at, const void *host, gsize bytes)
{
  device->kernels->upload (device->backend, at, host, bytes);
  return at + (bytes + 63) / 64 * 64;
}

static gboolean
change_weight (VelSlot *self, const VelMergeTerm *terms, guint n, GError **error)
{
  VelDevice *device = self->slots->device;
  VelMergeTerm there[VEL_MAX_MERGE_TERMS];
  gsize bytes = 0;
  char *at;

  for (guint i = 0; i < n; i++)
    bytes += up_bytes (self, &terms[i]) + down_bytes (self, &terms[i]) + 128;
  if (!reserve (self, bytes))
    return fail_for_memory (self, error);
  if (!make_changeable (self, error))
    return FALSE;
  at = self->slots->factors;
  for (guint i = 0; i < n; i++) {
    there[i] = terms[i];
    there[i].type = VEL_F32;
    there[i].up = at;
    at = put (device, at, terms[i].up, up_bytes (self, &terms[i]));
    there[i].down = at;
    if (terms[i].rank > 0)
      at = put (device, at, terms[i].down, down_bytes (self, &terms[i]));
  }
  device->kernels->merge (device->backend, &(VelMergeArgs){ *self->weight, self->original, n, there }, 1);
  if (device->kernels->lacking && device->kernels->lacking (device->backend) > 0) {
    restore (self);
    return fail_for_memory (self, error);
  }
  return TRUE;
}

static void
change_table (VelSlot *self, const VelMergeTerm *terms, guint n)
{
  VelDevice *device = self->slots->device;
  g_autofree float *sum = g_new (float, MAX (self->rows, 1));

  if (!self->untouched) {
    self->untouched = g_new (float, MAX (self->rows, 1));
    device->kernels->download (device->backend, self->untouched, *self->table, self->rows * sizeof (float));
  }
  memcpy (sum, self->untouched, self->rows * sizeof *sum);
  for (guint i = 0; i < n; i++)
    for (gsize row = 0; row < terms[i].rows; row++)
      sum[terms[i].first + row] += (float) (terms[i].scale * ((const float *) terms[i].up)[row]);
  upload (device, *self->table, sum, self->rows);
}

gboolean
vel_slot_change (VelSlot *self, const VelMergeTerm *terms, guint n, GError **error)
{
  g_assert (n <= VEL_MAX_MERGE_TERMS);
  if (n == 0) {
    if (self->n_changes > 0)
      restore (self);
    return TRUE;
  }
  if (self->weight && !change_weight (self, terms, n, error))
    return FALSE;
  if (self->table)
    change_table (self, terms, n);
  self->n_changes = n;
  return TRUE;
}
