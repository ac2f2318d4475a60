/* SPDX-License-Identifier: (GPL-2.0-only WITH Linux-syscall-note) OR BSD-3-Clause */
/*
 * The bellwire ABI: the interface between driver and device. This file is its
 * manual.
 *
 * Part 1, the ring: the layout of the shared memory that the driver in a guest
 * and the device on the host both map. Any transport can carry it.
 * Part 2, the device file: how a process in the guest gets a queue of that
 * memory, and its two eventfds, from the kernel module.
 * Part 3, the card: the PCI device that has registers of our own, where ivshmem
 * has QEMU's.
 *
 * The header is plain C11. It means the same to the kernel module, to C and C++
 * programs in the guest, and to the C++ device on the host. All numbers are
 * little endian, as both sides are; all offsets and lengths are in bytes.
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
 * Writers
 *   Each cache line has one writer. The format is written once, by whoever finds
 *   the memory blank, before anyone uses it. The comment above each line's
 *   struct names its writer: the device, the module (the first line of a queue
 *   and its own side's line) or the process that claimed the queue (the other
 *   lines of the driver, the requests and the payload). The other side only
 *   reads. Nothing in this memory is trusted: a side copies what it needs once,
 *   checks the copy, and uses the copy.
 *
 * Indices
 *   `submitted`, `completed` and `consumed` count up and wrap around at 2^32. An
 *   entry's slot is its index modulo ring_entries. Completions come in order:
 *   completion i answers request i. So `completed` is also where a restarted
 *   device continues. The device may have as many requests in hand as the driver
 *   may submit, and finish them in any order: it publishes each completion once
 *   all earlier ones are published. At all times
 *       consumed <= completed <= submitted <= consumed + ring_entries
 *   (as differences modulo 2^32). A side that sees anything else treats the
 *   queue as broken.
 *
 * Publishing
 *   A side writes the entries first, then stores the index with release
 *   semantics. The other side loads the index with acquire semantics, then reads
 *   the entries. A restarted device reads a request again until it is completed,
 *   so the driver must not change a request or its payload before that.
 *
 * Doorbells and interrupts, and how needless ones are avoided
 *   An eventfd's count only says that somebody rang. The work is found in the
 *   indices. Each side stores, in its *event* word, the index of the other side
 *   at which it wants to be woken; the other side rings only if its index passes
 *   that value (bellwire_event_passed). A side that is about to sleep (1) stores
 *   its event word, (2) loads the other side's index again, and does not sleep
 *   if there is work. The other side (1) stores its index, (2) loads the event
 *   word. All four accesses are sequentially consistent, so at least one side
 *   sees the other's store: no wake-up is ever lost.
 *
 * Generation: driver ready, reset, reboot
 *   `driver.generation` increases with each change. It is odd while a driver is
 *   ready for interrupts and completions. To claim or to reset a queue, the
 *   driver (1) stores the next even number, (2) zeroes its other words, (3)
 *   stores the next odd number with release semantics, and (4) rings. A device
 *   that loads an odd number other than the one it serves starts over: it ends the
 *   requests that it has in hand, whose completions are never published, zeroes
 *   its own words, stores the number in `status.generation` with release
 *   semantics, and raises an interrupt. Until the two numbers are equal, the
 *   device's words have no meaning for the driver, and the driver neither
 *   submits requests nor touches the payload, which the device may still use. A
 *   guest that was reset or rebooted finds its old number and counts on from it,
 *   so the device never takes it for its earlier self.
 *
 * A broken queue
 *   If the driver's words cannot be right, the device stores the reason in
 *   `status`, raises an interrupt, and does not serve the queue until its
 *   generation changes. Words that look wrong may belong to a generation that
 *   has just ended, so the device loads `driver.generation` once more before it
 *   reports. Other queues are not affected. A request whose own numbers are
 *   wrong does not break the queue: its completion reports it (enum
 *   bellwire_completion_status).
 *
 * Recording
 *   While `recording` is not zero, each side writes what it does, and when, to a
 *   ring of records of its own: first the record, then `written` with release
 *   semantics. New records overwrite the oldest ones, whether they were read or
 *   not. By `written`, a reader sees what it lost, even while it was reading.
 *   The host and the guest each switch recording on and off by one bit, with
 *   atomic operations: this line is the only one with two writers. A side loads
 *   the index that it records first, then reads its clock, and writes the record
 *   before it acts. So a record that has seen an index is always later than the
 *   record that published it.
 *
 * Slow motion
 *   A side that is held, hop by hop, by a person says so in two more bits of
 *   `recording`. While one of them is set, nobody takes a signal that does not
 *   come for lost: nobody repairs, recovers or reports it.
 *
 * Hanging
 *   For every stage, its side always stores in `last` the index below which all
 *   requests of this generation have reached the stage, whether somebody records
 *   or not. So if a request hangs, the last stage that it reached is known. Only
 *   someone who looks for a hanging request reads these words.
 *
 * Losses
 *   A hop between two stages is lost if the next stage is not reached although
 *   both sides run. Whoever finds a loss repairs it: the device serves the
 *   request, or raises the interrupt again; the driver rings again, or takes the
 *   completion. Then it adds 1 to `lost[hop]` in its own line, with release
 *   semantics. The driver first stores in `lost_request` and `lost_ms` which
 *   request it was and how old. While a side is paused, gone or was reset,
 *   nothing is lost: eventfds keep their counts. A driver that looks at its ring
 *   from time to time (part 2) goes on long before anybody concludes a loss.
 *
 * Reserved words
 *   Those of the format must be zero. A format that has other values is refused,
 *   since its version is unknown. All other reserved words in this memory are
 *   written as zero and ignored by the other side, so that older drivers and
 *   devices, which may leave anything in them, continue to work. A future use of
 *   such a word will be announced by a word that is checked today: the version,
 *   or a request's flags.
 *
 * Device alive
 *   A silent device may be paused or gone, since its eventfds outlive it. So the
 *   device increments `beat` every BELLWIRE_BEAT_MS while it is rung and for a
 *   moment after the last ring (an idle device sleeps), and `incarnation` at
 *   each start. To find out whether it runs, ring, and see whether `beat`
 *   changes. A device that stops normally says so in `state`. For one that died,
 *   the owner of the wires writes `state`, if it can: bellwire's switchboard
 *   does, QEMU's ivshmem-server does not. While the device is gone, requests and
 *   doorbells accumulate, and its next incarnation finds them. The switchboard
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

/* Written once, by whoever formats the memory; `magic` last, with release semantics. */
struct bellwire_format {
	__u64 magic;
	__u32 version;
	__u32 queues;        /* 1 to BELLWIRE_MAX_QUEUES */
	__u64 size;          /* of the whole memory */
	__u64 queue_offset;  /* of queue 0; a multiple of the page size */
	__u64 queue_stride;  /* from one queue to the next; a multiple of the page size */
	__u32 ring_entries;  /* a power of two */
	__u32 trace_entries; /* records per side; a power of two, or 0: no recording */
	__u32 reserved[4];   /* zero; checked */
} BELLWIRE_OWN_LINE;

