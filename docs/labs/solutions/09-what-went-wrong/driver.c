/* SPDX-License-Identifier: BSD-3-Clause */
#include "driver_lab.h"

/* Whether number `event` is among those from `before` on that come before `now`. */
static int passed(uint32_t event, uint32_t now, uint32_t before) {
  return now - event - 1 < now - before;
}

uint32_t lab_submit(struct driver* driver, const struct request* requests, uint32_t n) {
  struct shared* shared = driver->shared;
  uint32_t before = driver->submitted;
  uint32_t room = ring_size - (before - driver->done);

  if (n > room) n = room;
  for (uint32_t i = 0; i < n; i++) shared->requests[(before + i) % ring_size] = requests[i];
  driver->submitted = before + n;

  atomic_store_explicit(&shared->posted, driver->submitted, memory_order_release);
  atomic_thread_fence(memory_order_seq_cst);
  uint32_t event = atomic_load_explicit(&shared->doorbell_event, memory_order_relaxed);
  if (passed(event, driver->submitted, before)) ring_doorbell();
  return n;
}

static uint32_t take(struct driver* driver, struct completion* completions, uint32_t n) {
  struct shared* shared = driver->shared;
  uint32_t completed = atomic_load_explicit(&shared->completed, memory_order_acquire);
  uint32_t ready = completed - driver->done;

  if (n > ready) n = ready;
  for (uint32_t i = 0; i < n; i++)
    completions[i] = shared->completions[(driver->done + i) % ring_size];
  driver->done += n;
  return n;
}

uint32_t lab_wait(struct driver* driver, struct completion* completions, uint32_t n) {
  struct shared* shared = driver->shared;
  uint32_t taken;

  while ((taken = take(driver, completions, n)) == 0) {
    clear_interrupt();
    atomic_store_explicit(&shared->interrupt_event, driver->done, memory_order_relaxed);
    atomic_thread_fence(memory_order_seq_cst);
    if (atomic_load_explicit(&shared->completed, memory_order_relaxed) == driver->done)
      sleep_until_interrupt();
  }
  return taken;
}
