/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What the device (../device/squarer.cpp) and its driver (squarer.c) agree on: the
 * PCI id, the registers of BAR 0, 32 bits each, and the MSI-X vectors.
 */
#ifndef SQUARER_REGISTERS_H
#define SQUARER_REGISTERS_H

/* Red Hat's ids 10f0 to 10ff are free for experiments; a product has its own. */
#define SQUARER_VENDOR_ID 0x1af4
#define SQUARER_DEVICE_ID 0x10f1

#define SQUARER_BAR 0
#define SQUARER_BAR_SIZE 4096

#define SQUARER_MAGIC 0x73717561

enum {
	SQUARER_IDENTITY = 0x00, /* reads as SQUARER_MAGIC */
	SQUARER_OPERAND = 0x04,  /* writing a number here starts the device */
	SQUARER_RESULT = 0x08,   /* the low 32 bits of its square, at the interrupt */
};

enum {
	SQUARER_VECTOR_DONE, /* the result is there */
	SQUARER_VECTORS,
};

#endif
