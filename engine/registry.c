/* Named things people choose from: samplers, schedules and preprocessors, from plugins.  SPDX-License-Identifier: Apache-2.0 */
#include "config.h"

#include "engine/registry.h"

#include <glib/gi18n-lib.h>
#include <gmodule.h>
#include <math.h>
#include <string.h>

#include "engine/paths.h"

#define AUTOMATIC "automatic"
#define NONE "none" /* instead of a preprocessor */
#define MAX_PARAMS 64

/* What all kinds of plugin have in common. */
typedef struct {
  const char *id, *label, *aliases;
  const void *plugin; /* VelSampler, VelSchedule or VelPreprocessor */
  guint directory;    /* which of the searched ones it came from */
} Entry;

typedef struct {
  GArray *entries[3];  /* (element-type Entry) by VelRegistryKind, in the order they are shown */
  GPtrArray *problems; /* (element-type utf8), NULL-terminated once filled */
} Registry;

static const char *const symbols[] = { "vel_sampler", "vel_schedule", "vel_preprocessor" };
static const char *const plurals[] = { "samplers", "schedules", "preprocessors" };

static void G_GNUC_PRINTF (2, 3)
problem (Registry *self, const char *format, ...)
{
  va_list arguments;

  va_start (arguments, format);
  g_ptr_array_add (self->problems, g_strdup_vprintf (format, arguments));
  va_end (arguments);
}

static gboolean
is_text (const char *text)
{
  return text != NULL && *text != '\0' && g_utf8_validate (text, -1, NULL);
}

static gboolean
is_id (const char *text)
{
  return text != NULL && *text != '\0' && text[strspn (text, "abcdefghijklmnopqrstuvwxyz0123456789_")] == '\0';
}

static gboolean
has_kind (const VelPluginParam *row)
{
  g_auto (GStrv) choices = NULL;

  if (row->kind != VEL_PLUGIN_CHOICE)
    return row->kind >= VEL_PLUGIN_REAL && row->kind <= VEL_PLUGIN_YES_NO;
  if (!is_text (row->choices) || row->minimum != 0)
    return FALSE;
  choices = g_strsplit (row->choices, "|", -1);
  return row->maximum == g_strv_length (choices) - 1;
}

/* Returns: (nullable) what is wrong with the rows, as a translated phrase */
static const char *
find_fault_in_params (const VelPluginParam *params)
{
  guint n = 0;

  for (; params != NULL && params[n].name != NULL; n++) {
    const VelPluginParam *row = &params[n];

    if (n == MAX_PARAMS)
      return _ ("its table of params does not end");
    if (!is_id (row->name) || !is_text (row->label))
      return _ ("a param has no name or no label");
    if (!(row->minimum <= row->standard && row->standard <= row->maximum))
      return _ ("the default of a param is out of its range");
    if (!has_kind (row))
      return _ ("a param is of no kind, or its choices are not as many as its range says");
  }
  return NULL;
}

/* Returns: (nullable) what is wrong with a plugin, as a translated phrase. Only the abi number is read before it is known to be ours. */
static const char *
read_plugin (Entry *entry, VelRegistryKind kind, const void *plugin)
{
  const VelSampler *sampler = plugin;
  const VelSchedule *schedule = plugin;
  const VelPreprocessor *preprocessor = plugin;
  const VelPluginParam *params;
  gboolean complete;

  entry->plugin = plugin;
  if (kind == VEL_REGISTRY_SAMPLERS) {
    entry->id = sampler->id;
    entry->label = sampler->label;
    entry->aliases = sampler->aliases;
    params = sampler->params;
    complete = sampler->run != NULL;
  } else if (kind == VEL_REGISTRY_SCHEDULES) {
    entry->id = schedule->id;
    entry->label = schedule->label;
    entry->aliases = schedule->aliases;
    params = schedule->params;
    complete = schedule->sigmas != NULL;
  } else {
    entry->id = preprocessor->id;
    entry->label = preprocessor->label;
    entry->aliases = preprocessor->aliases;
    params = preprocessor->params;
    complete = preprocessor->run != NULL;
  }
  if (!is_id (entry->id) || g_str_equal (entry->id, AUTOMATIC) || g_str_equal (entry->id, NONE))
    return _ ("its id is not one of small letters, digits and underscores, or is taken by the program");
  if (!is_text (entry->label))
    return _ ("it has no label");
  if (entry->aliases != NULL && !g_utf8_validate (entry->aliases, -1, NULL))
    return _ ("its aliases are not UTF-8");
  if (!complete)
    return _ ("it has no function");
  return find_fault_in_params (params);
}

