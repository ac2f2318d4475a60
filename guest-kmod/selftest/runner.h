/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Runs tests and reports them as KTAP. Each test is a process of its own with a
 * time limit: it leaves nothing open, may be killed by a signal, and ends at its
 * first failure.
 */
#ifndef SELFTEST_RUNNER_H
#define SELFTEST_RUNNER_H

#include <errno.h>
#include <stdbool.h>
#include <stdint.h>

struct test {
	const char *name; /* what must hold */
	void (*run)(void);
	unsigned int seconds; /* limit; 0: the default */
};

struct suites {
	const struct test *const *all; /* each ends with an empty test */
	unsigned int count;
	void (*restore)(void); /* after each test */
};

/*
 * Runs the tests with `filter` in their names; the last test is that the
 * kernel's log has no new warning. Returns how many failed; -1: there is no such test.
 */
int run_tests(const struct suites *suites, const char *filter);

_Noreturn void fail(const char *file, int line, const char *text);
_Noreturn void skip(const char *reason);

#define EXPECT(condition)                                                                          \
	do {                                                                                       \
		if (!(condition))                                                                  \
			fail(__FILE__, __LINE__, #condition);                                      \
	} while (0)

/* The call fails with this error. */
#define EXPECT_ERROR(call, error)                                                                  \
	do {                                                                                       \
		errno = 0;                                                                         \
		EXPECT((call) == -1 && errno == (error));                                          \
	} while (0)

/* Checks again and again, up to two seconds, or longer on a slow kernel. */
#define EXPECT_SOON(condition)                                                                     \
	do {                                                                                       \
		for (uint64_t end_ = now_ms() + 2000 * slowness(); !(condition); yield())          \
			if (now_ms() > end_)                                                       \
				fail(__FILE__, __LINE__, #condition);                              \
	} while (0)

/* How many times slower than usual this kernel may be: BELLWIRE_SLOWNESS, or 1. */
unsigned int slowness(void);

void yield(void);
void pause_ms(unsigned int ms);
uint64_t now_ms(void);

/* As root. False: errno says why. Unloading never waits. */
bool load_module(const char *path);
bool unload_module(const char *name);

#endif /* SELFTEST_RUNNER_H */
