// SPDX-License-Identifier: BSD-3-Clause
//
// The student's driver, with a device that acts when it is not running.
#include "sides.h"

static void serves(void) {
  submit(2, 2);
  serve(start);
  serve(start + 1);
  wait_for(2);
  submit(1, 1);
  serve(start + 2);
  wait_for(1);
}

static void too_many(void) {
  submit(3, 3);
  submit(3, 1);
  submit(1, 0);
  for (uint32_t i = start; i < start + ring_size; i++) serve(i);
  wait_for(2);
  submit(3, 2);
  serve(start + ring_size);
  serve(start + ring_size + 1);
  wait_for(ring_size);
}

static void submit_from(uint32_t before, uint32_t n, uint32_t event) {
  int asked = 0;
  for (uint32_t i = 0; i < n; i++) asked |= before + i == event;
  empty_ring_at(before);
  shared.doorbell_event = event;
  memory_start(false);
  doorbell_set(doorbell, 0);
  submit(n, n);
  if (doorbell_count(doorbell) != asked)
    wrong("requests %u to %u are submitted, and the device has asked for %u: expected %s, seen %d",
          before, before + n - 1, event, asked ? "a ring" : "no ring", doorbell_count(doorbell));
}

static void wraps(void) {
  for (uint32_t n = 2; n <= ring_size; n++)
    for (uint32_t before = 1 - n; before != 0; before++)
      for (uint32_t i = 0; i < n; i++) submit_from(before, n, before + i);
}

#define ALONE(name, run) \
  { #name, {"the driver", "the device" }, at_start, {run, NULL }, nothing, NULL, false }

const struct scenario alone[] = {
    ALONE(serves, serves),
    ALONE(too_many, too_many),
    ALONE(wraps, wraps),
    {0},
};
