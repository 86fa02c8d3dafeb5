/* Loading a model whole.  SPDX-License-Identifier: Apache-2.0 */
#include "config.h"

#include "engine/pipeline/model.h"

#include <glib/gi18n-lib.h>
#include <glib/gstdio.h>

#include <inttypes.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "engine/catalog.h"
#include "engine/paths.h"
#include "engine/pipeline/preview.h"

typedef struct {
  char *path;
  GCancellable *stop;
} Hashing;

/* Path, size and time of a file; of a folder its own, which change when a file in it is replaced. */
static void
append_file (GString *identity, const char *path)
{
  GStatBuf info = { 0 };

  if (*path && g_stat (path, &info) != 0)
    info.st_size = -1;
  g_string_append_printf (identity, "%s|%" G_GINT64_FORMAT "|%" G_GINT64_FORMAT ".%09ld|", path, (gint64) info.st_size,
                          (gint64) info.st_mtim.tv_sec, (long) info.st_mtim.tv_nsec);
}

static char *
identity_of (VelModelKey key)
{
  GString *identity = g_string_new (NULL);
  g_auto (GStrv) texts = g_strsplit (key.text, "\n", -1);

  append_file (identity, key.path);
  append_file (identity, key.unet);
  append_file (identity, key.vae);
  for (guint i = 0; texts[i]; i++)
    append_file (identity, texts[i]);
  g_string_append_printf (identity, "%s|%s|%d%d%d", key.tokenizer, key.prediction, key.precision.text, key.precision.unet,
                          key.precision.vae);
  return g_string_free (identity, FALSE);
}

static char *
name_of (const char *path)
{
  char *name = g_path_get_basename (g_str_equal (path, vel_paths_get_starter ()) ? "starter" : path);
  char *dot = strrchr (name, '.');

  if (dot && dot != name && !g_file_test (path, G_FILE_TEST_IS_DIR))
    *dot = '\0';
  return name;
}

static gboolean
find_tokenizer (VelModel *self, VelModelKey key, GError **error)
{
  self->tokenizer = vel_tokenizer_find (*key.tokenizer ? key.tokenizer : NULL, key.path, error);
  return self->tokenizer != NULL;
}

static gboolean
check_vocabulary (const VelModel *self, GError **error)
{
  for (guint i = 0; self->text[i]; i++) {
    gint64 known = vel_clip_get_n_tokens (self->text[i]);

    if ((gint64) vel_tokenizer_get_size (self->tokenizer) <= known)
      continue;
    g_set_error (error, VEL_ERROR, VEL_ERROR_VOCABULARY,
                 _ ("The vocabulary found for \"%s\" has %u tokens, its text encoder knows %" PRId64
                    "; name the model's own vocabulary with --tokenizer"),
                 self->path, vel_tokenizer_get_size (self->tokenizer), known);
    return FALSE;
  }
  return TRUE;
}

static gboolean
load_text (VelModel *self, VelLoader *loader)
{
  const VelTextUse *uses = self->architecture.family->text;
  gsize before = loader->packed_bytes;

  loader->compute = self->precision.text;
  for (guint i = 0; uses[i].prefix && vel_loader_ok (loader); i++) {
    loader->slots = self->text_slots[i] = vel_slots_new (loader->device);
    self->text[i] = vel_clip_load (loader, &uses[i]);
  }
  loader->slots = NULL;
  if (!vel_loader_ok (loader))
    vel_model_drop_text (self);
  self->text_bytes = self->text[0] ? loader->packed_bytes - before : 0;
  return vel_loader_ok (loader);
}

static gboolean
load_unet (VelModel *self, VelLoader *loader)
{
  const VelFamily *family = self->architecture.family;
  gsize before = loader->packed_bytes;

  loader->compute = self->precision.unet;
  loader->limited = self->plan.fit == VEL_FIT_STREAMED;
  loader->room = self->plan.room;
  loader->slots = self->unet_slots = vel_slots_new (loader->device);
  self->unet = vel_unet_load (loader, family->unet_heads, family->unet_head_dim);
  loader->slots = NULL;
  loader->limited = FALSE;
  if (!self->unet)
    vel_model_drop_unet (self);
  self->unet_bytes = self->unet ? loader->packed_bytes - before : 0;
  return vel_loader_ok (loader);
}

