// SPDX-License-Identifier: BSD-3-Clause
//
// The table of mechanisms: a row each, which stands in the file of its family beside its code.
#pragma once

#include <memory>
#include <span>
#include <string_view>
#include <vector>

#include "guest-kmod/bell/compare/channel.hpp"

namespace bell::compare {

/// How a receiver waits, and what may happen to notifications that it is too slow for.
struct Traits {
  bool spins = false;     ///< it never sleeps, so it wants a CPU of its own
  bool in_call = false;   ///< nobody sleeps: the sender's call ends in the receiver's code
  bool may_lose = false;  ///< a full queue drops, or a pending one swallows the next

  [[nodiscard]] bool sleeps() const noexcept { return !spins && !in_call; }
};

struct Mechanism {
  std::string_view name;
  std::string_view what;
  std::string_view source;  ///< "FILE:TYPE", whose lines count as what a user must write
  std::unique_ptr<Channel> (*make)();
  Traits traits{};
};

template <class Type>
std::unique_ptr<Channel> make() {
  return std::make_unique<Type>();
}

/// The families; each has its file.
std::span<const Mechanism> pipes();
std::span<const Mechanism> queues();
std::span<const Mechanism> semaphores();
std::span<const Mechanism> shared_memory();
std::span<const Mechanism> unix_sockets();
std::span<const Mechanism> internet_sockets();
std::span<const Mechanism> netlink();
std::span<const Mechanism> eventfds();
std::span<const Mechanism> signals();
std::span<const Mechanism> io_urings();

/// All that two processes can use between them.
std::vector<Mechanism> user_to_user();

}  // namespace bell::compare
