// SPDX-License-Identifier: GPL-2.0-only
/* A 32-bit program gets the same results as a 64-bit one. This file has the 32-bit one in it. */
#define _GNU_SOURCE
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "callers.h"
#include "selftest.h"

__asm__(".pushsection .rodata\n"
	"caller32: .incbin \"" CALLER32 "\"\n"
	"caller32_end:\n"
	".popsection\n");
extern const char caller32[], caller32_end[];

static long system_call(long number, long first, long second, long third)
{
	long result = syscall(number, first, second, third);

	return result < 0 ? -errno : result;
}

static int caller32_file(void)
{
	size_t size = caller32_end - caller32;
	int fd = memfd_create("caller32", MFD_CLOEXEC);

	EXPECT(fd >= 0 && write(fd, caller32, size) == (ssize_t)size);
	return fd;
}

static _Noreturn void become_caller32(int output)
{
	char *arguments[] = { "caller32", (char *)options.device, NULL };
	int program = caller32_file();

	dup2(output, STDOUT_FILENO);
	fexecve(program, arguments, (char *[]){ NULL });
	_exit(errno == ENOEXEC ? 2 : 3);
}

static void run_caller32(struct transcript *all)
{
	size_t length = 0;
	ssize_t more;
	int ends[2], status;
	pid_t pid;

	EXPECT(pipe(ends) == 0);
	pid = fork();
	EXPECT(pid >= 0);
	if (pid == 0)
		become_caller32(ends[1]);
	close(ends[1]);
	while (length < sizeof(*all) &&
	       (more = read(ends[0], (char *)all + length, sizeof(*all) - length)) > 0)
		length += more;
	EXPECT(waitpid(pid, &status, 0) == pid);
	if (WIFEXITED(status) && WEXITSTATUS(status) == 2)
		skip("this kernel runs no 32-bit programs");
	EXPECT(status == 0 && length == sizeof(*all));
}

static void show(const char *who, const struct outcome *outcome)
{
	printf("# %s: %d:", who, outcome->result);
	for (unsigned int i = 0; i < sizeof(outcome->argument); i++)
		printf(" %02x", outcome->argument[i]);
	printf("\n");
}

static bool same(const struct transcript *wide, const struct transcript *narrow)
{
	unsigned int differ = 0;

	for (unsigned int i = 0; i < CALLS; i++)
		if (memcmp(&wide->outcomes[i], &narrow->outcomes[i], sizeof(struct outcome))) {
			printf("# call %u:\n", i);
			show("64 bits", &wide->outcomes[i]);
			show("32 bits", &narrow->outcomes[i]);
			differ++;
		}
	return !differ;
}

static unsigned int successes(const struct transcript *all)
{
	unsigned int count = 0;

	for (unsigned int i = 0; i < CALLS; i++)
		count += all->outcomes[i].result == 0;
	return count;
}

static void both(void)
{
	static struct transcript wide, narrow;

	EXPECT(make_calls(options.device, &wide) == 0);
	EXPECT(wide.calls == CALLS);
	EXPECT(successes(&wide) == SUCCESSES);
	run_caller32(&narrow);
	EXPECT(narrow.calls == CALLS && same(&wide, &narrow));
}

const struct test caller_tests[] = {
	{ "a 32-bit program gets the same results as a 64-bit one", both, 0 },
	{ 0 },
};
