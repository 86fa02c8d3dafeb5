/* How a picture was made: the programs that are known.  SPDX-License-Identifier: Apache-2.0 */
#include "config.h"

#include "engine/formats/settings.h"

#include "engine/formats/json-tree.h"
#include "engine/formats/shown.h"
#include "engine/registry.h"

#include <glib/gi18n-lib.h>
#include <math.h>
#include <string.h>

#define MAX_NOTES 200
#define MAX_LORAS 8192 /* bytes of tags, far more than anybody uses */

/* Several write JSON under A1111's keyword, so they are asked before it; ComfyUI's graph often stands beside a text in A1111's manner,
 * which says the same in fewer words. */
static const VelSettingsProgram *const programs[] = {
  &vel_settings_swarmui, &vel_settings_fooocus,  &vel_settings_easydiffusion, &vel_settings_a1111,
  &vel_settings_comfyui, &vel_settings_invokeai, &vel_settings_novelai,       &vel_settings_drawthings,
};

void
vel_settings_set (VelSettings *self, const char *key, const char *value)
{
  if (value && *value)
    vel_recipe_fields_set (self->fields, key, value);
}

void
vel_settings_set_json (VelSettings *self, const char *key, const json_t *value)
{
  g_autofree char *text = vel_json_text (value);

  vel_settings_set (self, key, text);
}

void
vel_settings_set_size (VelSettings *self, const json_t *width, const json_t *height)
{
  double w = vel_json_real (width, 0), h = vel_json_real (height, 0);
  g_autofree char *size = w >= 1 && h >= 1 && w <= 1e6 && h <= 1e6 ? g_strdup_printf ("%.0fx%.0f", floor (w), floor (h)) : NULL;

  vel_settings_set (self, "Size", size);
}

char *
vel_settings_stem (const char *name)
{
  static const char *const extensions[] = { ".safetensors", ".ckpt", ".pt", ".pth", ".bin", ".gguf", ".sft" };
  const char *slash = strrchr (name, '/'), *backslash = strrchr (name, '\\');
  char *base = g_strdup (MAX (slash, backslash) ? MAX (slash, backslash) + 1 : name);

  for (gsize i = 0; i < G_N_ELEMENTS (extensions); i++) {
    gsize n = strlen (base), m = strlen (extensions[i]);

    if (n > m && g_ascii_strcasecmp (base + n - m, extensions[i]) == 0) {
      base[n - m] = 0;
      break;
    }
  }
  return base;
}

void
vel_settings_set_file (VelSettings *self, const char *key, const char *name)
{
  g_autofree char *base = name ? vel_settings_stem (name) : NULL;

  vel_settings_set (self, key, base);
}

void
vel_settings_set_sampler (VelSettings *self, const char *name)
{
  const VelSampler *sampler = name ? vel_registry_find_sampler (name) : NULL;

  if (!sampler && name && g_str_has_prefix (name, "k_")) /* k-diffusion's, as many call them */
    sampler = vel_registry_find_sampler (name + 2);
  vel_settings_set (self, "Sampler", sampler ? sampler->label : name);
}

void
vel_settings_set_schedule (VelSettings *self, const char *name)
{
  const VelSchedule *schedule = name ? vel_registry_find_schedule (name) : NULL;

  vel_settings_set (self, "Schedule type", schedule ? schedule->label : name);
}

/* Without what would end the tag. */
static char *
tag_name (const char *name)
{
  char *base = vel_settings_stem (name);

  return g_strdelimit (base, ":<>", '_');
}

void
vel_settings_add_lora (VelSettings *self, const char *name, double unet, double text)
{
  const char *prompt = vel_recipe_fields_get (self->fields, "Prompt");
  g_autofree char *base = tag_name (name), *start = g_strdup_printf ("<lora:%s:", base);
  char numbers[2][G_ASCII_DTOSTR_BUF_SIZE];

  if (!*base || !isfinite (unet) || !isfinite (text) || self->loras->len > MAX_LORAS || (prompt && strstr (prompt, start)))
    return;
  g_ascii_formatd (numbers[0], sizeof numbers[0], "%.6g", text);
  g_ascii_formatd (numbers[1], sizeof numbers[1], "%.6g", unet);
  if (g_str_equal (numbers[0], numbers[1]))
    g_string_append_printf (self->loras, " <lora:%s:%s>", base, numbers[1]);
  else
    g_string_append_printf (self->loras, " <lora:%s:%s:%s>", base, numbers[0], numbers[1]);
}

