/* "Today", "Yesterday", then the date.
 * SPDX-License-Identifier: Apache-2.0 */
#include "config.h"

#include "ui/widgets/day-label.h"

#include <glib/gi18n.h>

static guint32
day_of (GDateTime *time)
{
  int year, month, day;
  GDate date;

  g_date_time_get_ymd (time, &year, &month, &day);
  g_date_clear (&date, 1);
  g_date_set_dmy (&date, (GDateDay) day, (GDateMonth) month, (GDateYear) year);
  return g_date_get_julian (&date);
}

char *
vel_dup_day_label (gint64 microseconds)
{
  g_autoptr (GDateTime) utc = g_date_time_new_from_unix_utc (microseconds / G_USEC_PER_SEC);
  g_autoptr (GDateTime) now = g_date_time_new_now_local ();
  g_autoptr (GDateTime) local = utc != NULL ? g_date_time_to_local (utc) : NULL;

  if (local == NULL)
    return g_strdup ("");
  if (day_of (local) == day_of (now))
    return g_strdup (_("Today"));
  if (day_of (local) + 1 == day_of (now))
    return g_strdup (_("Yesterday"));
  return g_date_time_format (local, "%x");
}
