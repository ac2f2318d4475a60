/* SPDX-License-Identifier: BSD-3-Clause */
#include "vmm_lab.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/eventfd.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <unistd.h>

int lab_create(struct vmm* vmm, int memory) {
  (void)vmm;
  (void)memory;
  return -ENOSYS;
}

long lab_run(struct vmm* vmm) {
  (void)vmm;
  return -ENOSYS;
}

int lab_ioeventfd(struct vmm* vmm, unsigned int queue) {
  (void)vmm;
  (void)queue;
  return -ENOSYS;
}

int lab_no_ioeventfd(struct vmm* vmm, unsigned int queue) {
  (void)vmm;
  (void)queue;
  return -ENOSYS;
}

int lab_irqfd(struct vmm* vmm, int interrupt) {
  (void)vmm;
  (void)interrupt;
  return -ENOSYS;
}

int lab_irqfd_level(struct vmm* vmm, int interrupt, int handled) {
  (void)vmm;
  (void)interrupt;
  (void)handled;
  return -ENOSYS;
}

int lab_no_irqfd(struct vmm* vmm, int interrupt) {
  (void)vmm;
  (void)interrupt;
  return -ENOSYS;
}

void lab_destroy(struct vmm* vmm) {
  (void)vmm;
}
