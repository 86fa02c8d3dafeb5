/* Tags in a prompt that ask for a network.  SPDX-License-Identifier: Apache-2.0 */
#include "config.h"

#include "engine/text/prompt-tags.h"

#include <glib/gi18n-lib.h>
#include <math.h>
#include <string.h>

#include "engine/error.h"
#include "engine/text/unicode.h"

void
vel_prompt_network_free (gpointer data)
{
  VelPromptNetwork *network = data;

  g_free (network->kind);
  g_free (network->name);
  g_free (network->more);
  g_free (network);
}

/* What stands between < and > in a tag: a word, a colon, at least one more character. */
typedef struct {
  const char *begin, *colon, *end;
} Tag;

/* The first tag at or after `at`. */
static gboolean
find_tag (const char *at, Tag *tag)
{
  const char *end = NULL;

  while ((at = strchr (at, '<')) != NULL) {
    tag->begin = ++at;
    while ((vel_unicode_get_classes (g_utf8_get_char (at)) & VEL_UNICODE_WORD) != 0)
      at = g_utf8_next_char (at);
    if (at == tag->begin || *at != ':')
      continue;
    tag->colon = at;
    if ((end == NULL || end <= at) && (end = strchr (at, '>')) == NULL)
      return FALSE;
    tag->end = end;
    if (end > at + 1)
      return TRUE;
  }
  return FALSE;
}

static gboolean
read_number (const char *word, double *value)
{
  g_autofree char *bare = g_strstrip (g_strdup (word));
  char *end;

  /* hexadecimal, "inf" and "nan" pass strtod, but are no weights */
  *value = g_ascii_strtod (bare, &end);
  return *bare != '\0' && *end == '\0' && strpbrk (bare, "xXnN") == NULL && isfinite (*value);
}

/* words: name=value pairs go by their name, the others by their place; with two `=` it is no pair. */
static gboolean
read_network (char **words, VelPromptNetwork *network)
{
  const char *placed[4] = { NULL }, *te, *unet, *dyn;
  const char *named_te = NULL, *named_unet = NULL, *named_dyn = NULL;
  double weight = 1, rank = -1;
  guint n = 0;

  for (; *words != NULL; words++) {
    const char *equals = strchr (*words, '=');

    if (equals == NULL || strchr (equals + 1, '=') != NULL)
      placed[MIN (n, 3)] = n < 4 ? *words : placed[3], n++;
    else if (g_str_has_prefix (*words, "te="))
      named_te = equals + 1;
    else if (g_str_has_prefix (*words, "unet="))
      named_unet = equals + 1;
    else if (g_str_has_prefix (*words, "dyn="))
      named_dyn = equals + 1;
    else if (!network->more)
      network->more = g_strdup (*words);
  }
  te = named_te ? named_te : placed[1];
  unet = named_unet ? named_unet : placed[2];
  dyn = named_dyn ? named_dyn : placed[3];
  network->name = g_strdup (placed[0] ? placed[0] : "");
  network->te = network->unet = weight;
  network->dyn = -1;
  if (te && !read_number (te, &weight))
    return FALSE;
  network->te = network->unet = weight;
  if (unet && !read_number (unet, &network->unet))
    return FALSE;
  if (dyn && !(read_number (dyn, &rank) && rank >= 0 && rank <= 65536 && rank == floor (rank)))
    return FALSE;
  network->dyn = (int) rank;
  return TRUE;
}

/* What other kinds have in these places is their own affair. */
static gboolean
has_weights (const char *kind)
{
  static const char *const kinds[] = { "lora", "lyco", "hypernet", NULL };

  return g_strv_contains (kinds, kind);
}

char *
vel_prompt_take_tags (const char *prompt, GPtrArray *networks, GError **error)
{
  g_autofree char *valid = g_utf8_make_valid (prompt, -1);
  g_autoptr (GString) rest = g_string_new (NULL);
  const char *at = valid;
  Tag tag;

  for (; find_tag (at, &tag); at = tag.end + 1) {
    g_autofree char *kind = g_strndup (tag.begin, tag.colon - tag.begin), *inside = g_strndup (tag.colon + 1, tag.end - tag.colon - 1);
    g_auto (GStrv) words = g_strsplit (inside, ":", -1);
    VelPromptNetwork *network = g_new0 (VelPromptNetwork, 1);

    g_string_append_len (rest, at, tag.begin - 1 - at);
    network->kind = g_steal_pointer (&kind);
    g_ptr_array_add (networks, network);
    if (!read_network (words, network) && has_weights (network->kind)) {
      g_set_error (error, VEL_ERROR, VEL_ERROR_REQUEST,
                   _ ("the tag <%s:%.100s> in the prompt has something else where a weight should be; "
                      "write <%s:name:1> or remove it"),
                   network->kind, inside, network->kind);
      return NULL;
    }
  }
  g_string_append (rest, at);
  return g_string_free (g_steal_pointer (&rest), FALSE);
}
