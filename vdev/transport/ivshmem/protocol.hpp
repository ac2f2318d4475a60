// SPDX-License-Identifier: BSD-3-Clause
//
// The ivshmem protocol as a client of the server sees it: its messages, and PeerState, which is the
// client's knowledge from them. One thread at a time. Source: QEMU, docs/specs/ivshmem-spec.rst;
// docs/semantics.md, 41 to 46.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <vector>

#include "vdev/os/event_fd.hpp"
#include "vdev/os/fd.hpp"
#include "vdev/os/result.hpp"

namespace bellwire::ivshmem {

// A message is 8 bytes, little endian, signed, with at most one descriptor.
using Id = std::uint16_t;

constexpr std::int64_t protocol_version = 0;
constexpr std::int64_t memory_marker = -1;
constexpr std::int64_t largest_id = 65535;

struct Message {
  std::int64_t value = 0;
  os::UniqueFd fd;
};

/// `fd` -1: none. False: the socket is full, nothing was sent.
[[nodiscard]] Result<bool> send(int socket, std::int64_t value, int fd = -1);

/// Assembles messages from a stream that may be cut anywhere.
class MessageReader {
 public:
  /// Empty: no whole message is there yet. ECONNRESET: the other side closed.
  [[nodiscard]] Result<std::optional<Message>> next(int socket);

 private:
  std::array<std::byte, sizeof(std::int64_t)> bytes_{};
  std::size_t filled_ = 0;
  os::UniqueFd fd_;
};

/// What a client knows from the server's messages so far. It does no input or output. The server
/// may be hostile: a message that makes no sense is an error, after which the connection is
/// unusable; the wires that are known stay.
class PeerState {
 public:
  struct Change {
    enum class Kind { none, memory, own_vector, peer_vector, peer_left } kind = Kind::none;
    Id id = 0;
  };

  /// EPROTO: the message is not allowed at this point; the error says why.
  [[nodiscard]] Result<Change> take(Message message);

  [[nodiscard]] std::optional<Id> own_id() const noexcept { return own_id_; }
  [[nodiscard]] const os::UniqueFd& memory() const noexcept { return memory_; }
  [[nodiscard]] std::vector<os::EventFd>& own_vectors() noexcept { return own_vectors_; }
  [[nodiscard]] const std::map<Id, std::vector<os::EventFd>>& peers() const noexcept {
    return peers_;
  }

  /// The first thing that the handshake still lacks, as text.
  [[nodiscard]] const char* missing() const noexcept;

 private:
  Result<Change> take_version(const Message& message);
  Result<Change> take_own_id(const Message& message);
  Result<Change> take_memory(Message message);
  Result<Change> take_vector(Message message);
  Result<Change> take_disconnect(Id id);

  bool versioned_ = false;
  std::optional<Id> own_id_;
  os::UniqueFd memory_;
  std::vector<os::EventFd> own_vectors_;
  std::map<Id, std::vector<os::EventFd>> peers_;
  std::size_t vectors_ = 0;  // of all peers, ours included
};

}  // namespace bellwire::ivshmem
