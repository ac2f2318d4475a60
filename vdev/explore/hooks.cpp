// SPDX-License-Identifier: BSD-3-Clause
//
// The hooks: what the compiler calls for each access of the explored code in place of
// ThreadSanitizer's library (-fsanitize=thread), and what the linker puts before eventfds and locks
// (--wrap). Outside of a run all is as ever.
//
// A relaxed access is no step: the ring's words that decide something are read and written in
// order. One that the compiler knows not to be atomic is nothing at all.
#include <pthread.h>
#include <sched.h>

#include <cstddef>
#include <cstdint>

#include "vdev/explore/execution.hpp"
#include "vdev/os/event_fd.hpp"

namespace bellwire::explore {
namespace {

template <class Word>
Word load(const volatile Word* place, int order) noexcept {
  auto* run = Execution::current();
  if (run == nullptr) return __atomic_load_n(place, __ATOMIC_SEQ_CST);
  if (order != __ATOMIC_RELAXED) run->step();
  const auto* at = const_cast<const Word*>(place);
  const auto* own = run->own_store(at);
  const auto value = own != nullptr ? static_cast<Word>(own->value) : *at;
  if (order != __ATOMIC_RELAXED) run->note("reads", at, value);
  return value;
}

template <class Word>
void store(volatile Word* place, Word value, int order) noexcept {
  auto* run = Execution::current();
  if (run == nullptr) return __atomic_store_n(place, value, __ATOMIC_SEQ_CST);
  if (order != __ATOMIC_RELAXED) run->step();
  auto* at = const_cast<Word*>(place);
  if (order != __ATOMIC_RELAXED) run->note("stores", at, value);
  run->store(at, value, sizeof value, order == __ATOMIC_SEQ_CST);
}

// A read that changes the word is in order with all others, as on x86.
template <class Word, class Change>
Word change(volatile Word* place, Change changed) noexcept {
  auto* run = Execution::current();
  if (run != nullptr) {
    run->step();
    run->flush();
  }
  const Word before = *place;
  *place = changed(before);
  if (run != nullptr) run->note("changes", const_cast<Word*>(place), *place);
  return before;
}

template <class Word>
bool exchange_if(volatile Word* place, Word* expected, Word desired) noexcept {
  const Word wanted = *expected;
  *expected = change(place, [&](Word old) { return old == wanted ? desired : old; });
  return *expected == wanted;
}

}  // namespace
}  // namespace bellwire::explore

namespace hooks = bellwire::explore;
using bellwire::explore::Execution;

extern "C" {

void __tsan_init() {}
void __tsan_func_entry(void*) {}
void __tsan_func_exit() {}
void __tsan_vptr_update(void*, void*) {}
void __tsan_vptr_read(void*) {}
void __tsan_read_range(void*, std::size_t) {}
void __tsan_write_range(void*, std::size_t) {}
void __tsan_atomic_signal_fence(int) {}
void __tsan_atomic_thread_fence(int) {
  if (auto* run = Execution::current()) {
    run->step();
    run->flush();
  }
}

#define PLAIN(size)                          \
  void __tsan_read##size(void*) {}           \
  void __tsan_write##size(void*) {}          \
  void __tsan_unaligned_read##size(void*) {} \
  void __tsan_unaligned_write##size(void*) {}
PLAIN(1)
PLAIN(2)
PLAIN(4)
PLAIN(8)
PLAIN(16)

#define CHANGE(bits, name, by)                                                          \
  std::uint##bits##_t __tsan_atomic##bits##_##name(volatile std::uint##bits##_t* place, \
                                                   std::uint##bits##_t value, int) {    \
    using Word = std::uint##bits##_t;                                                   \
    return hooks::change(place, [&](Word old) { return static_cast<Word>(by); });       \
  }

#define COMPARE(bits, name)                                                                  \
  int __tsan_atomic##bits##_compare_exchange_##name(volatile std::uint##bits##_t* place,     \
                                                    std::uint##bits##_t* expected,           \
                                                    std::uint##bits##_t desired, int, int) { \
    return hooks::exchange_if(place, expected, desired);                                     \
  }

