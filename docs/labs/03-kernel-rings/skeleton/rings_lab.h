/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What your module offers to programs: the file /dev/rings, with three ioctls.
 * An ioctl returns 0, or -1 with errno set, for which the module returns -errno.
 * A command that isn't here is ENOTTY.
 *
 * Each open file has an eventfd of its own, or none. When the file is closed
 * for the last time, everything that it has is released.
 */
#ifndef RINGS_LAB_H
#define RINGS_LAB_H

#include <linux/ioctl.h>

/*
 * Takes an eventfd: the argument is its descriptor. It replaces the one that
 * the file had. EBADF: no such descriptor is open. EINVAL: it is no eventfd.
 * Then the file keeps the one that it had.
 */
#define RINGS_SET _IO('R', 1)

/* Rings the eventfd: adds 1 to its count. ENXIO: the file has none. */
#define RINGS_RING _IO('R', 2)

/*
 * Rings it once, by the kernel itself, after as many milliseconds as the
 * argument says. EBUSY: one such ring is still to come. If the file has no
 * eventfd by then, nothing happens; if it was closed, likewise.
 */
#define RINGS_LATER _IO('R', 3)

#endif
