/* SPDX-License-Identifier: (GPL-2.0-only WITH Linux-syscall-note) OR BSD-3-Clause */
/*
 * A request device as a virtio device: the devices of bellwire.h, part 1, on
 * virtqueues, for drivers that reach them by virtio-pci or by vhost-user. This
 * file is the manual of what is theirs; virtio's own rules are in its
 * specification (version 1.2), section by section as named here.
 *
 * All numbers are little endian, all lengths are in bytes.
 */
#ifndef BELLWIRE_VIRTIO_UAPI_H
#define BELLWIRE_VIRTIO_UAPI_H

#include <linux/types.h>

#include "bellwire.h"

/*
 * The device ID
 *   OASIS assigns the IDs, from 1 upwards, and has assigned none to us. Its
 *   advice for experiments is 65535 and downwards (appendix B), but virtio-pci
 *   has only the PCI device IDs 0x1040 to 0x107f (4.1.2), so its last ID is 63.
 *   Experiments with virtio-pci therefore count down from 63; 61 to 63 are taken
 *   by crosvm's, for which some guests have drivers. All request devices share
 *   this ID, since one driver suits all of them: `kind` says which one it is.
 *   Over vhost-user the front-end names the ID; the protocol does not carry it.
 *
 * Features
 *   None of its own. What is added later will be announced by a feature bit.
 *
 * Queues
 *   1 to BELLWIRE_MAX_QUEUES, all alike: request queues, numbered from 0.
 *
 * Requests
 *   The readable part of a chain is struct bellwire_virtio_request, then the
 *   input; the writable part is struct bellwire_virtio_reply, then room for
 *   output. How the driver splits each part into buffers means nothing (2.7.4),
 *   and no alignment is asked for. The reply comes first, so that what the device
 *   has written is one piece from the beginning on: the used length is the size
 *   of the reply plus reply.length, and a driver relies on these bytes alone
 *   (2.7.8.2). Requests may be completed in any order.
 *
 *   A chain without room for the request or the reply is returned with length 0,
 *   unseen by the device. For all others, `status` says what became of it. Either
 *   way the queue goes on. BELLWIRE_FAILED: the device dropped the request, or has
 *   no memory left to put the pieces of its buffers together.
 *
 * The driver may change the bytes of a request only after it has come back. The
 * device copies struct bellwire_virtio_request once. A request that was in flight
 * when its device's process died may be executed again by the next one.
 */
#define BELLWIRE_VIRTIO_ID 60

/* The config space, which a driver can only read. */
struct bellwire_virtio_config {
	char kind[BELLWIRE_KIND_SIZE]; /* "echo"; NUL-padded */
	__u32 queues;
	__u32 max_request; /* the most bytes of input, and of output */
};

struct bellwire_virtio_request {
	__u64 cookie;    /* chosen by the driver; for the device's eyes only */
	__u32 operation; /* defined by the device; 0 where it has only one */
	__u32 flags;     /* zero; checked */
};

struct bellwire_virtio_reply {
	__u64 result; /* defined by the device */
	__u32 length; /* bytes of output written, right behind this */
	__u32 status; /* enum bellwire_completion_status */
};

BELLWIRE_ASSERT(sizeof(struct bellwire_virtio_config) == 24, "config space is 24 bytes");
BELLWIRE_ASSERT(sizeof(struct bellwire_virtio_request) == 16, "request is 16 bytes");
BELLWIRE_ASSERT(sizeof(struct bellwire_virtio_reply) == 16, "reply is 16 bytes");

#endif /* BELLWIRE_VIRTIO_UAPI_H */
