// SPDX-License-Identifier: BSD-3-Clause
//
// SharedPage: memory that a process shares with the processes that it forks; it holds one object.
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

}  // namespace bell::compare
