/* SPDX-License-Identifier: (GPL-2.0-only WITH Linux-syscall-note) OR BSD-3-Clause */
/*
 * The bellwire ABI: what driver and device share. This file is its manual.
 *
 * It has three parts. The *ring* (part 1) is the layout of the memory that a
 * guest's driver and a host's device both map; any transport carries it. The
 * *device file* (part 2) is how a process in the guest gets a queue of that
 * memory, with its two eventfds, from the kernel module. The *card* (part 3)
 * is the PCI device that has registers of our own, where ivshmem has QEMU's.
 *
 * The header is plain C11, and means the same to a kernel module, to a C or
 * C++ program of the guest and to the C++ device on the host. All numbers are
 * little endian, which both sides are; all offsets and lengths are in bytes.
 */
#ifndef BELLWIRE_UAPI_H
#define BELLWIRE_UAPI_H

#include <linux/ioctl.h>
#include <linux/types.h>

#ifdef __cplusplus
#define BELLWIRE_ASSERT(condition, text) static_assert(condition, text)
#else
#define BELLWIRE_ASSERT(condition, text) _Static_assert(condition, text)
#endif

#define BELLWIRE_CACHE_LINE 64
#define BELLWIRE_OWN_LINE __attribute__((aligned(BELLWIRE_CACHE_LINE)))

/*
 * Part 1: the ring
 * ================
 *
 *     0                 4096                                          size
 *     | header          | queue 0             | queue 1     | …       |
 *     | format device   | control requests completions records payload |
 *
 * Who writes what
 *   Each cache line has one writer: *format* is written once, by whoever finds
 *   the memory blank, before anyone uses it; lines named device are written by
 *   the device only; lines named driver by the guest only (module: the first
 *   line of a queue; process that claimed the queue: the others, and the
 *   requests). The other side only reads. Nothing in this memory is trusted:
 *   a side copies what it needs once, checks the copy, and uses the copy.
 *
 * Indices
 *   submitted, completed and consumed run freely over 2^32; an entry's place
 *   is its index modulo ring_entries. Completions come in order: completion i
 *   answers request i, so `completed` also is the place where a restarted
 *   device goes on. At all times
 *       consumed <= completed <= submitted <= consumed + ring_entries
 *   and a side that sees anything else treats the queue as broken.
 *
 * Publishing
 *   Entries are written first, then the index with release semantics; the
 *   other side loads the index with acquire semantics, then reads the entries.
 *   A request may be read again by a restarted device until it is completed,
 *   so the driver leaves it, and its payload, alone until then.
 *
 * Doorbells and interrupts, and how needless ones are left out
 *   An eventfd's count only says that somebody rang; the work is found in the
 *   indices. Each side says, in an *event* word, which index of the other side
 *   it wants to be woken for, and the other side rings only when it passes
 *   that index (bellwire_event_passed). Before a side sleeps it (1) stores the
 *   event word, (2) looks at the index again, and goes on instead of sleeping
 *   if there is work; the other side (1) stores its index, (2) loads the event
 *   word. All four are sequentially consistent, so that one side at least sees
 *   the other: no wake-up is ever lost.
 *
 * Generation: driver ready, reset, reboot
 *   `driver.generation` counts up at each change, and is odd while a driver is
 *   ready for interrupts and completions. To claim or to reset a queue, the
 *   driver (1) stores the next even number, (2) zeroes its other words, (3)
 *   stores the next odd number with release semantics and (4) rings. The
 *   device, when it meets an odd number other than its own, forgets the queue:
 *   it zeroes its words, stores the number in `status.generation` (release)
 *   and raises an interrupt. Until the two are equal, device words mean
 *   nothing to the driver, and it neither submits nor touches the payload. A
 *   guest that was reset or rebooted finds its old number here and goes on
 *   from it, so that it is never taken for its earlier self.
 *
 * A broken queue
 *   When a side's words can't be right, the device stores the reason in
 *   `status`, raises an interrupt and serves the queue no more until its
 *   generation changes. Words that look wrong may also be those of a
 *   generation that just ended, so it looks at `driver.generation` again
 *   before it says so. Other queues never notice. A request whose own
 *   numbers are wrong (bellwire_completion.status) does not break a queue.
 *
 * Recording
 *   While `recording` isn't zero, each side writes what it does, and when, into
 *   a ring of records of its own: the record first, then `written` with release
 *   semantics. The oldest record is overwritten, whether or not it was read: a
 *   reader sees by `written` what it lost, also while it read. Host and guest
 *   switch recording on and off by a bit each, atomically, so that this line
 *   has two writers. A side first looks at the index that it records, then at
 *   its clock, and says so before it acts: what is recorded to have seen an
 *   index came after what is recorded of that index.
 *
 * Hanging
 *   Of each stage of a request's way its side always says, in `last`, below
 *   which index it has brought all requests of this generation, recording or
 *   not: so of a request that hangs one can tell the last that was done for it.
 *   Only who seeks that reads it.
 *
 * Losses
 *   A hop between two stages may fail to happen: the next stage never comes
 *   although both its sides run. Whoever finds that out repairs it (the device
 *   serves the request or raises the interrupt again; the driver rings again or
 *   takes the completion), and then adds 1 to `lost[hop]` in its own line. The
 *   driver first stores which request it was and its age; the count is stored
 *   with release semantics. A side that is paused, gone or was reset has lost
 *   nothing: eventfds keep their counts.
 *
 * Reserved words
 *   Those of the format must be zero, and a format that has others is refused:
 *   it is of a version that the reader doesn't know. All others of this memory
 *   are written as zero and ignored by the other side, so that older drivers
 *   and devices, which may leave anything in them, are understood. What will
 *   be stored there will be announced by a word that is checked today: the
 *   version, or a request's flags.
 *
 * Device alive
 *   A silent device may be paused or gone; its eventfds live on. So it counts up
 *   `beat` every BELLWIRE_BEAT_MS while it is rung and for a moment after the
 *   last ring, since an idle device sleeps; and `incarnation` at each start.
 *   Whoever wants to know whether it runs rings, and looks whether it beats.
 *   A device that leaves in good order says so in `state`. For one that died,
 *   the process that owns the wires says so, if it can: bellwire's switchboard
 *   does, QEMU's ivshmem-server does not. While the device is gone, requests and
 *   doorbells pile up, and its next incarnation finds them. The switchboard
 *   likewise ends the generations of a guest that died.
 */

