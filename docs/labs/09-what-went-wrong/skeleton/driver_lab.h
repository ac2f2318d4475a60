/* SPDX-License-Identifier: BSD-3-Clause */
/* The ring of this lab, and the driver's functions. The grader takes this file as it was: the
 * device is somebody else's program, and relies on it. */
#ifndef DRIVER_LAB_H
#define DRIVER_LAB_H

#include <stdatomic.h>
#include <stdint.h>

enum { ring_size = 4 }; /* requests under way, at most */

struct request {
  uint64_t id, value;
};

struct completion {
  uint64_t id, result;
};

/* In memory that driver and device share. Requests are numbered 0, 1, 2 and so on, modulo 2^32, and
 * completed in this order: number n is in requests[n % ring_size], its completion in
 * completions[n % ring_size]. */
struct shared {
  _Atomic uint32_t posted;          /* the number of the next request; the driver stores it */
  _Atomic uint32_t doorbell_event;  /* "ring when this request is posted"; the device stores it */
  _Atomic uint32_t completed;       /* the number of the next completion; the device stores it */
  _Atomic uint32_t interrupt_event; /* "raise when this one is completed"; the driver stores it */
  struct request requests[ring_size];
  struct completion completions[ring_size];
};

struct driver {
  struct shared* shared;
  uint32_t submitted; /* the number of the next request, as in `posted` */
  uint32_t done;      /* the number of the next completion that the caller gets */
};

/* Submits as many of the n requests as the ring has room for, and rings the doorbell if the device
 * has asked for that. Returns how many. */
uint32_t lab_submit(struct driver* driver, const struct request* requests, uint32_t n);

/* Gives up to n completions to the caller, in order. If there is none, it asks for an interrupt and
 * sleeps until there is one, so it never returns 0. It may be interrupted without any. */
uint32_t lab_wait(struct driver* driver, struct completion* completions, uint32_t n);

/* These are in doorbell.c, for two eventfds. */
void ring_doorbell(void);
void sleep_until_interrupt(void); /* takes all interrupts that have come */
void clear_interrupt(void);       /* takes them as well, but does not sleep */

#endif