// clang's way: by value.
#define COMPARE_VALUE(bits)                                              \
  std::uint##bits##_t __tsan_atomic##bits##_compare_exchange_val(        \
      volatile std::uint##bits##_t* place, std::uint##bits##_t expected, \
      std::uint##bits##_t desired, int, int) {                           \
    hooks::exchange_if(place, &expected, desired);                       \
    return expected;                                                     \
  }

#define ATOMIC(bits)                                                                               \
  std::uint##bits##_t __tsan_atomic##bits##_load(const volatile std::uint##bits##_t* place,        \
                                                 int order) {                                      \
    return hooks::load(place, order);                                                              \
  }                                                                                                \
  void __tsan_atomic##bits##_store(volatile std::uint##bits##_t* place, std::uint##bits##_t value, \
                                   int order) {                                                    \
    hooks::store(place, value, order);                                                             \
  }                                                                                                \
  CHANGE(bits, exchange, ((void)old, value))                                                       \
  CHANGE(bits, fetch_add, old + value)                                                             \
  CHANGE(bits, fetch_sub, old - value)                                                             \
  CHANGE(bits, fetch_and, old& value)                                                              \
  CHANGE(bits, fetch_or, old | value)                                                              \
  CHANGE(bits, fetch_xor, old ^ value)                                                             \
  COMPARE(bits, strong)                                                                            \
  COMPARE(bits, weak)                                                                              \
  COMPARE_VALUE(bits)
ATOMIC(8)
ATOMIC(16)
ATOMIC(32)
ATOMIC(64)

}  // extern "C"

using bellwire::os::EventFd;

// EventFd::ring() and EventFd::drain(), as the ABI names them.
bool real_ring(const EventFd* event, std::uint64_t count) noexcept
    asm("__real__ZNK8bellwire2os7EventFd4ringEm");
bool wrapped_ring(const EventFd* event, std::uint64_t count) noexcept
    asm("__wrap__ZNK8bellwire2os7EventFd4ringEm");
std::optional<std::uint64_t> real_drain(const EventFd* event) noexcept
    asm("__real__ZNK8bellwire2os7EventFd5drainEv");
std::optional<std::uint64_t> wrapped_drain(const EventFd* event) noexcept
    asm("__wrap__ZNK8bellwire2os7EventFd5drainEv");

bool wrapped_ring(const EventFd* event, std::uint64_t count) noexcept {
  auto* run = Execution::current();
  if (run == nullptr) return real_ring(event, count);
  run->step();
  run->flush();
  run->rings(event->fd()) += count;
  run->note("rings");
  return true;
}

std::optional<std::uint64_t> wrapped_drain(const EventFd* event) noexcept {
  auto* run = Execution::current();
  if (run == nullptr) return real_drain(event);
  const auto count = run->take_rings(event->fd());
  return count == 0 ? std::nullopt : std::optional(count);
}

extern "C" {

int __real_pthread_mutex_lock(pthread_mutex_t* mutex) noexcept;
int __real_sched_yield() noexcept;
pthread_t __real_pthread_self() noexcept;

int __wrap_pthread_mutex_lock(pthread_mutex_t* mutex) noexcept {
  auto* run = Execution::current();
  if (run == nullptr) return __real_pthread_mutex_lock(mutex);
  run->step();
  run->flush();
  while (pthread_mutex_trylock(mutex) != 0) run->yield();
  return 0;
}

// Each actor is a thread of its own for those who ask.
pthread_t __wrap_pthread_self() noexcept {
  const auto* run = Execution::current();
  return __real_pthread_self() + (run != nullptr ? run->running() + 1U : 0U);
}

int __wrap_sched_yield() noexcept {
  auto* run = Execution::current();
  if (run == nullptr) return __real_sched_yield();
  run->yield();
  return 0;
}

}  // extern "C"
