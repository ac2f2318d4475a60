// SPDX-License-Identifier: GPL-2.0-only
/* Round trip: each receiver with each sender; one notification there, one back. */
#define _GNU_SOURCE
#include <signal.h>
#include <string.h>
#include <sys/ioctl.h>
#include <time.h>
#include <unistd.h>

#include "selftest.h"

enum { ROUNDS = 20, SIGNAL = 40 };

/* What the user holds of a trip; -1 where there is nothing. */
struct trip {
	struct session session;
	struct notify_lab_job request;
	int there, back;
};

struct way {
	__u32 which;
	void (*set_up)(struct trip *trip, const struct way *way);
	void (*run)(struct trip *trip, uint64_t number); /* rings, or waits */
	const struct link_kind *link;
};

static void no_set_up(struct trip *trip, const struct way *way)
{
	(void)trip, (void)way;
}

static void link_there(struct trip *trip, const struct way *way)
{
	struct link link = way->link->open();

	trip->there = link.out;
	trip->request.receive_fd = link.in;
}

static void eventfd_there(struct trip *trip, const struct way *way)
{
	(void)way;
	trip->there = trip->request.receive_fd = new_eventfd(0);
}

static void netlink_there(struct trip *trip, const struct way *way)
{
	(void)way;
	trip->there = open_netlink();
}

static void ring_bytes(struct trip *trip, uint64_t number)
{
	put(trip->there, number);
}

static void ring_eventfd(struct trip *trip, uint64_t number)
{
	(void)number;
	put(trip->there, 1);
}

static void ring_ioctl(struct trip *trip, uint64_t number)
{
	EXPECT(ioctl(trip->session.fd, NOTIFY_LAB_NOTIFY, &number) == 0);
}

static void ring_write(struct trip *trip, uint64_t number)
{
	put(trip->session.fd, number);
}

static void ring_netlink(struct trip *trip, uint64_t number)
{
	EXPECT(put_notice(trip->there, info(&trip->session).session, number) == 0);
}

static void ring_page(struct trip *trip, uint64_t number)
{
	__atomic_store_n(&trip->session.map->rung, number, __ATOMIC_RELEASE);
}

static const struct way there[] = {
	{ NOTIFY_LAB_RECEIVE_PIPE, link_there, ring_bytes, &link_kinds[0] },
	{ NOTIFY_LAB_RECEIVE_UNIX_DGRAM, link_there, ring_bytes, &link_kinds[2] },
	{ NOTIFY_LAB_RECEIVE_UNIX_STREAM, link_there, ring_bytes, &link_kinds[3] },
	{ NOTIFY_LAB_RECEIVE_UDP, link_there, ring_bytes, &link_kinds[4] },
	{ NOTIFY_LAB_RECEIVE_TCP, link_there, ring_bytes, &link_kinds[5] },
	{ NOTIFY_LAB_RECEIVE_EVENTFD_READ, eventfd_there, ring_eventfd, NULL },
	{ NOTIFY_LAB_RECEIVE_EVENTFD_POLL, eventfd_there, ring_eventfd, NULL },
	{ NOTIFY_LAB_RECEIVE_EVENTFD_CALLBACK, eventfd_there, ring_eventfd, NULL },
	{ NOTIFY_LAB_RECEIVE_IOCTL, no_set_up, ring_ioctl, NULL },
	{ NOTIFY_LAB_RECEIVE_WRITE, no_set_up, ring_write, NULL },
	{ NOTIFY_LAB_RECEIVE_GENL, netlink_there, ring_netlink, NULL },
	{ NOTIFY_LAB_RECEIVE_PAGE, no_set_up, ring_page, NULL },
};

static void link_back(struct trip *trip, const struct way *way)
{
	struct link link = way->link->open();

	trip->back = link.in;
	trip->request.send_fd = link.out;
}

static void eventfd_back(struct trip *trip, const struct way *way)
{
	(void)way;
	trip->back = trip->request.send_fd = new_eventfd(0);
}

