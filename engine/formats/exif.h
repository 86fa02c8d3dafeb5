/* Exif: the texts of a TIFF directory, as cameras and painting programs leave them in JPEG, WebP, AVIF and PNG.
 * SPDX-License-Identifier: Apache-2.0
 *
 * A text is filed under the keyword that PNG has for the same:
 *   UserComment                      "parameters", where A1111 and most others put their settings
 *   Make, Model, ImageDescription    "prompt" and "workflow", if they begin with "prompt:" or "workflow:", as ComfyUI has it;
 *                                    else "parameters" if they are JSON (early SwarmUI), or "Description"
 *   MakerNote                        "fooocus_scheme"
 *   Software, XPComment              "Software", "Comment" */
#pragma once

#include <glib.h>

/* text: keyword to UTF-8 text, owned by the table; what is there already stays. tiff: from "II" or "MM" on, or with "Exif\0\0" before it.
 * Anything that is damaged is left out. */
void vel_exif_add_texts (GHashTable *text, const guint8 *tiff, gsize bytes);
/* Which way up a picture is to be seen, 1 to 8; 0 where it is not said. The bytes as above. */
guint vel_exif_get_orientation (const guint8 *tiff, gsize bytes);
/* keyword: copied. value: (transfer full). */
void vel_exif_take_text (GHashTable *text, const char *keyword, char *value);
/* Bytes of unknown encoding up to a NUL: UTF-8 if they are, else Latin-1. Returns: (transfer full) */
char *vel_exif_guess_text (const guint8 *data, gsize bytes);
