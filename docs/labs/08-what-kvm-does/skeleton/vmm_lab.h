/* SPDX-License-Identifier: BSD-3-Clause */
/* What your monitor has to do. The grader takes this file as it was. */
#ifndef VMM_LAB_H
#define VMM_LAB_H

#include "guest.h"

#include <linux/kvm.h>

/* A virtual machine with one CPU. The caller gives you one that is all zeros but for doorbells;
 * what you need beyond these fields has no place here, so keep to them. */
struct vmm {
  int kvm, vm, vcpu;      /* /dev/kvm, and what it gave you */
  struct kvm_run* run;    /* what the kernel says about an exit */
  unsigned long run_size; /* bytes that are mapped there */
  void* memory;           /* the guest's, mapped */
  unsigned long exits;    /* how often the guest's CPU came out to you, with whatever reason */
  int doorbells[QUEUES];  /* the eventfd of each queue. They are the caller's */
};

/* All of these return 0, or minus errno. */

/* Makes a machine: its memory is the first GUEST_MEMORY bytes of the file `memory`, in which the
 * guest's program is already; the interrupt controller is the kernel's; the CPU begins at
 * GUEST_START in real mode, with all segments 0. */
int lab_create(struct vmm* vmm, int memory);

/* Runs the guest until it writes 4 bytes to END_PORT, and returns what it wrote. The next call goes
 * on from there. Meanwhile, if these come out to you:
 * - a write of 4 bytes with the number of a queue to DOORBELL adds 1 to the eventfd of that queue;
 * - a read from where there is nothing gives 0 in all bytes;
 * - any other access changes nothing, and the guest runs on. It may write what it likes;
 * - if a signal arrives, the guest runs on, and no exit is counted;
 * - if the guest has broken down (KVM_EXIT_SHUTDOWN, KVM_EXIT_FAIL_ENTRY, KVM_EXIT_INTERNAL_ERROR)
 *   it returns -EIO. */
long lab_run(struct vmm* vmm);

/* From now on the kernel itself adds 1 to the eventfd of that queue when the guest rings it, and
 * nothing comes out. Other queues, other widths and other addresses come out as before. */
int lab_ioeventfd(struct vmm* vmm, unsigned int queue);

/* Ends that: the queue's doorbell comes out again. */
int lab_no_ioeventfd(struct vmm* vmm, unsigned int queue);

/* From now on the kernel interrupts the guest by INTERRUPT_LINE when that eventfd is rung. */
int lab_irqfd(struct vmm* vmm, int interrupt);

/* Likewise, for a line that stays raised until the guest has handled it: then the kernel rings
 * `handled`, so that the device can raise it again if it still has something. */
int lab_irqfd_level(struct vmm* vmm, int interrupt, int handled);

/* Ends either. */
int lab_no_irqfd(struct vmm* vmm, int interrupt);

/* Gives everything back that lab_create() took: no file of KVM's stays open, nothing stays mapped.
 */
void lab_destroy(struct vmm* vmm);

#endif