static const Entry *
find_by_id (const Registry *self, VelRegistryKind kind, const char *id)
{
  for (guint i = 0; i < self->entries[kind]->len; i++) {
    const Entry *entry = &g_array_index (self->entries[kind], Entry, i);

    if (g_str_equal (entry->id, id))
      return entry;
  }
  return NULL;
}

static gboolean
register_plugin (Registry *self, VelRegistryKind kind, const char *path, const void *plugin, guint directory)
{
  Entry entry = { .directory = directory };
  const Entry *before;
  const char *fault;
  guint32 abi = *(const guint32 *) plugin;

  if (abi != VEL_PLUGIN_ABI) {
    problem (self, _ ("The plugin %s was left out: it is built for plugin interface %u, this program has %u; build it again"), path, abi,
             VEL_PLUGIN_ABI);
    return FALSE;
  }
  fault = read_plugin (&entry, kind, plugin);
  if (fault != NULL) {
    /* Translators: a file; a phrase such as “it has no label” */
    problem (self, _ ("The plugin %s was left out: %s"), path, fault);
    return FALSE;
  }
  before = find_by_id (self, kind, entry.id);
  if (before == NULL) {
    g_array_append_val (self->entries[kind], entry);
    return TRUE;
  }
  /* a folder searched earlier replaces a plugin on purpose; twice in one folder is a mistake */
  if (before->directory == directory)
    problem (self, _ ("The plugin %s was left out: another one beside it has the id “%s” too"), path, entry.id);
  return FALSE;
}

/* A module that gave a plugin stays loaded: its strings and functions are used until the end. */
static void
load_module (Registry *self, const char *path, guint directory)
{
  GModule *module = g_module_open (path, G_MODULE_BIND_LAZY | G_MODULE_BIND_LOCAL);
  gboolean used = FALSE, exports = FALSE;

  if (module == NULL) {
    problem (self, _ ("The plugin %s was left out: it can not be loaded (%s)"), path, g_module_error ());
    return;
  }
  for (VelRegistryKind kind = VEL_REGISTRY_SAMPLERS; kind <= VEL_REGISTRY_PREPROCESSORS; kind++) {
    gpointer plugin;

    if (!g_module_symbol (module, symbols[kind], &plugin) || plugin == NULL)
      continue;
    exports = TRUE;
    used |= register_plugin (self, kind, path, plugin, directory);
  }
  if (!exports)
    problem (self, _ ("The plugin %s was left out: it exports none of vel_sampler, vel_schedule and vel_preprocessor"), path);
  if (used)
    g_module_make_resident (module);
  g_module_close (module);
}

static int
compare_names (gconstpointer a, gconstpointer b)
{
  return strcmp (*(char *const *) a, *(char *const *) b);
}

/* Modules of a folder and of the folders in it, in the order of their names. A folder that is not there has none. */
static void
scan (Registry *self, const char *path, guint directory, guint depth)
{
  g_autoptr (GPtrArray) names = g_ptr_array_new_with_free_func (g_free);
  g_autoptr (GDir) dir = g_dir_open (path, 0, NULL);
  const char *name;

  if (dir == NULL)
    return;
  while ((name = g_dir_read_name (dir)) != NULL)
    g_ptr_array_add (names, g_strdup (name));
  g_ptr_array_sort (names, compare_names);
  for (guint i = 0; i < names->len; i++) {
    g_autofree char *child = g_build_filename (path, g_ptr_array_index (names, i), NULL);

    if (g_str_has_suffix (child, "." G_MODULE_SUFFIX) && g_file_test (child, G_FILE_TEST_IS_REGULAR))
      load_module (self, child, directory);
    else if (depth > 0 && g_file_test (child, G_FILE_TEST_IS_DIR))
      scan (self, child, directory, depth - 1);
  }
}

static int
compare_labels (gconstpointer a, gconstpointer b)
{
  const Entry *first = a, *second = b;
  int order = g_ascii_strcasecmp (first->label, second->label);

  return order != 0 ? order : strcmp (first->id, second->id);
}

static gpointer
fill (gpointer data)
{
  Registry *self = g_new0 (Registry, 1);
  g_autofree char *own = g_build_filename (vel_paths_get_data (), "plugins", NULL);
  const char *list = g_getenv ("VELATURA_PLUGIN_PATH");
  g_auto (GStrv) extra = g_strsplit (list != NULL ? list : "", G_SEARCHPATH_SEPARATOR_S, -1);
  guint directory = 0;

  self->problems = g_ptr_array_new_with_free_func (g_free);
  for (gsize kind = 0; kind < G_N_ELEMENTS (self->entries); kind++)
    self->entries[kind] = g_array_new (FALSE, FALSE, sizeof (Entry));
  for (gsize i = 0; extra[i] != NULL; i++)
    if (*extra[i] != '\0')
      scan (self, extra[i], directory++, 1);
  scan (self, own, directory++, 1);
  scan (self, vel_paths_get_plugins (), directory++, 1);
  for (gsize kind = 0; kind < G_N_ELEMENTS (self->entries); kind++)
    g_array_sort (self->entries[kind], compare_labels);
  g_ptr_array_add (self->problems, NULL);
  return self;
}

