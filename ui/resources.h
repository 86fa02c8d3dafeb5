/* Templates, style and icons, built into the program.
 * SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* Before the first widget. */
void vel_resources_register (void);
