// SPDX-License-Identifier: GPL-2.0-only
/* Kernel -> user: nothing is lost; numbers arrive in order, and are sent from the right context. */
#define _GNU_SOURCE
#include <poll.h>
#include <pthread.h>
#include <unistd.h>

#include "guest-kmod/selftest/slow_buffer.h"
#include "selftest.h"

enum { MANY = 1000, FEW = 200 };

static void in_order(const struct link_kind *kind, bool one_at_a_time)
{
	struct session session = open_session();
	struct link link = kind->open();
	struct notify_lab_job request = job(kind->send, 0, one_at_a_time ? FEW : MANY);

	request.send_fd = link.out;
	if (one_at_a_time)
		request = paced(request);
	EXPECT(start(&session, &request) == 0);
	close(link.out); /* the kernel has its own reference */
	for (uint64_t i = 1; i <= request.count; i++) {
		EXPECT(get(link.in) == i);
		EXPECT(!one_at_a_time || !readable(link.in));
		acknowledge(&session, i);
	}
	finish(&session, request.count, NOTIFY_LAB_IN_THREAD);
	EXPECT(!readable(link.in));
}

static void bytes_in_a_burst(void)
{
	for (const struct link_kind *kind = link_kinds; kind->name; kind++)
		if (!kind->paced)
			in_order(kind, false);
}

static void bytes_one_at_a_time(void)
{
	for (const struct link_kind *kind = link_kinds; kind->name; kind++)
		in_order(kind, true);
}

/* Counts add up, however many wake-ups there were. */
static void counted(struct notify_lab_job request, __u32 context, int own_fd)
{
	struct session session = open_session();
	int fd = own_fd >= 0 ? own_fd : session.fd;
	uint64_t sum = 0;

	EXPECT(start(&session, &request) == 0);
	while (sum < request.count) {
		uint64_t count = get(fd);

		EXPECT(count > 0 && (count == 1 || !(request.flags & NOTIFY_LAB_PACED)));
		sum += count;
		EXPECT(sum <= request.count);
		acknowledge(&session, sum);
	}
	finish(&session, request.count, context);
	EXPECT(!readable(fd));
}

static void counted_in_all_ways(struct notify_lab_job request, int fd)
{
	counted(request, NOTIFY_LAB_IN_THREAD, fd);
	request.count = FEW;
	counted(paced(request), NOTIFY_LAB_IN_THREAD, fd);
	counted(hardirq(request), NOTIFY_LAB_IN_HARDIRQ, fd);
	counted(hardirq(paced(request)), NOTIFY_LAB_IN_HARDIRQ, fd);
}

static void eventfds(void)
{
	struct notify_lab_job request = job(NOTIFY_LAB_SEND_EVENTFD, 0, MANY);

	request.send_fd = new_eventfd(0);
	counted_in_all_ways(request, request.send_fd);
}

static void device_read(void)
{
	counted_in_all_ways(job(NOTIFY_LAB_SEND_DEVICE, 0, MANY), -1);
}

static void device_poll(void)
{
	struct session session = open_session();
	struct pollfd entry = { .fd = session.fd, .events = POLLIN };
	struct notify_lab_job request = paced(job(NOTIFY_LAB_SEND_DEVICE, 0, 1));

	EXPECT(poll(&entry, 1, 0) == 0);
	EXPECT(start(&session, &request) == 0);
	EXPECT(poll(&entry, 1, 5000) == 1 && entry.revents == POLLIN);
	EXPECT(poll(&entry, 1, 0) == 1);
	EXPECT(get(session.fd) == 1);
	EXPECT(poll(&entry, 1, 0) == 0);
	finish(&session, 1, NOTIFY_LAB_IN_THREAD);
}

struct reading {
	int fd;
	void *into;
};

static void *failing_reader(void *arguments)
{
	const struct reading *reading = arguments;

	EXPECT_ERROR(read(reading->fd, reading->into, 8), EFAULT);
	return NULL;
}

static void *reader(void *fd)
{
	EXPECT(get(*(int *)fd) == 1);
	return NULL;
}

