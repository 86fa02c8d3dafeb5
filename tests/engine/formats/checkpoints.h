/* Checkpoints made by hand: a pickle's bytes, and the containers around them.  SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <glib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

/* A file that is never on a disk, for the thousands that lie. The includer defines _GNU_SOURCE. fd: (out): to be closed
 * Returns: (transfer full): its path */
static inline char *
memory_file (const void *data, gsize length, int *fd)
{
  *fd = memfd_create ("file", MFD_CLOEXEC);
  g_assert_true (write (*fd, data, length) == (gssize) length);
  return g_strdup_printf ("/proc/self/fd/%d", *fd);
}

static inline void
put (GByteArray *bytes, const void *data, gsize length)
{
  g_byte_array_append (bytes, data, length);
}

/* Little-endian. */
static inline void
put_number (GByteArray *bytes, guint64 number, guint length)
{
  for (guint i = 0; i < length; i++, number >>= 8)
    put (bytes, &(guint8) { (guint8) number }, 1);
}

/* A literal, zeros and all. */
#define PUT(bytes, literal) put (bytes, literal, sizeof (literal) - 1)

typedef struct {
  const char *name;
  const void *data;
  gsize bytes;
  /* Lies: added to what would be right. */
  gint64 stored_more, header_more;
  guint flags, method;
} ZipMember;

/* An archive as PyTorch writes it, but for what the members say otherwise. count_more: added to the number of members in the end record. */
static inline GByteArray *
zip_new (const ZipMember *members, guint n, int count_more)
{
  GByteArray *zip = g_byte_array_new (), *directory = g_byte_array_new ();

  for (guint i = 0; i < n; i++) {
    const ZipMember *member = &members[i];
    gsize length = strlen (member->name), header = zip->len;

    PUT (zip, "PK\3\4\0\0");
    put_number (zip, member->flags, 2);
    put_number (zip, member->method, 2);
    put_number (zip, 0, 8);
    put_number (zip, member->bytes, 4);
    put_number (zip, member->bytes, 4);
    put_number (zip, length, 2);
    put_number (zip, 0, 2);
    put (zip, member->name, length);
    put (zip, member->data, member->bytes);

    PUT (directory, "PK\1\2\0\0\0\0");
    put_number (directory, member->flags, 2);
    put_number (directory, member->method, 2);
    put_number (directory, 0, 8);
    put_number (directory, member->bytes + member->stored_more, 4);
    put_number (directory, member->bytes + member->stored_more, 4);
    put_number (directory, length, 2);
    put_number (directory, 0, 12);
    put_number (directory, header + member->header_more, 4);
    put (directory, member->name, length);
  }
  gsize start = zip->len;

  put (zip, directory->data, directory->len);
  PUT (zip, "PK\5\6\0\0\0\0");
  put_number (zip, n + count_more, 2);
  put_number (zip, n + count_more, 2);
  put_number (zip, directory->len, 4);
  put_number (zip, start, 4);
  put_number (zip, 0, 2);
  g_byte_array_unref (directory);
  return zip;
}

/* An archive of a pickle and 16 bytes of storage "0". */
static inline GByteArray *
zip_around (const GByteArray *pickle)
{
  const ZipMember members[] = {
    { "archive/data.pkl", pickle->data, pickle->len },
    { "archive/byteorder", "little", 6 },
    { "archive/data/0", "0123456789abcdef", 16 },
    { "archive/version", "3\n", 2 },
  };

  return zip_new (members, G_N_ELEMENTS (members), 0);
}

#define LEGACY_MAGIC "\x80\2\x8a\x0a\x6c\xfc\x9c\x46\xf9\x20\x6a\xa8\x50\x19."
#define LEGACY_VERSION "\x80\2M\xe9\3."
#define LEGACY_FACTS "\x80\2}X\x0d\0\0\0little_endian\x88s."

/* A stream of a pickle, with storage "0" of 4 elements in 16 bytes behind it. */
static inline GByteArray *
legacy_around (const GByteArray *pickle)
{
  GByteArray *stream = g_byte_array_new ();

  PUT (stream, LEGACY_MAGIC LEGACY_VERSION LEGACY_FACTS);
  put (stream, pickle->data, pickle->len);
  PUT (stream, "\x80\2]X\1\0\0\0" "0a.");
  put_number (stream, 4, 8);
  PUT (stream, "0123456789abcdef");
  return stream;
}