#define BELLWIRE_MAGIC 0x455249574c4c4542ULL /* "BELLWIRE" */
#define BELLWIRE_VERSION 3
#define BELLWIRE_HEADER_SIZE 4096
#define BELLWIRE_QUEUE_CONTROL_SIZE 4096
#define BELLWIRE_PAGE_SIZE 4096
#define BELLWIRE_MAX_QUEUES 32
#define BELLWIRE_MIN_RING_ENTRIES 8
#define BELLWIRE_MAX_RING_ENTRIES 32768
#define BELLWIRE_MAX_TRACE_ENTRIES 65536
#define BELLWIRE_BEAT_MS 100
#define BELLWIRE_MAX_REQUEST (16u << 20) /* bytes of input, and of output */
#define BELLWIRE_KIND_SIZE 16

/* Written once; `magic` last, with release semantics. */
struct bellwire_format {
	__u64 magic;
	__u32 version;
	__u32 queues;       /* 1 to BELLWIRE_MAX_QUEUES */
	__u64 size;         /* of the whole memory */
	__u64 queue_offset; /* of queue 0; a multiple of the page size */
	__u64 queue_stride; /* from queue to queue; likewise */
	__u32 ring_entries; /* a power of two */
	__u32 trace_entries; /* records of each side; a power of two, or 0: none can be kept */
	__u32 reserved[4];  /* zero, and checked */
} BELLWIRE_OWN_LINE;

/* Written by the device. */
struct bellwire_device_line {
	char kind[BELLWIRE_KIND_SIZE]; /* "echo"; NUL-padded */
	__u32 incarnation;             /* starts so far; 0: never started */
	__u32 state;                   /* enum bellwire_device_state */
	__u32 beat;                    /* see "Device alive" */
	__u32 peer;                    /* ivshmem ID, for the Doorbell register */
	__u32 reserved[8];
} BELLWIRE_OWN_LINE;

