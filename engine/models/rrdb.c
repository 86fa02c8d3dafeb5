/* RRDBNet.  SPDX-License-Identifier: Apache-2.0 */
#include "config.h"

#include "engine/models/rrdb.h"

#include <glib/gi18n-lib.h>
#include <inttypes.h>

#define SHARE 0.2 /* of what a block adds to its input */
#define MOST_DOUBLINGS 4

/* conv1 … conv4: [growth, features + growth (k - 1), 3, 3], conv5: [features, features + 4 growth, 3, 3] */
typedef struct {
  VelConv convs[5];
  VelLinear beside; /* ESRGAN+: [growth, features], no bias */
} Dense;

typedef struct {
  Dense dense[3];
} Block;

struct VelRrdb {
  VelRrdbFacts is;
  VelDevice *device;
  VelConv first; /* [features, 3 shuffle², 3, 3] */
  Block *blocks;
  VelConv body; /* [features, features, 3, 3], as are all but the last */
  VelConv *doublings;
  unsigned n_doublings;
  VelConv high;
  VelConv last;  /* [3, features, 3, 3] */
  float *slopes; /* [max (features, growth)], 0.2 each */
};

/* What the layers are called in one layout. */
typedef struct {
  char *first, *body, *high, *last;
  char *block;       /* "body.": a number follows, */
  const char *dense; /* ".rdb": a number from 1, */
  const char *leaf;  /* ".conv", a number, "" or ".0" */
  const char *leaf_end;
  char *doubling; /* "conv_up": `step` times a number from 1 */
  unsigned step, n_blocks, n_doublings;
} Names;

static void
names_clear (Names *self)
{
  g_free (self->first);
  g_free (self->body);
  g_free (self->high);
  g_free (self->last);
  g_free (self->block);
  g_free (self->doubling);
}
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC (Names, names_clear)

/* "model.0", then "model.3", "model.6" … for each doubling, and two more. */
static void
name_first_release (Names *self, VelLoader *loader, const char *prefix)
{
  g_autofree char *sequence = g_strconcat (prefix, "model.", NULL);
  unsigned layers = vel_loader_count (loader, sequence);

  self->block = g_strconcat (sequence, "1.sub.", NULL);
  self->n_doublings = layers > 4 ? (layers - 5) / 3 : 0;
  self->n_blocks = MAX (vel_loader_count (loader, self->block), 1) - 1;
  self->dense = ".RDB";
  self->leaf_end = ".0";
  self->first = g_strconcat (sequence, "0", NULL);
  self->body = g_strdup_printf ("%s%u", self->block, self->n_blocks);
  self->doubling = g_strdup (sequence);
  self->step = 3;
  self->high = g_strdup_printf ("%s%u", sequence, 3 * self->n_doublings + 2);
  self->last = g_strdup_printf ("%s%u", sequence, 3 * self->n_doublings + 4);
}

static void
name_later (Names *self, VelLoader *loader, const char *prefix, gboolean second)
{
  self->block = g_strconcat (prefix, second ? "RRDB_trunk." : "body.", NULL);
  self->n_blocks = vel_loader_count (loader, self->block);
  self->dense = second ? ".RDB" : ".rdb";
  self->leaf_end = "";
  self->first = g_strconcat (prefix, "conv_first", NULL);
  self->body = g_strconcat (prefix, second ? "trunk_conv" : "conv_body", NULL);
  self->doubling = g_strconcat (prefix, second ? "upconv" : "conv_up", NULL);
  self->step = 1;
  while (self->n_doublings < MOST_DOUBLINGS && vel_loader_has (loader, "%s%u.weight", self->doubling, self->n_doublings + 1))
    self->n_doublings++;
  self->high = g_strconcat (prefix, second ? "HRconv" : "conv_hr", NULL);
  self->last = g_strconcat (prefix, "conv_last", NULL);
}

/* Returns: FALSE if there is no such network */
static gboolean
find_names (Names *self, VelLoader *loader, const char *prefix)
{
  *self = (Names){ .leaf = ".conv" };
  if (vel_loader_has (loader, "%smodel.1.sub.0.RDB1.conv1.0.weight", prefix))
    name_first_release (self, loader, prefix);
  else if (vel_loader_has (loader, "%sRRDB_trunk.0.RDB1.conv1.weight", prefix))
    name_later (self, loader, prefix, TRUE);
  else if (vel_loader_has (loader, "%sbody.0.rdb1.conv1.weight", prefix))
    name_later (self, loader, prefix, FALSE);
  return self->first != NULL;
}

