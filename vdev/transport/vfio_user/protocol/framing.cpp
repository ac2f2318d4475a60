// SPDX-License-Identifier: BSD-3-Clause
#include "vdev/transport/vfio_user/protocol/framing.hpp"

#include "vdev/os/unix_socket.hpp"

namespace bellwire::vfio_user {
namespace {

Result<void> check(const Header& header) {
  if (header.size < sizeof(Header) || header.size > most_message)
    return fault(std::errc::protocol_error, "a message of {} bytes: they have {} to {}",
                 header.size, sizeof(Header), most_message);
  if ((header.flags & flags::type) > flags::reply)
    return fault(std::errc::protocol_error, "flags {:#x}: neither a request nor a reply",
                 header.flags);
  return {};
}

}  // namespace

Bytes pack(Header header, std::span<const std::byte> payload) {
  Bytes bytes;
  header.size = static_cast<std::uint32_t>(sizeof header + payload.size());
  bytes.reserve(header.size);
  append(bytes, header);
  append(bytes, payload);
  return bytes;
}

// True: it is full.
Result<bool> FrameReader::fill(int socket, std::span<std::byte> bytes, std::size_t& filled) {
  while (filled < bytes.size()) {
    auto parcel = os::receive_parcel(socket, bytes.subspan(filled));
    if (!parcel) return parcel.error();
    if (!*parcel) return false;
    if ((*parcel)->size == 0)
      return fault(std::errc::connection_reset, "the other side closed the connection");
    filled += (*parcel)->size;
    for (auto& fd : (*parcel)->fds) message_.fds.push_back(std::move(fd));
    // Each byte may bring some: more than any message has are no message.
    if (message_.fds.size() > os::most_fds)
      return fault(std::errc::protocol_error, "a message with {} descriptors", message_.fds.size());
  }
  return true;
}

Result<std::optional<Message>> FrameReader::next(int socket) {
  if (header_filled_ < sizeof(Header)) {
    const auto bytes = std::as_writable_bytes(std::span(&message_.header, 1));
    const auto full = fill(socket, bytes, header_filled_);
    if (!full) return full.error();
    if (!*full) return std::nullopt;
    if (auto checked = check(message_.header); !checked) return checked.error();
    message_.payload.resize(message_.header.size - sizeof(Header));
  }
  const auto full = fill(socket, message_.payload, payload_filled_);
  if (!full) return full.error();
  if (!*full) return std::nullopt;
  header_filled_ = payload_filled_ = 0;
  return std::exchange(message_, {});
}

Result<bool> FrameWriter::flush(int socket) {
  while (!waiting_.empty()) {
    const auto& [bytes, fds] = waiting_.front();
    const std::span<const int> with = sent_ == 0 ? std::span(fds) : std::span<const int>();
    const auto sent = os::send_parcel(socket, std::span(bytes).subspan(sent_), with);
    if (!sent) return sent.error();
    if (*sent == 0) return false;
    sent_ += *sent;
    if (sent_ < bytes.size()) continue;
    unsent_ -= bytes.size();
    waiting_.pop_front();
    sent_ = 0;
  }
  return true;
}

}  // namespace bellwire::vfio_user
