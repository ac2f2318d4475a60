/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What your driver offers to programs: the file /dev/edu0, which one program at a
 * time can open (EBUSY otherwise). Once the device is gone, from whatever cause,
 * each ioctl of a file that is still open is ENODEV, and there is no /dev/edu0.
 */
#ifndef EDU_LAB_H
#define EDU_LAB_H

#include <linux/ioctl.h>
#include <linux/types.h>

/* What the identification register says. */
#define EDU_IDENTIFY _IOR('E', 1, __u32)

/* Writes the number to the liveness register, and brings back what that reads as. */
#define EDU_CHECK _IOWR('E', 2, __u32)

/*
 * Takes an eventfd, by its descriptor, which is rung whenever a factorial is
 * there. EBADF, EINVAL, references: as in lab 3.
 */
#define EDU_SET _IO('E', 3)

/*
 * Has the factorial of the argument computed, and does not wait for it. EBUSY:
 * another one is still being computed.
 */
#define EDU_COMPUTE _IO('E', 4)

/*
 * The factorial, which the driver got at the interrupt. EAGAIN: none was computed
 * since the driver was bound, or one is being computed.
 */
#define EDU_RESULT _IOR('E', 5, __u32)

#endif
