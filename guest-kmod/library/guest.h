/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The guest's side of a bellwire device, for programs in C: a process gets a
 * queue of the device, submits requests, and waits for their completions.
 *
 *     bellwire_guest_open("sum", &guest);       the device that calls itself "sum"
 *     bellwire_guest_claim(guest, BELLWIRE_ANY_QUEUE);
 *     payload = bellwire_guest_payload(guest, &size);
 *     memcpy(payload, numbers, sizeof(numbers));
 *     bellwire_guest_submit(guest, &(struct bellwire_request){
 *                           .input_length = sizeof(numbers) }, 1);
 *     bellwire_guest_wait(guest, &completion, 1000);
 *     bellwire_guest_close(guest);
 *
 * Requests and completions are those of <bellwire/uapi/bellwire.h>, whose parts 1
 * and 2 this library implements. It needs the module in the guest's kernel, and
 * nothing but libc; a program that is linked statically runs in a guest without
 * libraries.
 *
 * All calls that can fail return 0, or a negative errno. -ENODEV: the device is
 * gone: it died, was unplugged, or lost its driver. -EPROTO: the queue is broken;
 * bellwire_guest_reset() repairs it. One thread at a time uses a guest; several
 * guests, also of one device, are independent. Nothing here blocks SIGBUS: a
 * program that must outlive the unplugging of its device catches it.
 */
#ifndef BELLWIRE_GUEST_H
#define BELLWIRE_GUEST_H

#include <stddef.h>

#include <bellwire/uapi/bellwire.h>

#ifdef __cplusplus
extern "C" {
#endif

struct bellwire_guest;

/*
 * Opens a device file: `device` is a path, such as "/dev/bellwire0", or the name
 * that the device gave itself, such as "echo". A name is waited for, for up to
 * five seconds, since host and guest start in any order. -ENXIO: no device has
 * that name. Errors of open() and malloc().
 */
int bellwire_guest_open(const char *device, struct bellwire_guest **guest);

/* Gives everything back, whatever is under way. NULL is allowed. */
void bellwire_guest_close(struct bellwire_guest *guest);

/*
 * Claims queue `queue`, or any that is free (BELLWIRE_ANY_QUEUE), and waits until
 * the device serves it. -EBUSY: the queue is in use, or all are, or this guest
 * has one. -EINVAL: there is no such queue. -ETIMEDOUT: the device did not serve
 * it within ten seconds, while it was rung. After an error other than -EBUSY and
 * -EINVAL, close the guest.
 */
int bellwire_guest_claim(struct bellwire_guest *guest, __u32 queue);

/*
 * Begins a new generation of the claimed queue: requests under way are dropped,
 * and their completions never come. Errors as of a claim.
 */
int bellwire_guest_reset(struct bellwire_guest *guest);

/*
 * The payload of the claimed queue, where the input and the output of requests
 * are, and its size in bytes. Valid until the guest is closed. NULL: none was
 * claimed.
 */
void *bellwire_guest_payload(const struct bellwire_guest *guest, size_t *size);

/* How many requests can be submitted before a completion must be taken. */
unsigned int bellwire_guest_space(const struct bellwire_guest *guest);

/*
 * Submits `count` requests, and rings the device once if it wants to be rung.
 * -ENOBUFS: there is no space for all of them, and none was submitted.
 */
int bellwire_guest_submit(struct bellwire_guest *guest, const struct bellwire_request *requests,
			  unsigned int count);

/*
 * Takes the next completion; they come in the order of the requests. Waits for
 * it for `timeout_ms`, or without an end if that is negative. -ETIMEDOUT: there
 * was none; the device calls bellwire_guest_fd() when there is. -EINTR: a signal
 * came.
 */
int bellwire_guest_wait(struct bellwire_guest *guest, struct bellwire_completion *completion,
			int timeout_ms);

/*
 * The call eventfd, for a poll loop of the program's own. After a
 * bellwire_guest_wait() that returned -ETIMEDOUT it becomes readable when there
 * is a completion; call bellwire_guest_wait() then, which also empties it.
 */
int bellwire_guest_fd(const struct bellwire_guest *guest);

#ifdef __cplusplus
}
#endif

#endif /* BELLWIRE_GUEST_H */
