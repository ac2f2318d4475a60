// SPDX-License-Identifier: BSD-3-Clause
//
// PeerState: what a peer knows from the server's messages so far. It does no input or output, so a
// test can tell it anything. The server may be hostile: what makes no sense is an error, after
// which the connection is of no use, while the wires that are known stay.
#pragma once

#include <map>
#include <optional>
#include <vector>

#include "vdev/os/event_fd.hpp"
#include "vdev/transport/ivshmem/protocol.hpp"

namespace bellwire::ivshmem {

class PeerState {
 public:
  struct Change {
    enum class Kind { none, memory, own_vector, peer_vector, peer_left } kind = Kind::none;
    Id id = 0;
  };

  /// EPROTO: the message cannot stand here; the error says why.
  [[nodiscard]] Result<Change> take(Message message);

  [[nodiscard]] std::optional<Id> own_id() const noexcept { return own_id_; }
  [[nodiscard]] const os::UniqueFd& memory() const noexcept { return memory_; }
  [[nodiscard]] std::vector<os::EventFd>& own_vectors() noexcept { return own_vectors_; }
  [[nodiscard]] const std::map<Id, std::vector<os::EventFd>>& peers() const noexcept {
    return peers_;
  }

  /// The first thing that a handshake still misses, in words.
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
