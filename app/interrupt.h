/* Ctrl+C, politely: the first asks, the second kills.
 * SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <glib.h>

/* Call before other threads start, once. asked: on a thread of its own, at the first Ctrl+C; may take locks. */
void vel_interrupt_watch (void (*asked) (gpointer data), gpointer data);
/* `asked` is not called any more once this returns; the first Ctrl+C then kills like the second. */
void vel_interrupt_forget (void);
