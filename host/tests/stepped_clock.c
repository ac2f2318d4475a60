// SPDX-License-Identifier: BSD-3-Clause
//
// To be preloaded: whoever asks for the time of day gets another year each few milliseconds, as if
// somebody stepped the clock to and fro all the time. The clocks that only go forwards stay as they
// are.
#define _GNU_SOURCE
#include <dlfcn.h>
#include <sys/time.h>
#include <time.h>

#define YEAR (365L * 24 * 60 * 60)

typedef int (*clock_call)(clockid_t clock, struct timespec* time);

static int real(clockid_t clock, struct timespec* time) {
  static clock_call call;

  if (!call) call = (clock_call)dlsym(RTLD_NEXT, "clock_gettime");
  return call(clock, time);
}

static long step(void) {
  static const long steps[] = {0, -25 * YEAR, 30 * YEAR, -1 * YEAR, 5 * YEAR};
  struct timespec now;

  real(CLOCK_MONOTONIC, &now);
  return steps[now.tv_nsec / 7000000 % (sizeof(steps) / sizeof(*steps))];
}

int clock_gettime(clockid_t clock, struct timespec* time) {
  const int status = real(clock, time);

  if (status == 0 && (clock == CLOCK_REALTIME || clock == CLOCK_REALTIME_COARSE))
    time->tv_sec += step();
  return status;
}

int gettimeofday(struct timeval* restrict time, void* restrict zone) {
  struct timespec now;

  (void)zone;
  clock_gettime(CLOCK_REALTIME, &now);
  time->tv_sec = now.tv_sec;
  time->tv_usec = now.tv_nsec / 1000;
  return 0;
}

time_t time(time_t* to) {
  struct timespec now;

  clock_gettime(CLOCK_REALTIME, &now);
  if (to) *to = now.tv_sec;
  return now.tv_sec;
}
