// SPDX-License-Identifier: BSD-3-Clause
//
// ClientLink: a client's connection: commands out, replies in, and the device's own requests
// answered in between. Every call waits, but no longer than its patience. One thread.
#pragma once

#include <chrono>
#include <functional>

#include "vdev/transport/vfio_user/client/client_memory.hpp"

namespace bellwire::vfio_user {

class ClientLink {
 public:
  using Clock = std::chrono::steady_clock;

  ClientLink(os::UniqueFd socket, std::chrono::milliseconds patience)
      : socket_(std::move(socket)), patience_(patience) {}

  /// The reply. ETIMEDOUT, ECONNRESET, EPROTO, or what the device refused it with.
  [[nodiscard]] Result<Message> ask(Command command, std::span<const std::byte> payload,
                                    std::vector<int> fds);
  /// The same, without a reply.
  [[nodiscard]] Result<void> tell(Command command, std::span<const std::byte> payload);
  /// Answers the device until `enough` says so. EPROTO: it sent a reply.
  [[nodiscard]] Result<void> serve(const std::function<bool()>& enough);

  [[nodiscard]] ClientMemory& memory() noexcept { return memory_; }

 private:
  Result<void> send(Outgoing message, Clock::time_point end);
  Result<std::optional<Message>> receive(Clock::time_point end,
                                         const std::function<bool()>& enough);
  Result<void> answer(const Message& request, Clock::time_point end);

  os::UniqueFd socket_;
  std::chrono::milliseconds patience_;
  Reader reader_;
  Writer writer_;
  ClientMemory memory_;
  std::uint16_t id_ = 0;
};

}  // namespace bellwire::vfio_user
