// SPDX-License-Identifier: BSD-3-Clause
#include "vdev/transport/ivshmem/protocol.hpp"

#include <boost/endian/conversion.hpp>
#include <cstring>
#include <span>

#include "vdev/os/unix_socket.hpp"

namespace bellwire::ivshmem {

Result<bool> send(int socket, std::int64_t value, int fd) {
  const auto wire = boost::endian::native_to_little(value);
  return os::send_message(socket, std::as_bytes(std::span(&wire, 1)), fd);
}

Result<std::optional<Message>> MessageReader::next(int socket) {
  while (filled_ < bytes_.size()) {
    auto received = os::receive_message(socket, std::span(bytes_).subspan(filled_));
    if (!received) return received.error();
    if (!*received) return std::nullopt;
    if ((*received)->size == 0)
      return fault(std::errc::connection_reset, "the other side closed the connection");
    filled_ += (*received)->size;
    if ((*received)->fd.valid()) fd_ = std::move((*received)->fd);
  }
  filled_ = 0;
  std::int64_t wire = 0;
  std::memcpy(&wire, bytes_.data(), sizeof wire);
  return Message{boost::endian::little_to_native(wire), std::move(fd_)};
}

namespace {

// A server that never stops sending descriptors must not eat all of ours.
constexpr std::size_t most_vectors = 8192;

template <class... Args>
Error protocol_fault(fmt::format_string<Args...> format, Args&&... args) {
  return fault(std::errc::protocol_error, format, std::forward<Args>(args)...);
}

}  // namespace

Result<PeerState::Change> PeerState::take(Message message) {
  if (!versioned_) return take_version(message);
  if (!own_id_) return take_own_id(message);
  if (message.value == memory_marker) return take_memory(std::move(message));
  if (message.value < 0 || message.value > largest_id)
    return protocol_fault("the server sent {}, which is not a peer's ID", message.value);
  if (message.fd.valid()) return take_vector(std::move(message));
  return take_disconnect(static_cast<Id>(message.value));
}

const char* PeerState::missing() const noexcept {
  if (!versioned_) return "the protocol version";
  if (!own_id_) return "an ID";
  if (!memory_.valid()) return "the shared memory";
  return "vectors";
}

Result<PeerState::Change> PeerState::take_version(const Message& message) {
  if (message.fd.valid()) return protocol_fault("the version came with a descriptor");
  if (message.value != protocol_version)
    return protocol_fault("the server speaks version {}, this program {}", message.value,
                          protocol_version);
  versioned_ = true;
  return Change{};
}

Result<PeerState::Change> PeerState::take_own_id(const Message& message) {
  if (message.fd.valid()) return protocol_fault("our ID came with a descriptor");
  if (message.value < 0 || message.value > largest_id)
    return protocol_fault("the server gave us the ID {}", message.value);
  own_id_ = static_cast<Id>(message.value);
  return Change{};
}

Result<PeerState::Change> PeerState::take_memory(Message message) {
  if (!message.fd.valid()) return protocol_fault("the shared memory came without a descriptor");
  if (memory_.valid()) return protocol_fault("the shared memory came twice");
  memory_ = std::move(message.fd);
  return Change{Change::Kind::memory, *own_id_};
}

Result<PeerState::Change> PeerState::take_vector(Message message) {
  const auto id = static_cast<Id>(message.value);
  if (++vectors_ > most_vectors)
    return protocol_fault("the server sent more than {} vectors", most_vectors);
  auto event = os::EventFd::adopt(std::move(message.fd));
  if (!event) return protocol_fault("a vector of peer {}: {}", id, event.error().message);
  const bool own = id == *own_id_;
  (own ? own_vectors_ : peers_[id]).push_back(std::move(*event));
  return Change{own ? Change::Kind::own_vector : Change::Kind::peer_vector, id};
}

Result<PeerState::Change> PeerState::take_disconnect(Id id) {
  const auto peer = peers_.find(id);
  if (peer == peers_.end())
    return protocol_fault("the server reports that peer {} left, which had never joined", id);
  vectors_ -= peer->second.size();
  peers_.erase(peer);
  return Change{Change::Kind::peer_left, id};
}

}  // namespace bellwire::ivshmem
