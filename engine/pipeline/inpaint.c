/* Start pictures and masks, in pixels.  SPDX-License-Identifier: Apache-2.0 */
#include "config.h"

#include "engine/pipeline/inpaint.h"

#include <glib/gi18n-lib.h>

#include "engine/formats/photo.h"
#include "engine/pipeline/outpaint.h"
#include "engine/pipeline/soft.h"
#include "engine/pixels/blur.h"
#include "engine/pixels/compose.h"

#define LIGHT 128      /* a mask's transparency: what is more opaque counts as white */
#define SMALLEST 8     /* a side of what is encoded in its own size, */
#define LONGEST 4096   /* as of what is painted */
#define CHANGES_BLUR 4 /* of the mask of what has changed */

/* What was asked for. */
typedef struct {
  VelValues *request;
  const char *init_path, *mask_path;
  guint width, height, factor;
  VelResizeMode resize;
  gboolean latents; /* are what is stretched */
  VelFill fill;
  guint blur, padding;
  gboolean invert, only_masked, soft;
  gboolean grows;
  VelOutpaint outpaint; /* where it does */
} Task;

/* The start picture, and where it is painted anew: as the result is laid together, and as latents are told apart. */
typedef struct {
  VelBitmap *image, *mask, *latent_mask; /* masks: (nullable) */
} Source;

/* A part of a picture. */
typedef struct {
  int x, y, right, bottom; /* right and bottom lie beyond it */
} Region;

void
vel_inpaint_free (VelInpaint *self)
{
  if (!self)
    return;
  g_clear_pointer (&self->image, vel_bitmap_free);
  g_clear_pointer (&self->own, vel_bitmap_free);
  g_clear_pointer (&self->mask, vel_bitmap_free);
  g_clear_pointer (&self->overlay, vel_bitmap_free);
  g_clear_pointer (&self->whole, vel_bitmap_free);
  g_free (self->repaint);
  g_free (self);
}

static Task
read_task (VelValues *request, guint width, guint height, guint factor)
{
  static const char *const fills[] = { "original", "fill", "noise", "nothing", NULL };
  Task task = { .request = request,
                .init_path = vel_values_get (request, "init"),
                .mask_path = vel_values_get (request, "mask"),
                .width = width,
                .height = height,
                .factor = factor,
                .latents = g_str_equal (vel_values_get (request, "resize"), "latent"),
                .blur = (guint) vel_values_get_int (request, "mask_blur"),
                .padding = (guint) vel_values_get_int (request, "masked_padding"),
                .invert = vel_values_get_bool (request, "mask_invert"),
                .only_masked = g_str_equal (vel_values_get (request, "inpaint_area"), "masked"),
                .soft = vel_soft_is_asked (request),
                .grows = vel_outpaint_is_asked (request) };

  task.resize = task.latents ? VEL_RESIZE_STRETCH : vel_resize_mode_from_string (vel_values_get (request, "resize"));
  while (fills[task.fill] && !g_str_equal (fills[task.fill], vel_values_get (request, "fill")))
    task.fill++;
  if (task.grows && !vel_values_is_set (request, "fill"))
    task.fill = VEL_FILL_COLOURS; /* there is nothing to be seen beside a picture */
  return task;
}

static VelBitmap *
read_image (const char *path, GError **error)
{
  g_autoptr (VelPhoto) photo = vel_photo_read (path, FALSE, error);

  return photo ? vel_bitmap_new_take (photo->width, photo->height, 3, g_steal_pointer (&photo->rgb)) : NULL;
}

static VelBitmap *
read_mask (const Task *task, GError **error)
{
  g_autoptr (VelPhoto) photo = vel_photo_read (task->mask_path, FALSE, error);
  VelBitmap *mask;

  if (!photo)
    return NULL;
  if (photo->alpha) {
    mask = vel_bitmap_new_take (photo->width, photo->height, 1, g_steal_pointer (&photo->alpha));
    for (gsize i = 0; !task->soft && i < vel_bitmap_bytes (mask); i++)
      mask->data[i] = mask->data[i] > LIGHT ? 255 : 0;
  } else {
    g_autoptr (VelBitmap) rgb = vel_bitmap_new_take (photo->width, photo->height, 3, g_steal_pointer (&photo->rgb));

    mask = vel_bitmap_grey (rgb);
  }
  if (task->invert)
    vel_bitmap_invert (mask);
  vel_bitmap_blur (mask, task->blur);
  return mask;
}

