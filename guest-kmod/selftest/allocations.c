// SPDX-License-Identifier: GPL-2.0-only
/*
 * Each call again and again, while one of its allocations fails: first the first,
 * then the second, until there are no more. A call that fails says ENOMEM, and the
 * device serves as before; kmemleak and the kernel's log show whether something
 * stayed behind. For a kernel with fault injection: "fault-injection.rst", fail-nth.
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <unistd.h>

#include "selftest.h"

enum { MOST_ALLOCATIONS = 5000, PAGE = 4096 };

struct tried_call {
	const char *name;
	void (*prepare)(void);
	long (*make)(void); /* -1: errno says why */
	void (*undo)(void); /* whether it failed or not */
	int others[2];      /* errors, beside ENOMEM */
	unsigned int least; /* failures that there must be; with fewer, nothing was tried */
};

static struct {
	int nth;              /* the file fail-nth of this thread */
	int fd, kick, call;   /* of a device that is used */
	int bind, unbind;     /* the driver's files */
	void *page;           /* not there yet: its first touch allocates */
	char table[PATH_MAX]; /* the device's, in debugfs */
} own;

static void number_to(int fd, unsigned int number)
{
	char text[16];
	int length = snprintf(text, sizeof(text), "%u", number);

	EXPECT(pwrite(fd, text, length, 0) == length);
}

/* Makes the nth allocation of this thread fail. */
static void arm(unsigned int nth)
{
	number_to(own.nth, nth);
}

/* Returns whether it has failed. */
static bool disarm(void)
{
	char left[16] = "";

	EXPECT(pread(own.nth, left, sizeof(left) - 1, 0) > 0);
	number_to(own.nth, 0);
	return atoi(left) == 0;
}

/* By default no allocation fails that may sleep, nor one of a single page. */
static void need_failures(void)
{
	own.nth = open("/proc/thread-self/fail-nth", O_RDWR | O_CLOEXEC);
	if (own.nth < 0)
		skip("this kernel cannot make allocations fail: it has no fail-nth");
	mount("debugfs", "/sys/kernel/debug", "debugfs", 0, NULL);
	write_text("/sys/kernel/debug/failslab/ignore-gfp-wait", "N");
	write_text("/sys/kernel/debug/failslab/verbose", "0");
	write_text("/sys/kernel/debug/failslab/cache-filter", "N");
	write_text("/sys/kernel/debug/fail_page_alloc/ignore-gfp-wait", "N");
	write_text("/sys/kernel/debug/fail_page_alloc/ignore-gfp-highmem", "N");
	write_text("/sys/kernel/debug/fail_page_alloc/min-order", "0");
	write_text("/sys/kernel/debug/fail_page_alloc/verbose", "0");
}

/* Whether the kernel was booted to let allocations from that cache fail. */
static bool fails(const char *cache)
{
	char path[PATH_MAX], flag = '0';
	int fd;

	snprintf(path, sizeof(path), "/sys/kernel/slab/%s/failslab", cache);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0 || read(fd, &flag, 1) != 1)
		skip("this kernel does not say which allocations may fail: it has no failslab");
	close(fd);
	return flag == '1';
}

/*
 * What an interrupt needs of Linux 6.1 itself must not fail: the kernel does not see
 * that its descriptor found no room in a radix tree, and soon follows a null pointer
 * (irq_insert_desc), and it warns when it removes files in /proc/irq that it could not
 * make (unregister_irq_proc). Slabs are made of pages, so these do not fail either.
 */
static void spare_interrupts(void)
{
	if (fails("radix_tree_node") || fails("proc_dir_entry") || !fails("kmalloc-64"))
		skip("boot the kernel with slub_debug=FZPUA;FZPU,radix_tree_node,proc_dir_entry");
	write_text("/sys/kernel/debug/failslab/cache-filter", "Y");
	write_text("/sys/kernel/debug/fail_page_alloc/min-order", "5");
}

static void still_serves(void)
{
	int fd = claimed(), kick = new_eventfd(0);

	EXPECT(info(fd).queues_free == info(fd).queues - 1);
	EXPECT(set_kick(fd, kick, BELLWIRE_WORKER_POLL) == 0);
	ring_eventfd(kick, 1);
	EXPECT_SOON(doorbells(fd) == 1);
	close(kick);
	close(fd);
}

static bool is_clean(const struct tried_call *call, int error)
{
	return error == ENOMEM || error == call->others[0] || error == call->others[1];
}

