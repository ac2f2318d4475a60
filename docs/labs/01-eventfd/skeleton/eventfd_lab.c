/* SPDX-License-Identifier: BSD-3-Clause */
#include "eventfd_lab.h"

#include <errno.h>
#include <poll.h>
#include <sys/eventfd.h>
#include <unistd.h>

int lab_create(unsigned int count) {
  (void)count;
  return -ENOSYS; /* yours */
}

int lab_create_semaphore(unsigned int count) {
  (void)count;
  return -ENOSYS; /* yours */
}

int lab_ring(int fd, uint64_t n) {
  (void)fd;
  (void)n;
  return -ENOSYS; /* yours */
}

int64_t lab_take(int fd) {
  (void)fd;
  return -ENOSYS; /* yours */
}

int lab_is_rung(int fd) {
  (void)fd;
  return -ENOSYS; /* yours */
}

int64_t lab_wait(int fd) {
  (void)fd;
  return -ENOSYS; /* yours */
}
