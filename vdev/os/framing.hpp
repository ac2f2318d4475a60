// SPDX-License-Identifier: BSD-3-Clause
//
// Framing: messages with descriptors on a unix stream socket, each a header that says how long the
// payload behind it is. vfio-user and vhost-user are such protocols. A message's descriptors arrive
// with its first byte, so a read never goes beyond the current message. One thread.
#pragma once

#include <concepts>
#include <cstddef>
#include <cstring>
#include <deque>
#include <optional>
#include <span>
#include <type_traits>
#include <utility>
#include <vector>

#include "vdev/os/fd.hpp"
#include "vdev/os/result.hpp"

namespace bellwire::os {

using Bytes = std::vector<std::byte>;

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

/// Receives until `filled` is all of `bytes`. False: no more is there yet. ECONNRESET: the other
/// side closed. EPROTO: more descriptors came than any message has.
[[nodiscard]] Result<bool> receive_into(int socket, std::span<std::byte> bytes, std::size_t& filled,
                                        std::vector<UniqueFd>& fds);

/// Reads messages of one protocol: `Message` has a `header`, a `payload` of Bytes and `fds`;
/// `payload_size` checks a header and returns the size of the payload behind it.
template <class Message, auto payload_size>
class FrameReader {
 public:
  /// Empty: no whole message is there yet. ECONNRESET: the other side closed. EPROTO: what arrived
  /// is not a message, so the start of the next one is unknown.
  [[nodiscard]] Result<std::optional<Message>> next(int socket) {
    if (header_filled_ < sizeof message_.header) {
      const auto bytes = std::as_writable_bytes(std::span(&message_.header, 1));
      const auto full = receive_into(socket, bytes, header_filled_, message_.fds);
      if (!full) return full.error();
      if (!*full) return std::nullopt;
      const Result<std::size_t> size = payload_size(message_.header);
      if (!size) return size.error();
      message_.payload.resize(*size);
    }
    const auto full = receive_into(socket, message_.payload, payload_filled_, message_.fds);
    if (!full) return full.error();
    if (!*full) return std::nullopt;
    header_filled_ = payload_filled_ = 0;
    return std::exchange(message_, {});
  }

  /// Whether a part of the next message is there.
  [[nodiscard]] bool began() const noexcept { return header_filled_ > 0; }

 private:
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

}  // namespace bellwire::os
