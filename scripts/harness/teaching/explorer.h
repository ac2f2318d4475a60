// SPDX-License-Identifier: BSD-3-Clause
//
// Runs two threads of C in every order that matters, on a memory in which a store may become
// visible late. explore.py starts it, in the sandbox; a lab's scenarios are written against this
// header.
//
// The student's code is compiled with -fsanitize=thread, but not linked with its library: the calls
// that the compiler makes for each access, with its memory order, come here (explorer_hooks.c).
// Both threads are coroutines of one process, so each order can be run again.
//
// Memory is that of C11 without stores that take effect before earlier loads (explorer_memory.c): a
// load returns any store that the thread has not to know as outdated, and plain accesses that
// nothing orders are reported as a race. A thread is interrupted, or gets an old value, at most
// `budget` times in one run; all runs within that bound are tried, those with few such events
// first.
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { explorer_threads = 2, explorer_doorbells = 2 };

struct scenario {
  const char* name;
  const char* who[explorer_threads];    // "the sender"
  void (*prepare)(void);                // shared memory and all else, as at the start of each run
  void (*run[explorer_threads])(void);  // NULL: there is no such thread
  void (*judge)(void);                  // when each has returned, or sleeps
  bool (*seen)(void);                   // NULL, or: whether this run came out as in question
  bool races;                           // whether a race is wrong
};

// Of the lab: tables, and NULL after the last. The last scenario of a table has no name.
extern const struct scenario* const scenarios[];
extern void* const shared_memory;
extern const size_t shared_size;
// For the story of what went wrong.
void name_place(const volatile void* place, char* name, size_t size);
// Finds the student's functions. Returns the name of one that is missing, or NULL.
const char* find_functions(void* (*find)(const char* name));

// For scenarios: accesses of the threads that are not the student's. The orders are __ATOMIC_….
uint64_t memory_load(const volatile void* place, int size, int order);
void memory_store(volatile void* place, int size, uint64_t value, int order);
void memory_fence(int order);
void memory_plain(const volatile void* place, size_t size,
                  bool writes);  // before the access itself
void memory_start(bool races);   // it is what it is, and all know that; each run begins so
void doorbell_ring(int doorbell);
void doorbell_sleep(int doorbell);  // until it is rung; takes all rings
int doorbell_count(int doorbell);
void doorbell_set(int doorbell, int count);  // while the scenario is prepared
bool asleep(int thread);

// Reports this run as wrong, and ends the process.
__attribute__((format(printf, 1, 2), noreturn)) void wrong(const char* format, ...);
// Random, and the same in each run of one grading.
uint64_t secret(uint32_t number);

// In a function of the scenarios that the student's code calls, first of all.
#define CALLED_FROM_STUDENT called_from(__builtin_return_address(0))
void called_from(const void* place);

// Between the explorer's own files.
enum { reported = 42 };                  // the status of a process that has made its report
extern const struct scenario* scenario;  // that is tried
void explore(void);
long run_count(void);
void schedule(void);       // before what another thread can see
int choose_old(int most);  // how many stores before the newest a load returns
int running(void);
const char* running_name(void);
const char* name_of_thread(int thread);
uint64_t memory_change(volatile void* place, int size, uint64_t (*change)(uint64_t, uint64_t),
                       uint64_t operand, int order);
bool memory_is_shared(const volatile void* place);
void memory_doorbell(int doorbell, bool rings);
void story_start(void);
void tell(const char* what, const volatile void* place, int order, uint64_t value, uint64_t newest);
void restore_student(void);              // its static variables, as they were when it was loaded
long student_offset(const void* place);  // in its library; 0: it isn't there
__attribute__((format(printf, 1, 2))) void report(const char* format, ...);
void report_start(void);
