/* A noise source by name.  SPDX-License-Identifier: Apache-2.0 */
#include "engine/tensor/random.h"

#include <string.h>

#define MOST_MULTIPROCESSORS 4096
#define MOST_THREADS 65536

static guint
usual_threads (guint multiprocessors)
{
  static const struct {
    guint multiprocessors, threads;
  } others[] = { { 22, 1024 }, { 30, 1024 },  { 40, 1024 },  { 10, 2048 },  { 15, 2048 },
                 { 19, 2048 }, { 108, 2048 }, { 114, 2048 }, { 132, 2048 }, { 148, 2048 } };

  for (gsize i = 0; i < G_N_ELEMENTS (others); i++)
    if (others[i].multiprocessors == multiprocessors)
      return others[i].threads;
  return 1536;
}

/* SMS or SMSxTHREADS. threads: 0 if not said */
static gboolean
parse_card (const char *text, guint64 *multiprocessors, guint64 *threads)
{
  const char *x = text + strcspn (text, "xX");
  g_autofree char *first = g_strndup (text, (gsize) (x - text));

  *threads = 0;
  return g_ascii_string_to_unsigned (first, 10, 1, MOST_MULTIPROCESSORS, multiprocessors, NULL) &&
         (!*x || g_ascii_string_to_unsigned (x + 1, 10, VEL_RANDOM_BLOCK, MOST_THREADS, threads, NULL));
}

/* card: NULL for a source that is none */
static gboolean
find_card (const char *text, const char **card)
{
  static const char prefix[] = "cuda:";

  *card = g_ascii_strncasecmp (text, prefix, strlen (prefix)) == 0 ? text + strlen (prefix) : NULL;
  return *card || g_ascii_strcasecmp (text, "nv") == 0 || g_ascii_strcasecmp (text, "cpu") == 0;
}

gboolean
vel_random_kind_parse (const char *text, VelRandomKind *kind)
{
  const char *card;
  guint64 multiprocessors, threads;

  if (!find_card (text, &card))
    return FALSE;
  if (!card) {
    *kind = g_ascii_strcasecmp (text, "nv") == 0 ? VEL_RANDOM_NV : VEL_RANDOM_CPU;
    return TRUE;
  }
  if (!parse_card (card, &multiprocessors, &threads))
    return FALSE;
  if (threads == 0)
    threads = usual_threads ((guint) multiprocessors);
  *kind = (VelRandomKind){ TRUE, (guint32) (multiprocessors * (threads / VEL_RANDOM_BLOCK) * VEL_RANDOM_BLOCK) };
  return TRUE;
}

char *
vel_random_kind_check (const char *text)
{
  const char *card;
  guint64 multiprocessors, threads;

  if (!find_card (text, &card))
    return NULL;
  if (!card)
    return g_ascii_strdown (text, -1);
  if (!parse_card (card, &multiprocessors, &threads))
    return NULL;
  return threads == 0 ? g_strdup_printf ("cuda:%u", (guint) multiprocessors)
                      : g_strdup_printf ("cuda:%ux%u", (guint) multiprocessors, (guint) threads);
}
