/* SPDX-License-Identifier: GPL-2.0-only */
/* A page whose fault waits for the test, by userfaultfd: it stops a system call within a copy. */
#ifndef SELFTEST_SLOW_BUFFER_H
#define SELFTEST_SLOW_BUFFER_H

struct slow_buffer {
	void *page;
	int fd; /* userfaultfd */
};

/* Skips where the kernel has no userfaultfd. */
struct slow_buffer slow_buffer(void);

/* Returns when a thread waits in the fault. */
void slow_buffer_await(const struct slow_buffer *buffer);

/* Unmaps the page, so the fault fails. */
void slow_buffer_fail(const struct slow_buffer *buffer);

#endif /* SELFTEST_SLOW_BUFFER_H */
