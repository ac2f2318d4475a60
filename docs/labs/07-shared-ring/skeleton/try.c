/* SPDX-License-Identifier: BSD-3-Clause */
/* Yours to play with: a driver sends 200,000 requests to a device, which is another process, and
 * gets a completion for each. If it stops, a wake-up was lost. The grader does not look at it. */
#include "ring_lab.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

enum { requests = 200000 };

struct shared {
  struct ring requests, completions;
};

static int doorbell, interrupt;

static void serve(struct shared* shared) {
  struct item items[ring_size];

  for (;;) {
    uint32_t n = lab_receive(&shared->requests, items, ring_size, doorbell);
    for (uint32_t i = 0; i < n; i++) items[i].value = 2 * items[i].id;
    for (uint32_t sent = 0;
         sent < n;) /* there is room: the driver has at most ring_size under way */
      sent += lab_send(&shared->completions, items + sent, n - sent, interrupt);
  }
}

static void ask(struct shared* shared) {
  struct item items[ring_size];
  uint64_t sent = 0, done = 0;

  while (done < requests) {
    while (sent < requests && sent - done < ring_size) {
      struct item request = {.id = sent};
      if (lab_send(&shared->requests, &request, 1, doorbell) == 0) break;
      sent++;
    }
    uint32_t n = lab_receive(&shared->completions, items, ring_size, interrupt);
    for (uint32_t i = 0; i < n; i++, done++)
      if (items[i].id != done || items[i].value != 2 * done) {
        printf("completion %llu is wrong\n", (unsigned long long)done);
        exit(1);
      }
    if (n == 0) {
      printf("lab_receive() returned 0\n");
      exit(1);
    }
  }
  printf("%llu requests, each completed\n", (unsigned long long)done);
}

int main(void) {
  struct shared* shared =
      mmap(NULL, sizeof(*shared), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);

  doorbell = eventfd(0, EFD_CLOEXEC);
  interrupt = eventfd(0, EFD_CLOEXEC);
  if (shared == MAP_FAILED || doorbell < 0 || interrupt < 0) return perror("try"), 1;
  if (fork() == 0) {
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    serve(shared);
  }
  ask(shared);
  return 0;
}
