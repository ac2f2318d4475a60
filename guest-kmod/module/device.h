/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What the front ends share: a device has memory, a doorbell and queues.
 *
 * Ownership
 *   The front end creates a bell_device and holds a reference until its
 *   interrupt handlers are freed. Each open file holds another one, so the
 *   struct outlives unbind. The device owns its queues. A bell_file owns the call
 *   eventfd, the worker and, after its claim, one queue; it gives them up in
 *   bell_file_disconnect() and nowhere else.
 *
 * Unbind
 *   bell_device_remove() sets `gone`, disconnects every file, takes the pages
 *   back, and waits for the last ring. After that nobody touches the memory or
 *   the registers, and the front end may unmap them. A device that is found dead
 *   is shut at once: its files are as after unbind, but keep their pages until
 *   the device is unplugged.
 *
 * Reset (hold.c)
 *   While the device is `held`, nobody touches the memory or the registers,
 *   either: pages are taken back, and whoever needs the device waits in
 *   bell_device_lock() or in a page fault. Rings do nothing, and interrupts are
 *   not recorded. Afterwards every queue gets one ring and one interrupt, which
 *   replace all of them.
 *
 * Locks, outermost first
 *   device->lock    everything that is set up and torn down; page faults
 *   queue->lock     what the interrupt handler reads; taken with interrupts off
 *   the lock of an eventfd's wait queue, which the eventfd takes
 *   gate->waiters.lock  the hops that are held; wakes who polls for them
 *   records->lock   the queue's records
 *   bell_queue_ring() takes none of them, so it may be called under any; it runs
 *   in an RCU read section.
 */
#ifndef BELL_DEVICE_H
#define BELL_DEVICE_H

#include <linux/atomic.h>
#include <linux/ioport.h>
#include <linux/kref.h>
#include <linux/list.h>
#include <linux/miscdevice.h>
#include <linux/mutex.h>
#include <linux/pci_regs.h>
#include <linux/poll.h>
#include <linux/spinlock.h>
#include <linux/wait.h>
#include <linux/workqueue.h>

#include "../uapi/bellwire.h"
#include "look_time.h"

struct bell_file;
struct bell_queue;
struct bell_worker;
struct dentry;
struct eventfd_ctx;
struct pci_dev;

enum bell_count {
	BELL_KICKS,
	BELL_DOORBELLS,
	BELL_INTERRUPTS,
	BELL_CALLS,
	BELL_RECOVERED_DOORBELLS,
	BELL_RECOVERED_INTERRUPTS,
	BELL_COUNTS,
};

/* The module's ring of records. */
struct bell_records {
	raw_spinlock_t lock;
	struct bellwire_record *ring; /* shared memory: not trusted */
	u64 written;                  /* protected by lock */
};

/* The time from a ring to the interrupt for its requests, once between two looks. */
enum bell_sample {
	BELL_SAMPLE_WANTED,
	BELL_SAMPLE_BEGINS, /* or ends: its words are being written */
	BELL_SAMPLE_RUNS,
	BELL_SAMPLE_ENDED,
};

/* Used by look.c alone. Protected by device->lock, unless it says otherwise. */
struct bell_look {
	struct delayed_work work;
	bool active;                /* work is due or runs; atomic */
	bool off;                   /* BELLWIRE_CLAIM_NO_LOOKS; rings read it without the lock */
	struct bell_look_time time; /* used by work alone, between begin and the first ring */

	/* At the last look. */
	u64 doorbell, interrupt; /* what was missing */
	u32 completed;
	u64 recovered; /* the interrupt that was */
	u64 rang_at;   /* in ticks: when it was first rung again */

	u64 rang_for;    /* the doorbell that is missing, and was rung again */
	s64 uncounted;   /* before that, doorbells that the device had not counted */
	u32 incarnation; /* of the device, then */

	s64 doorbells_before; /* the total when the generation began */
	bool begun;           /* an interrupt of the generation came; the handler sets it */

	atomic_t sample; /* enum bell_sample: says who may use the next three */
	u32 until;       /* the index of its completion */
	u64 since, took; /* ns */
};

/* A hop that may be held, and the line that says so. */
struct bell_hop {
	enum bellwire_stage stage;
	const char *file;
	unsigned int line;
	const char *name;                     /* of go */
	void (*go)(struct bell_queue *queue); /* does it; process context, device->lock */
};

/* Used by gate.c alone, but for bell_holds(). Protected by the lock of waiters. */
struct bell_gate {
	bool on; /* read without the lock */
	const struct bell_hop *held[BELLWIRE_STAGES];
	wait_queue_head_t waiters;
};

struct bell_queue {
	struct bell_device *device;
	unsigned int index;
	struct bellwire_queue_control *control; /* shared memory: not trusted */
	atomic64_t totals[BELL_COUNTS];         /* since bind */

	u32 generation; /* protected by device->lock; records read it without the lock */
	struct bell_records records;
	struct bell_look look;
	struct bell_gate gate;

