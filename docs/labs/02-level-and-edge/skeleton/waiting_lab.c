/* SPDX-License-Identifier: BSD-3-Clause */
#include "waiting_lab.h"

#include <errno.h>
#include <poll.h>
#include <sys/epoll.h>
#include <unistd.h>

void lab_post(struct inbox* inbox, int fd) {
  uint64_t one = 1;

  atomic_fetch_add(&inbox->posted, 1);
  if (atomic_load(&inbox->wants_ring) && write(fd, &one, sizeof(one)) < 0)
    return; /* full: it is rung already */
}

int lab_watch(int epoll, int fd, int edge) {
  (void)epoll;
  (void)fd;
  (void)edge;
  return -ENOSYS; /* yours */
}

int lab_next(int epoll) {
  (void)epoll;
  return -ENOSYS; /* yours */
}

int lab_receive(struct inbox* inbox, int fd, uint32_t taken) {
  (void)inbox;
  (void)fd;
  (void)taken;
  return -ENOSYS; /* yours */
}