gboolean
vel_rrdb_is_in (VelLoader *loader, const char *prefix)
{
  g_auto (Names) names = { NULL };

  return find_names (&names, loader, prefix);
}

static gboolean
look (VelLoader *loader, const Names *names, VelRrdbFacts *facts)
{
  gint64 inputs = vel_loader_size (loader, 1, "%s.weight", names->first), outputs = vel_loader_size (loader, 0, "%s.weight", names->last);
  const char *first = names->leaf;

  *facts = (VelRrdbFacts){ .blocks = names->n_blocks,
                           .features = vel_loader_size (loader, 0, "%s.weight", names->first),
                           .growth = vel_loader_size (loader, 0, "%s0%s1%s1%s.weight", names->block, names->dense, first, names->leaf_end),
                           .shuffle = inputs == 48   ? 4
                                      : inputs == 12 ? 2
                                                     : 1,
                           .plus = vel_loader_has (loader, "%s0%s1.conv1x1.weight", names->block, names->dense) };
  facts->scale = (1u << MIN (names->n_doublings, MOST_DOUBLINGS)) / facts->shuffle;
  if (!vel_loader_ok (loader))
    return FALSE;
  if ((inputs == 3 || inputs == 12 || inputs == 48) && outputs == 3 && facts->scale > 0 && names->n_doublings <= MOST_DOUBLINGS &&
      facts->features > 0 && facts->growth > 0 && facts->blocks > 0)
    return TRUE;
  g_set_error (&loader->error, VEL_ERROR, VEL_ERROR_FAMILY,
               _ ("The upscaler in \"%s\" takes %" PRId64 " channels, gives %" PRId64
                  " and doubles the size %u times; 3, 12 or 48 to 3 and at most "
                  "%d times are known"),
               vel_weights_get_path (loader->weights), inputs, outputs, names->n_doublings, MOST_DOUBLINGS);
  return FALSE;
}

gboolean
vel_rrdb_look (VelLoader *loader, const char *prefix, VelRrdbFacts *facts)
{
  g_auto (Names) names = { NULL };

  g_return_val_if_fail (find_names (&names, loader, prefix), FALSE);
  return look (loader, &names, facts);
}

static void
dense_load (Dense *self, VelLoader *loader, const VelRrdbFacts *is, const Names *names, unsigned block, unsigned dense)
{
  g_autofree char *name = g_strdup_printf ("%s%u%s%u", names->block, block, names->dense, dense);

  for (unsigned i = 0; i < 5 && vel_loader_ok (loader); i++)
    vel_conv_load (&self->convs[i], loader, is->features + is->growth * i, i < 4 ? is->growth : is->features, 3, "%s%s%u%s", name,
                   names->leaf, i + 1, names->leaf_end);
  if (is->plus)
    vel_linear_load (&self->beside, loader, is->features, is->growth, FALSE, "%s.conv1x1", name);
}

VelRrdb *
vel_rrdb_load (VelLoader *loader, const char *prefix)
{
  g_autoptr (VelRrdb) self = g_new0 (VelRrdb, 1);
  g_auto (Names) names = { NULL };
  gint64 features;

  g_return_val_if_fail (find_names (&names, loader, prefix), NULL);
  self->device = vel_device_ref (loader->device);
  if (!look (loader, &names, &self->is))
    return NULL;
  features = self->is.features;
  self->blocks = g_new0 (Block, self->is.blocks);
  self->doublings = g_new0 (VelConv, names.n_doublings + 1);
  self->n_doublings = names.n_doublings;
  vel_conv_load (&self->first, loader, 3 * self->is.shuffle * self->is.shuffle, features, 3, "%s", names.first);
  for (unsigned i = 0; i < self->is.blocks; i++)
    for (unsigned k = 0; k < 3 && vel_loader_ok (loader); k++)
      dense_load (&self->blocks[i].dense[k], loader, &self->is, &names, i, k + 1);
  vel_conv_load (&self->body, loader, features, features, 3, "%s", names.body);
  for (unsigned i = 0; i < self->n_doublings; i++)
    vel_conv_load (&self->doublings[i], loader, features, features, 3, "%s%u", names.doubling, names.step * (i + 1));
  vel_conv_load (&self->high, loader, features, features, 3, "%s", names.high);
  vel_conv_load (&self->last, loader, features, 3, 3, "%s", names.last);
  self->slopes = vel_loader_fill (loader, MAX (features, self->is.growth), 0.2f);
  return vel_loader_ok (loader) ? g_steal_pointer (&self) : NULL;
}

