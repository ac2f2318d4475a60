// SPDX-License-Identifier: BSD-3-Clause
#include "vdev/os/memory_guard.hpp"

#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <csignal>
#include <cstdint>
#include <mutex>
#include <utility>

namespace bellwire::os {

// `begin` 0: free. A range is written while it is free, and taken or freed by `begin` alone; so the
// handler sees a whole one. It looks for ranges that are in use by the very code that it
// interrupted, and those don't change meanwhile.
struct MemoryGuard::Range {
  std::atomic<std::uintptr_t> begin = 0;
  std::atomic<std::uintptr_t> end = 0;
  std::atomic<MemoryLoss*> loss = nullptr;
  std::atomic<bool> lost = false;
};

// Blocks of them, which are never freed.
struct GuardedRanges {
  using Range = MemoryGuard::Range;
  struct Block {
    std::array<Range, 64> ranges;
    std::atomic<Block*> next = nullptr;
  };

  Range& take() {
    for (Block* block = &first;; block = block->next.load(std::memory_order_acquire)) {
      for (auto& range : block->ranges)
        if (range.begin.load(std::memory_order_relaxed) == 0) return range;
      if (block->next.load(std::memory_order_relaxed) == nullptr)
        block->next.store(new Block, std::memory_order_release);
    }
  }

  Range* find(std::uintptr_t address) noexcept {
    for (Block* block = &first; block != nullptr;
         block = block->next.load(std::memory_order_acquire))
      for (auto& range : block->ranges) {
        const auto begin = range.begin.load(std::memory_order_acquire);
        if (begin == 0 || address < begin) continue;
        if (address < range.end.load(std::memory_order_relaxed) &&
            range.begin.load(std::memory_order_acquire) == begin)
          return &range;
      }
    return nullptr;
  }

  std::mutex changes;
  Block first;
};

namespace {

GuardedRanges ranges;
struct sigaction before {};

// System calls as such: a sanitizer's or a library's own mmap() may not be called here.
bool replace(std::uintptr_t begin, std::size_t size) noexcept {
  const auto got = ::syscall(SYS_mmap, begin, size, PROT_READ | PROT_WRITE,
                             MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED | MAP_NORESERVE, -1, 0);
  return static_cast<std::uintptr_t>(got) == begin;
}

bool survive(const siginfo_t& info) noexcept {
  if (info.si_code != BUS_ADRERR) return false;  // sent by somebody, or broken hardware
  auto* const range = ranges.find(reinterpret_cast<std::uintptr_t>(info.si_addr));
  if (range == nullptr) return false;
  const auto begin = range->begin.load(std::memory_order_relaxed);
  if (!replace(begin, range->end.load(std::memory_order_relaxed) - begin)) return false;
  range->lost.store(true, std::memory_order_release);
  if (auto* const loss = range->loss.load(std::memory_order_relaxed)) loss->note();
  return true;
}

// As if this handler weren't there. With the default action the touch is tried again when the
// handler returns, and ends the process; a signal that was sent is sent again.
void pass_on(int number, siginfo_t* info, void* context) noexcept {
  if ((before.sa_flags & SA_SIGINFO) != 0) return before.sa_sigaction(number, info, context);
  if (before.sa_handler != SIG_DFL && before.sa_handler != SIG_IGN)
    return before.sa_handler(number);
  ::sigaction(number, &before, nullptr);
  if (info->si_code <= 0) ::raise(number);
}

void on_bus_error(int number, siginfo_t* info, void* context) noexcept {
  const int error = errno;
  if (!survive(*info)) pass_on(number, info, context);
  errno = error;
}

bool install_handler() noexcept {
  struct sigaction action {};
  action.sa_sigaction = on_bus_error;
  action.sa_flags = SA_SIGINFO | SA_ONSTACK | SA_RESTART;
  ::sigemptyset(&action.sa_mask);
  return ::sigaction(SIGBUS, &action, &before) == 0;
}

}  // namespace

Result<std::shared_ptr<MemoryLoss>> MemoryLoss::create() {
  auto event = EventFd::create();
  if (!event) return event.error();
  return std::shared_ptr<MemoryLoss>(new MemoryLoss(std::move(*event)));
}

void MemoryLoss::note() noexcept {
  if (happened_.exchange(true, std::memory_order_acq_rel)) return;
  const std::uint64_t one = 1;
  static_cast<void>(::write(event_.fd(), &one, sizeof one) == sizeof one);
}

MemoryGuard::MemoryGuard(Range& range, std::shared_ptr<MemoryLoss> loss) noexcept
    : loss_(std::move(loss)), range_(&range) {}

MemoryGuard::MemoryGuard(MemoryGuard&& other) noexcept
    : loss_(std::move(other.loss_)), range_(std::exchange(other.range_, nullptr)) {}

Result<MemoryGuard> MemoryGuard::create(std::span<std::byte> memory,
                                        std::shared_ptr<MemoryLoss> loss) {
  static const bool installed = install_handler();
  if (!installed) return system_fault("cannot handle SIGBUS");
  const std::lock_guard lock(ranges.changes);
  Range& range = ranges.take();
  const auto begin = reinterpret_cast<std::uintptr_t>(memory.data());
  range.end.store(begin + memory.size(), std::memory_order_relaxed);
  range.loss.store(loss.get(), std::memory_order_relaxed);
  range.lost.store(false, std::memory_order_relaxed);
  range.begin.store(begin, std::memory_order_release);
  return MemoryGuard(range, std::move(loss));
}

MemoryGuard::~MemoryGuard() {
  if (range_ == nullptr) return;
  const std::lock_guard lock(ranges.changes);
  range_->begin.store(0, std::memory_order_release);
}

bool MemoryGuard::lost() const noexcept {
  return range_ != nullptr && range_->lost.load(std::memory_order_acquire);
}

}  // namespace bellwire::os
