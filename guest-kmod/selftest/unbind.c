// SPDX-License-Identifier: GPL-2.0-only
/* The device goes while files of it are open, mapped, waited for and rung. */
#define _GNU_SOURCE
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <sys/epoll.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <unistd.h>

#include "selftest.h"

/* Two waiters for the moment of unbind. */
static void *blocked_read(void *fd)
{
	uint64_t count;

	while (read(*(int *)fd, &count, sizeof(count)) == sizeof(count))
		; /* interrupts from before */
	EXPECT(errno == ENODEV);
	return NULL;
}

static void *blocked_poll(void *fd)
{
	struct pollfd entry = { .fd = *(int *)fd };

	EXPECT(poll(&entry, 1, 5000) == 1 && entry.revents == (POLLHUP | POLLERR));
	return NULL;
}

static void unbind_wakes(void)
{
	int fds[2] = { claimed(), open_device(O_RDWR) };
	pthread_t threads[3];

	pthread_create(&threads[0], NULL, blocked_read, &fds[0]);
	pthread_create(&threads[1], NULL, blocked_poll, &fds[0]);
	pthread_create(&threads[2], NULL, blocked_poll, &fds[1]); /* has no queue */
	pause_ms(20);
	unbind();
	for (int i = 0; i < 3; i++)
		pthread_join(threads[i], NULL);
}

/* One of several exclusive waiters, each with an epoll of its own, as servers have them. */
static void *exclusive_waiter(void *fd)
{
	struct epoll_event event = { .events = EPOLLHUP | EPOLLEXCLUSIVE };
	int epoll = epoll_create1(EPOLL_CLOEXEC);

	EXPECT(epoll >= 0 && epoll_ctl(epoll, EPOLL_CTL_ADD, *(int *)fd, &event) == 0);
	EXPECT(epoll_wait(epoll, &event, 1, 10000) == 1);
	EXPECT(event.events & EPOLLHUP && event.events & EPOLLERR);
	return NULL;
}

static void unbind_wakes_exclusive(void)
{
	int fd = claimed();
	pthread_t threads[4];

	for (int i = 0; i < 4; i++)
		pthread_create(&threads[i], NULL, exclusive_waiter, &fd);
	pause_ms(50); /* they wait */
	unbind();
	for (int i = 0; i < 4; i++)
		pthread_join(threads[i], NULL);
}

static void unbound_calls(void)
{
	int fd = claimed(), kick = new_eventfd(0);
	uint64_t count;

	EXPECT(set_kick(fd, kick, BELLWIRE_WORKER_READ) == 0);
	unbind();
	EXPECT(access(options.device, F_OK) != 0);
	EXPECT_ERROR(ioctl(fd, BELLWIRE_CLAIM, &(struct bellwire_claim){ 0 }), ENODEV);
	EXPECT_ERROR(ioctl(fd, BELLWIRE_RESET, &(struct bellwire_claim){ 0 }), ENODEV);
	EXPECT_ERROR(ioctl(fd, BELLWIRE_INFO, &(struct bellwire_info){ 0 }), ENODEV);
	EXPECT_ERROR(set_call(fd, -1), ENODEV);
	EXPECT_ERROR(set_kick(fd, kick, BELLWIRE_WORKER_POLL), ENODEV);
	EXPECT_ERROR(ioctl(fd, BELLWIRE_KICK), ENODEV);
	EXPECT_ERROR(ioctl(fd, BELLWIRE_RING), ENODEV);
	EXPECT_ERROR(ioctl(fd, BELLWIRE_CLAIM, NULL), ENODEV);
	EXPECT_ERROR(ioctl(fd, _IO(0xbe, 0x7f)), ENODEV);
	EXPECT_ERROR(read(fd, &count, sizeof(count)), ENODEV);
	EXPECT(mmap(NULL, 4096, PROT_READ, MAP_SHARED, fd, 0) == MAP_FAILED && errno == ENODEV);
	ring_eventfd(kick, 1); /* nobody waits for it now */
}