enum bellwire_device_state {
	BELLWIRE_DEVICE_ABSENT = 0, /* never started */
	BELLWIRE_DEVICE_RUNNING = 1,
	BELLWIRE_DEVICE_STOPPED = 2, /* left in good order */
	BELLWIRE_DEVICE_DIED = 3,    /* written for it by whoever owns the wires */
};

struct bellwire_header {
	struct bellwire_format format;
	struct bellwire_device_line device;
	__u8 reserved[BELLWIRE_HEADER_SIZE - 2 * BELLWIRE_CACHE_LINE];
};

/* Driver: the module, or whoever plays its part in a test. */
struct bellwire_driver_line {
	__u32 generation; /* see "Generation" */
	__u32 reserved[15];
} BELLWIRE_OWN_LINE;

/* What can be lost between two stages; see "Losses". */
enum bellwire_hop {
	BELLWIRE_HOP_KICK = 0,      /* process to module */
	BELLWIRE_HOP_DOORBELL = 1,  /* module to device */
	BELLWIRE_HOP_INTERRUPT = 2, /* device to module */
	BELLWIRE_HOP_CALL = 3,      /* the module's signal of the call eventfd */
	BELLWIRE_HOP_WAKE = 4,      /* call eventfd to process */
	BELLWIRE_HOPS = 5,
};

/* Driver: the process. */
struct bellwire_submit_line {
	__u32 submitted; /* requests published so far */
	__u32 reserved[15];
} BELLWIRE_OWN_LINE;

/* Driver: the process. */
struct bellwire_consume_line {
	__u32 consumed;        /* completions taken so far */
	__u32 interrupt_event; /* raise when `completed` passes this */
	__u32 lost_request;    /* the last whose hop the driver found lost, */
	__u32 lost_ms;         /* and how long it had waited for it */
	__u32 lost[BELLWIRE_HOPS]; /* that the driver found and repaired */
	__u32 reserved[7];
} BELLWIRE_OWN_LINE;

/* Device. */
struct bellwire_status_line {
	__u32 generation; /* the one that the device serves */
	__u32 status;     /* enum bellwire_queue_status */
	__u32 offender;   /* the value that broke the queue */
	__u32 reserved0;
	__u64 doorbells; /* sum of the doorbell's counts since the generation began */
	__u64 wakeups;   /* times the device was woken for them */
	__u64 raises;    /* interrupts raised */
	__u32 lost[BELLWIRE_HOPS]; /* that the device found and repaired */
	__u32 reserved;
} BELLWIRE_OWN_LINE;

enum bellwire_queue_status {
	BELLWIRE_QUEUE_OK = 0,
	BELLWIRE_QUEUE_BAD_SUBMITTED = 1, /* offender: submitted */
	BELLWIRE_QUEUE_BAD_CONSUMED = 2,  /* offender: consumed */
	BELLWIRE_QUEUE_BAD_COMPLETED = 3, /* offender: completed, as a restart found it */
};

/* Device. */
struct bellwire_complete_line {
	__u32 completed; /* completions published so far */
	__u32 reserved[15];
} BELLWIRE_OWN_LINE;

/* Device. */
struct bellwire_doorbell_line {
	__u32 doorbell_event; /* ring when `submitted` passes this */
	__u32 reserved[15];
} BELLWIRE_OWN_LINE;

/* Whoever records: a process of the host's or the guest's. */
struct bellwire_recording_line {
	__u32 recording; /* of enum bellwire_recorder */
	__u32 reserved[15];
} BELLWIRE_OWN_LINE;

/* The guest's bit ends with its generation, the host's when a device starts. */
enum bellwire_recorder {
	BELLWIRE_HOST_RECORDS = 1,
	BELLWIRE_GUEST_RECORDS = 2,
};