/* Everything, or, where memory is short, what the first stages need. */
static gboolean
load_networks (VelModel *self, VelLoader *loader, gboolean to_paint, GError **error)
{
  gboolean ok = !to_paint || (load_text (self, loader) && (self->plan.fit != VEL_FIT_WHOLE || load_unet (self, loader)));

  if (ok) {
    loader->compute = self->precision.vae;
    self->vae = vel_vae_load (loader);
  }
  if (!vel_loader_ok (loader)) {
    g_propagate_error (error, g_steal_pointer (&loader->error));
    return FALSE;
  }
  self->packed_bytes = loader->packed_bytes;
  if (self->unet)
    self->unused = vel_weights_dup_unused (loader->weights);
  return TRUE;
}

/* A thread: the hash of a large file takes seconds, which nobody should wait for. */
static gpointer
compute_hash (gpointer data)
{
  Hashing *hashing = data;
  char *hash;

  setpriority (PRIO_PROCESS, (id_t) syscall (SYS_gettid), 19);
  hash = vel_catalog_hash (hashing->path, hashing->stop, NULL);
  g_object_unref (hashing->stop);
  g_free (hashing->path);
  g_free (hashing);
  return hash;
}

static void
start_hashing (VelModel *self)
{
  Hashing *hashing = g_new (Hashing, 1);

  self->hasher_stop = g_cancellable_new ();
  *hashing = (Hashing) { g_strdup (self->path), g_object_ref (self->hasher_stop) };
  self->hasher = g_thread_new ("model-hash", compute_hash, hashing);
}

const char *
vel_model_get_hash (VelModel *self)
{
  if (self->hasher)
    self->hash = g_thread_join (g_steal_pointer (&self->hasher));
  return self->hash;
}

static VelWeights *
open_weights (VelModelKey key, GCancellable *cancellable, GError **error)
{
  const char *const parts[VEL_N_PARTS] = { key.unet, key.text, key.vae };

  return vel_weights_open_with (key.path, parts, cancellable, error);
}

static gboolean
bring (VelModel *self, VelDevice *device, VelModelKey key, gboolean text, gboolean unet, GCancellable *cancellable, GError **error)
{
  g_autoptr (VelWeights) weights = NULL;
  VelLoader loader = { .device = device, .cancellable = cancellable };

  text = text && !self->text[0];
  unet = unet && !self->unet;
  if (!text && !unet)
    return TRUE;
  weights = open_weights (key, cancellable, error);
  if (!weights)
    return FALSE;
  loader.weights = weights;
  if ((!text || load_text (self, &loader)) && (!unet || load_unet (self, &loader)))
    return TRUE;
  g_propagate_error (error, g_steal_pointer (&loader.error));
  return FALSE;
}

/* A VelLoraOriginals; data: a VelModelKey. */
static VelWeights *
open_originals (gpointer data, GCancellable *cancellable, GError **error)
{
  return open_weights (*(const VelModelKey *) data, cancellable, error);
}

gboolean
vel_model_need (VelModel *self, VelDevice *device, VelModelKey key, gboolean text, gboolean unet, GCancellable *cancellable, GError **error)
{
  gboolean bare = text && !self->tokenizer; /* nothing was to be read so far */

  if ((bare && !find_tokenizer (self, key, error)) || !bring (self, device, key, text, unet, cancellable, error)
      || (bare && !check_vocabulary (self, error)))
    return FALSE;
  if (!self->loras)
    return TRUE;
  for (guint i = 0; text && i < VEL_MAX_TEXTS && self->text_slots[i]; i++)
    if (!vel_lora_stack_apply (self->loras, self->text_slots[i], i == 0 ? VEL_LORA_TEXT_1 : VEL_LORA_TEXT_2, open_originals, &key, cancellable, error))
      return FALSE;
  return !unet || vel_lora_stack_apply (self->loras, self->unet_slots, VEL_LORA_UNET, open_originals, &key, cancellable, error);
}

