/* Random weights from a name and an index: the same bits here, in fill.py and on any card. README.md has the formula.
 * SPDX-License-Identifier: Apache-2.0
 * To be compiled with -ffp-contract=off: a fused product and sum would round once instead of twice. */
#pragma once

#include <stddef.h>
#include <stdint.h>

/* FNV-1a, 64 bits. */
static inline uint64_t
vel_fnv (const void *data, size_t n)
{
  const unsigned char *bytes = data;
  uint64_t value = 0xcbf29ce484222325u;

  for (size_t i = 0; i < n; i++)
    value = (value ^ bytes[i]) * 0x100000001b3u;
  return value;
}

static inline uint32_t
vel_fill_mix (uint32_t x)
{
  x ^= x >> 16;
  x *= 0x7feb352du;
  x ^= x >> 15;
  x *= 0x846ca68bu;
  return x ^ x >> 16;
}

/* key: vel_fnv of the name. offset + spread * u, u even in [-1, 1) */
static inline float
vel_fill_value (uint64_t key, uint32_t index, float offset, float spread)
{
  uint32_t bits = vel_fill_mix (vel_fill_mix (index + (uint32_t) key) ^ (uint32_t) (key >> 32));
  float product = ((float) (bits >> 8) - 8388608.f) * 0x1p-23f * spread; /* but for the last, exact */

  return offset + product;
}