/* Who writes records. */
enum bellwire_side {
	BELLWIRE_PROCESS = 0,
	BELLWIRE_MODULE = 1,
	BELLWIRE_DEVICE = 2,
	BELLWIRE_SIDES = 3,
};

/* What a request meets on its way, in this order; each is one side's to record. */
enum bellwire_stage {
	BELLWIRE_SUBMITTED = 0,    /* process: about to show the request */
	BELLWIRE_KICKED = 1,       /* module: a worker took the kick */
	BELLWIRE_RUNG = 2,         /* module: about to write the doorbell */
	BELLWIRE_WOKEN = 3,        /* device: woken by the doorbell */
	BELLWIRE_TAKEN = 4,        /* device: it copies the request next */
	BELLWIRE_POSTED = 5,       /* device: about to show the completion */
	BELLWIRE_RAISED = 6,       /* device: about to raise the interrupt */
	BELLWIRE_INTERRUPTED = 7,  /* module: it has the interrupt */
	BELLWIRE_SIGNALLED = 8,    /* module: about to signal the call eventfd */
	BELLWIRE_AWAKE = 9,        /* process: woken by it */
	BELLWIRE_CONSUMED = 10,    /* process: it has seen the completion, and copies it next */
	BELLWIRE_STAGES = 11,
};

/* That side. */
struct bellwire_side_line {
	__u64 written;               /* records, ever */
	__u32 last[BELLWIRE_STAGES]; /* see "Hanging" */
	__u32 reserved[3];
} BELLWIRE_OWN_LINE;

struct bellwire_queue_control {
	struct bellwire_driver_line driver;
	struct bellwire_submit_line submit;
	struct bellwire_consume_line consume;
	struct bellwire_status_line status;
	struct bellwire_complete_line complete;
	struct bellwire_doorbell_line doorbell;
	struct bellwire_recording_line recording;
	struct bellwire_side_line sides[BELLWIRE_SIDES];
	__u8 reserved[BELLWIRE_QUEUE_CONTROL_SIZE - 10 * BELLWIRE_CACHE_LINE];
};

/*
 * Offsets count from the start of the queue's payload area, which fills the
 * queue behind the records. Input and output may not overlap. What
 * the device does with them is the device's: an echo copies input to output,
 * a digest puts the input's CRC-32C in `result`.
 */
struct bellwire_request {
	__u64 cookie; /* the driver's own; returned */
	__u32 input_offset;
	__u32 input_length;
	__u32 output_offset;
	__u32 output_length;
	__u32 operation; /* the device's own; 0 where it has but one */
	__u32 flags;     /* zero */
	__u64 reserved[4];
} BELLWIRE_OWN_LINE;

struct bellwire_completion {
	__u64 cookie;
	__u32 status;     /* enum bellwire_completion_status */
	__u32 length;     /* bytes of output written */
	__u64 result;     /* the device's own */
	__u32 incarnation; /* of the device that completed it */
	__u32 reserved[9];
} BELLWIRE_OWN_LINE;

enum bellwire_completion_status {
	BELLWIRE_DONE = 0,
	BELLWIRE_BAD_RANGE = 1,     /* input or output leave the payload, or overlap */
	BELLWIRE_BAD_OPERATION = 2, /* unknown operation, or flags not zero */
	BELLWIRE_BAD_LENGTH = 3,    /* over BELLWIRE_MAX_REQUEST, or one that this device can't serve */
};

/*
 * Of a request's own stages (submitted, taken, posted, consumed) the index is
 * the request's, and `more` requests behind it met the stage in the same
 * moment. The others stand for all requests below an index: on the way there,
 * for those below `submitted` as it was then; on the way back, for those below
 * `completed`.
 */
struct bellwire_record {
	__u64 ticks;      /* that side's TSC */
	__u8 stage;       /* enum bellwire_stage */
	__u8 more;        /* 0 but of a request's own stages */
	__u16 generation; /* its lower half */
	__u32 index;
};

