/* Runs kernels on the host: every thread of a block is a fiber, barriers and what a warp does together are meetings of fibers.
 * SPDX-License-Identifier: Apache-2.0
 *
 * Shared memory is a fresh block of the exact size, filled with not-a-number, for every block of the grid; device memory has guards around
 * it (runtime-host.cpp). Asynchronous copies land as late as they may, at the wait, which finds waits that are missing, or at once, which
 * finds memory that is overwritten while it is still read. A barrier that not all threads reach, or that they reach in different places,
 * ends the program with the places. Each host thread has an emulator of its own. */
#pragma once

#include <stddef.h>
#include <stdint.h>
#ifdef __F16C__
#include <immintrin.h>
#endif

#include "kernels/half.h"

struct VelEmulatorIndex {
  unsigned x, y, z;
};

enum VelEmulatorOrder { VEL_ORDER_FORWARD, VEL_ORDER_REVERSE, VEL_ORDER_RANDOM };

struct VelEmulatorMode {
  VelEmulatorOrder order; /* in which threads get their turn, and blocks */
  bool early;             /* copies land at once */
  unsigned seed;          /* of the random order */
};

void vel_emulator_set (VelEmulatorMode mode);

/* A kernel with its arguments, to be called once for each thread. */
struct VelEmulatorCall {
  void (*run) (const void *self);
  void (*destroy) (void *self);
  void *self;
};

template <typename F>
inline VelEmulatorCall
vel_emulator_call (F body)
{
  return { [] (const void *self) { (*(const F *) self) (); }, [] (void *self) { delete (F *) self; }, new F (body) };
}

/* Takes the call. Runs it, or writes it down while its runtime records (runtime-host.cpp). */
void vel_emulator_launch (VelEmulatorIndex grid, VelEmulatorIndex block, size_t shared_bytes, VelEmulatorCall call);
/* Runs it, whatever happens elsewhere. */
void vel_emulator_run (VelEmulatorIndex grid, VelEmulatorIndex block, size_t shared_bytes, const VelEmulatorCall *call);

/* What follows is the dialect's. Where the thread that has its turn is: read so often that it is no function. */
struct VelEmulatorPlace {
  VelEmulatorIndex thread, block, block_size, grid;
  void *shared;
  int lane;
};

/* Near at hand in each thread, since every index of every thread is read from it. */
extern __thread VelEmulatorPlace vel_emulator_place __attribute__ ((tls_model ("initial-exec")));
void vel_emulator_sync_block (const char *file, int line);
void vel_emulator_sync_warp (const char *file, int line);
void vel_emulator_exchange (const void *value, int lane, void *other); /* four bytes */
void vel_emulator_copy (void *shared, const void *global, bool valid);
void vel_emulator_copy_commit (void);
void vel_emulator_copy_wait (int keep);
void vel_emulator_load_matrices (uint32_t r[4], const void *row, bool transposed);
void vel_emulator_multiply (float d[4], const uint32_t a[4], const uint32_t b[2], bool bfloat);
/* Products of warpgroups (warpgroup.cuh) are done at once, where copies land at once, else at the wait. d: n / 2 numbers that stay where
 * they are until then */
void vel_emulator_group_multiply (float *d, const void *a, const void *b, int n, bool bfloat);
void vel_emulator_group_multiply_turned (float *d, const uint32_t a[4], const void *b, int n, bool bfloat);
void vel_emulator_group_commit (void);
void vel_emulator_group_wait (int keep);
void vel_emulator_group_publish (void);

/* The processor's own conversion where it has one: the same bits as kernels/half.h, which is for everybody. */
static inline float
vel_emulator_half_to_float (uint16_t half)
{
#ifdef __F16C__
  return _cvtsh_ss (half);
#else
  return vel_half_to_float (half);
#endif
}

static inline uint16_t
vel_emulator_half_from_float (float value)
{
#ifdef __F16C__
  return _cvtss_sh (value, _MM_FROUND_TO_NEAREST_INT);
#else
  return vel_half_from_float (value);
#endif
}
