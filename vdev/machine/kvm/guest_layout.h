/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Where the parts of a guest of ours are, for assembly, C and C++. A guest is
 * one piece: the assembler makes all of it, page tables included, for the one
 * place that it runs at. guest.inc has the parts that all guests share.
 */
#ifndef BELLWIRE_KVM_GUEST_LAYOUT_H
#define BELLWIRE_KVM_GUEST_LAYOUT_H

/* High, so that it is in nobody's way, but within the 36 bits that every CPU has. */
#define GUEST_BASE 0xf00000000
#define GUEST_SIZE 0x8000

/* From GUEST_BASE. Code first: its entry is the base. */
#define GUEST_STUBS 0x1000 /* of all interrupt vectors, 16 bytes each */
#define GUEST_IDT 0x2000
#define GUEST_PML4 0x3000
#define GUEST_PDPT 0x4000
#define GUEST_PD 0x5000
#define GUEST_GDT 0x6000
#define GUEST_DATA 0x6100 /* the words that guest and host exchange */
#define GUEST_STACK_TOP 0x8000

#define GUEST_GDT_LIMIT 0x17
#define GUEST_CODE_SELECTOR 0x08
#define GUEST_DATA_SELECTOR 0x10

/*
 * One page directory, of 2 MiB pages, serves three of the gigabytes: the one
 * for devices, where addresses are physical ones, and in place of two of its
 * pages the guest's own and the APIC's.
 */
#define GUEST_DEVICES 0x40000000
#define GUEST_LARGE_PAGE 0x200000
#define GUEST_PAGE_FLAGS 0x83 /* present, writable, large */
#define GUEST_APIC 0xfee00000
#define GUEST_APIC_EOI 0xfee000b0
#define GUEST_APIC_SPURIOUS 0xfee000f0
#define GUEST_APIC_ENABLE 0x1ff

/* What a guest says by an `out` of a byte here. */
#define GUEST_PORT 0xbe11
#define GUEST_DONE 0
#define GUEST_FAULT 1 /* a CPU exception; its vector is at GUEST_FAULT_VECTOR */
#define GUEST_YIELD 2 /* nothing: let it go on */
#define GUEST_FAULT_VECTOR 0x60f0
#define GUEST_FIRST_INTERRUPT 32 /* vectors below are CPU exceptions */

#endif
