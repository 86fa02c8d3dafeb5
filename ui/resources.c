/* Templates, style and icons, built into the program.
 * SPDX-License-Identifier: Apache-2.0 */
#include "config.h"

#include "ui/resources.h"
#include "resources/vel-resources.h"

/* By name: a linker leaves out of a library what nobody calls, a constructor with it. */
void
vel_resources_register (void)
{
  g_resources_register (vel_resources_get_resource ());
}
