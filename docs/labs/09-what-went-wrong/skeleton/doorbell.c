/* SPDX-License-Identifier: BSD-3-Clause */
/* The doorbell and the interrupt of try. The grader has others. */
#include "driver_lab.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <unistd.h>

int doorbell, interrupt; /* eventfds, of try.c */

void ring_doorbell(void) {
  if (eventfd_write(doorbell, 1) < 0) {
    perror("the doorbell can't be rung");
    exit(1);
  }
}

void sleep_until_interrupt(void) {
  eventfd_t count;

  if (eventfd_read(interrupt, &count) < 0) {
    perror("the interrupt can't be read");
    exit(1);
  }
}

/* A moment later there may be another one. */
void clear_interrupt(void) {
  eventfd_t count;
  ssize_t taken;

  if (eventfd_write(interrupt, 1) < 0) exit(1); /* so that the read does not sleep */
  taken = read(interrupt, &count, sizeof(count));
  if (taken != sizeof(count)) exit(1);
}