gboolean
vel_model_change_unet_elsewhere (const VelModel *self, VelSlots *slots, VelModelKey key, GCancellable *cancellable, GError **error)
{
  return !self->loras || vel_lora_stack_apply (self->loras, slots, VEL_LORA_UNET, open_originals, &key, cancellable, error);
}

void
vel_model_drop_text (VelModel *self)
{
  for (guint i = 0; i < VEL_MAX_TEXTS; i++) {
    g_clear_pointer (&self->text_slots[i], vel_slots_free);
    g_clear_pointer (&self->text[i], vel_clip_free);
  }
  self->text_bytes = 0;
}

void
vel_model_drop_unet (VelModel *self)
{
  g_clear_pointer (&self->unet_slots, vel_slots_free);
  g_clear_pointer (&self->unet, vel_unet_free);
  self->unet_bytes = 0;
}

gboolean
vel_model_reload_unet (VelModel *self, VelDevice *device, VelModelKey key, VelType type, GCancellable *cancellable, GError **error)
{
  vel_model_drop_unet (self); /* first: there may not be room for two */
  self->precision.unet = type;
  return vel_model_need (self, device, key, FALSE, TRUE, cancellable, error);
}

VelVae *
vel_model_load_vae_elsewhere (VelModel *self, VelDevice *device, VelModelKey key, GCancellable *cancellable, GError **error)
{
  g_autoptr (VelWeights) weights = open_weights (key, cancellable, error);
  VelLoader loader = { .weights = weights, .device = device, .compute = VEL_F32, .cancellable = cancellable };
  VelVae *vae = weights ? vel_vae_load (&loader) : NULL;

  if (loader.error)
    g_propagate_error (error, loader.error);
  return vae;
}

VelUNet *
vel_model_load_unet_elsewhere (const VelModel *self, VelDevice *device, VelModelKey key, VelType type, VelSlots **slots,
                               GCancellable *cancellable, GError **error)
{
  const VelFamily *family = self->architecture.family;
  g_autoptr (VelWeights) weights = open_weights (key, cancellable, error);
  VelLoader loader = { .weights = weights, .device = device, .compute = type, .cancellable = cancellable };
  VelUNet *unet;

  loader.slots = *slots = vel_slots_new (device);
  unet = weights ? vel_unet_load (&loader, family->unet_heads, family->unet_head_dim) : NULL;
  if (!unet)
    g_clear_pointer (slots, vel_slots_free);
  if (loader.error)
    g_propagate_error (error, loader.error);
  return unet;
}

gboolean
vel_model_reload_vae (VelModel *self, VelDevice *device, VelModelKey key, VelType type, GCancellable *cancellable, GError **error)
{
  g_autoptr (VelWeights) weights = open_weights (key, cancellable, error);
  VelLoader loader = { .weights = weights, .device = device, .compute = type, .cancellable = cancellable };

  if (!weights)
    return FALSE;
  g_clear_pointer (&self->vae, vel_vae_free);
  self->vae = vel_vae_load (&loader);
  self->precision.vae = type;
  if (loader.error)
    g_propagate_error (error, loader.error);
  return self->vae != NULL;
}

/* Without memory for it previews have the family's colours, which is better than no picture. */
static gboolean
fit_preview (VelModel *self, VelDevice *device, GCancellable *cancellable, GError **error)
{
  g_autoptr (GError) failure = NULL;

  if (vel_preview_fit (self, device, cancellable, &failure))
    return TRUE;
  if (g_error_matches (failure, VEL_ERROR, VEL_ERROR_MEMORY)) {
    memcpy (self->latent_to_rgb, self->architecture.family->latent_to_rgb, sizeof self->latent_to_rgb);
    return TRUE;
  }
  g_propagate_error (error, g_steal_pointer (&failure));
  return FALSE;
}

