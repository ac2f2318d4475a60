// SPDX-License-Identifier: BSD-3-Clause
//
// The explorer's two threads, and the runs of one scenario (explorer.h).
#include "explorer.h"

#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/time.h>
#include <ucontext.h>
#include <unistd.h>

enum {
  most_budget = 4,
  most_runs = 120000,
  most_steps = 300,  // of one run
  most_choices = 600,
  stack_size = 1 << 18,
};

enum state { absent, ready, sleeping, returned };

struct choice {
  uint8_t taken, options;
};

const struct scenario* scenario;
static struct choice choices[most_choices];
static int choice_count, choice_next;
static int budget, spent, steps;
static bool old_values;  // loads may return them
static long runs;

static ucontext_t outside, contexts[explorer_threads];
static void* stacks[explorer_threads];
static enum state states[explorer_threads];
static int waits_for[explorer_threads];
static int current;
static int doorbells[explorer_doorbells];

static long all_steps, steps_seen;

static void crashed(int number) {
  wrong("%s ends with %s", running_name(), number == SIGSEGV ? "SIGSEGV" : "a signal");
}

// Computes without a step of its own for 0.2 s of CPU time.
static void ticked(int number) {
  (void)number;
  if (steps_seen == all_steps) wrong("%s computes without end", running_name());
  steps_seen = all_steps;
}

// Threads.

int running(void) {
  return current;
}
const char* name_of_thread(int thread) {
  return scenario->who[thread];
}
const char* running_name(void) {
  return name_of_thread(current);
}
bool asleep(int thread) {
  return states[thread] == sleeping;
}

static bool can_run(int thread) {
  return states[thread] == ready ||
         (states[thread] == sleeping && doorbells[waits_for[thread]] > 0);
}

static int choose(int options) {
  if (choice_next == choice_count) {
    if (choice_count == most_choices) wrong("%s goes on without end", running_name());
    choices[choice_count++] = (struct choice){.options = options};
  }
  return choices[choice_next++].taken;
}

// Like choose(), but all except the first choice cost one of the budget.
static int choose_at_cost(int options) {
  if (options < 2 || spent == budget) return 0;
  const int chosen = choose(options);
  spent += chosen > 0;
  return chosen;
}

int choose_old(int most) {
  return old_values ? choose_at_cost(most + 1) : 0;
}

static void switch_from(int thread) {
  const int other = 1 - thread;
  if (can_run(other)) {
    current = other;
    swapcontext(&contexts[thread], &contexts[other]);
  } else if (!can_run(thread)) {
    swapcontext(&contexts[thread], &outside);
  }
}

void schedule(void) {
  all_steps++;
  if (++steps > most_steps) wrong("%s goes on and on, and does not sleep", running_name());
  if (can_run(1 - current) && choose_at_cost(2)) switch_from(current);
}

static void thread(int self) {
  scenario->run[self]();
  states[self] = returned;
  if (!can_run(1 - self)) setcontext(&outside);
  current = 1 - self;
  setcontext(&contexts[current]);
}

void doorbell_ring(int doorbell) {
  CALLED_FROM_STUDENT;
  schedule();
  if (doorbell < 0 || doorbell >= explorer_doorbells)
    wrong("%s rings another doorbell", running_name());
  tell("rings", NULL, -1, 0, 0);
  memory_doorbell(doorbell, true);
  doorbells[doorbell]++;
}

void doorbell_sleep(int doorbell) {
  const int self = current;
  CALLED_FROM_STUDENT;
  schedule();
  if (doorbell < 0 || doorbell >= explorer_doorbells)
    wrong("%s sleeps at another doorbell", running_name());
  waits_for[self] = doorbell;
  tell("sleeps", NULL, -1, 0, 0);
  while (doorbells[doorbell] == 0) {
    states[self] = sleeping;
    switch_from(self);
  }
  states[self] = ready;
  tell("wakes", NULL, -1, 0, 0);
  doorbells[doorbell] = 0;
  memory_doorbell(doorbell, false);
}

int doorbell_count(int doorbell) {
  return doorbells[doorbell];
}
void doorbell_set(int doorbell, int count) {
  doorbells[doorbell] = count;
}

// Runs.

static void start(int thread_number) {
  states[thread_number] = scenario->run[thread_number] ? ready : absent;
  getcontext(&contexts[thread_number]);
  contexts[thread_number].uc_stack.ss_sp = stacks[thread_number];
  contexts[thread_number].uc_stack.ss_size = stack_size;
  makecontext(&contexts[thread_number], (void (*)(void))thread, 1, thread_number);
}

static void run_once(void) {
  spent = steps = choice_next = 0;
  memset(doorbells, 0, sizeof(doorbells));
  story_start();
  restore_student();
  memory_start(scenario->races);
  scenario->prepare();
  for (int i = 0; i < explorer_threads; i++) start(i);
  current = can_run(0) && can_run(1) ? choose(2) : !can_run(0);
  swapcontext(&outside, &contexts[current]);
  runs++;
  scenario->judge();
}

// The next run differs in the last choice that has an option left.
static bool next_run(void) {
  while (choice_count > 0 &&
         choices[choice_count - 1].taken + 1 == choices[choice_count - 1].options)
    choice_count--;
  if (choice_count == 0) return false;
  choices[choice_count - 1].taken++;
  return true;
}

static void catch (int number, void (*handler)(int)) {
  const struct sigaction action = {.sa_handler = handler, .sa_flags = SA_ONSTACK};
  sigaction(number, &action, NULL);
}

static void prepare_process(void) {
  const stack_t aside = {.ss_sp = malloc(stack_size), .ss_size = stack_size};
  sigaltstack(&aside, NULL);
  for (int i = 0; i < explorer_threads; i++) {
    char* made = mmap(NULL, 2 * stack_size, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (made == MAP_FAILED || mprotect(made + stack_size, stack_size, PROT_READ | PROT_WRITE))
      _exit(5);
    stacks[i] = made + stack_size;
  }
  static const int fatal[] = {SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGABRT};
  for (size_t i = 0; i < sizeof(fatal) / sizeof(fatal[0]); i++) catch (fatal[i], crashed);
  catch (SIGVTALRM, ticked);
  const struct itimerval timer = {.it_interval.tv_usec = 200000, .it_value.tv_usec = 200000};
  setitimer(ITIMER_VIRTUAL, &timer, NULL);
}

long run_count(void) {
  return runs;
}

static bool explore_within(int most) {
  bool seen = false;
  budget = most;
  choice_count = 0;
  do {
    run_once();
    seen |= scenario->seen && scenario->seen();
  } while (runs < most_runs && next_run());
  return seen;
}

void explore(void) {
  bool seen = false;
  prepare_process();
  for (int most = 0; most <= most_budget && runs < most_runs; most++) {
    for (int old = 0; old < 2; old++) {
      old_values = old;
      seen |= explore_within(most);
    }
  }
  report_start();
  report(", \"seen\": %s}\n", seen ? "true" : "false");
}
