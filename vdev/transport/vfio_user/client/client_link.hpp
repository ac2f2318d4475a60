// SPDX-License-Identifier: BSD-3-Clause
//
// A client's connection: messages both ways, and the memory that the device reaches by them. One
// thread.
#pragma once

#include <chrono>
#include <functional>
#include <map>

#include "vdev/transport/vfio_user/protocol/framing.hpp"

namespace bellwire::vfio_user {

/// The memory of a client that is not shared: answers the device's DMA_READ and DMA_WRITE.
class ClientMemory {
 public:
  /// The caller owns the bytes and keeps them until remove().
  void add(std::uint64_t address, std::span<std::byte> bytes) { pieces_[address] = bytes; }
  void remove(std::uint64_t address) { pieces_.erase(address); }

  /// The reply to a request of the device. EFAULT: no such memory. EINVAL: malformed, or not DMA.
  [[nodiscard]] Result<Bytes> answer(const Message& request);
  /// Bytes transferred so far, in both directions.
  [[nodiscard]] std::uint64_t served() const noexcept { return served_; }

 private:
  [[nodiscard]] std::span<std::byte> find(const DmaAccess& access) const noexcept;

  std::map<std::uint64_t, std::span<std::byte>> pieces_;
  std::uint64_t served_ = 0;
};

/// A client's connection: sends commands, receives replies, and answers the device's own requests
/// meanwhile. Every call waits, but no longer than the patience.
class ClientLink {
 public:
  using Clock = std::chrono::steady_clock;

  ClientLink(os::UniqueFd socket, std::chrono::milliseconds patience)
      : socket_(std::move(socket)), patience_(patience) {}

  /// Returns the reply. ETIMEDOUT, ECONNRESET, EPROTO, or the error of the device's reply.
  [[nodiscard]] Result<Message> ask(Command command, std::span<const std::byte> payload,
                                    std::vector<int> fds);
  /// Sends a command that has no reply.
  [[nodiscard]] Result<void> notify(Command command, std::span<const std::byte> payload);
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
  FrameReader reader_;
  FrameWriter writer_;
  ClientMemory memory_;
  std::uint16_t id_ = 0;
};

}  // namespace bellwire::vfio_user
