/* SPDX-License-Identifier: BSD-3-Clause */
/* Yours to play with: the driver sends 200,000 requests to a device, which is another process. If
 * it stops for two seconds, it says what was under way. The grader does not look at it. */
#include "driver_lab.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

enum { requests = 200000, batch = 3 };

extern int doorbell, interrupt;

static struct driver driver;

static int asked_for(uint32_t event, uint32_t now, uint32_t before) {
  return now - event - 1 < now - before;
}

static void serve(struct shared* shared) {
  uint32_t number = 0, posted;
  eventfd_t count;

  for (;;) {
    posted = atomic_load(&shared->posted);
    if (posted == number) {
      atomic_store(&shared->doorbell_event, number);
      if (atomic_load(&shared->posted) == number) eventfd_read(doorbell, &count);
      continue;
    }
    for (uint32_t i = number; i != posted; i++) {
      struct request request = shared->requests[i % ring_size];
      shared->completions[i % ring_size] = (struct completion){request.id, ~request.value};
    }
    atomic_store(&shared->completed, posted);
    if (asked_for(atomic_load(&shared->interrupt_event), posted, number))
      eventfd_write(interrupt, 1);
    number = posted;
  }
}

static void stuck(int signal) {
  (void)signal;
  printf(
      "it hangs: submitted %u, posted %u, completed %u, done %u; the device asks for %u, the "
      "driver for %u\n",
      driver.submitted, driver.shared->posted, driver.shared->completed, driver.done,
      driver.shared->doorbell_event, driver.shared->interrupt_event);
  exit(1);
}

static void ask(void) {
  struct completion completions[ring_size];

  while (driver.done < requests) {
    struct request wanted[batch];
    for (uint32_t i = 0; i < batch; i++)
      wanted[i] = (struct request){driver.submitted + i, 3 * (driver.submitted + i)};
    alarm(2);
    lab_submit(&driver, wanted, batch);
    uint32_t first = driver.done, n = lab_wait(&driver, completions, 1);
    for (uint32_t i = 0; i < n; i++)
      if (completions[i].id != first + i || completions[i].result != ~(3 * (uint64_t)(first + i))) {
        printf("the completion of request %u is not its own\n", first + i);
        exit(1);
      }
  }
  printf("%u requests, each completed\n", driver.done);
}

int main(void) {
  struct shared* shared =
      mmap(NULL, sizeof(*shared), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);

  doorbell = eventfd(0, EFD_CLOEXEC);
  interrupt = eventfd(0, EFD_CLOEXEC);
  if (shared == MAP_FAILED || doorbell < 0 || interrupt < 0) return perror("try"), 1;
  driver.shared = shared;
  if (fork() == 0) {
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    serve(shared);
  }
  signal(SIGALRM, stuck);
  ask();
  return 0;
}
