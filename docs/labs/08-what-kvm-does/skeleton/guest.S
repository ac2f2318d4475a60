/* SPDX-License-Identifier: BSD-3-Clause */
/* The guest: does what the plan in its memory says, writes a number to END_PORT, and begins again.
 * Real mode: an address is 16 * segment + offset, and all segments but es are 0. */
#include "guest.h"

	.section .rodata
	.globl guest_begin, guest_end
	.code16

guest_begin:
	cli
	xor %ax, %ax
	mov %ax, %ds
	mov %ax, %ss
	mov $GUEST_START, %sp
	mov $(DOORBELL >> 4), %ax
	mov %ax, %es
	mov PLAN_TIMES, %ecx
	mov PLAN_VALUE, %eax
	mov PLAN_OFFSET, %di
	mov PLAN_ACTION, %bx
	add %bx, %bx
	jmp *(GUEST_START + actions - guest_begin)(%bx)

actions:
	.word GUEST_START + write - guest_begin, GUEST_START + write_short - guest_begin
	.word GUEST_START + read - guest_begin, GUEST_START + sleep - guest_begin
	.word GUEST_START + break - guest_begin

write:
	mov %eax, %es:(%di)
	dec %ecx
	jnz write
	jmp end

write_short:
	mov %ax, %es:(%di)
	dec %ecx
	jnz write_short
	jmp end

read:
	mov %es:(%di), %eax
	mov %eax, PLAN_SEEN
	jmp end

/* The interrupt controller: edges, its first line is vector 0x20, one line is let in. */
sleep:
	mov $0x11, %al
	out %al, $0x20
	mov $0x20, %al
	out %al, $0x21
	mov $0x04, %al
	out %al, $0x21
	mov $0x01, %al
	out %al, $0x21
	mov $(0xff - (1 << INTERRUPT_LINE)), %al
	out %al, $0x21
	movw $(GUEST_START + interrupt - guest_begin), 4 * (0x20 + INTERRUPT_LINE)
	movw $0, 4 * (0x20 + INTERRUPT_LINE) + 2
/* No interrupt slips in between the look and the HLT: after sti, one more instruction comes first. */
1:	cli
	cmp %ecx, PLAN_INTERRUPTS
	jae end
	sti
	hlt
	jmp 1b

interrupt:
	push %ax
	incl PLAN_INTERRUPTS
	mov $0x20, %al	/* to the controller: this one is done */
	out %al, $0x20
	pop %ax
	iret

break:
	lidt GUEST_START + no_vectors - guest_begin
	int3

end:
	cli
	mov PLAN_END, %eax
	mov $END_PORT, %dx
	out %eax, %dx
	jmp guest_begin

	.balign 4
no_vectors:
	.word 0, 0, 0
guest_end:

	.section .note.GNU-stack, "", @progbits
