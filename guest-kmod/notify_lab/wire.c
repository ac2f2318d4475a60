// SPDX-License-Identifier: GPL-2.0-only
/*
 * The descriptors that a user may pass, and how 8 bytes go through them. A sleep
 * in any of these functions ends by kthread_stop(), as by a signal.
 */
#include <linux/err.h>
#include <linux/eventfd.h>
#include <linux/file.h>
#include <linux/net.h>
#include <linux/uio.h>
#include <net/sock.h>

#include "wire.h"

static const struct wire_kind {
	int (*check)(struct lab_wire *wire, const struct wire_kind *kind);
	int family, type, protocol; /* of a socket; protocol 0: any */
} kinds[];

static int check_eventfd(struct lab_wire *wire, const struct wire_kind *kind)
{
	struct eventfd_ctx *ctx = eventfd_ctx_fileget(wire->file);

	if (IS_ERR(ctx))
		return PTR_ERR(ctx);
	wire->ctx = ctx;
	return 0;
}

static int check_pipe(struct lab_wire *wire, const struct wire_kind *kind)
{
	return S_ISFIFO(file_inode(wire->file)->i_mode) ? 0 : -EINVAL;
}

static int check_socket(struct lab_wire *wire, const struct wire_kind *kind)
{
	const struct sock *sk;

	wire->socket = sock_from_file(wire->file);
	if (!wire->socket)
		return -ENOTSOCK;
	sk = wire->socket->sk;
	if (sk->sk_family != kind->family)
		return -EAFNOSUPPORT;
	if (sk->sk_type != kind->type || (kind->protocol && sk->sk_protocol != kind->protocol))
		return -EPROTOTYPE;
	return 0;
}

static const struct wire_kind kinds[] = {
	[LAB_EVENTFD] = { check_eventfd },
	[LAB_PIPE] = { check_pipe },
	[LAB_UNIX_DGRAM] = { check_socket, AF_UNIX, SOCK_DGRAM },
	[LAB_UNIX_STREAM] = { check_socket, AF_UNIX, SOCK_STREAM },
	[LAB_UDP] = { check_socket, AF_INET, SOCK_DGRAM, IPPROTO_UDP },
	[LAB_TCP] = { check_socket, AF_INET, SOCK_STREAM, IPPROTO_TCP },
};

int lab_wire_open(struct lab_wire *wire, enum lab_wire_kind kind, int fd, fmode_t mode)
{
	if (kind == LAB_NO_WIRE)
		return fd == -1 ? 0 : -EINVAL;
	wire->file = fget(fd);
	if (!wire->file || !(wire->file->f_mode & mode))
		return -EBADF;
	return kinds[kind].check(wire, &kinds[kind]);
}

void lab_wire_close(struct lab_wire *wire)
{
	if (wire->ctx)
		eventfd_ctx_put(wire->ctx);
	if (wire->file)
		fput(wire->file);
	*wire = (struct lab_wire){};
}

static ssize_t send_message(struct socket *socket, u64 *number)
{
	struct kvec bytes = { number, sizeof(*number) };
	struct msghdr message = { .msg_flags = MSG_NOSIGNAL };

	return kernel_sendmsg(socket, &message, &bytes, 1, sizeof(*number));
}

/* A stream may return its eight bytes in pieces. Returns the size of a datagram of another size. */
static ssize_t receive_message(struct socket *socket, u64 *number)
{
	struct kvec bytes = { number, sizeof(*number) };
	struct msghdr message = {};
	int flags = socket->type == SOCK_STREAM ? MSG_WAITALL : MSG_TRUNC;

	return kernel_recvmsg(socket, &message, &bytes, 1, sizeof(*number), flags);
}

int lab_wire_write(struct lab_wire *wire, u64 number)
{
	ssize_t length;

	if (wire->socket)
		length = send_message(wire->socket, &number);
	else
		length = kernel_write(wire->file, &number, sizeof(number), NULL);
	if (length < 0)
		return length;
	return length == sizeof(number) ? 0 : -EMSGSIZE;
}

int lab_wire_read(struct lab_wire *wire, u64 *number)
{
	bool datagrams = wire->socket && wire->socket->type == SOCK_DGRAM;
	ssize_t length;

	if (wire->socket)
		length = receive_message(wire->socket, number);
	else
		length = kernel_read(wire->file, number, sizeof(*number), NULL);
	if (length < 0)
		return length;
	if (!length && !datagrams)
		return -EPIPE;
	return length == sizeof(*number) ? 0 : -EMSGSIZE;
}
