/* SPDX-License-Identifier: BSD-3-Clause */
/* The doorbells of try. The grader has others. */
#include "ring_lab.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/eventfd.h>

void doorbell_ring(int doorbell) {
  if (eventfd_write(doorbell, 1) < 0) {
    perror("the doorbell can't be rung");
    exit(1);
  }
}

void doorbell_sleep(int doorbell) {
  eventfd_t count;

  if (eventfd_read(doorbell, &count) < 0) {
    perror("the doorbell can't be read");
    exit(1);
  }
}