static const Registry *
get_registry (void)
{
  static GOnce once = G_ONCE_INIT;

  return g_once (&once, fill, NULL);
}

/* Spellings of other programs differ from ours in capitals and in these. */
static gboolean
names_equal (const char *a, const char *b)
{
  for (;; a++, b++) {
    char first = *a == '-' || *a == ' ' ? '_' : g_ascii_tolower (*a);
    char second = *b == '-' || *b == ' ' ? '_' : g_ascii_tolower (*b);

    if (first != second)
      return FALSE;
    if (first == '\0')
      return TRUE;
  }
}

static gboolean
has_alias (const Entry *entry, const char *name)
{
  g_auto (GStrv) aliases = g_strsplit (entry->aliases != NULL ? entry->aliases : "", "|", -1);

  for (gsize i = 0; aliases[i] != NULL; i++)
    if (names_equal (aliases[i], name))
      return TRUE;
  return FALSE;
}

/* Ids first, so that no plugin's alias hides another plugin. */
static const Entry *
find (VelRegistryKind kind, const char *name)
{
  const GArray *entries = get_registry ()->entries[kind];

  for (guint pass = 0; pass < 3; pass++) {
    for (guint i = 0; i < entries->len; i++) {
      const Entry *entry = &g_array_index (entries, Entry, i);

      if (pass == 0 ? names_equal (entry->id, name) : pass == 1 ? names_equal (entry->label, name) : has_alias (entry, name))
        return entry;
    }
  }
  return NULL;
}

const VelSampler *
vel_registry_find_sampler (const char *name)
{
  const Entry *entry = find (VEL_REGISTRY_SAMPLERS, name);

  return entry != NULL ? entry->plugin : NULL;
}

const VelSchedule *
vel_registry_find_schedule (const char *name)
{
  const Entry *entry = find (VEL_REGISTRY_SCHEDULES, name);

  return entry != NULL ? entry->plugin : NULL;
}

const VelPreprocessor *
vel_registry_find_preprocessor (const char *name)
{
  const Entry *entry = find (VEL_REGISTRY_PREPROCESSORS, name);

  return entry != NULL ? entry->plugin : NULL;
}

/* AUTOMATIC1111 1.10 modules/sd_samplers_kdiffusion.py get_sigmas: a sampler's options may name a scheduler, else the network's own
 * evenly spaced timesteps. */
const VelSchedule *
vel_registry_resolve_schedule (const char *name, const VelSampler *sampler)
{
  if (!names_equal (name, AUTOMATIC))
    return vel_registry_find_schedule (name);
  return vel_registry_find_schedule (sampler->schedule != NULL ? sampler->schedule : "normal");
}

const char *
vel_registry_find_id (VelRegistryKind kind, const char *name)
{
  const Entry *entry;

  if (kind == VEL_REGISTRY_SCHEDULES && names_equal (name, AUTOMATIC))
    return AUTOMATIC;
  entry = find (kind, name);
  return entry != NULL ? entry->id : NULL;
}

const char **
vel_registry_list (VelRegistryKind kind)
{
  const GArray *entries = get_registry ()->entries[kind];
  GPtrArray *ids = g_ptr_array_new ();

  if (kind == VEL_REGISTRY_SCHEDULES)
    g_ptr_array_add (ids, (gpointer) AUTOMATIC);
  for (guint i = 0; i < entries->len; i++)
    g_ptr_array_add (ids, (gpointer) g_array_index (entries, Entry, i).id);
  g_ptr_array_add (ids, NULL);
  return (const char **) g_ptr_array_free (ids, FALSE);
}

const char *
vel_registry_get_label (VelRegistryKind kind, const char *id)
{
  const Entry *entry;

  if (kind == VEL_REGISTRY_SCHEDULES && g_str_equal (id, AUTOMATIC))
    return _ ("Automatic");
  entry = find_by_id (get_registry (), kind, id);
  return entry != NULL ? _ (entry->label) : NULL;
}

gboolean
vel_registry_kind_from_string (const char *plural, VelRegistryKind *kind)
{
  for (gsize i = 0; i < G_N_ELEMENTS (plurals); i++) {
    if (g_str_equal (plurals[i], plural)) {
      *kind = (VelRegistryKind) i;
      return TRUE;
    }
  }
  return FALSE;
}

const char *const *
vel_registry_get_problems (void)
{
  return (const char *const *) get_registry ()->problems->pdata;
}
