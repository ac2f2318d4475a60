/* SPDX-License-Identifier: GPL-2.0-only */
/* A wire is a file that the user passed by its fd: checked once, and kept by reference. */
#ifndef LAB_WIRE_H
#define LAB_WIRE_H

#include <linux/fs.h>

struct eventfd_ctx;
struct socket;

enum lab_wire_kind {
	LAB_NO_WIRE,
	LAB_EVENTFD,
	LAB_PIPE,
	LAB_UNIX_DGRAM,
	LAB_UNIX_STREAM,
	LAB_UDP,
	LAB_TCP,
};

struct lab_wire {
	struct file *file;       /* NULL: no wire */
	struct eventfd_ctx *ctx; /* of LAB_EVENTFD */
	struct socket *socket;   /* of the sockets; lives in file */
};

/*
 * Process context. `mode`: FMODE_READ or FMODE_WRITE, as it will be used. fd must
 * be -1 for LAB_NO_WIRE. Must be closed after an error, too.
 */
int lab_wire_open(struct lab_wire *wire, enum lab_wire_kind kind, int fd, fmode_t mode);
void lab_wire_close(struct lab_wire *wire);

/* Eight bytes. Both sleep until kthread_stop() at the latest, so only kernel threads call them. */
int lab_wire_write(struct lab_wire *wire, u64 number);
int lab_wire_read(struct lab_wire *wire, u64 *number);

#endif /* LAB_WIRE_H */
