/* Strips of rows.  SPDX-License-Identifier: Apache-2.0 */
#include "config.h"

#include "engine/models/strips.h"

#include <errno.h>
#include <fcntl.h>
#include <glib/gi18n-lib.h>
#include <glib/gstdio.h>
#include <math.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "kernels/half.h"

static gsize
row_bytes (const VelStripped *self)
{
  return (gsize) self->width * (gsize) self->channels * vel_type_size (self->type);
}

/* A file without a name, whose room on the disk is there from the beginning: memory that is mapped to a full disk would end the program. */
static void *
map_file (VelContext *ctx, const char *folder, gsize bytes)
{
  g_autofree char *path = g_build_filename (folder, ".velatura-XXXXXX", NULL), *shown = g_filename_display_name (folder);
  int fd = g_mkdir_with_parents (folder, 0700) == 0 ? g_mkstemp_full (path, O_RDWR | O_CLOEXEC, 0600) : -1, code = errno;
  void *data = MAP_FAILED;

  if (fd >= 0) {
    g_unlink (path);
    code = posix_fallocate (fd, 0, (off_t) bytes);
    if (code == 0 && (data = mmap (NULL, bytes, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0)) == MAP_FAILED)
      code = errno;
    close (fd);
  }
  if (data == MAP_FAILED)
    vel_context_fail (ctx, VEL_ERROR_MEMORY, _ ("There is not enough memory to decode the picture, and the folder “%s” can not lend any: %s"), shown,
                      g_strerror (code));
  return data == MAP_FAILED ? NULL : data;
}

static VelStripped *
stripped_new (VelContext *ctx, const VelStripPlace *place, VelType type, gint64 height, gint64 width, gint64 channels)
{
  VelStripped *self = g_new (VelStripped, 1);
  gsize bytes;

  *self = (VelStripped) { type, height, width, channels, 0, NULL };
  bytes = MAX (row_bytes (self) * (gsize) height, 1);
  if (place->folder) {
    self->data = map_file (ctx, place->folder, bytes);
    self->mapped = bytes;
  } else {
    self->data = g_try_malloc (bytes);
    if (!self->data)
      vel_context_fail (ctx, VEL_ERROR_MEMORY, _ ("There is not enough memory to decode the picture"));
  }
  if (self->data)
    return self;
  g_free (self);
  return NULL;
}

/* Rows that have been read or written for now: what lies in a file need not stay in memory. */
static void
let_go (const VelStripped *self, gint64 first, gint64 count)
{
  gsize page = (gsize) sysconf (_SC_PAGESIZE), from = row_bytes (self) * (gsize) first, to = from + row_bytes (self) * (gsize) count;

  from = (from + page - 1) / page * page;
  to = to / page * page;
  if (self->mapped && to > from)
    madvise ((char *) self->data + from, to - from, MADV_DONTNEED); /* of a shared mapping: the file keeps it */
}

void
vel_stripped_free (VelStripped *self)
{
  if (!self)
    return;
  if (self->mapped)
    munmap (self->data, self->mapped);
  else
    g_free (self->data);
  g_free (self);
}

VelStripped *
vel_stripped_take (VelContext *ctx, VelTensor *x, const VelStripPlace *place)
{
  g_autoptr (VelStripped) self = NULL;

  g_assert (x->shape.n == 4 && x->shape.size[0] == 1);
  if (!vel_context_ok (ctx))
    return NULL;
  self = stripped_new (ctx, place, x->type, x->shape.size[1], x->shape.size[2], x->shape.size[3]);
  if (self)
    vel_tensor_download (x, self->data);
  return g_steal_pointer (&self);
}

static float
load (const void *data, VelType type, gsize i)
{
  return type == VEL_F32   ? ((const float *) data)[i]
         : type == VEL_F16 ? vel_half_to_float (((const guint16 *) data)[i])
                           : vel_bfloat_to_float (((const guint16 *) data)[i]);
}

static void
store (void *data, VelType type, gsize i, float value)
{
  if (type == VEL_F32)
    ((float *) data)[i] = value;
  else
    ((guint16 *) data)[i] = type == VEL_F16 ? vel_half_from_float (value) : vel_bfloat_from_float (value);
}

