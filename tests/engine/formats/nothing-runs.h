/* A child process that dies if it starts a program, a process or a connection, or opens a file for writing.
 * SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <fcntl.h>
#include <glib.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <signal.h>
#include <stddef.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#define ON_CALL(number, result) \
  BPF_JUMP (BPF_JMP | BPF_JEQ | BPF_K, number, 0, 1), BPF_STMT (BPF_RET | BPF_K, result)

/* Returns: FALSE if the kernel does not let us */
static inline gboolean
forbid_running (void)
{
  struct sock_filter steps[] = {
    BPF_STMT (BPF_LD | BPF_W | BPF_ABS, offsetof (struct seccomp_data, nr)),
    ON_CALL (SYS_execve, SECCOMP_RET_KILL_PROCESS),
    ON_CALL (SYS_execveat, SECCOMP_RET_KILL_PROCESS),
    ON_CALL (SYS_clone, SECCOMP_RET_KILL_PROCESS),
    ON_CALL (SYS_clone3, SECCOMP_RET_KILL_PROCESS),
#ifdef SYS_fork
    ON_CALL (SYS_fork, SECCOMP_RET_KILL_PROCESS),
    ON_CALL (SYS_vfork, SECCOMP_RET_KILL_PROCESS),
#endif
    ON_CALL (SYS_socket, SECCOMP_RET_KILL_PROCESS),
    ON_CALL (SYS_connect, SECCOMP_RET_KILL_PROCESS),
    ON_CALL (SYS_ptrace, SECCOMP_RET_KILL_PROCESS),
    BPF_JUMP (BPF_JMP | BPF_JEQ | BPF_K, SYS_openat, 0, 3),
    BPF_STMT (BPF_LD | BPF_W | BPF_ABS, offsetof (struct seccomp_data, args[2])),
    BPF_JUMP (BPF_JMP | BPF_JSET | BPF_K, O_WRONLY | O_RDWR | O_CREAT, 0, 1),
    BPF_STMT (BPF_RET | BPF_K, SECCOMP_RET_KILL_PROCESS),
    BPF_STMT (BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
  };
  const struct sock_fprog program = { G_N_ELEMENTS (steps), steps };

  return prctl (PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0 && prctl (PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program) == 0;
}

#undef ON_CALL

/* Returns: the child's wait status; it exits with 0 once `what` returns, or with 77 if it could not be watched */
static inline int
run_watched (void (*what) (void))
{
  pid_t child = fork ();
  int status = -1;

  if (child == 0) {
    if (!forbid_running ())
      _exit (77);
    what ();
    _exit (0);
  }
  g_assert_cmpint (waitpid (child, &status, 0), ==, child);
  return status;
}
