/* Mapped files, and what happens when their pages are gone.  SPDX-License-Identifier: Apache-2.0 */
#include "engine/formats/mapping.h"

#include <errno.h>
#include <signal.h>
#include <sys/mman.h>
#include <unistd.h>

/* A place in a list that only grows, so that the signal handler may walk it at any moment; closed mappings leave their place to the next. */
struct VelMapping {
  guint8 *data; /* NULL: free to take */
  gsize size;
  int lost;
  VelMapping *next;
};

static VelMapping *mappings;
static struct sigaction before;
static gsize page_size;

/* Only what a signal handler may call. mmap is no more than a system call on every system that has it. */
static void
on_fault (int number, siginfo_t *info, void *context)
{
  int saved = errno;
  guint8 *address = info->si_addr;

  for (VelMapping *m = __atomic_load_n (&mappings, __ATOMIC_ACQUIRE); m; m = m->next) {
    guint8 *data = __atomic_load_n (&m->data, __ATOMIC_ACQUIRE);

    if (!data || address < data || address >= data + m->size)
      continue;
    address -= (gsize) address % page_size;
    if (mmap (address, page_size, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0) == address) {
      __atomic_store_n (&m->lost, TRUE, __ATOMIC_RELEASE);
      errno = saved;
      return;
    }
  }
  if (before.sa_flags & SA_SIGINFO)
    before.sa_sigaction (number, info, context);
  else if (before.sa_handler != SIG_DFL && before.sa_handler != SIG_IGN)
    before.sa_handler (number);
  else
    sigaction (SIGBUS, &before, NULL); /* the access is repeated, and has its usual end */
  errno = saved;
}

static void
take_over (void)
{
  static gsize done;

  if (g_once_init_enter (&done)) {
    struct sigaction ours = { .sa_sigaction = on_fault, .sa_flags = SA_SIGINFO | SA_RESTART };

    page_size = sysconf (_SC_PAGESIZE);
    sigemptyset (&ours.sa_mask);
    sigaction (SIGBUS, NULL, &before);
    sigaction (SIGBUS, &ours, NULL);
    g_once_init_leave (&done, 1);
  }
}

VelMapping *
vel_mapping_new (int fd, gsize size)
{
  static GMutex mutex;
  g_autoptr (GMutexLocker) locker = NULL;
  guint8 *data;
  VelMapping *self;

  take_over ();
  data = mmap (NULL, size, PROT_READ, MAP_PRIVATE, fd, 0);
  if (data == MAP_FAILED)
    return NULL;
  locker = g_mutex_locker_new (&mutex);
  for (self = mappings; self && self->data; self = self->next)
    ;
  if (self) {
    self->size = size;
    self->lost = FALSE;
    __atomic_store_n (&self->data, data, __ATOMIC_RELEASE);
  } else {
    self = g_new0 (VelMapping, 1);
    *self = (VelMapping) { data, size, FALSE, mappings };
    __atomic_store_n (&mappings, self, __ATOMIC_RELEASE);
  }
  return self;
}

void
vel_mapping_free (VelMapping *self)
{
  guint8 *data = self->data;
  gsize size = self->size;

  __atomic_store_n (&self->data, NULL, __ATOMIC_RELEASE); /* from here on its place may be taken */
  munmap (data, size);
}

const guint8 *
vel_mapping_get_data (VelMapping *self)
{
  return self->data;
}

gboolean
vel_mapping_is_intact (VelMapping *self)
{
  return !__atomic_load_n (&self->lost, __ATOMIC_ACQUIRE);
}

void
vel_mapping_release (VelMapping *self, gsize offset, gsize bytes)
{
  gsize begin = offset / page_size * page_size;

  if (offset + bytes > begin)
    madvise (self->data + begin, offset + bytes - begin, MADV_DONTNEED);
}
