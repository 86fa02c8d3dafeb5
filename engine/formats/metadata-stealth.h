/* Texts hidden in a PNG's alpha channel, where they outlive programs that drop all others.  SPDX-License-Identifier: Apache-2.0
 *
 * NovelAI does so, and an extension of A1111 ("stealth pnginfo"): the lowest bits of alpha, column by column, are the signature
 * "stealth_pnginfo" or, compressed with gzip, "stealth_pngcomp", a length in bits of 32 bits, and the text. NovelAI's text is a JSON
 * object of what it writes into the file as keywords, A1111's what is under "parameters". */
#pragma once

#include "engine/formats/metadata.h"

/* The texts are added to those of `self`, whose size is known. Nothing is added if there are none. */
void vel_metadata_add_stealth (VelMetadata *self, const VelByteSource *source);
