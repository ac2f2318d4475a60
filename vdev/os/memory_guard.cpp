// SPDX-License-Identifier: BSD-3-Clause
#include "vdev/os/memory_guard.hpp"

#include <sys/mman.h>

#include <array>
#include <atomic>
#include <csignal>
#include <cstdint>

namespace bellwire::os {
namespace {

// `begin` is written last, and is 0 while the place is free or being filled.
struct Place {
  std::atomic<bool> taken = false;
  std::atomic<bool> lost = false;
  std::atomic<std::size_t> size = 0;
  std::atomic<std::uintptr_t> begin = 0;

  [[nodiscard]] bool has(std::uintptr_t address) const noexcept {
    const auto first = begin.load(std::memory_order_acquire);
    return first != 0 && address >= first && address - first < size.load();
  }
};
static_assert(std::atomic<std::uintptr_t>::is_always_lock_free, "the signal handler uses it");

std::array<Place, MemoryGuard::most> places;  // NOLINT: the handler has no other way to them
struct sigaction before;                      // NOLINT: likewise

// Zeroes in the place of what has gone. mmap() is a plain system call.
bool replace(Place& place) noexcept {
  auto* const address = reinterpret_cast<void*>(place.begin.load());  // NOLINT: it is one
  place.lost.store(true);
  return ::mmap(address, place.size.load(), PROT_READ | PROT_WRITE,
                MAP_FIXED | MAP_PRIVATE | MAP_ANONYMOUS, -1, 0) == address;
}

void on_bus_error(int, siginfo_t* info, void*) {
  const auto address = reinterpret_cast<std::uintptr_t>(info->si_addr);
  for (auto& place : places)
    if (place.has(address) && replace(place)) return;
  ::sigaction(SIGBUS, &before, nullptr);  // the touch happens again, and is no longer ours
}

bool install() noexcept {
  struct sigaction action {};
  action.sa_sigaction = on_bus_error;
  action.sa_flags = SA_SIGINFO;
  return ::sigaction(SIGBUS, &action, &before) == 0;
}

}  // namespace

Result<MemoryGuard> MemoryGuard::create(std::span<std::byte> memory) {
  static const bool installed = install();
  if (!installed) return system_fault("cannot handle SIGBUS");
  for (std::size_t slot = 0; slot < places.size(); ++slot) {
    auto& place = places[slot];
    if (place.taken.exchange(true)) continue;
    place.lost.store(false);
    place.size.store(memory.size());
    place.begin.store(reinterpret_cast<std::uintptr_t>(memory.data()), std::memory_order_release);
    return MemoryGuard(slot);
  }
  return fault(std::errc::too_many_files_open_in_system,
               "{} memories are guarded already, which is the most", most);
}

MemoryGuard::~MemoryGuard() {
  if (slot_ == most) return;
  places[slot_].begin.store(0);
  places[slot_].taken.store(false, std::memory_order_release);
}

bool MemoryGuard::lost() const noexcept {
  return slot_ != most && places[slot_].lost.load();
}

}  // namespace bellwire::os
