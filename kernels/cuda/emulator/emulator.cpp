/* Fibers, meetings and the warp's matrix instructions.  SPDX-License-Identifier: Apache-2.0 */
#include "kernels/cuda/emulator/emulator.h"
#include "kernels/cuda/emulator/faults.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#if defined(__SANITIZE_ADDRESS__)
#define WITH_ASAN 1
#elif defined(__SANITIZE_THREAD__)
#define WITH_TSAN 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define WITH_ASAN 1
#elif __has_feature(thread_sanitizer)
#define WITH_TSAN 1
#endif
#endif
#ifdef WITH_ASAN
#include <sanitizer/asan_interface.h>
#include <sanitizer/common_interface_defs.h>
#endif
#ifdef WITH_TSAN
#include <sanitizer/tsan_interface.h>
#endif
#if !defined(__x86_64__)
#include <ucontext.h>
#endif

/* The emulator's own hand-overs must not look like the kernel's accesses to the race checker. */
#define UNCHECKED __attribute__ ((no_sanitize ("thread"), noinline))

#define STACK_BYTES ((size_t) 256 << 10)
#define MAX_THREADS 1024
#define MAX_WARPS (MAX_THREADS / 32)
#define MAX_COPIES 512
#define MAX_GROUPS 64
#define MAX_PRODUCTS 64

__thread VelEmulatorPlace vel_emulator_place __attribute__ ((tls_model ("initial-exec")));

namespace {

enum State { READY, AT_WARP, AT_BLOCK, DONE };

struct Copy {
  void *to;
  const void *from;
  bool valid;
};

struct Product {
  float *d;
  const void *a, *b; /* a: NULL, what `rows` has */
  int n;
  bool bfloat;
  float rows[2][16];
};

struct Fiber {
  void *stack_pointer;
  char *stack;
#if !defined(__x86_64__)
  ucontext_t context;
#endif
#ifdef WITH_ASAN
  void *fake_stack;
#endif
#ifdef WITH_TSAN
  void *tsan;
#endif
  VelEmulatorIndex index;
  int number;
  State state;
  unsigned generation; /* of the meeting it waits for */
  const char *file;    /* where it waits */
  int line;
  Copy copies[MAX_COPIES];
  int n_copies, groups[MAX_GROUPS], n_groups; /* groups[i]: copies up to the end of group i */
  Product products[MAX_PRODUCTS];
  int n_products, product_groups[MAX_GROUPS], n_product_groups;
  bool unpublished; /* copies have landed that no product may read yet */
};

/* What the threads of a warp lay on the table for each other. Two tables in turn: a fast thread may be at the next meeting already. */
struct Warp {
  int size, arrived;
  unsigned generation;
  unsigned char given[2][32][32];
  float products[2][16][8];
};

struct Emulator {
  VelEmulatorMode mode;
  unsigned random;
  Fiber main, *current, *fibers;
  int n_made; /* fibers that have a stack */
  int n, live, arrived;
  int unpublished; /* threads that left a barrier so */
  unsigned generation; /* of the block's barrier */
  Warp warps[MAX_WARPS];
  VelEmulatorIndex grid, block_size, block;
  char *shared;
  const VelEmulatorCall *call;
#ifdef WITH_ASAN
  const void *main_stack;
  size_t main_bytes;
#endif
};

/* Too large for the near storage of threads itself. */
thread_local Emulator *mine __attribute__ ((tls_model ("initial-exec")));

/* Ends with its thread, and with it what the thread's fibers have. */
struct Owner {
  Emulator *emulator = nullptr;

