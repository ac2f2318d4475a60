/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What the tests share. Each test is a process of its own, with a time limit:
 * it leaves nothing open, may die of a signal, and ends at its first failure.
 */
#ifndef SELFTEST_H
#define SELFTEST_H

#include <errno.h>
#include <stdbool.h>
#include <stdint.h>

#include "guest-kmod/uapi/bellwire.h"

struct test {
	const char *name; /* the promise */
	void (*run)(void);
	unsigned int seconds; /* limit; 0: the usual */
};

/* Each ends with an empty entry. */
extern const struct test error_tests[], mapping_tests[], worker_tests[], race_tests[],
	interrupt_tests[], unbind_tests[], lifetime_tests[], fuzz_tests[];

struct options {
	const char *module;
	const char *device; /* "/dev/bellwire0" */
	unsigned int seed;
	unsigned int fuzz_seconds;
};
extern struct options options;

_Noreturn void fail(const char *file, int line, const char *text);
_Noreturn void skip(const char *reason);

#define EXPECT(condition)                                                    \
	do {                                                                 \
		if (!(condition))                                            \
			fail(__FILE__, __LINE__, #condition);                \
	} while (0)

/* The call fails, and with this error. */
#define EXPECT_ERROR(call, error)                                            \
	do {                                                                 \
		errno = 0;                                                   \
		EXPECT((call) == -1 && errno == (error));                    \
	} while (0)

/* Looks again and again, up to two seconds. */
#define EXPECT_SOON(condition)                                               \
	do {                                                                 \
		for (uint64_t end_ = now_ms() + 2000; !(condition); yield())  \
			if (now_ms() > end_)                                 \
				fail(__FILE__, __LINE__, #condition);        \
	} while (0)

void yield(void);
void pause_ms(unsigned int ms);
uint64_t now_ms(void);

/* The workers, for loops over all of them. */
enum { FIRST = BELLWIRE_WORKER_READ, LAST = BELLWIRE_WORKER_CALLBACK };

/* The device file. What may fail is left to the test; what must not, isn't. */
int open_device(int flags);
int claim(int fd, uint32_t queue);
int set_call(int fd, int call);
int set_kick(int fd, int kick, uint32_t worker);
struct bellwire_info info(int fd);
int new_eventfd(int flags);
void ring_eventfd(int fd, uint64_t count);
int claimed(void); /* a file with a queue */
bool drained(int eventfd);
uint64_t doorbells(int fd); /* but the one of the claim */
struct bellwire_queue_control *map_queue(int fd);
uint64_t map_size(void);

/* Begins a generation and waits for the device's interrupt; skips without a device. */
void need_interrupt(int fd);

/* The driver's bind file and the module, as root. */
void unbind(void);
void bind(void);
int insert_module(void);
int remove_module(void);

/* The queue's line of the table in debugfs. */
void debugfs_line(uint32_t queue, char *line, int size);
/* The kernel's log, from begin on. */
void kernel_log_begin(void);
bool kernel_log_clean(void);

#endif /* SELFTEST_H */
