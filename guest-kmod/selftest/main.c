// SPDX-License-Identifier: GPL-2.0-only
/*
 * Tests what the device file promises (guest-kmod/uapi/bellwire.h, part 2),
 * from user space, in the guest, as root; KTAP on stdout, exit status 1 if a
 * test failed. A device on the host is needed by those about interrupts only.
 */
#define _GNU_SOURCE
#include <getopt.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "selftest.h"

enum { PASSED = 0, FAILED = 1, SKIPPED = 4, SECONDS = 60 };

struct options options = {
	.module = "/lib/modules/bellwire.ko",
	.device = "/dev/bellwire0",
	.seed = 1,
	.fuzz_seconds = 3,
};

static const struct test *const suites[] = {
	error_tests, mapping_tests, worker_tests, race_tests,
	interrupt_tests, unbind_tests, lifetime_tests, fuzz_tests,
};
enum { SUITES = sizeof(suites) / sizeof(*suites) };

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

static int run_in_process(const struct test *test)
{
	int status;
	pid_t pid;

	fflush(stdout);
	pid = fork();
	if (pid == 0) {
		setpgid(0, 0);
		alarm(test->seconds ? test->seconds : SECONDS);
		test->run();
		fflush(stdout);
		_exit(PASSED);
	}
	setpgid(pid, pid);
	waitpid(pid, &status, 0);
	kill(-pid, SIGKILL); /* what it started */
	if (WIFSIGNALED(status))
		printf("# ended by: %s\n", strsignal(WTERMSIG(status)));
	return WIFEXITED(status) ? WEXITSTATUS(status) : FAILED;
}

/* A test that failed may have left it unbound or removed. */
static void restore(void)
{
	if (access("/sys/bus/pci/drivers/bellwire", F_OK) != 0)
		insert_module();
	bind();
}

static bool run(const struct test *test, int number)
{
	int result = run_in_process(test);

	restore();
	printf("%s %d - %s", result == PASSED || result == SKIPPED ? "ok" : "not ok", number, test->name);
	if (result == SKIPPED)
		printf(" # SKIP %s", skip_reason);
	printf("\n");
	return result == PASSED || result == SKIPPED;
}

static int count_tests(const char *filter)
{
	int count = 1; /* the kernel's log */

	for (int i = 0; i < SUITES; i++)
		for (const struct test *test = suites[i]; test->name; test++)
			count += strstr(test->name, filter) != NULL;
	return count;
}

static int run_all(const char *filter)
{
	int number = 0, failed = 0;
	bool clean;

	printf("KTAP version 1\n1..%d\n", count_tests(filter));
	for (int i = 0; i < SUITES; i++)
		for (const struct test *test = suites[i]; test->name; test++)
			if (strstr(test->name, filter))
				failed += !run(test, ++number);
	clean = kernel_log_clean();
	printf("%s %d - the kernel's log has no warning\n", clean ? "ok" : "not ok", ++number);
	return failed + !clean;
}

static const char usage[] =
	"Usage: module-selftest [OPTION]… [TEXT]\n"
	"Tests the bellwire kernel module in the guest; with TEXT only the tests whose names have it.\n"
	"  -m PATH     the module (/lib/modules/bellwire.ko)\n"
	"  -d PATH     the device file (/dev/bellwire0)\n"
	"  -s SEED     of the random calls (1)\n"
	"  -t SECONDS  of random calls (3)\n";

static void read_options(int argc, char **argv)
{
	for (int option; (option = getopt(argc, argv, "m:d:s:t:h")) != -1;)
		switch (option) {
		case 'm': options.module = optarg; break;
		case 'd': options.device = optarg; break;
		case 's': options.seed = strtoul(optarg, NULL, 0); break;
		case 't': options.fuzz_seconds = strtoul(optarg, NULL, 0); break;
		default:
			fputs(usage, option == 'h' ? stdout : stderr);
			exit(option == 'h' ? 0 : 2);
		}
}

int main(int argc, char **argv)
{
	read_options(argc, argv);
	skip_reason = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	kernel_log_begin();
	if (access(options.device, F_OK) != 0 && insert_module() != 0 && errno != EEXIST) {
		fprintf(stderr, "module-selftest: %s: %s; name the module with -m\n", options.module,
			strerror(errno));
		return 2;
	}
	if (access(options.device, F_OK) != 0) {
		fprintf(stderr, "module-selftest: no %s: the kernel's log says why (dmesg)\n",
			options.device);
		return 2;
	}
	bind(); /* remembers where the device is */
	return run_all(optind < argc ? argv[optind] : "") ? 1 : 0;
}
