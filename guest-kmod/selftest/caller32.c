// SPDX-License-Identifier: GPL-2.0-only
/*
 * The 32-bit caller: makes the calls of callers.h with the device that its first
 * argument names, and writes the transcript to standard output. It has no C
 * library; callers.c carries it and starts it.
 */
#include <linux/fcntl.h>
#include <stddef.h>

#include "callers.h"

_Static_assert(sizeof(long) == 4, "compiled with -m32");

static long system_call(long number, long first, long second, long third)
{
	long result;

	__asm__ volatile("int $0x80"
			 : "=a"(result)
			 : "a"(number), "b"(first), "c"(second), "d"(third)
			 : "memory");
	return result;
}

/* The compiler calls it. */
void *memset(void *to, int byte, unsigned int size)
{
	void *at = to;

	__asm__ volatile("rep stosb" : "+D"(at), "+c"(size) : "a"(byte) : "memory");
	return to;
}

/* Begins with the number of arguments, then has the arguments. */
_Noreturn void begin(const long *stack);

__asm__(".globl _start\n"
	"_start: mov %esp, %eax\n"
	"and $-16, %esp\n"
	"sub $12, %esp\n"
	"push %eax\n"
	"call begin\n");

_Noreturn void begin(const long *stack)
{
	static struct transcript transcript;
	long status = make_calls((const char *)stack[2], &transcript);

	if (!status)
		status = system_call(__NR_write, 1, (long)&transcript, sizeof(transcript)) -
			 (long)sizeof(transcript);
	for (;;)
		system_call(__NR_exit, status != 0, 0, 0);
}
