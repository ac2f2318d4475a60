// SPDX-License-Identifier: BSD-3-Clause
//
// A mechanism is one way to notify another process: its Channel has the code of both ends, its row
// in a table has its name and what is known of it beforehand. A family of mechanisms is a file.
//
// A channel is opened before the receiver's process is forked, so each process inherits the end
// that it uses. One thread per process; the calls on the measured path neither allocate nor report
// why they fail.
#pragma once

#include <sys/types.h>

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string_view>
#include <vector>

#include "vdev/os/result.hpp"

namespace bell::compare {

using bellwire::Result;

/// Where a receiver puts the numbers that notifications carry, if they carry data.
using Numbers = std::span<std::uint64_t>;

/// What one wait returned.
struct Received {
  std::uint64_t count = 0;  ///< notifications; 0: the wait was interrupted
  std::size_t numbers = 0;  ///< of them with a number
};

/// What the kernel needs to take the place of one process; -1 or 0 where the mechanism has none.
struct Ends {
  int sender = -1;           ///< descriptor to send through
  int receiver = -1;         ///< descriptor to receive from
  std::uint32_t port = 0;    ///< of a netlink socket
  std::uint32_t signal = 0;  ///< number of the signal
};

class Channel {
 public:
  virtual ~Channel() = default;

  /// Makes everything that is needed before the first notification.
  [[nodiscard]] virtual Result<void> open() = 0;

  /// Names the receiving process, for mechanisms that address one.
  virtual void set_receiver(pid_t) noexcept {}

  /// For mechanisms whose ends can be handed to the kernel.
  [[nodiscard]] virtual Ends ends() const noexcept { return {}; }

  /// Another job of the lab begins: its counts start from zero.
  virtual void start_job() noexcept {}

  /// Called by the sender. False: there is no room now, try again.
  virtual bool send(std::uint64_t number) noexcept = 0;

  /// Called by the receiver: sleeps until a notification arrives or a signal interrupts it.
  virtual Received wait(Numbers numbers) noexcept = 0;

 protected:
  Channel() = default;
  Channel(const Channel&) = delete;
  Channel& operator=(const Channel&) = delete;
};

/// Write one number to a descriptor, and read as many numbers as one read returns.
bool write_number(int fd, std::uint64_t number) noexcept;
Received read_numbers(int fd, Numbers numbers) noexcept;

/// How a receiver waits, and what may happen to notifications that arrive faster than it takes
/// them.
struct Traits {
  bool spins = false;     ///< it never sleeps, so it needs a CPU of its own
  bool in_call = false;   ///< nobody sleeps: the sender's call runs the receiver's code
  bool may_lose = false;  ///< a full queue drops, or a pending notification absorbs the next

  [[nodiscard]] bool sleeps() const noexcept { return !spins && !in_call; }
};

struct Mechanism {
  std::string_view name;
  std::string_view what;    ///< one line for the page
  std::string_view source;  ///< "FILE:TYPE", whose lines count as what a user must write
  std::unique_ptr<Channel> (*make)();
  Traits traits{};
};

template <class Type>
std::unique_ptr<Channel> make() {
  return std::make_unique<Type>();
}

/// The families, a file each.
std::span<const Mechanism> pipes_and_fifos();
std::span<const Mechanism> message_queues_and_semaphores();
std::span<const Mechanism> shared_memory();
std::span<const Mechanism> sockets();
std::span<const Mechanism> netlink();
std::span<const Mechanism> eventfds();
std::span<const Mechanism> signals();
std::span<const Mechanism> io_uring();

/// All mechanisms that two processes can use between them.
std::vector<Mechanism> user_to_user();

/// The channel of the row with that name; null if there is none.
[[nodiscard]] std::unique_ptr<Channel> make_channel(std::string_view name);

/// Brings up the loopback device, which the guest's init leaves down. Where that is not permitted,
/// opening an AF_INET channel reports an error.
void bring_up_loopback() noexcept;

}  // namespace bell::compare
