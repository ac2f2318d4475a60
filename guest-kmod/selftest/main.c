// SPDX-License-Identifier: GPL-2.0-only
/*
 * Tests the contract of the device file (guest-kmod/uapi/bellwire.h, part 2) from
 * user space, in the guest, as root. Prints KTAP; the exit status is 1 if a test
 * failed. Only the tests of interrupts need a device on the host.
 */
#define _GNU_SOURCE
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "selftest.h"

struct options options = {
	.module = "/lib/modules/bellwire.ko",
	.device = "/dev/bellwire0",
	.seed = 1,
	.rounds = 1000,
	.fuzz_seconds = 3,
};

static const struct test *const all[] = {
	error_tests,  mapping_tests, worker_tests, race_tests,     interrupt_tests,
	reset_tests,  step_tests,    unbind_tests, lifetime_tests, allocation_tests,
	caller_tests, end_tests,     fuzz_tests,
};

/* A test that failed may have left the device unbound, or the module removed. */
static void restore(void)
{
	if (access("/sys/bus/pci/drivers/bellwire", F_OK) != 0)
		insert_module();
	bind();
}

static const struct suites suites = { all, sizeof(all) / sizeof(*all), restore };

static const char usage[] =
	"Usage: module-selftest [OPTION]… [TEXT]\n"
	"Tests the bellwire kernel module in the guest. With TEXT: only tests with it in their names.\n"
	"  -m PATH     the module's file (/lib/modules/bellwire.ko)\n"
	"  -d PATH     the device file (/dev/bellwire0)\n"
	"  -s SEED     seed of the random calls (1)\n"
	"  -t SECONDS  duration of the random calls (3)\n"
	"  -r ROUNDS   in which all that ends a queue happens at once (1000)\n";

static void read_options(int argc, char **argv)
{
	for (int option; (option = getopt(argc, argv, "m:d:s:t:r:h")) != -1;)
		switch (option) {
		case 'm': options.module = optarg; break;
		case 'd': options.device = optarg; break;
		case 's': options.seed = strtoul(optarg, NULL, 0); break;
		case 't': options.fuzz_seconds = strtoul(optarg, NULL, 0); break;
		case 'r': options.rounds = strtoul(optarg, NULL, 0); break;
		default: fputs(usage, option == 'h' ? stdout : stderr); exit(option == 'h' ? 0 : 2);
		}
}

int main(int argc, char **argv)
{
	int failed;

	read_options(argc, argv);
	if (access(options.device, F_OK) != 0 && !insert_module() && errno != EEXIST) {
		fprintf(stderr, "module-selftest: %s: %s; name the module with -m\n",
			options.module, strerror(errno));
		return 2;
	}
	if (access(options.device, F_OK) != 0) {
		fprintf(stderr, "module-selftest: no %s: the kernel's log says why (dmesg)\n",
			options.device);
		return 2;
	}
	bind(); /* remembers where the device is */
	failed = run_tests(&suites, optind < argc ? argv[optind] : "");
	return failed < 0 ? 2 : failed > 0;
}