/* What is free, without what the model itself takes. */
static void
choose_plan (VelModel *self, VelDevice *device, VelWeights *weights, VelPictureSize size, guint rung)
{
  guint64 free_bytes, total;

  vel_device_get_memory (device, &free_bytes, &total);
  vel_memory_needs_estimate (&self->needs, weights, &self->architecture, self->precision, size);
  if (free_bytes > 0)
    free_bytes += size.controls_held + self->text_bytes + self->unet_bytes + (self->unet_slots ? vel_slots_get_bytes (self->unet_slots) : 0)
                  + (self->vae ? self->needs.vae : 0);
  if (!(device->kernels->features & VEL_FEATURE_OUTSIDE))
    free_bytes = rung = 0; /* the processor: memory that is short is swapped */
  vel_memory_plan_choose (&self->plan, &self->needs, free_bytes, rung);
}

gboolean
vel_model_fit (VelModel *self, VelDevice *device, VelModelKey key, VelPictureSize size, guint rung, GCancellable *cancellable, GError **error)
{
  g_autoptr (VelWeights) weights = open_weights (key, cancellable, error);
  VelMemoryPlan before = self->plan;

  if (!weights)
    return FALSE;
  if (size.batch == 0)
    return TRUE;
  choose_plan (self, device, weights, size, rung);
  /* A little more or less room is not worth loading a UNet for. */
  if (before.rung == self->plan.rung && before.fit == VEL_FIT_STREAMED && self->unet_bytes <= self->plan.room
      && self->plan.room / 4 * 3 <= before.room)
    self->plan.room = before.room;
  if (self->plan.fit != VEL_FIT_WHOLE)
    vel_model_drop_text (self);
  if (self->plan.room != before.room)
    vel_model_drop_unet (self);
  return TRUE;
}

VelModel *
vel_model_load (VelDevice *device, VelModelKey key, VelPictureSize size, guint rung, void (*progress) (double fraction, void *data), void *data,
                GCancellable *cancellable, GError **error)
{
  g_autoptr (VelModel) self = g_new0 (VelModel, 1);
  g_autoptr (VelWeights) weights = open_weights (key, cancellable, error);
  VelLoader loader = { .device = device, .cancellable = cancellable, .progress = progress, .progress_data = data };

  if (!weights)
    return NULL;
  self->precision = key.precision;
  if (!vel_architecture_read (&self->architecture, weights, key.prediction, error))
    return NULL;
  self->levels = vel_noise_levels_new_sd (self->architecture.family->id, self->architecture.zero_terminal_snr);
  self->path = g_strdup (key.path);
  self->name = name_of (key.path);
  self->identity = identity_of (key);
  if (size.batch > 0 && !find_tokenizer (self, key, error))
    return NULL;
  loader.weights = weights;
  loader.total_bytes = vel_weights_get_bytes (weights);
  choose_plan (self, device, weights, size, rung);
  if (!load_networks (self, &loader, size.batch > 0, error) || (size.batch > 0 && !check_vocabulary (self, error)))
    return NULL;
  if (!fit_preview (self, device, cancellable, error))
    return NULL;
  start_hashing (self);
  return g_steal_pointer (&self);
}

void
vel_model_free (VelModel *self)
{
  if (!self)
    return;
  if (self->hasher_stop)
    g_cancellable_cancel (self->hasher_stop);
  vel_model_get_hash (self);
  g_clear_object (&self->hasher_stop);
  g_free (self->hash);
  g_clear_pointer (&self->levels, vel_noise_levels_free);
  g_clear_pointer (&self->tokenizer, vel_tokenizer_unref);
  vel_model_drop_text (self);
  vel_model_drop_unet (self);
  g_clear_pointer (&self->vae, vel_vae_free);
  g_strfreev (self->unused);
  g_free (self->path);
  g_free (self->name);
  g_free (self->identity);
  g_free (self);
}

gboolean
vel_model_is (const VelModel *self, VelModelKey key)
{
  g_autofree char *identity = identity_of (key);

  return g_strcmp0 (self->identity, identity) == 0;
}
