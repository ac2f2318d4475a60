/* SPDX-License-Identifier: (GPL-2.0-only WITH Linux-syscall-note) OR BSD-3-Clause */
/*
 * The notify_lab ABI, for C and C++. This file is its manual.
 *
 * notify_lab.ko plays the kernel's end of every way in which the kernel and user
 * space can wake each other. Each open file of /dev/notify_lab, which only root
 * may open, is a *session*: it has memory to map and at most one kernel thread.
 * A session runs one *job* at a time:
 *
 *     fd = open("/dev/notify_lab", O_RDWR | O_CLOEXEC);
 *     map = mmap(NULL, sizeof(struct notify_lab_map), PROT_READ | PROT_WRITE,
 *                MAP_SHARED, fd, 0);
 *     ioctl(fd, NOTIFY_LAB_START, &job);
 *     … notifications …
 *     ioctl(fd, NOTIFY_LAB_WAIT);      until the job has ended
 *     ioctl(fd, NOTIFY_LAB_INFO, &info);
 *
 *   send only     kernel to user: the kernel sends `count` notifications
 *   receive only  user to kernel: until `count` notifications were received
 *   both          round trip: for each notification received, the thread sends one
 *
 * The map has the time of each notification: just before it was sent, or just
 * after it was received. Notifications are numbered from 1. Where the mechanism
 * carries data, a notification has 8 bytes: a __u64 with its number, unless
 * stated otherwise. All times are CLOCK_MONOTONIC in ns. The byte order is the
 * machine's.
 *
 * close(), exit and NOTIFY_LAB_STOP end the job in any state. A job holds
 * references to the files of its fds until the next job, STOP or close(), so the
 * fds may be closed earlier. Do not send the session's own fd over a socket that
 * the session holds: they would hold each other forever.
 */
#ifndef NOTIFY_LAB_UAPI_H
#define NOTIFY_LAB_UAPI_H

#include <linux/ioctl.h>
#include <linux/types.h>

#ifdef __cplusplus
#define NOTIFY_LAB_ASSERT(condition, text) static_assert(condition, text)
#else
#define NOTIFY_LAB_ASSERT(condition, text) _Static_assert(condition, text)
#endif

#define NOTIFY_LAB_RECORDS 32768u /* most notifications per job */
#define NOTIFY_LAB_MAX_GAP_US 100000u

/*
 * How the kernel notifies. "irq": works in a hard interrupt, too
 * (NOTIFY_LAB_HARDIRQ); the others sleep, or take locks that an interrupt must not
 * take.
 */
enum notify_lab_sender {
	NOTIFY_LAB_SEND_NONE = 0,
	NOTIFY_LAB_SEND_EVENTFD = 1,    /* irq; fd: eventfd. eventfd_signal() */
	NOTIFY_LAB_SEND_PIPE = 2,       /* fd: pipe or FIFO to write to. kernel_write() */
	NOTIFY_LAB_SEND_UNIX_DGRAM = 3, /* fd: connected socket. kernel_sendmsg() … */
	NOTIFY_LAB_SEND_UNIX_STREAM = 4,
	NOTIFY_LAB_SEND_UDP = 5, /* may lose, as UDP does */
	NOTIFY_LAB_SEND_TCP = 6,
	NOTIFY_LAB_SEND_GENL_UNICAST = 7,   /* `port`: of the socket, which reports ENOBUFS if it
					       was full; nothing is lost. genlmsg_unicast() */
	NOTIFY_LAB_SEND_GENL_MULTICAST = 8, /* to the group; may lose. genlmsg_multicast() */
	NOTIFY_LAB_SEND_DEVICE = 9,         /* irq; read() and poll() on the session */
	NOTIFY_LAB_SEND_FASYNC = 10,        /* irq; F_SETOWN, F_SETSIG, O_ASYNC. kill_fasync() */
	NOTIFY_LAB_SEND_SIGNAL = 11,        /* irq; `signal` to the thread that called START; the
					       number is si_int. send_sig_info() */
	NOTIFY_LAB_SEND_PAGE = 12,          /* irq; `sent` in the map, which the user polls */
	NOTIFY_LAB_SENDERS
};

