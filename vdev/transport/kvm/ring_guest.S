/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The ring guest: a driver of queue 0 by guest-kmod/uapi/bellwire.h, part 1,
 * as vdev/ring/driver_queue.cpp is, and nothing else. It sends the requests
 * that the plan wants, so many in flight, and records what comes back. The
 * doorbell is a write that KVM takes for an eventfd; it sleeps in `hlt`, and
 * an interrupt wakes it. Interrupts are off, but for that `hlt`, so none can
 * come between the last look and the sleep.
 *
 * %rbx control, %rbp requests, %r8 completions, %r9 payload, %r10 records
 * %r11 ring entries - 1, %r14 requests planned, %r15 depth
 * %r12 submitted, %r13 consumed: they begin at 0, and so are request numbers
 */
#include "vdev/machine/kvm/guest_layout.h"
#include "vdev/transport/kvm/ring_guest.h"

	.section .rodata.ring_guest, "a"
	.balign 4096
	.globl bellwire_ring_guest
bellwire_ring_guest:
start:
	.set doorbells, start + GUEST_DATA + RING_DOORBELLS
	.set interrupts, start + GUEST_DATA + RING_INTERRUPTS
	.set strays, start + GUEST_DATA + RING_STRAYS
	.set identity, start + GUEST_DATA + RING_IDENTITY

	mov $GUEST_APIC_SPURIOUS, %edi
	movl $GUEST_APIC_ENABLE, (%rdi)
	call look_around
	call begin_generation
next:	cmp %r14d, %r13d
	je end
	call submit_all
	call publish
	call wait_for_completion
	call take
	jmp next
end:	incl CONTROL_GENERATION(%rbx)
	mov $GUEST_DONE, %al
report:	mov $GUEST_PORT, %edx
	out %al, %dx
	jmp report
broken:	mov $RING_BROKEN, %al
	jmp report

look_around:
	mov $RING_PLAN, %edi
	mov RING_PLAN_REQUESTS(%rdi), %r14d
	mov RING_PLAN_DEPTH(%rdi), %r15d
	mov $RING_REGISTERS, %edi
	mov (%rdi), %rax
	mov %rax, identity(%rip)
	mov $RING_RECORDS, %r10d
	mov $RING_MEMORY, %edi
	mov FORMAT_QUEUE_OFFSET(%rdi), %rbx
	add %rdi, %rbx
	lea CONTROL_SIZE(%rbx), %rbp
	mov FORMAT_RING_ENTRIES(%rdi), %eax
	lea -1(%rax), %r11d
	shl $6, %rax
	lea (%rbp, %rax), %r8
	lea (%r8, %rax), %r9
	imul $TRACE_SIZES, FORMAT_TRACE_ENTRIES(%rdi), %eax
	add %rax, %r9
	xor %r12d, %r12d
	xor %r13d, %r13d
	ret

/* Even while the words are rewritten, odd from then on. Until it is served. */
begin_generation:
	mov CONTROL_GENERATION(%rbx), %edx
	or $1, %edx
	inc %edx
	mov %edx, %eax
	xchg %eax, CONTROL_GENERATION(%rbx)
	movl $0, CONTROL_SUBMITTED(%rbx)
	movl $0, CONTROL_CONSUMED(%rbx)
	movl $0, CONTROL_INTERRUPT_EVENT(%rbx)
	inc %edx
	mov %edx, CONTROL_GENERATION(%rbx)
	call ring
1:	mov CONTROL_GENERATION(%rbx), %eax
	cmp %eax, CONTROL_SERVED(%rbx)
	je 2f
	call sleep
	jmp 1b
2:	ret

/* Of a ring that is lost one is to know that it was rung: "Hanging". */
ring:	mov %r12d, CONTROL_LAST_RUNG(%rbx)
	mov $RING_DOORBELL, %edi
	movl $0, (%rdi)
	incq doorbells(%rip)
	ret

/* An interrupt that came before is taken here, and ends the sleep at once. */
sleep:	sti
asleep:	hlt
	cli
	ret

submit_all:
	cmp %r14d, %r12d
	je 1f
	mov %r12d, %eax
	sub %r13d, %eax
	cmp %r15d, %eax
	jae 1f
	call submit
	jmp submit_all
1:	ret

/* A ring entry's own room in the payload: input, then output. */
submit:	mov %r12d, %edx
	and %r11d, %edx
	shl $6, %edx
	lea (%rbp, %rdx), %rbx
	add %edx, %edx
	imul $RECORD_SIZE, %r12, %rsi
	add %r10, %rsi
	lea (%r9, %rdx), %rdi
	mov $(RING_PIECE / 8), %ecx
	rep movsq
	xor %eax, %eax
	mov $(RING_PIECE / 8), %ecx
	rep stosq
	mov %r12, REQUEST_COOKIE(%rbx)
	mov %edx, REQUEST_INPUT_OFFSET(%rbx)
	movl $RING_PIECE, REQUEST_INPUT_LENGTH(%rbx)
	add $RING_PIECE, %edx
	mov %edx, REQUEST_OUTPUT_OFFSET(%rbx)
	movl $RING_PIECE, REQUEST_OUTPUT_LENGTH(%rbx)
	mov %rax, REQUEST_OPERATION(%rbx)
	lea -CONTROL_SIZE(%rbp), %rbx
	call clock
	mov %rax, (RECORD_SUBMITTED_AT - RING_PIECE)(%rsi)
	mov $TRACE_SUBMITTED, %edx
	mov %r12d, %esi
	call note
	inc %r12d
	ret

