/* SPDX-License-Identifier: BSD-3-Clause */
/* The ring of this lab, and its functions. The grader takes this file as it was: the other side of
 * a ring is somebody else's program, and relies on it. */
#ifndef RING_LAB_H
#define RING_LAB_H

#include <stdatomic.h>
#include <stdint.h>

enum { ring_size = 4 }; /* items that fit, a power of two */

struct item {
  uint64_t id, value;
};

/* One way from a sender to a receiver, in memory that both share. Items are numbered 0, 1, 2 and so
 * on, modulo 2^32: number n is in entries[n % ring_size]. At the start all of this is zero. */
struct ring {
  _Atomic uint32_t posted; /* the number of the next item; only the sender stores it */
  _Atomic uint32_t taken;  /* the number of the oldest item; only the receiver stores it */
  _Atomic uint32_t
      event; /* "ring when item number `event` is posted"; only the receiver stores it */
  struct item entries[ring_size];
};

/* The sender: puts as many of the n items into the ring as it has room for, in order, and publishes
 * them. Returns how many, 0 if the ring is full. It rings nobody. */
uint32_t lab_publish(struct ring* ring, const struct item* items, uint32_t n);

/* The receiver: takes up to n of the items that are in the ring, in order, and gives their entries
 * back to the sender. Returns how many, 0 if the ring is empty. */
uint32_t lab_take(struct ring* ring, struct item* items, uint32_t n);

/* Returns 1 if item number `event` is among those that were posted when `posted` went from `before`
 * to `now`, else 0. All are modulo 2^32. */
int lab_need_doorbell(uint32_t event, uint32_t now, uint32_t before);

/* The sender: publishes like lab_publish(), returns the same, and rings the doorbell if the
 * receiver has asked for that with `event`, else not. */
uint32_t lab_send(struct ring* ring, const struct item* items, uint32_t n, int doorbell);

/* The receiver: takes like lab_take(), but if there is nothing, it asks to be rung for the next
 * item and sleeps until there is one. So it never returns 0. It may be rung without any item: then
 * it goes on sleeping. It does not ask while there are items. No item may be missed. */
uint32_t lab_receive(struct ring* ring, struct item* items, uint32_t n, int doorbell);

/* These are in doorbell.c. The doorbell is an eventfd. */
void doorbell_ring(int doorbell);
void doorbell_sleep(int doorbell); /* until it is rung; takes all rings */

#endif
