// SPDX-License-Identifier: BSD-3-Clause
//
// What the threads of a run have done, step by step, and the report of a run that went wrong.
#define _GNU_SOURCE
#include <stdarg.h>
#include <stdio.h>
#include <unistd.h>

#include "explorer.h"

enum { most_events = 1000, told_events = 40 };

struct event {
  const char* what;
  const volatile void* place;
  const void* caller;
  uint64_t value, newest;
  int thread, order;
};

static struct event events[most_events];
static int event_count;
static const void* callers[explorer_threads];  // where in the code each thread's next step is

void story_start(void) {
  event_count = 0;
  for (int i = 0; i < explorer_threads; i++) callers[i] = NULL;
}

void called_from(const void* place) {
  callers[running()] = place;
}

void tell(const char* what, const volatile void* place, int order, uint64_t value,
          uint64_t newest) {
  const int self = running();
  if (event_count < most_events)
    events[event_count++] = (struct event){.what = what,
                                           .place = place,
                                           .caller = callers[self],
                                           .value = value,
                                           .newest = newest,
                                           .thread = self,
                                           .order = order};
  callers[self] = NULL;
}

static void say_event(const struct event* event, const char* before) {
  char name[64] = "";
  if (event->place) name_place(event->place, name, sizeof(name));
  report(
      "%s{\"who\": \"%s\", \"what\": \"%s\", \"place\": \"%s\", \"order\": %d, \"value\": %llu, "
      "\"newest\": %llu, \"at\": %ld}",
      before, name_of_thread(event->thread), event->what, name, event->order,
      (unsigned long long)event->value, (unsigned long long)event->newest,
      student_offset(event->caller));
}

void wrong(const char* format, ...) {
  char why[512];
  va_list arguments;
  va_start(arguments, format);
  vsnprintf(why, sizeof(why), format, arguments);
  va_end(arguments);
  report_start();
  report(", \"wrong\": \"%s\", \"story\": [", why);
  const int first = event_count > told_events ? event_count - told_events : 0;
  for (int i = first; i < event_count; i++) say_event(&events[i], i > first ? ", " : "");
  report("]}\n");
  _exit(reported);
}
