/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The monitor: the guest of a KvmMachine. It obeys the host, one command
 * at a time: an access, or to take the interrupts that are pending. Interrupts
 * are off at all other times.
 */
#include "vdev/machine/kvm/guest_layout.h"
#include "vdev/machine/kvm/monitor.h"

	.section .rodata.monitor, "a"
	.balign 4096
	.globl bellwire_monitor
bellwire_monitor:
start:
	.set command, start + GUEST_DATA + MONITOR_COMMAND
	.set taken, start + GUEST_DATA + MONITOR_TAKEN
	.set address, start + GUEST_DATA + MONITOR_ADDRESS
	.set value, start + GUEST_DATA + MONITOR_VALUE
	.set vectors, start + GUEST_DATA + MONITOR_VECTORS

next:
	mov command(%rip), %eax
	lea commands(%rip), %rbx
	movslq (%rbx, %rax, 4), %rcx
	add %rcx, %rbx
	mov value(%rip), %rax
	mov address(%rip), %rdx
	call *%rbx
	mov $GUEST_PORT, %edx
	mov $GUEST_DONE, %al
	out %al, %dx
	jmp next

	.balign 4
commands:
	.long write_1 - commands, write_2 - commands, write_4 - commands, write_8 - commands
	.long read_1 - commands, read_2 - commands, read_4 - commands, read_8 - commands
	.long out_1 - commands, out_2 - commands, out_4 - commands, bad - commands
	.long in_1 - commands, in_2 - commands, in_4 - commands, bad - commands
	.long take - commands, enable_apic - commands

write_1: call map
	mov %al, (%rdx)
	ret
write_2: call map
	mov %ax, (%rdx)
	ret
write_4: call map
	mov %eax, (%rdx)
	ret
write_8: call map
	mov %rax, (%rdx)
	ret
read_1:	call map
	mov (%rdx), %al
	ret
read_2:	call map
	mov (%rdx), %ax
	ret
read_4:	call map
	mov (%rdx), %eax
	ret
read_8:	call map
	mov (%rdx), %rax
	ret
out_1:	out %al, %dx
	ret
out_2:	out %ax, %dx
	ret
out_4:	out %eax, %dx
	ret
in_1:	in %dx, %al
	ret
in_2:	in %dx, %ax
	ret
in_4:	in %dx, %eax
	ret
bad:	ud2

/*
 * Interrupts come where they are let in, at the latest when KVM enters the
 * guest: so it leaves, and comes back, until nothing came that way.
 */
take:	sti
1:	mov taken(%rip), %ecx
	mov $GUEST_PORT, %edx
	mov $GUEST_YIELD, %al
	out %al, %dx
	cmp taken(%rip), %ecx
	jne 1b
	cli
	ret

enable_apic:
	mov $GUEST_APIC_SPURIOUS, %edx
	movl $GUEST_APIC_ENABLE, (%rdx)
	ret

/*
 * In: %rdx, a physical address; out: %rdx, where it is mapped. Two pages, for
 * accesses across a border. The guest writes its tables itself: a KVM that
 * shadows them would not see the host do it.
 */
map:	mov %rdx, %rcx
	and $~(GUEST_LARGE_PAGE - 1), %rcx
	add $GUEST_PAGE_FLAGS, %rcx
	cmp %rcx, window(%rip)
	je 1f
	mov %rcx, window(%rip)
	add $GUEST_LARGE_PAGE, %rcx
	mov %rcx, window + 8(%rip)
	mov %cr3, %rcx
	mov %rcx, %cr3
1:	and $(GUEST_LARGE_PAGE - 1), %edx
	add $(GUEST_DEVICES + GUEST_LARGE_PAGE), %edx
	ret
	.set window, start + GUEST_PD + 8

interrupt:
	push %rax
	push %rcx
	push %rdx
	mov 24(%rsp), %rax
	mov taken(%rip), %ecx
	lea vectors(%rip), %rdx
	mov %al, (%rdx, %rcx)
	inc %ecx
	and $(MONITOR_MAX_VECTORS - 1), %ecx
	mov %ecx, taken(%rip)
	mov $GUEST_APIC_EOI, %ecx
	movl $0, (%rcx)
	pop %rdx
	pop %rcx
	pop %rax
	add $8, %rsp
	iretq

#include "vdev/machine/kvm/guest.inc"
	.org GUEST_SIZE
	.section .note.GNU-stack, "", @progbits
