/* SPDX-License-Identifier: BSD-3-Clause */
/* Yours to play with: a guest rings 1,000 times, without an ioeventfd and with one; then an irqfd
 * interrupts it 1,000 times. The grader does not look at it. */
#define _GNU_SOURCE
#include "vmm_lab.h"

#include <pthread.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

enum { times = 1000 };

extern const char guest_begin[], guest_end[];

static struct vmm vmm;
static char* memory;
static int interrupt;

static volatile uint32_t* plan(unsigned int place) {
  return (volatile uint32_t*)(memory + place);
}

static void check(const char* what, long result) {
  if (result >= 0) return;
  printf("%s: %s\n", what, strerror(-(int)result));
  exit(1);
}

static double now(void) {
  struct timespec time;

  clock_gettime(CLOCK_MONOTONIC, &time);
  return time.tv_sec * 1e6 + time.tv_nsec / 1e3;
}

static void run(const char* what, uint32_t action) {
  unsigned long before = vmm.exits;
  double began = now();

  *plan(PLAN_ACTION) = action;
  *plan(PLAN_TIMES) = times;
  check("lab_run", lab_run(&vmm));
  printf("%-32s %5lu exits %7.2f us each\n", what, vmm.exits - before, (now() - began) / times);
}

static void* ring(void* unused) {
  (void)unused;
  for (uint32_t i = 0; i < times; i++) {
    eventfd_write(interrupt, 1);
    while (*plan(PLAN_INTERRUPTS) <= i) usleep(1);
  }
  return NULL;
}

int main(void) {
  int file = memfd_create("guest", MFD_CLOEXEC);
  pthread_t ringer;
  uint64_t count;

  if (file < 0 || ftruncate(file, GUEST_MEMORY)) return perror("memfd_create"), 1;
  memory = mmap(NULL, GUEST_MEMORY, PROT_READ | PROT_WRITE, MAP_SHARED, file, 0);
  if (memory == MAP_FAILED) return perror("mmap"), 1;
  memcpy(memory + GUEST_START, guest_begin, guest_end - guest_begin);
  for (int i = 0; i < QUEUES; i++) vmm.doorbells[i] = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
  interrupt = eventfd(0, EFD_CLOEXEC);

  check("lab_create", lab_create(&vmm, file));
  run("doorbells that come out:", ACTION_WRITE);
  check("lab_ioeventfd", lab_ioeventfd(&vmm, 0));
  run("doorbells with an ioeventfd:", ACTION_WRITE);
  check("the count of queue 0", read(vmm.doorbells[0], &count, sizeof(count)));
  printf("queue 0 was rung %llu times\n", (unsigned long long)count);
  check("lab_irqfd", lab_irqfd(&vmm, interrupt));
  pthread_create(&ringer, NULL, ring, NULL);
  run("interrupts by an irqfd:", ACTION_SLEEP);
  pthread_join(ringer, NULL);
  lab_destroy(&vmm);
  return 0;
}