/* Written by the device. */
struct bellwire_device_line {
	char kind[BELLWIRE_KIND_SIZE]; /* "echo"; NUL-padded */
	__u32 incarnation;             /* number of starts; 0: never started */
	__u32 state;                   /* enum bellwire_device_state */
	__u32 beat;                    /* see "Device alive" */
	__u32 peer;                    /* ivshmem ID, for the Doorbell register */
	__u32 reserved[8];
} BELLWIRE_OWN_LINE;

enum bellwire_device_state {
	BELLWIRE_DEVICE_ABSENT = 0, /* never started */
	BELLWIRE_DEVICE_RUNNING = 1,
	BELLWIRE_DEVICE_STOPPED = 2, /* stopped normally */
	BELLWIRE_DEVICE_DIED = 3,    /* written by the owner of the wires */
};

struct bellwire_header {
	struct bellwire_format format;
	struct bellwire_device_line device;
	__u8 reserved[BELLWIRE_HEADER_SIZE - 2 * BELLWIRE_CACHE_LINE];
};

/* Written by the module, or by a test in its place. */
struct bellwire_driver_line {
	__u32 generation; /* see "Generation" */
	__u32 reserved[15];
} BELLWIRE_OWN_LINE;

/* What can be lost between two stages: see "Losses". */
enum bellwire_hop {
	BELLWIRE_HOP_KICK = 0,      /* process to module */
	BELLWIRE_HOP_DOORBELL = 1,  /* module to device */
	BELLWIRE_HOP_INTERRUPT = 2, /* device to module */
	BELLWIRE_HOP_CALL = 3,      /* the module's signal of the call eventfd */
	BELLWIRE_HOP_WAKE = 4,      /* call eventfd to process */
	BELLWIRE_HOPS = 5,
};