/* Returns whether an allocation failed. */
static bool try_nth(const struct tried_call *call, unsigned int nth, unsigned int *failures)
{
	bool injected;
	long result;
	int error;

	call->prepare();
	arm(nth);
	result = call->make();
	error = errno;
	injected = disarm();
	if (result < 0 && !(injected && is_clean(call, error))) {
		printf("# %s: %s when allocation %u %s\n", call->name, strerror(error), nth,
		       injected ? "failed" : "was to fail, but there is none");
		EXPECT(!"another error than ENOMEM");
	}
	*failures += result < 0;
	call->undo();
	return injected;
}

static void try_each(const struct tried_call *call)
{
	unsigned int nth = 1, failures = 0;

	while (try_nth(call, nth, &failures)) {
		EXPECT(++nth < MOST_ALLOCATIONS);
		still_serves();
	}
	still_serves();
	printf("# %s: %u allocations, %u of them necessary\n", call->name, nth - 1, failures);
	EXPECT(failures >= call->least);
}

static void nothing(void)
{
}

static long try_open(void)
{
	own.fd = open(options.device, O_RDWR | O_CLOEXEC);
	return own.fd;
}

static void drop_fd(void)
{
	if (own.fd >= 0)
		close(own.fd);
}

static void opens(void)
{
	need_failures();
	try_each(&(struct tried_call){ "open", nothing, try_open, drop_fd, { 0 }, 2 });
}

static void need_fd(void)
{
	own.fd = claimed();
	own.kick = new_eventfd(0);
	own.call = new_eventfd(0);
	EXPECT(set_kick(own.fd, own.kick, BELLWIRE_WORKER_CALLBACK) == 0);
	own.page = mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	EXPECT(own.page != MAP_FAILED);
}

/* The file has what it had before: its queue, and a worker that takes kicks. */
static void drop_all(void)
{
	ring_eventfd(own.kick, 1);
	EXPECT_SOON(drained(own.kick));
	munmap(own.page, PAGE);
	close(own.call);
	close(own.kick);
	close(own.fd);
}

static void need_file(void)
{
	need_fd();
	close(own.fd);
	own.fd = open_device(O_RDWR);
}

static void drop_unclaimed(void)
{
	munmap(own.page, PAGE);
	close(own.call);
	close(own.kick);
	close(own.fd);
}

/* Arguments in a page that is not there: zeroes, which are valid, and memory for the answer. */
static long try_claim(void)
{
	return ioctl(own.fd, BELLWIRE_CLAIM, own.page);
}

static long try_reset(void)
{
	return ioctl(own.fd, BELLWIRE_RESET, own.page);
}

static long try_info(void)
{
	return ioctl(own.fd, BELLWIRE_INFO, own.page);
}

static long try_step(void)
{
	return ioctl(own.fd, BELLWIRE_STEP, own.page);
}

static long try_set_call(void)
{
	return set_call(own.fd, own.call);
}

static long try_worker_read(void)
{
	return set_kick(own.fd, own.kick, BELLWIRE_WORKER_READ);
}

static long try_worker_poll(void)
{
	return set_kick(own.fd, own.kick, BELLWIRE_WORKER_POLL);
}

static long try_worker_callback(void)
{
	return set_kick(own.fd, own.kick, BELLWIRE_WORKER_CALLBACK);
}

static long try_kick(void)
{
	return ioctl(own.fd, BELLWIRE_KICK);
}

static long try_ring(void)
{
	return ioctl(own.fd, BELLWIRE_RING);
}

/* A page that cannot be allocated for the argument is EFAULT, as one that is not mapped. */
static const struct tried_call commands[] = {
	{ "CLAIM", need_file, try_claim, drop_unclaimed, { EFAULT }, 1 },
	{ "RESET", need_fd, try_reset, drop_all, { EFAULT }, 1 },
	{ "INFO", need_fd, try_info, drop_all, { EFAULT }, 1 },
	{ "STEP", need_fd, try_step, drop_all, { EFAULT }, 1 },
	{ "SET_CALL", need_fd, try_set_call, drop_all, { 0 }, 0 },
	{ "SET_KICK with worker read", need_fd, try_worker_read, drop_all, { 0 }, 2 },
	{ "SET_KICK with worker poll", need_fd, try_worker_poll, drop_all, { 0 }, 2 },
	{ "SET_KICK with worker callback", need_fd, try_worker_callback, drop_all, { 0 }, 1 },
	{ "KICK", need_fd, try_kick, drop_all, { 0 }, 0 },
	{ "RING", need_fd, try_ring, drop_all, { 0 }, 0 },
};

static void each_command(void)
{
	need_failures();
	for (unsigned int i = 0; i < sizeof(commands) / sizeof(*commands); i++)
		try_each(&commands[i]);
}

static void *mapping = MAP_FAILED;