/* The smallest part that holds all that is not black. FALSE if all is. */
static gboolean
find_region (const VelBitmap *mask, Region *region)
{
  *region = (Region){ (int) mask->width, (int) mask->height, 0, 0 };
  for (int y = 0; y < (int) mask->height; y++)
    for (int x = 0; x < (int) mask->width; x++)
      if (mask->data[(gsize) y * mask->width + x] != 0)
        *region = (Region){ MIN (region->x, x), MIN (region->y, y), MAX (region->right, x + 1), MAX (region->bottom, y + 1) };
  return region->right > 0;
}

/* One side of a region, made `wanted` long around its middle, then moved and cut so that it lies within 0 .. most. */
static void
lengthen (int *from, int *to, double wanted, int most)
{
  int more = (int) (wanted - (*to - *from));

  *from -= more / 2;
  *to += more - more / 2;
  if (*to >= most) {
    *from -= *to - most;
    *to = most;
  }
  if (*from < 0) {
    *to -= *from;
    *from = 0;
  }
  *to = MIN (*to, most);
}

/* Padding around it, then the proportions of what is painted. */
static void
grow_region (Region *region, const Task *task, const VelBitmap *mask)
{
  int padding = (int) task->padding, width = (int) mask->width, height = (int) mask->height;
  double wanted = (double) task->width / task->height, own;

  *region = (Region){ MAX (region->x - padding, 0), MAX (region->y - padding, 0), MIN (region->right + padding, width),
                      MIN (region->bottom + padding, height) };
  own = (double) (region->right - region->x) / (region->bottom - region->y);
  if (own > wanted)
    lengthen (&region->y, &region->bottom, (region->right - region->x) / wanted, height);
  else
    lengthen (&region->x, &region->right, (region->bottom - region->y) * wanted, width);
}

static VelBitmap *
cut_region (const VelBitmap *from, const Region *region, const Task *task)
{
  g_autoptr (VelBitmap) part = vel_bitmap_crop (from, (guint) region->x, (guint) region->y, (guint) (region->right - region->x),
                                                (guint) (region->bottom - region->y));

  return vel_bitmap_resize (part, task->width, task->height, VEL_RESIZE_FIT);
}

/* What of the start lies over a result whose mask this is. */
static VelBitmap *
make_overlay (const VelBitmap *image, const VelBitmap *mask)
{
  VelBitmap *overlay = vel_bitmap_cut_out (image, mask);

  vel_bitmap_divide_by_alpha (overlay);
  return overlay;
}

static void
source_clear (Source *self)
{
  g_clear_pointer (&self->image, vel_bitmap_free);
  g_clear_pointer (&self->mask, vel_bitmap_free);
  g_clear_pointer (&self->latent_mask, vel_bitmap_free);
}

G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC (Source, source_clear)

static void
replace (VelBitmap **at, VelBitmap *with)
{
  vel_bitmap_free (*at);
  *at = with;
}

/* What is lighter in `mask`, a picture's own, goes onto its canvas's. */
static void
lighten (VelBitmap *canvas, const VelOutpaint *outpaint, const VelBitmap *mask)
{
  g_autoptr (VelBitmap) on_canvas = mask ? vel_outpaint_extend (outpaint, mask) : NULL;

  for (gsize i = 0; mask && i < vel_bitmap_bytes (canvas); i++)
    canvas->data[i] = MAX (canvas->data[i], on_canvas->data[i]);
}

