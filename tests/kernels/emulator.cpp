/* The emulator itself: kernels that are right pass in every mode, and each planted fault is caught in one of them.
 * SPDX-License-Identifier: Apache-2.0
 *
 * Each kernel has its fault behind a template parameter. A fault is caught if the emulator ends the program (tried in a child process) or if
 * the numbers come out wrong. */
#include "kernels/cuda/by-type.cuh"
#include "kernels/cuda/emulator/faults.h"
#include "kernels/cuda/runtime.h"
#include "kernels/cuda/warpgroup.cuh"

#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

/* Does not return where a result is wrong. */
static void
expect (bool right)
{
  if (!right)
    _exit (3);
}

/* Sums of 64 numbers by two warps; the fault: no barrier before the second warp's part is read. */
template <bool FAULT>
VEL_GLOBAL void
sum_kernel (const float *x, float *out)
{
  VEL_SHARED (float, shared);
  float value = x[threadIdx.x];

  for (int mask = 16; mask > 0; mask /= 2)
    value += shuffle_xor (value, mask);
  if (threadIdx.x % 32 == 0)
    shared[threadIdx.x / 32] = value;
  if (!FAULT)
    __syncthreads ();
  if (threadIdx.x % 32 == 0)
    out[threadIdx.x / 32] = shared[0] + shared[1];
}

template <bool FAULT>
static void
try_sum (VelRuntime *runtime)
{
  float host[64], *x = (float *) vel_runtime_alloc (runtime, sizeof host), *out = (float *) vel_runtime_alloc (runtime, 8), result[2];

  for (int i = 0; i < 64; i++)
    host[i] = (float) i;
  vel_runtime_upload (runtime, x, host, sizeof host);
  VEL_LAUNCH (sum_kernel<FAULT>, dim3 (1), dim3 (64), 2 * sizeof (float), 0, x, out);
  vel_runtime_download (runtime, result, out, sizeof result);
  expect (result[0] == 2016 && result[1] == 2016);
}

enum CopyFault { RIGHT, WAITS_FOR_TOO_FEW, FILLS_WHAT_IS_READ };

/* Doubles `steps` rows of 32 pieces of 16 bytes that come through two stages of shared memory. */
template <int FAULT>
VEL_GLOBAL void
copy_kernel (const float *x, float *out, int steps)
{
  VEL_SHARED (float, shared); /* [2, 128] */

  copy16_async (shared + threadIdx.x * 4, x + threadIdx.x * 4, true);
  copy_commit ();
  for (int step = 0; step < steps; step++) {
    const float *stage = shared + step % 2 * 128;

    if (FAULT == FILLS_WHAT_IS_READ && step + 1 < steps) /* the stage that is read now */
      copy16_async (shared + step % 2 * 128 + threadIdx.x * 4, x + (step + 1) * 128 + threadIdx.x * 4, true);
    else if (step + 1 < steps)
      copy16_async (shared + (step + 1) % 2 * 128 + threadIdx.x * 4, x + (step + 1) * 128 + threadIdx.x * 4, true);
    copy_commit ();
    copy_wait<FAULT == WAITS_FOR_TOO_FEW ? 2 : 1> ();
    __syncthreads ();
    for (int i = 0; i < 4; i++) /* what another thread brought */
      out[step * 128 + (31 - threadIdx.x) * 4 + i] = 2 * stage[(31 - threadIdx.x) * 4 + i];
    __syncthreads ();
  }
}

template <int FAULT>
static void
try_copy (VelRuntime *runtime)
{
  const int steps = 4;
  float host[steps * 128];
  float *x = (float *) vel_runtime_alloc (runtime, sizeof host), *out = (float *) vel_runtime_alloc (runtime, sizeof host);

  for (int i = 0; i < steps * 128; i++)
    host[i] = (float) i;
  vel_runtime_upload (runtime, x, host, sizeof host);
  VEL_LAUNCH (copy_kernel<FAULT>, dim3 (1), dim3 (32), 2 * 128 * sizeof (float), 0, x, out, steps);
  vel_runtime_download (runtime, host, out, sizeof host);
  for (int i = 0; i < steps * 128; i++)
    expect (host[i] == 2 * (float) i);
}