BELLWIRE_ASSERT(sizeof(struct bellwire_record) == 16, "a record is two words");
BELLWIRE_ASSERT(sizeof(struct bellwire_format) == 64, "format is a cache line");
BELLWIRE_ASSERT(sizeof(struct bellwire_device_line) == 64, "device line is a cache line");
BELLWIRE_ASSERT(sizeof(struct bellwire_header) == BELLWIRE_HEADER_SIZE, "header is a page");
BELLWIRE_ASSERT(sizeof(struct bellwire_driver_line) == 64, "driver line is a cache line");
BELLWIRE_ASSERT(sizeof(struct bellwire_status_line) == 64, "status line is a cache line");
BELLWIRE_ASSERT(sizeof(struct bellwire_consume_line) == 64, "consume line is a cache line");
BELLWIRE_ASSERT(sizeof(struct bellwire_queue_control) == BELLWIRE_QUEUE_CONTROL_SIZE,
		"queue control is a page");
BELLWIRE_ASSERT(__builtin_offsetof(struct bellwire_queue_control, submit) == 64, "line 1");
BELLWIRE_ASSERT(__builtin_offsetof(struct bellwire_queue_control, consume) == 128, "line 2");
BELLWIRE_ASSERT(__builtin_offsetof(struct bellwire_queue_control, status) == 192, "line 3");
BELLWIRE_ASSERT(__builtin_offsetof(struct bellwire_queue_control, complete) == 256, "line 4");
BELLWIRE_ASSERT(__builtin_offsetof(struct bellwire_queue_control, doorbell) == 320, "line 5");
BELLWIRE_ASSERT(__builtin_offsetof(struct bellwire_queue_control, recording) == 384, "line 6");
BELLWIRE_ASSERT(sizeof(struct bellwire_side_line) == 64, "a side's line is a cache line");
BELLWIRE_ASSERT(__builtin_offsetof(struct bellwire_queue_control, sides) == 448, "line 7");
BELLWIRE_ASSERT(sizeof(struct bellwire_request) == 64, "request is a cache line");
BELLWIRE_ASSERT(sizeof(struct bellwire_completion) == 64, "completion is a cache line");

/* Bytes of a queue before its payload. */
static inline __u64 bellwire_payload_offset(__u32 ring_entries, __u32 trace_entries)
{
	return BELLWIRE_QUEUE_CONTROL_SIZE +
	       (__u64)ring_entries *
		       (sizeof(struct bellwire_request) + sizeof(struct bellwire_completion)) +
	       (__u64)trace_entries * BELLWIRE_SIDES * sizeof(struct bellwire_record);
}

/* Bytes of a queue before a side's records. */
static inline __u64 bellwire_records_offset(__u32 ring_entries, __u32 trace_entries,
					    enum bellwire_side side)
{
	return bellwire_payload_offset(ring_entries, 0) +
	       (__u64)trace_entries * (__u32)side * sizeof(struct bellwire_record);
}

enum bellwire_format_fault {
	BELLWIRE_FORMAT_OK = 0,
	BELLWIRE_FORMAT_BLANK = 1, /* no magic: nobody has formatted it yet */
	BELLWIRE_FORMAT_BAD_VERSION = 2,
	BELLWIRE_FORMAT_BAD_SIZE = 3,
	BELLWIRE_FORMAT_BAD_QUEUES = 4,
	BELLWIRE_FORMAT_BAD_RING = 5,
	BELLWIRE_FORMAT_BAD_PLACE = 6, /* queues overlap, leave the memory or a page */
	BELLWIRE_FORMAT_BAD_TRACE = 7,
	BELLWIRE_FORMAT_BAD_RESERVED = 8, /* not zero: of a version that we don't know */
};

/*
 * Checks a private *copy* of a format against the size of the memory that it
 * was read from. Every use of a format goes through here first.
 */
