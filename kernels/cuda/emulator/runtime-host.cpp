/* runtime.h on the host: memory with guards, a stream that does everything at once, recordings that are played back for real, faults.
 * SPDX-License-Identifier: Apache-2.0 */
#include "kernels/cuda/emulator/faults.h"
#include "kernels/cuda/runtime.h"

#include <atomic>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define CARD_BYTES ((size_t) 4 << 30)
#define GUARD_BYTES 256
#define GUARD_BYTE 0xfd

namespace {

/* Guards stand on both sides; what is between is filled with not-a-number, as a card's memory holds anything. */
struct Block {
  char *memory;
  size_t bytes;
  Block *next;
};

struct Launch {
  VelEmulatorIndex grid, block;
  size_t shared_bytes;
  VelEmulatorCall call;
};

/* What is on its way to a place. */
struct Fetch {
  void *device;
  const void *host;
  size_t bytes;
};

struct Fault {
  unsigned at, calls;
  bool lost;
};

thread_local Fault fault;
thread_local VelRuntime *active; /* whose launches come: the one that was spoken to last */

} // namespace

struct VelGraph {
  Launch *launches;
  size_t n, room;
};

struct VelRuntime {
  size_t budget, used;
  Block *blocks;
  VelGraph *recording;
  Fetch pending[VEL_RUNTIME_PLACES];
  bool early; /* copies beside the stream are done at once, else when they are waited for */
  char failure[160];
};

void
vel_emulator_fail_at (unsigned n, bool lost)
{
  fault = { n, 0, lost };
}

unsigned
vel_emulator_calls (void)
{
  return fault.calls;
}

static void
break_down (VelRuntime *self, const char *what)
{
  if (self->failure[0] == '\0')
    snprintf (self->failure, sizeof self->failure, "The card stopped working (%s).", what);
}

/* Every call of the runtime comes through here. Returns: false if it has to do nothing */
static bool
begin (VelRuntime *self, const char *forbidden_in_recording)
{
  active = self;
  if (self->failure[0] != '\0')
    return false;
  fault.calls++;
  if (fault.at != 0 && fault.calls == fault.at && fault.lost) {
    break_down (self, "unspecified launch failure");
    return false;
  }
  if (self->recording != nullptr && forbidden_in_recording != nullptr) {
    break_down (self, forbidden_in_recording);
    return false;
  }
  return true;
}

static unsigned
count_cards (void)
{
  const char *number = getenv ("VELATURA_EMULATED_CARDS");

  return number != nullptr ? (unsigned) strtoul (number, nullptr, 10) : 1;
}

static unsigned capability = 80;
static bool dry;

void
vel_emulator_use_dry (bool wish)
{
  dry = wish;
}

void
vel_emulator_use_capability (unsigned number)
{
  capability = number;
}

static void
describe (VelDeviceInfo *info)
{
  memset (info, 0, sizeof *info);
  snprintf (info->name, sizeof info->name, "Emulated card");
  snprintf (info->driver, sizeof info->driver, "none");
  info->memory = info->free_memory = CARD_BYTES;
  info->capability = capability;
  info->multiprocessors = 4;
}

unsigned
vel_runtime_devices (VelDeviceInfo *infos, unsigned room, char *why, size_t why_size)
{
  unsigned count = count_cards ();

  for (unsigned i = 0; i < count && i < room; i++)
    describe (&infos[i]);
  if (why_size > 0)
    snprintf (why, why_size, "%s", count > 0 ? "" : "There is no emulated card.");
  return count;
}

VelRuntime *
vel_runtime_open (unsigned device, size_t budget, VelDeviceInfo *info, char *why, size_t why_size)
{
  VelRuntime *self;

  if (device >= count_cards ()) {
    snprintf (why, why_size, "There is no card %u.", device);
    return nullptr;
  }
  describe (info);
  /* For tests of whole programs: the first card that is opened with this number there breaks down at this call. */
  static std::atomic<unsigned> broken_at;
  const char *text = getenv ("VELATURA_EMULATED_LOST_AT");
  unsigned at = text != nullptr ? (unsigned) strtoul (text, nullptr, 10) : 0;

  if (at != 0 && broken_at.exchange (at) != at)
    vel_emulator_fail_at (at, true);
  self = (VelRuntime *) calloc (1, sizeof *self);
  self->budget = budget > 0 && budget < CARD_BYTES ? budget : CARD_BYTES;
  return self;
}

static void
check_guards (const Block *block)
{
  for (size_t i = 0; i < GUARD_BYTES; i++)
    if ((unsigned char) block->memory[i] != GUARD_BYTE || (unsigned char) block->memory[GUARD_BYTES + block->bytes + i] != GUARD_BYTE) {
      fprintf (stderr, "emulator: something was written outside of a block of %zu bytes\n", block->bytes);
      abort ();
    }
}

void
vel_runtime_close (VelRuntime *self)
{
  if (self == nullptr)
    return;
  while (self->blocks != nullptr)
    vel_runtime_free (self, self->blocks->memory + GUARD_BYTES);
  if (active == self)
    active = nullptr;
  free (self);
}

VelStream
vel_runtime_stream (VelRuntime *self)
{
  return 0;
}

size_t
vel_runtime_shared_limit (VelRuntime *self)
{
  return 99 * 1024; /* of the least card after Turing */
}

