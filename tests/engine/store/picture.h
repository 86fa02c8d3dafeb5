/* Pictures that can be told from their seed.  SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "engine/history.h"
#include "engine/pipeline/request.h"

static inline guint8 *
picture_of (guint64 seed, guint side)
{
  guint8 *rgb = g_malloc ((gsize) side * side * 3);
  guint32 state = seed * 2654435761u + 1;

  for (gsize i = 0; i < (gsize) side * side * 3; i++) {
    state = state * 1664525 + 1013904223;
    rgb[i] = state >> 24;
  }
  return rgb;
}

static inline VelValues *
picture_request (guint64 seed)
{
  VelValues *request = vel_request_new ();
  g_autofree char *prompt = g_strdup_printf ("picture %" G_GUINT64_FORMAT ", a white swan on a lake, 水彩画", seed);

  vel_values_set (request, "prompt", prompt, NULL);
  vel_values_set (request, "negative", "blurry, Text", NULL);
  vel_values_set (request, "steps", "12", NULL);
  return request;
}

static inline VelRecipeFacts
picture_facts (guint64 seed, guint side)
{
  return (VelRecipeFacts) { .seed = seed, .width = side, .height = side, .model_name = "starter", .model_hash = "0123456789",
    .version = "Velatura test" };
}