static void netlink_back(struct trip *trip, const struct way *way)
{
	(void)way;
	trip->back = open_netlink();
	trip->request.port = netlink_port(trip->back);
}

static void signal_back(struct trip *trip, const struct way *way)
{
	sigset_t set;

	(void)way;
	trip->request.signal = SIGNAL;
	sigemptyset(&set);
	sigaddset(&set, SIGNAL);
	EXPECT(sigprocmask(SIG_BLOCK, &set, NULL) == 0);
}

static void await_bytes(struct trip *trip, uint64_t number)
{
	EXPECT(get(trip->back) == number);
}

static void await_eventfd(struct trip *trip, uint64_t number)
{
	(void)number;
	EXPECT(get(trip->back) == 1);
}

static void await_device(struct trip *trip, uint64_t number)
{
	(void)number;
	EXPECT(get(trip->session.fd) == 1);
}

static void await_netlink(struct trip *trip, uint64_t number)
{
	EXPECT(get_notice(trip->back, info(&trip->session).session) == number);
}

static void await_signal(struct trip *trip, uint64_t number)
{
	struct timespec limit = { .tv_sec = 5 };
	siginfo_t seen;
	sigset_t set;

	(void)trip;
	sigemptyset(&set);
	sigaddset(&set, SIGNAL);
	EXPECT(sigtimedwait(&set, &seen, &limit) == SIGNAL && seen.si_int == (int)number);
}

static void await_page(struct trip *trip, uint64_t number)
{
	EXPECT_SOON(__atomic_load_n(&trip->session.map->sent, __ATOMIC_ACQUIRE) == number);
}

static const struct way back[] = {
	{ NOTIFY_LAB_SEND_PIPE, link_back, await_bytes, &link_kinds[0] },
	{ NOTIFY_LAB_SEND_UNIX_DGRAM, link_back, await_bytes, &link_kinds[2] },
	{ NOTIFY_LAB_SEND_UNIX_STREAM, link_back, await_bytes, &link_kinds[3] },
	{ NOTIFY_LAB_SEND_UDP, link_back, await_bytes, &link_kinds[4] },
	{ NOTIFY_LAB_SEND_TCP, link_back, await_bytes, &link_kinds[5] },
	{ NOTIFY_LAB_SEND_EVENTFD, eventfd_back, await_eventfd, NULL },
	{ NOTIFY_LAB_SEND_DEVICE, no_set_up, await_device, NULL },
	{ NOTIFY_LAB_SEND_GENL_UNICAST, netlink_back, await_netlink, NULL },
	{ NOTIFY_LAB_SEND_SIGNAL, signal_back, await_signal, NULL },
	{ NOTIFY_LAB_SEND_PAGE, no_set_up, await_page, NULL },
};

/* Where two are the same, or absent, one close fails; that is harmless. */
static void close_trip(const struct trip *trip)
{
	close(trip->there);
	close(trip->back);
	close(trip->request.receive_fd);
	close(trip->request.send_fd);
}

static void travel(const struct way *out, const struct way *home)
{
	struct trip trip = {
		.session = open_session(),
		.request = job(home->which, out->which, ROUNDS),
		.there = -1,
		.back = -1,
	};
	struct notify_lab_info seen;

	out->set_up(&trip, out);
	home->set_up(&trip, home);
	EXPECT(start(&trip.session, &trip.request) == 0);
	for (uint64_t i = 1; i <= ROUNDS; i++) {
		out->run(&trip, i);
		home->run(&trip, i);
	}
	seen = done(&trip.session);
	EXPECT(seen.sent == ROUNDS && seen.received == ROUNDS && seen.carried == ROUNDS);
	close_session(&trip.session);
	close_trip(&trip);
}

static void every_pair(void)
{
	for (unsigned int i = 0; i < sizeof(there) / sizeof(*there); i++)
		for (unsigned int j = 0; j < sizeof(back) / sizeof(*back); j++)
			travel(&there[i], &back[j]);
}

const struct test answer_tests[] = {
	{ "answer: every receiver with every sender, one for one", every_pair, 300 },
	{ 0 },
};