void
vel_rrdb_free (VelRrdb *self)
{
  if (!self)
    return;
  vel_conv_clear (&self->first);
  for (unsigned i = 0; self->blocks && i < self->is.blocks; i++)
    for (unsigned k = 0; k < 3; k++) {
      for (unsigned c = 0; c < 5; c++)
        vel_conv_clear (&self->blocks[i].dense[k].convs[c]);
      vel_linear_clear (&self->blocks[i].dense[k].beside);
    }
  for (unsigned i = 0; i < self->n_doublings; i++)
    vel_conv_clear (&self->doublings[i]);
  vel_conv_clear (&self->body);
  vel_conv_clear (&self->high);
  vel_conv_clear (&self->last);
  if (self->slopes)
    self->device->kernels->free (self->device->backend, self->slopes);
  g_free (self->blocks);
  g_free (self->doublings);
  vel_device_unref (self->device);
  g_free (self);
}

static VelTensor *
conv_of (VelContext *ctx, const VelRrdb *self, const VelConv *conv, VelTensor *x)
{
  return vel_op_leaky (ctx, vel_conv (ctx, conv, x, NULL), self->slopes);
}

/* x: [1, h, w, features] -> the same */
static VelTensor *
dense_forward (VelContext *ctx, const VelRrdb *self, const Dense *dense, VelTensor *x)
{
  VelTensor *all = x, *made, *second = NULL; /* all: [1, h, w, features + growth k] */

  vel_context_open (ctx);
  for (unsigned i = 0; i < 4; i++) {
    VelTensor *more;

    made = conv_of (ctx, self, &dense->convs[i], all);
    if (dense->beside.weight && i == 1)
      second = made = vel_linear (ctx, &dense->beside, x, VEL_ACTIVATION_NONE, made);
    if (dense->beside.weight && i == 3)
      made = vel_op_combine (ctx, 2, (double[]){ 1, 1 }, (VelTensor *[]){ made, second });
    more = vel_op_concat (ctx, all, made);
    if (all != x)
      vel_context_drop (ctx, all);
    if (made != second)
      vel_context_drop (ctx, made);
    all = more;
  }
  made = vel_conv (ctx, &dense->convs[4], all, NULL);
  vel_op_combine_into (ctx, made, 2, (double[]){ SHARE, 1 }, (VelTensor *[]){ made, x });
  return vel_context_close (ctx, made);
}

static VelTensor *
block_forward (VelContext *ctx, const VelRrdb *self, const Block *block, VelTensor *x)
{
  VelTensor *made = x;

  vel_context_open (ctx);
  for (unsigned k = 0; k < 3; k++)
    made = dense_forward (ctx, self, &block->dense[k], made);
  vel_op_combine_into (ctx, made, 2, (double[]){ SHARE, 1 }, (VelTensor *[]){ made, x });
  return vel_context_close (ctx, made);
}

VelTensor *
vel_rrdb_forward (VelContext *ctx, const VelRrdb *self, VelTensor *x)
{
  VelTensor *first, *made;

  vel_context_open (ctx);
  if (self->is.shuffle > 1)
    x = vel_op_pixels_to_channels (ctx, x, self->is.shuffle);
  made = first = vel_conv (ctx, &self->first, x, NULL);
  for (unsigned i = 0; i < self->is.blocks; i++) {
    VelTensor *before = made;

    made = block_forward (ctx, self, &self->blocks[i], before);
    if (before != first)
      vel_context_drop (ctx, before);
  }
  made = vel_conv (ctx, &self->body, made, first);
  for (unsigned i = 0; i < self->n_doublings; i++) {
    VelTensor *before = made;

    made = vel_conv_with (
        ctx, &self->doublings[i], before,
        (VelConvOptions){ .pad_before = 1, .pad_after = 1, .up_height = 2 * before->shape.size[1], .up_width = 2 * before->shape.size[2] });
    vel_context_drop (ctx, before);
    vel_op_leaky (ctx, made, self->slopes);
  }
  made = vel_conv (ctx, &self->last, conv_of (ctx, self, &self->high, made), NULL);
  return vel_context_close (ctx, made);
}
