// SPDX-License-Identifier: BSD-3-Clause
//
// What the scenarios of lab 7 share: the rings, the student's functions, and the steps of a peer,
// which is the other side of a ring.
#pragma once

#include <string.h>

#include "explorer.h"
#include "ring_lab.h"

enum { sender, receiver, bell = 0, start = 1000, most_items = 8 };

struct shared {
  struct ring ring, other;
  uint32_t x, y;  // of the predictions
};

struct student {
  uint32_t (*publish)(struct ring*, const struct item*, uint32_t);
  uint32_t (*take)(struct ring*, struct item*, uint32_t);
  int (*need_doorbell)(uint32_t, uint32_t, uint32_t);
  uint32_t (*send)(struct ring*, const struct item*, uint32_t, int);
  uint32_t (*receive)(struct ring*, struct item*, uint32_t, int);
};

extern struct shared shared;
extern struct student student;
extern const struct scenario one_by_one[], side_by_side[],
    litmus[];  // the last of each has no name

// Items are random, so that none can be prepared.
struct item item_of(uint32_t number);
void fill(struct item* items, uint32_t first, uint32_t n);
void check_item(const struct item* item, uint32_t number, const char* where);
void expect_number(uint32_t seen, uint32_t expected, const char* what);

// A ring with the items taken … posted - 1 in it; nobody asks to be rung.
void fill_ring(struct ring* ring, uint32_t taken, uint32_t posted);
void empty_rings_at(uint32_t number);
void at_start(void);
void nothing(void);
void all_returned(void);

// The student's functions, with a check of what they return.
void take_items(struct ring* ring, uint32_t most, uint32_t first, uint32_t expected);
void publish_items(struct ring* ring, uint32_t first, uint32_t n);

// The peer's steps.
uint32_t load(const _Atomic uint32_t* word, int order);
void store(_Atomic uint32_t* word, uint32_t value, int order);
void write_entry(uint32_t number);
void read_entry(uint32_t number, const char* where);
void peer_publish(uint32_t number);
