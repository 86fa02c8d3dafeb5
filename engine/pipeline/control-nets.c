/* ControlNets on disk and on the device.  SPDX-License-Identifier: Apache-2.0 */
#include "config.h"

#include "engine/pipeline/control-nets.h"

#include <glib/gi18n-lib.h>
#include <glib/gstdio.h>

#include "engine/catalog.h"
#include "engine/collection.h"
#include "engine/control/wish.h"

#define FOLDER "controlnets"

/* One file, however often it is asked for. */
typedef struct {
  char *path, *identity;
  VelWeights *weights;
  VelControlNet *net; /* (nullable) while it is not on the device */
  char *fitted;       /* to which model and how, while it is */
  gsize bytes;
  gboolean wanted;
} Net;

struct VelControlNets {
  GPtrArray *nets;   /* Net */
  GPtrArray *wishes; /* Net, of each */
};

GPtrArray *
vel_control_nets_list (void)
{
  return vel_collection_list (FOLDER, TRUE);
}

char *
vel_control_nets_find (const char *name, GError **error)
{
  g_autoptr (GPtrArray) all = NULL;
  g_autofree char *folder = NULL, *shown = NULL;
  const char *found;

  if (g_file_test (name, G_FILE_TEST_EXISTS))
    return g_canonicalize_filename (name, NULL);
  all = vel_control_nets_list ();
  found = vel_collection_find (all, name);
  if (found)
    return g_strdup (found);
  folder = vel_collection_get_folder (FOLDER);
  shown = g_filename_display_name (folder);
  g_set_error (error, VEL_ERROR, VEL_ERROR_REQUEST,
               _ ("There is no ControlNet “%.200s”: neither a file of that path nor one of that name in “%s”; `velatura list controlnets` "
                  "shows what there is"),
               name, shown);
  return NULL;
}

/* Without what would end it in a list. Returns: (transfer full) */
static char *
dup_title (const char *model)
{
  g_autofree char *path = vel_control_nets_find (model, NULL), *stem = vel_collection_dup_stem (path ? path : model);
  g_autofree char *name = g_strdelimit (g_utf8_make_valid (stem, -1), ",:\n\"", '_');
  g_autofree char *hash = path && g_file_test (path, G_FILE_TEST_IS_REGULAR) ? vel_catalog_hash_kind (VEL_HASH_AUTOV1, path, NULL, NULL) : NULL;

  return hash ? g_strdup_printf ("%s [%s]", name, hash) : g_steal_pointer (&name);
}

char *
vel_control_nets_dup_titles (VelValues *request)
{
  g_autoptr (GPtrArray) wishes = vel_control_wishes_parse (vel_values_get (request, "control"), NULL);
  GString *titles = g_string_new (NULL);

  for (guint i = 0; wishes && i < wishes->len; i++) {
    g_autofree char *title = dup_title (((const VelControlWish *) wishes->pdata[i])->model);

    g_string_append_printf (titles, "%s%s", i ? "\n" : "", title);
  }
  return g_string_free (titles, FALSE);
}

static void
unload (Net *self)
{
  g_clear_pointer (&self->net, vel_controlnet_free);
  g_clear_pointer (&self->fitted, g_free);
  self->bytes = 0;
}

static void
free_net (gpointer data)
{
  Net *self = data;

  unload (self);
  vel_weights_unref (self->weights);
  g_free (self->path);
  g_free (self->identity);
  g_free (self);
}

VelControlNets *
vel_control_nets_new (void)
{
  VelControlNets *self = g_new (VelControlNets, 1);

  self->nets = g_ptr_array_new_with_free_func (free_net);
  self->wishes = g_ptr_array_new ();
  return self;
}

void
vel_control_nets_free (VelControlNets *self)
{
  if (!self)
    return;
  g_ptr_array_unref (self->wishes);
  g_ptr_array_unref (self->nets);
  g_free (self);
}

/* Path, size and time. */
static char *
identify (const char *path)
{
  GStatBuf info = { 0 };

  if (g_stat (path, &info) != 0)
    info.st_size = -1;
  return g_strdup_printf ("%s|%" G_GINT64_FORMAT "|%" G_GINT64_FORMAT ".%09ld", path, (gint64) info.st_size, (gint64) info.st_mtim.tv_sec,
                          (long) info.st_mtim.tv_nsec);
}

/* Returns: borrowed, opened now or before; NULL with an error */
static Net *
use (VelControlNets *self, const char *name, GCancellable *cancellable, GError **error)
{
  g_autofree char *path = vel_control_nets_find (name, error), *identity = path ? identify (path) : NULL;
  VelWeights *weights;
  Net *net;

  if (!path)
    return NULL;
  for (guint i = 0; i < self->nets->len; i++) {
    net = self->nets->pdata[i];
    if (g_str_equal (net->identity, identity))
      return net;
  }
  weights = vel_weights_open_control (path, cancellable, error);
  if (!weights)
    return NULL;
  net = g_new0 (Net, 1);
  *net = (Net){ .path = g_steal_pointer (&path), .identity = g_steal_pointer (&identity), .weights = weights };
  g_ptr_array_add (self->nets, net);
  return net;
}

