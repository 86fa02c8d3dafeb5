/* What the program is and whose.
 * SPDX-License-Identifier: Apache-2.0 */
#include "config.h"

#include "ui/dialogs/about.h"

#include <adwaita.h>
#include <glib/gi18n.h>

void
vel_about_show (GtkWindow *parent)
{
  adw_show_about_window (parent, "application-name", "Velatura", "application-icon", VEL_APP_ID, "version", VEL_VERSION, "developer-name",
                         _("The Velatura authors"), "license-type", GTK_LICENSE_APACHE_2_0, "comments",
                         _("Paint with diffusion models, on this computer."),
                         /* Translators: your names, one a line */
                         "translator-credits", _("translator-credits"), NULL);
}
