/* What `velatura debug` can show; each reads its own options, argv[0] being its name.
 * SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "app/verb.h"

/* One JSON object per line of standard input, one per line of standard output. */
VelExit vel_debug_tokens (int argc, char **argv);
VelExit vel_debug_emphasis (int argc, char **argv);
VelExit vel_debug_chunks (int argc, char **argv);
VelExit vel_debug_prompt (int argc, char **argv);

/* Tensors, written to --output. */
VelExit vel_debug_noise (int argc, char **argv);
VelExit vel_debug_brownian (int argc, char **argv);
VelExit vel_debug_sigmas (int argc, char **argv);
