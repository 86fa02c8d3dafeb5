/* Reading PNG files: our own look at the chunks first, then libpng for the pixels alone.  SPDX-License-Identifier: Apache-2.0 */
#include "config.h"

#include "engine/formats/png.h"

#include "engine/error.h"
#include "engine/formats/png-chunks.h"

#include <glib/gi18n-lib.h>
#include <png.h>
#include <string.h>

/* Lives outside the function that calls setjmp, so that a jump leaves it as it is. */
typedef struct {
  const VelByteSource *source;
  const VelPngChunks *chunks;
  guint64 offset;
  guint8 *pixels;
  png_bytep *rows;
  guint8 *row; /* one, where they are read singly */
  guint channels;
  char message[96]; /* libpng's, or one of ours not yet translated: cutting those could split a character */
} Reading;

static void
on_read (png_structp png, png_bytep out, size_t bytes)
{
  Reading *reading = png_get_io_ptr (png);

  if (!vel_byte_source_read (reading->source, reading->offset, out, bytes))
    png_error (png, N_ ("it ends too early"));
  reading->offset += bytes;
}

static void
on_error (png_structp png, png_const_charp message)
{
  Reading *reading = png_get_error_ptr (png);

  g_strlcpy (reading->message, message, sizeof reading->message);
  png_longjmp (png, 1);
}

static void
on_warning (png_structp png, png_const_charp message)
{
}

/* Whatever the file holds becomes 8-bit RGB or, if it has any transparency, RGBA. Returns: channels */
static guint
ask_for_rgb (png_structp png, png_infop info)
{
  png_set_expand (png);
  png_set_scale_16 (png);
  png_set_gray_to_rgb (png);
  png_set_interlace_handling (png);
  png_read_update_info (png, info);
  return png_get_channels (png, info);
}

/* Colour management, texts, timestamps: libpng is to skip them all. */
static void
ignore_ancillary (png_structp png)
{
  static const guint8 names[] = "bKGD\0cHRM\0eXIf\0gAMA\0hIST\0iCCP\0iTXt\0oFFs\0pCAL\0pHYs\0sBIT\0sCAL\0sPLT\0sRGB\0tEXt\0tIME\0zTXt";

  png_set_keep_unknown_chunks (png, PNG_HANDLE_CHUNK_NEVER, NULL, 0);
  png_set_keep_unknown_chunks (png, PNG_HANDLE_CHUNK_NEVER, names, sizeof names / 5);
}

static void
read_pixels (png_structp png, png_infop info, Reading *self)
{
  const VelPngChunks *chunks = self->chunks;
  gsize stride;

  ignore_ancillary (png);
  png_set_user_limits (png, VEL_PNG_MAX_SIDE, VEL_PNG_MAX_SIDE);
  png_set_chunk_malloc_max (png, 1 << 20);
  png_read_info (png, info);
  if (png_get_image_width (png, info) != chunks->width || png_get_image_height (png, info) != chunks->height)
    png_error (png, N_ ("it has two sizes"));
  self->channels = ask_for_rgb (png, info);
  stride = (gsize) chunks->width * self->channels;
  if ((self->channels != 3 && self->channels != 4) || png_get_rowbytes (png, info) != stride)
    png_error (png, N_ ("it is of an unknown kind"));
  self->pixels = g_try_malloc (stride * chunks->height);
  if (!self->pixels)
    png_error (png, N_ ("there is not enough memory for its pixels"));
  self->rows = g_new (png_bytep, chunks->height);
  for (guint y = 0; y < chunks->height; y++)
    self->rows[y] = self->pixels + y * stride;
  png_read_image (png, self->rows);
  png_read_end (png, NULL);
}

/* In place. */
static void
blend_with_white (guint8 *pixels, gsize count)
{
  for (gsize i = 0; i < count; i++) {
    guint alpha = pixels[4 * i + 3];

    for (guint c = 0; c < 3; c++)
      pixels[3 * i + c] = (pixels[4 * i + c] * alpha + 255 * (255 - alpha) + 127) / 255;
  }
}

/* read: jumps out of itself, with a message, if it fails. */
static gboolean
decode (Reading *self, void (*read) (png_structp png, png_infop info, Reading *self), GError **error)
{
  png_structp png = png_create_read_struct (PNG_LIBPNG_VER_STRING, self, on_error, on_warning);
  png_infop info = png_create_info_struct (png);
  gboolean done = TRUE;

  png_set_read_fn (png, self, on_read);
  if (setjmp (png_jmpbuf (png)) == 0)
    read (png, info, self);
  else
    done = vel_png_damaged (self->source, error, "%s", _ (self->message));
  png_destroy_read_struct (&png, &info, NULL);
  return done;
}

