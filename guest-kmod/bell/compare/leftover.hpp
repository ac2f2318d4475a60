// SPDX-License-Identifier: BSD-3-Clause
//
// Leftover: a System V queue or semaphore set. The kernel keeps those when their last process has
// ended, so that somebody has to remove them, however the process ends:
//
//   in good order, or by an error     their owner, when it is dropped
//   by SIGINT, SIGTERM or SIGHUP      a handler of ours
//   by anything else, as SIGKILL      the IPC namespace, which ends with its last process; only
//                                     root gets one
//
// One thread.
#pragma once

#include <utility>

namespace bell::compare {

/// A namespace of our own, if we may have one. Before any object is made.
void leave_the_shared_ipc() noexcept;
/// Sets up the handler.
void remove_leftovers_at_signals() noexcept;

class Leftover {
 public:
  enum class Kind { queue, semaphores };
  static constexpr std::size_t most = 64;  ///< at a time; more are removed by their owner alone

  Leftover() = default;
  Leftover(Kind kind, int id) noexcept;
  Leftover(Leftover&& other) noexcept
      : kind_(other.kind_), id_(std::exchange(other.id_, -1)), slot_(other.slot_) {}
  Leftover& operator=(Leftover&& other) noexcept {
    std::swap(kind_, other.kind_);
    std::swap(id_, other.id_);
    std::swap(slot_, other.slot_);
    return *this;
  }
  ~Leftover();

  [[nodiscard]] int id() const noexcept { return id_; }

 private:
  Kind kind_ = Kind::queue;
  int id_ = -1;
  std::size_t slot_ = most;
};

}  // namespace bell::compare
