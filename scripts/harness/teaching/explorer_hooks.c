// SPDX-License-Identifier: BSD-3-Clause
//
// What the compiler calls for each access, in place of ThreadSanitizer's library. Memory that is
// not shared is used as ever.
#include <string.h>

#include "explorer.h"

static uint64_t exchanged(uint64_t old, uint64_t operand) {
  return (void)old, operand;
}
static uint64_t added(uint64_t old, uint64_t operand) {
  return old + operand;
}
static uint64_t subtracted(uint64_t old, uint64_t operand) {
  return old - operand;
}
static uint64_t anded(uint64_t old, uint64_t operand) {
  return old & operand;
}
static uint64_t ored(uint64_t old, uint64_t operand) {
  return old | operand;
}
static uint64_t xored(uint64_t old, uint64_t operand) {
  return old ^ operand;
}

struct exchange {
  uint64_t expected, desired;
};

static uint64_t compared(uint64_t old, uint64_t words) {
  const struct exchange* exchange = (const struct exchange*)(uintptr_t)words;
  return old == exchange->expected ? exchange->desired : old;
}

void __tsan_init(void) {}
void __tsan_func_entry(void* from) {
  (void)from;
}
void __tsan_func_exit(void) {}
void __tsan_atomic_signal_fence(int order) {
  (void)order;
}

void __tsan_atomic_thread_fence(int order) {
  CALLED_FROM_STUDENT;
  memory_fence(order);
}

#define PLAIN(name, size, writes)      \
  void __tsan_##name(void* place) {    \
    CALLED_FROM_STUDENT;               \
    memory_plain(place, size, writes); \
  }
#define PLAIN_OF(size)                     \
  PLAIN(read##size, size, false)           \
  PLAIN(write##size, size, true)           \
  PLAIN(volatile_read##size, size, false)  \
  PLAIN(volatile_write##size, size, true)  \
  PLAIN(unaligned_read##size, size, false) \
  PLAIN(unaligned_write##size, size, true)
PLAIN_OF(1)
PLAIN_OF(2)
PLAIN_OF(4)
PLAIN_OF(8)
PLAIN_OF(16)

void __tsan_read_range(void* place, size_t size) {
  CALLED_FROM_STUDENT;
  memory_plain(place, size, false);
}

void __tsan_write_range(void* place, size_t size) {
  CALLED_FROM_STUDENT;
  memory_plain(place, size, true);
}

#define CHANGE(bits, name, how)                                                                  \
  uint##bits##_t __tsan_atomic##bits##_##name(volatile uint##bits##_t* place, uint##bits##_t by, \
                                              int order) {                                       \
    CALLED_FROM_STUDENT;                                                                         \
    if (memory_is_shared(place)) return memory_change(place, bits / 8, how, by, order);          \
    const uint##bits##_t before = *place;                                                        \
    *place = how(before, by);                                                                    \
    return before;                                                                               \
  }

// One that fails stores what was there.
#define COMPARE(bits, name)                                                                        \
  int __tsan_atomic##bits##_compare_exchange_##name(volatile uint##bits##_t* place,                \
                                                    uint##bits##_t* expected,                      \
                                                    uint##bits##_t desired, int order, int fail) { \
    const struct exchange words = {*expected, desired};                                            \
    (void)fail;                                                                                    \
    CALLED_FROM_STUDENT;                                                                           \
    if (memory_is_shared(place))                                                                   \
      *expected = memory_change(place, bits / 8, compared, (uintptr_t)&words, order);              \
    else                                                                                           \
      *place = compared(*expected = *place, (uintptr_t)&words);                                    \
    return *expected == words.expected;                                                            \
  }

#define ATOMIC(bits)                                                                           \
  uint##bits##_t __tsan_atomic##bits##_load(const volatile uint##bits##_t* place, int order) { \
    CALLED_FROM_STUDENT;                                                                       \
    return memory_is_shared(place) ? memory_load(place, bits / 8, order) : *place;             \
  }                                                                                            \
  void __tsan_atomic##bits##_store(volatile uint##bits##_t* place, uint##bits##_t value,       \
                                   int order) {                                                \
    CALLED_FROM_STUDENT;                                                                       \
    if (memory_is_shared(place))                                                               \
      memory_store(place, bits / 8, value, order);                                             \
    else                                                                                       \
      *place = value;                                                                          \
  }                                                                                            \
  CHANGE(bits, exchange, exchanged)                                                            \
  CHANGE(bits, fetch_add, added)                                                               \
  CHANGE(bits, fetch_sub, subtracted)                                                          \
  CHANGE(bits, fetch_and, anded)                                                               \
  CHANGE(bits, fetch_or, ored)                                                                 \
  CHANGE(bits, fetch_xor, xored)                                                               \
  COMPARE(bits, strong)                                                                        \
  COMPARE(bits, weak)
ATOMIC(8)
ATOMIC(16)
ATOMIC(32)
ATOMIC(64)

// The linker sends the student's calls of memcpy() and its like here (--wrap).
void* __wrap_memcpy(void* to, const void* from, size_t size) {
  CALLED_FROM_STUDENT;
  memory_plain(from, size, false);
  memory_plain(to, size, true);
  return memcpy(to, from, size);
}

void* __wrap_memmove(void* to, const void* from, size_t size) {
  CALLED_FROM_STUDENT;
  memory_plain(from, size, false);
  memory_plain(to, size, true);
  return memmove(to, from, size);
}

void* __wrap_memset(void* to, int value, size_t size) {
  CALLED_FROM_STUDENT;
  memory_plain(to, size, true);
  return memset(to, value, size);
}