/* Returns: (transfer full) (nullable); NULL if all is opaque */
static guint8 *
take_alpha (const guint8 *pixels, gsize count)
{
  guint8 *alpha = NULL;

  for (gsize i = 0; i < count; i++)
    if (pixels[4 * i + 3] != 255 && !alpha) {
      alpha = g_malloc (count);
      memset (alpha, 255, i);
      alpha[i] = pixels[4 * i + 3];
    } else if (alpha)
      alpha[i] = pixels[4 * i + 3];
  return alpha;
}

/* alpha: (out). Returns: (transfer full) (nullable) */
static guint8 *
read_rgb (const VelByteSource *source, const VelPngChunks *chunks, guint8 **alpha, GError **error)
{
  Reading reading = { .source = source, .chunks = chunks };
  gsize count = (gsize) chunks->width * chunks->height;

  if (!decode (&reading, read_pixels, error))
    g_clear_pointer (&reading.pixels, g_free);
  g_free (reading.rows);
  if (reading.pixels && reading.channels == 4) {
    *alpha = take_alpha (reading.pixels, count);
    blend_with_white (reading.pixels, count);
    reading.pixels = g_realloc (reading.pixels, count * 3);
  }
  return reading.pixels;
}

/* Row by row, so that a large picture costs an eighth of its pixels. */
static void
read_alpha (png_structp png, png_infop info, Reading *self)
{
  gsize height = self->chunks->height, width = self->chunks->width;

  ignore_ancillary (png);
  png_set_user_limits (png, VEL_PNG_MAX_SIDE, VEL_PNG_MAX_SIDE);
  png_set_chunk_malloc_max (png, 1 << 20);
  png_read_info (png, info);
  if (png_get_image_width (png, info) != width || png_get_image_height (png, info) != height || png_get_bit_depth (png, info) != 8
      || png_get_interlace_type (png, info) != PNG_INTERLACE_NONE || !(png_get_color_type (png, info) & PNG_COLOR_MASK_ALPHA))
    png_error (png, N_ ("it is of an unknown kind"));
  self->channels = png_get_channels (png, info);
  self->row = g_malloc (width * self->channels);
  self->pixels = g_malloc0 ((width * height + 7) / 8);
  for (gsize y = 0; y < height; y++) {
    png_read_row (png, self->row, NULL);
    for (gsize x = 0; x < width; x++) {
      gsize bit = x * height + y;

      self->pixels[bit / 8] |= (self->row[(x + 1) * self->channels - 1] & 1) << (7 - bit % 8);
    }
  }
}

guint8 *
vel_png_read_alpha_bits (const VelByteSource *source, guint width, guint height)
{
  const VelPngChunks chunks = { .width = width, .height = height };
  Reading reading = { .source = source, .chunks = &chunks };

  if (!decode (&reading, read_alpha, NULL))
    g_clear_pointer (&reading.pixels, g_free);
  g_free (reading.row);
  return reading.pixels;
}

static VelPng *
read_source (const VelByteSource *source, gboolean text_only, GError **error)
{
  g_autoptr (VelPng) self = NULL;
  VelPngChunks chunks;

  if (!vel_png_chunks_read (&chunks, source, error))
    return NULL;
  self = g_new0 (VelPng, 1);
  self->width = chunks.width;
  self->height = chunks.height;
  self->text = chunks.text;
  if (!text_only && !(self->rgb = read_rgb (source, &chunks, &self->alpha, error)))
    return NULL;
  return g_steal_pointer (&self);
}

VelPng *
vel_png_read (const char *path, gboolean text_only, GError **error)
{
  VelByteSource source;
  VelPng *self;

  if (!vel_byte_source_open (&source, path, error))
    return NULL;
  self = read_source (&source, text_only, error);
  vel_byte_source_close (&source);
  return self;
}

VelPng *
vel_png_read_bytes (GBytes *bytes, const char *name, gboolean text_only, GError **error)
{
  const VelByteSource source = vel_byte_source_from_bytes (bytes, name);

  return read_source (&source, text_only, error);
}

void
vel_png_free (VelPng *self)
{
  g_free (self->rgb);
  g_free (self->alpha);
  g_hash_table_unref (self->text);
  g_free (self);
}
