// SPDX-License-Identifier: BSD-3-Clause
//
// EventFile: an eventfd as its users see it: the kernel's own, or a model of one. Non-blocking.
// One thread at a time. Source: docs/semantics.md, 1 to 11.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>

namespace bellwire::rules {

class EventFile {
 public:
  virtual ~EventFile() = default;

  struct Read {
    int error;  ///< 0 or errno
    std::uint64_t count;
  };
  virtual Read read(std::size_t size) = 0;
  /// Returns 0 or errno. With a size above 8, zeroes follow the value.
  virtual int write(std::uint64_t value, std::size_t size) = 0;
  int write(std::uint64_t value) { return write(value, sizeof value); }

  struct Poll {
    bool in, out, error;
  };
  virtual Poll poll() = 0;
  /// Whether an edge-triggered epoll waiter was woken since the last call.
  virtual bool woke() = 0;
  /// The count as /proc/self/fdinfo shows it.
  virtual std::string fdinfo_count() = 0;
};

using EventFileFactory = std::function<std::unique_ptr<EventFile>(bool semaphore)>;

std::unique_ptr<EventFile> make_kernel_event_file(bool semaphore);
std::unique_ptr<EventFile> make_model_event_file(bool semaphore);

}  // namespace bellwire::rules