/* How the kernel is notified. */
enum notify_lab_receiver {
	NOTIFY_LAB_RECEIVE_NONE = 0,
	NOTIFY_LAB_RECEIVE_IOCTL = 1,            /* NOTIFY_LAB_NOTIFY; no thread */
	NOTIFY_LAB_RECEIVE_WRITE = 2,            /* write() of 8 bytes to the session; no thread */
	NOTIFY_LAB_RECEIVE_EVENTFD_READ = 3,     /* a thread that reads it; not O_NONBLOCK */
	NOTIFY_LAB_RECEIVE_EVENTFD_POLL = 4,     /* a thread that polls it */
	NOTIFY_LAB_RECEIVE_EVENTFD_CALLBACK = 5, /* a callback in its wait queue; no thread */
	NOTIFY_LAB_RECEIVE_PIPE = 6,             /* fd: pipe or FIFO to read from. kernel_read() */
	NOTIFY_LAB_RECEIVE_UNIX_DGRAM = 7,       /* fd: bound or connected. kernel_recvmsg() … */
	NOTIFY_LAB_RECEIVE_UNIX_STREAM = 8,
	NOTIFY_LAB_RECEIVE_UDP = 9,
	NOTIFY_LAB_RECEIVE_TCP = 10,
	NOTIFY_LAB_RECEIVE_GENL = 11, /* NOTIFY_LAB_CMD_NOTIFY with this session; no thread */
	NOTIFY_LAB_RECEIVE_PAGE = 12, /* `rung` in the map, which the thread polls; after
					 20 ms without a change, once per tick */
	NOTIFY_LAB_RECEIVERS
};

/*
 * Starts a job; one that has ended is freed. EBUSY: the last job still runs.
 * EINVAL: neither a sender nor a receiver, an unknown value, a field that this
 * job does not use is not as described below, or the fd is of another kind.
 * EBADF: the fd is closed, or not open for this use. ENOTSOCK: not a socket.
 * EAFNOSUPPORT: a socket of another family. EPROTOTYPE: of another type. ELOOP:
 * the same eventfd receives and sends. EOPNOTSUPP: the sender does not work in an
 * interrupt. ENODEV: the CPU is not online. EPERM: CAP_SYS_ADMIN is missing.
 */
struct notify_lab_job {
	__u32 send;        /* enum notify_lab_sender */
	__u32 receive;     /* enum notify_lab_receiver */
	__s32 send_fd;     /* -1: the sender needs none */
	__s32 receive_fd;  /* likewise */
	__u32 count;       /* 1 to NOTIFY_LAB_RECORDS */
	__u32 flags;       /* NOTIFY_LAB_PACED | NOTIFY_LAB_HARDIRQ; send only */
	__s32 cpu;         /* CPU of the thread or the timer; -1: any */
	__u32 gap_us;      /* see below; 0 without flags */
	__u32 port;        /* of SEND_GENL_UNICAST; else 0 */
	__u32 signal;      /* of SEND_SIGNAL; else 0 */
	__u32 reserved[2]; /* zero */
};
#define NOTIFY_LAB_START _IOW(0xbf, 0x00, struct notify_lab_job)

/*
 * One notification at a time: number n + 1 is sent when `acknowledged` is n or
 * more. The kernel checks that every gap_us (1 to NOTIFY_LAB_MAX_GAP_US), and
 * then waits for another gap, so that the user sleeps again. Without this flag
 * the notifications are sent in a burst; if a pipe, socket or queue is full, the
 * kernel waits.
 */
#define NOTIFY_LAB_PACED 1u
/* A timer's hard interrupt sends, one notification every gap_us (50 or more), paced or not. */
#define NOTIFY_LAB_HARDIRQ 2u

/* Ends the job; its counts stay until the next one. ENOTCONN: there was no job. */
#define NOTIFY_LAB_STOP _IO(0xbf, 0x01)

/* Waits until the job has ended, by itself or by STOP. ENOTCONN: there was no job. EINTR. */
#define NOTIFY_LAB_WAIT _IO(0xbf, 0x02)

/* Notifies the kernel by plain ioctl, with this number. ENOTCONN: no job receives by it. */
#define NOTIFY_LAB_NOTIFY _IOW(0xbf, 0x03, __u64)

/*
 * Signals an eventfd `times` times. Unlike a write(), which waits at
 * ULLONG_MAX - 1, this can reach ULLONG_MAX, where poll() reports POLLERR.
 */
struct notify_lab_signal {
	__s32 fd;
	__u32 times; /* 1 to NOTIFY_LAB_RECORDS */
};
#define NOTIFY_LAB_SIGNAL _IOW(0xbf, 0x04, struct notify_lab_signal)