/* Written by the process. */
struct bellwire_submit_line {
	__u32 submitted; /* requests published so far */
	__u32 reserved[15];
} BELLWIRE_OWN_LINE;

/* Written by the process. */
struct bellwire_consume_line {
	__u32 consumed;            /* completions taken so far */
	__u32 interrupt_event;     /* raise an interrupt when `completed` passes this */
	__u32 lost_request;        /* index of the last request that the driver found hanging */
	__u32 lost_ms;             /* the age of that request then */
	__u32 lost[BELLWIRE_HOPS]; /* losses that the driver found and repaired */
	__u32 reserved[7];
} BELLWIRE_OWN_LINE;

/* Written by the device. */
struct bellwire_status_line {
	__u32 generation; /* the generation that the device serves */
	__u32 status;     /* enum bellwire_queue_status */
	__u32 offender;   /* the value that broke the queue */
	__u32 reserved0;
	/* Since the generation began: */
	__u64 doorbells;           /* sum of the doorbell's counts */
	__u64 wakeups;             /* wake-ups of the device for them */
	__u64 raises;              /* interrupts raised */
	__u32 lost[BELLWIRE_HOPS]; /* losses that the device found and repaired */
	__u32 reserved;
} BELLWIRE_OWN_LINE;

enum bellwire_queue_status {
	BELLWIRE_QUEUE_OK = 0,
	BELLWIRE_QUEUE_BAD_SUBMITTED = 1, /* offender: `submitted` */
	BELLWIRE_QUEUE_BAD_CONSUMED = 2,  /* offender: `consumed` */
	BELLWIRE_QUEUE_BAD_COMPLETED =
		3, /* offender: `completed`, as a restarted device found it */
};

/* Written by the device. */
struct bellwire_complete_line {
	__u32 completed; /* completions published so far */
	__u32 reserved[15];
} BELLWIRE_OWN_LINE;

/* Written by the device. */
struct bellwire_doorbell_line {
	__u32 doorbell_event; /* ring when `submitted` passes this */
	__u32 reserved[15];
} BELLWIRE_OWN_LINE;

/* Written by whoever records: a process on the host, a process in the guest. */
struct bellwire_recording_line {
	__u32 recording; /* bits of enum bellwire_recorder */
	__u32 reserved[15];
} BELLWIRE_OWN_LINE;

/* The guest's bits are cleared when a generation begins, the host's when a device starts. */
enum bellwire_recorder {
	BELLWIRE_HOST_RECORDS = 1,
	BELLWIRE_GUEST_RECORDS = 2,
	BELLWIRE_HOST_STEPS = 4,  /* see "Slow motion"; written by the device */
	BELLWIRE_GUEST_STEPS = 8, /* likewise; written by the module */
};

