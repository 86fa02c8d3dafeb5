/* JPEG (ITU-T T.81): the segments before the scan. APP1 has Exif or XMP, COM a comment.  SPDX-License-Identifier: Apache-2.0 */
#include "engine/formats/metadata.h"

#include "engine/formats/exif.h"

#include <string.h>

#define XMP "http://ns.adobe.com/xap/1.0/"
#define MAX_SEGMENTS 10000

static gboolean
matches (const guint8 *start)
{
  return start[0] == 0xff && start[1] == 0xd8 && start[2] == 0xff;
}

static void
add_app1 (VelMetadata *self, const guint8 *data, gsize bytes)
{
  if (bytes > 6 && memcmp (data, "Exif\0\0", 6) == 0)
    vel_exif_add_texts (self->text, data, bytes);
  else if (bytes > sizeof XMP && memcmp (data, XMP, sizeof XMP) == 0)
    vel_exif_take_text (self->text, "XML:com.adobe.xmp", vel_exif_guess_text (data + sizeof XMP, bytes - sizeof XMP));
}

/* Start of frame, of any process; C4, C8 and CC are other things. */
static gboolean
is_frame (guint marker)
{
  return marker >= 0xc0 && marker <= 0xcf && marker != 0xc4 && marker != 0xc8 && marker != 0xcc;
}

static void
add_segment (VelMetadata *self, guint marker, const guint8 *data, gsize bytes)
{
  if (marker == 0xe1)
    add_app1 (self, data, bytes);
  else if (marker == 0xfe)
    vel_exif_take_text (self->text, "Comment", vel_exif_guess_text (data, bytes));
  else if (is_frame (marker) && bytes >= 5) {
    self->height = vel_be16 (data + 1);
    self->width = vel_be16 (data + 3);
  }
}

/* A marker is FF, any number of times, and a byte that is neither 0 nor FF. */
static gboolean
next_marker (const VelByteSource *source, guint64 *at, guint8 *marker)
{
  if (!vel_byte_source_read (source, *at, marker, 1) || *marker != 0xff)
    return FALSE;
  do
    if (!vel_byte_source_read (source, ++*at, marker, 1))
      return FALSE;
  while (*marker == 0xff);
  ++*at;
  return *marker != 0;
}

static gboolean
read_file (VelMetadata *self, const VelByteSource *source, GError **error)
{
  guint64 at = 2;

  for (guint n = 0; n < MAX_SEGMENTS; n++) {
    g_autofree guint8 *data = NULL;
    guint8 marker, length[2];
    gsize bytes;

    if (!next_marker (source, &at, &marker))
      return FALSE;
    if (marker == 0xda || marker == 0xd9) /* the scan, or the end */
      break;
    if (marker == 0x01 || (marker >= 0xd0 && marker <= 0xd8)) /* stand alone */
      continue;
    if (!vel_byte_source_read (source, at, length, 2) || vel_be16 (length) < 2)
      return FALSE;
    bytes = vel_be16 (length) - 2;
    data = vel_byte_source_dup (source, at + 2, bytes, VEL_METADATA_MAX_TEXT);
    if (!data)
      return FALSE;
    add_segment (self, marker, data, bytes);
    at += 2 + bytes;
  }
  return TRUE;
}

const VelMetadataContainer vel_metadata_jpeg = { "jpeg", "JPEG", matches, read_file };
