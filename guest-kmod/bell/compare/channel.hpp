// SPDX-License-Identifier: BSD-3-Clause
//
// Channel: one way to notify, with both of its ends. It is opened before the processes part by
// fork, so each inherits the end that it uses; a mechanism that goes by a name has one.
#pragma once

#include <sys/types.h>

#include <cstddef>
#include <cstdint>
#include <span>

#include "vdev/os/result.hpp"

namespace bell::compare {

using bellwire::Result;

/// Where a receiver puts the numbers that came with the notifications, if they carry data.
using Numbers = std::span<std::uint64_t>;

/// What one wake-up brought: so many notifications, so many of them with a number.
struct Taken {
  std::uint64_t count = 0;
  std::size_t numbers = 0;
};

class Channel {
 public:
  virtual ~Channel() = default;

  /// All that is needed before the first notification.
  [[nodiscard]] virtual Result<void> open() = 0;

  /// For mechanisms that address a process.
  virtual void receiver_is(pid_t) noexcept {}

  /// The sender's. False: there is no room now, try again.
  virtual bool send(std::uint64_t number) noexcept = 0;

  /// The receiver's: sleeps until something came. Nothing taken: it was disturbed.
  virtual Taken wait(Numbers numbers) noexcept = 0;

 protected:
  Channel() = default;
  Channel(const Channel&) = delete;
  Channel& operator=(const Channel&) = delete;
};

/// Sends and takes numbers through a descriptor, as many as one read brings.
bool write_number(int fd, std::uint64_t number) noexcept;
Taken read_numbers(int fd, Numbers numbers) noexcept;

}  // namespace bell::compare