/* The sides that write records. */
enum bellwire_side {
	BELLWIRE_PROCESS = 0,
	BELLWIRE_MODULE = 1,
	BELLWIRE_DEVICE = 2,
	BELLWIRE_SIDES = 3,
};

/* The stages of a request, in order. Each is recorded by one side. */
enum bellwire_stage {
	BELLWIRE_SUBMITTED = 0,   /* process: about to publish the request */
	BELLWIRE_KICKED = 1,      /* module: a worker took the kick */
	BELLWIRE_RUNG = 2,        /* module: about to write the doorbell */
	BELLWIRE_WOKEN = 3,       /* device: woken by the doorbell */
	BELLWIRE_TAKEN = 4,       /* device: about to copy the request */
	BELLWIRE_POSTED = 5,      /* device: about to publish the completion */
	BELLWIRE_RAISED = 6,      /* device: about to raise the interrupt */
	BELLWIRE_INTERRUPTED = 7, /* module: received the interrupt */
	BELLWIRE_SIGNALLED = 8,   /* module: about to signal the call eventfd */
	BELLWIRE_AWAKE = 9,       /* process: woken by the call eventfd */
	BELLWIRE_CONSUMED = 10,   /* process: about to copy the completion */
	BELLWIRE_STAGES = 11,
};

