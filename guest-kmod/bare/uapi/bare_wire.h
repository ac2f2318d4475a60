/* SPDX-License-Identifier: (GPL-2.0-only WITH Linux-syscall-note) OR BSD-3-Clause */
/*
 * The interface between the three parts of the bare wire (../README.md):
 * bare-ring in the guest, bare_wire.ko, and bare-peer on the host.
 *
 * The memory is an ivshmem-doorbell's. bare-ring writes an entry to `request`,
 * its number last and with release semantics, and rings doorbell 0. bare-peer
 * loads the number with acquire semantics, copies the entry to `completion` in
 * the same way, and raises vector 0. One entry is under way at a time.
 */
#ifndef BARE_WIRE_UAPI_H
#define BARE_WIRE_UAPI_H

#include <linux/ioctl.h>
#include <linux/types.h>

/* The offset of struct bare_wire_memory: where bellwire's first queue would be. */
#define BARE_WIRE_OFFSET 4096

struct bare_wire_entry {
	__u64 number;
	__u64 payload[7];
} __attribute__((aligned(64)));

struct bare_wire_memory {
	struct bare_wire_entry request;    /* written by the guest */
	struct bare_wire_entry completion; /* written by the host */
};

/*
 * /dev/bare_wire: open() fails with EBUSY while another file has the wire, or
 * there is no device. mmap() maps the memory from its start. CONNECT, which is
 * allowed once: until close(), a write to the eventfd `kick`, whose count must be
 * zero, rings the doorbell of `peer`, and an interrupt signals the eventfd `call`.
 * EBADF: not a descriptor; EINVAL: not an eventfd, or not a peer's ID; EBUSY:
 * connected already.
 */
struct bare_wire_ends {
	__s32 kick;
	__s32 call;
	__u32 peer;
};
#define BARE_WIRE_CONNECT _IOW(0xbf, 0x00, struct bare_wire_ends)

#endif /* BARE_WIRE_UAPI_H */