/* The seam lies within the picture, twice as wide as a mask's edge; latents beside the picture alone are painted anew, and softly the seam's. */
static gboolean
grow (Source *self, Task *task, GError **error)
{
  VelBitmap *seam, *latent_seam;

  if (self->mask && (self->mask->width != self->image->width || self->mask->height != self->image->height)) {
    g_set_error (error, VEL_ERROR, VEL_ERROR_REQUEST,
                 _ ("The mask “%s” is %u x %u, the start picture %u x %u: for the picture to grow both must be of one size"), task->mask_path,
                 self->mask->width, self->mask->height, self->image->width, self->image->height);
    return FALSE;
  }
  vel_outpaint_plan (&task->outpaint, task->request, self->image->width, self->image->height, task->factor);
  seam = vel_outpaint_mask (&task->outpaint, 2 * task->blur);
  vel_bitmap_blur (seam, 2 * task->blur);
  latent_seam = task->soft ? vel_bitmap_dup (seam) : vel_outpaint_mask (&task->outpaint, task->blur / 2);
  lighten (seam, &task->outpaint, self->mask);
  lighten (latent_seam, &task->outpaint, self->mask);
  replace (&self->image, vel_outpaint_extend (&task->outpaint, self->image));
  if (task->fill != VEL_FILL_ORIGINAL) /* now: softly, what has hardly changed is to be seen in the end */
    replace (&self->image, vel_bitmap_fill_masked (self->image, latent_seam));
  replace (&self->mask, seam);
  replace (&self->latent_mask, latent_seam);
  return TRUE;
}

static gboolean
has_latent (const VelBitmap *image)
{
  return MIN (image->width, image->height) >= SMALLEST && MAX (image->width, image->height) <= LONGEST;
}

static gboolean
read_source (Source *self, Task *task, GError **error)
{
  self->image = read_image (task->init_path, error);
  if (!self->image || (*task->mask_path && !(self->mask = read_mask (task, error))))
    return FALSE;
  if (task->latents && !has_latent (self->image)) {
    g_set_error (error, VEL_ERROR, VEL_ERROR_REQUEST,
                 _ ("The start picture “%s” is %u x %u: for its latent to be stretched both sides have to be from %d to %d; resize it in another way"),
                 task->init_path, self->image->width, self->image->height, SMALLEST, LONGEST);
    return FALSE;
  }
  if (task->grows)
    return grow (self, task, error);
  if (self->mask)
    self->latent_mask = vel_bitmap_dup (self->mask);
  return TRUE;
}

/* The masked part alone, at full size. */
static gboolean
take_part (VelInpaint *self, const Task *task, Source *source, GError **error)
{
  const VelBitmap *image = source->image, *mask = source->mask;
  Region region;

  if (mask->width != image->width || mask->height != image->height) {
    g_set_error (error, VEL_ERROR, VEL_ERROR_REQUEST,
                 _ ("The mask “%s” is %u x %u, the start picture %u x %u: to paint the masked part alone both must be of one size"),
                 task->mask_path, mask->width, mask->height, image->width, image->height);
    return FALSE;
  }
  if (!find_region (mask, &region)) {
    g_set_error (error, VEL_ERROR, VEL_ERROR_REQUEST, _ ("The mask “%s” is all black: it marks nothing to paint anew"), task->mask_path);
    return FALSE;
  }
  grow_region (&region, task, mask);
  if (task->soft)
    self->whole = vel_bitmap_dup (image);
  else
    self->overlay = make_overlay (image, mask);
  self->image = cut_region (image, &region, task);
  self->mask = cut_region (mask, &region, task);
  replace (&source->latent_mask, cut_region (source->latent_mask, &region, task));
  self->x = region.x;
  self->y = region.y;
  self->part_width = (guint) (region.right - region.x);
  self->part_height = (guint) (region.bottom - region.y);
  return TRUE;
}

/* All of it. Twice the mask's lightness lies over the result, so that the blurred edge outside is the start's own. */
static void
take_whole (VelInpaint *self, const Task *task, Source *source)
{
  VelResizeMode resize = task->grows ? VEL_RESIZE_STRETCH : task->resize;
  g_autoptr (VelBitmap) doubled = NULL;

  self->image = vel_bitmap_resize (source->image, task->width, task->height, resize);
  if (task->latents)
    self->own = vel_bitmap_dup (source->image);
  if (!source->mask)
    return;
  self->mask = vel_bitmap_resize (source->mask, task->width, task->height, resize);
  replace (&source->latent_mask, vel_bitmap_resize (source->latent_mask, task->width, task->height, resize));
  if (task->soft)
    self->whole = vel_bitmap_dup (self->image);
  if (task->soft || (task->blur == 0 && !task->grows))
    return;
  doubled = vel_bitmap_dup (self->mask);
  for (gsize i = 0; i < vel_bitmap_bytes (doubled); i++)
    doubled->data[i] = (guint8) MIN (2u * doubled->data[i], 255);
  self->overlay = make_overlay (self->image, doubled);
}

