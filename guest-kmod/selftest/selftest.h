/* SPDX-License-Identifier: GPL-2.0-only */
/* Shared by the tests of the bellwire module. */
#ifndef SELFTEST_H
#define SELFTEST_H

#include "guest-kmod/uapi/bellwire.h"
#include "runner.h"

extern const struct test error_tests[], mapping_tests[], worker_tests[], race_tests[],
	interrupt_tests[], reset_tests[], step_tests[], unbind_tests[], lifetime_tests[],
	allocation_tests[], caller_tests[], end_tests[], fuzz_tests[];

struct options {
	const char *module;
	const char *device; /* "/dev/bellwire0" */
	unsigned int seed;
	unsigned int fuzz_seconds;
	unsigned int rounds; /* of the race between all ends */
};
extern struct options options;

/* The workers, for loops over all of them. */
enum { FIRST = BELLWIRE_WORKER_READ, LAST = BELLWIRE_WORKER_CALLBACK };

/* The device file. Calls that may fail return it to the test; those that must not, check it. */
int open_device(int flags);
int claim(int fd, uint32_t queue);
int set_call(int fd, int call);
int set_kick(int fd, int kick, uint32_t worker);
struct bellwire_info info(int fd);
int new_eventfd(int flags);
void ring_eventfd(int fd, uint64_t count);
int claimed(void); /* a file with a queue */
bool drained(int eventfd);
uint64_t doorbells(int fd); /* without that of the claim */
struct bellwire_queue_control *map_queue(int fd);
uint64_t map_size(void);

/* A file with a queue whose device runs, and whose interrupts are all read. */
int quiet(int flags);
void reset(int fd); /* begins a generation */
short poll_now(int fd);

/* Begins a generation and waits for the device's interrupt. Skips the test without a device. */
void need_interrupt(int fd);

/* The driver's files in sysfs, and the module, as root. */
#define DRIVER "/sys/bus/pci/drivers/bellwire"
const char *pci_address(void); /* "0000:00:03.0" */
void write_text(const char *path, const char *text);
void unbind(void);
void bind(void);
bool reset_device(void); /* false: there is no way to */
bool insert_module(void);
bool remove_module(void);

/* The queue's line of the table in debugfs. */
void debugfs_line(uint32_t queue, char *line, int size);

#endif /* SELFTEST_H */
