// SPDX-License-Identifier: BSD-3-Clause
//
// MemoryGuard: how this process survives that mapped memory goes. A device may be unplugged, and
// whoever has a file's descriptor may make the file shorter unless it is sealed (F_SEAL_SHRINK);
// then whoever touches a mapping of it gets SIGBUS, which ends the process without a word. The
// signal's handler puts zeroed memory of our own in the place of the whole guarded mapping, for
// good, notes the loss, and the touch goes on. A SIGBUS anywhere else, or of another cause, goes
// where it went before: by default it ends the process.
//
// Any thread may touch, guard and drop. The handler takes no lock and allocates nothing.
#pragma once

#include <atomic>
#include <cstddef>
#include <memory>
#include <span>

#include "vdev/os/event_fd.hpp"

namespace bellwire::os {

/// Where losses are noted, for a loop. The mappings of one peer share one.
class MemoryLoss {
 public:
  /// EMFILE, ENFILE, ENOMEM.
  [[nodiscard]] static Result<std::shared_ptr<MemoryLoss>> create();

  [[nodiscard]] bool happened() const noexcept { return happened_.load(std::memory_order_acquire); }
  /// Readable from the first loss on, for a loop to wait on. Not to be read.
  [[nodiscard]] int fd() const noexcept { return event_.fd(); }

  /// For the signal's handler.
  void note() noexcept;

 private:
  explicit MemoryLoss(EventFd event) noexcept : event_(std::move(event)) {}
  EventFd event_;
  std::atomic<bool> happened_ = false;
};

/// While it lives, a mapping is guarded. Its owner looks at lost() where it looks at its peer's
/// other signs, or gives a MemoryLoss and waits for that.
class MemoryGuard {
 public:
  /// `memory` is all of a mapping, in whole pages of its own page size, stays mapped until the
  /// guard is dropped, and is guarded once. ENOMEM; what sigaction() says.
  [[nodiscard]] static Result<MemoryGuard> create(std::span<std::byte> memory,
                                                  std::shared_ptr<MemoryLoss> loss = nullptr);

  MemoryGuard(MemoryGuard&& other) noexcept;
  MemoryGuard& operator=(MemoryGuard&&) = delete;
  ~MemoryGuard();

  /// Whether the memory has gone, and somebody touched it since.
  [[nodiscard]] bool lost() const noexcept;

 private:
  struct Range;
  friend struct GuardedRanges;
  MemoryGuard(Range& range, std::shared_ptr<MemoryLoss> loss) noexcept;
  std::shared_ptr<MemoryLoss> loss_;
  Range* range_;
};

}  // namespace bellwire::os