gboolean
vel_control_nets_set (VelControlNets *self, GPtrArray *wishes, GCancellable *cancellable, GError **error)
{
  gboolean ok = TRUE;

  g_ptr_array_set_size (self->wishes, 0);
  for (guint i = 0; i < self->nets->len; i++)
    ((Net *) self->nets->pdata[i])->wanted = FALSE;
  for (guint i = 0; ok && i < wishes->len; i++) {
    Net *net = use (self, ((const VelControlWish *) wishes->pdata[i])->model, cancellable, error);

    ok = net != NULL;
    if (!ok)
      break;
    net->wanted = TRUE;
    g_ptr_array_add (self->wishes, net);
  }
  for (guint i = self->nets->len; ok && i-- > 0;)
    if (!((Net *) self->nets->pdata[i])->wanted)
      g_ptr_array_remove_index (self->nets, i);
  return ok;
}

guint64
vel_control_nets_estimate (const VelControlNets *self, VelType type)
{
  guint64 bytes = 0;

  for (guint i = 0; i < self->nets->len; i++) {
    VelWeights *weights = ((const Net *) self->nets->pdata[i])->weights;
    const char *const *names = vel_weights_get_names (weights);

    for (gsize k = 0; names[k]; k++) {
      const VelTensorEntry *entry = vel_weights_find (weights, names[k]);

      bytes += entry->known ? (guint64) vel_shape_count (entry->shape) * vel_type_size (type) : 0;
    }
  }
  return bytes;
}

guint64
vel_control_nets_get_bytes (const VelControlNets *self)
{
  guint64 bytes = 0;

  for (guint i = 0; i < self->nets->len; i++)
    bytes += ((const Net *) self->nets->pdata[i])->bytes;
  return bytes;
}

/* A difference becomes the weights themselves. Returns: (transfer full) */
static VelWeights *
open_whole (const Net *self, VelModelKey key, GCancellable *cancellable, GError **error)
{
  const char *const parts[VEL_N_PARTS] = { key.unet, key.text, key.vae };
  g_autoptr (VelWeights) weights = NULL, model = NULL;

  if (!vel_weights_is_difference (self->weights))
    return vel_weights_ref (self->weights);
  weights = vel_weights_open_control (self->path, cancellable, error);
  model = weights ? vel_weights_open_with (key.path, parts, cancellable, error) : NULL;
  return model && vel_weights_add_unet (weights, model, error) ? g_steal_pointer (&weights) : NULL;
}

static gboolean
load (Net *self, VelDevice *device, const VelModel *model, VelModelKey key, gboolean outside, GCancellable *cancellable, GError **error)
{
  const VelFamily *family = model->architecture.family;
  g_autoptr (VelWeights) weights = open_whole (self, key, cancellable, error);
  VelLoader loader = {
    .weights = weights, .device = device, .compute = model->precision.unet, .cancellable = cancellable, .limited = outside
  };

  if (!weights)
    return FALSE;
  self->net = vel_controlnet_load (&loader, family->unet_heads, family->unet_head_dim);
  self->bytes = loader.packed_bytes;
  if (loader.error)
    g_propagate_error (error, loader.error);
  return self->net != NULL;
}

static gboolean
fit (Net *self, VelDevice *device, const VelModel *model, VelModelKey key, GCancellable *cancellable, GError **error)
{
  gboolean outside = model->plan.rung == VEL_LAST_RUNG;
  g_autofree char *how =
      g_strdup_printf ("%d|%d|%s", model->precision.unet, outside, vel_weights_is_difference (self->weights) ? model->identity : "");

  if (!vel_controlnet_check (self->weights, model->name, &model->architecture, error))
    return FALSE;
  if (!self->net || g_strcmp0 (self->fitted, how) != 0) {
    unload (self);
    if (!load (self, device, model, key, outside, cancellable, error))
      return FALSE;
    self->fitted = g_steal_pointer (&how);
  }
  if (vel_controlnet_fits (self->net, model->unet))
    return TRUE;
  g_set_error (error, VEL_ERROR, VEL_ERROR_FAMILY,
               _ ("The blocks of the ControlNet “%s” are not those of the model “%s”; take a ControlNet that was made for this model"),
               self->path, model->name);
  return FALSE;
}

gboolean
vel_control_nets_load (VelControlNets *self, VelDevice *device, const VelModel *model, VelModelKey key, GCancellable *cancellable,
                       GError **error)
{
  for (guint i = 0; i < self->nets->len; i++)
    if (!fit (self->nets->pdata[i], device, model, key, cancellable, error))
      return FALSE;
  return TRUE;
}

const VelControlNet *
vel_control_nets_get (const VelControlNets *self, guint wish)
{
  return ((const Net *) self->wishes->pdata[wish])->net;
}

void
vel_control_nets_drop (VelControlNets *self)
{
  for (guint i = 0; i < self->nets->len; i++)
    unload (self->nets->pdata[i]);
}
