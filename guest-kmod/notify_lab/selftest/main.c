// SPDX-License-Identifier: GPL-2.0-only
/*
 * Tests the contract of notify_lab.ko (guest-kmod/notify_lab/uapi/notify_lab.h) in
 * the guest, as root. Loads the module if needed. Prints KTAP; the exit status is
 * 1 if a test failed. No test depends on speed.
 */
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "selftest.h"

const char *module_path = "/lib/modules/notify_lab.ko";

static const struct test *const all[] = {
	error_tests,  wrong_tests,   send_tests,     signal_tests, receive_tests,
	answer_tests, eventfd_tests, lifetime_tests, fuzz_tests,
};

static void restore(void)
{
	if (access(DEVICE, F_OK) != 0)
		load_module(module_path);
}

static const struct suites suites = { all, sizeof(all) / sizeof(*all), restore };

int main(int argc, char **argv)
{
	restore();
	if (access(DEVICE, F_OK) != 0) {
		fprintf(stderr, "lab-selftest: no " DEVICE " from %s: %s; see dmesg\n", module_path,
			strerror(errno));
		return 2;
	}
	return run_tests(&suites, argc > 1 ? argv[1] : "") ? 1 : 0;
}
