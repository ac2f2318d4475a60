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

/// What the kernel needs to take the place of one process: 0 and -1 where there is no such thing.
struct Ends {
  int sender = -1;  ///< descriptor to send by
  int receiver = -1;
  std::uint32_t port = 0;  ///< of a netlink socket
  std::uint32_t signal = 0;
};

class Channel {
 public:
  virtual ~Channel() = default;

  /// All that is needed before the first notification.
  [[nodiscard]] virtual Result<void> open() = 0;

  /// For mechanisms that address a process.
  virtual void receiver_is(pid_t) noexcept {}

  /// For mechanisms whose ends can be handed down to the kernel.
  [[nodiscard]] virtual Ends ends() const noexcept { return {}; }

  /// Another job of the lab begins, and counts from zero.
  virtual void job_begins() noexcept {}

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