/* What a norm comes to for each channel: x factor + shift. */
typedef struct {
  float *factor, *shift;
} Affine;

static void
affine_clear (Affine *self)
{
  g_free (self->factor);
  g_free (self->shift);
}

/* Adds to `sums`, for each channel, the values, or the squares of their distances from `means` [groups]. */
static void
add_up (double *sums, const VelStripped *x, const double *means)
{
  gsize channels = (gsize) x->channels, each = channels / VEL_NORM_GROUPS, in_row = (gsize) x->width * channels;

  for (gint64 y = 0; y < x->height; y++) {
    for (gsize i = (gsize) y * in_row, end = i + in_row; i < end;)
      for (gsize c = 0; c < channels; c++, i++) {
        double value = load (x->data, x->type, i);

        sums[c] += means ? (value - means[c / each]) * (value - means[c / each]) : value;
      }
    let_go (x, y, 1);
  }
}

/* Two passes over the picture: means, then squared distances from them. */
static void
affine_of (Affine *self, const VelNorm *norm, const VelStripped *x)
{
  gsize channels = (gsize) x->channels, pixels = (gsize) (x->height * x->width), each = channels / VEL_NORM_GROUPS;
  g_autofree float *gamma = g_new (float, channels), *beta = g_new (float, channels);
  g_autofree double *sums = g_new0 (double, channels);
  double means[VEL_NORM_GROUPS] = { 0 }, squares[VEL_NORM_GROUPS] = { 0 };

  norm->device->kernels->download (norm->device->backend, gamma, norm->gamma, channels * sizeof *gamma);
  norm->device->kernels->download (norm->device->backend, beta, norm->beta, channels * sizeof *beta);
  add_up (sums, x, NULL);
  for (gsize c = 0; c < channels; c++)
    means[c / each] += sums[c] / (double) (pixels * each);
  memset (sums, 0, channels * sizeof *sums);
  add_up (sums, x, means);
  for (gsize c = 0; c < channels; c++)
    squares[c / each] += sums[c];
  self->factor = g_new (float, channels);
  self->shift = g_new (float, channels);
  for (gsize c = 0; c < channels; c++) {
    double factor = gamma[c] / sqrt (squares[c / each] / (double) (pixels * each) + norm->eps);

    self->factor[c] = (float) factor;
    self->shift[c] = (float) (beta[c] - means[c / each] * factor);
  }
}

/* Rows first .. first + count - 1, one after the other; those before the first and behind the last are the other end's.
 * copy: (out) (transfer full) (nullable) where they are not together */
static const void *
find_rows (const VelStripped *x, gint64 first, gint64 count, char **copy)
{
  gsize bytes = row_bytes (x);

  *copy = NULL;
  if (first >= 0 && first + count <= x->height)
    return (const char *) x->data + bytes * (gsize) first;
  *copy = g_malloc (bytes * (gsize) count);
  for (gint64 i = 0; i < count; i++)
    memcpy (*copy + bytes * (gsize) i, (const char *) x->data + bytes * (gsize) ((first + i + x->height) % x->height), bytes);
  return *copy;
}

/* The same on the device, normalised on the way if `affine` is there. */
static VelTensor *
send (VelContext *ctx, const VelStripped *x, const Affine *affine, gint64 first, gint64 count)
{
  VelTensor *strip = vel_context_tensor (ctx, x->type, VEL_SHAPE (1, count, x->width, x->channels));
  gsize n = (gsize) (count * x->width * x->channels), channels = (gsize) x->channels;
  g_autofree char *copy = NULL;
  g_autofree void *changed = NULL;
  const void *from;

  if (!vel_context_ok (ctx))
    return strip;
  from = find_rows (x, first, count, &copy);
  if (affine) {
    changed = g_malloc (n * vel_type_size (x->type));
    for (gsize i = 0; i < n; i++) {
      float value = load (from, x->type, i) * affine->factor[i % channels] + affine->shift[i % channels];

      store (changed, x->type, i, value / (1 + expf (-value)));
    }
  }
  vel_tensor_upload (strip, changed ? changed : from);
  return strip;
}

