// SPDX-License-Identifier: BSD-3-Clause
//
// The student's functions, one after the other, in one thread.
#include "peers.h"

static void before_the_wrap(void) {
  empty_rings_at(-2u);
}

static void one_after_the_other(void) {
  const uint32_t first = shared.ring.posted;
  take_items(&shared.ring, 2, first, 0);
  publish_items(&shared.ring, first, 3);
  publish_items(&shared.other, first + 100, 1);
  take_items(&shared.ring, 2, first, 2);
  publish_items(&shared.ring, first + 3, 2);
  take_items(&shared.ring, most_items, first + 2, 3);
  take_items(&shared.other, most_items, first + 100, 1);
  take_items(&shared.ring, most_items, first, 0);
}

static void try_need(uint32_t event, uint32_t before, uint32_t n) {
  int expected = 0;
  for (uint32_t i = 0; i < n; i++) expected |= before + i == event;
  const int seen = student.need_doorbell(event, before + n, before);
  if (!!seen != expected)
    wrong("lab_need_doorbell(event %u, now %u, before %u): expected %d, seen %d", event, before + n,
          before, expected, seen);
}

static void needs(void) {
  const uint32_t places[] = {0, 1, start, 0x7ffffffe, 0x80000000, -3u, -2u, -1u, secret(1)};
  for (size_t i = 0; i < sizeof(places) / sizeof(places[0]); i++)
    for (uint32_t n = 0; n <= ring_size; n++)
      for (int off = -6; off <= 6; off++) {
        try_need(places[i] + off, places[i], n);
        try_need(places[i] + off + 0x80000000, places[i], n);
      }
}

static void send_with(int asked_for, uint32_t n, int rings) {
  struct item items[most_items];
  empty_rings_at(start);
  shared.ring.event = start + asked_for;
  memory_start(false);
  doorbell_set(bell, 0);
  fill(items, start, n);
  expect_number(student.send(&shared.ring, items, n, bell), n, "what lab_send() returned");
  if (doorbell_count(bell) != rings)
    wrong(
        "items %d to %d are sent, and the receiver has asked to be rung for %d: expected %s, seen "
        "%d",
        start, start + (int)n - 1, start + asked_for, rings ? "one ring" : "no ring",
        doorbell_count(bell));
}

static void rings_if_asked(void) {
  send_with(-100, 1, 0);
  send_with(-1, 2, 0);
  send_with(0, 1, 1);
  send_with(0, 3, 1);
  send_with(2, 3, 1);
  send_with(1, 1, 0);
  send_with(3, 3, 0);
}

static void receive_one(void) {
  struct item items[most_items];
  const uint32_t n = student.receive(&shared.ring, items, most_items, bell);
  if (n == 0) wrong("lab_receive() returned 0");
  for (uint32_t i = 0; i < n && i < most_items; i++)
    check_item(&items[i], start + i, "what lab_receive() took");
}

static void must_sleep(void) {
  if (!asleep(receiver)) wrong("lab_receive() returns, although there is nothing");
  expect_number(shared.ring.event, start,
                "event, while it sleeps, with no item and this number next");
}

static void rung_before(void) {
  at_start();
  doorbell_set(bell, 1);
}

static void must_sleep_again(void) {
  if (!asleep(receiver)) wrong("lab_receive() returns after a ring, although there is nothing");
}

static void two_in_it(void) {
  fill_ring(&shared.ring, start, start + 2);
}

static void must_not_sleep(void) {
  if (asleep(receiver)) wrong("lab_receive() sleeps, although there are items");
  if (shared.ring.event != start - 100u)
    wrong("lab_receive() asks to be rung, although there are items");
  expect_number(shared.ring.taken, start + 2, "taken afterwards");
}

#define ALONE(name, prepare, run, judge) \
  { name, {"the sender", "the receiver"}, prepare, run, judge, NULL, false }
#define SENDER(run) \
  { run, NULL }
#define RECEIVER(run) \
  { NULL, run }

const struct scenario one_by_one[] = {
    ALONE("in_order", at_start, SENDER(one_after_the_other), nothing),
    ALONE("wraps", before_the_wrap, SENDER(one_after_the_other), nothing),
    ALONE("needs", at_start, SENDER(needs), nothing),
    ALONE("rings_if_asked", at_start, SENDER(rings_if_asked), nothing),
    ALONE("sleeps", at_start, RECEIVER(receive_one), must_sleep),
    ALONE("sleeps_again", rung_before, RECEIVER(receive_one), must_sleep_again),
    ALONE("stays_awake", two_in_it, RECEIVER(receive_one), must_not_sleep),
    {0},
};
