/* The engine's error domain.  SPDX-License-Identifier: Apache-2.0 */
#include "engine/error.h"

G_DEFINE_QUARK (vel-error-quark, vel_error)
