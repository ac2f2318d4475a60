// SPDX-License-Identifier: BSD-3-Clause
/*
 * bare-peer SOCKET SLOT: the host's end of the bare wire. It connects to a
 * switchboard as that slot's device, gets the memory, doorbell 0 and the
 * guest's vector 0, and answers each ring until it is killed. It checks nothing
 * that the guest writes.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/mman.h>
#include <sys/random.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "guest-kmod/bare/uapi/bare_wire.h"

struct wires {
	struct bare_wire_memory *memory;
	int doorbell, interrupt; /* eventfds */
};

static void fail(const char *what)
{
	fprintf(stderr, "bare-peer: %s: %s\n", what, strerror(errno));
	exit(1);
}

/* The handshake; docs/semantics.md, 41 */

/* A switchboard knows a slot's device by the abstract name that its socket is bound to. */
static int connect_to(const char *path, unsigned int slot)
{
	struct sockaddr_un own = { .sun_family = AF_UNIX }, server = own;
	const int socket_fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	unsigned long long unique;
	int length;

	if (getrandom(&unique, sizeof(unique), 0) != sizeof(unique))
		fail("getrandom");
	length = sprintf(own.sun_path + 1, "bellwire-device/%u/%016llx", slot, unique);

	if (strlen(path) >= sizeof(server.sun_path)) {
		errno = ENAMETOOLONG;
		fail(path);
	}
	strcpy(server.sun_path, path);
	if (bind(socket_fd, (void *)&own, offsetof(struct sockaddr_un, sun_path) + 1 + length) !=
		    0 ||
	    connect(socket_fd, (void *)&server, sizeof(server)) != 0)
		fail(path);
	return socket_fd;
}

struct message {
	int64_t value;
	int fd; /* -1: none */
};

static struct message receive(int socket_fd)
{
	struct message message = { .fd = -1 };
	struct iovec bytes = { &message.value, sizeof(message.value) };
	union {
		struct cmsghdr aligned;
		char bytes[CMSG_SPACE(sizeof(int))];
	} control;
	struct msghdr header = {
		.msg_iov = &bytes,
		.msg_iovlen = 1,
		.msg_control = &control,
		.msg_controllen = sizeof(control),
	};

	errno = EPROTO;
	if (recvmsg(socket_fd, &header, MSG_WAITALL | MSG_CMSG_CLOEXEC) != sizeof(message.value))
		fail("the switchboard's message");
	if (header.msg_controllen >= sizeof(control.aligned))
		memcpy(&message.fd, CMSG_DATA(&control.aligned), sizeof(message.fd));
	return message;
}

static struct bare_wire_memory *map(int fd)
{
	unsigned char *memory = mmap(NULL, BARE_WIRE_OFFSET + sizeof(struct bare_wire_memory),
				     PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);

	if (memory == MAP_FAILED)
		fail("the shared memory");
	return (void *)(memory + BARE_WIRE_OFFSET);
}

/* Messages: the version, our ID, the memory, the guest's vectors, ours; only vector 0 counts. */
static struct wires take_wires(int socket_fd)
{
	struct wires wires = { .doorbell = -1, .interrupt = -1 };
	int64_t own;

	receive(socket_fd);
	own = receive(socket_fd).value;
	wires.memory = map(receive(socket_fd).fd);
	while (wires.doorbell < 0) {
		const struct message vector = receive(socket_fd);

		if (vector.value == own)
			wires.doorbell = vector.fd;
		else if (wires.interrupt < 0)
			wires.interrupt = vector.fd;
	}
	return wires;
}

/* The work */

static void answer(struct bare_wire_memory *memory)
{
	const uint64_t number = __atomic_load_n(&memory->request.number, __ATOMIC_ACQUIRE);

	memcpy(memory->completion.payload, memory->request.payload,
	       sizeof(memory->request.payload));
	__atomic_store_n(&memory->completion.number, number, __ATOMIC_RELEASE);
}

static void serve(const struct wires *wires)
{
	struct epoll_event rung = { .events = EPOLLIN };
	const int epoll = epoll_create1(EPOLL_CLOEXEC);
	const uint64_t one = 1;
	uint64_t count;

	if (epoll_ctl(epoll, EPOLL_CTL_ADD, wires->doorbell, &rung) != 0)
		fail("the doorbell");
	for (;;) {
		if (epoll_wait(epoll, &rung, 1, -1) != 1 ||
		    read(wires->doorbell, &count, sizeof(count)) != sizeof(count))
			continue;
		answer(wires->memory);
		if (write(wires->interrupt, &one, sizeof(one)) != sizeof(one))
			fail("the interrupt");
	}
}

int main(int argc, char **argv)
{
	struct wires wires;

	if (argc != 3) {
		fprintf(stderr, "usage: bare-peer SOCKET SLOT\n");
		return 2;
	}
	wires = take_wires(connect_to(argv[1], (unsigned int)strtoul(argv[2], NULL, 10)));
	serve(&wires);
}