static inline enum bellwire_format_fault
bellwire_format_check(const struct bellwire_format *format, __u64 size)
{
	if (format->magic != BELLWIRE_MAGIC)
		return BELLWIRE_FORMAT_BLANK;
	if (format->version != BELLWIRE_VERSION)
		return BELLWIRE_FORMAT_BAD_VERSION;
	if (format->size != size)
		return BELLWIRE_FORMAT_BAD_SIZE;
	if (format->queues < 1 || format->queues > BELLWIRE_MAX_QUEUES)
		return BELLWIRE_FORMAT_BAD_QUEUES;
	if (format->ring_entries < BELLWIRE_MIN_RING_ENTRIES ||
	    format->ring_entries > BELLWIRE_MAX_RING_ENTRIES ||
	    (format->ring_entries & (format->ring_entries - 1)) != 0)
		return BELLWIRE_FORMAT_BAD_RING;
	if (format->trace_entries > BELLWIRE_MAX_TRACE_ENTRIES ||
	    (format->trace_entries & (format->trace_entries - 1)) != 0)
		return BELLWIRE_FORMAT_BAD_TRACE;
	if (format->queue_offset < BELLWIRE_HEADER_SIZE || format->queue_offset >= size ||
	    format->queue_offset % BELLWIRE_PAGE_SIZE != 0 ||
	    format->queue_stride % BELLWIRE_PAGE_SIZE != 0 ||
	    format->queue_stride <=
		    bellwire_payload_offset(format->ring_entries, format->trace_entries) ||
	    format->queue_stride > size - format->queue_offset)
		return BELLWIRE_FORMAT_BAD_PLACE;
	/* A product might overflow, a quotient doesn't. */
	if (format->queue_stride > (size - format->queue_offset) / format->queues)
		return BELLWIRE_FORMAT_BAD_PLACE;
	if (format->reserved[0] || format->reserved[1] || format->reserved[2] ||
	    format->reserved[3])
		return BELLWIRE_FORMAT_BAD_RESERVED;
	return BELLWIRE_FORMAT_OK;
}

/*
 * Whether an index that went from `before` to `now` passed `event`, that is,
 * whether the entry with index `event` is among the new ones.
 */
static inline int bellwire_event_passed(__u32 event, __u32 now, __u32 before)
{
	return (__u32)(now - event - 1) < (__u32)(now - before);
}

/*
 * Part 2: the device file
 * =======================
 *
 * /dev/bellwireN stands for device N. A process opens it, claims a queue,
 * hands down its eventfds, maps the queue and plays the driver in it:
 *
 *     fd = open("/dev/bellwire0", O_RDWR);
 *     ioctl(fd, BELLWIRE_CLAIM, &claim);        a queue of its own
 *     ioctl(fd, BELLWIRE_SET_CALL, &call);      kernel -> user eventfd
 *     ioctl(fd, BELLWIRE_SET_KICK, &kick);      user -> kernel eventfd, worker
 *     mmap(NULL, claim.map_size, …, fd, 0);     shared; struct bellwire_queue_control …
 *
 * and waits until status.generation == claim.generation. Each open file has
 * at most one queue and one worker. close() (or exit) gives the queue back.
 *
 * Instead of a call eventfd, read() on the file blocks for, and returns and
 * zeroes, a __u64 count of interrupts; poll() says IN while it isn't zero,
 * and HUP | ERR once the device is gone, to all who wait; the call eventfd is
 * signalled a last time then. After that every call is ENODEV. The mapping of
 * a device that was unplugged, or lost its driver, is gone too (SIGBUS); that
 * of one that died stays until then.
 *
 * When the PCI device is reset, or sleeps with the machine, the queues keep
 * their generations and requests. Whoever touches a mapping, or calls, waits
 * until that is over; then every queue is rung, and its owner interrupted once,
 * in place of all the rings and interrupts that were lost meanwhile. A device
 * that does not come back is gone.
 *
 * Errors common to all: ENOTTY unknown command; EFAULT, and nothing was done;
 * EINVAL a reserved field or an unknown flag not zero; ENOTCONN no queue
 * claimed; ENODEV gone. Reserved fields of answers are zero.
 */

#define BELLWIRE_ANY_QUEUE 0xffffffffu

/*
 * Claims a queue, begins a generation and rings once. EBUSY: this or no queue
 * is free, or the file has one. EINVAL: there is no such queue.
 */
