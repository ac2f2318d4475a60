// SPDX-License-Identifier: BSD-3-Clause
//
// Framing: reads messages from a stream and writes them to it. A message's descriptors arrive with
// its first byte, so a read never goes beyond the current message. One thread.
#pragma once

#include <concepts>
#include <cstring>
#include <deque>
#include <optional>
#include <span>
#include <vector>

#include "vdev/os/fd.hpp"
#include "vdev/os/result.hpp"
#include "vdev/transport/vfio_user/protocol/protocol.hpp"

namespace bellwire::vfio_user {

using Bytes = std::vector<std::byte>;

struct Message {
  Header header{};
  Bytes payload;
  std::vector<os::UniqueFd> fds;

  [[nodiscard]] bool reply() const noexcept { return (header.flags & flags::type) == flags::reply; }
};

/// The header of a command.
[[nodiscard]] constexpr Header command_header(Command command, std::uint16_t id,
                                              std::uint32_t with = 0) noexcept {
  return {id, static_cast<std::uint16_t>(command), 0, with, 0};
}

/// A message to be sent. The owner of the descriptors keeps them open until then.
struct Outgoing {
  Bytes bytes;
  std::vector<int> fds;
};

/// The first bytes as a T. Empty: there are too few.
template <class T>
[[nodiscard]] std::optional<T> head(std::span<const std::byte> bytes) noexcept {
  if (bytes.size() < sizeof(T)) return std::nullopt;
  T value;
  std::memcpy(&value, bytes.data(), sizeof value);
  return value;
}

inline void append(Bytes& bytes, std::span<const std::byte> more) {
  bytes.insert(bytes.end(), more.begin(), more.end());
}

template <class T>
requires(std::is_trivially_copyable_v<T> &&
         !std::convertible_to<T, std::span<const std::byte>>) void append(Bytes& bytes,
                                                                          const T& value) {
  append(bytes, std::as_bytes(std::span(&value, 1)));
}

/// A whole message, with the header's size filled in.
[[nodiscard]] Bytes pack(Header header, std::span<const std::byte> payload);

class FrameReader {
 public:
  /// Empty: no whole message is there yet. ECONNRESET: the other side closed. EPROTO: what arrived
  /// is not a message, so the start of the next one is unknown.
  [[nodiscard]] Result<std::optional<Message>> next(int socket);

  /// Whether a part of the next message is there.
  [[nodiscard]] bool began() const noexcept { return header_filled_ > 0; }

 private:
  Result<bool> fill(int socket, std::span<std::byte> bytes, std::size_t& filled);

  Message message_;
  std::size_t header_filled_ = 0;
  std::size_t payload_filled_ = 0;
};

class FrameWriter {
 public:
  void push(Outgoing message) {
    unsent_ += message.bytes.size();
    waiting_.push_back(std::move(message));
  }
  [[nodiscard]] bool empty() const noexcept { return waiting_.empty(); }
  /// The total size of the messages that are not completely sent.
  [[nodiscard]] std::size_t unsent() const noexcept { return unsent_; }

  /// Sends as much as fits, with one system call per message: QEMU expects a header in one piece.
  /// True: nothing is left.
  [[nodiscard]] Result<bool> flush(int socket);

 private:
  std::deque<Outgoing> waiting_;
  std::size_t unsent_ = 0;
  std::size_t sent_ = 0;  // bytes of the first
};

}  // namespace bellwire::vfio_user