static float
block_mean (const VelBitmap *mask, guint x, guint y, guint side)
{
  guint sum = 0;

  for (guint j = 0; j < side; j++)
    for (guint i = 0; i < side; i++)
      sum += mask->data[(gsize) (y * side + j) * mask->width + x * side + i];
  return (float) sum / (float) (side * side);
}

static void
shrink_mask (VelInpaint *self, const Task *task, const VelBitmap *mask)
{
  guint w = task->width / task->factor, h = task->height / task->factor;
  g_autoptr (VelBitmap) small = task->soft || task->blur > 0 ? vel_bitmap_resample (mask, w, h, VEL_FILTER_BICUBIC) : NULL;

  self->repaint = g_new (float, (gsize) w *h);
  for (guint y = 0; y < h; y++)
    for (guint x = 0; x < w; x++) {
      float light = small ? small->data[y * w + x] : block_mean (mask, x, y, task->factor);

      self->repaint[y * w + x] = task->soft ? light / 255 : light >= 127.5f;
    }
}

static void
fill (VelInpaint *self, const VelBitmap *latent_mask)
{
  replace (&self->image, vel_bitmap_fill_masked (self->image, latent_mask));
  if (self->own) {
    g_autoptr (VelBitmap) own = vel_bitmap_resize (latent_mask, self->own->width, self->own->height, VEL_RESIZE_STRETCH);

    replace (&self->own, vel_bitmap_fill_masked (self->own, own));
  }
}

VelInpaint *
vel_inpaint_prepare (VelValues *request, guint width, guint height, guint factor, GError **error)
{
  Task task = read_task (request, width, height, factor);
  g_autoptr (VelInpaint) self = g_new0 (VelInpaint, 1);
  g_auto (Source) source = { NULL };

  if (!read_source (&source, &task, error))
    return NULL;
  if (!source.mask || !task.only_masked)
    take_whole (self, &task, &source);
  else if (!take_part (self, &task, &source, error))
    return NULL;
  if (!source.mask)
    return g_steal_pointer (&self);
  shrink_mask (self, &task, source.latent_mask);
  self->fill = task.fill;
  if (task.fill != VEL_FILL_ORIGINAL && !task.grows)
    fill (self, source.latent_mask);
  return g_steal_pointer (&self);
}

/* A small mask to the result's size, its steps smoothed; black beside a part. */
static VelBitmap *
enlarge_changes (const VelInpaint *self, const VelBitmap *changed)
{
  g_autoptr (VelBitmap) mask = vel_bitmap_resize (changed, self->image->width, self->image->height, VEL_RESIZE_FIT), part = NULL;
  VelBitmap *all;

  vel_bitmap_blur_boxes (mask, CHANGES_BLUR);
  if (self->part_width == 0)
    return g_steal_pointer (&mask);
  part = vel_bitmap_resize (mask, self->part_width, self->part_height, VEL_RESIZE_FILL);
  all = vel_bitmap_new (self->whole->width, self->whole->height, 1);
  vel_bitmap_paste (all, part, self->x, self->y);
  return all;
}

VelBitmap *
vel_inpaint_dup_overlay (const VelInpaint *self, const VelBitmap *changed)
{
  g_autoptr (VelBitmap) mask = changed && self->whole ? enlarge_changes (self, changed) : NULL;

  return mask ? make_overlay (self->whole, mask) : self->overlay ? vel_bitmap_dup (self->overlay) : NULL;
}

VelBitmap *
vel_inpaint_finish (const VelInpaint *self, VelBitmap *rgb, const VelBitmap *changed)
{
  g_autoptr (VelBitmap) painted = rgb, overlay = vel_inpaint_dup_overlay (self, changed), base = NULL;

  if (!overlay)
    return g_steal_pointer (&painted);
  if (self->part_width == 0)
    base = vel_bitmap_with_channels (painted, 4);
  else {
    g_autoptr (VelBitmap) part = vel_bitmap_resize (painted, self->part_width, self->part_height, VEL_RESIZE_FILL);
    g_autoptr (VelBitmap) opaque = vel_bitmap_with_channels (part, 4);

    base = vel_bitmap_new (overlay->width, overlay->height, 4);
    vel_bitmap_paste (base, opaque, self->x, self->y);
  }
  vel_bitmap_composite (base, overlay);
  return vel_bitmap_with_channels (base, 3);
}
