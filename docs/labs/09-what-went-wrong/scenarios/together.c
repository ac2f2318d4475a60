// SPDX-License-Identifier: BSD-3-Clause
//
// The student's driver and a device, in two threads. Each scenario looks for one thing that can be
// lost.
#include "sides.h"

static void wants_a_ring(void) {
  at_start();
  shared.doorbell_event = start;
}

static void submit_one(void) {
  submit(1, 1);
}

static void looks_when_rung(void) {
  doorbell_sleep(doorbell);
  if (load(&shared.posted, __ATOMIC_ACQUIRE) == start)
    wrong("the doorbell is rung, the device looks, and there is no request yet");
}

static void asks_and_sleeps(void) {
  store(&shared.doorbell_event, start, __ATOMIC_RELAXED);
  memory_fence(__ATOMIC_SEQ_CST);
  if (load(&shared.posted, __ATOMIC_RELAXED) == start) doorbell_sleep(doorbell);
}

static void device_woke(void) {
  if (asleep(the_device))
    wrong("the device has asked for a ring, and sleeps for ever: the driver saw no such wish");
}

static void no_wish_unseen(void) {
  if (asleep(the_driver) && shared.completed != start && raised == 0)
    wrong(
        "the driver sleeps for ever: the device has completed a request, and saw no wish for an "
        "interrupt");
}

static void no_interrupt_lost(void) {
  if (asleep(the_driver) && raised > 0)
    wrong(
        "the driver sleeps for ever: the device has raised its interrupt, and the driver has taken "
        "it away");
}

static void one_served(void) {
  submit(1, 1);
  wait_for(1);
}

static void serve_one(void) {
  while (load(&shared.posted, __ATOMIC_ACQUIRE) == start) doorbell_sleep(doorbell);
  serve(start);
}

#define BOTH(name, prepare, drives, serves, judge) \
  { #name, {"the driver", "the device" }, prepare, {drives, serves }, judge, NULL, false }

const struct scenario together[] = {
    BOTH(publishes_first, wants_a_ring, submit_one, looks_when_rung, nothing),
    BOTH(device_asks, at_start, submit_one, asks_and_sleeps, device_woke),
    BOTH(driver_asks, wants_a_ring, one_served, serve_one, no_wish_unseen),
    BOTH(interrupt_stays, wants_a_ring, one_served, serve_one, no_interrupt_lost),
    {0},
};