void
vel_settings_note (VelSettings *self, const char *format, ...)
{
  va_list arguments;
  g_autofree char *note = NULL;

  va_start (arguments, format);
  note = g_strdup_vprintf (format, arguments);
  va_end (arguments);
  for (guint i = 0; i < self->notes->len; i++)
    if (g_str_equal (self->notes->pdata[i], note))
      return;
  if (self->notes->len < MAX_NOTES)
    g_ptr_array_add (self->notes, g_steal_pointer (&note));
}

void
vel_settings_note_missing (VelSettings *self, const char *key, const json_t *value)
{
  g_autofree char *text = vel_json_any_text (value), *pair = g_strdup_printf ("%s: %s", key, text), *shown = vel_shown (pair);

  /* Translators: a setting's name and value */
  vel_settings_note (self, _ ("“%s” is not taken over: there is no such option here"), shown);
}

static VelSettings *
settings_new (const VelMetadata *metadata)
{
  VelSettings *self = g_new0 (VelSettings, 1);

  self->fields = vel_recipe_fields_new ();
  self->notes = g_ptr_array_new_with_free_func (g_free);
  self->file = metadata;
  self->loras = g_string_new (NULL);
  return self;
}

/* The prompt comes first, and "Negative prompt" is always there, as in A1111's own. */
static void
finish (VelSettings *self)
{
  const char *prompt = vel_recipe_fields_get (self->fields, "Prompt"), *size = vel_recipe_fields_get (self->fields, "Size");
  g_autofree char *whole = self->loras->len > 0 ? g_strstrip (g_strconcat (prompt ? prompt : "", self->loras->str, NULL)) : NULL;
  guint width, height;

  if (whole)
    vel_recipe_fields_set (self->fields, "Prompt", whole);
  if (size && !vel_recipe_fields_get (self->fields, "Size-1") && sscanf (size, "%7ux%7u", &width, &height) == 2) {
    g_autofree char *first = g_strdup_printf ("%u", width), *second = g_strdup_printf ("%u", height);

    vel_recipe_fields_set (self->fields, "Size-1", first);
    vel_recipe_fields_set (self->fields, "Size-2", second);
  }
  self->file = NULL;
}

VelSettings *
vel_settings_read (const VelMetadata *metadata)
{
  for (gsize i = 0; i < G_N_ELEMENTS (programs); i++) {
    g_autoptr (VelSettings) self = settings_new (metadata);

    self->program = programs[i]->name;
    vel_recipe_fields_set (self->fields, "Prompt", "");
    vel_recipe_fields_set (self->fields, "Negative prompt", "");
    if (programs[i]->read (self, metadata->text)) {
      finish (self);
      return g_steal_pointer (&self);
    }
  }
  return NULL;
}

VelSettings *
vel_settings_read_text (const char *text)
{
  static const char *const keywords[] = { VEL_RECIPE_A1111, "prompt", "workflow", "invokeai_metadata", "sd-metadata", "Comment" };
  gboolean json = text[strspn (text, " \t\r\n")] == '{';

  for (gsize i = 0; i < (json ? G_N_ELEMENTS (keywords) : 1); i++) {
    g_autoptr (GHashTable) texts = g_hash_table_new (g_str_hash, g_str_equal);
    const VelMetadata metadata = { .text = texts };
    VelSettings *self;

    g_hash_table_insert (texts, (char *) keywords[i], (char *) text);
    self = vel_settings_read (&metadata);
    if (self)
      return self;
  }
  return NULL;
}

void
vel_settings_free (VelSettings *self)
{
  vel_recipe_fields_free (self->fields);
  g_ptr_array_unref (self->notes);
  g_string_free (self->loras, TRUE);
  g_free (self);
}
