// SPDX-License-Identifier: GPL-2.0-only
/* Pipes and sockets, both ends of them, and the eight bytes that go through. */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <fcntl.h>
#include <net/if.h>
#include <netinet/in.h>
#include <poll.h>
#include <stdio.h>
#include <sys/eventfd.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "selftest.h"

static struct link open_pipe(void)
{
	int fds[2];

	EXPECT(pipe(fds) == 0);
	return (struct link){ .in = fds[0], .out = fds[1] };
}

struct link open_fifo(void)
{
	struct link link;
	char path[64];
	int both;

	snprintf(path, sizeof(path), "/tmp/lab-selftest.%d", getpid());
	EXPECT(mkfifo(path, 0600) == 0);
	both = open(path, O_RDWR); /* so that neither end waits for the other */
	link.in = open(path, O_RDONLY);
	link.out = open(path, O_WRONLY);
	EXPECT(both >= 0 && link.in >= 0 && link.out >= 0);
	close(both);
	unlink(path);
	return link;
}

static struct link open_unix(int type)
{
	int fds[2];

	EXPECT(socketpair(AF_UNIX, type, 0, fds) == 0);
	return (struct link){ .in = fds[0], .out = fds[1] };
}

static struct link open_unix_dgram(void)
{
	return open_unix(SOCK_DGRAM);
}
static struct link open_unix_stream(void)
{
	return open_unix(SOCK_STREAM);
}

static void bring_up_loopback(int fd)
{
	struct ifreq request = { .ifr_name = "lo", .ifr_flags = IFF_UP };

	EXPECT(ioctl(fd, SIOCSIFFLAGS, &request) == 0);
}

/* Any free port. */
static int bound_inet(int type, struct sockaddr_in *address)
{
	socklen_t size = sizeof(*address);
	int fd = socket(AF_INET, type, 0);

	EXPECT(fd >= 0);
	bring_up_loopback(fd);
	*address = (struct sockaddr_in){
		.sin_family = AF_INET,
		.sin_addr.s_addr = htonl(INADDR_LOOPBACK),
	};
	EXPECT(bind(fd, (struct sockaddr *)address, sizeof(*address)) == 0);
	EXPECT(getsockname(fd, (struct sockaddr *)address, &size) == 0);
	return fd;
}

static int connected_inet(int type, const struct sockaddr_in *address)
{
	int fd = socket(AF_INET, type, 0);

	EXPECT(connect(fd, (const struct sockaddr *)address, sizeof(*address)) == 0);
	return fd;
}

static struct link open_udp(void)
{
	struct sockaddr_in address;
	int in = bound_inet(SOCK_DGRAM, &address);

	return (struct link){ .in = in, .out = connected_inet(SOCK_DGRAM, &address) };
}

static struct link open_tcp(void)
{
	struct sockaddr_in address;
	int listener = bound_inet(SOCK_STREAM, &address);
	struct link link;

	EXPECT(listen(listener, 1) == 0);
	link.out = connected_inet(SOCK_STREAM, &address);
	link.in = accept(listener, NULL, NULL);
	EXPECT(link.in >= 0);
	close(listener);
	return link;
}

#define KIND(name) NOTIFY_LAB_SEND_##name, NOTIFY_LAB_RECEIVE_##name

const struct link_kind link_kinds[] = {
	{ "pipe", KIND(PIPE), open_pipe, false },
	{ "FIFO", KIND(PIPE), open_fifo, false },
	{ "AF_UNIX dgram", KIND(UNIX_DGRAM), open_unix_dgram, false },
	{ "AF_UNIX stream", KIND(UNIX_STREAM), open_unix_stream, false },
	{ "UDP", KIND(UDP), open_udp, true },
	{ "TCP", KIND(TCP), open_tcp, false },
	{ 0 },
};

int new_eventfd(int flags)
{
	int fd = eventfd(0, flags);

	EXPECT(fd >= 0);
	return fd;
}

void put(int fd, uint64_t number)
{
	EXPECT(write(fd, &number, sizeof(number)) == sizeof(number));
}

uint64_t get(int fd)
{
	uint64_t number;

	EXPECT(read(fd, &number, sizeof(number)) == sizeof(number));
	return number;
}

bool readable(int fd)
{
	return poll(&(struct pollfd){ .fd = fd, .events = POLLIN }, 1, 0) == 1;
}
