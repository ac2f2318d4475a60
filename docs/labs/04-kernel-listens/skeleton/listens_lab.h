/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What your module offers to programs: the file /dev/listens. Each open file
 * can listen to one eventfd at a time, the kick. Whenever a program has rung the
 * kick, the module takes its count, adds that to the file's total, and then
 * rings the call, another eventfd of the program's. Rings that come quickly may
 * be taken at once, and answered by one ring of the call; none is lost.
 */
#ifndef LISTENS_LAB_H
#define LISTENS_LAB_H

#include <linux/ioctl.h>
#include <linux/types.h>

/* How the module waits for the kick. */
enum listens_way {
	/* A thread of the kernel, "listens-read", that sleeps in kernel_read(). */
	LISTENS_READ,
	/*
	 * A thread, "listens-poll", that has an entry in the kick's wait queue
	 * and sleeps in wait_woken().
	 */
	LISTENS_POLL,
	/*
	 * No thread: a function in the kick's wait queue, which is called by
	 * whoever rings. It does not keep the kick's file: when the program has
	 * closed the last descriptor of the kick, the module stops listening by
	 * itself, as by LISTENS_STOP.
	 */
	LISTENS_CALLBACK,
	LISTENS_WAYS
};

struct listens_start {
	__s32 kick; /* descriptors of eventfds, the kick of no semaphore */
	__s32 call;
	__u32 way; /* enum listens_way */
};

/*
 * Begins to listen. A count that the kick has already is taken as any other.
 * EBUSY: it listens already. EBADF: a descriptor is not open. EINVAL: it is no
 * eventfd; there is no such way; or the way is LISTENS_READ and the kick is
 * nonblocking, so nobody can sleep in reading it.
 */
#define LISTENS_START _IOW('L', 1, struct listens_start)

/*
 * Stops listening: what is rung from now on stays in the kick. Also done when
 * the file is closed. EINVAL: it does not listen.
 */
#define LISTENS_STOP _IO('L', 2)

/* The sum of all counts that were taken since the file was opened. */
#define LISTENS_TOTAL _IOR('L', 3, __u64)

#endif
