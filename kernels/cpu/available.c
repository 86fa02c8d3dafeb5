/* What /proc and /sys say of memory.  SPDX-License-Identifier: Apache-2.0 */
#include "kernels/cpu/available.h"

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define MAX_PATH 1024

/* The number after `key` in a file of lines like "MemTotal:  123 kB"; key "": the first one. FALSE if there is none, as with "max". */
static bool
read_number (const char *path, const char *key, size_t *number)
{
  FILE *file = fopen (path, "re");
  char line[256];
  bool found = false;

  while (file != NULL && !found && fgets (line, sizeof line, file) != NULL)
    if (strncmp (line, key, strlen (key)) == 0) {
      char *end;
      unsigned long long value = strtoull (line + strlen (key), &end, 10);

      found = end != line + strlen (key);
      *number = value > SIZE_MAX ? SIZE_MAX : (size_t) value;
      if (*key == '\0')
        break;
    }
  if (file != NULL)
    fclose (file);
  return found;
}

/* The three files of a version of control groups. */
typedef struct {
  const char *mount, *limit, *usage, *cache;
} Groups;

static const Groups versions[] = {
  { "/sys/fs/cgroup", "memory.max", "memory.current", "inactive_file " },
  { "/sys/fs/cgroup/memory", "memory.limit_in_bytes", "memory.usage_in_bytes", "total_inactive_file " },
};

/* One group. */
static void
apply_group (const char *root, const Groups *groups, const char *group, size_t *available, size_t *total)
{
  char path[3 * MAX_PATH];
  size_t limit, usage, cache = 0, rest;

  snprintf (path, sizeof path, "%s%s%s/%s", root, groups->mount, group, groups->limit);
  if (!read_number (path, "", &limit))
    return;
  snprintf (path, sizeof path, "%s%s%s/%s", root, groups->mount, group, groups->usage);
  if (!read_number (path, "", &usage))
    return;
  snprintf (path, sizeof path, "%s%s%s/memory.stat", root, groups->mount, group);
  read_number (path, groups->cache, &cache);
  usage = usage > cache ? usage - cache : 0;
  rest = limit > usage ? limit - usage : 0;
  *available = rest < *available ? rest : *available;
  *total = limit < *total ? limit : *total;
}

/* A group and all above it: a container's limit is often the parent's. */
static void
apply_groups (const char *root, const Groups *groups, char *group, size_t *available, size_t *total)
{
  for (;;) {
    char *slash;

    apply_group (root, groups, strcmp (group, "/") == 0 ? "" : group, available, total);
    slash = strrchr (group, '/');
    if (slash == NULL || *group == '\0')
      return;
    *slash = '\0';
  }
}

/* Lines are "0::/path" in version 2, "4:memory:/path" in version 1. */
static void
apply_limits (const char *root, size_t *available, size_t *total)
{
  char path[2 * MAX_PATH], line[MAX_PATH];
  FILE *file;

  snprintf (path, sizeof path, "%s/proc/self/cgroup", root);
  file = fopen (path, "re");
  while (file != NULL && fgets (line, sizeof line, file) != NULL) {
    char *controllers = strchr (line, ':'), *group = controllers != NULL ? strchr (controllers + 1, ':') : NULL;

    if (group == NULL)
      continue;
    *group++ = '\0';
    group[strcspn (group, "\n")] = '\0';
    if (controllers[1] == '\0')
      apply_groups (root, &versions[0], group, available, total);
    else if (strcmp (controllers + 1, "memory") == 0)
      apply_groups (root, &versions[1], group, available, total);
  }
  if (file != NULL)
    fclose (file);
}

void
vel_cpu_read_available (const char *root, size_t *available, size_t *total)
{
  char path[2 * MAX_PATH];
  size_t free_kib, total_kib;

  *available = *total = 0;
  snprintf (path, sizeof path, "%s/proc/meminfo", root);
  if (!read_number (path, "MemAvailable:", &free_kib) || !read_number (path, "MemTotal:", &total_kib))
    return;
  *available = free_kib > SIZE_MAX / 1024 ? SIZE_MAX : free_kib * 1024;
  *total = total_kib > SIZE_MAX / 1024 ? SIZE_MAX : total_kib * 1024;
  apply_limits (root, available, total);
}