static sigjmp_buf bus_error;

static void on_bus_error(int signal)
{
	siglongjmp(bus_error, signal);
}

static bool touch_fails(volatile char *at)
{
	if (sigsetjmp(bus_error, 1))
		return true;
	*at = 1;
	return false;
}

static void unbound_mapping(void)
{
	int fd = claimed();
	volatile char *map = mmap(NULL, 8192, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);

	EXPECT(map != MAP_FAILED);
	signal(SIGBUS, on_bus_error);
	EXPECT(!touch_fails(map + 4095)); /* the second page isn't there yet */
	unbind();
	EXPECT(touch_fails(map + 4095));
	EXPECT(touch_fails(map + 4096));
	bind();
	EXPECT(touch_fails(map));
}

static void rebind(void)
{
	int old = claimed(), fd;

	for (int i = 0; i < 5; i++) {
		unbind();
		bind();
		fd = open_device(O_RDWR);
		EXPECT(info(fd).queues_free == info(fd).queues);
		EXPECT(claim(fd, 0) == 0);
		EXPECT(ioctl(fd, BELLWIRE_RING) == 0);
		EXPECT_ERROR(ioctl(old, BELLWIRE_RING), ENODEV);
		close(old);
		old = fd;
	}
}

static void *ring_until_gone(void *fd)
{
	while (ioctl(*(int *)fd, BELLWIRE_RING) == 0)
		;
	EXPECT(errno == ENODEV);
	return NULL;
}

/* For an eventfd with a worker, whose rings have no effect after unbind. */
static void *kick_until_gone(void *fd)
{
	while (ioctl(*(int *)fd, BELLWIRE_KICK) == 0)
		;
	EXPECT(errno == ENODEV);
	return NULL;
}

static void unbind_under_traffic(void)
{
	for (uint32_t round = 0; round < 12; round++) {
		int fd = claimed(), kick = new_eventfd(0);
		pthread_t ringer, kicker;

		EXPECT(set_kick(fd, kick, 1 + round % BELLWIRE_WORKER_CALLBACK) == 0);
		pthread_create(&ringer, NULL, ring_until_gone, &fd);
		pthread_create(&kicker, NULL, kick_until_gone, &fd);
		pause_ms(5 + round);
		unbind();
		pthread_join(ringer, NULL);
		pthread_join(kicker, NULL);
		close(kick);
		close(fd);
		bind();
	}
}

/* The page is taken back even from a process that maps and touches it at that moment. */
static void *map_until_gone(void *fd)
{
	for (;;) {
		volatile char *map = mmap(NULL, 4096, PROT_READ, MAP_SHARED, *(int *)fd, 0);

		if (map == MAP_FAILED)
			break;
		munmap((void *)map, 4096);
	}
	EXPECT(errno == ENODEV);
	return NULL;
}

static void unbind_under_mmap(void)
{
	for (int round = 0; round < 10; round++) {
		int fd = claimed();
		pthread_t threads[2];

		for (int i = 0; i < 2; i++)
			pthread_create(&threads[i], NULL, map_until_gone, &fd);
		pause_ms(3);
		unbind();
		for (int i = 0; i < 2; i++)
			pthread_join(threads[i], NULL);
		close(fd);
		bind();
	}
}

const struct test unbind_tests[] = {
	{ "unbind wakes processes that read and poll", unbind_wakes, 0 },
	{ "unbind wakes every exclusive waiter", unbind_wakes_exclusive, 0 },
	{ "after unbind every call is ENODEV", unbound_calls, 0 },
	{ "after unbind a touch of the mapping is SIGBUS", unbound_mapping, 0 },
	{ "it can be bound again, with old files open", rebind, 0 },
	{ "unbind under traffic, with each worker", unbind_under_traffic, 300 },
	{ "unbind while others map", unbind_under_mmap, 300 },
	{ 0 },
};
