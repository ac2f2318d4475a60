// SPDX-License-Identifier: BSD-3-Clause
//
// SystemVObject: a System V message queue or semaphore set. The kernel keeps those after their last
// process has ended, so they must be removed however the process ends:
//
//   normally, or after an error       the owner removes it when it is dropped
//   by SIGINT, SIGTERM or SIGHUP      a signal handler removes it
//   by any other signal (SIGKILL)     the IPC namespace ends with its last process; only root can
//                                     create one
//
// For one thread.
#pragma once

#include <cstddef>
#include <utility>

namespace bell::compare {

/// Enters an IPC namespace of our own, if that is permitted. To be called before the first object
/// is made.
void enter_own_ipc_namespace() noexcept;
/// Installs the handler for SIGINT, SIGTERM and SIGHUP, except for those that are ignored.
void remove_system_v_objects_at_signals() noexcept;

class SystemVObject {
 public:
  enum class Kind { queue, semaphores };
  static constexpr std::size_t most = 64;  ///< that the handler knows; their owner removes the rest

  SystemVObject() = default;
  SystemVObject(Kind kind, int id) noexcept;
  SystemVObject(SystemVObject&& other) noexcept
      : kind_(other.kind_), id_(std::exchange(other.id_, -1)), slot_(other.slot_) {}
  SystemVObject& operator=(SystemVObject&& other) noexcept {
    std::swap(kind_, other.kind_);
    std::swap(id_, other.id_);
    std::swap(slot_, other.slot_);
    return *this;
  }
  ~SystemVObject();

  [[nodiscard]] int id() const noexcept { return id_; }

 private:
  Kind kind_ = Kind::queue;
  int id_ = -1;
  std::size_t slot_ = most;
};

}  // namespace bell::compare