/* Written by that side. */
struct bellwire_side_line {
	__u64 written;               /* records written since the memory was formatted */
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
 * Offsets are relative to the queue's payload area, which begins behind the
 * records and fills the rest of the queue. Input and output must not overlap.
 * What a request means is defined by the device: an echo copies input to output,
 * a digest returns the input's CRC-32C in `result`.
 */
struct bellwire_request {
	__u64 cookie; /* chosen by the driver; returned in the completion */
	__u32 input_offset;
	__u32 input_length;
	__u32 output_offset;
	__u32 output_length;
	__u32 operation; /* defined by the device; 0 where it has only one */
	__u32 flags;     /* zero; checked */
	__u64 reserved[4];
} BELLWIRE_OWN_LINE;

struct bellwire_completion {
	__u64 cookie;      /* the request's */
	__u32 status;      /* enum bellwire_completion_status */
	__u32 length;      /* bytes of output written */
	__u64 result;      /* defined by the device */
	__u32 incarnation; /* of the device that completed the request */
	__u32 reserved[9];
} BELLWIRE_OWN_LINE;

enum bellwire_completion_status {
	BELLWIRE_DONE = 0,
	BELLWIRE_BAD_RANGE = 1,     /* input or output lies outside the payload, or they overlap */
	BELLWIRE_BAD_OPERATION = 2, /* unknown operation, or flags that are not zero */
	BELLWIRE_BAD_LENGTH = 3,    /* above BELLWIRE_MAX_REQUEST, or not served by the device */
	BELLWIRE_FAILED = 4,        /* nothing is wrong with the request: the device failed */
};

/*
 * For the stages of a single request (submitted, taken, posted, consumed),
 * `index` is the request's, and the `more` requests that follow it reached the
 * stage at the same moment. A record of any other stage stands for all requests
 * below `index`: on the way to the device, `index` is `submitted` as it was then;
 * on the way back, it is `completed`. The module also records, as a stage of no
 * request, that it did without a signal: `index` is the request's that it was
 * for. A doorbell is rung again at that time, and recorded once it is known to
 * have been lost; so its time may be before that of records behind which it stands.
 */
enum bellwire_recovery {
	BELLWIRE_RECOVERED_DOORBELL = 32,
	BELLWIRE_RECOVERED_INTERRUPT = 33,
};

struct bellwire_record {
	__u64 ticks;      /* the TSC of the side that recorded */
	__u8 stage;       /* enum bellwire_stage, or enum bellwire_recovery */
	__u8 more;        /* 0 for stages that stand for all requests below `index` */
	__u16 generation; /* the lower 16 bits */
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

/* The offset of the payload in a queue. */
static inline __u64 bellwire_payload_offset(__u32 ring_entries, __u32 trace_entries)
{
	return BELLWIRE_QUEUE_CONTROL_SIZE +
	       (__u64)ring_entries *
		       (sizeof(struct bellwire_request) + sizeof(struct bellwire_completion)) +
	       (__u64)trace_entries * BELLWIRE_SIDES * sizeof(struct bellwire_record);
}

/* The offset of a side's records in a queue. */
static inline __u64 bellwire_records_offset(__u32 ring_entries, __u32 trace_entries,
					    enum bellwire_side side)
{
	return bellwire_payload_offset(ring_entries, 0) +
	       (__u64)trace_entries * (__u32)side * sizeof(struct bellwire_record);
}

enum bellwire_format_fault {
	BELLWIRE_FORMAT_OK = 0,
	BELLWIRE_FORMAT_BLANK = 1, /* no magic: the memory was not formatted yet */
	BELLWIRE_FORMAT_BAD_VERSION = 2,
	BELLWIRE_FORMAT_BAD_SIZE = 3,
	BELLWIRE_FORMAT_BAD_QUEUES = 4,
	BELLWIRE_FORMAT_BAD_RING = 5,
	BELLWIRE_FORMAT_BAD_PLACE = 6, /* queues overlap, exceed the memory or are misaligned */
	BELLWIRE_FORMAT_BAD_TRACE = 7,
	BELLWIRE_FORMAT_BAD_RESERVED = 8, /* not zero: an unknown version */
};

/*
 * Checks a private *copy* of a format against the size of the memory that it was
 * read from. Every format must be checked by this function before it is used.
 */
static inline enum bellwire_format_fault bellwire_format_check(const struct bellwire_format *format,
							       __u64 size)
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
	/* A product could overflow; a quotient cannot. */
	if (format->queue_stride > (size - format->queue_offset) / format->queues)
		return BELLWIRE_FORMAT_BAD_PLACE;
	if (format->reserved[0] || format->reserved[1] || format->reserved[2] ||
	    format->reserved[3])
		return BELLWIRE_FORMAT_BAD_RESERVED;
	return BELLWIRE_FORMAT_OK;
}

/*
 * Returns whether an index that went from `before` to `now` passed `event`: that
 * is, whether the entry with the index `event` is among the new ones.
 */
static inline int bellwire_event_passed(__u32 event, __u32 now, __u32 before)
{
	return (__u32)(now - event - 1) < (__u32)(now - before);
}

/*
 * Part 2: the device file
 * =======================
 *
 * /dev/bellwireN is the file of device N. A process opens it, claims a queue,
 * gives the module its eventfds, maps the queue, and plays the driver's process
 * of part 1 in it:
 *
 *     fd = open("/dev/bellwire0", O_RDWR);
 *     ioctl(fd, BELLWIRE_CLAIM, &claim);        gets a queue
 *     ioctl(fd, BELLWIRE_SET_CALL, &call);      eventfd from kernel to user
 *     ioctl(fd, BELLWIRE_SET_KICK, &kick);      eventfd from user to kernel, worker
 *     mmap(NULL, claim.map_size, …, fd, 0);     shared; begins with
 *                                               struct bellwire_queue_control
 *
 * Then it waits until status.generation == claim.generation. An open file has at
 * most one queue and one worker. The last close(), which includes the unmapping
 * of the queue and the exit of the process, gives the queue back.
 *
 * read() is an alternative to the call eventfd. It waits for interrupts, returns
 * their number since the last read() as a __u64, and sets it to zero. With
 * O_NONBLOCK it fails with EAGAIN if there were none; a buffer of less than 8
 * bytes is EINVAL. poll() reports IN while the number is not zero, and PRI as
 * BELLWIRE_STEP says.
 *
 * When the device goes (it died, was unplugged, or lost its driver), poll()
 * reports HUP | ERR to all who wait, the call eventfd is signalled one last
 * time, and from then on every call fails with ENODEV. If the device was
 * unplugged or lost its driver, the mapping goes as well: an access is SIGBUS.
 * The mapping of a device that died stays until then.
 *
 * When the PCI device is reset, or the machine sleeps, the queues keep their
 * generations and requests. Commands other than KICK and RING, close(), and
 * accesses to a mapping wait until it is over. Then every queue is rung once, and
 * its owner gets one interrupt: they replace all rings and interrupts that were
 * lost meanwhile. A device that does not come back is gone.
 *
 * Any thread may make any call, also at the same time. KICK and RING do not wait
 * for the other commands, which wait for each other. A call that fails has
 * changed nothing.
 *
 * Errors of all commands: ENOTTY: the command is unknown. EFAULT: the argument
 * cannot be read or written. EINVAL: a reserved field, or an unknown flag, is
 * not zero. ENOTCONN: the file has claimed no queue. ENODEV: the device is gone.
 * Reserved fields of answers are zero.
 */

#define BELLWIRE_ANY_QUEUE 0xffffffffu

/*
 * The module does not rely on a doorbell and an interrupt alone. While an answer
 * is due it looks at the queue: after the time of a round trip, as it
 * measures it, or the BELLWIRE_LOOK_LEAST_MS, whichever is longer; after twice
 * that time each time that nothing has changed, up to BELLWIRE_LOOK_MOST_MS. If
 * two looks in a row find that an interrupt has not come, it does what the
 * interrupt would have done. If they find that the device sleeps, and has not
 * taken a request that it was rung for, it rings again. Both are counted as
 * *recovered*. An interrupt that comes after that is one too many.
 */
#define BELLWIRE_LOOK_LEAST_MS 5
#define BELLWIRE_LOOK_FIRST_MS 100 /* before anything was measured */
#define BELLWIRE_LOOK_MOST_MS 1000

/*
 * Claims a queue, begins a generation, and rings once. EBUSY: the queue is in
 * use, or all queues are, or the file has one already. EINVAL: there is no queue
 * of that index.
 */
struct bellwire_claim {
	__u32 queue;         /* in: an index, or BELLWIRE_ANY_QUEUE; out: the index */
	__u32 flags;         /* enum bellwire_claim_flag */
	__u32 generation;    /* out: the one that begins */
	__u32 ring_entries;  /* out */
	__u64 map_size;      /* out: bytes to map, from offset 0 */
	__u32 trace_entries; /* out */
	__u32 reserved;      /* zero */
};
#define BELLWIRE_CLAIM _IOWR(0xbe, 0x00, struct bellwire_claim)

enum bellwire_claim_flag {
	BELLWIRE_CLAIM_NO_LOOKS = 1, /* the module never looks: what is lost stays lost */
};

/*
 * Sets the eventfd that the interrupt handler signals, in place of the last one.
 * fd -1: no eventfd. EBADF: not a descriptor. EINVAL: not an eventfd.
 */
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
 * Sets the kick eventfd and its worker, in place of the last ones; no kick is
 * lost by that. A count that is in the eventfd already is a kick. fd -1 with
 * BELLWIRE_WORKER_NONE: no eventfd. EBADF: not a descriptor. EINVAL: not an
 * eventfd, an unknown worker, or a non-blocking eventfd with
 * BELLWIRE_WORKER_READ, whose thread could not wait. ENOMEM. EINTR: a signal
 * arrived while the worker's thread was started.
 */
struct bellwire_kick {
	__s32 fd;
	__u32 worker;   /* enum bellwire_worker */
	__u32 flags;    /* zero */
	__u32 reserved; /* zero */
};
#define BELLWIRE_SET_KICK _IOW(0xbe, 0x02, struct bellwire_kick)

/* Signals the kick eventfd from the kernel; its worker rings. ENOTCONN: also if there is none. */
#define BELLWIRE_KICK _IO(0xbe, 0x03)

/*
 * Rings the doorbell in the caller's context, without eventfd and worker. Without
 * a claim it rings queue 0, so that the device beats.
 */
#define BELLWIRE_RING _IO(0xbe, 0x04)

/*
 * Begins a new generation of the file's queue, and rings, as a claim does. `queue`
 * is ignored; `flags` is zero: those of the claim stay.
 */
#define BELLWIRE_RESET _IOWR(0xbe, 0x05, struct bellwire_claim)

/*
 * Works without a claim, too; then `queue` is BELLWIRE_ANY_QUEUE, and `worker`,
 * `generation` and the counters are zero.
 */
struct bellwire_info {
	__u32 version;     /* BELLWIRE_VERSION */
	__u32 queues;      /* that can be claimed */
	__u32 queues_free; /* of them */
	__u32 ring_entries;
	__u32 queue;
	__u32 worker; /* enum bellwire_worker */
	__u32 generation;
	__u32 peer; /* the guest's own ivshmem ID */
	/* As the device wrote them, at this moment: */
	char kind[BELLWIRE_KIND_SIZE]; /* always ends with a NUL */
	__u32 incarnation;
	__u32 state;
	__u32 beat;
	__u32 device_peer;
	/* Since the claim: */
	__u64 kicks;      /* times that a worker took a count */
	__u64 doorbells;  /* writes to the Doorbell register */
	__u64 interrupts; /* MSI-X or MSI interrupts */
	__u64 calls;      /* signals of the call eventfd */
	/* Of what had not come, and was found by a look: */
	__u64 recovered_doorbells;
	__u64 recovered_interrupts;
	__u64 reserved[2]; /* zero */
};
#define BELLWIRE_INFO _IOR(0xbe, 0x06, struct bellwire_info)

enum bellwire_step_action {
	BELLWIRE_STEP_SHOW = 0, /* changes nothing */
	BELLWIRE_STEP_ON = 1,   /* hops are held from now on */
	BELLWIRE_STEP_NEXT = 2, /* the hop that is held happens; without one, nothing */
	BELLWIRE_STEP_OFF = 3,  /* all that are held happen; none is held any more */
};

/*
 * Slow motion: the module holds each of its hops until NEXT lets it happen: taking
 * a kick (KICKED; the worker READ takes it at once), writing the doorbell (RUNG),
 * and signalling the call eventfd after an interrupt (SIGNALLED). Nothing waits
 * meanwhile: KICK, RING and a write to the kick eventfd return at once. The answer
 * is what is held before the action, the earliest stage first. poll() reports PRI
 * while a hop is held.
 *
 * RESET, the last close() and a reset of the device end slow motion, and forget
 * what is held: a kick stays in its eventfd, and a request in its ring.
 */
struct bellwire_step {
	__u32 action;      /* in: enum bellwire_step_action */
	__u32 held;        /* out: enum bellwire_stage; BELLWIRE_STAGES: none */
	__u32 line;        /* out: the line of `file` that holds it, and calls `function` */
	__u32 reserved;    /* zero */
	char file[24];     /* out: below guest-kmod/module; ends with a NUL */
	char function[24]; /* out: likewise; what does the hop */
};
#define BELLWIRE_STEP _IOWR(0xbe, 0x07, struct bellwire_step)

BELLWIRE_ASSERT(sizeof(struct bellwire_step) == 64, "step is 64 bytes");
BELLWIRE_ASSERT(sizeof(struct bellwire_claim) == 32, "claim is 32 bytes");
BELLWIRE_ASSERT(sizeof(struct bellwire_call) == 8, "call is 8 bytes");
BELLWIRE_ASSERT(sizeof(struct bellwire_kick) == 16, "kick is 16 bytes");
BELLWIRE_ASSERT(sizeof(struct bellwire_info) == 128, "info is 128 bytes");

/*
 * Part 3: the card
 * ================
 *
 * A PCI device 1af4:10f0 that a process on the host serves completely, by
 * vfio-user:
 *
 *     BAR0  registers of 4 bytes each, as below; from BELLWIRE_CARD_OWN on, the
 *           device's own registers
 *     BAR2  the doorbell page, if there is one
 *     BAR4  MSI-X
 *
 * Turning it on
 *   The memory of part 1 belongs to the driver, which lends it to the card:
 *   MEMORY_SIZE bytes in one piece. The driver writes the memory's bus address
 *   to MEMORY_LOW and MEMORY_HIGH, the number of its vectors to VECTORS, and
 *   then ENABLE to CONTROL. STATUS then reads READY if the device has formatted
 *   the memory for as many queues as QUEUES says, and runs; else it says why not.
 *   Memory that is formatted already belongs to a card that was reset under its
 *   driver: the driver writes the same values again, and the device continues
 *   with the requests that it finds.
 *
 * Turning it off
 *   The driver writes 0 to CONTROL, or resets the card. As soon as STATUS reads
 *   as OFF, the card does not use the memory any more. If STATUS reads as
 *   anything else, the card may still write to the memory, and the driver must
 *   not use it for anything else.
 *
 * Doorbells
 *   Any write to the register at DOORBELL + 4 N rings doorbell N. With a doorbell
 *   page, the driver adds 1 to driver[N].rung instead, which the device polls,
 *   and writes the register only while the device sleeps. The driver (1) adds,
 *   (2) loads `asleep`; the device (1) stores `asleep`, (2) loads `rung` again,
 *   and does not sleep if it has changed. All four accesses are sequentially
 *   consistent.
 *
 * Interrupts
 *   Queue N raises vector N modulo VECTORS.
 *
 * Registers read as all ones when no process serves the card any more.
 */

#define BELLWIRE_CARD_ID 0x10f0               /* of vendor 1af4; QEMU reserves it for experiments */
#define BELLWIRE_CARD_MAGIC_VALUE 0x4c4c4542u /* "BELL" */

enum bellwire_card_register {
	BELLWIRE_CARD_MAGIC = 0x00,       /* reads as BELLWIRE_CARD_MAGIC_VALUE */
	BELLWIRE_CARD_QUEUES = 0x04,      /* read: queues and doorbells; 1 to BELLWIRE_MAX_QUEUES */
	BELLWIRE_CARD_MEMORY_SIZE = 0x08, /* read: bytes that the driver must lend: whole pages */
	BELLWIRE_CARD_VECTORS = 0x0c,     /* write: the number of vectors that the driver has */
	BELLWIRE_CARD_MEMORY_LOW = 0x10,  /* write: the memory's bus address, lower half */
	BELLWIRE_CARD_MEMORY_HIGH = 0x14, /* write: its upper half */
	BELLWIRE_CARD_CONTROL = 0x18,     /* write: BELLWIRE_CARD_ENABLE, or 0 */
	BELLWIRE_CARD_STATUS = 0x1c,      /* read: enum bellwire_card_status */
	BELLWIRE_CARD_DOORBELL = 0x100,
	BELLWIRE_CARD_OWN = 0x1000,
};

#define BELLWIRE_CARD_ENABLE 1u
#define BELLWIRE_CARD_MAX_MEMORY (4u << 20) /* bytes; Linux allocates no more in one piece */

enum bellwire_card_status {
	BELLWIRE_CARD_OFF = 0,
	BELLWIRE_CARD_READY = 1,
	BELLWIRE_CARD_BAD_MEMORY = 2, /* cannot be used: not the guest's, or not shared */
	BELLWIRE_CARD_FAILED = 3,     /* the device cannot run; its log on the host says why */
};

struct bellwire_rung_line {
	__u32 rung; /* rings of the driver; any number of writers, by atomic additions */
	__u32 reserved[15];
} BELLWIRE_OWN_LINE;

struct bellwire_asleep_line {
	__u32 asleep; /* not 0: the driver must write the register */
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
