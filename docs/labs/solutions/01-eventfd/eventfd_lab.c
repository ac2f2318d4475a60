/* SPDX-License-Identifier: BSD-3-Clause */
#include "eventfd_lab.h"

#include <errno.h>
#include <poll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#define FLAGS (EFD_CLOEXEC | EFD_NONBLOCK)

int lab_create(unsigned int count) {
  int fd = eventfd(count, FLAGS);

  return fd < 0 ? -errno : fd;
}

int lab_create_semaphore(unsigned int count) {
  int fd = eventfd(count, FLAGS | EFD_SEMAPHORE);

  return fd < 0 ? -errno : fd;
}

int lab_ring(int fd, uint64_t n) {
  return write(fd, &n, sizeof(n)) < 0 ? -errno : 0;
}

int64_t lab_take(int fd) {
  uint64_t count;

  if (read(fd, &count, sizeof(count)) < 0) return errno == EAGAIN ? 0 : -errno;
  return count;
}

int lab_is_rung(int fd) {
  struct pollfd look = {.fd = fd, .events = POLLIN};

  return poll(&look, 1, 0) == 1 && look.revents & POLLIN;
}

int64_t lab_wait(int fd) {
  struct pollfd look = {.fd = fd, .events = POLLIN};
  int64_t count = 0;

  while (!count) {
    if (poll(&look, 1, -1) < 0 && errno != EINTR) return -errno;
    count = lab_take(fd);
  }
  return count;
}