struct bellwire_claim {
	__u32 queue;         /* in: index or BELLWIRE_ANY_QUEUE; out: index */
	__u32 flags;         /* zero */
	__u32 generation;    /* out */
	__u32 ring_entries;  /* out */
	__u64 map_size;      /* out: bytes to mmap, at offset 0 */
	__u32 trace_entries; /* out */
	__u32 reserved;      /* zero */
};
#define BELLWIRE_CLAIM _IOWR(0xbe, 0x00, struct bellwire_claim)

/* The interrupt handler signals it. EBADF, EINVAL: not an eventfd. fd -1: none any more. */
struct bellwire_call {
	__s32 fd;
	__u32 flags; /* zero */
};
#define BELLWIRE_SET_CALL _IOW(0xbe, 0x01, struct bellwire_call)

/* How the module waits for the kick eventfd. */
enum bellwire_worker {
	BELLWIRE_WORKER_NONE = 0,
	BELLWIRE_WORKER_READ = 1,     /* a thread that reads it */
	BELLWIRE_WORKER_POLL = 2,     /* a thread that polls it */
	BELLWIRE_WORKER_CALLBACK = 3, /* no thread: a wait-queue callback */
};

/*
 * Replaces the kick eventfd and its worker. fd -1 with BELLWIRE_WORKER_NONE:
 * none any more. EINVAL also for a non-blocking eventfd with WORKER_READ,
 * which couldn't wait.
 */
struct bellwire_kick {
	__s32 fd;
	__u32 worker; /* enum bellwire_worker */
	__u32 flags;  /* zero */
	__u32 reserved; /* zero */
};
#define BELLWIRE_SET_KICK _IOW(0xbe, 0x02, struct bellwire_kick)

/* The kernel signals the kick eventfd, and its worker rings. ENOTCONN: no kick eventfd. */
#define BELLWIRE_KICK _IO(0xbe, 0x03)

/*
 * Rings the doorbell in the caller's own context, without eventfd or worker.
 * Works without a claim, too: then it rings queue 0, so that the device beats.
 */
#define BELLWIRE_RING _IO(0xbe, 0x04)

/* As a claim does, but for the queue that the file has: `queue` doesn't count. */
#define BELLWIRE_RESET _IOWR(0xbe, 0x05, struct bellwire_claim)

/* Works without a claim; then `queue` is BELLWIRE_ANY_QUEUE and the counters are zero. */
struct bellwire_info {
	__u32 version; /* BELLWIRE_VERSION */
	__u32 queues;
	__u32 queues_free;
	__u32 ring_entries;
	__u32 queue;
	__u32 worker;
	__u32 generation;
	__u32 peer; /* the guest's own ivshmem ID */
	char kind[BELLWIRE_KIND_SIZE]; /* ends with a NUL; the device's own words, as of now: */
	__u32 incarnation;
	__u32 state;
	__u32 beat;
	__u32 device_peer;
	/* This claim's counters: */
	__u64 kicks;      /* times a worker took a count */
	__u64 doorbells;  /* writes to the Doorbell register */
	__u64 interrupts; /* MSI-X interrupts */
	__u64 calls;      /* signals of the call eventfd */
	__u64 reserved[4]; /* zero */
};
#define BELLWIRE_INFO _IOR(0xbe, 0x06, struct bellwire_info)

BELLWIRE_ASSERT(sizeof(struct bellwire_claim) == 32, "claim is 32 bytes");
BELLWIRE_ASSERT(sizeof(struct bellwire_call) == 8, "call is 8 bytes");
BELLWIRE_ASSERT(sizeof(struct bellwire_kick) == 16, "kick is 16 bytes");
BELLWIRE_ASSERT(sizeof(struct bellwire_info) == 128, "info is 128 bytes");