enum notify_lab_state {
	NOTIFY_LAB_IDLE = 0, /* no job yet */
	NOTIFY_LAB_RUNNING = 1,
	NOTIFY_LAB_DONE = 2,    /* everything was sent or received */
	NOTIFY_LAB_FAILED = 3,  /* ended because of `error` */
	NOTIFY_LAB_STOPPED = 4, /* ended by STOP */
};

/* About the job that runs, or ran last. */
struct notify_lab_info {
	__u32 session;  /* for NOTIFY_LAB_ATTR_SESSION */
	__u32 state;    /* enum notify_lab_state */
	__u64 sent;     /* notifications sent */
	__u64 received; /* receptions: number of receive_records */
	__u64 carried;  /* notifications received: the sum of an eventfd's counts */
	__u64 wakeups;  /* times that the thread slept and was woken */
	__u64 hardirqs; /* notifications that were sent from a hard interrupt */
	__u64 retries;  /* attempts to send while the other side was full */
	__u64 errors;   /* sends and receptions that failed */
	__s32 error;    /* errno of the last of them, or 0 */
	__u32 reserved[5];
};
#define NOTIFY_LAB_INFO _IOR(0xbf, 0x05, struct notify_lab_info)

/*
 * read() waits for notifications of SEND_DEVICE, returns their number as a __u64,
 * and sets it to zero; poll() reports IN while it is not zero.
 */

enum notify_lab_context {
	NOTIFY_LAB_IN_PROCESS = 0, /* in a system call of the other side */
	NOTIFY_LAB_IN_THREAD = 1,  /* a kernel thread */
	NOTIFY_LAB_IN_SOFTIRQ = 2,
	NOTIFY_LAB_IN_HARDIRQ = 3, /* in_hardirq() */
};

struct notify_lab_record {
	__u64 at;      /* just before it was sent, or just after it was received */
	__u64 number;  /* received: the number carried; of an eventfd, the count; of a page, `rung`
			*/
	__u32 context; /* enum notify_lab_context */
	__u32 cpu;
};

/*
 * Each cache line has one writer. The kernel writes a record first, then the
 * number of records with release semantics, and then sends the notification. If
 * the user writes to the kernel's part, only that user sees wrong values. START
 * zeroes both lines.
 */
struct notify_lab_map {
	/* Written by the kernel. */
	__u64 sent;     /* number of send_records */
	__u64 received; /* number of receive_records */
	__u64 kernel_reserved[6];
	/* Written by the user. */
	__u64 acknowledged; /* notifications, for NOTIFY_LAB_PACED */
	__u64 rung;         /* for RECEIVE_PAGE: increases; stored with release semantics */
	__u64 user_reserved[502];
	struct notify_lab_record send_records[NOTIFY_LAB_RECORDS];
	struct notify_lab_record receive_records[NOTIFY_LAB_RECORDS];
};

/* Generic netlink. Sending to the kernel needs CAP_NET_ADMIN. */
#define NOTIFY_LAB_FAMILY "notify_lab"
#define NOTIFY_LAB_FAMILY_VERSION 1
#define NOTIFY_LAB_GROUP "notices"

enum notify_lab_command {
	/*
	 * In either direction. Errors, to the kernel: ENOENT: there is no such
	 * session. ENOTCONN: its job does not receive by netlink. EINVAL: an
	 * attribute is missing.
	 */
	NOTIFY_LAB_CMD_NOTIFY = 1,
};

enum notify_lab_attribute {
	NOTIFY_LAB_ATTR_SESSION = 1, /* __u32 */
	NOTIFY_LAB_ATTR_NUMBER = 2,  /* __u64; the kernel aligns it with ATTR_PAD */
	NOTIFY_LAB_ATTR_PAD = 3,
};

NOTIFY_LAB_ASSERT(sizeof(struct notify_lab_job) == 48, "job is 48 bytes");
NOTIFY_LAB_ASSERT(sizeof(struct notify_lab_info) == 88, "info is 88 bytes");
NOTIFY_LAB_ASSERT(sizeof(struct notify_lab_record) == 24, "record is 24 bytes");
NOTIFY_LAB_ASSERT(__builtin_offsetof(struct notify_lab_map, acknowledged) == 64, "line 1");
NOTIFY_LAB_ASSERT(__builtin_offsetof(struct notify_lab_map, send_records) == 4096, "page 1");

#endif /* NOTIFY_LAB_UAPI_H */
