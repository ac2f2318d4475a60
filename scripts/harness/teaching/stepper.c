// SPDX-License-Identifier: BSD-3-Clause
//
// Calls a function instruction by instruction, and lets a sender come in between after 0 of them,
// after 1, and so on up to the one at which the function sleeps: every place where another thread
// could. interleave.py starts it, in the sandbox, and says what the function is.
//
//   stepper LIBRARY FUNCTION FD REPORT
//
// Writes a line to REPORT for each place: after how many instructions the sender came, what became
// of the call, what it returned, and the words that they share.
#define _GNU_SOURCE
#include <dlfcn.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/ptrace.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "child_state.h"

enum { most_steps = 20000, spin_ms = 2000, blinks = 3 };

struct shared {
  _Atomic uint32_t posted;
  _Atomic uint32_t wants_ring;
  int result;
};

static int (*function)(struct shared*, int, uint32_t);
static struct shared* shared;
static int fd;

static pid_t start(void) {
  *shared = (struct shared){0};
  uint64_t count;
  while (read(fd, &count, sizeof(count)) > 0) continue;
  const pid_t child = fork();
  if (child == 0) {
    ptrace(PTRACE_TRACEME, 0, 0, 0);
    raise(SIGSTOP);
    shared->result = function(shared, fd, 0);
    _exit(0);
  }
  int status;
  waitpid(child, &status, 0);
  return child;
}

static void pause_ms(long ms) {
  const struct timespec time = {.tv_nsec = ms * 1000000};
  nanosleep(&time, NULL);
}

static int rung(void) {
  struct pollfd look = {.fd = fd, .events = POLLIN};
  return poll(&look, 1, 0) == 1;
}

// Waits until the child stops or ends (returns 's'), or sleeps while nobody is there to wake it
// ('S'), or has computed for too long ('R').
static char settle(pid_t child, int* status) {
  int asleep = 0;
  for (int ms = 0; ms < spin_ms;) {
    for (int tries = 0; tries < 200; tries++)
      if (waitpid(child, status, WNOHANG) == child) return 's';
    asleep = state(child) == 'S' && !rung() ? asleep + 1 : 0;
    if (asleep == blinks) return 'S';
    pause_ms(1);
    ms++;
  }
  return 'R';
}

static void send_one(void) {
  atomic_fetch_add(&shared->posted, 1);
  const uint64_t one = 1;
  if (atomic_load(&shared->wants_ring) && write(fd, &one, sizeof(one)) < 0) abort();
}

static void report(int to, int steps, const char* end) {
  char line[256];
  const int size = snprintf(line, sizeof(line),
                            "{\"steps\": %d, \"end\": \"%s\", \"value\": %d, \"posted\": %u, "
                            "\"wants_ring\": %u, \"rung\": %d}\n",
                            steps, end, shared->result, shared->posted, shared->wants_ring, rung());
  if (write(to, line, size) != size) abort();
}

// Returns whether the function slept before it had made so many steps: then there are no more
// places.
static int try_after(int steps, int to) {
  const pid_t child = start();
  int status = 0;
  char now = 's';
  for (int done = 0; done < steps && now == 's'; done++) {
    ptrace(PTRACE_SINGLESTEP, child, 0, 0);
    now = settle(child, &status);
    if (now == 's' && !WIFSTOPPED(status)) break;
  }
  const int ended = now == 's' && !WIFSTOPPED(status) && steps > 0;
  if (!ended) {
    send_one();
    if (now == 's') ptrace(PTRACE_DETACH, child, 0, 0);
    do {
      now = settle(child, &status);
      if (now == 's' && WIFSTOPPED(status)) ptrace(PTRACE_DETACH, child, 0, 0);
    } while (now == 's' && WIFSTOPPED(status));
  }
  report(to, steps,
         ended                 ? "early"
         : now == 'S'          ? "asleep"
         : now == 'R'          ? "computing"
         : WIFSIGNALED(status) ? "crashed"
                               : "returned");
  kill(child, SIGKILL);
  waitpid(child, &status, 0);
  return ended;
}

// How many steps it makes until it sleeps; -1: it doesn't.
static int steps_until_asleep(void) {
  const pid_t child = start();
  int status = 0, steps = 0;
  while (steps < most_steps) {
    ptrace(PTRACE_SINGLESTEP, child, 0, 0);
    if (settle(child, &status) == 'S') break;
    if (!WIFSTOPPED(status)) steps = most_steps;
    steps++;
  }
  kill(child, SIGKILL);
  waitpid(child, &status, 0);
  return steps < most_steps ? steps : -1;
}

int main(int argc, char** argv) {
  if (argc != 5) return 2;
  void* library = dlopen(argv[1], RTLD_NOW);
  if (!library) return fprintf(stderr, "%s\n", dlerror()), 3;
  *(void**)&function = dlsym(library, argv[2]);
  if (!function) return 4;
  fd = atoi(argv[3]);
  const int to = atoi(argv[4]);
  shared = mmap(NULL, sizeof(*shared), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  if (shared == MAP_FAILED) return 5;
  const int last = steps_until_asleep();
  if (last < 0) return 6;
  for (int steps = 0; steps <= last + 1; steps++)
    if (try_after(steps, to)) return 7;
  return 0;
}
