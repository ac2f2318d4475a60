/* SPDX-License-Identifier: (GPL-2.0-only WITH Linux-syscall-note) OR BSD-3-Clause */
/*
 * The notify_lab ABI, for C and C++. This file is its manual.
 *
 * notify_lab.ko is the kernel's end of every way in which kernel and user
 * space can wake each other. Each open file of /dev/notify_lab (root's) is a
 * *session* with a memory to map and at most one kernel thread. A session runs
 * one *job* at a time:
 *
 *     fd = open("/dev/notify_lab", O_RDWR | O_CLOEXEC);
 *     map = mmap(NULL, sizeof(struct notify_lab_map), PROT_READ | PROT_WRITE,
 *                MAP_SHARED, fd, 0);
 *     ioctl(fd, NOTIFY_LAB_START, &job);
 *     … notifications …
 *     ioctl(fd, NOTIFY_LAB_WAIT);      until the job is done
 *     ioctl(fd, NOTIFY_LAB_INFO, &info);
 *
 *   send only     kernel -> user: the kernel sends `count` notifications
 *   receive only  user -> kernel: until `count` notifications were received
 *   both          round trip: for each one received, the thread sends one
 *
 * The map tells when each notification was sent, just before the sending, or
 * received. A notification is numbered from 1; where the mechanism carries
 * data, these are 8 bytes, a __u64 with the number, unless said otherwise.
 * All times are CLOCK_MONOTONIC in ns. Bytes are in the machine's order.
 *
 * close(), exit and NOTIFY_LAB_STOP end the job in any state. A job keeps the
 * fds that were handed down by reference, until the next job, STOP or close();
 * they may be closed before. Don't send the session's own fd over a socket
 * that the session keeps: the two would keep each other for ever.
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

#define NOTIFY_LAB_RECORDS 32768u /* most notifications of a job */
#define NOTIFY_LAB_MAX_GAP_US 100000u

/*
 * How the kernel notifies. "irq": also from a hard interrupt (NOTIFY_LAB_HARDIRQ);
 * the others take locks there that an interrupt must not take, or sleep.
 */
enum notify_lab_sender {
	NOTIFY_LAB_SEND_NONE = 0,
	NOTIFY_LAB_SEND_EVENTFD = 1,        /* irq; fd: eventfd. eventfd_signal() */
	NOTIFY_LAB_SEND_PIPE = 2,           /* fd: pipe or FIFO to write to. kernel_write() */
	NOTIFY_LAB_SEND_UNIX_DGRAM = 3,     /* fd: connected socket. kernel_sendmsg() … */
	NOTIFY_LAB_SEND_UNIX_STREAM = 4,
	NOTIFY_LAB_SEND_UDP = 5,            /* may lose, as UDP does */
	NOTIFY_LAB_SEND_TCP = 6,
	NOTIFY_LAB_SEND_GENL_UNICAST = 7,   /* `port`: of the netlink socket, which says ENOBUFS
					       when it was full; nothing is lost. genlmsg_unicast() */
	NOTIFY_LAB_SEND_GENL_MULTICAST = 8, /* to the group; may lose. genlmsg_multicast() */
	NOTIFY_LAB_SEND_DEVICE = 9,         /* irq; read() and poll() on the session */
	NOTIFY_LAB_SEND_FASYNC = 10,        /* irq; F_SETOWN, F_SETSIG, O_ASYNC. kill_fasync() */
	NOTIFY_LAB_SEND_SIGNAL = 11,        /* irq; `signal` to the thread that called START; the
					       number is si_int. send_sig_info() */
	NOTIFY_LAB_SEND_PAGE = 12,          /* irq; `sent` in the map, where the user spins */
	NOTIFY_LAB_SENDERS
};

/* How the kernel is notified. */
enum notify_lab_receiver {
	NOTIFY_LAB_RECEIVE_NONE = 0,
	NOTIFY_LAB_RECEIVE_IOCTL = 1,            /* NOTIFY_LAB_NOTIFY; no thread */
	NOTIFY_LAB_RECEIVE_WRITE = 2,            /* write() of 8 bytes to the session; no thread */
	NOTIFY_LAB_RECEIVE_EVENTFD_READ = 3,     /* a thread that reads it; not O_NONBLOCK */
	NOTIFY_LAB_RECEIVE_EVENTFD_POLL = 4,     /* a thread that polls it */
	NOTIFY_LAB_RECEIVE_EVENTFD_CALLBACK = 5, /* a function in its wait queue; no thread */
	NOTIFY_LAB_RECEIVE_PIPE = 6,             /* fd: pipe or FIFO to read from. kernel_read() */
	NOTIFY_LAB_RECEIVE_UNIX_DGRAM = 7,       /* fd: bound or connected. kernel_recvmsg() … */
	NOTIFY_LAB_RECEIVE_UNIX_STREAM = 8,
	NOTIFY_LAB_RECEIVE_UDP = 9,
	NOTIFY_LAB_RECEIVE_TCP = 10,
	NOTIFY_LAB_RECEIVE_GENL = 11, /* NOTIFY_LAB_CMD_NOTIFY with our session; no thread */
	NOTIFY_LAB_RECEIVE_PAGE = 12, /* `rung` in the map, where the thread spins; after
					 20 ms in vain it looks once a tick */
	NOTIFY_LAB_RECEIVERS
};