void *
vel_runtime_alloc (VelRuntime *self, size_t bytes)
{
  Block *block;

  if (!begin (self, "memory was asked for in a recording"))
    return nullptr;
  if ((fault.at != 0 && fault.calls == fault.at) || bytes > self->budget - self->used)
    return nullptr;
  block = (Block *) malloc (sizeof *block);
  *block = { nullptr, bytes, self->blocks };
  if (posix_memalign ((void **) &block->memory, 256, bytes + 2 * GUARD_BYTES) != 0) {
    free (block);
    return nullptr;
  }
  memset (block->memory, GUARD_BYTE, bytes + 2 * GUARD_BYTES);
  memset (block->memory + GUARD_BYTES, dry ? 0 : 0xff, bytes);
  self->blocks = block;
  self->used += bytes;
  return block->memory + GUARD_BYTES;
}

void
vel_runtime_free (VelRuntime *self, void *memory)
{
  if (memory == nullptr)
    return;
  if (self->recording != nullptr)
    break_down (self, "memory was freed in a recording");
  for (Block **at = &self->blocks; *at != nullptr; at = &(*at)->next)
    if ((*at)->memory + GUARD_BYTES == memory) {
      Block *block = *at;

      check_guards (block);
      *at = block->next;
      self->used -= block->bytes;
      free (block->memory);
      free (block);
      return;
    }
  fprintf (stderr, "emulator: memory was freed that was not given out\n");
  abort ();
}

void
vel_runtime_memory (VelRuntime *self, size_t *free_bytes, size_t *total_bytes)
{
  *free_bytes = self->budget - self->used;
  *total_bytes = self->budget;
}

void
vel_runtime_upload (VelRuntime *self, void *device, const void *host, size_t bytes)
{
  if (begin (self, "data was sent in a recording"))
    memcpy (device, host, bytes);
}

void
vel_runtime_download (VelRuntime *self, void *host, const void *device, size_t bytes)
{
  if (begin (self, "data was fetched in a recording"))
    memcpy (host, device, bytes);
  else
    memset (host, 0xff, bytes);
}

/* Fills are launches, as a card's stream has them. */
void
vel_runtime_fill (VelRuntime *self, void *device, int byte, size_t bytes)
{
  active = self;
  vel_emulator_launch ({ 1, 1, 1 }, { 1, 1, 1 }, 0, vel_emulator_call ([=] { memset (device, byte, bytes); }));
}

void
vel_runtime_wait (VelRuntime *self)
{
  begin (self, "somebody waited in a recording");
  for (const Block *block = self->blocks; block != nullptr; block = block->next)
    check_guards (block);
}

void *
vel_runtime_pin (VelRuntime *self, size_t bytes)
{
  return begin (self, "host memory was asked for in a recording") && (fault.at == 0 || fault.calls != fault.at) ? malloc (bytes + 1) : nullptr;
}

void
vel_runtime_unpin (VelRuntime *self, void *memory)
{
  free (memory);
}

/* As late as it may be: at the wait. Every second one as early. */
void
vel_runtime_fetch (VelRuntime *self, unsigned place, void *device, const void *host, size_t bytes)
{
  if (!begin (self, "weights were fetched in a recording"))
    return;
  self->early = !self->early;
  self->pending[place] = { device, host, bytes };
  if (self->early)
    vel_runtime_arrive (self, place);
}

void
vel_runtime_arrive (VelRuntime *self, unsigned place)
{
  Fetch *fetch = &self->pending[place];

  if (!begin (self, "weights were waited for in a recording") || fetch->bytes == 0)
    return;
  memcpy (fetch->device, fetch->host, fetch->bytes);
  fetch->bytes = 0;
}

const char *
vel_runtime_failure (VelRuntime *self)
{
  active = self;
  return self->failure[0] != '\0' ? self->failure : nullptr;
}

bool
vel_runtime_recording (const VelRuntime *self)
{
  active = (VelRuntime *) self;
  return self->recording != nullptr;
}

void
vel_emulator_launch (VelEmulatorIndex grid, VelEmulatorIndex block, size_t shared_bytes, VelEmulatorCall call)
{
  VelRuntime *self = active;
  VelGraph *graph;

  if (self == nullptr || (begin (self, nullptr) && self->recording == nullptr)) {
    if (!dry)
      vel_emulator_run (grid, block, shared_bytes, &call);
    call.destroy (call.self);
    return;
  }
  if (self->failure[0] != '\0') {
    call.destroy (call.self);
    return;
  }
  graph = self->recording;
  if (graph->n == graph->room) {
    graph->room = graph->room > 0 ? 2 * graph->room : 64;
    graph->launches = (Launch *) realloc (graph->launches, graph->room * sizeof *graph->launches);
  }
  graph->launches[graph->n++] = { grid, block, shared_bytes, call };
}

void
vel_runtime_record (VelRuntime *self)
{
  if (begin (self, "a recording began in a recording"))
    self->recording = (VelGraph *) calloc (1, sizeof *self->recording);
}

VelGraph *
vel_runtime_recorded (VelRuntime *self)
{
  VelGraph *graph = self->recording;

  self->recording = nullptr;
  if (!begin (self, nullptr)) {
    vel_runtime_graph_free (self, graph);
    return nullptr;
  }
  return graph;
}

void
vel_runtime_replay (VelRuntime *self, VelGraph *graph)
{
  if (!begin (self, "a recording was replayed in a recording"))
    return;
  for (size_t i = 0; i < graph->n && !dry; i++) {
    const Launch *launch = &graph->launches[i];

    vel_emulator_run (launch->grid, launch->block, launch->shared_bytes, &launch->call);
  }
}

void
vel_runtime_graph_free (VelRuntime *self, VelGraph *graph)
{
  if (graph == nullptr)
    return;
  for (size_t i = 0; i < graph->n; i++)
    graph->launches[i].call.destroy (graph->launches[i].call.self);
  free (graph->launches);
  free (graph);
}