  UNCHECKED ~Owner ()
  {
    for (int i = 0; emulator != nullptr && i < emulator->n_made; i++) {
#ifdef WITH_ASAN
      __asan_unpoison_memory_region (emulator->fibers[i].stack, STACK_BYTES); /* finished fibers left their frames there */
#endif
#ifdef WITH_TSAN
      __tsan_destroy_fiber (emulator->fibers[i].tsan);
#endif
      munmap (emulator->fibers[i].stack, STACK_BYTES);
    }
    if (emulator != nullptr)
      free (emulator->fibers);
    free (emulator);
    mine = nullptr;
  }
};

thread_local Owner owner;

UNCHECKED Emulator *
make_mine (void)
{
  mine = (Emulator *) calloc (1, sizeof *mine);
  owner.emulator = mine;
  return mine;
}

#define emulator (*(mine != nullptr ? mine : make_mine ()))

extern "C" void vel_emulator_switch (void **from, void *to);

#if defined(__x86_64__)
asm (".text\n.globl vel_emulator_switch\n.type vel_emulator_switch, @function\nvel_emulator_switch:\n"
     "  push %rbp\n  push %rbx\n  push %r12\n  push %r13\n  push %r14\n  push %r15\n"
     "  mov %rsp, (%rdi)\n  mov %rsi, %rsp\n"
     "  pop %r15\n  pop %r14\n  pop %r13\n  pop %r12\n  pop %rbx\n  pop %rbp\n  ret\n");
#endif

UNCHECKED void
jump (Fiber *from, Fiber *to)
{
#if defined(__x86_64__)
  vel_emulator_switch (&from->stack_pointer, to->stack_pointer);
#else
  swapcontext (&from->context, &to->context);
#endif
}

UNCHECKED void
switch_to (Fiber *to)
{
  Fiber *from = emulator.current;

  if (from == to)
    return;
  emulator.current = to;
  vel_emulator_place.thread = to->index;
  vel_emulator_place.lane = to->number % 32;
#if defined(WITH_ASAN)
  bool to_main = to == &emulator.main;

  __sanitizer_start_switch_fiber (from->state == DONE && from != &emulator.main ? nullptr : &from->fake_stack,
                                  to_main ? emulator.main_stack : to->stack, to_main ? emulator.main_bytes : STACK_BYTES);
  jump (from, to);
  __sanitizer_finish_switch_fiber (emulator.current->fake_stack, nullptr, nullptr);
#elif defined(WITH_TSAN)
  __tsan_switch_to_fiber (to->tsan, __tsan_switch_to_fiber_no_sync);
  jump (from, to);
#else
  jump (from, to);
#endif
}

UNCHECKED bool
is_ready (const Fiber *fiber)
{
  return fiber->state == READY || (fiber->state == AT_WARP && emulator.warps[fiber->number / 32].generation != fiber->generation)
         || (fiber->state == AT_BLOCK && emulator.generation != fiber->generation);
}

UNCHECKED int
pick (int i, int count, int offset)
{
  return emulator.mode.order == VEL_ORDER_REVERSE ? count - 1 - i : (i + offset) % count;
}

UNCHECKED int
random_offset (void)
{
  if (emulator.mode.order != VEL_ORDER_RANDOM)
    return 0;
  emulator.random = emulator.random * 1664525u + 1013904223u;
  return (int) (emulator.random >> 16);
}

/* The next fiber that can go on: of the same warp first, which is where meetings are. */
UNCHECKED Fiber *
find_ready (void)
{
  int number = emulator.current == &emulator.main ? -1 : emulator.current->number, offset = random_offset ();

  if (number >= 0) {
    int first = number & ~31, count = emulator.n - first < 32 ? emulator.n - first : 32;

    for (int i = 0; i < count; i++) {
      Fiber *fiber = &emulator.fibers[first + pick ((number - first + 1 + i) % count, count, offset)];

      if (is_ready (fiber))
        return fiber;
    }
  }
  for (int i = 0; i < emulator.n; i++) {
    Fiber *fiber = &emulator.fibers[pick (i, emulator.n, offset)];

    if (is_ready (fiber))
      return fiber;
  }
  return nullptr;
}

[[noreturn]] UNCHECKED void
give_up (const char *what)
{
  const Fiber *last = nullptr;

  fprintf (stderr, "emulator: %s in block %u,%u,%u\n", what, emulator.block.x, emulator.block.y, emulator.block.z);
  for (int i = 0; i < emulator.n; i++) {
    const Fiber *fiber = &emulator.fibers[i];

    if (fiber->state != DONE && fiber->file != nullptr && (last == nullptr || fiber->line != last->line))
      fprintf (stderr, "emulator: thread %d waits at %s:%d\n", i, fiber->file, fiber->line);
    last = fiber;
  }
  abort ();
}

UNCHECKED void
yield (void)
{
  Fiber *next = find_ready ();

  if (next == nullptr)
    give_up ("a barrier that not all threads reach");
  switch_to (next);
}

UNCHECKED void
land (Copy copy)
{
  if (copy.valid)
    memcpy (copy.to, copy.from, 16);
  else
    memset (copy.to, 0, 16);
}

/* The first thing on a new fiber's stack. */
extern "C" UNCHECKED void
vel_emulator_enter (void)
{
  Fiber *self;

#ifdef WITH_ASAN
  __sanitizer_finish_switch_fiber (nullptr, emulator.main_stack == nullptr ? &emulator.main_stack : nullptr,
                                   emulator.main_bytes == 0 ? &emulator.main_bytes : nullptr);
#endif
#ifdef WITH_TSAN
  __tsan_acquire (&emulator.block);
#endif
  emulator.call->run (emulator.call->self);
#ifdef WITH_TSAN
  __tsan_release (&emulator.main);
#endif
  self = emulator.current;
  self->state = DONE;
  if (self->n_products > 0)
    give_up ("a thread left before its products were done");
  self->n_copies = self->n_groups = self->n_product_groups = 0;
  emulator.live--;
  emulator.warps[self->number / 32].size--;
  if (emulator.live > 0 && emulator.arrived == emulator.live)
    give_up ("a thread left while the others wait at a barrier");
  if (emulator.live > 0)
    yield ();
  else
    switch_to (&emulator.main);
  abort (); /* nobody comes back to a finished thread */
}

UNCHECKED char *
make_stack (void)
{
  void *stack = mmap (nullptr, STACK_BYTES, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

  if (stack == MAP_FAILED) {
    perror ("emulator: stack of a thread");
    abort ();
  }
  mprotect (stack, 4096, PROT_NONE);
  return (char *) stack;
}

UNCHECKED void
prepare (int number)
{
  Fiber *fiber = &emulator.fibers[number];
  VelEmulatorIndex size = emulator.block_size;

  if (number >= emulator.n_made) {
    fiber->stack = make_stack ();
#ifdef WITH_TSAN
    fiber->tsan = __tsan_create_fiber (0);
#endif
    emulator.n_made++;
  }
  fiber->index = { (unsigned) number % size.x, (unsigned) number / size.x % size.y, (unsigned) number / (size.x * size.y) };
  fiber->number = number;
  fiber->state = READY;
  fiber->file = nullptr;
  fiber->unpublished = false;
#ifdef WITH_ASAN
  fiber->fake_stack = nullptr;
#endif
#if defined(__x86_64__)
  void **top = (void **) (fiber->stack + STACK_BYTES) - 1;

  *--top = (void *) vel_emulator_enter;
  top -= 6; /* what vel_emulator_switch pops */
  memset (top, 0, 6 * sizeof *top);
  fiber->stack_pointer = top;
#else
  getcontext (&fiber->context);
  fiber->context.uc_stack = { .ss_sp = fiber->stack, .ss_flags = 0, .ss_size = STACK_BYTES };
  fiber->context.uc_link = nullptr;
  makecontext (&fiber->context, vel_emulator_enter, 0);
#endif
}

/* Exact bounds and no numbers inside: what reads too far or too early is found. */
UNCHECKED void
run_block (size_t shared_bytes)
{
  emulator.live = emulator.n;
  emulator.arrived = 0;
  emulator.generation = 0;
  emulator.unpublished = 0;
  if (posix_memalign ((void **) &emulator.shared, 1024, shared_bytes > 0 ? shared_bytes : 1) != 0)
    abort ();
  memset (emulator.shared, 0xff, shared_bytes);
  vel_emulator_place.shared = emulator.shared;
  vel_emulator_place.block = emulator.block;
  for (int first = 0; first < emulator.n; first += 32) {
    Warp *warp = &emulator.warps[first / 32];

    warp->size = emulator.n - first < 32 ? emulator.n - first : 32;
    warp->arrived = 0;
    warp->generation = 0;
  }
  for (int i = 0; i < emulator.n; i++)
    prepare (i);
#ifdef WITH_TSAN
  __tsan_release (&emulator.block);
#endif
  switch_to (find_ready ());
#ifdef WITH_TSAN
  __tsan_acquire (&emulator.main);
#endif
  free (emulator.shared);
}

} // namespace

void
vel_emulator_set (VelEmulatorMode mode)
{
  emulator.mode = mode;
  emulator.random = mode.seed;
}

void
vel_emulator_use_mode (unsigned mode)
{
  static const VelEmulatorMode modes[VEL_EMULATOR_MODES]
    = { { VEL_ORDER_FORWARD, false, 0 }, { VEL_ORDER_REVERSE, true, 0 }, { VEL_ORDER_RANDOM, false, 1 }, { VEL_ORDER_RANDOM, true, 2 } };

  vel_emulator_set (modes[mode % VEL_EMULATOR_MODES]);
}

UNCHECKED void
vel_emulator_run (VelEmulatorIndex grid, VelEmulatorIndex block, size_t shared_bytes, const VelEmulatorCall *call)
{
  size_t blocks = (size_t) grid.x * grid.y * grid.z;

  emulator.n = (int) (block.x * block.y * block.z);
  if (emulator.n == 0 || emulator.n > MAX_THREADS || blocks == 0 || grid.y > 65535 || grid.z > 65535) {
    fprintf (stderr, "emulator: no card launches %u x %u x %u blocks of %d threads\n", grid.x, grid.y, grid.z, emulator.n);
    abort ();
  }
  if (emulator.fibers == nullptr)
    emulator.fibers = (Fiber *) calloc (MAX_THREADS, sizeof *emulator.fibers);
  emulator.grid = grid;
  emulator.block_size = block;
  emulator.call = call;
  vel_emulator_place.block_size = block;
  vel_emulator_place.grid = grid;
  emulator.current = &emulator.main;
#ifdef WITH_TSAN
  if (emulator.main.tsan == nullptr)
    emulator.main.tsan = __tsan_get_current_fiber ();
#endif
  for (size_t i = 0; i < blocks; i++) {
    size_t b = emulator.mode.order == VEL_ORDER_REVERSE ? blocks - 1 - i : i;

    emulator.block = { (unsigned) (b % grid.x), (unsigned) (b / grid.x % grid.y), (unsigned) (b / grid.x / grid.y) };
    run_block (shared_bytes);
  }
}

UNCHECKED void
vel_emulator_sync_block (const char *file, int line)
{
  Fiber *self = emulator.current;

  self->file = file;
  self->line = line;
  emulator.unpublished += self->unpublished;
  self->unpublished = false;
#ifdef WITH_TSAN
  __tsan_release (&emulator.generation);
#endif
  if (++emulator.arrived == emulator.live) {
    emulator.arrived = 0;
    emulator.generation++;
    for (int i = 0; i < emulator.n; i++)
      if (emulator.fibers[i].state == AT_BLOCK && emulator.fibers[i].line != line)
        give_up ("threads at different barriers");
  } else {
    self->state = AT_BLOCK;
    self->generation = emulator.generation;
    yield ();
    self->state = READY;
  }
#ifdef WITH_TSAN
  __tsan_acquire (&emulator.generation);
#endif
}

UNCHECKED void
vel_emulator_sync_warp (const char *file, int line)
{
  Fiber *self = emulator.current;
  Warp *warp = &emulator.warps[self->number / 32];

  self->file = file;
  self->line = line;
#ifdef WITH_TSAN
  __tsan_release (warp);
#endif
  if (++warp->arrived == warp->size) {
    warp->arrived = 0;
    warp->generation++;
  } else {
    self->state = AT_WARP;
    self->generation = warp->generation;
    yield ();
    self->state = READY;
  }
#ifdef WITH_TSAN
  __tsan_acquire (warp);
#endif
}

/* Lays something on the warp's table and meets the others. Returns: the table of this meeting */
UNCHECKED static unsigned
give (const void *value, size_t bytes, const char *what)
{
  Fiber *self = emulator.current;
  Warp *warp = &emulator.warps[self->number / 32];
  unsigned table = warp->generation & 1;

  memcpy (warp->given[table][self->number % 32], value, bytes);
  vel_emulator_sync_warp (what, 0);
  return table;
}

UNCHECKED void
vel_emulator_exchange (const void *value, int lane, void *other)
{
  Warp *warp = &emulator.warps[emulator.current->number / 32];
  unsigned table = give (value, 4, "a shuffle");

  memcpy (other, warp->given[table][lane], 4);
}

UNCHECKED void
vel_emulator_copy (void *shared, const void *global, bool valid)
{
  Fiber *self = emulator.current;

  if (((uintptr_t) shared | (valid ? (uintptr_t) global : 0)) % 16 != 0)
    give_up ("an asynchronous copy that is not aligned to 16 bytes");
  self->unpublished = self->unpublished || emulator.mode.early;
  if (emulator.mode.early)
    land ({ shared, global, valid });
  else if (self->n_copies == MAX_COPIES)
    give_up ("more asynchronous copies on their way than the emulator keeps");
  else
    self->copies[self->n_copies++] = { shared, global, valid };
}

UNCHECKED void
vel_emulator_copy_commit (void)
{
  Fiber *self = emulator.current;

  if (self->n_groups == MAX_GROUPS)
    give_up ("more groups of copies on their way than the emulator keeps");
  self->groups[self->n_groups++] = self->n_copies;
}

UNCHECKED void
vel_emulator_copy_wait (int keep)
{
  Fiber *self = emulator.current;
  int done = self->n_groups - keep, end;

  if (done <= 0)
    return;
  end = self->groups[done - 1];
  self->unpublished = self->unpublished || end > 0;
  for (int i = 0; i < end; i++)
    land (self->copies[i]);
  memmove (self->copies, self->copies + end, (size_t) (self->n_copies - end) * sizeof *self->copies);
  for (int i = done; i < self->n_groups; i++)
    self->groups[i - done] = self->groups[i] - end;
  self->n_copies -= end;
  self->n_groups -= done;
}

/* The reads are the kernel's own, and checked as such. */
static void
read_pair (uint32_t *pair, const char *row, int at, bool transposed, const char *next)
{
  if (transposed) {
    memcpy (pair, row + at * 2, 2);
    memcpy ((char *) pair + 2, next + at * 2, 2);
  } else
    memcpy (pair, row + at * 4, 4);
}

void
vel_emulator_load_matrices (uint32_t r[4], const void *row, bool transposed)
{
  Warp *warp = &emulator.warps[emulator.current->number / 32];
  int lane = emulator.current->number % 32;
  unsigned table;

  if ((uintptr_t) row % 16 != 0)
    give_up ("a matrix row that is not aligned to 16 bytes");
  table = give (&row, sizeof row, "ldmatrix");
  for (int m = 0; m < 4; m++) {
    const char *first, *next;
    int y = transposed ? lane % 4 * 2 : lane / 4;

    memcpy (&first, warp->given[table][m * 8 + y], sizeof first);
    memcpy (&next, warp->given[table][m * 8 + (transposed ? y + 1 : y)], sizeof next);
    read_pair (&r[m], first, transposed ? lane / 4 : lane % 4, transposed, next);
  }
}

static float
half_at (const unsigned char *given, int i, bool bfloat)
{
  uint16_t bits;

  memcpy (&bits, given + 2 * i, 2);
  return bfloat ? vel_bfloat_to_float (bits) : vel_emulator_half_to_float (bits);
}

/* Once for the whole warp, by whoever comes last. */
UNCHECKED static void
multiply_all (Warp *warp, unsigned table, bool bfloat)
{
  float a[16][16], b[16][8];

  for (int lane = 0; lane < 32; lane++) {
    const unsigned char *given = warp->given[table][lane];
    int g = lane / 4, t = lane % 4 * 2;

    for (int i = 0; i < 8; i++)
      a[g + i / 2 % 2 * 8][t + i % 2 + i / 4 * 8] = half_at (given, i, bfloat);
    for (int i = 0; i < 4; i++)
      b[t + i % 2 + i / 2 * 8][g] = half_at (given + 16, i, bfloat);
  }
  for (int m = 0; m < 16; m++) {
    float row[8] = { 0 };

    for (int k = 0; k < 16; k++)
      for (int n = 0; n < 8; n++)
        row[n] += a[m][k] * b[k][n];
    memcpy (warp->products[table][m], row, sizeof row);
  }
}

UNCHECKED void
vel_emulator_multiply (float d[4], const uint32_t a[4], const uint32_t b[2], bool bfloat)
{
  Fiber *self = emulator.current;
  Warp *warp = &emulator.warps[self->number / 32];
  unsigned table = warp->generation & 1;
  int lane = self->number % 32, g = lane / 4, t = lane % 4 * 2;

  memcpy (warp->given[table][lane], a, 16);
  memcpy (warp->given[table][lane] + 16, b, 8);
  if (warp->arrived + 1 == warp->size) {
    if (warp->size != 32)
      give_up ("a matrix product without the whole warp");
    multiply_all (warp, table, bfloat);
  }
  vel_emulator_sync_warp ("mma", 0);
  d[0] += warp->products[table][g][t];
  d[1] += warp->products[table][g][t + 1];
  d[2] += warp->products[table][g + 8][t];
  d[3] += warp->products[table][g + 8][t + 1];
}

/* A number of a tile whose rows of 128 bytes have their pieces swizzled: bits 4 to 6 of the address by bits 7 to 9. */
static float
tile_at (const void *tile, int row, int k, bool bfloat)
{
  uintptr_t at = (uintptr_t) tile + (uintptr_t) row * 128 + (uintptr_t) k * 2;
  uint16_t bits;

  memcpy (&bits, (const void *) (at ^ (at >> 7 & 7) << 4), 2);
  return bfloat ? vel_bfloat_to_float (bits) : vel_emulator_half_to_float (bits);
}

/* This thread's part of the product. */
static void
do_product (const Product *product, int thread)
{
  int row = thread / 32 % 4 * 16 + thread % 32 / 4, column = thread % 4 * 2;
  float a[2][16];

  for (int half = 0; half < 2; half++)
    for (int k = 0; k < 16; k++)
      a[half][k] = product->a != nullptr ? tile_at (product->a, row + 8 * half, k, product->bfloat) : product->rows[half][k];
  for (int j = 0; j < product->n / 8; j++)
    for (int i = 0; i < 2; i++) {
      float sums[2] = { 0, 0 };

      for (int k = 0; k < 16; k++) {
        int n = 8 * j + column + i;
        float b = product->a != nullptr ? tile_at (product->b, n, k, product->bfloat) : tile_at (product->b, k, n, product->bfloat);

        sums[0] += a[0][k] * b;
        sums[1] += a[1][k] * b;
      }
      product->d[4 * j + i] += sums[0];
      product->d[4 * j + 2 + i] += sums[1];
    }
}

static void
add_product (const Product *product)
{
  Fiber *self = emulator.current;

  if (emulator.n % 128 != 0)
    give_up ("a warpgroup's product in a block that is not made of warpgroups");
  if (((uintptr_t) product->a | (uintptr_t) product->b) % 32 != 0 || product->n % 8 != 0 || product->n > 256)
    give_up ("a warpgroup's product of a tile that is not aligned");
  if (emulator.unpublished > 0)
    give_up ("a warpgroup's product of what was copied but not published");
  if (emulator.mode.early)
    do_product (product, self->number);
  else if (self->n_products == MAX_PRODUCTS)
    give_up ("more products on their way than the emulator keeps");
  else
    self->products[self->n_products++] = *product;
}

void
vel_emulator_group_multiply (float *d, const void *a, const void *b, int n, bool bfloat)
{
  Product product = { d, a, b, n, bfloat, {} };

  add_product (&product);
}

/* The sixteen numbers of a row are in four threads that lie side by side. */
void
vel_emulator_group_multiply_turned (float *d, const uint32_t a[4], const void *b, int n, bool bfloat)
{
  Product product = { d, nullptr, b, n, bfloat, {} };
  int lane = emulator.current->number % 32;

  for (int i = 0; i < 4; i++)
    for (int other = 0; other < 4; other++) {
      unsigned char pair[4];

      vel_emulator_exchange (&a[i], lane / 4 * 4 + other, pair);
      for (int k = 0; k < 2; k++)
        product.rows[i % 2][i / 2 * 8 + other * 2 + k] = half_at (pair, k, bfloat);
    }
  add_product (&product);
}

UNCHECKED void
vel_emulator_group_commit (void)
{
  Fiber *self = emulator.current;

  if (self->n_product_groups == MAX_GROUPS)
    give_up ("more groups of products on their way than the emulator keeps");
  self->product_groups[self->n_product_groups++] = self->n_products;
}

void
vel_emulator_group_wait (int keep)
{
  Fiber *self = emulator.current;
  int done = self->n_product_groups - keep, end;

  if (done <= 0)
    return;
  end = self->product_groups[done - 1];
  for (int i = 0; i < end; i++)
    do_product (&self->products[i], self->number);
  memmove (self->products, self->products + end, (size_t) (self->n_products - end) * sizeof *self->products);
  for (int i = done; i < self->n_product_groups; i++)
    self->product_groups[i - done] = self->product_groups[i] - end;
  self->n_products -= end;
  self->n_product_groups -= done;
}

UNCHECKED void
vel_emulator_group_publish (void)
{
  emulator.current->unpublished = false;
}