/*
 * Starts a job; one that is done goes. EBUSY: the last one runs still. EINVAL:
 * both none, unknown values, a field that this job doesn't use isn't as said
 * below, or the fd is no such thing. EBADF: closed, or not open for this.
 * ENOTSOCK, EAFNOSUPPORT, EPROTOTYPE: no socket, of another family, of another
 * type. ELOOP: the same eventfd to receive and to send. EOPNOTSUPP: this
 * sender can't work in an interrupt. ENODEV: no such CPU online. EPERM: no
 * CAP_SYS_ADMIN.
 */
struct notify_lab_job {
	__u32 send;       /* enum notify_lab_sender */
	__u32 receive;    /* enum notify_lab_receiver */
	__s32 send_fd;    /* -1 for those that have none */
	__s32 receive_fd; /* likewise */
	__u32 count;      /* 1 to NOTIFY_LAB_RECORDS */
	__u32 flags;      /* NOTIFY_LAB_PACED | NOTIFY_LAB_HARDIRQ; send only */
	__s32 cpu;        /* where thread or timer run; -1: anywhere */
	__u32 gap_us;     /* see below; 0 without those flags */
	__u32 port;       /* 0 but for GENL_UNICAST */
	__u32 signal;     /* 0 but for SIGNAL */
	__u32 reserved[2];
};
#define NOTIFY_LAB_START _IOW(0xbf, 0x00, struct notify_lab_job)

/*
 * One at a time: notification n + 1 is sent when `acknowledged` is n or more.
 * The kernel looks every gap_us (1 to NOTIFY_LAB_MAX_GAP_US), and once it saw
 * the answer lets another gap pass, so that the user sleeps again. Without it
 * they are sent in a burst; a full pipe, socket or queue is waited for.
 */
#define NOTIFY_LAB_PACED 1u
/* Sent by a timer's hard interrupt, one every gap_us (50 or more), paced or not. */
#define NOTIFY_LAB_HARDIRQ 2u

/* Ends the job. ENOTCONN: none. Its figures stay until the next. */
#define NOTIFY_LAB_STOP _IO(0xbf, 0x01)

/* Sleeps until the job is done, by itself or by STOP. ENOTCONN: none. EINTR. */
#define NOTIFY_LAB_WAIT _IO(0xbf, 0x02)

/* user -> kernel by plain ioctl: notification with this number. ENOTCONN: nobody waits for it. */
#define NOTIFY_LAB_NOTIFY _IOW(0xbf, 0x03, __u64)

/*
 * Adds `times` to an eventfd's count, as only the kernel can: a write() stops
 * at ULLONG_MAX - 1, and waits. At ULLONG_MAX poll() says POLLERR.
 */
struct notify_lab_signal {
	__s32 fd;
	__u32 times; /* 1 to NOTIFY_LAB_RECORDS */
};
#define NOTIFY_LAB_SIGNAL _IOW(0xbf, 0x04, struct notify_lab_signal)

enum notify_lab_state {
	NOTIFY_LAB_IDLE = 0, /* no job yet */
	NOTIFY_LAB_RUNNING = 1,
	NOTIFY_LAB_DONE = 2, /* all sent or received */
	NOTIFY_LAB_FAILED = 3, /* ended by `error` */
	NOTIFY_LAB_STOPPED = 4, /* by STOP */
};

/* Of the job that runs or ran last. */
struct notify_lab_info {
	__u32 session;  /* for NOTIFY_LAB_ATTR_SESSION */
	__u32 state;    /* enum notify_lab_state */
	__u64 sent;     /* notifications sent */
	__u64 received; /* records of reception: times that a notification was taken */
	__u64 carried;  /* notifications in them: an eventfd's counts, added up */
	__u64 wakeups;  /* times that the thread slept and was woken */
	__u64 hardirqs; /* of those sent, from a hard interrupt */
	__u64 retries;  /* sends that found the other side full */
	__u64 errors;   /* sends and receptions that failed */
	__s32 error;    /* the last one's errno, or 0 */
	__u32 reserved[5];
};
#define NOTIFY_LAB_INFO _IOR(0xbf, 0x05, struct notify_lab_info)

/*
 * read() returns, and zeroes, a __u64 count of SEND_DEVICE notifications, and
 * blocks while it is zero; poll() says IN while it isn't.
 */

enum notify_lab_context {
	NOTIFY_LAB_IN_PROCESS = 0, /* a system call of the other side */
	NOTIFY_LAB_IN_THREAD = 1,  /* a kernel thread */
	NOTIFY_LAB_IN_SOFTIRQ = 2,
	NOTIFY_LAB_IN_HARDIRQ = 3, /* in_hardirq() */
};

struct notify_lab_record {
	__u64 at;      /* before the send, or after the reception */
	__u64 number;  /* received: as it was carried; eventfd: the count; page: `rung` */
	__u32 context; /* enum notify_lab_context */
	__u32 cpu;
};

/*
 * Each cache line has one writer. Records come first, then their number, with
 * release semantics; then the notification is sent. What a user writes into
 * the kernel's parts hurts the user only. START zeroes both lines.
 */
struct notify_lab_map {
	/* the kernel's */
	__u64 sent;     /* of send_records */
	__u64 received; /* of receive_records */
	__u64 kernel_reserved[6];
	/* the user's */
	__u64 acknowledged; /* notifications, for NOTIFY_LAB_PACED */
	__u64 rung;         /* for RECEIVE_PAGE: counts up, with release semantics */
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
	 * Either direction. To the kernel: ENOENT no such session, ENOTCONN it
	 * doesn't wait for this, EINVAL an attribute lacks.
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