/* Rows of x for some of out, and where those begin in what comes of them. */
typedef struct {
  gint64 first, last;    /* with what the convolution reads around them */
  gint64 out, rows;      /* in out */
  gint64 skipped;        /* of what comes, before out's */
} Strip;

/* y, end: rows of x that are its own. Where upper and lower edges meet, rows before the first and behind the last are read too. */
static Strip
find_strip (VelContext *ctx, const VelStripped *x, VelStripOptions options, gint64 around, gint64 y, gint64 end)
{
  gboolean wrap_y = vel_context_get_wrap_y (ctx);
  gint64 scale = options.doubled ? 2 : 1, first = wrap_y ? y - around : MAX (y - around, 0);
  gint64 last = wrap_y ? end + around : MIN (end + around, x->height);

  if (options.halved)
    return (Strip) { y, MIN (end + 1, x->height), y / 2, (end - y) / 2, 0 }; /* its padding is never the other end, see layers.c */
  return (Strip) { first, last, y * scale, (end - y) * scale, (y - first) * scale };
}

static VelTensor *
run_strip (VelContext *ctx, const VelConv *conv, const VelStripped *x, const Affine *affine, VelStripOptions options, Strip strip)
{
  gint64 scale = options.doubled ? 2 : 1, count = strip.last - strip.first;
  VelTensor *in = send (ctx, x, affine, strip.first, count), *residual = NULL;
  unsigned around = conv->kernel == 3 ? 1 : 0;

  if (options.residual)
    residual = send (ctx, options.residual, NULL, strip.first * scale, count * scale);
  if (options.skip)
    residual = vel_conv (ctx, options.skip, residual, NULL);
  return vel_op_conv (ctx, in, conv->weight, conv->bias, conv->out, conv->kernel,
                      (VelConvOptions) { .stride = options.halved ? 2 : 0,
                                         .pad_before = options.halved ? 0 : around,
                                         .pad_after = around,
                                         .wrap_x = !options.halved && vel_context_get_wrap_x (ctx),
                                         .up_height = options.doubled ? 2 * count : 0,
                                         .up_width = options.doubled ? 2 * x->width : 0 },
                      NULL, residual);
}

VelStripped *
vel_stripped_conv (VelContext *ctx, const VelConv *conv, const VelStripped *x, VelStripOptions options, const VelStripPlace *place)
{
  gint64 multiple = options.doubled ? 2 : 1, part = options.halved ? 2 : 1, around = conv->kernel == 3 ? 1 : 0, at_once;
  g_autoptr (VelStripped) out = NULL;
  Affine affine = { NULL, NULL };

  if (!x || !vel_context_ok (ctx))
    return NULL;
  out = stripped_new (ctx, place, x->type, x->height * multiple / part, x->width * multiple / part, conv->out);
  if (!out)
    return NULL;
  if (options.norm)
    affine_of (&affine, options.norm, x);
  /* Rows of x: with what comes of them, and a residual as large. */
  at_once = (gint64) (place->room / (row_bytes (x) + 2 * (guint64) multiple * row_bytes (out) + 1)) - 2 * around;
  at_once = CLAMP (at_once / 2 * 2, 2, MAX (x->height, 2));
  for (gint64 y = 0; y < x->height && vel_context_ok (ctx); y += at_once) {
    gint64 end = MIN (y + at_once, x->height);
    Strip strip = find_strip (ctx, x, options, around, y, end);
    VelTensor *made;

    vel_context_open (ctx);
    made = run_strip (ctx, conv, x, options.norm ? &affine : NULL, options, strip);
    vel_context_look (ctx, made, conv->name);
    if (vel_context_ok (ctx)) {
      VelTensor *lines = vel_context_reshape (ctx, made, VEL_SHAPE (made->shape.size[1], out->width, out->channels));

      vel_tensor_download (vel_context_slice (ctx, lines, strip.skipped, strip.rows),
                           (char *) out->data + row_bytes (out) * (gsize) strip.out);
    }
    vel_context_close (ctx, NULL);
    let_go (x, y, end - y);
    let_go (out, strip.out, strip.rows);
    if (options.residual)
      let_go (options.residual, strip.out, strip.rows);
  }
  affine_clear (&affine);
  return vel_context_ok (ctx) ? g_steal_pointer (&out) : NULL;
}