/*
 * Part 3: the card
 * ================
 *
 * A PCI device 1af4:10f0, which a host's process serves whole (vfio-user):
 *
 *     BAR0  registers of 4 bytes, as below; from BELLWIRE_CARD_OWN on, the
 *           device's own ones
 *     BAR2  the doorbell page, if there is one
 *     BAR4  MSI-X
 *
 * The memory of part 1 is the driver's, who gives it to the card: MEMORY_SIZE
 * bytes in one piece, whose address it writes to MEMORY_LOW and MEMORY_HIGH,
 * and how many vectors it has to VECTORS; then ENABLE to CONTROL. STATUS then
 * says whether the device has formatted the memory, for as many queues as
 * QUEUES says, and runs. It uses it no more once 0 was written to CONTROL, or
 * the card was reset, and STATUS then read as OFF. Memory of a card that gives
 * another answer, or none, the driver must not use for anything else.
 *
 * Memory that has a format already is that of a card which was reset under
 * its driver: the driver writes the same words again, and the device goes on
 * with the requests that it finds.
 *
 * Doorbell N is rung by any write to the register at DOORBELL + 4 N. With a
 * doorbell page the driver adds 1 to driver[N].rung instead, which the device
 * polls, and writes the register only if the device says that it sleeps. The
 * driver (1) adds, (2) loads `asleep`; the device (1) stores `asleep`, (2)
 * looks at `rung` again, and goes on instead of sleeping if it changed. All
 * four are sequentially consistent.
 *
 * Queue N raises vector N modulo VECTORS.
 * Registers that nobody serves any more read as all ones.
 */

#define BELLWIRE_CARD_ID 0x10f0 /* of vendor 1af4: one that QEMU reserves for experiments */
#define BELLWIRE_CARD_MAGIC_VALUE 0x4c4c4542u /* "BELL" */

enum bellwire_card_register {
	BELLWIRE_CARD_MAGIC = 0x00,       /* reads as the value above */
	BELLWIRE_CARD_QUEUES = 0x04,      /* doorbells, queues; 1 to BELLWIRE_MAX_QUEUES */
	BELLWIRE_CARD_MEMORY_SIZE = 0x08, /* bytes that the driver is to give: whole pages */
	BELLWIRE_CARD_VECTORS = 0x0c,     /* that the driver has */
	BELLWIRE_CARD_MEMORY_LOW = 0x10,  /* their address on the bus */
	BELLWIRE_CARD_MEMORY_HIGH = 0x14,
	BELLWIRE_CARD_CONTROL = 0x18,     /* BELLWIRE_CARD_ENABLE, or 0 */
	BELLWIRE_CARD_STATUS = 0x1c,      /* enum bellwire_card_status */
	BELLWIRE_CARD_DOORBELL = 0x100,
	BELLWIRE_CARD_OWN = 0x1000,
};

#define BELLWIRE_CARD_ENABLE 1u
#define BELLWIRE_CARD_MAX_MEMORY (4u << 20) /* bytes: more, Linux doesn't give in one piece */

enum bellwire_card_status {
	BELLWIRE_CARD_OFF = 0,
	BELLWIRE_CARD_READY = 1,
	BELLWIRE_CARD_BAD_MEMORY = 2, /* it is not the guest's, or not shared with the device */
	BELLWIRE_CARD_FAILED = 3,     /* the device could not run; its log on the host says why */
};

struct bellwire_rung_line {
	__u32 rung; /* times that the driver rang; any number of writers, by atomic adds */
	__u32 reserved[15];
} BELLWIRE_OWN_LINE;

struct bellwire_asleep_line {
	__u32 asleep; /* not 0: ring by the register */
	__u32 reserved[15];
} BELLWIRE_OWN_LINE;

struct bellwire_doorbell_page {
	struct bellwire_rung_line driver[BELLWIRE_MAX_QUEUES];
	struct bellwire_asleep_line device;
	__u8 reserved[BELLWIRE_PAGE_SIZE - (BELLWIRE_MAX_QUEUES + 1) * BELLWIRE_CACHE_LINE];
};

BELLWIRE_ASSERT(sizeof(struct bellwire_doorbell_page) == BELLWIRE_PAGE_SIZE,
		"the doorbell page is a page");
BELLWIRE_ASSERT(__builtin_offsetof(struct bellwire_doorbell_page, device) == 2048,
		"the device's line stands behind 32 of the driver's");

#endif /* BELLWIRE_UAPI_H */
