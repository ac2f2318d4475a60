// SPDX-License-Identifier: BSD-3-Clause
//
// EventReference: an eventfd as the kernel references one. The count lives as long as the
// reference, but the reference does not keep the eventfd open: open() says whether any descriptor
// of this process does, as the hang-up event does in the kernel. (A descriptor that only another
// process has is not seen.) All references to one eventfd share one descriptor. Any thread. Source:
// docs/semantics.md, 7, 9, 25, 35.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>

#include "vdev/os/result.hpp"

namespace bellwire::machine {

class EventReference {
 public:
  /// EBADF: not open. EINVAL: not an eventfd. EMFILE, ENFILE; errors of os::prepare_signals().
  [[nodiscard]] static Result<EventReference> create(int fd);

  /// The kernel's number for it, which no other eventfd ever has.
  [[nodiscard]] std::uint64_t id() const noexcept;
  /// Adds one, as the kernel does; a full one stays full. Never sleeps.
  void signal() const noexcept;
  /// One read: all of the count, or 1 of a semaphore's. Empty if it is zero.
  std::optional<std::uint64_t> take() const noexcept;
  [[nodiscard]] bool pending() const noexcept;
  [[nodiscard]] bool open() const;
  [[nodiscard]] int fd() const noexcept;

 private:
  struct Held;
  EventReference(int number, std::shared_ptr<const Held> held) noexcept
      : number_(number), held_(std::move(held)) {}
  int number_;  // the descriptor that it was made from, and the first to try in open()
  std::shared_ptr<const Held> held_;
};

}  // namespace bellwire::machine
