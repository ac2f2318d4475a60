// SPDX-License-Identifier: BSD-3-Clause
//
// Receiver: the process that waits at a channel's far end, on a CPU of its own if there is one, and
// writes down what came on a board that both processes see. Owned by the sender's process; dropping
// it ends it.
#pragma once

#include <atomic>

#include "guest-kmod/bell/compare/process.hpp"
#include "guest-kmod/bell/compare/shared_page.hpp"
#include "guest-kmod/bell/compare/tally.hpp"

namespace bell::compare {

/// The most numbers that one wait may bring.
inline constexpr std::size_t most_at_once = 64;

/// Written by the receiver alone; `taken` last, so that who sees it sees the rest.
struct Board {
  Tally tally;
  std::atomic<std::uint64_t> stamp;  ///< when the last wait ended, as now_ns() has it
  std::atomic<std::uint64_t> taken;
};

class Receiver {
 public:
  /// Forks it. It has opened nothing: the channel was opened before.
  [[nodiscard]] static Result<Receiver> create(Channel& channel, int cpu);

  Receiver(Receiver&& other) noexcept
      : pid_(std::exchange(other.pid_, -1)),
        board_(std::move(other.board_)),
        process_(std::move(other.process_)) {}
  Receiver& operator=(Receiver&&) = delete;
  ~Receiver();

  [[nodiscard]] std::uint64_t taken() const noexcept {
    return board_->taken.load(std::memory_order_acquire);
  }
  [[nodiscard]] std::uint64_t stamp() const noexcept { return board_->stamp.load(); }
  [[nodiscard]] const Tally& tally() const noexcept { return board_->tally; }
  [[nodiscard]] const Watched& process() const noexcept { return process_; }

 private:
  Receiver(pid_t pid, SharedPage<Board> board, Watched process) noexcept
      : pid_(pid), board_(std::move(board)), process_(std::move(process)) {}
  pid_t pid_;
  SharedPage<Board> board_;
  Watched process_;
};

}  // namespace bell::compare
