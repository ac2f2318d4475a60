/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A session is an open file: its map, its job and what the job has counted.
 *
 * Ownership
 *   The file owns the session, the session its job, the job its wires, its
 *   thread and its place in an eventfd's wait queue. lab_job_stop() ends and
 *   frees all of a job, and nothing else does; it runs before the next job,
 *   for STOP, and at the last close.
 *
 * Who runs
 *   Each job sends from one place, its thread or its timer's interrupt. It
 *   receives in its thread, or wherever the other side calls: a system call,
 *   an eventfd's wait queue.
 *
 * Locks, outermost first
 *   session->lock     jobs set up and torn down
 *   sessions' xa_lock netlink finds the session
 *   the lock of an eventfd's wait queue
 *   session->records  what is counted; interrupts off
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

/* What was received at one time. */
struct lab_news {
	u64 number;  /* as it was carried */
	u64 carried; /* notifications in it */
};

struct lab_sender {
	enum lab_wire_kind wire;
	bool atomic; /* works in a hard interrupt */
	/* 0; EAGAIN: the other side is full, try again. May sleep until STOP if not atomic. */
	int (*send)(struct lab_session *session, u64 number);
};

struct lab_receiver {
	enum lab_wire_kind wire;
	unsigned int refused; /* flags of the file */
	/*
	 * The thread sleeps here until there is news. EAGAIN: look again later;
	 * EMSGSIZE: garbled. Without it, news comes by lab_received().
	 */
	int (*take)(struct lab_session *session, struct lab_news *news);
	int (*wake)(wait_queue_entry_t *wait, unsigned int mode, int sync, void *key);
};

/* A place in the wait queue of an eventfd. */
struct lab_watch {
	poll_table table;        /* finds head, once */
	wait_queue_head_t *head; /* the eventfd's; lives as long as the wire */
	wait_queue_entry_t wait; /* in head */
};

/* Constant while it runs, but for what is said to change. */
struct lab_job {
	struct notify_lab_job wish;
	const struct lab_sender *sender;     /* NULL: none */
	const struct lab_receiver *receiver; /* NULL: none */
	struct lab_wire out, in;
	struct lab_watch watch;
	struct task_struct *thread; /* NULL: none */
	struct task_struct *caller; /* of START */
	struct net *net;            /* of the caller */
	struct hrtimer timer;
	u64 sleeps;    /* of the thread, before it began; the thread's */
	bool answered; /* the last look saw the acknowledgement; of who sends */
	u64 rung;      /* taken of map->rung; the thread's */
};

struct lab_session {
	struct mutex lock;
	struct lab_job job; /* protected by lock; running, by itself */
	u32 id;             /* in the table of sessions */

	struct notify_lab_map *map; /* the user writes it too: not trusted */

	spinlock_t records;
	struct notify_lab_info info; /* protected by records */
	wait_queue_head_t arrived;   /* the thread, for news that comes by itself */
	wait_queue_head_t ended;     /* those who wait for the job's end */

	wait_queue_head_t readers; /* of the file */
	struct fasync_struct *fasync;
	atomic64_t unread;
};

extern const struct file_operations lab_file_operations;

/* command.c */
long lab_file_ioctl(struct file *filp, unsigned int number, unsigned long user);

/* job.c; may sleep */
int lab_job_start(struct lab_session *session, const struct notify_lab_job *wish);
int lab_job_stop(struct lab_session *session);

/* check.c; any context */
int lab_check(const struct notify_lab_job *wish);

/* work.c; the job's thread, of a session */
int lab_work(void *session);

/* record.c; any context */
void lab_record_begin(struct lab_session *session);
bool lab_running(const struct lab_session *session);
bool lab_all_sent(const struct lab_session *session);
bool lab_all_received(const struct lab_session *session);
void lab_end(struct lab_session *session, u32 state, int error);
void lab_count_error(struct lab_session *session, int error);
int lab_received(struct lab_session *session, u32 receiver, const struct lab_news *news);
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
int lab_watch_take(struct lab_session *session, struct lab_news *news);
int lab_watch_callback(wait_queue_entry_t *wait, unsigned int mode, int sync, void *key);

/* timer.c; the job's thread */
int lab_timer_run(struct lab_session *session);

/* genl.c */
int lab_genl_init(void);
void lab_genl_exit(void);
int lab_genl_add(struct lab_session *session);
void lab_genl_remove(struct lab_session *session);
int lab_genl_unicast(struct lab_session *session, u64 number);
int lab_genl_multicast(struct lab_session *session, u64 number);

#endif /* LAB_H */
