// SPDX-License-Identifier: BSD-3-Clause
//
// Receiver: the process that waits at a channel's far end, on a CPU of its own if there is one, and
// writes down what came on a board that both processes see. Owned by the sender's process; dropping
// it ends it.
#pragma once

#include <atomic>
#include <cstdint>

#include "guest-kmod/bell/compare/channel.hpp"
#include "guest-kmod/bell/compare/shared_page.hpp"
#include "vdev/os/unique_fd.hpp"

namespace bell::compare {

/// Written by the receiver alone. All counts grow from the start on.
struct Board {
  std::atomic<std::uint64_t> taken;       ///< notifications
  std::atomic<std::uint64_t> waits;       ///< that they came in
  std::atomic<std::uint64_t> numbers;     ///< that they carried
  std::atomic<std::uint64_t> sum;         ///< of these numbers
  std::atomic<std::uint64_t> disordered;  ///< numbers that were not above the last
  std::atomic<std::uint64_t> stamp;       ///< when the last wait ended, CLOCK_MONOTONIC in ns
};

/// CLOCK_MONOTONIC in ns, which all processes and the kernel share.
[[nodiscard]] std::uint64_t now_ns() noexcept;

/// Keeps the calling thread on that CPU.
[[nodiscard]] Result<void> pin(int cpu);

class Receiver {
 public:
  /// Forks it. It has opened nothing: the channel was opened before.
  [[nodiscard]] static Result<Receiver> create(Channel& channel, int cpu);

  Receiver(Receiver&& other) noexcept
      : pid_(std::exchange(other.pid_, -1)),
        board_(std::move(other.board_)),
        stat_(std::move(other.stat_)) {}
  Receiver& operator=(Receiver&&) = delete;
  ~Receiver();

  [[nodiscard]] const Board& board() const noexcept { return *board_; }

  /// Whether it sleeps now.
  [[nodiscard]] bool asleep() const noexcept;

  /// How often it went to sleep so far.
  [[nodiscard]] std::uint64_t sleeps() const;

 private:
  Receiver(pid_t pid, SharedPage<Board> board, bellwire::os::UniqueFd stat) noexcept
      : pid_(pid), board_(std::move(board)), stat_(std::move(stat)) {}
  pid_t pid_;
  SharedPage<Board> board_;
  bellwire::os::UniqueFd stat_;
};

}  // namespace bell::compare
