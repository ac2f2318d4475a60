/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The device edu: what its hardware manual would say. It is QEMU's teaching
 * device, served here by a process of bellwire's. DMA is left out.
 */
#ifndef EDU_REGISTERS_H
#define EDU_REGISTERS_H

#define EDU_VENDOR_ID 0x1234
#define EDU_DEVICE_ID 0x11e8

/* Registers of 32 bits in BAR 0, at these offsets. */
#define EDU_IDENTIFICATION 0x00 /* read: 0x010000ed, version 1.0 */
#define EDU_LIVENESS 0x04       /* reads as the inverse of what was written */
#define EDU_FACTORIAL 0x08      /* write: begins to compute; read: the result, modulo 2^32 */

#define EDU_STATUS 0x20
#define EDU_STATUS_INTERRUPTS 0x80 /* set: an interrupt when a factorial is computed */

/*
 * Which interrupts are pending. A bit stays set until it is acknowledged, and a
 * device whose driver never acknowledges claims for ever that it wants something.
 */
#define EDU_INTERRUPT_STATUS 0x24      /* read only */
#define EDU_INTERRUPT_ACKNOWLEDGE 0x64 /* write: clears these bits */
#define EDU_FACTORIAL_DONE 0x1

/* The device has one interrupt vector, by MSI. */

#endif
