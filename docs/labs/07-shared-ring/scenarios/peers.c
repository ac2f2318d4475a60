// SPDX-License-Identifier: BSD-3-Clause
//
// The memory and the steps that the scenarios share.
#include "peers.h"

#include <stdio.h>

struct shared shared __attribute__((aligned(8)));
struct student student;
void* const shared_memory = &shared;
const size_t shared_size = sizeof(shared);
const struct scenario* const scenarios[] = {one_by_one, side_by_side, litmus, NULL};

static const struct {
  const char* name;
  void* function;
} functions[] = {{"lab_publish", &student.publish},
                 {"lab_take", &student.take},
                 {"lab_need_doorbell", &student.need_doorbell},
                 {"lab_send", &student.send},
                 {"lab_receive", &student.receive}};

const char* find_functions(void* (*find)(const char* name)) {
  for (size_t i = 0; i < sizeof(functions) / sizeof(functions[0]); i++) {
    void* found = find(functions[i].name);
    if (!found) return functions[i].name;
    memcpy(functions[i].function, &found, sizeof(found));
  }
  return NULL;
}

void name_place(const volatile void* place, char* name, size_t size) {
  const size_t offset = (const char*)place - (const char*)&shared;
  if (offset >= offsetof(struct shared, x)) {
    snprintf(name, size, "%s", offset == offsetof(struct shared, x) ? "x" : "y");
    return;
  }
  const size_t within = offset % sizeof(struct ring);
  if (within >= offsetof(struct ring, entries))
    snprintf(name, size, "entries[%zu]",
             (within - offsetof(struct ring, entries)) / sizeof(struct item));
  else
    snprintf(name, size, "%s", within == 0 ? "posted" : within == 4 ? "taken" : "event");
}

struct item item_of(uint32_t number) {
  return (struct item){secret(2 * number), secret(2 * number + 1)};
}

void fill(struct item* items, uint32_t first, uint32_t n) {
  for (uint32_t i = 0; i < n; i++) items[i] = item_of(first + i);
}

void check_item(const struct item* item, uint32_t number, const char* where) {
  const struct item expected = item_of(number);
  if (memcmp(item, &expected, sizeof(expected)) != 0)
    wrong("%s is not item number %u, which was sent", where, number);
}

void fill_ring(struct ring* ring, uint32_t taken, uint32_t posted) {
  memset(ring, 0, sizeof(*ring));
  ring->taken = taken;
  ring->posted = posted;
  ring->event = taken - 100;
  for (uint32_t i = taken; i != posted; i++) ring->entries[i % ring_size] = item_of(i);
}

void expect_number(uint32_t seen, uint32_t expected, const char* what) {
  if (seen != expected) wrong("%s: expected %u, seen %u", what, expected, seen);
}

void empty_rings_at(uint32_t number) {
  fill_ring(&shared.ring, number, number);
  fill_ring(&shared.other, number, number);
}

void at_start(void) {
  empty_rings_at(start);
}
void nothing(void) {}

void take_items(struct ring* ring, uint32_t most_of_them, uint32_t first, uint32_t expected) {
  struct item items[most_items];
  expect_number(student.take(ring, items, most_of_them), expected, "what lab_take() returned");
  for (uint32_t i = 0; i < expected; i++) check_item(&items[i], first + i, "what lab_take() took");
}

void publish_items(struct ring* ring, uint32_t first, uint32_t n) {
  struct item items[most_items];
  fill(items, first, n);
  expect_number(student.publish(ring, items, n), n,
                "what lab_publish() returned, where there is room");
}

void all_returned(void) {
  for (int i = 0; i < explorer_threads; i++)
    if (asleep(i)) wrong("%s sleeps for ever, and nobody will ring", name_of_thread(i));
}

uint32_t load(const _Atomic uint32_t* word, int order) {
  return memory_load(word, 4, order);
}
void store(_Atomic uint32_t* word, uint32_t value, int order) {
  memory_store(word, 4, value, order);
}

void write_entry(uint32_t number) {
  struct item* entry = &shared.ring.entries[number % ring_size];
  memory_plain(entry, sizeof(*entry), true);
  *entry = item_of(number);
}

void read_entry(uint32_t number, const char* where) {
  struct item* entry = &shared.ring.entries[number % ring_size];
  memory_plain(entry, sizeof(*entry), false);
  check_item(entry, number, where);
}

void peer_publish(uint32_t number) {
  write_entry(number);
  store(&shared.ring.posted, number + 1, __ATOMIC_RELEASE);
}
