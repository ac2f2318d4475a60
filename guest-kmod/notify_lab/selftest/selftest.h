/* SPDX-License-Identifier: GPL-2.0-only */
/* What the tests of the notify_lab module share. */
#ifndef LAB_SELFTEST_H
#define LAB_SELFTEST_H

#include "guest-kmod/notify_lab/uapi/notify_lab.h"
#include "guest-kmod/selftest/runner.h"

extern const struct test error_tests[], wrong_tests[], send_tests[], signal_tests[],
	receive_tests[], answer_tests[], eventfd_tests[], lifetime_tests[], fuzz_tests[];

#define DEVICE "/dev/notify_lab"
extern const char *module_path;

/* A session, mapped. */
struct session {
	int fd;
	struct notify_lab_map *map;
};

struct session open_session(void);
void close_session(const struct session *session);
struct notify_lab_job job(__u32 send, __u32 receive, __u32 count); /* no fds, any CPU, burst */
struct notify_lab_job paced(struct notify_lab_job job);
struct notify_lab_job hardirq(struct notify_lab_job job);
int start(const struct session *session, const struct notify_lab_job *job);
struct notify_lab_info info(const struct session *session);
void acknowledge(const struct session *session, __u64 count);

/* Waits for the job's end, which must be without an error. */
struct notify_lab_info done(const struct session *session);

/* The same for a job that sent: `count` records, numbered, in the order of their times, from that
 * context. */
struct notify_lab_info finish(const struct session *session, uint64_t count, __u32 context);

/* What one side holds and the other is given: one can be read, the other written. */
struct link {
	int in, out;
};

/* Indexed by the value of the sender or receiver; their names are in link.c. */
struct link_kind {
	const char *name;
	__u32 send, receive;
	struct link (*open)(void);
	bool paced; /* loses in a burst */
};
extern const struct link_kind link_kinds[]; /* those that carry bytes; ends with an empty one */

struct link open_fifo(void);
int new_eventfd(int flags);
void put(int fd, uint64_t number); /* eight bytes */
uint64_t get(int fd);
bool readable(int fd);

/* Generic netlink: a bound socket, and messages of our family. */
int open_netlink(void);
__u32 netlink_port(int fd);
void join_group(int fd);
/* Waits for one, and checks it. ENOBUFS only says that the kernel had to wait. */
uint64_t get_notice(int fd, __u32 session);
/* The kernel's answer, as an errno; attributes with the value 0 may be left out. */
int put_notice(int fd, __u32 session, uint64_t number);
int put_raw(int fd, const void *attributes, unsigned int size);

#endif /* LAB_SELFTEST_H */
