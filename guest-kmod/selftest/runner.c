// SPDX-License-Identifier: GPL-2.0-only
/* Runs each test in a process, reports KTAP, and checks the kernel's log at the end. */
#define _GNU_SOURCE
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "ktap.h"
#include "runner.h"

enum { PASSED = 0, FAILED = 1, SKIPPED = 4, SECONDS = 60 };

void yield(void)
{
	usleep(20);
}

void pause_ms(unsigned int ms)
{
	usleep(ms * 1000);
}

uint64_t now_ms(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec * 1000ull + now.tv_nsec / 1000000;
}

bool load_module(const char *path)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	bool loaded;

	if (fd < 0)
		return false;
	loaded = syscall(SYS_finit_module, fd, "", 0) == 0;
	close(fd);
	return loaded;
}

bool unload_module(const char *name)
{
	return syscall(SYS_delete_module, name, O_NONBLOCK) == 0;
}

static int log_fd = -1;

static void kernel_log_begin(void)
{
	log_fd = open("/dev/kmsg", O_RDONLY | O_NONBLOCK | O_CLOEXEC);
	if (log_fd >= 0)
		lseek(log_fd, 0, SEEK_END);
}

static bool alarming(const char *record)
{
	static const char *const alarms[] = {
		"WARNING:", "BUG:", "Oops", "general protection", "blocked for more than", "stall",
	};

	for (unsigned int i = 0; i < sizeof(alarms) / sizeof(*alarms); i++)
		if (strstr(record, alarms[i]))
			return true;
	return false;
}

/* EPIPE: records were overwritten before they were read; the next read continues. */
static bool kernel_log_clean(void)
{
	char record[8192];
	bool clean = true;
	ssize_t length;

	while ((length = read(log_fd, record, sizeof(record) - 1)) > 0 ||
	       (length < 0 && errno == EPIPE)) {
		record[length > 0 ? length : 0] = 0;
		if (!alarming(record))
			continue;
		printf("# kernel: %s", record);
		clean = false;
	}
	return clean;
}

static char *skip_reason; /* shared with the test's process */

void fail(const char *file, int line, const char *text)
{
	printf("# %s:%d: expected %s (errno: %s)\n", file, line, text, strerror(errno));
	fflush(stdout);
	_exit(FAILED);
}

void skip(const char *reason)
{
	snprintf(skip_reason, 256, "%s", reason);
	_exit(SKIPPED);
}

unsigned int slowness(void)
{
	const char *text = getenv("BELLWIRE_SLOWNESS");
	int factor = text ? atoi(text) : 1;

	return factor > 0 ? factor : 1;
}

static int run_in_process(const struct test *test)
{
	int status;
	pid_t pid;

	fflush(stdout);
	pid = fork();
	if (pid == 0) {
		setpgid(0, 0);
		alarm((test->seconds ? test->seconds : SECONDS) * slowness());
		test->run();
		fflush(stdout);
		_exit(PASSED);
	}
	setpgid(pid, pid);
	waitpid(pid, &status, 0);
	kill(-pid, SIGKILL); /* kills what the test started */
	if (WIFSIGNALED(status))
		printf("# ended by: %s\n", strsignal(WTERMSIG(status)));
	return WIFEXITED(status) ? WEXITSTATUS(status) : FAILED;
}

static void run(const struct test *test, struct ktap *report)
{
	int result = run_in_process(test);

	if (result == SKIPPED)
		ktap_skip(report, test->name, skip_reason);
	else
		ktap_result(report, result == PASSED, test->name);
}

static unsigned int count_tests(const struct suites *suites, const char *filter)
{
	unsigned int count = 1; /* the kernel's log */

	for (unsigned int i = 0; i < suites->count; i++)
		for (const struct test *test = suites->all[i]; test->name; test++)
			count += strstr(test->name, filter) != NULL;
	return count;
}

/* After each test, undoes what a failed one may have left behind. */
static void run_suite(const struct suites *suites, const struct test *test, const char *filter,
		      struct ktap *report)
{
	for (; test->name; test++)
		if (strstr(test->name, filter)) {
			run(test, report);
			suites->restore();
		}
}

static void complain_of(const struct suites *suites, const char *filter)
{
	fprintf(stderr, "module-selftest: no test has '%s' in its name; there are:\n", filter);
	for (unsigned int i = 0; i < suites->count; i++)
		for (const struct test *test = suites->all[i]; test->name; test++)
			fprintf(stderr, "  %s\n", test->name);
}

int run_tests(const struct suites *suites, const char *filter)
{
	const unsigned int planned = count_tests(suites, filter);
	struct ktap report;

	if (planned == 1) {
		complain_of(suites, filter);
		return -1;
	}
	skip_reason = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	kernel_log_begin();
	report = ktap_begin(planned);
	for (unsigned int i = 0; i < suites->count; i++)
		run_suite(suites, suites->all[i], filter, &report);
	ktap_result(&report, kernel_log_clean(), "the kernel's log has no warning");
	return report.failed;
}
