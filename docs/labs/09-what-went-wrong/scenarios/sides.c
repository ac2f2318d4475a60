// SPDX-License-Identifier: BSD-3-Clause
//
// The memory, the driver's environment and the device's steps.
#include "sides.h"

#include <stdio.h>

struct shared shared __attribute__((aligned(8)));
struct student student;
struct driver driver;
int raised;
void* const shared_memory = &shared;
const size_t shared_size = sizeof(shared);
const struct scenario* const scenarios[] = {alone, together, recorded, NULL};

static void note_nothing(int stage, uint32_t number) {
  (void)stage;
  (void)number;
}

void (*note)(int stage, uint32_t number) = note_nothing;

const char* find_functions(void* (*find)(const char* name)) {
  void* submit = find("lab_submit");
  void* wait = find("lab_wait");
  memcpy(&student.submit, &submit, sizeof(submit));
  memcpy(&student.wait, &wait, sizeof(wait));
  return !submit ? "lab_submit" : !wait ? "lab_wait" : NULL;
}

void name_place(const volatile void* place, char* name, size_t size) {
  static const char* const words[] = {"posted", "doorbell_event", "completed", "interrupt_event"};
  const size_t offset = (const char*)place - (const char*)&shared;
  if (offset < offsetof(struct shared, requests))
    snprintf(name, size, "%s", words[offset / sizeof(uint32_t)]);
  else if (offset < offsetof(struct shared, completions))
    snprintf(name, size, "requests[%zu]",
             (offset - offsetof(struct shared, requests)) / sizeof(struct request));
  else
    snprintf(name, size, "completions[%zu]",
             (offset - offsetof(struct shared, completions)) / sizeof(struct completion));
}

// What the student's code calls.

void ring_doorbell(void) {
  CALLED_FROM_STUDENT;
  note(rung, driver.submitted - 1);
  doorbell_ring(doorbell);
}

void sleep_until_interrupt(void) {
  CALLED_FROM_STUDENT;
  doorbell_sleep(interrupt);
  note(awake, driver.done);
}

void clear_interrupt(void) {
  CALLED_FROM_STUDENT;
  schedule();
  tell("clears", NULL, -1, 0, 0);
  doorbell_set(interrupt, 0);
}

// What the scenarios begin with.

void empty_ring_at(uint32_t number) {
  memset(&shared, 0, sizeof(shared));
  shared.posted = shared.completed = number;
  shared.doorbell_event = shared.interrupt_event = number - 100;
  driver = (struct driver){.shared = &shared, .submitted = number, .done = number};
  raised = 0;
}

void at_start(void) {
  empty_ring_at(start);
}
void nothing(void) {}

struct request request_of(uint32_t number) {
  return (struct request){secret(2 * number), secret(2 * number + 1)};
}

void expect_number(uint32_t seen, uint32_t expected, const char* what) {
  if (seen != expected) wrong("%s: expected %u, seen %u", what, expected, seen);
}

// The driver's.

void submit(uint32_t n, uint32_t expected) {
  struct request requests[most];
  for (uint32_t i = 0; i < n; i++) requests[i] = request_of(driver.submitted + i);
  expect_number(student.submit(&driver, requests, n), expected, "what lab_submit() returned");
}

void wait_for(uint32_t n) {
  struct completion completions[most];
  for (uint32_t got = 0, calls = 0; got < n;) {
    const uint32_t first = driver.done, more = student.wait(&driver, completions, n - got);
    if (more > n - got) wrong("lab_wait() returned %u, for %u completions", more, n - got);
    if (++calls == most) wrong("lab_wait() returns 0 again and again");
    for (uint32_t i = 0; i < more; i++) {
      const struct request request = request_of(first + i);
      note(done, first + i);
      if (completions[i].id != request.id || completions[i].result != ~request.value)
        wrong("the completion of request %u is not that of what was submitted", first + i);
    }
    got += more;
  }
}

// The device's.

uint32_t load(const _Atomic uint32_t* word, int order) {
  return memory_load(word, 4, order);
}
void store(_Atomic uint32_t* word, uint32_t value, int order) {
  memory_store(word, 4, value, order);
}

void serve(uint32_t number) {
  struct request* request = &shared.requests[number % ring_size];
  struct completion* completion = &shared.completions[number % ring_size];
  memory_plain(request, sizeof(*request), false);
  const struct request copy = *request;
  note(taken, number);
  memory_plain(completion, sizeof(*completion), true);
  *completion = (struct completion){copy.id, ~copy.value};
  store(&shared.completed, number + 1, __ATOMIC_RELEASE);
  note(posted, number);
  memory_fence(__ATOMIC_SEQ_CST);
  if (load(&shared.interrupt_event, __ATOMIC_RELAXED) != number) return;
  raised++;
  note(raised_it, number);
  doorbell_ring(interrupt);
}

void serve_until(uint32_t number, uint32_t until) {
  while (number != until) {
    if (load(&shared.posted, __ATOMIC_ACQUIRE) != number) {
      serve(number++);
      continue;
    }
    store(&shared.doorbell_event, number, __ATOMIC_RELAXED);
    memory_fence(__ATOMIC_SEQ_CST);
    if (load(&shared.posted, __ATOMIC_RELAXED) != number) continue;
    doorbell_sleep(doorbell);
    note(woken, number);
  }
}
