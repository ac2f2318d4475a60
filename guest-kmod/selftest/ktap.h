/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Writes a KTAP report to standard output: the one writer of all programs that
 * run in the guest, in C and in C++. Lines that begin with "# " belong to the
 * result that follows them; the programs print those by themselves. Each line
 * is flushed at once, since a harness waits for it and a test may be killed.
 * For one thread. Format: Documentation/dev-tools/ktap.rst of Linux.
 */
#ifndef SELFTEST_KTAP_H
#define SELFTEST_KTAP_H

#include <stdbool.h>
#include <stdio.h>

struct ktap {
	unsigned int results; /* reported so far */
	unsigned int failed;  /* of them */
};

/* Begins the report, which promises so many results. */
static inline struct ktap ktap_begin(unsigned int planned)
{
	const struct ktap report = { 0, 0 };

	printf("KTAP version 1\n1..%u\n", planned);
	fflush(stdout);
	return report;
}

/* Reports a result. Returns `passed`. */
static inline bool ktap_result(struct ktap *report, bool passed, const char *name)
{
	report->results++;
	report->failed += !passed;
	printf("%s %u %s\n", passed ? "ok" : "not ok", report->results, name);
	fflush(stdout);
	return passed;
}

/* Reports a test that could not run here. */
static inline void ktap_skip(struct ktap *report, const char *name, const char *reason)
{
	report->results++;
	printf("ok %u %s # SKIP %s\n", report->results, name, reason);
	fflush(stdout);
}

#endif /* SELFTEST_KTAP_H */