/* The one that fails has the count when the other one looks. */
static void failed_reader_wakes_another(void)
{
	struct notify_lab_job request = job(NOTIFY_LAB_SEND_DEVICE, 0, 1);
	struct slow_buffer buffer = slow_buffer();
	struct session session = open_session();
	struct reading failing = { session.fd, buffer.page };
	pthread_t first, second;

	EXPECT(start(&session, &request) == 0);
	pthread_create(&first, NULL, failing_reader, &failing);
	slow_buffer_await(&buffer);
	EXPECT(!readable(session.fd));
	pthread_create(&second, NULL, reader, &session.fd);
	pause_ms(100); /* it sleeps */
	slow_buffer_fail(&buffer);
	pthread_join(first, NULL);
	pthread_join(second, NULL);
}

static void page(struct notify_lab_job request, __u32 context)
{
	struct session session = open_session();

	EXPECT(start(&session, &request) == 0);
	for (uint64_t i = 1; i <= request.count; i++) {
		EXPECT_SOON(__atomic_load_n(&session.map->sent, __ATOMIC_ACQUIRE) >= i);
		EXPECT(session.map->send_records[i - 1].number == i);
		acknowledge(&session, i);
	}
	finish(&session, request.count, context);
}

static void pages(void)
{
	page(job(NOTIFY_LAB_SEND_PAGE, 0, MANY), NOTIFY_LAB_IN_THREAD);
	page(paced(job(NOTIFY_LAB_SEND_PAGE, 0, FEW)), NOTIFY_LAB_IN_THREAD);
	page(hardirq(paced(job(NOTIFY_LAB_SEND_PAGE, 0, FEW))), NOTIFY_LAB_IN_HARDIRQ);
}

static void notices(struct notify_lab_job request, int fd)
{
	struct session session = open_session();

	EXPECT(start(&session, &request) == 0);
	for (uint64_t i = 1; i <= request.count; i++) {
		EXPECT(get_notice(fd, info(&session).session) == i);
		acknowledge(&session, i);
	}
	finish(&session, request.count, NOTIFY_LAB_IN_THREAD);
	EXPECT(!readable(fd));
}

/* A burst overflows the socket's buffer, and waits. */
static void netlink_unicast(void)
{
	struct notify_lab_job request = job(NOTIFY_LAB_SEND_GENL_UNICAST, 0, MANY);
	int fd = open_netlink();

	request.port = netlink_port(fd);
	notices(request, fd);
	request.count = FEW;
	notices(paced(request), fd);
}

static void netlink_multicast(void)
{
	int fd = open_netlink();

	join_group(fd);
	notices(paced(job(NOTIFY_LAB_SEND_GENL_MULTICAST, 0, FEW)), fd);
}

static void on_that_cpu(void)
{
	struct session session = open_session();
	int cpus = sysconf(_SC_NPROCESSORS_ONLN);

	for (int cpu = 0; cpu < cpus; cpu++) {
		struct notify_lab_job request = job(NOTIFY_LAB_SEND_DEVICE, 0, 50);

		request.cpu = cpu;
		EXPECT(start(&session, &request) == 0);
		done(&session);
		request = hardirq(request);
		EXPECT(session.map->send_records[49].cpu == (unsigned int)cpu);
		EXPECT(start(&session, &request) == 0);
		done(&session);
		EXPECT(session.map->send_records[49].cpu == (unsigned int)cpu);
	}
}

const struct test send_tests[] = {
	{ "send: pipes and sockets carry numbers in order, in a burst", bytes_in_a_burst, 0 },
	{ "send: pipes and sockets carry numbers in order, one at a time", bytes_one_at_a_time, 0 },
	{ "send: eventfd counts add up, from a thread and a hard interrupt", eventfds, 0 },
	{ "send: the device's read adds up, from a thread and a hard interrupt", device_read, 0 },
	{ "send: the device's poll says IN until it is read", device_poll, 0 },
	{ "send: a reader whose buffer faults wakes another", failed_reader_wakes_another, 0 },
	{ "send: the page, from a thread and a hard interrupt", pages, 0 },
	{ "send: netlink unicast carries numbers in order", netlink_unicast, 0 },
	{ "send: netlink multicast carries numbers in order", netlink_multicast, 0 },
	{ "send: thread and timer run on the CPU that was asked for", on_that_cpu, 0 },
	{ 0 },
};
