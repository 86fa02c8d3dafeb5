/* JPEG by libjpeg, in memory.  SPDX-License-Identifier: Apache-2.0 */
#include "config.h"

#include "engine/formats/jpeg.h"

#include <glib/gi18n-lib.h>
#include <setjmp.h>
#include <stdio.h>
#include <string.h>

#include <jerror.h>
#include <jpeglib.h>

#include "engine/error.h"
#include "engine/formats/exif.h"
#include "engine/formats/png.h"

#define MOST_BYTES (256u << 20)
#define MOST_SCANS 200 /* of a progressive file: each goes over all of the picture, and ten are usual */
#define EXIF (JPEG_APP0 + 1)

/* Lives outside the function that calls setjmp, so that a jump leaves it as it is. */
typedef struct {
  struct jpeg_decompress_struct info;
  struct jpeg_error_mgr errors;
  struct jpeg_progress_mgr progress;
  jmp_buf escape;
  char message[JMSG_LENGTH_MAX]; /* libjpeg's, or one of ours not yet translated */
  guint orientation;             /* Exif's: 1 to 8 */
  guint8 *rgb;
} Reading;

static void
fail (Reading *self, const char *message)
{
  g_strlcpy (self->message, message, sizeof self->message);
  longjmp (self->escape, 1);
}

static void
on_error (j_common_ptr info)
{
  Reading *self = info->client_data;

  self->errors.format_message (info, self->message);
  longjmp (self->escape, 1);
}

/* What is missing is filled with grey, which libjpeg merely warns of. */
static void
on_message (j_common_ptr info, int level)
{
  if (level < 0 && (info->err->msg_code == JWRN_JPEG_EOF || info->err->msg_code == JWRN_HIT_MARKER))
    fail (info->client_data, N_ ("it ends too early"));
}

static void
on_progress (j_common_ptr info)
{
  if (((j_decompress_ptr) info)->input_scan_number > MOST_SCANS)
    fail (info->client_data, N_ ("it has too many passes"));
}

static guint
find_orientation (const Reading *self)
{
  for (jpeg_saved_marker_ptr marker = self->info.marker_list; marker; marker = marker->next) {
    guint found = marker->marker == EXIF ? vel_exif_get_orientation (marker->data, marker->data_length) : 0;

    if (found)
      return found;
  }
  return 1;
}

static void
read_header (Reading *self, const guint8 *data, gsize bytes)
{
  j_decompress_ptr info = &self->info;

  jpeg_mem_src (info, data, bytes);
  jpeg_save_markers (info, EXIF, 0xffff);
  jpeg_read_header (info, TRUE);
  if (MAX (info->image_width, info->image_height) > VEL_PNG_MAX_SIDE ||
      (guint64) info->image_width * info->image_height > VEL_PNG_MAX_PIXELS)
    fail (self, N_ ("it is too large"));
  if (info->jpeg_color_space == JCS_CMYK || info->jpeg_color_space == JCS_YCCK)
    fail (self, N_ ("its colours are for printing (CMYK); save it as RGB"));
  self->orientation = find_orientation (self);
}

static void
read_pixels (Reading *self)
{
  j_decompress_ptr info = &self->info;

  info->out_color_space = JCS_RGB;
  jpeg_start_decompress (info);
  self->rgb = g_try_malloc ((gsize) info->output_width * info->output_height * 3);
  if (!self->rgb)
    fail (self, N_ ("there is not enough memory for it"));
  while (info->output_scanline < info->output_height) {
    JSAMPROW row = self->rgb + (gsize) info->output_scanline * info->output_width * 3;

    jpeg_read_scanlines (info, &row, 1);
  }
  jpeg_finish_decompress (info);
}

static gboolean
decode (Reading *self, const guint8 *data, gsize bytes, gboolean pixels)
{
  self->info.err = jpeg_std_error (&self->errors);
  self->errors.error_exit = on_error;
  self->errors.emit_message = on_message;
  self->progress.progress_monitor = on_progress;
  if (setjmp (self->escape))
    return FALSE;
  self->info.client_data = self;
  jpeg_create_decompress (&self->info);
  self->info.progress = &self->progress;
  read_header (self, data, bytes);
  if (pixels)
    read_pixels (self);
  return TRUE;
}

/* Exif's 1 to 8 are the ways in which a camera can have been held: from 5 on, rows are columns. Returns: (transfer full) */
static guint8 *
turn_upright (guint8 *rgb, guint width, guint height, guint orientation)
{
  gboolean swaps = orientation >= 5, from_right = orientation == 2 || orientation == 3 || orientation == 7 || orientation == 8;
  gboolean from_below = orientation == 3 || orientation == 4 || orientation == 6 || orientation == 7;
  guint w = swaps ? height : width, h = swaps ? width : height;
  guint8 *out;

  if (orientation <= 1)
    return rgb;
  out = g_malloc ((gsize) w * h * 3);
  for (guint y = 0; y < h; y++)
    for (guint x = 0; x < w; x++) {
      guint column = swaps ? y : x, row = swaps ? x : y;

      column = from_right ? width - 1 - column : column;
      row = from_below ? height - 1 - row : row;
      memcpy (out + 3 * ((gsize) y * w + x), rgb + 3 * ((gsize) row * width + column), 3);
    }
  g_free (rgb);
  return out;
}

gboolean
vel_jpeg_is (const VelByteSource *source)
{
  guint8 start[3];

  return vel_byte_source_read (source, 0, start, 3) && memcmp (start, "\xff\xd8\xff", 3) == 0;
}

gboolean
vel_jpeg_read (const VelByteSource *source, guint *width, guint *height, guint8 **rgb, GError **error)
{
  g_autofree guint8 *data = vel_byte_source_dup (source, 0, source->size, MOST_BYTES);
  g_autofree Reading *reading = g_new0 (Reading, 1);
  gboolean ok = FALSE;

  if (!data)
    g_strlcpy (reading->message, N_ ("it is too large"), sizeof reading->message);
  else
    ok = decode (reading, data, source->size, rgb != NULL);
  if (!ok)
    g_set_error (error, VEL_ERROR, VEL_ERROR_FORMAT, _ ("“%s” is no JPEG file that can be read: %s"), source->name, _ (reading->message));
  if (ok) {
    guint w = reading->info.image_width, h = reading->info.image_height;

    *width = reading->orientation >= 5 ? h : w;
    *height = reading->orientation >= 5 ? w : h;
    if (rgb)
      *rgb = turn_upright (g_steal_pointer (&reading->rgb), w, h, reading->orientation);
  }
  if (data)
    jpeg_destroy_decompress (&reading->info);
  g_free (reading->rgb);
  return ok;
}
