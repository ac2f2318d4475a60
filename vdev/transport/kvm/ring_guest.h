/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What the ring guest meets, for assembly, C and C++. Its device has four
 * places; those without memory behind them are seen by the host as accesses.
 */
#ifndef BELLWIRE_KVM_RING_GUEST_H
#define BELLWIRE_KVM_RING_GUEST_H

#define RING_DOORBELL 0x48000000 /* write a queue's index, 4 bytes */
#define RING_PLAN 0x4c000000     /* read once, 4 bytes each: */
#define RING_PLAN_REQUESTS 0
#define RING_PLAN_DEPTH 4
#define RING_REGISTERS 0x4c001000 /* the device's own; the first 8 bytes are read once */
#define RING_REGISTERS_SIZE 0x1000
#define RING_MEMORY 0x50000000 /* the shared memory: guest-kmod/uapi/bellwire.h, part 1 */
#define RING_MEMORY_SIZE 0x100000
#define RING_RECORDS 0x60000000 /* a record each request */

#define RING_VECTOR 0x40 /* of the device's interrupt */
#define RING_BROKEN 3    /* at GUEST_PORT: the queue, or the device, broke the rules */

/* From GUEST_DATA, 8 bytes each: */
#define RING_DOORBELLS 0  /* written */
#define RING_INTERRUPTS 8 /* taken */
#define RING_STRAYS 16    /* completions that answered nothing, or twice */
#define RING_IDENTITY 24  /* the device's first register */

/* A record. The host writes the input, the guest the rest. */
#define RING_PIECE 64 /* bytes of input, and of output */
#define RECORD_OUTPUT 64
#define RECORD_SUBMITTED_AT 128 /* guest's TSC */
#define RECORD_TAKEN_AT 136
#define RECORD_STATUS 144
#define RECORD_LENGTH 148
#define RECORD_RESULT 152
#define RECORD_ANSWERS 160
#define RECORD_SIZE 192

/* Of the uapi header's structures, which only C can read: */
#define FORMAT_QUEUE_OFFSET 24
#define FORMAT_RING_ENTRIES 40
#define FORMAT_TRACE_ENTRIES 44
#define CONTROL_GENERATION 0
#define CONTROL_SUBMITTED 64
#define CONTROL_CONSUMED 128
#define CONTROL_INTERRUPT_EVENT 132
#define CONTROL_SERVED 192
#define CONTROL_STATUS 196
#define CONTROL_COMPLETED 256
#define CONTROL_DOORBELL_EVENT 320
#define CONTROL_RECORDING 384
#define CONTROL_WRITTEN 448   /* the process's */
#define CONTROL_LAST_RUNG 528 /* the module's */
#define CONTROL_LAST_INTERRUPTED 548
#define CONTROL_SIZE 4096
#define REQUEST_COOKIE 0
#define REQUEST_INPUT_OFFSET 8
#define REQUEST_INPUT_LENGTH 12
#define REQUEST_OUTPUT_OFFSET 16
#define REQUEST_OUTPUT_LENGTH 20
#define REQUEST_OPERATION 24 /* and flags */
#define TRACE_TICKS 0
#define TRACE_STAGE 8 /* and generation */
#define TRACE_INDEX 12
#define TRACE_SIZE 16
#define TRACE_SIZES 48 /* of all sides' */
#define TRACE_SUBMITTED 0
#define TRACE_AWAKE 9
#define TRACE_CONSUMED 10
#define COMPLETION_COOKIE 0
#define COMPLETION_STATUS 8 /* and length */
#define COMPLETION_RESULT 16

#endif
