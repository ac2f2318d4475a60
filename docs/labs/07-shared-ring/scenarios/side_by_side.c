// SPDX-License-Identifier: BSD-3-Clause
//
// The student's side of a ring and a peer, in two threads.
#include "peers.h"

enum { may_race, races_are_wrong };

static void full(void) {
  fill_ring(&shared.ring, start, start + ring_size);
}

static void publish_two(void) {
  struct item items[2];
  fill(items, start + ring_size, 2);
  uint32_t sent = student.publish(&shared.ring, items, 2);
  if (sent > 2) wrong("lab_publish() published %u of 2 items", sent);
  if (sent < 2) {
    doorbell_sleep(bell);
    sent += student.publish(&shared.ring, items + sent, 2 - sent);
  }
  expect_number(sent, 2, "what lab_publish() published into a full ring, when two were taken");
}

static void peer_takes_two(void) {
  for (uint32_t i = 0; i < 2; i++) {
    read_entry(start + i, "an entry that nobody has taken yet");
    store(&shared.ring.taken, start + i + 1, __ATOMIC_RELEASE);
  }
  doorbell_ring(bell);
}

static void all_published(void) {
  all_returned();
  for (uint32_t i = start + 2; i < start + 2 + ring_size; i++)
    check_item(&shared.ring.entries[i % ring_size], i, "an entry");
}

static void publish_three(void) {
  publish_items(&shared.ring, start, 1);
  publish_items(&shared.ring, start + 1, 2);
  doorbell_ring(bell);
}

static void peer_looks(uint32_t* taken) {
  const uint32_t posted = load(&shared.ring.posted, __ATOMIC_ACQUIRE);
  for (; *taken != posted; ++*taken) read_entry(*taken, "an entry that is published");
}

static void peer_takes_three(void) {
  uint32_t taken = start;
  peer_looks(&taken);
  peer_looks(&taken);
  doorbell_sleep(bell);
  peer_looks(&taken);
  expect_number(taken, start + 3, "posted, when three are published");
}

static void peer_publishes_two(void) {
  peer_publish(start);
  peer_publish(start + 1);
  doorbell_ring(bell);
}

static void take_more(uint32_t* taken) {
  struct item items[most_items];
  const uint32_t n = student.take(&shared.ring, items, most_items);
  if (n > 2) wrong("lab_take() took %u items of 2", n);
  for (uint32_t i = 0; i < n; i++) check_item(&items[i], *taken + i, "what lab_take() took");
  *taken += n;
}

static void take_two(void) {
  uint32_t taken = start;
  take_more(&taken);
  take_more(&taken);
  doorbell_sleep(bell);
  take_more(&taken);
  expect_number(taken, start + 2, "what lab_take() has taken in all, from this number on");
}

static void peer_refills(void) {
  uint32_t sent = 0;
  for (int looks = 0; looks < 3 && sent < 2; looks++) {
    const uint32_t taken = load(&shared.ring.taken, __ATOMIC_ACQUIRE);
    for (; start + sent != taken && sent < 2; sent++) write_entry(start + ring_size + sent);
  }
}

static void take_two_of_four(void) {
  take_items(&shared.ring, 2, start, 2);
}

static void peer_send(uint32_t number) {
  peer_publish(number);
  memory_fence(__ATOMIC_SEQ_CST);
  if (load(&shared.ring.event, __ATOMIC_RELAXED) == number) doorbell_ring(bell);
}

static void peer_receive(uint32_t from, uint32_t until) {
  uint32_t taken = from;
  while (taken != until) {
    const uint32_t posted = load(&shared.ring.posted, __ATOMIC_ACQUIRE);
    if (posted != taken) {
      store(&shared.ring.taken, taken = posted, __ATOMIC_RELEASE);
      continue;
    }
    store(&shared.ring.event, taken, __ATOMIC_RELAXED);
    memory_fence(__ATOMIC_SEQ_CST);
    if (load(&shared.ring.posted, __ATOMIC_RELAXED) == taken) doorbell_sleep(bell);
  }
}

static void send_two(void) {
  struct item items[2];
  fill(items, start, 2);
  expect_number(student.send(&shared.ring, items, 1, bell), 1, "what lab_send() returned");
  expect_number(student.send(&shared.ring, items + 1, 1, bell), 1, "what lab_send() returned");
}

static void send_two_at_once(void) {
  struct item items[2];
  fill(items, start, 2);
  expect_number(student.send(&shared.ring, items, 2, bell), 2, "what lab_send() returned");
}

static void peer_receives_two(void) {
  peer_receive(start, start + 2);
}

static void peer_sends_two(void) {
  peer_send(start);
  peer_send(start + 1);
}

static void receive_two(void) {
  struct item items[most_items];
  for (uint32_t got = 0, calls = 0; got < 2;) {
    const uint32_t n = student.receive(&shared.ring, items, most_items, bell);
    if (n > 2 - got) wrong("lab_receive() returned %u, with %u items sent", n, 2 - got);
    if (++calls == most_items) wrong("lab_receive() returns 0 again and again");
    for (uint32_t i = 0; i < n; i++)
      check_item(&items[i], start + got + i, "what lab_receive() took");
    got += n;
  }
}

#define BOTH(name, prepare, sends, receives, judge, races) \
  { name, {"the sender", "the receiver"}, prepare, {sends, receives}, judge, NULL, races }

const struct scenario side_by_side[] = {
    BOTH("published_whole", at_start, publish_three, peer_takes_three, all_returned,
         races_are_wrong),
    BOTH("overwrites_nothing", full, publish_two, peer_takes_two, all_published, races_are_wrong),
    BOTH("taken_whole", at_start, peer_publishes_two, take_two, all_returned, races_are_wrong),
    BOTH("gives_back", full, peer_refills, take_two_of_four, all_returned, races_are_wrong),
    BOTH("sender_wakes", at_start, send_two, peer_receives_two, all_returned, may_race),
    BOTH("sender_wakes_once", at_start, send_two_at_once, peer_receives_two, all_returned,
         may_race),
    BOTH("receiver_wakes", at_start, peer_sends_two, receive_two, all_returned, may_race),
    {0},
};
