// SPDX-License-Identifier: BSD-3-Clause
//
// Shared memory alone: a count in a page. The receiver either looks at it all the time, or sleeps
// on it by futex.
#include <linux/futex.h>
#include <sched.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <atomic>

#include "guest-kmod/bell/compare/mechanisms/ipc_objects.hpp"
#include "guest-kmod/bell/compare/mechanisms/mechanism.hpp"

namespace bell::compare {
namespace {

using Count = std::atomic<std::uint32_t>;

class SpinPage final : public Channel {
 public:
  Result<void> open() override {
    auto page = SharedPage<Count>::create();
    if (!page) return page.error();
    count_ = std::move(*page);
    return {};
  }
  bool send(std::uint64_t) noexcept override {
    count_->fetch_add(1, std::memory_order_release);
    return true;
  }
  Received wait(Numbers) noexcept override {
    constexpr unsigned patience = 1000;  // then the sender may need this CPU
    std::uint32_t now = seen_;
    for (unsigned looks = 1; now == seen_; ++looks) {
      if (looks % patience == 0) ::sched_yield();
      now = count_->load(std::memory_order_acquire);
    }
    return {now - std::exchange(seen_, now), 0};
  }

 private:
  SharedPage<Count> count_;
  std::uint32_t seen_ = 0;
};

class FutexPage final : public Channel {
 public:
  Result<void> open() override {
    auto page = SharedPage<Count>::create();
    if (!page) return page.error();
    count_ = std::move(*page);
    return {};
  }
  bool send(std::uint64_t) noexcept override {
    count_->fetch_add(1, std::memory_order_release);
    ::syscall(SYS_futex, &*count_, FUTEX_WAKE, 1, nullptr, nullptr, 0);
    return true;
  }
  Received wait(Numbers) noexcept override {
    if (count_->load(std::memory_order_acquire) == seen_)
      ::syscall(SYS_futex, &*count_, FUTEX_WAIT, seen_, nullptr, nullptr, 0);
    const auto now = count_->load(std::memory_order_acquire);
    return {now - std::exchange(seen_, now), 0};
  }

 private:
  SharedPage<Count> count_;
  std::uint32_t seen_ = 0;
};

constexpr Mechanism shared_memory_rows[] = {
    {"shared memory, spin",
     "a count that the receiver looks at all the time",
     "shared_memory.cpp:SpinPage",
     make<SpinPage>,
     {.spins = true}},
    {"shared memory, futex", "a count that the receiver sleeps on", "shared_memory.cpp:FutexPage",
     make<FutexPage>},
};

}  // namespace

std::span<const Mechanism> shared_memory() {
  return shared_memory_rows;
}

}  // namespace bell::compare
