// SPDX-License-Identifier: BSD-3-Clause
//
// What several processes share: SharedPage, memory that a process shares with the processes that it
// forks; and SystemVObject, a System V message queue or semaphore set. The kernel keeps the latter
// after their last process has ended, so they must be removed however the process ends:
//
//   normally, or after an error       the owner removes it when it is dropped
//   by SIGINT, SIGTERM or SIGHUP      a signal handler removes it
//   by any other signal (SIGKILL)     the IPC namespace ends with its last process; only root can
//                                     create one
//
// For one thread.
#pragma once

#include <sys/mman.h>

#include <cstddef>
#include <new>
#include <utility>

#include "vdev/os/result.hpp"

namespace bell::compare {

template <class Type>
class SharedPage {
 public:
  /// Zeroed, then `extra` bytes more than the object has.
  [[nodiscard]] static bellwire::Result<SharedPage> create(std::size_t extra = 0) {
    const auto size = sizeof(Type) + extra;
    void* memory = ::mmap(nullptr, size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (memory == MAP_FAILED) return bellwire::system_fault("cannot share {} bytes", size);
    return SharedPage(new (memory) Type, size);
  }

  SharedPage() = default;
  SharedPage(SharedPage&& other) noexcept
      : object_(std::exchange(other.object_, nullptr)), size_(other.size_) {}
  SharedPage& operator=(SharedPage&& other) noexcept {
    std::swap(object_, other.object_);
    std::swap(size_, other.size_);
    return *this;
  }
  ~SharedPage() {
    if (object_ != nullptr) ::munmap(object_, size_);
  }

  [[nodiscard]] Type* operator->() const noexcept { return object_; }
  [[nodiscard]] Type& operator*() const noexcept { return *object_; }

 private:
  SharedPage(Type* object, std::size_t size) noexcept : object_(object), size_(size) {}
  Type* object_ = nullptr;
  std::size_t size_ = 0;
};

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
