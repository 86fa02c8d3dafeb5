/* The engine's error codes; each means something a person can act on.
 * SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <glib.h>

#define VEL_ERROR (vel_error_quark ())

typedef enum {
  VEL_ERROR_FORMAT,    /* a file is damaged or not what it says it is */
  VEL_ERROR_WEIGHT,    /* a tensor is missing or has the wrong shape */
  VEL_ERROR_FAMILY,    /* a model of an architecture this program does not know */
  VEL_ERROR_VOCABULARY,/* no tokenizer vocabulary for this model */
  VEL_ERROR_REQUEST,   /* an option's value can not be used */
  VEL_ERROR_PLUGIN,    /* a plugin is broken or missing */
  VEL_ERROR_MEMORY,    /* not enough memory; the message has needed and free bytes where known */
  VEL_ERROR_NUMBERS,   /* not-a-number or infinity in weights or latents; the message names the layer */
  VEL_ERROR_DEVICE,    /* the device can not be used */
  VEL_ERROR_LOST,      /* the device broke down in the middle of its work; opened anew it may work again, or another one does */
  VEL_ERROR_STORAGE,   /* a picture or the history could not be written or read */
} VelError;

/* Cancelling is G_IO_ERROR_CANCELLED, as everywhere in GIO. Messages are one sentence without a final newline:
 * the thing, what was found, what was wanted, what to do. */
GQuark vel_error_quark (void);
