// SPDX-License-Identifier: BSD-3-Clause
//
// Traffic that is recorded as bellwire's traces are, a step of it for each microsecond, and printed
// when it hangs or a completion is wrong. The runs of the lab were made so (record.py, with the
// solutions).
#include <stdio.h>

#include "sides.h"

enum { requests = 24, tick = 1000, unknown = -1 };

static long at[requests][stages + 1];
static long clock_ns;
static uint32_t first, total, known;

// The driver stores `posted` without a word, so that is looked for at each step.
static void look(void) {
  for (; first + known != shared.posted; known++) at[known][submitted] = clock_ns += tick;
}

static void record(int stage, uint32_t number) {
  look();
  if (number - first < requests && at[number - first][stage] == unknown)
    at[number - first][stage] = clock_ns += tick;
}

static void begin_at(uint32_t number, uint32_t n) {
  empty_ring_at(number);
  first = number;
  total = n;
  known = 0;
  clock_ns = -tick;
  for (int i = 0; i < requests; i++)
    for (int stage = 0; stage <= stages; stage++) at[i][stage] = unknown;
  note = record;
}

static void show(void) {
  look();
  for (uint32_t i = 0; i < known; i++) {
    fprintf(stderr, "%u", first + i);
    for (int stage = 0; stage < stages; stage++) fprintf(stderr, " %ld", at[i][stage]);
    fprintf(stderr, "\n");
  }
  wrong("recorded");
}

static void drive(const uint32_t* bursts, uint32_t bursts_in_all, uint32_t at_once) {
  for (uint32_t i = 0; driver.done - first != total; i++) {
    struct request batch[most];
    struct completion completions[most];
    uint32_t n = bursts[i % bursts_in_all], left = first + total - driver.submitted;
    if (n > left) n = left;
    for (uint32_t k = 0; k < n; k++) batch[k] = request_of(driver.submitted + k);
    if (n > 0) student.submit(&driver, batch, n);
    const uint32_t from = driver.done, got = student.wait(&driver, completions, at_once);
    for (uint32_t k = 0; k < got; k++) {
      const struct request request = request_of(from + k);
      note(done, from + k);
      if (completions[k].result != ~request.value) show();
    }
  }
}

static void serve_all(void) {
  serve_until(first, first + total);
}

static void hung(void) {
  if (asleep(the_driver)) show();
}

#define TRAFFIC(name, from, n, at_once, ...)                    \
  static void name##_begins(void) {                             \
    begin_at(from, n);                                          \
  }                                                             \
  static void name##_drives(void) {                             \
    static const uint32_t bursts[] = {__VA_ARGS__};             \
    drive(bursts, sizeof(bursts) / sizeof(bursts[0]), at_once); \
  }
TRAFFIC(sevens, 1500, 7, most, 2, 1)
TRAFFIC(tens, 95, 10, most, 1, 1, 2)
TRAFFIC(twos, 233, 17, 1, 2, 3)
TRAFFIC(elevens, 70, 11, most, 1, 2)
TRAFFIC(past_the_last, 0xfffffffb, 11, most, 1, 2, 3)
TRAFFIC(nines, 412, 9, most, 1)

#define RECORDED(name)                                     \
  {                                                        \
#name, {"the driver", "the device" }, name##_begins,   \
            {name##_drives, serve_all }, hung, NULL, false \
  }

const struct scenario recorded[] = {
    RECORDED(sevens),
    RECORDED(tens),
    RECORDED(twos),
    RECORDED(elevens),
    RECORDED(past_the_last),
    RECORDED(nines),
    {0},
};