/* Writes `count` numbers with whole blocks; the fault: no guard behind the last. */
template <bool FAULT>
VEL_GLOBAL void
fill_kernel (float *out, int count)
{
  int i = (int) (blockIdx.x * blockDim.x + threadIdx.x);

  if (FAULT || i < count)
    out[i] = 1;
}

template <bool FAULT>
static void
try_fill (VelRuntime *runtime)
{
  float *out = (float *) vel_runtime_alloc (runtime, 100 * sizeof *out), host[100];

  VEL_LAUNCH (fill_kernel<FAULT>, dim3 (4), dim3 (32), 0, 0, out, 100);
  vel_runtime_download (runtime, host, out, sizeof host);
  vel_runtime_free (runtime, out); /* looks at what is around it */
  for (int i = 0; i < 100; i++)
    expect (host[i] == 1);
}

/* The fault: half of the threads wait at another barrier. */
template <bool FAULT>
VEL_GLOBAL void
diverge_kernel (float *out)
{
  if (FAULT && threadIdx.x < 16)
    __syncthreads ();
  else
    __syncthreads ();
  out[threadIdx.x] = 1;
}

template <bool FAULT>
static void
try_diverge (VelRuntime *runtime)
{
  float *out = (float *) vel_runtime_alloc (runtime, 32 * sizeof *out);

  VEL_LAUNCH (diverge_kernel<FAULT>, dim3 (1), dim3 (32), 0, 0, out);
}

template <bool FAULT>
VEL_GLOBAL void
read_early_kernel (float *out)
{
  VEL_SHARED (float, shared);

  if (!FAULT)
    shared[threadIdx.x] = 1;
  __syncthreads ();
  out[threadIdx.x] = shared[31 - threadIdx.x];
}

/* The fault: shared memory is read that nobody wrote; it holds no numbers. */
template <bool FAULT>
static void
try_read_early (VelRuntime *runtime)
{
  float *out = (float *) vel_runtime_alloc (runtime, 32 * sizeof *out), host[32];

  VEL_LAUNCH (read_early_kernel<FAULT>, dim3 (1), dim3 (32), 32 * sizeof (float), 0, out);
  vel_runtime_download (runtime, host, out, sizeof host);
  for (int i = 0; i < 32; i++)
    expect (host[i] == 1);
}

enum GroupFault { GROUP_RIGHT, PUBLISHES_NOTHING, DOES_NOT_WAIT };

/* [64, 64 steps] times [128, 64 steps]^T by a warpgroup, tile after tile through the same shared memory. */
template <int FAULT>
VEL_GLOBAL void
group_kernel (const f16 *a, const f16 *b, float *out, int steps)
{
  VEL_SHARED (f16, shared); /* [64, 64], then [128, 64] */
  float sums[64] = {};

  for (int step = 0; step < steps; step++) {
    for (unsigned i = threadIdx.x; i < 192 * 8; i += 128) {
      unsigned row = i / 8, piece = i % 8;
      const f16 *from = row < 64 ? a + (step * 64 + row) * 64 : b + (step * 128 + row - 64) * 64;

      copy16_async (shared + group_swizzle (row, piece), from + piece * 8, true);
    }
    copy_commit ();
    copy_wait<0> ();
    if (FAULT != PUBLISHES_NOTHING)
      group_publish ();
    __syncthreads ();
    group_fence ();
    for (int k = 0; k < 64; k += 16)
      group_multiply<f16, 128> (sums, shared + k, shared + 64 * 64 + k);
    group_commit ();
    if (FAULT != DOES_NOT_WAIT)
      group_wait<0> (sums);
    __syncthreads ();
  }
  group_wait<0> (sums);
  for (int j = 0; j < 64; j++)
    out[(threadIdx.x / 32 * 16 + threadIdx.x % 32 / 4 + j / 2 % 2 * 8) * 128 + j / 4 * 8 + threadIdx.x % 4 * 2 + j % 2] = sums[j];
}

/* Small whole numbers, so that sums are exact. */
static float
group_value (int row, int k, int modulus)
{
  return (float) ((3 * row + k) % modulus);
}

