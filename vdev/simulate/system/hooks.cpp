// SPDX-License-Identifier: BSD-3-Clause
//
// What the linker puts in the place of the system's functions (--wrap): the clock, locks, threads.
// Without a world they are the system's.
#include <pthread.h>

#include "vdev/simulate/world.hpp"

using bellwire::simulate::Process;
using bellwire::simulate::Time;
using bellwire::simulate::World;

// std::chrono::steady_clock::now(), as the ABI names it.
Time real_now() noexcept asm("__real__ZNSt6chrono3_V212steady_clock3nowEv");
Time wrapped_now() noexcept asm("__wrap__ZNSt6chrono3_V212steady_clock3nowEv");

Time wrapped_now() noexcept {
  auto* const world = World::current();
  return world != nullptr ? world->look_at_clock() : real_now();
}

namespace {

const Process* running() noexcept {
  const auto* const world = World::current();
  return world != nullptr ? world->running() : nullptr;
}

}  // namespace

extern "C" {

int __real_pthread_mutex_lock(pthread_mutex_t* mutex) noexcept;
int __wrap_pthread_mutex_lock(pthread_mutex_t* mutex) noexcept {
  if (running() == nullptr) return __real_pthread_mutex_lock(mutex);
  while (pthread_mutex_trylock(mutex) != 0) World::current()->yield();
  return 0;
}

int __real_sched_yield() noexcept;
int __wrap_sched_yield() noexcept {
  if (running() == nullptr) return __real_sched_yield();
  World::current()->yield();
  return 0;
}

// Each process is a thread of its own for those who ask.
pthread_t __real_pthread_self() noexcept;
pthread_t __wrap_pthread_self() noexcept {
  const auto* const process = running();
  return __real_pthread_self() + (process != nullptr ? process->number() + 1U : 0U);
}

}  // extern "C"