clock:	rdtsc
	shl $32, %rdx
	or %rdx, %rax
	ret

/* Rings if the device's event is among the new ones: bellwire_event_passed(). */
publish:
	mov %r12d, %ecx
	xchg %ecx, CONTROL_SUBMITTED(%rbx)
	mov %r12d, %edx
	sub CONTROL_DOORBELL_EVENT(%rbx), %edx
	dec %edx
	mov %r12d, %eax
	sub %ecx, %eax
	cmp %eax, %edx
	jb ring
	ret

wait_for_completion:
	mov CONTROL_COMPLETED(%rbx), %eax
	cmp %r13d, %eax
	jne 1f
	cmpl $0, CONTROL_STATUS(%rbx)
	jne broken
	mov %r13d, %ecx
	xchg %ecx, CONTROL_INTERRUPT_EVENT(%rbx)
	cmp %r13d, CONTROL_COMPLETED(%rbx)
	jne wait_for_completion
	call sleep
	mov $TRACE_AWAKE, %edx
	mov CONTROL_COMPLETED(%rbx), %esi
	mov %esi, CONTROL_LAST_INTERRUPTED(%rbx)
	call note
	jmp wait_for_completion
1:	sub %r13d, %eax
	mov %r12d, %ecx
	sub %r13d, %ecx
	cmp %ecx, %eax
	ja broken
	ret

/* Request `cookie` was entry `cookie` of its ring, so its room is known. */
take:	mov $TRACE_CONSUMED, %edx
	mov %r13d, %esi
	call note
	mov %r13d, %eax
	and %r11d, %eax
	shl $6, %eax
	lea (%r8, %rax), %rdi
	mov COMPLETION_COOKIE(%rdi), %rsi
	mov COMPLETION_STATUS(%rdi), %rcx
	mov COMPLETION_RESULT(%rdi), %rdx
	inc %r13d
	mov %r13d, CONTROL_CONSUMED(%rbx)
	cmp %r12, %rsi
	jae stray
	imul $RECORD_SIZE, %rsi, %rdi
	add %r10, %rdi
	incl RECORD_ANSWERS(%rdi)
	cmpl $1, RECORD_ANSWERS(%rdi)
	jne stray
	mov %rcx, RECORD_STATUS(%rdi)
	mov %rdx, RECORD_RESULT(%rdi)
	call clock
	mov %rax, RECORD_TAKEN_AT(%rdi)
	and %r11d, %esi
	shl $7, %esi
	lea RING_PIECE(%r9, %rsi), %rsi
	add $RECORD_OUTPUT, %rdi
	mov $(RING_PIECE / 8), %ecx
	rep movsq
	ret
stray:	incq strays(%rip)
	ret

/* A record of stage %edx and index %esi, which was looked at before the clock; "Recording". */
note:	cmpl $0, CONTROL_RECORDING(%rbx)
	je 1f
	mov $RING_MEMORY, %edi
	mov FORMAT_TRACE_ENTRIES(%rdi), %ecx
	sub $1, %ecx
	jb 1f
	and CONTROL_WRITTEN(%rbx), %ecx
	imul $TRACE_SIZE, %ecx, %ecx
	lea 1(%r11), %edi
	shl $6, %edi
	add %r8, %rdi
	add %rcx, %rdi
	mov CONTROL_GENERATION(%rbx), %eax
	shl $16, %eax
	or %edx, %eax
	mov %eax, TRACE_STAGE(%rdi)
	mov %esi, TRACE_INDEX(%rdi)
	lfence
	call clock
	mov %rax, TRACE_TICKS(%rdi)
	incq CONTROL_WRITTEN(%rbx)
1:	ret

/*
 * One that comes between `sti` and `hlt` must not leave us asleep. A CPU lets
 * none in there; an emulated one that runs KVM may.
 */
interrupt:
	push %rax
	lea asleep(%rip), %rax
	cmp %rax, 16(%rsp)
	jne 1f
	incq 16(%rsp)
1:	incq interrupts(%rip)
	mov $GUEST_APIC_EOI, %eax
	movl $0, (%rax)
	pop %rax
	add $8, %rsp
	iretq

#include "vdev/machine/kvm/guest.inc"
	.org GUEST_SIZE
	.section .note.GNU-stack, "", @progbits
