/* SPDX-License-Identifier: (GPL-2.0-only WITH Linux-syscall-note) OR BSD-3-Clause */
/*
 * What the three parts of the bare wire share (../README.md): bare-ring in the
 * guest, bare_wire.ko, and bare-peer on the host.
 *
 * The memory is an ivshmem-doorbell's. bare-ring writes an entry to `request`,
 * its number last and with release, and rings doorbell 0; bare-peer loads the
 * number with acquire, copies the entry to `completion` in the same way, and
 * raises vector 0. There is one entry under way at a time.
 */
#ifndef BARE_WIRE_UAPI_H
#define BARE_WIRE_UAPI_H

#include <linux/ioctl.h>
#include <linux/types.h>

/* In the memory: where bellwire's first queue would be. */
#define BARE_WIRE_OFFSET 4096

struct bare_wire_entry {
	__u64 number;
	__u64 payload[7];
} __attribute__((aligned(64)));

struct bare_wire_memory {
	struct bare_wire_entry request;    /* the guest writes it */
	struct bare_wire_entry completion; /* the host writes it */
};

/*
 * /dev/bare_wire: open() is EBUSY while somebody else has it, or there is no
 * device; mmap() shares the memory, from its start. CONNECT, once: a write to
 * the eventfd `kick` rings the doorbell of `peer`, an interrupt signals the
 * eventfd `call`; until close(). `kick` must be at zero. EBADF, EINVAL: no
 * eventfds, or no peer's ID; EBUSY: it is connected.
 */
struct bare_wire_ends {
	__s32 kick;
	__s32 call;
	__u32 peer;
};
#define BARE_WIRE_CONNECT _IOW(0xbf, 0x00, struct bare_wire_ends)

#endif /* BARE_WIRE_UAPI_H */
