/* SPDX-License-Identifier: BSD-3-Clause */
/* Yours to play with: a million items from one thread to another. If it stops, an item was missed.
 * The grader does not look at it. */
#include "waiting_lab.h"

#include <pthread.h>
#include <stdio.h>
#include <sys/eventfd.h>

enum { items = 1000000 };

static struct inbox inbox;
static int fd;

static void* send_all(void* unused) {
  for (int i = 0; i < items; i++) lab_post(&inbox, fd);
  return unused;
}

int main(void) {
  pthread_t sender;
  int taken = 0;

  fd = eventfd(0, EFD_NONBLOCK);
  pthread_create(&sender, NULL, send_all, NULL);
  while (taken >= 0 && taken < items) taken = lab_receive(&inbox, fd, taken);
  printf("received: %d\n", taken);
  return pthread_join(sender, NULL);
}
