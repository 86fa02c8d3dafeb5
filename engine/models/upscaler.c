/* Which network a file holds.  SPDX-License-Identifier: Apache-2.0 */
#include "config.h"

#include "engine/models/upscaler.h"

#include <glib/gi18n-lib.h>

#include "engine/models/compact.h"
#include "engine/models/rrdb.h"

struct VelUpscaler {
  VelUpscalerFacts is;
  VelType type;
  VelRrdb *rrdb; /* one of the two */
  VelCompact *compact;
};

/* Trainers keep an average of the weights beside them, which is what is meant to be used. */
static const char *const prefixes[] = { "params_ema.", "params.", "", NULL };

typedef gboolean (*IsIn) (VelLoader *loader, const char *prefix);

/* Returns: (nullable) what stands before all names */
static const char *
find (VelLoader *loader, IsIn is_in)
{
  for (gsize i = 0; prefixes[i]; i++)
    if (is_in (loader, prefixes[i]))
      return prefixes[i];
  return NULL;
}

/* Returns: FALSE with an error of the loader, or without one if it is neither */
static gboolean
look (VelLoader *loader, VelUpscalerFacts *facts)
{
  const char *rrdb = find (loader, vel_rrdb_is_in), *compact = rrdb ? NULL : find (loader, vel_compact_is_in);
  VelRrdbFacts is;
  VelCompactFacts is_compact;

  if (rrdb && vel_rrdb_look (loader, rrdb, &is))
    *facts = (VelUpscalerFacts){ is.plus ? "ESRGAN+" : "ESRGAN", is.scale, is.blocks, is.features, is.shuffle };
  else if (compact && vel_compact_look (loader, compact, &is_compact))
    *facts = (VelUpscalerFacts){ "Compact", is_compact.scale, is_compact.layers, is_compact.features, 1 };
  else
    return FALSE;
  return TRUE;
}

gboolean
vel_upscaler_look (VelWeights *weights, VelUpscalerFacts *facts, GError **error)
{
  VelLoader loader = { .weights = weights };
  gboolean found = look (&loader, facts);

  if (loader.error)
    g_propagate_error (error, loader.error);
  return found;
}

VelUpscaler *
vel_upscaler_load (VelLoader *loader)
{
  g_autoptr (VelUpscaler) self = g_new0 (VelUpscaler, 1);
  const char *rrdb = find (loader, vel_rrdb_is_in), *compact = rrdb ? NULL : find (loader, vel_compact_is_in);

  self->type = loader->compute;
  if (look (loader, &self->is)) {
    self->rrdb = rrdb ? vel_rrdb_load (loader, rrdb) : NULL;
    self->compact = compact ? vel_compact_load (loader, compact) : NULL;
  } else if (!loader->error) {
    g_set_error (&loader->error, VEL_ERROR, VEL_ERROR_FAMILY,
                 _ ("\"%s\" is no upscaler that is known here; ESRGAN, Real-ESRGAN and its compact networks are"),
                 vel_weights_get_path (loader->weights));
  }
  return vel_loader_ok (loader) ? g_steal_pointer (&self) : NULL;
}

void
vel_upscaler_free (VelUpscaler *self)
{
  if (!self)
    return;
  vel_rrdb_free (self->rrdb);
  vel_compact_free (self->compact);
  g_free (self);
}

const VelUpscalerFacts *
vel_upscaler_get_facts (const VelUpscaler *self)
{
  return &self->is;
}

VelTensor *
vel_upscaler_forward (VelContext *ctx, const VelUpscaler *self, VelTensor *x)
{
  vel_context_open (ctx);
  x = vel_op_convert (ctx, x, self->type);
  x = self->rrdb ? vel_rrdb_forward (ctx, self->rrdb, x) : vel_compact_forward (ctx, self->compact, x);
  return vel_context_close (ctx, vel_op_convert (ctx, x, VEL_F32));
}