/* The first touch allocates page tables; if it can't, the kernel tries it again. */
static long try_mmap(void)
{
	mapping = mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, own.fd, 0);
	if (mapping == MAP_FAILED)
		return -1;
	(void)*(volatile char *)mapping;
	return 0;
}

static void unmap(void)
{
	EXPECT(mapping == MAP_FAILED || munmap(mapping, PAGE) == 0);
	drop_all();
}

static long try_read(void)
{
	return read(own.fd, own.page, PAGE) < 0 && errno != EAGAIN ? -1 : 0;
}

static void need_fd_to_read(void)
{
	need_fd();
	EXPECT(fcntl(own.fd, F_SETFL, O_NONBLOCK) == 0);
}

/* So many that the kernel has no room on its stack. */
static long try_poll(void)
{
	struct pollfd entries[64];

	for (unsigned int i = 0; i < sizeof(entries) / sizeof(*entries); i++)
		entries[i] = (struct pollfd){ .fd = own.fd, .events = POLLIN | POLLPRI };
	return poll(entries, sizeof(entries) / sizeof(*entries), 0);
}

static int epoll;

static void need_epoll(void)
{
	need_fd();
	epoll = epoll_create1(EPOLL_CLOEXEC);
	EXPECT(epoll >= 0);
}

static long try_epoll(void)
{
	struct epoll_event event = { .events = EPOLLIN | EPOLLEXCLUSIVE };

	return epoll_ctl(epoll, EPOLL_CTL_ADD, own.fd, &event);
}

static void drop_epoll(void)
{
	close(epoll);
	drop_all();
}

static long try_table(void)
{
	char text[PAGE];
	int fd = open(own.table, O_RDONLY | O_CLOEXEC), error;
	ssize_t length;

	if (fd < 0)
		return -1;
	length = read(fd, text, sizeof(text));
	error = errno;
	close(fd);
	errno = error;
	return length;
}

static const struct tried_call file_calls[] = {
	{ "mmap", need_fd, try_mmap, unmap, { 0 }, 1 },
	{ "read", need_fd_to_read, try_read, drop_all, { EFAULT }, 0 },
	{ "poll", need_fd, try_poll, drop_all, { 0 }, 1 },
	{ "epoll_ctl", need_epoll, try_epoll, drop_epoll, { 0 }, 1 },
	{ "the table in debugfs", nothing, try_table, nothing, { 0 }, 2 },
};

static void each_file_call(void)
{
	need_failures();
	snprintf(own.table, sizeof(own.table), "/sys/kernel/debug/bellwire/%s/queues",
		 strrchr(options.device, '/') + 1);
	for (unsigned int i = 0; i < sizeof(file_calls) / sizeof(*file_calls); i++)
		try_each(&file_calls[i]);
}

static bool is_bound(void)
{
	char path[PATH_MAX];

	snprintf(path, sizeof(path), DRIVER "/%s", pci_address());
	return access(path, F_OK) == 0;
}

static long write_address(int fd)
{
	return pwrite(fd, pci_address(), strlen(pci_address()), 0);
}

static long try_bind(void)
{
	return write_address(own.bind);
}

/* The device's file may be missing, though it is bound: devtmpfs has no memory for it either. */
static void bind_again(void)
{
	if (is_bound())
		unbind();
	bind();
}

static long try_unbind(void)
{
	return write_address(own.unbind);
}

static void opened_driver(void)
{
	own.bind = open(DRIVER "/bind", O_WRONLY | O_CLOEXEC);
	own.unbind = open(DRIVER "/unbind", O_WRONLY | O_CLOEXEC);
	EXPECT(own.bind >= 0 && own.unbind >= 0);
}

/* The kernel calls it ENXIO if it cannot map a BAR, and ENOSPC if it cannot have an interrupt. */
static void binds(void)
{
	need_failures();
	spare_interrupts();
	opened_driver();
	try_each(&(struct tried_call){
		"bind", unbind, try_bind, bind_again, { ENXIO, ENOSPC }, 10 });
}

/* Nothing that the driver does then may fail. */
static void unbinds(void)
{
	need_failures();
	opened_driver();
	try_each(&(struct tried_call){ "unbind", nothing, try_unbind, bind_again, { 0 }, 0 });
}

const struct test allocation_tests[] = {
	{ "allocations that fail, one by one: open", opens, 300 },
	{ "allocations that fail, one by one: each command", each_command, 300 },
	{ "allocations that fail, one by one: mmap, read, poll, debugfs", each_file_call, 300 },
	{ "allocations that fail, one by one: bind", binds, 600 },
	{ "allocations that fail, one by one: unbind", unbinds, 600 },
	{ 0 },
};
