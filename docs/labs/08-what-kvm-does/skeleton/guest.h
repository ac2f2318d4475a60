/* SPDX-License-Identifier: BSD-3-Clause */
/* The guest's machine, and what guest.S finds in its memory; for C and for the assembler. */
#ifndef GUEST_H
#define GUEST_H

#define GUEST_MEMORY 0x10000 /* bytes, from the guest's address 0 on */
#define GUEST_START 0x1000   /* where its program is, and begins to run, in real mode */
#define DOORBELL 0xd0000     /* the address of the doorbell register; there is no memory */
#define QUEUES 4             /* a write of 0 to 3 to the register rings that queue */
#define INTERRUPT_LINE 5     /* of the interrupt controller, which is KVM's */
#define END_PORT 0xf4        /* a write of 4 bytes to this port ends the run */

/* What the guest is to do, at this address. All are 4 bytes. */
#define PLAN 0x500
#define PLAN_ACTION (PLAN + 0)      /* one of the below */
#define PLAN_TIMES (PLAN + 4)       /* how often, 1 or more */
#define PLAN_VALUE (PLAN + 8)       /* what it writes */
#define PLAN_OFFSET (PLAN + 12)     /* to where, from DOORBELL on */
#define PLAN_END (PLAN + 16)        /* what it writes to END_PORT at the end */
#define PLAN_SEEN (PLAN + 20)       /* written by the guest: what it read */
#define PLAN_INTERRUPTS (PLAN + 24) /* written by the guest: how many it has had */

#define ACTION_WRITE 0 /* writes 4 bytes */
#define ACTION_SHORT 1 /* writes 2 bytes */
#define ACTION_READ 2  /* reads 4 bytes */
#define ACTION_SLEEP 3 /* sleeps in HLT until that many interrupts have come */
#define ACTION_BREAK 4 /* breaks down: a fault while it handles a fault while it handles one */

#endif