template <int FAULT>
static void
try_group (VelRuntime *runtime)
{
  const int steps = 3;
  static f16 a[steps * 64 * 64], b[steps * 128 * 64];
  static float result[64 * 128];
  f16 *device_a = (f16 *) vel_runtime_alloc (runtime, sizeof a), *device_b = (f16 *) vel_runtime_alloc (runtime, sizeof b);
  float *out = (float *) vel_runtime_alloc (runtime, sizeof result);

  for (int k = 0; k < steps * 64; k++) {
    for (int m = 0; m < 64; m++)
      a[(k / 64 * 64 + m) * 64 + k % 64] = from_float<f16> (group_value (m, k, 5));
    for (int n = 0; n < 128; n++)
      b[(k / 64 * 128 + n) * 64 + k % 64] = from_float<f16> (group_value (n, k, 7));
  }
  vel_runtime_upload (runtime, device_a, a, sizeof a);
  vel_runtime_upload (runtime, device_b, b, sizeof b);
  VEL_LAUNCH (group_kernel<FAULT>, dim3 (1), dim3 (128), 192 * 64 * sizeof (f16), 0, device_a, device_b, out, steps);
  vel_runtime_download (runtime, result, out, sizeof result);
  for (int m = 0; m < 64; m++)
    for (int n = 0; n < 128; n++) {
      float sum = 0;

      for (int k = 0; k < steps * 64; k++)
        sum += group_value (m, k, 5) * group_value (n, k, 7);
      expect (result[m * 128 + n] == sum);
    }
}

typedef void (*Try) (VelRuntime *runtime);

/* In a child process. Returns: whether all went well */
static bool
goes_well (Try attempt, unsigned mode)
{
  int status = 0;
  pid_t child;

  fflush (stdout);
  child = fork ();
  if (child == 0) {
    VelDeviceInfo info;
    char why[128];
    VelRuntime *runtime = vel_runtime_open (0, 0, &info, why, sizeof why);

    if (freopen ("/dev/null", "w", stderr) == NULL)
      _exit (4);
    vel_emulator_use_mode (mode);
    attempt (runtime);
    vel_runtime_close (runtime);
    _exit (0);
  }
  return waitpid (child, &status, 0) == child && WIFEXITED (status) && WEXITSTATUS (status) == 0;
}

int
main (void)
{
  static const struct {
    const char *name;
    Try right, wrong;
  } cases[] = {
    { "a barrier is missing", try_sum<false>, try_sum<true> },
    { "one group of copies too few is waited for", try_copy<RIGHT>, try_copy<WAITS_FOR_TOO_FEW> },
    { "a stage is filled while it is read", try_copy<RIGHT>, try_copy<FILLS_WHAT_IS_READ> },
    { "the guard behind the last row is missing", try_fill<false>, try_fill<true> },
    { "threads wait at different barriers", try_diverge<false>, try_diverge<true> },
    { "shared memory is read before it is written", try_read_early<false>, try_read_early<true> },
    { "a warpgroup multiplies what was copied but not published", try_group<GROUP_RIGHT>, try_group<PUBLISHES_NOTHING> },
    { "a tile is filled while a warpgroup multiplies it", try_group<GROUP_RIGHT>, try_group<DOES_NOT_WAIT> },
  };
  const int n = sizeof cases / sizeof *cases;
  int failed = 0;

  printf ("1..%d\n", 2 * n);
  for (int i = 0; i < n; i++) {
    bool right = true, caught = false;

    for (unsigned mode = 0; mode < VEL_EMULATOR_MODES; mode++) {
      bool fault_seen = !goes_well (cases[i].wrong, mode);

      right = goes_well (cases[i].right, mode) && right;
      caught = caught || fault_seen;
      if (fault_seen)
        printf ("# %s: seen in mode %u\n", cases[i].name, mode);
    }
    printf ("%sok %d the right kernel, where it could be that %s\n", right ? "" : "not ", 2 * i + 1, cases[i].name);
    printf ("%sok %d caught: %s\n", caught ? "" : "not ", 2 * i + 2, cases[i].name);
    failed += !right + !caught;
  }
  return failed != 0;
}
