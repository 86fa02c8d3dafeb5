/* The descriptors family.c chooses from.
 * SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "engine/models/family.h"

extern const VelFamily vel_family_sd15;
