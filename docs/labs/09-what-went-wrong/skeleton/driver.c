/* SPDX-License-Identifier: BSD-3-Clause */
#include "driver_lab.h"

/* Whether number `event` is among those from `before` on that come before `now`. */
static int passed(uint32_t event, uint32_t now, uint32_t before) {
  return before <= event && event < now;
}

uint32_t lab_submit(struct driver* driver, const struct request* requests, uint32_t n) {
  struct shared* shared = driver->shared;
  uint32_t before = driver->submitted;

  for (uint32_t i = 0; i < n; i++) shared->requests[(before + i) % ring_size] = requests[i];
  driver->submitted = before + n;

  uint32_t event = atomic_load_explicit(&shared->doorbell_event, memory_order_relaxed);
  if (passed(event, driver->submitted, before)) ring_doorbell();
  atomic_store_explicit(&shared->posted, driver->submitted, memory_order_release);
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
    atomic_store_explicit(&shared->interrupt_event, driver->done, memory_order_relaxed);
    clear_interrupt();
    sleep_until_interrupt();
  }
  return taken;
}
