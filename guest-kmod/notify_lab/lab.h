/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A session is an open file: its map, its job, and what the job has counted.
 *
 * Ownership
 *   The file owns the session, the session its job, the job its wires, its thread
 *   and its entry in an eventfd's wait queue. lab_job_stop() ends and frees all
 *   of a job; nothing else does. It is called before the next job, by STOP, and
 *   at the last close.
 *
 * Contexts
 *   A job sends from one place: its thread, or its timer's interrupt. It receives
 *   in its thread, or in the other side's call: a system call, or a callback in
 *   an eventfd's wait queue.
 *
 * Locks, outermost first
 *   session->lock     set-up and end of jobs
 *   sessions' xa_lock netlink's look-up of a session
 *   the lock of an eventfd's wait queue
 *   session->records  the counts; taken with interrupts off
 *   Notifications are sent under none of them.
 */
#ifndef LAB_H
#define LAB_H

#include <linux/atomic.h>
#include <linux/hrtimer.h>
#include <linux/mutex.h>
#include <linux/poll.h>
#include <linux/spinlock.h>
#include <linux/wait.h>

#include "uapi/notify_lab.h"
#include "wire.h"

struct lab_session;
struct net;

/* What one reception returned. */
struct lab_notification {
	u64 number;  /* as it was carried */
	u64 carried; /* notifications that it stands for */
};

struct lab_sender {
	enum lab_wire_kind wire;
	bool atomic; /* works in a hard interrupt */
	/* EAGAIN: the other side is full, try again. If not atomic, may sleep until STOP. */
	int (*send)(struct lab_session *session, u64 number);
};

struct lab_receiver {
	enum lab_wire_kind wire;
	unsigned int refused; /* flags that the file must not have */
	/*
	 * The thread sleeps here until a notification arrives. EAGAIN: try again
	 * later; EMSGSIZE: it has a wrong size. NULL: lab_received() is called.
	 */
	int (*take)(struct lab_session *session, struct lab_notification *notification);
	int (*wake)(wait_queue_entry_t *wait, unsigned int mode, int sync, void *key);
};

/* An entry in the wait queue of an eventfd. */
struct lab_watch {
	poll_table table;        /* used once, to find head */
	wait_queue_head_t *head; /* the eventfd's; lives as long as the wire */
	wait_queue_entry_t wait; /* in head */
};

/* Constant while the job runs, except where a comment says otherwise. */
struct lab_job {
	struct notify_lab_job request;
	const struct lab_sender *sender;     /* NULL: none */
	const struct lab_receiver *receiver; /* NULL: none */
	struct lab_wire out, in;
	struct lab_watch watch;
	struct task_struct *thread; /* NULL: none */
	struct task_struct *caller; /* of START */
	struct net *net;            /* of the caller */
	struct hrtimer timer;
	u64 sleeps;    /* of the thread before the job; used by the thread alone */
	bool answered; /* the acknowledgment was seen; used by the sending side alone */
	u64 rung;      /* the part of map->rung that was taken; used by the thread alone */
};

struct lab_session {
	struct mutex lock;  /* see "Locks" above */
	struct lab_job job; /* protected by lock; constant while it runs */
	u32 id;             /* in the table of sessions */

	struct notify_lab_map *map; /* the user writes to it, too: not trusted */

	spinlock_t records;          /* see "Locks" above */
	struct notify_lab_info info; /* protected by records */
	wait_queue_head_t arrived;   /* the thread, for lab_received() */
	wait_queue_head_t ended;     /* waiters for the job's end */

	wait_queue_head_t readers; /* of the file */
	struct fasync_struct *fasync;
	atomic64_t unread;
};

extern const struct file_operations lab_file_operations;

/* command.c */
long lab_file_ioctl(struct file *filp, unsigned int number, unsigned long user);

/* job.c; may sleep */
int lab_job_start(struct lab_session *session, const struct notify_lab_job *request);
int lab_job_stop(struct lab_session *session);

/* work.c: the job's thread; its argument is the session */
int lab_work(void *session);

/* record.c; any context */
void lab_record_begin(struct lab_session *session);
bool lab_running(const struct lab_session *session);
bool lab_all_sent(const struct lab_session *session);
bool lab_all_received(const struct lab_session *session);
void lab_end(struct lab_session *session, u32 state, int error);
void lab_count_error(struct lab_session *session, int error);
int lab_received(struct lab_session *session, u32 receiver,
		 const struct lab_notification *notification);
void lab_sending(struct lab_session *session);
void lab_sent(struct lab_session *session, int error);

/* send.c */
const struct lab_sender *lab_find_sender(u32 which);
bool lab_due(struct lab_session *session);
int lab_send_once(struct lab_session *session);
int lab_send(struct lab_session *session);

/* receive.c */
const struct lab_receiver *lab_find_receiver(u32 which);
int lab_receive(struct lab_session *session, u64 answered);

/* watch.c */
void lab_watch(struct lab_session *session);
void lab_unwatch(struct lab_session *session);
int lab_watch_take(struct lab_session *session, struct lab_notification *notification);
int lab_watch_callback(wait_queue_entry_t *wait, unsigned int mode, int sync, void *key);

/* genl.c */
int lab_genl_init(void);
void lab_genl_exit(void);
int lab_genl_add(struct lab_session *session);
void lab_genl_remove(struct lab_session *session);
int lab_genl_unicast(struct lab_session *session, u64 number);
int lab_genl_multicast(struct lab_session *session, u64 number);

#endif /* LAB_H */
