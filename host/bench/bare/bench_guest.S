/* SPDX-License-Identifier: BSD-3-Clause */
/* The bench guest: rings a doorbell again and again, and times each burst. */
#include "host/bench/bare/bench_guest.h"
#include "vdev/machine/kvm/guest_layout.h"

	.section .rodata.bench_guest, "a"
	.balign 4096
	.globl bellwire_bench_guest
bellwire_bench_guest:
start:
	.set way, start + GUEST_DATA + BENCH_WAY
	.set count, start + GUEST_DATA + BENCH_COUNT
	.set address, start + GUEST_DATA + BENCH_ADDRESS
	.set ticks, start + GUEST_DATA + BENCH_TICKS

	mov way(%rip), %eax
	lea ways(%rip), %r8
	movslq (%r8, %rax, 4), %rax
	add %rax, %r8
	mov count(%rip), %ebx
	lea ticks(%rip), %rdi
next:	rdtsc
	mov %eax, %esi
	mov address(%rip), %rdx
	mov $BENCH_VALUE, %eax
	call *%r8
	rdtsc
	sub %esi, %eax
	mov %eax, (%rdi)
	add $4, %rdi
	dec %ebx
	jnz next
	mov $GUEST_PORT, %edx
	mov $GUEST_DONE, %al
	out %al, %dx
	jmp start

	.balign 4
ways:	.long nothing - ways, mmio - ways, pio - ways

	.macro burst name, instruction:vararg
\name:	.rept BENCH_BURST
	\instruction
	.endr
	ret
	.endm
	burst nothing, nop
	burst mmio, mov %eax, (%rdx)
	burst pio, out %eax, %dx

interrupt:
	ud2

#include "vdev/machine/kvm/guest.inc"
	.org GUEST_SIZE
	.section .note.GNU-stack, "", @progbits