	spinlock_t lock;         /* see "Locks" above */
	struct bell_file *owner; /* written under both locks, read under either */
};

/* What differs between the kinds of PCI devices; pci.c lists them. */
struct bell_front {
	unsigned int vectors;      /* PCI_IRQ_MSIX and the like */
	bool formatted_when_ready; /* the memory has a format after open() */

	/*
	 * Sets registers, memory and start; opens the memory; takes vectors. All of
	 * it is managed (devm_). May sleep; reports why it fails.
	 */
	int (*open)(struct bell_device *device, struct pci_dev *pci);
	/* Writes the doorbell. Any context; never called after remove. */
	void (*ring)(struct bell_queue *queue, u32 device_peer);
	/* Whether the device has died. May sleep; NULL: that cannot be known. */
	bool (*lost)(struct bell_device *device);

	/* Called before and after a reset. May sleep; NULL: nothing to do. */
	void (*stop)(struct bell_device *device);
	int (*restart)(struct bell_device *device); /* reports why it fails */
};

struct bell_device {
	struct kref ref;
	struct mutex lock;          /* see "Locks" above */
	bool gone;                  /* written under lock; rings read it in RCU */
	bool held;                  /* likewise; interrupts read it, too */
	wait_queue_head_t released; /* waiters for the end of a hold */
	bool removed;               /* the memory goes; protected by lock */
	struct list_head files;     /* of bell_file; protected by lock */

	/* Constant from bell_device_add() on; the pointers until remove. */
	struct device *parent;
	const struct bell_front *front;
	struct resource bars[PCI_STD_NUM_BARS]; /* those that are taken */
	void __iomem *registers;
	u32 peer;                       /* the guest's ivshmem ID */
	struct bellwire_header *memory; /* shared: not trusted */
	phys_addr_t start;              /* of memory */
	struct bellwire_format format;  /* private copy, checked */
	unsigned int vectors;
	unsigned int queue_count; /* those that have a vector */
	struct bell_queue queues[BELLWIRE_MAX_QUEUES];

	/* Cards only: the memory that was lent, and the doorbell page, or NULL. */
	size_t memory_size;
	dma_addr_t bus_address;
	struct bellwire_doorbell_page *doorbells; /* shared: not trusted */

	/* Used by watch.c alone. */
	struct delayed_work watch;
	bool watched;
	u32 last_beat;

	int id;
	char name[24]; /* "bellwire0" */
	struct miscdevice misc;
	struct dentry *stats;
};

struct bell_file {
	struct bell_device *device;
	struct list_head link; /* in device->files */
	struct address_space *mapping;
	struct bell_queue *queue; /* set once, by the claim; stays until free */

	pid_t pid;             /* of the process that claimed the queue */
	u64 base[BELL_COUNTS]; /* the queue's totals at the claim */

	wait_queue_head_t waiters;
	atomic64_t pending; /* interrupts not yet read */

	/* Written under device->lock and queue->lock, read under either. */
	struct eventfd_ctx *call;
	struct bell_worker *worker;
};

extern const struct file_operations bell_file_operations;

/* device.c; may sleep */
struct bell_device *bell_device_create(struct device *parent, const struct bell_front *front);
void bell_device_put(struct bell_device *device);
int bell_device_open_memory(struct bell_device *device, u64 size);
int bell_device_add(struct bell_device *device);
void bell_device_remove(struct bell_device *device);
/* Wakes all waiters, signals the call eventfds a last time; later calls fail with ENODEV. */
void bell_device_shut(struct bell_device *device);
void bell_device_unmap(struct bell_device *device); /* needs device->lock */

/* format.c: copies the memory's format, checks the copy, and reports what is wrong */
int bell_format_read(struct bell_device *device, u64 size);

/* hold.c; may sleep */
void bell_device_lock(struct bell_device *device); /* takes device->lock when not held */
void bell_device_hold(struct bell_device *device);
void bell_device_go_on(struct bell_device *device);

/* watch.c; bell_watch() may be called in any context, between begin and end */
void bell_watch_init(struct bell_device *device);
void bell_watch_begin(struct bell_device *device); /* after an end */
void bell_watch(struct bell_device *device);
void bell_watch_end(struct bell_device *device);

/* look.c; bell_look_rung() and _interrupted() in any context, in an RCU read section */
void bell_look_init(struct bell_queue *queue);
void bell_look_begin(struct bell_queue *queue);  /* with a generation; needs device->lock */
void bell_look_settle(struct bell_queue *queue); /* before its counts are read; likewise */
void bell_look_rung(struct bell_queue *queue);
void bell_look_interrupted(struct bell_queue *queue);
void bell_look_end(struct bell_queue *queue); /* may sleep; not under device->lock */
/* While somebody steps, nothing is looked at and no time is measured. */
void bell_look_forget(struct bell_queue *queue);
void bell_look_resume(struct bell_queue *queue);

