// SPDX-License-Identifier: BSD-3-Clause
//
// What the scenarios of lab 9 share: the ring, the student's driver, and the steps of a device.
#pragma once

#include <string.h>

#include "driver_lab.h"
#include "explorer.h"

enum { the_driver, the_device, doorbell = 0, interrupt = 1, start = 1000, most = 16 };

struct student {
  uint32_t (*submit)(struct driver*, const struct request*, uint32_t);
  uint32_t (*wait)(struct driver*, struct completion*, uint32_t);
};

extern struct shared shared;
extern struct student student;
extern struct driver driver;
extern int raised;  // interrupts, in this run
// The last of each has no name.
extern const struct scenario alone[], together[], recorded[];

// Called at each step that a recording shows: the stage's number, and a request's.
extern void (*note)(int stage, uint32_t number);
enum { submitted, rung = 2, woken, taken, posted, raised_it, awake = 9, done, stages };

void empty_ring_at(uint32_t number);
void at_start(void);
void nothing(void);
struct request request_of(uint32_t number);
void expect_number(uint32_t seen, uint32_t expected, const char* what);

// The student's functions, with a check of what they return.
void submit(uint32_t n, uint32_t expected);
void wait_for(uint32_t n);

// The device's steps.
uint32_t load(const _Atomic uint32_t* word, int order);
void store(_Atomic uint32_t* word, uint32_t value, int order);
void serve(uint32_t number);
// Serves and sleeps, as a right device does, until `until` is completed.
void serve_until(uint32_t number, uint32_t until);