/* gate.c */
void bell_gate_init(struct bell_queue *queue);
void bell_gate_close(struct bell_queue *queue);  /* hops are held from now on; device->lock */
void bell_gate_next(struct bell_queue *queue);   /* likewise; does the first that is held */
void bell_gate_open(struct bell_queue *queue);   /* likewise; does all that are held */
void bell_gate_forget(struct bell_queue *queue); /* does none of them; may sleep */
void bell_gate_show(const struct bell_queue *queue, struct bellwire_step *step);
__poll_t bell_gate_poll(struct bell_queue *queue, struct file *filp, poll_table *table);
bool bell_gate_hold(struct bell_queue *queue, const struct bell_hop *hop);

/*
 * Whether somebody steps, so that the hop is held here: then later(queue) does it.
 * Any context, under any lock but those of the gate and the records.
 */
#define bell_holds(queue, at, later)                                                               \
	({                                                                                         \
		struct bell_queue *queue_ = (queue);                                               \
		static const struct bell_hop hop_ = {                                              \
			.stage = (at),                                                             \
			.file = __FILE__,                                                          \
			.line = __LINE__,                                                          \
			.name = #later,                                                            \
			.go = (later),                                                             \
		};                                                                                 \
		unlikely(READ_ONCE(queue_->gate.on)) && bell_gate_hold(queue_, &hop_);             \
	})

/* queue.c; all of these need device->lock */
struct bell_queue *bell_queue_find(const struct bell_file *file, u32 index);
u32 bell_queue_next_generation(const struct bell_queue *queue);
void bell_queue_claim(struct bell_file *file, struct bell_queue *queue, u32 flags);
void bell_queue_begin(struct bell_queue *queue, u32 generation);
void bell_queue_end(struct bell_queue *queue);
void bell_file_disconnect(struct bell_file *file);
struct bell_worker *bell_file_set_worker(struct bell_file *file, struct bell_worker *worker);
struct eventfd_ctx *bell_file_set_call(struct bell_file *file, struct eventfd_ctx *call);

/* queue.c; any context */
int bell_queue_ring(struct bell_queue *queue);
void bell_queue_kicked(struct bell_queue *queue);
void bell_queue_interrupt(struct bell_queue *queue);
void bell_queue_call(struct bell_queue *queue);
void bell_queue_catch_up(struct bell_queue *queue);

static inline void bell_count(struct bell_queue *queue, enum bell_count which)
{
	atomic64_inc(&queue->totals[which]);
}

/* Whether somebody steps, on either side. */
static inline bool bell_steps(const struct bell_queue *queue)
{
	return READ_ONCE(queue->control->recording.recording) &
	       (BELLWIRE_GUEST_STEPS | BELLWIRE_HOST_STEPS);
}

/* record.c; the last two in any context. The index is a word of the shared memory. */
void bell_records_init(struct bell_queue *queue);
void bell_record_it(struct bell_queue *queue, enum bellwire_stage stage, const u32 *index);
void bell_record_recovery(struct bell_queue *queue, enum bellwire_recovery what, u32 index,
			  u64 ticks);

/* Called in an RCU read section, or with interrupts off. */
static inline void bell_record(struct bell_queue *queue, enum bellwire_stage stage,
			       const u32 *index)
{
	struct bellwire_queue_control *control = queue->control;

	if (unlikely(READ_ONCE(queue->device->held)))
		return;
	WRITE_ONCE(control->sides[BELLWIRE_MODULE].last[stage], READ_ONCE(*index));
	if (READ_ONCE(control->recording.recording))
		bell_record_it(queue, stage, index);
}

/* The offset of the queue in the device's memory. */
static inline u64 bell_queue_offset(const struct bell_queue *queue)
{
	const struct bellwire_format *format = &queue->device->format;

	return format->queue_offset + queue->index * format->queue_stride;
}

/* ioctl.c */
long bell_file_ioctl(struct file *filp, unsigned int number, unsigned long user);

/* stats.c */
void bell_stats_init(void);
void bell_stats_exit(void);
void bell_stats_add(struct bell_device *device);
void bell_stats_remove(struct bell_device *device);

/* pci.c, ivshmem.c, card.c */
extern struct pci_driver bell_pci_driver;
int bell_pci_take_vectors(struct bell_device *device, struct pci_dev *pci, unsigned int wanted);
/* Both map a BAR that must be memory of at least `least` bytes. ERR_PTR: reported already. */
void __iomem *bell_pci_map_registers(struct bell_device *device, struct pci_dev *pci,
				     unsigned int bar, resource_size_t least);
void *bell_pci_map_memory(struct bell_device *device, struct pci_dev *pci, unsigned int bar,
			  resource_size_t least);
extern const struct bell_front bell_ivshmem_front;
extern const struct bell_front bell_card_front;

#endif /* BELL_DEVICE_H */
